"""Live migration of one VM: peer-to-peer where the hosts trust each other, else led through our own connections.

    look at both hosts → make volumes for what is copied → migrate, watched by a Monitor → prove it on both hosts

Peer-to-peer survives the end of gitvirt; managed direct needs no trust between the hosts, and libvirt gives up when
we are gone. Each has connections of its own. After any failure both hosts are looked at again: the VM runs on one of
them, or the error is Unknown. Called by migrations.py. Raises drivers.errors.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, MutableMapping
from urllib.parse import parse_qsl, urlencode

import libvirt

from drivers.errors import Busy, Conflict, DriverError, Refused, Unknown
from drivers.libvirt.access import LOCAL_ONLY
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration import checks, copies, direct, settle
from drivers.libvirt.migration.copies import Copies
from drivers.libvirt.migration.monitor import Monitor, progress_of
from drivers.libvirt.migration.parameters import Route, Terms, address_in, terms
from drivers.libvirt.migration.refusals import explain, is_about_the_peer
from drivers.libvirt.migration.sides import Side, look
from drivers.moving import Migration, Progress
from specs.structs import Struct, replace

COMPLETED = libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED | libvirt.VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED
DISTRUST = 3600.0  # seconds for which a peer that could not be connected to is not tried again
Told = Callable[[Progress], None]


class Live(Struct, frozen=True):
    """One migration. `strangers` are the peers that the source could not connect to, with when that was."""

    source: Connections
    target: Connections
    request: Migration
    strangers: MutableMapping[str, float]

    @property
    def operation(self) -> str:
        return f"migrate vm/{self.request.uuid}"

    def run(self, told: Told) -> None:
        """See drivers.base.Migrations.migrate."""
        here, there = self._sides()
        if self._arrived(here, there):
            return self._copies(there).keep()
        before = self._checked(here, there)
        volumes, route = self._copies(before), self._route(before)
        volumes.make()
        try:
            self._migrate(route, told)
        except DriverError as error:
            self._failed(error, volumes)
        self._prove(before)
        volumes.keep()
        self._tell(told)

    def _tell(self, told: Told) -> None:
        """The figures of the whole: the monitor may have seen little of a copy that was over within one of its looks.

        The target keeps them until the VM's next job. It has moved, whatever becomes of its figures.
        """
        with contextlib.suppress(Exception), self.target.changes() as conn:
            domain = self.target.call(self.operation, conn.lookupByUUIDString, self.request.uuid)
            told(progress_of(self.target.call(self.operation, domain.jobStats, COMPLETED), phase="done"))

    def _checked(self, here: Side | None, there: Side | None) -> Side:
        """The preconditions, and away with an old definition of ours on the target."""
        side = checks.leaves(here, self.source.host, self.request.expects, self.operation)
        if side.job:
            raise Busy(self.source.host, self.operation, "it is being migrated already")
        if side.off:
            raise Conflict(self.source.host, self.operation, "it is not running")
        if not side.alive or side.in_postcopy:
            detail = "an earlier migration was not brought to its end: that has to be settled first"
            raise Conflict(self.source.host, self.operation, detail)
        checks.may_come(side, there, self.target.host, self.operation)
        with self.target.changes() as conn:
            checks.name_is_free(self.target, conn, side, self.request.uuid, self.operation)
            if there is not None:
                checks.forget(self.target, conn, self.request.uuid, self.operation)
        return side

    def _migrate(self, route: Route, told: Told) -> None:
        uri = peer(self.request.target_uri)
        with Monitor(self.source, self.request, told) as monitor:
            try:
                if uri and time.monotonic() - self.strangers.get(uri, -DISTRUST) >= DISTRUST:
                    try:
                        return self._peer_to_peer(uri, route)
                    except DriverError as error:
                        if monitor.began or not is_about_the_peer(error) or not self._untouched():
                            raise
                        self.strangers[uri] = time.monotonic()
                self._direct(route)
            except DriverError as error:
                raise explain(error, monitor.aborted) from error

    def _peer_to_peer(self, uri: str, route: Route) -> None:
        wanted = self._terms(route, uri)
        with self.source.long() as conn:
            domain = self.source.call(self.operation, conn.lookupByUUIDString, self.request.uuid)
            arguments = (uri, dict(wanted.parameters), wanted.flags)
            self.source.call(self.operation, domain.migrateToURI3, *arguments, deadline=direct.PATIENCE)

    def _direct(self, route: Route) -> None:
        way = direct.Way(self.source, self.target)
        direct.lead(way, self.request.uuid, self.operation, self._terms(route, ""))

    def _terms(self, route: Route, uri: str) -> Terms:
        """QEMU goes the way that libvirtd goes, or that we go, unless there is a migration network."""
        address = self.request.address or address_in(uri) or address_in(self.target.where)
        return terms(self.request, replace(route, address=address), peer_to_peer=bool(uri))

    def _route(self, side: Side) -> Route:
        with self.source.changes() as conn:
            own = self.source.call(self.operation, conn.getLibVersion)
        with self.target.changes() as conn:
            version = self.target.call(self.operation, conn.getLibVersion)
            hostname = self.target.call(self.operation, conn.getHostname)
        return Route(
            host=self.source.host,
            hostname=hostname,
            version=min(own, version),
            paused=side.state == libvirt.VIR_DOMAIN_PAUSED,
        )

    def _copies(self, side: Side | None) -> Copies:
        found = copies.sources(side.xml, self.request.copy) if side else {}
        if missing := [target for target, path in found.items() if not path]:
            detail = f"no disk {', '.join(missing)} that is a file, so its content cannot be copied along"
            raise Refused(self.source.host, self.operation, detail)
        return Copies(self.source, self.target, self.operation, tuple(found.values()), self.request.incremental)

    def _failed(self, error: DriverError, volumes: Copies) -> None:
        """Returns if the VM runs on the target in spite of it; else raises: the error if it never left the source.

        Copies of its disks go only then: a guest that arrived and shut down has them as its only disks.
        """
        here = self._here(error)
        if here is None or not here.alive or here.in_postcopy or here.job:
            self._settle(error)
            here, there = self._sides()
            if there is not None and there.alive and here is None:
                return
            if not settle.stayed(here, there):
                if here is None and there is not None and there.persistent:
                    with contextlib.suppress(DriverError):
                        volumes.keep()
                where = f"it is off on {there.host}" if there is not None else f"{self.target.host} does not have it"
                detail = f"{error.detail}; it left {self.source.host}, and {where}"
                raise Unknown(self.source.host, self.operation, detail) from error
        elif self._runs_there():
            raise Unknown(self.source.host, self.operation, f"it seems to run on both hosts; {error.detail}") from error
        with contextlib.suppress(DriverError):  # a target that is gone keeps them, with their markers
            volumes.discard()
        raise error

    def _here(self, error: DriverError) -> Side | None:
        """The source's side; Unknown if it cannot be asked: peer-to-peer goes on without us."""
        try:
            with self.source.changes() as conn:
                return look(self.source, conn, self.request.uuid, self.operation)
        except DriverError as silence:
            detail = f"{error.detail}; it may go on without us, since {silence.detail}"
            raise Unknown(self.source.host, self.operation, detail) from error

    def _runs_there(self) -> bool:
        """Whether the target shows it running as well. A target that does not answer never finished: here it runs."""
        try:
            with self.target.changes() as conn:
                there = look(self.target, conn, self.request.uuid, self.operation)
        except DriverError:
            return False
        return there is not None and there.alive

    def _settle(self, error: DriverError) -> None:
        try:
            settle.settle(self.source, self.target, self.request.uuid)
        except DriverError as unsettled:
            detail = f"{error.detail}; {unsettled.detail}"
            raise Unknown(self.source.host, self.operation, detail) from error

    def _prove(self, before: Side) -> None:
        """Reads back: it is the target's, for good, with its mark, and the source's no more."""
        here, there = self._sides()
        if there is None or not there.alive:
            raise Unknown(self.target.host, self.operation, "libvirt says that it arrived, but it does not run there")
        with self.target.changes() as conn:
            if not there.persistent:  # libvirt could not save the definition: the VM must not be lost with its process
                self.target.call(self.operation, conn.defineXMLFlags, before.xml, 0)
            if before.autostart:
                domain = self.target.call(self.operation, conn.lookupByUUIDString, self.request.uuid)
                self.target.call(self.operation, domain.setAutostart, 1)
        if here is not None and here.off:
            with self.source.changes() as conn:
                checks.forget(self.source, conn, self.request.uuid, self.operation)
        here, there = self._sides()
        if not self._arrived(here, there):
            raise Unknown(
                self.target.host, self.operation, "it runs there, but its definition or mark is not as it was"
            )

    def _untouched(self) -> bool:
        """Nothing began: it runs on the source, without a job, and the target knows nothing of it."""
        here, there = self._sides()
        return here is not None and here.alive and not here.job and there is None

    def _arrived(self, here: Side | None, there: Side | None) -> bool:
        if here is not None or there is None or not there.alive or not there.persistent:
            return False
        return there.mark is not None and there.generation == self.request.expects

    def _sides(self) -> tuple[Side | None, Side | None]:
        return settle.both(self.source, self.target, self.request.uuid, self.operation)


def peer(uri: str) -> str:
    """The URI as the source's libvirtd may have it: which keys and certificates it shows is its own matter."""
    base, _, query = uri.partition("?")
    kept = [(key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key not in LOCAL_ONLY]
    return f"{base}?{urlencode(kept)}" if kept else base
