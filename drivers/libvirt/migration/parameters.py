"""What a `Migration` means to libvirt: flags, and typed parameters by name. Pure.

Versions are the older of both daemons' (9000000 = 9.0.0): a flag that one of them does not know fails the whole call.
In: the request and `Route`, how the target's QEMU is reached. Out: `Terms`, for live.py. Raises Unsupported for
combinations that libvirt refuses only after it has begun.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import libvirt

from drivers.errors import Refused, Unsupported
from drivers.moving import Migration
from specs.structs import Struct

SINCE: Mapping[str, int] = {
    "parallel": 5_002_000,
    "compressed": 1_000_000,
    "zero_copy": 8_005_000,
    "postcopy": 1_003_000,
    "encrypted": 3_002_000,
}
"""The daemon's version that knows what the request asks for."""
BASE = (
    libvirt.VIR_MIGRATE_LIVE
    | libvirt.VIR_MIGRATE_PERSIST_DEST
    | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    | libvirt.VIR_MIGRATE_ABORT_ON_ERROR
)
ZERO_COPY = getattr(libvirt, "VIR_MIGRATE_ZEROCOPY", 1 << 20)
LOOPBACK = ("", "localhost", "127.0.0.1", "::1")


class Route(Struct, frozen=True, kw_only=True):
    """`address` is where the target's QEMU listens for the source's, "" for libvirt's choice (the target's hostname).

    `hostname` is the target's own name, as its certificates have it. `version` is the older daemon's.
    """

    host: str
    hostname: str
    version: int
    address: str = ""
    paused: bool = False


class Terms(Struct, frozen=True, kw_only=True):
    """Arguments of migrate3 (managed direct) and migrateToURI3 (peer-to-peer)."""

    flags: int
    parameters: Mapping[str, Any]


def terms(request: Migration, route: Route, *, peer_to_peer: bool) -> Terms:
    """Everything but where to."""
    _check(request, route)
    return Terms(flags=_flags(request, route, peer_to_peer), parameters=_parameters(request, route))


def address_in(uri: str) -> str:
    """The host part of a libvirt URI, "" for this machine's own."""
    host = urlsplit(uri).hostname or ""
    return "" if host in LOOPBACK else host


def tcp(address: str) -> str:
    """The URI by which the source's QEMU reaches the target's."""
    return f"tcp://[{address}]" if ":" in address else f"tcp://{address}"


def _check(request: Migration, route: Route) -> None:
    operation = f"migrate vm/{request.uuid}"
    asked = {
        "parallel": request.parallel > 0,
        "compressed": request.compressed,
        "zero_copy": request.zero_copy,
        "postcopy": request.last_resort == "postcopy",
        "encrypted": request.encrypted,
    }
    for what, since in SINCE.items():
        if asked[what] and route.version < since:
            version = f"{since // 1_000_000}.{since // 1000 % 1000}"
            raise Unsupported(route.host, operation, f"{what.replace('_', ' ')} needs libvirt {version} on both hosts")
    if request.zero_copy and not request.parallel:
        raise Refused(
            route.host, operation, "zero copy works only with parallel connections: declare them, or leave it"
        )
    if request.parallel and request.last_resort == "postcopy":
        raise Refused(route.host, operation, "post-copy does not work with parallel connections: choose one of them")
    if request.zero_copy and request.encrypted:
        raise Refused(route.host, operation, "zero copy does not work with encrypted data: choose one of them")


def _flags(request: Migration, route: Route, peer_to_peer: bool) -> int:
    conditions = (
        (peer_to_peer, libvirt.VIR_MIGRATE_PEER2PEER),
        (not peer_to_peer, libvirt.VIR_MIGRATE_CHANGE_PROTECTION),  # peer-to-peer has it anyway
        (request.auto_converge, libvirt.VIR_MIGRATE_AUTO_CONVERGE),
        (request.compressed, libvirt.VIR_MIGRATE_COMPRESSED),
        (request.parallel > 0, libvirt.VIR_MIGRATE_PARALLEL),
        (request.zero_copy, ZERO_COPY),
        (request.encrypted, libvirt.VIR_MIGRATE_TLS),
        (bool(request.copy) and not request.incremental, libvirt.VIR_MIGRATE_NON_SHARED_DISK),
        (bool(request.copy) and request.incremental, libvirt.VIR_MIGRATE_NON_SHARED_INC),
        (request.last_resort == "postcopy" and not route.paused, libvirt.VIR_MIGRATE_POSTCOPY),
    )
    return int(BASE | sum(flag for wanted, flag in conditions if wanted))


def _parameters(request: Migration, route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if route.address:
        found[libvirt.VIR_MIGRATE_PARAM_URI] = tcp(route.address)
    if request.bandwidth:
        found[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] = request.bandwidth
    if request.copy:
        found[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] = list(request.copy)
    if request.parallel:
        found[libvirt.VIR_MIGRATE_PARAM_PARALLEL_CONNECTIONS] = request.parallel
    if request.encrypted and request.address and route.hostname:
        found[libvirt.VIR_MIGRATE_PARAM_TLS_DESTINATION] = route.hostname
    return found
