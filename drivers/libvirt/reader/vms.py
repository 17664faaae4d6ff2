"""Reading VMs: every domain of a host at once, or one afresh, into `SeenVm`.

State, autostart, saved images and snapshots come in bulk (one call each for the whole host); the two XMLs of each
domain are fetched side by side, and parsed while others are under way. State is asked with NOWAIT and without any
group that talks to QEMU's monitor, so a hanging QEMU holds up nobody. A domain may change between the calls: one whose
XML does not fit its state is read again by itself, one that is gone is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import libvirt

from drivers.errors import Busy, DriverError, Missing
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import NotReadable, Reading, read
from drivers.seen import Power, SeenVm
from specs.structs import Struct, field

NOWAIT = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
CONFIG_XML = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
LIVE_XML = libvirt.VIR_DOMAIN_XML_SECURE
ATTEMPTS = 4

Texts = tuple[str, str | None]
"""The next boot's XML, and the live one of a domain that runs."""

FLAGS = {
    "transient": libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT,
    "autostart": libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART,
    "saved": libvirt.VIR_CONNECT_LIST_DOMAINS_MANAGEDSAVE,
    "snapshots": libvirt.VIR_CONNECT_LIST_DOMAINS_HAS_SNAPSHOT,
}

POWERS = {
    libvirt.VIR_DOMAIN_NOSTATE: Power.RUNNING,
    libvirt.VIR_DOMAIN_RUNNING: Power.RUNNING,
    libvirt.VIR_DOMAIN_BLOCKED: Power.RUNNING,
    libvirt.VIR_DOMAIN_PAUSED: Power.PAUSED,
    libvirt.VIR_DOMAIN_SHUTDOWN: Power.STOPPING,
    libvirt.VIR_DOMAIN_SHUTOFF: Power.STOPPED,
    libvirt.VIR_DOMAIN_CRASHED: Power.CRASHED,
    libvirt.VIR_DOMAIN_PMSUSPENDED: Power.ASLEEP,
}


def _reasons() -> dict[tuple[int, int], str]:
    """(state, reason) → libvirt's name of the reason, lower case, from the binding's constants."""
    states = {
        "RUNNING": libvirt.VIR_DOMAIN_RUNNING,
        "BLOCKED": libvirt.VIR_DOMAIN_BLOCKED,
        "PAUSED": libvirt.VIR_DOMAIN_PAUSED,
        "SHUTDOWN": libvirt.VIR_DOMAIN_SHUTDOWN,
        "SHUTOFF": libvirt.VIR_DOMAIN_SHUTOFF,
        "CRASHED": libvirt.VIR_DOMAIN_CRASHED,
        "PMSUSPENDED": libvirt.VIR_DOMAIN_PMSUSPENDED,
    }
    return {
        (state, number): name.removeprefix(f"VIR_DOMAIN_{word}_").lower().replace("_", "")
        for word, state in states.items()
        for name, number in vars(libvirt).items()
        if name.startswith(f"VIR_DOMAIN_{word}_") and isinstance(number, int)
    }


REASONS = _reasons()


class Bulk(Struct, frozen=True, kw_only=True):
    """What is known of all domains of a host before their XML: uuids per flag, and each one's (state, reason)."""

    flags: Mapping[str, frozenset[str]]
    states: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def has(self, flag: str, uuid: str) -> bool:
        """Whether the domain was listed with that flag."""
        return uuid in self.flags.get(flag, frozenset())


def read_all(
    connections: Connections, conn: libvirt.virConnect, bulk: Bulk, domains: list[libvirt.virDomain]
) -> list[SeenVm]:
    """Every domain, in order of name. Raises rather than leave one out that is still there."""
    found: list[SeenVm] = []
    for position, answer in connections.answers("read the VMs", _texts, domains):
        vm = _one(connections, conn, bulk, domains[position].UUIDString(), answer)
        if vm is not None:
            found.append(vm)
    return sorted(found, key=lambda vm: vm.name)


