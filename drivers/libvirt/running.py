"""A running VM, as the device modules of domain/ see it (domain/aspect.py `Running`), on libvirt.

Every change waits, for a bounded time, until it shows: libvirt returns before the guest has released a device or
the balloon has moved. Made by vms.py for one edit, within its connection and its lock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import libvirt

from drivers import errors
from drivers.base import Edit
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain.aspect import NotNow
from drivers.libvirt.domain.draft import Draft, Names, pair
from drivers.libvirt.domain.reading import draft
from drivers.libvirt.domain.tree import Element, parse_to_edit, write
from drivers.libvirt.domain.visible import unseen
from drivers.libvirt.errors import is_code
from drivers.mark import Device
from specs.compound import numbers

SHOW_WAIT = 3.0  # seconds until a change that libvirt took shows in the live XML
DETACH_ATTEMPTS = 3
DETACH_WAIT = 5.0  # seconds after each attempt, beyond the five that libvirt itself waits
BALLOON_WAIT = 8.0
PAUSE = 0.1

_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_EVENTS = ("poweroff", "reboot", "crash")
ACTIONS = ("destroy", "restart", "rename-restart", "preserve", "coredump-destroy", "coredump-restart")
"""In the order of libvirt's numbers."""
_FORCE = libvirt.VIR_DOMAIN_DEVICE_MODIFY_FORCE


