"""The Pools protocol on libvirt: directory pools."""

from __future__ import annotations

import time

import libvirt

from drivers.base import NewPool
from drivers.errors import Conflict, DriverError, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.errors import is_code
from drivers.libvirt.storage.document import pool_xml, read_pool
from drivers.seen import SeenPool

BUILD_ATTEMPTS, BUILD_PAUSE = 4, 0.7  # seconds
REFRESH_WAIT = 60.0  # seconds; a hung file server must not hold a step for ever


class Pools:
    """Storage pools of one host."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def define(self, new: NewPool) -> None:
        """Defined, its folder there, started, autostarted: each step only where it is missing."""
        operation = f"define pool/{new.name}"
        with self._connections.changes() as conn:
            pool = self._known(conn, operation, new)
            if pool is None:
                self._name_is_free(conn, operation, new)
                pool = self._connections.call(operation, conn.storagePoolDefineXML, pool_xml(new), 0)
            if not self._connections.call(operation, pool.isActive):
                self._start(operation, pool, build=new.build)
            if not self._connections.call(operation, pool.autostart):
                self._connections.call(operation, pool.setAutostart, 1)
            seen = self._seen(operation, pool)
        if not (seen.active and seen.autostart and seen.path == new.path):
            raise Refused(self._connections.host, operation, f"the host shows {seen}")

    def active(self, name: str, on: bool) -> None:
        """Starts or stops it; already so is fine."""
        operation = f"{'start' if on else 'stop'} pool/{name}"
        with self._connections.changes() as conn:
            pool = self._connections.call(operation, conn.storagePoolLookupByName, name)
            if bool(self._connections.call(operation, pool.isActive)) == on:
                return
            try:
                self._connections.call(operation, pool.create if on else pool.destroy)
            except Conflict:  # somebody was faster?
                if bool(self._connections.call(operation, pool.isActive)) != on:
                    raise

    def refresh(self, name: str) -> None:
        """libvirt reads the directory again."""
        operation = f"refresh pool/{name}"
        with self._connections.long() as conn:
            pool = self._connections.call(operation, conn.storagePoolLookupByName, name)
            self._connections.call(operation, pool.refresh, 0, deadline=REFRESH_WAIT)

    def undefine(self, name: str) -> None:
        """Stops it and removes the definition; already gone is fine; files stay."""
        operation = f"undefine pool/{name}"
        with self._connections.changes() as conn:
            try:
                pool = self._connections.call(operation, conn.storagePoolLookupByName, name)
                if self._connections.call(operation, pool.isActive):
                    self._connections.call(operation, pool.destroy)
                if self._connections.call(operation, pool.isPersistent):
                    self._connections.call(operation, pool.undefine)
            except Missing:
                return

    def _known(self, conn: libvirt.virConnect, operation: str, new: NewPool) -> libvirt.virStoragePool | None:
        try:
            pool = self._connections.call(operation, conn.storagePoolLookupByUUIDString, new.uuid)
        except Missing:
            return None
        seen = self._seen(operation, pool)
        if (seen.name, seen.path) != (new.name, new.path):
            detail = f"its pool is {seen.name} on {seen.path}, not {new.name} on {new.path}; undefine it first"
            raise Conflict(self._connections.host, operation, detail)
        return pool

    def _name_is_free(self, conn: libvirt.virConnect, operation: str, new: NewPool) -> None:
        try:
            other = self._connections.call(operation, conn.storagePoolLookupByName, new.name)
        except Missing:
            return
        detail = f"the host has another pool of this name (uuid {other.UUIDString()})"
        raise Conflict(self._connections.host, operation, detail)

    def _start(self, operation: str, pool: libvirt.virStoragePool, *, build: bool) -> None:
        """Builds only when the start fails for a missing folder: an existing one is not touched.

        File systems of a network or in user space believe in a vanished folder for a second or so, hence the patience.
        """
        for attempt in range(1, BUILD_ATTEMPTS + 1):
            try:
                if attempt > 1:
                    self._connections.call(operation, pool.build, 0)
                self._connections.call(operation, pool.create, 0)
                return
            except DriverError as error:
                missing = is_code(error, "SYSTEM_ERROR", "INTERNAL_ERROR")
                if not (build and missing and attempt < BUILD_ATTEMPTS):
                    raise
            if attempt > 1:
                time.sleep(BUILD_PAUSE)

    def _seen(self, operation: str, pool: libvirt.virStoragePool) -> SeenPool:
        active = bool(self._connections.call(operation, pool.isActive))
        autostart = bool(self._connections.call(operation, pool.autostart))
        return read_pool(self._connections.call(operation, pool.XMLDesc, 0), active=active, autostart=autostart)