def read_one(connections: Connections, conn: libvirt.virConnect, uuid: str) -> SeenVm | None:
    """One domain afresh, or None if it is not here."""
    operation = f"read vm {uuid}"
    for _ in range(ATTEMPTS):
        try:
            domain = connections.call(operation, conn.lookupByUUIDString, uuid)
            flags, state, texts = connections.call(operation, _afresh, domain)
        except Missing:
            return None
        vm = _seen(uuid, Bulk(flags=flags, states={uuid: state}), _read(connections, uuid, texts))
        if vm is not None:
            return vm
    raise Busy(connections.host, operation, "it changes faster than it can be read")


def _one(
    connections: Connections,
    conn: libvirt.virConnect,
    bulk: Bulk,
    uuid: str,
    answer: Texts | DriverError,
) -> SeenVm | None:
    if isinstance(answer, Missing):
        return None
    if isinstance(answer, DriverError):
        raise answer
    return _seen(uuid, bulk, _read(connections, uuid, answer)) or read_one(connections, conn, uuid)


def _read(connections: Connections, uuid: str, texts: Texts) -> Reading:
    try:
        return read(*texts)
    except NotReadable as problem:
        raise DriverError(connections.host, f"read vm {uuid}", str(problem)) from problem


def _seen(uuid: str, bulk: Bulk, seen: Reading) -> SeenVm | None:
    """The VM, or None if state and definitions are of different moments."""
    state = bulk.states.get(uuid)
    if state is None or not _fits(state, seen):
        return None
    power = POWERS.get(state[0], Power.RUNNING)
    if power is Power.STOPPED and bulk.has("saved", uuid):
        power = Power.SUSPENDED
    return _vm(seen, bulk, uuid, power, REASONS.get(state, "unknown"))


def _vm(seen: Reading, bulk: Bulk, uuid: str, power: Power, reason: str) -> SeenVm:
    return SeenVm(
        name=seen.name,
        uuid=seen.uuid,
        power=power,
        reason=reason,
        persistent=not bulk.has("transient", uuid),
        autostart=bulk.has("autostart", uuid),
        snapshots=bulk.has("snapshots", uuid),
        config=seen.config,
        live=seen.live,
        mark=seen.mark,
        mark_damaged=seen.mark_damaged,
        unnamed=seen.unnamed,
        aliases=seen.aliases,
        targets=seen.targets,
        agent=seen.agent,
        definition=seen.definition,
        once=seen.once,
        migrating=_migrating(power, reason, not bulk.has("transient", uuid)),
    )


def _migrating(power: Power, reason: str, persistent: bool) -> Literal["", "out", "in"]:
    """Told by what libvirt itself paused: the target's shell has no definition yet, the source's VM keeps its own.

    Of a post-copy that broke the source's half stands still, while the target's counts as running.
    """
    if power is not Power.PAUSED:
        return ""
    if not persistent:
        return "in" if reason in ("migration", "startingup") else ""
    return "out" if reason in ("migration", "postcopy", "postcopyfailed") else ""


def _fits(state: tuple[int, int], seen: Reading) -> bool:
    """Whether the state is that of a domain with (without) a QEMU process; a crashed one may be kept for a dump."""
    if state[0] == libvirt.VIR_DOMAIN_CRASHED:
        return True
    return bool(state[0] != libvirt.VIR_DOMAIN_SHUTOFF) == (seen.live is not None)


def _texts(domain: libvirt.virDomain, active: bool | None = None) -> Texts:
    """Both definitions. The live one is asked for only if the domain had an id when it was listed."""
    running = domain.ID() != -1 if active is None else active
    live = domain.XMLDesc(LIVE_XML) if running else None
    if live is not None and " id='" not in live[: live.find(">")]:
        live = None  # it stopped a moment ago: this is the other definition
    return domain.XMLDesc(CONFIG_XML), live


def _afresh(domain: libvirt.virDomain) -> tuple[dict[str, frozenset[str]], tuple[int, int], Texts]:
    state, reason = domain.state(0)
    uuid = frozenset((domain.UUIDString(),))
    persistent = domain.isPersistent()
    flags = {
        "transient": not persistent,
        "autostart": persistent and domain.autostart(),
        "saved": persistent and domain.hasManagedSaveImage(0),
        "snapshots": domain.snapshotNum(0),
    }
    texts = _texts(domain, bool(domain.isActive()))
    return {name: uuid for name, on in flags.items() if on}, (state, reason), texts
