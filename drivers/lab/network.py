"""The lab's own bridge and the cables of its hosts, on the machine's side. Drives `ip`.

Every link made here carries the state directory in its alias, so that it can be known as ours without any record.
A link without that alias is never touched. Called by lab.py and host/boot.py.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

from drivers.lab.command import run
from drivers.lab.errors import CommandFailed, LabConflict, MachineUnfit
from drivers.lab.paths import BRIDGE, LINK_PREFIX, host_index, link_name
from specs.structs import Struct

MARK = "gitvirt-lab "
CARD = "eth0"
"""What the cable is plugged into, inside the host."""
NOBODY = "02:00:00:00:de:ad"
CANDIDATES = tuple(IPv4Network(f"10.98.{third}.0/24") for third in range(0, 256, 8))


class Link(Struct, frozen=True):
    """A link whose name starts with our prefix. `state` is the lab it belongs to; None: made, but not yet marked."""

    name: str
    state: Path | None
    foreign: bool


def links() -> list[Link]:
    found = []
    for link in json.loads(run(["ip", "-json", "link", "show"])):
        name, alias = link["ifname"], link.get("ifalias", "")
        if name == BRIDGE or (name.startswith(LINK_PREFIX) and host_index(name.removeprefix(LINK_PREFIX))):
            state = Path(alias.removeprefix(MARK)) if alias.startswith(MARK) else None
            found.append(Link(name, state, foreign=bool(alias) and state is None))
    return found


def require_alone(state: Path) -> None:
    """Raise LabConflict when our link names belong to another lab or to somebody else."""
    for link in links():
        if link.foreign:
            raise LabConflict(
                f"There is a network link {link.name} which gitvirt did not make. Rename it: the lab uses that name."
            )
        if link.state is not None and link.state != state:
            raise LabConflict(
                f"A lab is up already, in {link.state} (link {link.name}); a machine can carry one. "
                f"Take it down first: GITVIRT_LAB={link.state} gitvirt lab down"
            )


def free_subnet() -> IPv4Network:
    """The first of our candidates that no route of the machine leads into."""
    taken = []
    for route in json.loads(run(["ip", "-json", "-4", "route", "show", "table", "all"])):
        if route["dst"] != "default":
            taken.append(IPv4Network(route["dst"], strict=False))
    for candidate in CANDIDATES:
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise MachineUnfit("All subnets that the lab can take (10.98.0.0/16) are routed somewhere on this machine already.")


def ensure_bridge(state: Path, address: IPv4Interface) -> bool:
    """Make the bridge unless it is there; True if something was to do. Raises LabConflict."""
    present = {link.name: link for link in links()}.get(BRIDGE)
    if present is not None and present.state == state and _has_address(address):
        return False
    commands = [] if present is not None else [f"link add {BRIDGE} type bridge"]
    commands += [
        f"link set {BRIDGE} alias '{MARK}{state}' addrgenmode none",
        f"addr replace {address} dev {BRIDGE}",
        f"link set {BRIDGE} up",
    ]
    batch(commands)
    return True


def _has_address(address: IPv4Interface) -> bool:
    shown = json.loads(run(["ip", "-json", "-4", "addr", "show", "dev", BRIDGE]))
    return any(entry.get("local") == str(address.ip) for link in shown for entry in link.get("addr_info", []))


def plug(state: Path, host: str, mac: str, process: int) -> None:
    """Lead a cable from the bridge to `eth0` in the network namespace of `process`."""
    name = link_name(host)
    batch(
        [
            f"link add {name} type veth peer name {CARD} address {mac} netns {process}",
            f"link set {name} alias '{MARK}{state}' addrgenmode none",
            f"link set {name} master {BRIDGE} up",
        ]
    )


def set_cable(host: str, *, connected: bool) -> None:
    """Plug or unplug the host's cable, as a hand would: neither side sends a farewell."""
    run(["ip", "link", "set", link_name(host), "up" if connected else "down"])


def divert(link: str, address: str, *, connected: bool) -> list[str]:
    """The command that sends what goes to `address` to a card that nobody has: silence, for this neighbour alone.

    Without a packet filter, which a host's libvirtd rewrites and some kernels lack. Mending what is whole does nothing.
    """
    if connected:
        return ["ip", "neigh", "flush", "to", address, "dev", link, "nud", "permanent"]
    return ["ip", "neigh", "replace", address, "lladdr", NOBODY, "dev", link, "nud", "permanent"]


def cable_exists(host: str) -> bool:
    return _exists(link_name(host))


def _exists(name: str) -> bool:
    """Asked of our network namespace; /sys shows the one it was mounted in, which may be another."""
    try:
        socket.if_nametoindex(name)
    except OSError:
        return False
    return True


def remove(names: Iterable[str]) -> None:
    for name in names:
        try:
            run(["ip", "link", "delete", name])
        except CommandFailed:
            # Gone in the meantime (the other end's namespace died): that is what was wanted.
            if _exists(name):
                raise


def batch(commands: Iterable[str]) -> None:
    """Several `ip` commands in one process; the first that fails ends it."""
    run(["ip", "-batch", "-"], stdin="\n".join(commands) + "\n")
