"""Moves of VMs that exist: who wishes them, where to, and what stands against them. Pure."""
