"""Presets: what the kind of work (`type:`) and the guest's system (`os:`, a libosinfo id) say about a new VM.

They act at creation only, over the built-in defaults and under all that is declared. Pure. Called by defaults.py.
A family is known by a pattern of its ids, so that a release of next year is known, too; an id that is not known changes
nothing. In: what acts at creation (WantedVm.creation), how the VM is emulated. Out: fields of the VM, or of a device.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from specs.fields import Fields, Scalar
from specs.structs import Struct, field


class Preset(Struct, frozen=True, kw_only=True):
    """`fields` of the VM, `accelerated` those that make sense with KVM only, `devices` by list."""

    fields: Fields = field(default_factory=dict)
    accelerated: Fields = field(default_factory=dict)
    devices: Mapping[str, Fields] = field(default_factory=dict)


TYPES: Mapping[str, Preset] = {
    "server": Preset(),
    "desktop": Preset(fields={"sound": "ich9", "inputs.tablet": "usb"}),
    "highPerformance": Preset(
        fields={"graphics.type": "none", "iothreads": 1, "memoryPolicy.ballooning": False},
        accelerated={"cpu.model": "host-passthrough", "cpu.cache": "passthrough"},
    ),
}
_WINDOWS = Preset(
    fields={"clock.offset": "localtime", "inputs.tablet": "usb"},
    accelerated={
        "clock.timers": "hpet=no,hypervclock=yes,pit=delay,rtc=catchup",
        "hyperv": "frequencies,relaxed,runtime,spinlocks=8191,synic,vapic,vpindex",
    },
    devices={"disks": {"bus": "sata"}, "nics": {"model": "e1000e"}},
)
_WINDOWS_11 = Preset(
    fields={
        **_WINDOWS.fields, "firmware": "uefi", "uefi.secureBoot": True,
        "tpm.enabled": True, "tpm.model": "tpm-crb", "tpm.version": "2.0",
    },
    accelerated=_WINDOWS.accelerated,
    devices=_WINDOWS.devices,
)  # fmt: skip
_OLD_WINDOWS = Preset(
    fields={"machine": "pc", "clock.offset": "localtime", "inputs.tablet": "usb", "rng": False},
    devices={"disks": {"bus": "ide"}, "cdroms": {"bus": "ide"}, "nics": {"model": "rtl8139"}},
)
_NO_VIRTIO = Preset(devices={"disks": {"bus": "sata"}, "nics": {"model": "e1000"}})

SYSTEMS: tuple[tuple[re.Pattern[str], Preset], ...] = tuple(
    (re.compile(pattern), preset)
    for pattern, preset in (
        (r"win(1\.|2\.|3\.|95|98|me|nt|2k$|xp|2k3).*", _OLD_WINDOWS),
        (r"win(11|12|2k25).*", _WINDOWS_11),
        (r"win.*", _WINDOWS),
        (r"(solaris|opensolaris|openindiana|netware|haiku|reactos).*", _NO_VIRTIO),
    )
)
"""Pattern of ids → preset; the first that matches holds. Others, Linux and the BSDs, are served by the defaults."""


def fields(creation: Mapping[str, Scalar], emulation: str) -> dict[str, Scalar]:
    """The VM's own fields; what the type says wins over what the system says."""
    found: dict[str, Scalar] = {}
    for preset in _presets(creation):
        found.update(preset.fields)
        if emulation == "kvm":
            found.update(preset.accelerated)
    return found


def entry(creation: Mapping[str, Scalar], list_name: str) -> dict[str, Scalar]:
    """The fields of a new device of that list."""
    found: dict[str, Scalar] = {}
    for preset in _presets(creation):
        found.update(preset.devices.get(list_name, {}))
    return found


def _presets(creation: Mapping[str, Scalar]) -> list[Preset]:
    """That of the system, then that of the type."""
    system, kind = creation.get("os"), creation.get("type")
    known = [preset for pattern, preset in SYSTEMS if isinstance(system, str) and pattern.fullmatch(system)]
    return [*known[:1], *([TYPES[str(kind)]] if kind in TYPES else [])]
