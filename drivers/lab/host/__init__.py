"""One lab host: what it is configured with, how it boots, what runs as its process 1."""
