"""Virtual networks of a simulated host: the Networks protocol."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from drivers.base import Edit, NewNetwork
from drivers.errors import Conflict, Missing, Refused, Unsupported
from drivers.memory.calls import Line, check_generation
from drivers.memory.model.places import HostState, Network
from drivers.memory.model.said import Said
from specs.fields import Fields, Scalar, pattern

LIVE = frozenset({"dhcp.start", "dhcp.end", "hosts[*]", "hosts[*].mac", "hosts[*].address", "dns[*]", "dns[*].names"})
"""What virNetworkUpdate can change in a running network."""
_OF_HOST = ("bridge", "ovs")
_FORWARDING = ("nat", "routed", "open")
_BRIDGE_TAGS = 11_000_000


class MemoryNetworks:
    """See drivers.base.Networks."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def define(self, new: NewNetwork, expects: int | None = None) -> None:
        """Defines or redefines; an active network keeps its live form until it is restarted."""
        with self._line.call(self._line.network("define", new.name)):
            self._redefine(new, expects)

    def _redefine(self, new: NewNetwork, expects: int | None) -> None:
        found = self._own(new)
        if found is None:
            if expects is not None:
                raise Said(Missing, f"Network not found: no network with matching uuid '{new.uuid}'")
            found = self._line.host.networks[new.name] = Network(new.name, new.uuid)
        else:
            check_generation(found.mark, expects, new.mark)
        found.config, found.mark = normalised(new.fields), new.mark
        self._line.world.wake(self._line.host, f"network/{new.name}")

    def _own(self, new: NewNetwork) -> Network | None:
        for other in self._line.host.networks.values():
            if other.uuid == new.uuid and other.name != new.name:
                raise Said(Refused, f"libvirt cannot rename the network {other.name}; undefine it and define it anew")
            if other.name == new.name and other.uuid != new.uuid:
                raise Said(Conflict, f"network '{other.name}' already exists with uuid {other.uuid}")
        config = normalised(new.fields)
        _tagged(config, self._line.host.libvirt)
        _bridged(config, self._line.host)
        return self._line.host.networks.get(new.name)

    def edit(self, new: NewNetwork, expects: int | None, live: tuple[Edit, ...]) -> None:
        """The live edits in the running network, then the definition."""
        call = self._line.network("edit", new.name)
        with self._line.call(call):
            found = self._line.host.network(new.name)
            self._own(new)
            check_generation(found.mark, expects, new.mark)
            for edit in live if found.live is not None else ():
                if pattern(edit.path) not in LIVE:
                    raise Said(Unsupported, f"can't update '{edit.path}' of a running network")
            for edit in live if found.live is not None else ():
                found.live = _edited(found.live or {}, edit)
                self._line.point(call)
            self._redefine(new, expects)

    def active(self, name: str, on: bool) -> None:
        """Starts or stops; running VMs on a network that stops lose their link until it starts."""
        with self._line.call(self._line.network("active", name)):
            network = self._line.host.network(name)
            if on and network.live is None:
                start(self._line.host, network)
                here = (self._line.host.name, network.name)
                self._line.world.severed = [each for each in self._line.world.severed if each[:2] != here]
            elif not on and network.live is not None:
                self._stop(network)
            else:
                return
            self._line.world.wake(self._line.host, f"network/{name}")

    def _stop(self, network: Network) -> None:
        network.live = None
        for domain in self._line.host.domains.values():
            for device in domain.live.devices if domain.live else ():
                if device.kind == "nics" and device.fields["network"] == network.name:
                    self._line.world.severed.append((self._line.host.name, network.name, domain.name))

    def autostart(self, name: str, on: bool) -> None:
        """No event tells of it."""
        with self._line.call(self._line.network("autostart", name)):
            self._line.host.network(name).autostart = on

    def release(self, name: str, expects: int) -> None:
        """Takes the mark off."""
        with self._line.call(self._line.network("release", name)):
            found = self._line.host.network(name)
            if found.mark is None:
                return
            check_generation(found.mark, expects)
            found.mark = None
            self._line.world.wake(self._line.host, f"network/{name}")

    def undefine(self, name: str) -> None:
        """Stops it and removes the definition; already gone is fine."""
        call = self._line.network("undefine", name)
        with self._line.call(call):
            found = self._line.host.networks.get(name)
            if found is None:
                return
            if found.live is not None:
                self._stop(found)
                self._line.point(call)
            del self._line.host.networks[name]
            self._line.world.wake(self._line.host, f"network/{name}")


def start(host: HostState, network: Network) -> None:
    """Active, unless its addresses are another network's."""
    mine = network.config.get("subnet")
    for other in host.networks.values():
        theirs = other.live.get("subnet") if other.live is not None else None
        if other is network or not mine or not theirs:
            continue
        if ipaddress.ip_network(str(mine)).overlaps(ipaddress.ip_network(str(theirs))):
            raise Said(Conflict, f"internal error: Network is already in use by interface of '{other.name}'")
    network.live = dict(network.config)


def normalised(fields: Fields) -> dict[str, Scalar]:
    """The definition as libvirt reports it."""
    config: dict[str, Scalar] = {"type": fields.get("type") or "isolated"}
    config.update({path: value for path, value in fields.items() if value is not None and path != "type"})
    _sound(config)
    try:
        if "subnet" in config:
            config["subnet"] = str(ipaddress.ip_network(str(config["subnet"]), strict=False))
    except ValueError as error:
        raise Said(Refused, str(error)) from None
    return config


def _sound(config: Fields) -> None:
    """What libvirt refuses in a definition."""
    kind = str(config["type"])
    if kind in _OF_HOST and not config.get("bridge"):
        raise Said(Refused, f"bridge name required for a network of type {kind}")
    if kind in _OF_HOST and config.get("mtu"):
        raise Said(Refused, "mtu size only allowed in open, route, nat, and isolated mode, not in bridge")
    if kind in _FORWARDING and not config.get("subnet"):
        raise Said(Refused, f"{kind} forwarding requested, but no IP address provided for network")


def _tagged(config: Fields, libvirt: int) -> None:
    """A VLAN without Open vSwitch is refused before 11.0."""
    if config.get("vlan") is not None and config["type"] != "ovs" and libvirt < _BRIDGE_TAGS:
        raise Said(Refused, "<vlan> element specified for network whose type doesn't support vlan configuration")


def _bridged(config: Fields, host: HostState) -> None:
    """gitvirt's driver looks for the bridge: libvirt would not. Nobody knows of switches where links are not told."""
    name = config.get("bridge")
    known = {*host.links, *(host.capabilities.bridges or ())}
    if (
        name
        and name not in known
        and (host.links if config["type"] == "ovs" else host.capabilities.bridges is not None)
    ):
        raise Said(Refused, f"the host has no bridge {name}")


def _edited(fields: Mapping[str, Scalar], edit: Edit) -> dict[str, Scalar]:
    """The fields with one edit made; a whole entry replaces all of its fields."""
    if not edit.path.endswith("]"):
        kept = {path: value for path, value in fields.items() if path != edit.path}
        return kept if edit.after is None or isinstance(edit.after, Mapping) else kept | {edit.path: edit.after}
    kept = {path: value for path, value in fields.items() if not path.startswith(edit.path + ".")}
    after = edit.after if isinstance(edit.after, Mapping) else {}
    return kept | {f"{edit.path}.{key}": value for key, value in after.items() if value is not None}
