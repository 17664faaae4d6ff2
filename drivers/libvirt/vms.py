"""Vms: definitions of VMs and changes of running ones (the Protocol of drivers/base.py) on libvirt.

An edit is made in this order: check the mark on the host, change the running VM, patch the next boot's definition
as it is now and define it with the new mark, mark the running VM too, read everything back. A domain is never
undefined in order to be changed. In: requests of drivers/base.py. Out: Refusals. Raises drivers.errors.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import libvirt

from drivers import errors
from drivers import mark as marks
from drivers.base import Edit, NewVm, Refusal, VmEdit
from drivers.libvirt import domain_calls
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import live, patches, reading, schema
from drivers.libvirt.domain.aspect import NotNow
from drivers.libvirt.domain.definition import Context, build, change
from drivers.libvirt.domain.draft import Names
from drivers.libvirt.domain.marks import parsed
from drivers.libvirt.domain.tree import (
    CannotWrite,
    Element,
    NotReadable,
    parse_to_edit,
    without_passwords,
    write,
)
from drivers.libvirt.domain.visible import unseen
from drivers.libvirt.errors import is_code
from drivers.libvirt.running import RunningVm
from drivers.mark import Mark
from specs.structs import Struct

UNDEFINE_SINCE = (
    ("VIR_DOMAIN_UNDEFINE_MANAGED_SAVE", 1, 0),
    ("VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA", 2, 0),
    ("VIR_DOMAIN_UNDEFINE_NVRAM", 4, 0),
    ("VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA", 16, 5_006_000),
    ("VIR_DOMAIN_UNDEFINE_TPM", 32, 8_009_000),
)
"""Flag, its number, and the daemon's version that knows it; an older one refuses the whole call."""


class _Marked(Struct):
    """A domain and its mark as read right before the change."""

    domain: libvirt.virDomain
    mark: Mark | None
    running: bool


class _Found(_Marked):
    """The same with its definition."""

    config: Element


