"""The service `webhook`: other programs hear by signed HTTP what is said, and answer the same way."""
