"""Pages, uploads and downloads, and the checks in front of them."""
