"""Moves of VMs between libvirt hosts: running ones by live migration, definitions of those that are off."""
