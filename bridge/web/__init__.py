"""Pages, uploads and downloads, and what stands in front of them."""
