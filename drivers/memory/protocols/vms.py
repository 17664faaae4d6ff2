"""Definitions of simulated VMs: the Vms protocol."""

from __future__ import annotations

from drivers.base import NewVm, Refusal, VmEdit
from drivers.errors import Conflict, Refused
from drivers.mark import Mark, dumps, loads
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
            found = host.domains.get(new.uuid)
            if found and (found.name, found.mark) == (new.name, new.mark):
                return
            for other in host.domains.values():
                if other.uuid == new.uuid or other.name == new.name:
                    raise Said(Conflict, f"domain '{other.name}' already exists with uuid {other.uuid}")
            _check_readable(new.mark)
            config = defined(new.fields, new.mark, host.capabilities)
            _check_password(new.fields.get("graphics.password"))
            _check_patches(host.refused_xml, new.xml)
            host.domains[new.uuid] = Domain(new.name, new.uuid, config, mark=new.mark, xml=new.xml)
            world.wake(host, f"vm/{new.name}")

    def check(self, request: NewVm | VmEdit) -> str:
        """Only what tests said that this host refuses."""
        try:
            _check_patches(self._line.host.refused_xml, request.xml)
        except Said as said:
            return said.detail
        return ""

    def edit(self, edit: VmEdit) -> tuple[Refusal, ...]:
        """Live, then the definition with its mark."""
        with self._line.vm("edit", edit.uuid) as (call, domain):
            _check(domain, edit.expects, edit.mark)
            if edit.xml_before != domain.xml and edit.xml != edit.xml_before:
                raise Said(Conflict, "the definition does not bear the xml patches that shall be undone")
            for each in (*edit.config, *edit.live):
                if each.path == "graphics.password":
                    _check_password(each.after)
            _check_patches(self._line.host.refused_xml, edit.xml)
            refusals = []
            for each in edit.live if domain.live is not None else ():
                refused = change_running(self._line, domain, each, edit.mark)
                if refused:
                    refusals.append(Refusal(path=each.path, reason=refused))
                self._line.point(call)
            config, mark = change_definition(self._line, domain, edit.config, edit.mark)
            domain.config, domain.mark, domain.xml = config, mark, edit.xml
            self._line.world.wake(self._line.host, f"vm/{domain.name}")
            return tuple(refusals)

    def mark(self, uuid: str, expects: int | None, mark: Mark | None) -> None:
        """Only the mark."""
        with self._line.vm("mark", uuid) as (_, domain):
            _check(domain, expects, mark)
            domain.mark = mark
            self._line.world.wake(self._line.host, f"vm/{domain.name}")

    def rename(self, uuid: str, expects: int, name: str, mark: Mark) -> None:
        """In place, of a stopped domain."""
        with self._line.vm("rename", uuid) as (call, domain):
            _check(domain, expects, mark)
            if domain.live is not None and name != domain.name:
                raise Said(Conflict, "cannot rename active domain")
            if domain.snapshots and name != domain.name:
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
            _check(domain, expects, None)
            if domain.live is not None:
                raise Said(Conflict, "domain is running")
            del host.domains[uuid]
            self._line.world.wake(host, f"vm/{domain.name}")


def _check(domain: Domain, expects: int | None, mark: Mark | None) -> None:
    """The precondition of every change: a definition, and on it the mark that was planned with."""
    if not domain.persistent:
        raise Said(Conflict, "it is transient: it has no definition to change")
    if domain.damaged:
        raise Said(Conflict, "its mark cannot be understood by this version of gitvirt")
    check_generation(domain.mark, expects)
    _check_readable(mark)
    if domain.mark is None:
        return
    if mark is not None and domain.mark.repository != mark.repository:
        raise Said(Conflict, f"it belongs to another repository ({domain.mark.repository})")
    if domain.mark.uuid != domain.uuid:
        raise Said(Conflict, "its mark is a copy of another VM's")


def _check_readable(mark: Mark | None) -> None:
    """A mark is text on a real host: what does not read back as it was is lost there."""
    if mark is not None and loads(dumps(mark)) != mark:
        raise Said(Refused, "the mark cannot be read back")


def _check_patches(refused: str, xml: str) -> None:
    if refused and refused in xml:
        raise Said(Refused, f"XML document failed to validate against schema: {refused}")


def _check_password(value: object) -> None:
    if isinstance(value, Secret) and len(value.reveal()) > 8:
        raise Said(Refused, "VNC password is longer than 8 characters")
