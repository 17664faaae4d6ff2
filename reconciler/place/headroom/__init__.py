"""What is left: how many more VMs fit, and whether the loss of a host could be borne. Pure."""
