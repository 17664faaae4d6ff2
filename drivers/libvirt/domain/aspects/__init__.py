"""One module per device or aspect of a VM: how it is read, written, and changed while the VM runs."""
