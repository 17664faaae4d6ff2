"""The tiny guest: a Linux that boots under software emulation in seconds, from 20 MB, in 96 MiB of memory.

`files/` is what runs in the guest; the modules make a bootable qcow2 of it. docs/lab.md says what the guest can do.
"""
