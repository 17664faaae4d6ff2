"""What a new VM gets that nobody declared: the one table of built-in defaults. They act at creation only.

Pure. Called by plan/steps/vm_create.py; docs/yaml.md has it in words.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.seen import Capabilities
from reconciler.desired import presets
from reconciler.desired.wanted import WantedVm
from specs.fields import Fields, Scalar, entry

_MIB = 1 << 20
_HOTPLUG_FACTOR = 4  # as many times the vCPUs can be added while the VM runs, if no `cpu.max` is declared
_MOST_SPARE_CPUS = 64

VM: dict[str, Scalar] = {
    "arch": "x86_64",
    "machine": "q35",
    "firmware": "bios",
    "cpu.count": 1,
    "memory": 1024 * _MIB,
    "serial": True,
    "agent": True,
    "rng": True,
    "graphics.type": "vnc",
    "graphics.listen": "127.0.0.1",
}
DISK: dict[str, Scalar] = {"bus": "virtio", "discard": "unmap", "readOnly": False, "errorPolicy": "stop"}
CDROM: dict[str, Scalar] = {"bus": "sata"}
SEED: dict[str, Scalar] = {"bus": "scsi"}
NIC: dict[str, Scalar] = {"model": "virtio", "link": "up"}
CHANNEL: dict[str, Scalar] = {"type": "unix"}
DEVICES: dict[str, dict[str, Scalar]] = {"disks": DISK, "cdroms": CDROM, "nics": NIC, "channels": CHANNEL}
"""List of devices → what a new entry gets; a list that is not here has no built-in values."""


def new_vm(wanted: WantedVm, capabilities: Capabilities) -> Fields:
    """The scalar fields of a new VM outside its lists: declared ones over the built-in ones, maxima filled in."""
    emulation = emulated_as(wanted, capabilities)
    fields: dict[str, Scalar] = {**VM, "emulation": emulation}
    fields["cpu.model"] = wanted.cluster_cpu or ("host-model" if emulation == "kvm" else "maximum")
    fields.update(presets.fields(wanted.creation, emulation))
    fields.update({path: value for path, value in wanted.fields.items() if "[" not in path})
    if wanted.display and fields["graphics.type"] != "none" and "graphics.listen" not in wanted.fields:
        fields.setdefault("graphics.network", wanted.display)
    if fields["graphics.type"] == "none" or "graphics.network" in fields:
        fields.pop("graphics.listen", None)
    fields.setdefault("memoryMax", fields["memory"])
    if fields["memoryMax"] != fields["memory"] and "memoryPolicy.ballooning" not in wanted.fields:
        fields.pop("memoryPolicy.ballooning", None)  # what can be given later needs the balloon
    if fields["firmware"] != "uefi":
        fields.pop("uefi.secureBoot", None)
    _processors(fields)
    return fields


def emulated_as(wanted: WantedVm, capabilities: Capabilities) -> str:
    """`kvm` or `tcg`: as the cluster declares; `auto` takes KVM where it works."""
    if wanted.emulation == "auto":
        return "kvm" if capabilities.kvm else "tcg"
    return wanted.emulation


def _processors(fields: dict[str, Scalar]) -> None:
    count = fields["cpu.count"]
    assert isinstance(count, int)
    if "cpu.cores" not in fields and "cpu.sockets" not in fields and "cpu.threads" not in fields:
        most = fields.setdefault("cpu.max", max(count, min(count * _HOTPLUG_FACTOR, _MOST_SPARE_CPUS)))
        fields.update({"cpu.sockets": 1, "cpu.cores": most, "cpu.threads": 1})
        return
    fields.setdefault("cpu.max", count)


def new_entry(list_name: str, declared: Fields, creation: Mapping[str, Scalar] | None = None) -> dict[str, Scalar]:
    """The fields of one new device (without its list's prefix): declared ones over the built-in ones.

    `creation`: what the VM's presets go by.
    """
    return {**DEVICES.get(list_name, {}), **presets.entry(creation or {}, list_name), **declared}


def prefixed(list_name: str, name: str, fields: Fields) -> dict[str, Scalar]:
    """The same with full paths."""
    return {entry(list_name, name, field): value for field, value in fields.items()}
