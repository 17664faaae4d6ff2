"""One VM → its document: identity, hardware, devices by the storage domains, networks and images that they are on.

A device that the YAML has no place for (a disk that is in no pool, a NIC on a bridge of the host's own …) is told as
an `xml:` patch that is true already. Pure. Called by documents.py; proof.py uses `tell_as_xml`.
"""

from __future__ import annotations

import re
from typing import Any

from drivers.seen import Rest, SeenVm
from reconciler.importing.document import Document, Machine, SecretWanted, Source, name_for
from reconciler.importing.hardware import Hardware, hardware
from reconciler.importing.places import Places
from specs.fields import Fields, entries, entry
from specs.model import ENTRY_PATTERN
from specs.resource import Ref
from specs.structs import Struct
from specs.units import format_size

_NO_VARIABLE = re.compile(r"[^A-Z0-9]+")
_USER = "user"  # QEMU's own network
PREFIX = "GITVIRT_SECRET_"


class Surroundings(Struct, frozen=True, kw_only=True):
    """What VMs refer to: storage domains and images, networks by name, MACs that nobody may declare again."""

    places: Places
    networks: frozenset[str]
    macs: frozenset[str]
    cluster: str = ""


def document(source: Source, vm: SeenVm, around: Surroundings) -> Document:
    """The document of one VM."""
    ref = Ref("VirtualMachine", vm.name)
    rest = source.rests.get(vm.uuid, Rest())
    found = Document(ref=ref, spec={}, machine=Machine(source=source, vm=vm, rest=rest))

    def refer(path: str) -> dict[str, str]:
        variable = PREFIX + _NO_VARIABLE.sub("_", f"{vm.name}_{path}".upper()).strip("_")
        found.secrets.append(SecretWanted(ref=ref, path=path, variable=variable))
        return {"env": variable}

    told = hardware(vm.config, vm.live, rest.usual, refer)
    if around.cluster:
        found.spec["cluster"] = around.cluster
    found.spec.update(told.spec)
    _unsettled(found, told)
    _devices(found, told, around)
    _hoist(found.spec)
    found.spec.update({"uuid": vm.uuid, "state": "manual", "drift": "warn"})
    if vm.autostart:
        found.spec["autostart"] = "on"
    for patch in rest.patches:
        found.spec.setdefault("xml", []).append(patch.data())
    if rest.kept:
        found.comment(f"kept as it is, without a field: {'; '.join(rest.kept)}")
    if vm.uuid in source.running:
        found.spec.pop("cpu", None)
        found.comment("exported while it ran, so what only the running machine has may be in here")
        found.comment("(its CPU is left out; `virsh dumpxml --inactive` tells the next boot's)")
    return found


def _hoist(spec: dict[str, Any]) -> None:
    """Names a storage domain that all disks share once."""
    disks = spec.get("disks", [])
    domains = {each.get("storageDomain") for each in disks}
    if len(disks) > 1 and len(domains) == 1 and None not in domains:
        spec["storageDomain"] = domains.pop()
        for each in disks:
            del each["storageDomain"]


def _unsettled(found: Document, told: Hardware) -> None:
    for path, (now, later) in told.unsettled.items():
        found.comment(f"{path}: {_shown(path, now)} now, {_shown(path, later)} from the next boot; declare one of them")


def _shown(path: str, value: object) -> str:
    if (
        isinstance(value, int)
        and not isinstance(value, bool)
        and (path.startswith("memory") or path.endswith("].size"))
    ):
        return format_size(value)
    return "nothing" if value is None else str(value)


def _devices(found: Document, told: Hardware, around: Surroundings) -> None:
    assert found.machine is not None
    config, live = found.machine.vm.config, found.machine.vm.live
    for list_name, seen in told.lists.items():
        names: set[str] = set()
        for key, data in seen.items():
            fields = entries(config, list_name)[key]
            if live is not None and key not in entries(live, list_name):
                tell_as_xml(found, entry(list_name, key), "it comes, or goes, with the next boot")
                continue
            made = _MAKERS.get(list_name, _any)(found, key, (data, fields), around)
            if isinstance(made, str):
                tell_as_xml(found, entry(list_name, key), made)
                continue
            name = _name(list_name, key, made, names)
            names.add(name)
            found.machine.entries[entry(list_name, name)] = entry(list_name, key)
            found.spec.setdefault(list_name, []).append(_named(name, made))


def tell_as_xml(found: Document, seen: str, why: str) -> None:
    """Tells a device that was seen (`disks[vda]`) by an `xml:` patch, or by a comment where there is none."""
    assert found.machine is not None
    xml = found.machine.rest.devices.get(seen, "")
    if not xml:
        found.comment(f"{seen} is kept as it is: {why}")
        return
    found.comment(f"{seen} is told as XML: {why}")
    found.spec.setdefault("xml", []).append({"at": "./devices", "add": xml})


_Given = tuple[dict[str, Any], Fields]


def _disk(found: Document, key: str, given: _Given, around: Surroundings) -> dict[str, Any] | str:
    assert found.machine is not None
    data, fields = given
    source = str(fields.get("source") or "")
    place = around.places.at(found.machine.source.name, source)
    if not source:
        return "it has no source"
    if source.startswith("/dev/"):
        return {**data, "device": source}
    if place is None:
        return f"no active storage pool has {source}"
    form = fields.get("format")
    extra = {"format": form} if form not in (None, "qcow2") else {}
    return {**data, "storageDomain": place[0], "volume": place[1], **extra}


def _cdrom(found: Document, key: str, given: _Given, around: Surroundings) -> dict[str, Any] | str:
    assert found.machine is not None
    data, fields = given
    source, live = str(fields.get("source") or ""), found.machine.vm.live
    now = source if live is None else str(entries(live, "cdroms")[key].get("source") or "")
    if not source or now != source:
        return data
    image = around.places.medium(found.machine.source.name, source)
    if image is None:
        found.comment(f"cdroms[{key}] holds {source}, which no active storage pool has; it is left there")
    return {**data, **({"image": image} if image else {})}


def _nic(found: Document, key: str, given: _Given, around: Surroundings) -> dict[str, Any] | str:
    data, fields = given
    network, mac = str(fields.get("network") or ""), str(fields.get("mac") or "")
    if network not in around.networks and ":" not in network and network != _USER:
        return f"{network or 'nothing'} is no network that can be named here"
    if not mac or key != mac:
        return "it has no MAC of its own"
    if mac in around.macs:
        return f"another NIC has the MAC {mac} too"
    return {**data, "network": network, "mac": mac}


def _any(found: Document, key: str, given: _Given, around: Surroundings) -> dict[str, Any] | str:
    return given[0]


_MAKERS = {"disks": _disk, "cdroms": _cdrom, "nics": _nic}


def _name(list_name: str, key: str, data: dict[str, Any], taken: set[str]) -> str:
    """The entry's name in the YAML: a NIC's network, else what libvirt calls the device."""
    wish = str(data["network"]).replace(":", "/").rpartition("/")[2] if list_name == "nics" else key
    if re.fullmatch(ENTRY_PATTERN, wish, re.ASCII) and wish not in taken:
        return wish
    return name_for(re.sub(r"[^A-Za-z0-9_-]+", "-", wish)[:24], taken, "device")


def _named(name: str, data: dict[str, Any]) -> dict[str, Any]:
    if data.get("network") == name:
        data = {key: value for key, value in data.items() if key != "network"}
    return {"name": name, **data}
