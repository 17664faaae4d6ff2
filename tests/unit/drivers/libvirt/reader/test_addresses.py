"""Addresses as libvirt's three sources tell them, joined."""

from __future__ import annotations

from typing import Any

from drivers.libvirt.reader.addresses import joined

LAN, SAN = "52:54:00:00:00:01", "52:54:00:00:00:02"


def nic(mac: str | None, *addresses: str) -> dict[str, Any]:
    return {"hwaddr": mac, "addrs": [{"addr": each, "prefix": 24, "type": 0} for each in addresses] or None}


def test_each_address_is_told_once_with_its_nic_and_by_whom_it_is_known() -> None:
    agent = {"lo": nic(None, "127.0.0.1", "::1"), "eth0": nic(LAN.upper(), "192.0.2.10", "fe80::1%eth0", "2001:db8::1")}
    lease = {"vnet0": nic(LAN, "192.0.2.10", "192.0.2.11")}
    arp = {"vnet0": nic(LAN, "192.0.2.99"), "vnet1": nic(SAN, "198.51.100.5")}
    found = joined({"agent": agent, "lease": lease, "arp": arp})
    assert [(each, each.mac, each.source) for each in found] == [
        ("192.0.2.10", LAN, "agent"),
        ("2001:db8::1", LAN, "agent"),
        ("192.0.2.11", LAN, "lease"),
        ("198.51.100.5", SAN, "arp"),
    ]


def test_a_guest_that_only_its_neighbours_know_has_all_their_addresses() -> None:
    arp = {"vnet0": nic(LAN, "192.0.2.10", "192.0.2.11"), "vnet1": nic(SAN)}
    assert joined({"agent": {}, "arp": arp}) == ("192.0.2.10", "192.0.2.11")


def test_nobody_knows_anything() -> None:
    assert joined({}) == ()
    assert joined({"lease": {"vnet0": nic(LAN)}}) == ()
