"""Definitions of simulated VMs: the Vms protocol."""

from __future__ import annotations

from drivers.base import NewVm, Refusal, VmEdit
from drivers.errors import Conflict, Refused
from drivers.mark import Mark
from drivers.memory.calls import Line, check_generation
from drivers.memory.model.defaults import defined
from drivers.memory.model.domain import Domain
from drivers.memory.model.said import Said
from drivers.memory.protocols.edits import change_definition, change_running
from specs.fields import Secret


class MemoryVms:
    """See drivers.base.Vms."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def define(self, new: NewVm) -> None:
        """A new domain, normalised."""
        host, world = self._line.host, self._line.world
        call = self._line.new("vms", "define", new.name, host.domains.get(new.uuid))
        call.uuid = new.uuid
        with self._line.call(call):
            for other in host.domains.values():
                if other.uuid == new.uuid or other.name == new.name:
                    raise Said(Conflict, f"domain '{other.name}' already exists with uuid {other.uuid}")
            config = defined(new.fields, new.mark, host.capabilities)
            _check_password(new.fields.get("graphics.password"))
            host.domains[new.uuid] = Domain(new.name, new.uuid, config, mark=new.mark, xml=new.xml)
            world.wake(host, f"vm/{new.name}")

    def edit(self, edit: VmEdit) -> tuple[Refusal, ...]:
        """Live, then the definition with its mark."""
        with self._line.vm("edit", edit.uuid) as (call, domain):
            check_generation(domain.mark, edit.expects, edit.mark)
            if edit.live and domain.live is None:
                raise Said(Conflict, "domain is not running")
            if edit.xml_before != domain.xml and edit.xml != edit.xml_before:
                raise Said(Conflict, "the definition does not bear the xml patches that shall be undone")
            for each in (*edit.config, *edit.live):
                if each.path == "graphics.password":
                    _check_password(each.after)
            refusals = []
            for each in edit.live:
                refused = change_running(self._line, domain, each, edit.mark)
                if refused:
                    refusals.append(Refusal(path=each.path, reason=refused))
                self._line.point(call)
            config = change_definition(self._line, domain, edit.config, edit.mark)
            domain.config, domain.mark, domain.damaged, domain.xml = config, edit.mark, False, edit.xml
            self._line.world.wake(self._line.host, f"vm/{domain.name}")
            return tuple(refusals)

    def mark(self, uuid: str, expects: int | None, mark: Mark | None) -> None:
        """Only the mark."""
        with self._line.vm("mark", uuid) as (_, domain):
            check_generation(domain.mark, expects, mark)
            if not domain.persistent:
                raise Said(Conflict, "cannot change persistent config of a transient domain")
            domain.mark, domain.damaged = mark, False
            self._line.world.wake(self._line.host, f"vm/{domain.name}")

    def rename(self, uuid: str, expects: int, name: str, mark: Mark) -> None:
        """In place, of a stopped domain."""
        with self._line.vm("rename", uuid) as (call, domain):
            check_generation(domain.mark, expects, mark)
            if domain.live is not None:
                raise Said(Conflict, "cannot rename active domain")
            if domain.snapshots:
                raise Said(Conflict, "cannot rename domain with snapshots")
            if any(other.name == name for other in self._line.host.domains.values() if other is not domain):
                raise Said(Conflict, f"domain with name '{name}' already exists")
            domain.name = name
            self._line.point(call)
            domain.mark = mark
            self._line.world.wake(self._line.host, f"vm/{name}")

    def autostart(self, uuid: str, on: bool) -> None:
        """No event tells of it."""
        with self._line.vm("autostart", uuid) as (_, domain):
            if not domain.persistent:
                raise Said(Conflict, "cannot set autostart for transient domain")
            domain.autostart = on

    def undefine(self, uuid: str, expects: int) -> None:
        """Removes definition and saved state, never a disk; already gone is fine."""
        host = self._line.host
        found = host.domains.get(uuid)
        call = self._line.new("vms", "undefine", found.name if found else uuid, found)
        with self._line.call(call):
            domain = host.domains.get(uuid)
            if domain is None:
                return
            check_generation(domain.mark, expects)
            if domain.live is not None:
                raise Said(Conflict, "domain is running")
            if domain.snapshots:
                raise Said(Conflict, "cannot delete inactive domain with snapshots")
            del host.domains[uuid]
            self._line.world.wake(host, f"vm/{domain.name}")


def _check_password(value: object) -> None:
    if isinstance(value, Secret) and len(value.reveal()) > 8:
        raise Said(Refused, "VNC password is longer than 8 characters")
