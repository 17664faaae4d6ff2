"""Other tools that keep libvirt VMs as declared, measured on the same host: `measure.peers` is the face."""
