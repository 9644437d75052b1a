"""Who a visitor is: which of their credentials count, and who vouches for them."""
