"""What a Migration means to libvirt."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from drivers.errors import DriverError, Refused, Unsupported
from drivers.libvirt.migration.live import peer
from drivers.libvirt.migration.parameters import Route, Terms, address_in, terms
from drivers.moving import Migration
from specs.structs import replace

ROUTE = Route(host="kvm1", address="10.0.0.2", hostname="kvm2.example", version=9_000_000)


def made(peer_to_peer: bool = True, route: Route = ROUTE, **values: Any) -> Terms:
    return terms(Migration(uuid="u", expects=1, **values), route, peer_to_peer=peer_to_peer)


def flags(found: Terms) -> set[str]:
    names = (
        "PERSIST_DEST",
        "UNDEFINE_SOURCE",
        "LIVE",
        "TLS",
        "PARALLEL",
        "ZEROCOPY",
        "POSTCOPY",
        "NON_SHARED_DISK",
        "NON_SHARED_INC",
    )
    more = ("AUTO_CONVERGE", "COMPRESSED", "CHANGE_PROTECTION", "ABORT_ON_ERROR", "UNSAFE", "TUNNELLED")
    return {name for name in names + more if found.flags & getattr(libvirt, f"VIR_MIGRATE_{name}")}


PLAIN = {"LIVE", "PERSIST_DEST", "UNDEFINE_SOURCE", "ABORT_ON_ERROR"}


@pytest.mark.parametrize(
    ("values", "added", "parameters"),
    [
        ({}, set(), {}),
        ({"bandwidth": 52}, set(), {"bandwidth": 52}),
        ({"auto_converge": True, "compressed": True}, {"AUTO_CONVERGE", "COMPRESSED"}, {}),
        ({"copy": ("vda", "vdb")}, {"NON_SHARED_DISK"}, {"migrate_disks": ["vda", "vdb"]}),
        ({"copy": ("vda",), "incremental": True}, {"NON_SHARED_INC"}, {"migrate_disks": ["vda"]}),
        ({"parallel": 4, "zero_copy": True}, {"PARALLEL", "ZEROCOPY"}, {"parallel.connections": 4}),
        ({"last_resort": "postcopy"}, {"POSTCOPY"}, {}),
        ({"last_resort": "suspend"}, set(), {}),
        ({"encrypted": True}, {"TLS"}, {}),
        ({"encrypted": True, "address": "10.9.9.2"}, {"TLS"}, {"tls.destination": "kvm2.example"}),
    ],
)
def test_each_wish_has_its_flag_and_parameter(
    values: dict[str, Any], added: set[str], parameters: dict[str, Any]
) -> None:
    found = made(**values)
    assert flags(found) == PLAIN | added
    assert found.parameters == {"migrate_uri": "tcp://10.0.0.2", **parameters}


def test_a_definition_is_protected_from_changes_where_libvirt_does_not_do_it_anyway() -> None:
    assert "CHANGE_PROTECTION" in flags(made(peer_to_peer=False))
    assert "CHANGE_PROTECTION" not in flags(made(peer_to_peer=True))


def test_a_paused_vm_is_never_moved_by_post_copy() -> None:
    assert "POSTCOPY" not in flags(made(route=replace(ROUTE, paused=True), last_resort="postcopy"))


@pytest.mark.parametrize(
    ("address", "uri"),
    [("fd00::2", {"migrate_uri": "tcp://[fd00::2]"}), ("", {}), ("kvm2", {"migrate_uri": "tcp://kvm2"})],
)
def test_the_data_goes_where_the_route_says(address: str, uri: dict[str, str]) -> None:
    assert made(route=replace(ROUTE, address=address)).parameters == uri


@pytest.mark.parametrize(
    ("values", "version", "kind", "word"),
    [
        ({"zero_copy": True}, 9_000_000, Refused, "parallel"),
        ({"zero_copy": True, "parallel": 2, "encrypted": True}, 9_000_000, Refused, "encrypted"),
        ({"parallel": 2, "last_resort": "postcopy"}, 9_000_000, Refused, "post-copy"),
        ({"zero_copy": True, "parallel": 2}, 8_004_000, Unsupported, "8.5"),
        ({"parallel": 2}, 5_001_000, Unsupported, "5.2"),
        ({"encrypted": True}, 3_001_000, Unsupported, "3.2"),
    ],
)
def test_what_libvirt_would_refuse_half_way_is_refused_before(
    values: dict[str, Any], version: int, kind: type[DriverError], word: str
) -> None:
    with pytest.raises(kind, match=word):
        made(route=replace(ROUTE, version=version), **values)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("qemu+tls://10.0.0.2/system", "10.0.0.2"),
        ("qemu+ssh://root@kvm2.example:2222/system?socket=/x", "kvm2.example"),
        ("qemu+tls://[fd00::2]:16514/system", "fd00::2"),
        ("qemu:///system", ""),
        ("qemu+tls://localhost/system", ""),
    ],
)
def test_the_address_of_a_host_is_in_its_uri(uri: str, address: str) -> None:
    assert address_in(uri) == address


def test_keys_and_certificates_of_ours_are_not_told_to_the_other_hosts() -> None:
    assert peer("qemu+tls://kvm2/system?pkipath=/home/me/pki") == "qemu+tls://kvm2/system"
    assert peer("qemu+ssh://kvm2/system?keyfile=/k&socket=/run/x") == "qemu+ssh://kvm2/system?socket=%2Frun%2Fx"
    assert peer("") == ""
