"""Power of simulated VMs: the Powers protocol."""

from __future__ import annotations

from drivers.base import Once, ShutdownMode
from drivers.errors import Busy, Conflict, Refused
from drivers.memory.calls import Line
from drivers.memory.journey import wake_up
from drivers.memory.model.domain import Domain
from drivers.memory.model.hardware import Hardware
from drivers.memory.model.said import Said
from drivers.memory.running import halt, launch
from drivers.seen import Power
from specs.fields import entry_of


class MemoryPowers:
    """See drivers.base.Powers."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def start(self, uuid: str, once: Once | None = None) -> None:
        """Starts, or restores from managed save; with `once` from the definition with other fields."""
        with self._line.vm("start", uuid, "powers") as (_, domain):
            if once is not None:
                launch(self._line.world, self._line.host, domain, _for_one_run(domain, once))
                if once.paused:
                    self._become(domain, Power.PAUSED, "user")
            elif domain.live is None:
                launch(self._line.world, self._line.host, domain)

    def shutdown(self, uuid: str, mode: ShutdownMode) -> None:
        """Asks the guest; it goes down in its own time, or does not."""
        with self._line.vm("shutdown", uuid, "powers") as (_, domain):
            if domain.live is None:
                return
            if domain.power in (Power.PAUSED, Power.ASLEEP):
                raise Said(Conflict, "domain is not running")
            if mode == "agent" and not domain.answers():
                raise Said(Busy, "Guest agent is not responding: QEMU guest agent is not connected")
            if mode == "agent" or domain.guest.acpi:
                due = self._line.world.clock() + domain.guest.shutdown_seconds
                self._line.host.going.setdefault(uuid, due)
                self._line.world.settle(self._line.host)

    def destroy(self, uuid: str) -> None:
        """Cuts the power."""
        with self._line.vm("destroy", uuid, "powers") as (_, domain):
            if domain.live is not None:
                halt(self._line.world, self._line.host, domain, "destroyed")

    def reboot(self, uuid: str) -> None:
        """The guest boots again in the same QEMU: nothing of the next boot's definition comes into effect."""
        with self._line.vm("reboot", uuid, "powers") as (_, domain):
            _require_active(domain)
            domain.resets += 1
            self._line.world.wake(self._line.host, f"vm/{domain.name}")

    def reset(self, uuid: str) -> None:
        """The button."""
        with self._line.vm("reset", uuid, "powers") as (_, domain):
            _require_active(domain)
            domain.resets += 1
            self._line.world.wake(self._line.host, f"vm/{domain.name}")

    def pause(self, uuid: str) -> None:
        """Stops the vCPUs."""
        with self._line.vm("pause", uuid, "powers") as (_, domain):
            _require_active(domain)
            self._become(domain, Power.PAUSED, "user")

    def resume(self, uuid: str) -> None:
        """Lets the vCPUs run on."""
        with self._line.vm("resume", uuid, "powers") as (_, domain):
            _require_active(domain)
            if domain.migrating == "in":
                wake_up(self._line.world, self._line.host, domain, Power.RUNNING, "unpaused")
            self._become(domain, Power.RUNNING, "unpaused")

    def suspend(self, uuid: str) -> None:
        """Managed save: the image keeps the definition that was running."""
        with self._line.vm("suspend", uuid, "powers") as (_, domain):
            if domain.power is Power.SUSPENDED:
                return
            _require_active(domain)
            if not domain.persistent:
                raise Said(Conflict, "cannot do managed save for transient domain")
            domain.saved = domain.live
            halt(self._line.world, self._line.host, domain, "saved", Power.SUSPENDED)

    def _become(self, domain: Domain, power: Power, reason: str) -> None:
        if domain.power is not power:
            domain.power, domain.reason = power, reason
            self._line.world.wake(self._line.host, f"vm/{domain.name}")


def _for_one_run(domain: Domain, once: Once) -> Hardware:
    if domain.live is not None:
        raise Said(Conflict, "domain is already active")
    if domain.power is Power.SUSPENDED:
        raise Said(Conflict, "domain has a managed save image")
    hardware = domain.config.copy()
    hardware.once = frozenset(once.fields)
    for path, value in once.fields.items():
        kind, name, field = entry_of(path) or ("", "", path)
        device = hardware.find(kind, name, domain.mark) if kind else None
        if kind and device is None:
            raise Said(Refused, f"{path}: the VM has no such device (any more)")
        values = device.fields if device is not None else hardware.scalars
        if value is None:
            values.pop(field, None)
        else:
            values[field] = value
    return hardware


def _require_active(domain: Domain) -> None:
    if domain.live is None:
        raise Said(Conflict, "domain is not running")
