"""The Networks protocol on libvirt: define, edit, start, stop, autostart, undefine.

Every call re-reads the network right before it acts, checks the mark's generation, and reads the result back.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

import libvirt

from drivers.base import Edit, NewNetwork
from drivers.errors import Conflict, DriverError, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.errors import is_code
from drivers.libvirt.network.live import NotLive, Section, Update, updates
from drivers.libvirt.network.read import NetworkView, read
from drivers.libvirt.network.replug import replug
from drivers.libvirt.network.write import build, patch, unmarked
from drivers.libvirt.reader import links
from drivers.libvirt.reader.networks import definition
from drivers.mark import dumps

SECTIONS: dict[Section, int] = {
    "host": libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST,
    "range": libvirt.VIR_NETWORK_SECTION_IP_DHCP_RANGE,
    "dns": libvirt.VIR_NETWORK_SECTION_DNS_HOST,
}
COMMANDS = {True: libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST, False: libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE}


class Networks:
    """Virtual networks of one host."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._turn = threading.Lock()  # libvirt gives two networks that are defined at once the same bridge, for good

    def define(self, new: NewNetwork, expects: int | None = None) -> None:
        """Defines or redefines; an active network runs on with its old definition until it is restarted."""
        operation = f"define network/{new.name}"
        with self._turn, self._connections.changes() as conn:
            self._define(conn, operation, new, expects)

    def edit(self, new: NewNetwork, expects: int | None, live: Sequence[Edit]) -> None:
        """Live changes first, then the definition, so that an interrupted edit is found and made again."""
        operation = f"change network/{new.name}"
        with self._connections.changes() as conn:
            network = self._find(conn, operation, new.uuid)
            if network is None:
                raise Missing(self._connections.host, operation, "the network does not exist")
            view = self._view(operation, network)
            if not _bears(view, new):
                self._expect(operation, view, expects)
            self._update(operation, network, view, live)
            self._define(conn, operation, new, expects)

    def active(self, name: str, on: bool) -> None:
        """Starts or stops it; already so is fine. VMs that run on it are plugged in when it starts."""
        operation = f"{'start' if on else 'stop'} network/{name}"
        with self._connections.changes() as conn:
            network = self._connections.call(operation, conn.networkLookupByName, name)
            if bool(self._connections.call(operation, network.isActive)) == on:
                return
            try:
                self._connections.call(operation, network.create if on else network.destroy)
            except Conflict:  # somebody was faster?
                if bool(self._connections.call(operation, network.isActive)) != on:
                    raise
            if on:
                replug(self._connections, conn, network, self._view(operation, network))

    def autostart(self, name: str, on: bool) -> None:
        """Sets the flag."""
        operation = f"autostart network/{name}"
        with self._connections.changes() as conn:
            network = self._connections.call(operation, conn.networkLookupByName, name)
            if bool(self._connections.call(operation, network.autostart)) != on:
                self._connections.call(operation, network.setAutostart, int(on))

    def release(self, name: str, expects: int) -> None:
        """Takes the mark off the definition; already without one is fine."""
        operation = f"release network/{name}"
        with self._connections.changes() as conn:
            network = self._connections.call(operation, conn.networkLookupByName, name)
            view = self._view(operation, network)
            if view.mark is None:
                return
            self._expect(operation, view, expects)
            self._put(conn, operation, unmarked(self._connections.call(operation, definition, network)))
            if self._view(operation, network).mark is not None:
                raise Refused(self._connections.host, operation, "the host still shows the mark")

    def undefine(self, name: str) -> None:
        """Stops it and removes the definition; already gone is fine."""
        operation = f"undefine network/{name}"
        with self._connections.changes() as conn:
            try:
                network = self._connections.call(operation, conn.networkLookupByName, name)
                if self._connections.call(operation, network.isActive):
                    self._connections.call(operation, network.destroy)
                if self._connections.call(operation, network.isPersistent):
                    self._connections.call(operation, network.undefine)
            except Missing:
                return  # a transient network is gone with its stop

    def _require_bridge(self, conn: libvirt.virConnect, operation: str, new: NewNetwork) -> None:
        """libvirt itself defines and starts a network on a bridge that is not there; its VMs would not start."""
        bridge = new.fields.get("bridge")
        if bridge and links.one(self._connections, conn, str(bridge)) == "":
            raise Refused(self._connections.host, operation, f"the host has no bridge {bridge}")

    def _define(self, conn: libvirt.virConnect, operation: str, new: NewNetwork, expects: int | None) -> None:
        self._require_bridge(conn, operation, new)
        network = self._find(conn, operation, new.uuid)
        if network is None:
            if expects is not None:
                raise Missing(self._connections.host, operation, "the network does not exist")
            self._name_is_free(conn, operation, new)
            self._put(conn, operation, build(new))
        else:
            view = self._view(operation, network)
            if _bears(view, new) and not _differences(view, new):
                return  # an earlier attempt got this far
            self._expect(operation, view, expects)
            if view.name != new.name:
                detail = f"libvirt cannot rename the network {view.name}; undefine it and define it anew"
                raise Refused(self._connections.host, operation, detail)
            self._put(conn, operation, patch(self._connections.call(operation, definition, network), new))
        self._verify(conn, operation, new)

    def _put(self, conn: libvirt.virConnect, operation: str, xml: str) -> None:
        try:
            self._connections.call(operation, conn.networkDefineXMLFlags, xml, libvirt.VIR_NETWORK_DEFINE_VALIDATE)
        except DriverError as error:
            if not is_code(error, "NO_SUPPORT"):
                raise
            self._connections.call(operation, conn.networkDefineXML, xml)  # a daemon from before 7.8

    def _update(self, operation: str, network: libvirt.virNetwork, view: NetworkView, edits: Sequence[Edit]) -> None:
        if view.live is None:
            return  # it stopped meanwhile: the definition is all there is
        try:
            calls = updates(view.live, edits)
        except NotLive as problem:
            raise Refused(self._connections.host, operation, str(problem)) from None
        for each in calls:
            self._connections.call(operation, _send, network, each)
        if calls and updates(self._view(operation, network).live or {}, edits):
            raise Refused(self._connections.host, operation, "the running network does not show the change")

    def _find(self, conn: libvirt.virConnect, operation: str, uuid: str) -> libvirt.virNetwork | None:
        try:
            return self._connections.call(operation, conn.networkLookupByUUIDString, uuid)
        except Missing:
            return None

    def _name_is_free(self, conn: libvirt.virConnect, operation: str, new: NewNetwork) -> None:
        try:
            other = self._connections.call(operation, conn.networkLookupByName, new.name)
        except Missing:
            return
        detail = f"the host has another network of this name (uuid {other.UUIDString()})"
        raise Conflict(self._connections.host, operation, detail)

    def _expect(self, operation: str, view: NetworkView, expects: int | None) -> None:
        found = view.mark.generation if view.mark is not None else None
        if found != expects:
            detail = f"its mark is of generation {found}, planned with {expects}: changed meanwhile"
            raise Conflict(self._connections.host, operation, detail)

    def _verify(self, conn: libvirt.virConnect, operation: str, new: NewNetwork) -> None:
        network = self._find(conn, operation, new.uuid)
        view = self._view(operation, network) if network is not None else None
        if view is None or not _bears(view, new):
            raise Refused(self._connections.host, operation, "the host does not show the new definition")
        if wrong := _differences(view, new):
            raise Refused(self._connections.host, operation, f"the host keeps other values: {'; '.join(wrong)}")

    def _view(self, operation: str, network: libvirt.virNetwork) -> NetworkView:
        active = bool(self._connections.call(operation, network.isActive))
        live = self._connections.call(operation, network.XMLDesc, 0) if active else None
        return read(self._connections.call(operation, definition, network), live)


def _bears(view: NetworkView, new: NewNetwork) -> bool:
    return view.mark is not None and dumps(view.mark) == dumps(new.mark)


def _differences(view: NetworkView, new: NewNetwork) -> list[str]:
    return [
        f"{path} is {view.config.get(path)!r}, not {value!r}"
        for path, value in new.fields.items()
        if view.config.get(path) != value
    ]


def _send(network: libvirt.virNetwork, update: Update) -> None:
    flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
    network.update(COMMANDS[update.add], SECTIONS[update.section], -1, update.xml, flags)