class RunningVm:
    """One running domain. `operation` names the edit in errors ("edit vm/web")."""

    def __init__(
        self,
        connections: Connections,
        domain: libvirt.virDomain,
        operation: str,
        config: Element,
        devices: Mapping[str, Device],
    ) -> None:
        self._connections, self._domain, self._operation = connections, domain, operation
        self._config, self._names = config, Names(devices)

    def live(self) -> Element:
        """The live XML, read afresh."""
        return parse_to_edit(self._call(self._domain.XMLDesc, libvirt.VIR_DOMAIN_XML_SECURE))

    def config(self) -> Element:
        """The next boot's definition."""
        return self._config

    def draft(self) -> Draft:
        """The live XML in fields, with the element of each named device."""
        found = draft(self.live(), self._names)
        if found.unnamed:
            pair(draft(self._config, self._names), found)
        return found

    def attach(self, device: Element) -> None:
        """Adds the device; NotNow if it does not show up."""
        name = _alias(device)
        self._call(self._domain.attachDeviceFlags, write(device), _LIVE)
        if name and not self._has(name):
            raise NotNow("libvirt took the device, but the running VM does not have it")

    def detach(self, alias: str) -> None:
        """Asks the guest for the device until it is gone; NotNow if the guest keeps it."""
        for _ in range(DETACH_ATTEMPTS):
            try:
                self._call(self._domain.detachDeviceAlias, alias, _LIVE)
            except errors.Missing as missing:
                if is_code(missing, "DEVICE_MISSING"):
                    return
                raise
            if self.wait(lambda: not self._has(alias), DETACH_WAIT):
                return
        raise NotNow("the guest has not released it; it may not have started yet, or still uses it")

    def update(self, device: Element, *, force: bool = False) -> None:
        """Changes the device to what the element says."""
        self._call(self._domain.updateDeviceFlags, write(device), _LIVE | (_FORCE if force else 0))

    def set_cpus(self, count: int) -> None:
        """Brings vCPUs online; never takes any away."""
        self._call(self._domain.setVcpusFlags, count, _LIVE)

    def set_memory(self, size: int) -> None:
        """Sets the balloon's target; NotNow if the guest does not follow."""
        target = -(-size // 1024)
        self._call(self._domain.setMemoryFlags, target, _LIVE)
        if not self.wait(lambda: self._balloon() == target, BALLOON_WAIT):
            now = self._balloon() >> 10
            raise NotNow(f"the guest's balloon driver has not followed: it has {now} MiB, not {target >> 10}")

    def resize(self, target: str, size: int) -> None:
        """Grows the disk. libvirt would shrink it without a word, so that is refused here."""
        now = self._call(self._domain.blockInfo, target)[0]
        if size < now:
            raise NotNow(f"the disk has {now} bytes; it never shrinks to {size}")
        if size > now:
            self._call(self._domain.blockResize, target, size, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
            if self._call(self._domain.blockInfo, target)[0] < size:
                raise NotNow("libvirt took the new size, but the disk has not grown")

    def limit(self, target: str, **limits: int) -> None:
        """Sets I/O limits of a disk; what is not named stays: libvirt would lift the like of what is named."""
        now = self._call(self._domain.blockIoTune, target, _LIVE)
        kept = {name: value for name, value in now.items() if isinstance(value, int)}
        self._call(self._domain.setBlockIoTune, target, {**kept, **limits}, _LIVE)

    def shows(self, edit: Edit) -> bool:
        """Whether the live XML shows the edit; libvirt hears of the balloon's size by an event, a little late."""
        return self.wait(lambda: unseen((edit,), self.draft().fields) is None, SHOW_WAIT)

    def describe(self, text: str | None) -> None:
        """Sets or removes the description."""
        kind = libvirt.VIR_DOMAIN_METADATA_DESCRIPTION
        self._call(self._domain.setMetadata, kind, text, None, None, _LIVE)

    def set_metadata(self, prefix: str, namespace: str, element: str | None) -> None:
        """Sets or removes what one namespace has in the metadata; nothing there to remove is fine."""
        kind = libvirt.VIR_DOMAIN_METADATA_ELEMENT
        try:
            self._call(self._domain.setMetadata, kind, element, prefix, namespace, _LIVE)
        except errors.Missing as missing:
            if element is not None or not is_code(missing, "NO_DOMAIN_METADATA"):
                raise

    def tune(self, what: Literal["scheduler", "memory", "numa"], **parameters: int | str) -> None:
        """Sets tuning parameters; a host without the control group refuses."""
        setters: dict[str, Callable[..., Any]] = {
            "scheduler": self._domain.setSchedulerParametersFlags,
            "memory": self._domain.setMemoryParameters,
            "numa": self._domain.setNumaParameters,
        }
        self._call(setters[what], parameters, _LIVE)

    def pin(self, what: Literal["vcpu", "iothread", "emulator"], number: int, cpus: str) -> None:
        """Pins one thread; NotNow if the host has no such CPU."""
        allowed, there = numbers(cpus), self._call(self._domain.connect().getCPUMap)[0]
        if max(allowed) >= there:
            raise NotNow(f"the host has CPUs 0 to {there - 1}, not {cpus}")
        bitmap = tuple(each in allowed for each in range(there))
        if what == "emulator":
            self._call(self._domain.pinEmulator, bitmap, _LIVE)
        else:
            self._call(self._domain.pinVcpuFlags if what == "vcpu" else self._domain.pinIOThread, number, bitmap, _LIVE)

    def set_iothreads(self, count: int) -> None:
        """Starts those that are missing, ends those above the count."""
        there = {each[0] for each in self._call(self._domain.ioThreadInfo, _LIVE)}
        wanted = set(range(1, count + 1))
        for each in sorted(wanted - there):
            self._call(self._domain.addIOThread, each, _LIVE)
        for each in sorted(there - wanted, reverse=True):
            self._call(self._domain.delIOThread, each, _LIVE)

    def set_action(self, event: Literal["poweroff", "reboot", "crash"], action: str) -> None:
        """What becomes of the VM at that event."""
        self._call(self._domain.setLifecycleAction, _EVENTS.index(event), ACTIONS.index(action), _LIVE)

    def _balloon(self) -> int:
        return int(self._call(self._domain.memoryStats).get("actual", 0))

    def _has(self, alias: str) -> bool:
        return any(each.get("name") == alias for each in self.live().iterfind("devices/*/alias"))

    def wait(self, reached: Callable[[], bool], seconds: float) -> bool:
        """Looks again and again until it is reached; False if that takes longer."""
        until = time.monotonic() + seconds
        while not reached():
            if time.monotonic() >= until:
                return False
            time.sleep(PAUSE)
        return True

    def _call(self, function: Callable[..., Any], *args: Any) -> Any:
        return self._connections.call(self._operation, function, *args)


def _alias(device: Element) -> str:
    found = device.find("alias")
    return (found.get("name") or "") if found is not None else ""
