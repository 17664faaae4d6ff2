"""Powers: the power of a VM (the Protocol of drivers/base.py) on libvirt.

Each call looks at the state first and again when libvirt says that the state is wrong, so that it is satisfied
whoever was faster. What moves a whole memory runs on a connection for long jobs, since libvirtd executes only five
calls of a connection at a time. Raises drivers.errors.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import libvirt

from drivers import errors
from drivers.base import Edit, Once, ShutdownMode
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain.once import definition
from drivers.libvirt.domain.reading import read
from drivers.libvirt.domain.tree import CannotWrite, NotReadable
from drivers.libvirt.domain.visible import unseen
from drivers.libvirt.errors import is_code

SLOW = frozenset(("start", "suspend"))
"""These may move a whole memory; the others have the deadline of a change, or a hanging QEMU would hold them."""
AGENT_WAIT = 3  # seconds until an agent that does not answer counts as absent
GONE_WAIT = 20.0  # seconds for a QEMU process to end after it was killed
PAUSE = 0.1
NEXT_BOOT = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE

_SHUTDOWN: dict[ShutdownMode, int] = {
    "agent": libvirt.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
    "acpi": libvirt.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
}
_RUNNING = frozenset((libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED))
_OFF = frozenset((libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED))


class Powers:
    """The power of one host's VMs. Thread-safe."""

    def __init__(self, connections: Connections) -> None:
        self._connections, self._host = connections, connections.host

    def start(self, uuid: str, once: Once | None = None) -> None:
        """See drivers.base.Powers. A start that finds the disk locked is a Conflict with QEMU's words."""
        with self._domain(uuid, "start") as (domain, operation):
            if once is not None:
                self._start_once(domain, operation, once)
            elif self._off(domain, operation):
                self._unless(lambda: not self._off(domain, operation), operation, domain.create)

    def shutdown(self, uuid: str, mode: ShutdownMode) -> None:
        """See drivers.base.Powers."""
        with self._domain(uuid, "shut down") as (domain, operation):
            if self._off(domain, operation):
                return
            if mode == "agent":
                self._agent_answers_soon(domain, operation)
            flag = _SHUTDOWN[mode]
            self._unless(lambda: self._off(domain, operation), operation, domain.shutdownFlags, flag)

    def destroy(self, uuid: str) -> None:
        """See drivers.base.Powers."""
        with self._domain(uuid, "cut the power of") as (domain, operation):
            if not self._off(domain, operation):
                self._unless(lambda: self._off(domain, operation), operation, domain.destroy)
            until = time.monotonic() + GONE_WAIT
            while not self._off(domain, operation):
                if time.monotonic() > until:
                    raise errors.Busy(self._host, operation, "the QEMU process is still there; its storage may hang")
                time.sleep(PAUSE)

    def reboot(self, uuid: str) -> None:
        """See drivers.base.Powers."""
        with self._domain(uuid, "reboot") as (domain, operation):
            self._needs_power(domain, operation)
            try:
                self._agent_answers_soon(domain, operation)
                self._call(operation, domain.reboot, libvirt.VIR_DOMAIN_REBOOT_GUEST_AGENT)
            except (errors.Busy, errors.Refused, errors.Conflict):
                self._call(operation, domain.reboot, libvirt.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN)

    def reset(self, uuid: str) -> None:
        """See drivers.base.Powers."""
        with self._domain(uuid, "reset") as (domain, operation):
            self._needs_power(domain, operation)
            self._call(operation, domain.reset, 0)

    def pause(self, uuid: str) -> None:
        """See drivers.base.Powers."""
        with self._domain(uuid, "pause") as (domain, operation):
            self._needs_power(domain, operation)
            paused = libvirt.VIR_DOMAIN_PAUSED
            if self._state(domain, operation) != paused:
                self._unless(lambda: self._state(domain, operation) == paused, operation, domain.suspend)

    def resume(self, uuid: str) -> None:
        """See drivers.base.Powers. A guest that sleeps is woken."""
        with self._domain(uuid, "resume") as (domain, operation):
            self._needs_power(domain, operation)
            state = self._state(domain, operation)
            if state == libvirt.VIR_DOMAIN_PMSUSPENDED:
                self._call(operation, domain.pMWakeup, 0)
            elif state not in _RUNNING:
                self._unless(lambda: self._state(domain, operation) in _RUNNING, operation, domain.resume)

    def suspend(self, uuid: str) -> None:
        """See drivers.base.Powers."""
        with self._domain(uuid, "suspend") as (domain, operation):
            if self._off(domain, operation) and self._call(operation, domain.hasManagedSaveImage, 0):
                return
            self._needs_power(domain, operation)
            self._call(operation, domain.managedSave, 0)

    def _start_once(self, domain: libvirt.virDomain, operation: str, once: Once) -> None:
        """From the definition with other fields; libvirt itself refuses to start a domain twice."""
        if not self._off(domain, operation):
            raise errors.Conflict(self._host, operation, "it runs already; settings for one run come with a start")
        if self._call(operation, domain.hasManagedSaveImage, 0):
            raise errors.Conflict(self._host, operation, "it is suspended to disk, and wakes with the settings it had")
        xml = self._call(operation, domain.XMLDesc, NEXT_BOOT)
        try:
            text = definition(xml, once)
        except CannotWrite as problem:
            raise errors.Refused(self._host, operation, str(problem)) from None
        except NotReadable as problem:
            raise errors.DriverError(self._host, operation, str(problem)) from None
        flags = libvirt.VIR_DOMAIN_START_PAUSED if once.paused else 0
        started = self._call(operation, domain.connect().createXML, text, flags)
        if not self._call(operation, started.isPersistent):
            raise errors.Refused(self._host, operation, "it was started, but libvirt did not keep its definition")
        if not self._off(started, operation):
            self._prove(started, operation, once)

    def _prove(self, domain: libvirt.virDomain, operation: str, once: Once) -> None:
        """Reads back that the running VM has the fields; that it ended meanwhile is no failure of the start."""
        inactive, live = (self._call(operation, domain.XMLDesc, flags) for flags in (NEXT_BOOT, 0))
        try:
            seen = read(inactive, live).live or {}
        except NotReadable as problem:
            raise errors.DriverError(self._host, operation, str(problem)) from None
        edits = [Edit(path=path, after=value) for path, value in once.fields.items()]
        if (missing := unseen(edits, seen)) is not None and not self._off(domain, operation):
            detail = f"{missing.path}: it was started, but the running VM does not show this setting"
            raise errors.Refused(self._host, operation, detail)

    @contextmanager
    def _domain(self, uuid: str, verb: str) -> Iterator[tuple[libvirt.virDomain, str]]:
        purpose = self._connections.long if verb in SLOW else self._connections.changes
        with purpose() as conn:
            domain = self._call(f"{verb} vm/{uuid}", conn.lookupByUUIDString, uuid)
            yield domain, f"{verb} vm/{domain.name()}"

    def _state(self, domain: libvirt.virDomain, operation: str) -> int:
        return int(self._call(operation, domain.state, 0)[0])

    def _off(self, domain: libvirt.virDomain, operation: str) -> bool:
        """Whether no QEMU process exists. A domain that was transient is gone altogether."""
        try:
            return not self._call(operation, domain.isActive)
        except errors.Missing:
            return True

    def _needs_power(self, domain: libvirt.virDomain, operation: str) -> None:
        if self._off(domain, operation):
            raise errors.Conflict(self._host, operation, "it is not running")

    def _agent_answers_soon(self, domain: libvirt.virDomain, operation: str) -> None:
        """Without a limit, a guest without agent holds the call, and the domain's lock, for long."""
        self._call(operation, domain.agentSetResponseTimeout, AGENT_WAIT, 0)

    def _unless(self, reached: Callable[[], bool], operation: str, function: Callable[..., Any], *args: Any) -> None:
        """Calls; "wrong state" is fine if the state that the call leads to is there by now."""
        try:
            self._call(operation, function, *args)
        except (errors.Conflict, errors.Missing) as problem:
            if not is_code(problem, "OPERATION_INVALID", "NO_DOMAIN") or not reached():
                raise

    def _call(self, operation: str, function: Callable[..., Any], *args: Any) -> Any:
        return self._connections.call(operation, function, *args)
