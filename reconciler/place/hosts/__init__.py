"""What hosts are fit for: their states, what each can do and has, and whether a cluster's hosts are alike. Pure."""
