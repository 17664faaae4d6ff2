"""Moves of simulated VMs: the Migrations protocol. The phases of a live one are in drivers/memory/journey.py."""

from __future__ import annotations

from collections.abc import Callable

from drivers.base import Host, Migration, Progress, Relocation
from drivers.errors import Busy, Conflict, Missing, Refused, Unknown, Unreachable
from drivers.memory.calls import Call, Line, check_generation
from drivers.memory.faults import Crash
from drivers.memory.journey import PHASES, Journey, remove_shell, wake_up
from drivers.memory.model.domain import Domain
from drivers.memory.model.places import HostState
from drivers.memory.model.said import Said
from drivers.memory.running import halt
from drivers.seen import Power


class MemoryMigrations:
    """See drivers.base.Migrations."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def migrate(self, request: Migration, target: Host, told: Callable[[Progress], None]) -> None:
        """Leads the migration through its phases."""
        call, other = self._call("migrate", request.uuid), self._other(target)
        with self._line.call(call):
            self._reaches(other)
            if self._arrived(request.uuid, request.expects, other):
                return
            journey = self._journey(request, other)
            try:
                for phase in PHASES:
                    call.phase = phase
                    self._advance(journey, phase, told)
                    self._line.point(call)
                    journey.check()
                journey.close(told)
            except (Crash, Unreachable):
                journey.desert()
                raise

    def _advance(self, journey: Journey, phase: str, told: Callable[[Progress], None]) -> None:
        try:
            journey.advance(phase, told)
        except Said:
            journey.call_off()
            raise

    def _journey(self, request: Migration, target: HostState) -> Journey:
        world, source = self._line.world, self._line.host
        domain = _checked(source.domain(request.uuid), request.expects)
        if domain.live is None:
            raise Said(Conflict, "it is not running")
        if request.uuid in world.journeys:
            raise Said(Busy, "it is being migrated already")
        if not world.linked(source.name, target.name):
            raise Said(Unreachable, f"{source.name} does not reach {target.name}")
        _clear(target, domain)
        live = domain.live.copy()
        shell = Domain(domain.name, domain.uuid, domain.config.copy(), live, persistent=False, mark=domain.mark)
        shell.power, shell.reason, shell.xml = Power.PAUSED, "migration", domain.xml
        shell.guest, shell.boots, shell.resets, shell.nvram = domain.guest, domain.boots, domain.resets, domain.nvram
        shell.slots = domain.slots
        world.journeys[domain.uuid] = journey = Journey(
            world=world,
            source=source,
            target=target,
            domain=domain,
            request=request,
            shell=shell,
            before=domain.power,
        )
        return journey

    def relocate(self, request: Relocation, target: Host) -> None:
        """Definition and NVRAM over there first, then away from here."""
        call, other = self._call("relocate", request.uuid), self._other(target)
        with self._line.call(call):
            self._reaches(other)
            source, there = self._line.host, other.domains.get(request.uuid)
            moved = there is not None and there.mark == request.mark
            if moved and request.uuid not in source.domains:
                return
            domain = _checked(source.domain(request.uuid), request.expects)
            if domain.live is not None:
                raise Said(Conflict, "it is running")
            if domain.reason == "migrated":
                raise Said(Conflict, "libvirt moved it away; this definition was left behind")
            if domain.power is Power.SUSPENDED:
                raise Said(Refused, "it is suspended to disk: its saved memory cannot be moved; start it first")
            if not moved:
                _clear(other, domain)
                made = Domain(domain.name, domain.uuid, domain.config.copy(), mark=request.mark, xml=domain.xml)
                made.nvram, made.guest = domain.nvram, domain.guest
                other.domains[made.uuid] = made
                self._line.world.wake(other, f"vm/{domain.name}")
            self._line.point(call)
            del source.domains[domain.uuid]
            other.domains[domain.uuid].autostart |= domain.autostart
            self._line.world.wake(source, f"vm/{domain.name}")

    def cancel(self, uuid: str) -> bool:
        """Takes effect at the end of the phase; not any more once the guest is being handed over."""
        with self._line.call(self._call("cancel", uuid)):
            journey = self._line.world.journeys.get(uuid)
            if journey is None or journey.source is not self._line.host or journey.phase == "finishing":
                return False
            journey.cancelled = True
            return True

    def progress(self, uuid: str) -> Progress | None:
        """As last told."""
        with self._line.call(self._line.reading("progress", uuid)):
            journey = self._line.world.journeys.get(uuid)
            return journey.progress if journey and journey.source is self._line.host else None

    def settle(self, uuid: str, target: Host) -> str:
        """The recovery table of a real host, as far as this twin can get into its rows."""
        call, other = self._call("settle", uuid), self._other(target)
        with self._line.call(call):
            if not other.reachable or not other.powered:
                raise Said(Unknown, f"{other.name} cannot be asked: no route to host")
            if uuid in self._line.world.journeys:
                raise Said(Busy, "the migration is still under way")
            return self._settled(self._line.host.domains.get(uuid), other.domains.get(uuid), other)

    def _settled(self, here: Domain | None, there: Domain | None, target: HostState) -> str:
        source, world = self._line.host, self._line.world
        runs_here, runs_there = _runs(here), _runs(there)
        if runs_here and runs_there:
            raise Said(Unknown, f"it runs on {source.name} and on {target.name}: stop the one that is not to be kept")
        if runs_there:
            if here is not None and here.live is not None:
                halt(world, source, here, "destroyed")
            if here is not None:
                source.domains.pop(here.uuid, None)
            return f"it runs on {target.name}"
        if here is not None and here.live is not None:
            remove_shell(world, target, here.uuid)
            if here.migrating == "out":
                here.power, here.reason = Power.RUNNING, "unpaused"
            return f"it runs on {source.name}"
        if there is not None and there.migrating == "in":
            return self._left_there(here, there, target)
        return self._off(here, there, target)

    def _left_there(self, here: Domain | None, there: Domain, target: HostState) -> str:
        if here is None or here.reason != "migrated":
            raise Said(Unknown, f"{target.name} has its memory, but nobody tells whether all of it")
        wake_up(self._line.world, target, there, Power.RUNNING, "migrated")
        there.persistent = True
        self._line.host.domains.pop(here.uuid, None)
        return f"it runs on {target.name}"

    def _off(self, here: Domain | None, there: Domain | None, target: HostState) -> str:
        if here is None or there is None:
            if here is None and there is None:
                raise Said(Missing, "it is on neither host")
            return f"it is off, on {self._line.host.name if here else target.name}"
        if _generation(here) == _generation(there) and here.reason != "migrated":
            raise Said(Unknown, "it is off on both hosts, and nothing tells which of the two is the newer")
        older, newer = (here, there) if _generation(here) <= _generation(there) else (there, here)
        place = self._line.host if older is here else target
        if older.mark is None or newer.mark is None or older.mark.repository != newer.mark.repository:
            raise Said(Unknown, "it is defined on both hosts, and not both times by us")
        if newer.reason == "migrated":
            raise Said(Unknown, "it is off on both hosts, and left both of them")
        del place.domains[older.uuid]
        return f"it is off, on {target.name if place is self._line.host else self._line.host.name}"

    def _arrived(self, uuid: str, expects: int, target: HostState) -> bool:
        there = target.domains.get(uuid)
        if uuid in self._line.host.domains or there is None or not _runs(there):
            return False
        return there.mark is not None and there.mark.generation == expects

    def _reaches(self, target: HostState) -> None:
        if target is self._line.host:
            raise Said(Refused, "source and target are the same host")
        if not target.reachable or not target.powered:
            raise Unreachable(target.name, "connect", "no route to host")

    def _other(self, target: Host) -> HostState:
        return self._line.world.hosts[target.name]

    def _call(self, method: str, uuid: str) -> Call:
        found = self._line.host.domains.get(uuid)
        call = self._line.new("migrations", method, found.name if found else uuid, found)
        call.uuid = uuid
        return call


def _checked(domain: Domain, expects: int) -> Domain:
    if not domain.persistent:
        raise Said(Conflict, "it is transient: it has no definition to move")
    check_generation(domain.mark, expects)
    if domain.snapshots:
        raise Said(Refused, "it has snapshots, and a VM with snapshots cannot be moved: delete them first")
    return domain


def _clear(target: HostState, domain: Domain) -> None:
    """Nothing of that name or uuid is on the target, but for an old definition of ours, which goes."""
    found = target.domains.get(domain.uuid)
    if any(other.name == domain.name for other in target.domains.values() if other is not found):
        raise Said(Conflict, f"{target.name} has another VM of that name")
    if found is None:
        return
    if found.live is not None:
        raise Said(Conflict, f"{target.name} has a process of it already: settle first")
    if found.mark is None or domain.mark is None or found.mark.repository != domain.mark.repository:
        raise Said(Conflict, f"{target.name} has a definition of it that is not ours")
    if found.mark.generation > domain.mark.generation:
        raise Said(Conflict, f"{target.name} has a newer definition of it")
    if found.power is Power.SUSPENDED or found.snapshots:
        raise Said(Conflict, f"{target.name} has a definition of it with saved memory or snapshots")
    del target.domains[domain.uuid]


def _runs(domain: Domain | None) -> bool:
    return domain is not None and domain.live is not None and not domain.migrating


def _generation(domain: Domain) -> int:
    return domain.mark.generation if domain.mark else 0
