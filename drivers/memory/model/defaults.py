"""What libvirt adds and checks when a domain is defined: versioned machine names, MACs, targets, implied devices.

In: declared Fields with a mark (whose device table may fix alias, target and MAC), or an edited Hardware. Out: a
Hardware that reads back as libvirt 9.0's would. Refuses what libvirt refuses at define time.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence

from drivers.errors import Refused, Unsupported
from drivers.mark import Device as MarkDevice
from drivers.mark import Mark, kind_of
from drivers.memory.model.hardware import DRIVES, Device, Hardware
from drivers.memory.model.said import Said
from drivers.seen import Capabilities
from specs.fields import Fields, Scalar, entries, entry_of

KIB = 1024
DEVICES: dict[str, dict[str, Scalar]] = {
    "disks": {"source": "", "format": "raw", "bus": "virtio", "readOnly": False},
    "cdroms": {"source": "", "bus": "sata"},  # on the old machine type: ide
    "nics": {"network": "", "mac": "", "model": "virtio", "link": "up"},
}
_GRAPHICS = {"both": ("vnc", "spice"), "none": ()}
_PREFIX = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd"}
_FAMILIES = {"q35": "pc-q35-", "pc": "pc-i440fx-"}
_TOPOLOGY = ("cpu.sockets", "cpu.cores", "cpu.threads")


def defined(fields: Fields, mark: Mark | None, able: Capabilities) -> Hardware:
    """The domain that libvirt makes of these fields."""
    hardware = Hardware({path: value for path, value in fields.items() if entry_of(path) is None})
    complete(hardware, able)
    for kind in lists_of(fields):
        for name, values in entries(fields, kind).items():
            hardware.devices.append(device(kind, name, values, mark, [hardware]))
    return hardware


def lists_of(fields: Fields) -> list[str]:
    """The lists of devices that the fields tell of, drives and NICs first."""
    found = [parts[0] for path in fields if (parts := entry_of(path)) is not None]
    return list(dict.fromkeys([*DEVICES, *found]))


def device(kind: str, name: str, values: Fields, mark: Mark | None, beside: Sequence[Hardware]) -> Device:
    """One new device: alias and place from the mark's table if it says so, else ours and the next free one.

    `beside` are the definitions whose targets are taken, the one that it goes into first.
    """
    known = mark.devices.get(f"{kind_of(kind)}/{name}", MarkDevice()) if mark else MarkDevice()
    made = Device(kind, known.alias or f"ua-{kind_of(kind)}-{name}")
    if kind == "cdroms" and "q35" not in str(beside[0].scalars.get("machine")):
        values = {"bus": "ide", **values}
    fill(made, values)
    if kind == "nics":
        made.fields["mac"] = made.mac.lower()
        if not made.mac:
            raise Said(Refused, "a NIC needs its MAC address, else libvirt would make one up on every change")
    elif kind in DRIVES:
        made.target = known.target or free_target(str(made.fields["bus"]), beside)
    else:
        made.target = known.target or name
    return made


def fill(made: Device, values: Fields) -> None:
    """Sets the declared fields over libvirt's defaults; a size belongs to the volume, not to the device."""
    made.fields = dict(DEVICES.get(made.kind, {}))
    made.fields.update({key: value for key, value in values.items() if value is not None and key != "size"})
    if made.kind in DRIVES and made.fields["bus"] not in _PREFIX:
        raise Said(Refused, f"unknown disk bus type '{made.fields['bus']}'")


def free_target(bus: str, beside: Iterable[Hardware]) -> str:
    """vda, vdb … that no device of these definitions has."""
    used = {each.target for hardware in beside for each in hardware.devices}
    number = 0
    while (name := _PREFIX[bus] + _letters(number)) in used:
        number += 1
    return name


def _letters(number: int) -> str:
    text = ""
    while number >= 0:
        text = chr(ord("a") + number % 26) + text
        number = number // 26 - 1
    return text


def random_mac(chance: random.Random) -> str:
    """As libvirt does it: QEMU's prefix and three random bytes."""
    return "52:54:00:" + ":".join(f"{chance.randrange(256):02x}" for _ in range(3))


def complete(hardware: Hardware, able: Capabilities) -> None:
    """Fills in the scalars that every definition has, in the order of docs/fields.md, and checks them together."""
    given = {path: value for path, value in hardware.scalars.items() if value is not None}
    whole: dict[str, Scalar] = {
        "emulation": given.get("emulation", "kvm" if able.kvm else "tcg"),
        "arch": given.get("arch", able.arch),
        "machine": machine(str(given.get("machine", "pc")), able.machines),
        "firmware": given.get("firmware", "bios"),
        **_cpus(given),
        "cpu.model": given.get("cpu.model", "qemu64"),
        **_memory(given),
        **{flag: given.get(flag, False) for flag in ("serial", "agent", "rng")},
        "graphics.type": given.get("graphics.type", "none"),
    }
    if whole["graphics.type"] != "none":
        if "graphics.network" not in given:
            whole["graphics.listen"] = given.get("graphics.listen", "127.0.0.1")
    else:
        given = {path: value for path, value in given.items() if not path.startswith("graphics.")}
    hardware.scalars = whole | {path: value for path, value in given.items() if path not in whole}
    _check(hardware.scalars, able)


def machine(name: str, known: frozenset[str]) -> str:
    """A family becomes its newest version on this host and stays that."""
    start = _FAMILIES.get(name)
    if start:
        versions = [each for each in known if each.startswith(start)]
        return max(versions, key=_version) if versions else name
    return name


def _version(name: str) -> tuple[int, ...]:
    return tuple(int(part) for part in name.rpartition("-")[2].split(".") if part.isdigit())


def _cpus(given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    topology = {path: int(str(given.get(path, 1))) for path in _TOPOLOGY} if set(_TOPOLOGY) & set(given) else {}
    product = 1
    for number in topology.values():
        product *= number
    most = int(str(given.get("cpu.max", product if topology else given.get("cpu.count", 1))))
    count = int(str(given.get("cpu.count", most)))
    if topology and product != most:
        raise Said(Refused, f"CPU topology doesn't match maximum vcpu count ({product} != {most})")
    if count > most:
        raise Said(Refused, f"maxvcpus must not be less than current vcpus ({most} < {count})")
    return {"cpu.count": count, "cpu.max": most, **topology}


def _memory(given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    most = given.get("memoryMax", given.get("memory"))
    if most is None:
        raise Said(Refused, "missing element or attribute './memory'")
    most = -(-int(str(most)) // KIB) * KIB
    now = -(-int(str(given.get("memory", most))) // KIB) * KIB
    if now > most:
        raise Said(Refused, f"current memory {now} is more than the maximum {most}")
    return {"memory": now, "memoryMax": most}


def _check(scalars: Mapping[str, Scalar], able: Capabilities) -> None:
    if scalars["emulation"] == "kvm" and not able.kvm:
        raise Said(Unsupported, "the emulator does not support virt type 'kvm' on this host")
    if scalars["arch"] != able.arch:
        raise Said(Unsupported, f"no emulator found for arch '{scalars['arch']}'")
    if scalars["machine"] not in able.machines:
        raise Said(Unsupported, f"emulator does not support machine type '{scalars['machine']}'")
    if scalars["firmware"] not in able.firmwares:
        raise Said(Unsupported, f"unable to find any firmware of type '{scalars['firmware']}'")
    if not set(_GRAPHICS.get(str(scalars["graphics.type"]), (str(scalars["graphics.type"]),))) <= able.graphics:
        raise Said(Unsupported, f"{scalars['graphics.type']} graphics are not supported with this QEMU")