class Vms:
    """The VMs of one host. Thread-safe; changes of one VM happen one after the other."""

    def __init__(self, connections: Connections) -> None:
        self._connections, self._host = connections, connections.host
        self._locks: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)

    def define(self, new: NewVm) -> None:
        """See drivers.base.Vms. Satisfied if exactly this domain, with this mark, is there already."""
        operation = f"define vm/{new.name}"
        with self._changing(new.uuid, operation) as conn:
            with self._writing(operation):
                xml = build(new, self._connections.version(operation))
            taken, domain, seen = self._call(operation, domain_calls.define_new, conn, new, xml)
            if taken:
                self._same(taken, seen, new, operation)
                return
            edits = tuple(Edit(path=path, after=value) for path, value in new.fields.items())
            found = self._found(domain, seen, operation)
            self._prove(found, VmEdit(uuid=new.uuid, expects=None, mark=new.mark, config=edits, xml=new.xml))

    def check(self, request: NewVm | VmEdit) -> str:
        """See drivers.base.Vms."""
        operation = f"check vm/{request.uuid}"
        with self._changing(request.uuid, operation) as conn:
            version = self._connections.version(operation)
            try:
                if isinstance(request, NewVm):
                    xml = build(request, version)
                else:
                    found = self._find(conn, request.uuid, operation)
                    devices = {**(found.mark.devices if found.mark else {}), **request.mark.devices}
                    change(found.config, request, Context(devices=devices))
                    xml = write(found.config)
            except CannotWrite as problem:
                return str(problem)
            return self._refusal(conn, xml, version, operation)

    def _refusal(self, conn: libvirt.virConnect, xml: str, version: int, operation: str) -> str:
        if why := schema.refusal(xml, version):
            return why
        try:
            self._call(operation, conn.domainXMLToNative, "qemu-argv", xml, 0)
        except (errors.Refused, errors.Unsupported) as problem:
            return "" if is_code(problem, "NO_SUPPORT") else without_passwords(problem.detail)
        return ""

    def edit(self, edit: VmEdit) -> tuple[Refusal, ...]:
        """See drivers.base.Vms."""
        operation = f"edit vm/{edit.uuid}"
        with self._changing(edit.uuid, operation) as conn:
            found = self._find(conn, edit.uuid, operation)
            operation = f"edit vm/{found.domain.name()}"
            self._check(found, edit.expects, edit.mark, operation)
            devices = {**(found.mark.devices if found.mark else {}), **edit.mark.devices}
            running = RunningVm(self._connections, found.domain, operation, found.config, devices)
            if edit.xml and edit.live and (why := self.check(edit)):
                raise errors.Refused(self._host, operation, why)  # before the running VM is touched
            refusals = tuple(self._live_edits(running, edit, devices)) if found.running else ()
            context = Context(devices=devices, live=running.live() if found.running else None)
            with self._writing(operation):
                written = change(found.config, edit, context)
            self._call(operation, domain_calls.define, conn, write(found.config), edit)
            if found.running:
                self._mark_live(found, written, operation)
            self._prove(self._again(found.domain, operation), edit)
            return refusals

    def mark(self, uuid: str, expects: int | None, mark: Mark | None) -> None:
        """See drivers.base.Vms."""
        operation = f"mark vm/{uuid}"
        with self._changing(uuid, operation) as conn:
            found = self._marked(conn, uuid, operation)
            operation = f"mark vm/{found.domain.name()}"
            self._check(found, expects, mark, operation)
            flags = domain_calls.CONFIG | (domain_calls.LIVE if found.running else 0)
            seen = self._call(operation, domain_calls.write_mark, found.domain, mark, flags)
            if self._mark(seen, operation) != mark:
                raise errors.Refused(self._host, operation, "the mark cannot be read back")

    def rename(self, uuid: str, expects: int, name: str, mark: Mark) -> None:
        """See drivers.base.Vms."""
        operation = f"rename vm/{uuid}"
        with self._changing(uuid, operation) as conn:
            found = self._marked(conn, uuid, operation)
            operation = f"rename vm/{found.domain.name()}"
            self._check(found, expects, mark, operation)
            if found.domain.name() != name:
                if found.running:
                    raise errors.Conflict(self._host, operation, "it runs; libvirt renames only a stopped VM")
                self._call(operation, found.domain.rename, name, 0)
            self._call(operation, domain_calls.write_mark, found.domain, mark, domain_calls.CONFIG)

    def autostart(self, uuid: str, on: bool) -> None:
        """See drivers.base.Vms."""
        operation = f"autostart vm/{uuid}"
        with self._changing(uuid, operation) as conn:
            domain = self._call(operation, conn.lookupByUUIDString, uuid)
            if bool(self._call(operation, domain.autostart)) != on:
                self._call(operation, domain.setAutostart, int(on))
            if bool(self._call(operation, domain.autostart)) != on:
                raise errors.Refused(self._host, operation, "the setting cannot be read back")

    def undefine(self, uuid: str, expects: int) -> None:
        """See drivers.base.Vms. Satisfied if the domain is gone already."""
        operation = f"undefine vm/{uuid}"
        with self._changing(uuid, operation) as conn:
            try:
                found = self._marked(conn, uuid, operation)
            except errors.Missing:
                return
            operation = f"undefine vm/{found.domain.name()}"
            self._check(found, expects, None, operation)
            if found.running:
                raise errors.Conflict(self._host, operation, "it runs; stop it first")
            self._call(operation, found.domain.undefineFlags, self._undefine_flags(operation))

    def _undefine_flags(self, operation: str) -> int:
        version = self._connections.version(operation)
        return sum(number for _, number, since in UNDEFINE_SINCE if version >= since)

    @contextmanager
    def _changing(self, uuid: str, operation: str) -> Iterator[libvirt.virConnect]:
        """A connection for changes and the VM's lock."""
        with self._locks[uuid], self._connections.changes() as conn:
            try:
                yield conn
            except NotReadable as problem:
                raise errors.DriverError(self._host, operation, str(problem)) from None

    @contextmanager
    def _writing(self, operation: str) -> Iterator[None]:
        try:
            yield
        except CannotWrite as problem:
            raise errors.Refused(self._host, operation, str(problem)) from None

    def _find(self, conn: libvirt.virConnect, uuid: str, operation: str) -> _Found:
        domain, xml = self._call(operation, domain_calls.fetch, conn, uuid)
        if xml is None:
            raise errors.Conflict(self._host, operation, "it is transient: it has no definition to change")
        return self._found(domain, xml, operation)

    def _again(self, domain: libvirt.virDomain, operation: str) -> _Found:
        """The same domain after the change, for the proof."""
        return self._found(domain, self._call(operation, domain.XMLDesc, domain_calls.NEXT_BOOT), operation)

    def _found(self, domain: libvirt.virDomain, xml: str, operation: str) -> _Found:
        config = parse_to_edit(xml)
        mark = self._understood(*reading.mark_of(config), operation)
        return _Found(domain, mark, domain.ID() != -1, config)

    def _marked(self, conn: libvirt.virConnect, uuid: str, operation: str) -> _Marked:
        domain, xml = self._call(operation, domain_calls.fetch_mark, conn, uuid)
        return _Marked(domain, self._mark(xml, operation), domain.ID() != -1)

    def _mark(self, xml: str | None, operation: str) -> Mark | None:
        return self._understood(*parsed(xml), operation) if xml is not None else None

    def _understood(self, mark: Mark | None, damaged: bool, operation: str) -> Mark | None:
        if damaged:
            self._conflict(operation, "its mark cannot be understood by this version of gitvirt")
        return mark

    def _check(self, found: _Marked, expects: int | None, mark: Mark | None, operation: str) -> None:
        """The precondition of every change: the mark on the host is the one that was planned with."""
        seen = found.mark
        if expects is None:
            if seen is not None:
                self._conflict(operation, f"it bears a mark already ({seen.ref}, generation {seen.generation})")
            return
        if seen is None:
            self._conflict(operation, f"it bears no mark; generation {expects} was expected")
        if seen.generation != expects:
            self._conflict(operation, f"its mark has generation {seen.generation}, not {expects}: it was changed since")
        if mark is not None and seen.repository != mark.repository:
            self._conflict(operation, f"it belongs to another repository ({seen.repository})")
        if seen.uuid != found.domain.UUIDString():
            self._conflict(operation, "its mark is a copy of another VM's")

    def _conflict(self, operation: str, detail: str) -> NoReturn:
        raise errors.Conflict(self._host, operation, detail)

    def _same(self, taken: str, xml: str, new: NewVm, operation: str) -> None:
        """Conflict unless the domain that has the uuid or name already is the very one that was to be defined."""
        config = parse_to_edit(xml)
        same = config.findtext("uuid") == new.uuid and config.findtext("name") == new.name
        if not same or reading.mark_of(config)[0] != marks.loads(marks.dumps(new.mark)):
            self._conflict(operation, f"another VM has this {taken}: {config.findtext('name')}")

    def _live_edits(self, running: RunningVm, edit: VmEdit, devices: Any) -> Iterator[Refusal]:
        for each in edit.live:
            try:
                live.change(running, each, devices)
                if not running.shows(each):
                    raise NotNow("libvirt took the change, but the running VM does not show it")
            except (NotNow, CannotWrite) as problem:
                yield Refusal(path=each.path, reason=getattr(problem, "reason", str(problem)))
            except errors.DriverError as problem:
                if not _waits(problem):
                    raise
                yield Refusal(path=each.path, reason=without_passwords(problem.detail))

    def _mark_live(self, found: _Found, mark: Mark, operation: str) -> None:
        try:
            self._call(operation, domain_calls.write_mark, found.domain, mark, domain_calls.LIVE)
        except errors.Conflict:
            if self._call(operation, found.domain.isActive):
                raise  # else it stopped meanwhile, and the definition has the mark

    def _prove(self, found: _Found, edit: VmEdit) -> None:
        """Reads back: the mark, every field of the definition, the patches."""
        operation = f"verify vm/{found.domain.name()}"
        if found.mark is None or found.mark.generation != edit.mark.generation:
            raise errors.Refused(self._host, operation, "the mark cannot be read back")
        names = Names(found.mark.devices)
        missing = unseen(edit.config, reading.draft(found.config, names).fields)
        if missing is not None:
            detail = f"{missing.path}: libvirt took the change, but the definition does not show it"
            raise errors.Refused(self._host, operation, detail)
        if path := patches.lost(found.config, edit.xml):
            detail = f"{path}: libvirt took the patch, but the definition does not show it"
            raise errors.Refused(self._host, operation, detail)

    def _call(self, operation: str, function: Callable[..., Any], *args: Any) -> Any:
        return self._connections.call(operation, function, *args)


def _waits(problem: errors.DriverError) -> bool:
    """Whether a live change that failed like this can wait for the next boot; all else fails the whole edit.

    A lost connection or an unknown outcome must not be written over; a lock or a full disk is no refusal of the
    VM's, and the definition must not get a disk that another VM writes to.
    """
    if isinstance(problem, errors.Conflict):
        return is_code(problem, "OPERATION_INVALID", "OPERATION_FAILED")
    ends = (errors.Unreachable, errors.Unknown, errors.Denied, errors.Busy, errors.NoSpace)
    return not isinstance(problem, ends)
