"""A whole simulated datacenter that keeps the contract of drivers/base.py: see `world.World`."""
