"""Gates: what a host must have for a field of a VM, in one table: a version of libvirt or QEMU, or an ability.

Pure. Called by place/choose.py for new VMs and by diff/vms.py for those that exist, so that what a host cannot do is
held before anything is done, with the version that can. Adding a gate is one line in GATES. A host that does not say
what it offers (an old libvirt, a recorded observation) is not kept from trying: libvirt has the last word.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.seen import SeenHost
from specs.fields import Fields, Scalar, entries, entry, pattern
from specs.structs import Struct

_MOST_SHOWN = 12
BRIDGE_TAGS = 11_000_000
_TAGGED = frozenset(("nics[*].network", "nics[*].vlan.tags", "nics[*].virtualPort.type"))  # what `untagged` looks at
NO_FREE = "no free "
"""How the address of a device begins that could not be given."""
_OFF = (None, False, "none", "", 0)


class Gate(Struct, frozen=True, kw_only=True):
    """What one field needs; `values` are the values that need it (empty: all but "off").

    Versions as libvirt's integers (9001000 = 9.1.0). `offer` is a word that the host must have among `offers[key]`
    (see Capabilities), "" for the field's own value. `what` names the thing in a sentence; `of`: whose offer it is.
    `start`: it is missed when the VM starts, so one that is kept off can wait for it.
    """

    path: str
    what: str
    values: tuple[Scalar, ...] = ()
    libvirt: int = 0
    qemu: int = 0
    key: str = ""
    offer: str = ""
    of: str = "QEMU on "
    start: bool = False

    def concerns(self, value: Scalar) -> bool:
        """Whether a field of this value needs it."""
        return value in self.values if self.values else value not in _OFF

    def lacks(self, value: Scalar, host: SeenHost) -> str:
        """What the host lacks, "" if nothing."""
        for program, least, has in (("libvirt", self.libvirt, host.libvirt), ("QEMU", self.qemu, host.hypervisor)):
            if has and has < least:
                return f"{self.what} needs {program} {version(least)}; {host.name} has {version(has)}"
        offered = offers(host).get(self.key)
        word = self.offer or str(value)
        if offered is None or word in offered:
            return ""
        more = f" (it has {', '.join(sorted(offered))})" if 0 < len(offered - {"no"}) <= _MOST_SHOWN else ""
        return f"{self.of}{host.name} has no {self.what.format(value=value)}{more}"


GATES: tuple[Gate, ...] = (
    Gate(path="machine", what="machine {value}", key="machine"),
    Gate(path="firmware", what="firmware {value}", key="firmware"),
    Gate(path="uefi.secureBoot", what="firmware with secure boot", key="loader.secure", offer="yes"),
    Gate(path="graphics.type", what="VNC", values=("vnc", "both"), key="graphics.type", offer="vnc"),
    Gate(path="graphics.type", what="SPICE", values=("spice", "both"), key="graphics.type", offer="spice"),
    Gate(path="graphics.vnc.clipboard", what="a clipboard by VNC", libvirt=8_004_000, qemu=6_001_000),
    Gate(path="graphics.spice.agent", what="SPICE", key="channel.type", offer="spicevmc"),
    Gate(path="video.model", what="video card {value}", key="video.modelType"),
    Gate(path="usb.redirections", what="USB redirection", key="redirdev.bus", offer="usb"),
    Gate(path="tpm.enabled", what="TPM", key="tpm.supported", offer="yes"),
    Gate(path="tpm.enabled", what="emulated TPM", key="tpm.backendModel", offer="emulator"),
    Gate(path="tpm.model", what="TPM {value}", key="tpm.model"),
    Gate(path="tpm.version", what="TPM of version {value}", key="tpm.backendVersion"),
    Gate(path="tpm.persistent", what="a persistent TPM", libvirt=7_000_000),
    Gate(path="rngOptions.model", what="random number generator {value}", key="rng.model"),
    Gate(path="rngOptions.backend", what="source {value} of random numbers", key="rng.backendModel"),
    Gate(path="panic", what="the panic device on PCI", values=("pvpanic",), libvirt=9_001_000),
    Gate(path="nics[*].model", what="network card igb", values=("igb",), libvirt=9_003_000, qemu=8_000_000),
    Gate(path="nics[*].filter", what="network filter {value}", key="nwfilter", of="", start=True),
    Gate(path="iommu.model", what="a virtio IOMMU", values=("virtio",), libvirt=8_003_000),
)


def concerned(path: str) -> bool:
    """Whether `lacking` or `untagged` looks at a field."""
    return (known := pattern(path)) in _TABLE or known in _TAGGED


def lacking(fields: Fields, host: SeenHost, *, off: bool = False) -> Iterator[tuple[str, str]]:
    """(path, what the host lacks for it), for each field that the host cannot do; `off`: for a VM that is kept off."""
    for path, value in fields.items():
        for gate in _TABLE.get(pattern(path), ()):
            if not (off and gate.start) and gate.concerns(value) and (why := gate.lacks(value, host)):
                yield path, why


def absent(fields: Fields, host: SeenHost) -> Iterator[tuple[str, str]]:
    """(path, why) for each device that a VM is to be given and that the host does not have; optional ones may lack."""
    there = host.capabilities.devices
    if there is None:
        return
    for name, device in entries(fields, "hostDevices").items():
        address = device.get("address")
        if address is None or str(address).startswith(NO_FREE):
            continue
        if address not in there and device.get("startup") != "optional":
            yield entry("hostDevices", name, "address"), f"{host.name} has no device {address}"


def unassigned(fields: Fields, host: SeenHost) -> Iterator[tuple[str, str]]:
    """(path, why) for each device that was asked for by its kind, and that the host cannot give (hostdevices.py)."""
    for name, device in entries(fields, "hostDevices").items():
        if str(device.get("address") or "").startswith(NO_FREE):
            yield entry("hostDevices", name, "address"), f"{host.name} has {device['address']}"


def untagged(fields: Fields, host: SeenHost) -> Iterator[tuple[str, str]]:
    """(path, why) for each NIC whose VLAN tags the host would not take; it refuses to start a VM with such a NIC.

    Bridges of Linux take tags from libvirt 11.0 on, NAT-ed and isolated networks of libvirt none before. A network that
    the host does not have yet, or that forwards to a bridge or to hardware, is left to libvirt: it may be a switch.
    """
    if not host.libvirt or host.libvirt >= BRIDGE_TAGS:
        return
    types = {each.name: each.config.get("type") for each in host.networks}
    for name, nic in entries(fields, "nics").items():
        network = str(nic.get("network", ""))
        plain = network.startswith("bridge:") or types.get(network) in ("nat", "isolated", "routed", "open")
        if nic.get("vlan.tags") and plain and nic.get("virtualPort.type") != "openvswitch":
            need = f"needs Open vSwitch, or libvirt {version(BRIDGE_TAGS)}"
            told = f"a VLAN tag on {network} {need}; {host.name} has {version(host.libvirt)}"
            yield entry("nics", name, "vlan.tags"), told


def offers(host: SeenHost) -> Mapping[str, frozenset[str]]:
    """What the host says that it has, with what capabilities say elsewhere; empty sets say nothing."""
    able = host.capabilities
    known = {"graphics.type": able.graphics, "firmware": able.firmwares, "machine": able.machines}
    return {**able.offers, **{key: words for key, words in known.items() if words}}


def version(number: int) -> str:
    """9001000 → 9.1.0."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}"


_TABLE: dict[str, list[Gate]] = {}
for _each in GATES:
    _TABLE.setdefault(_each.path, []).append(_each)
