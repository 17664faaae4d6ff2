"""What a NIC's `network` names: a Network, or something of the host. Pure; asked where networks are looked up."""

from __future__ import annotations


def is_network(value: object) -> bool:
    """False for `bridge:br0`, `direct:eth0`, `vdpa:/dev/…` and `user`, which are no Network."""
    return isinstance(value, str) and bool(value) and value != "user" and ":" not in value
