"""Relocation: a VM that is off moves as its definition, with the content of its NVRAM.

    look at both → NVRAM to the target → define there with the new mark → read back → undefine on the source → autostart

Killed between any two steps it can be done again from the start: until the target has the definition nothing counts
there, and from then on the newer mark tells which of the two is the VM. The disks are not moved, nor removed; the
NVRAM file on the source stays. Called by migrations.py. Raises drivers.errors.
"""

from __future__ import annotations

from drivers.errors import Conflict, DriverError, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import marks
from drivers.libvirt.domain.reading import read
from drivers.libvirt.domain.tree import Element, parse, parse_to_edit, write
from drivers.libvirt.migration import checks, nvram, settle
from drivers.libvirt.migration.sides import Side, look
from drivers.moving import Relocation
from specs.fields import Scalar
from specs.structs import Struct


def relocate(source: Connections, target: Connections, request: Relocation) -> None:
    """See drivers.base.Migrations.relocate."""
    _Move(source, target, request).run()


class _Move(Struct, frozen=True):
    source: Connections
    target: Connections
    request: Relocation

    @property
    def operation(self) -> str:
        return f"relocate vm/{self.request.uuid}"

    def run(self) -> None:
        here, there = settle.both(self.source, self.target, self.request.uuid, self.operation)
        moved = there is not None and there.mark == self.request.mark
        if here is None and moved:
            return
        side = self._leaves(here)
        if not moved:
            checks.may_come(side, there, self.target.host, self.operation)
            self._bring(side, there)
        self._leave()

    def _leaves(self, here: Side | None) -> Side:
        side = checks.leaves(here, self.source.host, self.request.expects, self.operation)
        if not side.off:
            raise Conflict(self.source.host, self.operation, "it is running")
        if side.moved_on:
            raise Conflict(self.source.host, self.operation, "libvirt moved it away; this definition was left behind")
        if side.saved:
            detail = "it is suspended to disk, and its saved memory cannot be moved: start it, or discard that"
            raise Refused(self.source.host, self.operation, detail)
        if parse(side.xml).find("devices/tpm/backend[@type='emulator']") is not None:
            detail = "the state of its TPM lies on this host and cannot be read from outside: start it and migrate it"
            raise Refused(self.source.host, self.operation, detail)
        return side

    def _bring(self, side: Side, there: Side | None) -> None:
        root = parse_to_edit(side.xml)
        with self.target.changes() as conn:
            checks.name_is_free(self.target, conn, side, self.request.uuid, self.operation)
            self._reaches_disks(conn, root)
            if there is not None:
                checks.forget(self.target, conn, self.request.uuid, self.operation)
        if path := nvram.path_of(root):
            nvram.bring(self.source, self.target, self.operation, path)
        marks.write(root, self.request.mark)
        with self.target.changes() as conn:
            self.target.call(self.operation, conn.defineXMLFlags, write(root), 0)

    def _leave(self) -> None:
        """Both are looked at once more: the target has exactly this, and the source's is still off and unchanged."""
        here, there = settle.both(self.source, self.target, self.request.uuid, self.operation)
        side = self._leaves(here)
        if there is None or there.mark != self.request.mark or _identity(there.xml) != _identity(side.xml):
            raise Refused(self.target.host, self.operation, "libvirt took the definition, but it is not the same there")
        with self.source.changes() as conn:
            checks.forget(self.source, conn, self.request.uuid, self.operation)
            if look(self.source, conn, self.request.uuid, self.operation) is not None:
                raise DriverError(self.source.host, self.operation, "its definition is still here")
        if side.autostart:
            self._start_with_host()

    def _start_with_host(self) -> None:
        """Only now: two hosts that both start it when they boot would run it twice."""
        with self.target.changes() as conn:
            domain = self.target.call(self.operation, conn.lookupByUUIDString, self.request.uuid)
            self.target.call(self.operation, domain.setAutostart, 1)

    def _reaches_disks(self, conn: object, root: Element) -> None:
        """Refused if a pool of the target has the folder of a disk and not the disk. Without a pool nobody can tell."""
        for path in _files(root):
            try:
                self.target.call(self.operation, conn.storageVolLookupByPath, path)  # type: ignore[attr-defined]
            except Missing:
                if nvram.has_folder_without(self.target, conn, self.operation, path):
                    detail = f"the target does not have {path}; what lies on one host alone stays with it"
                    raise Refused(self.source.host, self.operation, detail) from None


def _identity(xml: str) -> dict[str, Scalar]:
    """What a VM must not lose on the way: its devices, images and addresses. Other libvirts have other defaults."""
    seen = read(xml, None)
    telling = {path: value for path, value in seen.config.items() if path.endswith(("].source", "].mac", "].network"))}
    return {**telling, "name": seen.name, "memory": seen.config.get("memory"), "cpus": seen.config.get("cpu.count")}


def _files(root: Element) -> list[str]:
    disks = (disk for disk in root.iterfind("devices/disk") if disk.get("device", "disk") == "disk")
    sources = (disk.find("source") for disk in disks)
    return [path for each in sources if each is not None and (path := each.get("file"))]
