"""XML as libvirt 9.0 printed it, and the requests that it came from; for the tests of this folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lxml import etree

from drivers.base import Edit, NewVm, VmEdit
from drivers.libvirt.domain.definition import Context, change
from drivers.libvirt.domain.reading import Reading, mark_of, read
from drivers.libvirt.domain.tree import Element, parse_to_edit, write
from drivers.mark import Device, Mark
from specs.fields import Scalar, Secret

MIB = 1 << 20
UUID = "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b01"
OLD_UUID = "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02"
XML = Path(__file__).parent / "xml"

FIELDS: dict[str, Scalar] = {
    "description": 'hello <world> & "x"',
    "emulation": "tcg",
    "arch": "x86_64",
    "machine": "q35",
    "firmware": "bios",
    "cpu.count": 1,
    "cpu.max": 4,
    "cpu.sockets": 1,
    "cpu.cores": 4,
    "cpu.threads": 1,
    "cpu.model": "maximum",
    "memory": 128 * MIB,
    "memoryMax": 256 * MIB,
    "serial": True,
    "agent": True,
    "rng": True,
    "graphics.type": "vnc",
    "graphics.listen": "127.0.0.1",
    "graphics.password": Secret("sesame"),
    "disks[root].source": "/pool/root.qcow2",
    "disks[root].format": "qcow2",
    "disks[root].bus": "virtio",
    "disks[root].discard": "unmap",
    "disks[root].readOnly": False,
    "disks[root].bootOrder": 1,
    "cdroms[setup].source": "",
    "cdroms[setup].bus": "scsi",
    "nics[lan].network": "lan",
    "nics[lan].mac": "52:54:00:aa:bb:01",
    "nics[lan].model": "virtio",
    "nics[lan].link": "up",
}
"""What `running-inactive.xml` was defined from."""

DEVICES = {
    "disk/root": Device(alias="ua-disk-root"),
    "cdrom/setup": Device(alias="ua-cdrom-setup"),
    "nic/lan": Device(alias="ua-nic-lan", mac="52:54:00:aa:bb:01"),
}
ADOPTED = {
    "disk/root": Device(target="vda"),
    "cdrom/cd": Device(target="sda"),
    "nic/lan": Device(mac="52:54:00:aa:00:01"),
}


def text(name: str) -> str:
    """One of the samples."""
    return (XML / f"{name}.xml").read_text()


def mark(uuid: str = UUID, **values: Any) -> Mark:
    """A mark of ours."""
    given = {"repository": "r1", "ref": "VirtualMachine/web", "generation": 1, "revision": "abc", "devices": DEVICES}
    return Mark(**{"uuid": uuid, **given, **values})


def new_vm(**values: Any) -> NewVm:
    """The request that `running-inactive.xml` came from."""
    return NewVm(**{"name": "web", "uuid": UUID, "fields": FIELDS, "mark": mark(), **values})


def edited(definition: str, *edits: Edit, live: str | None = None, **values: Any) -> str:
    """The definition after the edits of its next boot."""
    domain = parse_to_edit(definition)
    before = mark_of(domain)[0]
    after = values.pop("mark", before or mark())
    edit = VmEdit(uuid=after.uuid, expects=1, mark=after, config=edits, **values)
    devices = {**(before.devices if before else {}), **after.devices}
    change(domain, edit, Context(devices=devices, live=parse_to_edit(live) if live else None))
    return write(domain)


def reread(xml: str) -> Reading:
    """The same XML read."""
    return read(xml, None)


def canonical(xml: str | Element) -> str:
    """XML without the blanks between elements, attributes in order."""
    source = xml if isinstance(xml, str) else write(xml)
    parser = etree.XMLParser(remove_blank_text=True)
    return etree.tostring(etree.fromstring(source, parser), method="c14n").decode()


def patches(*each: dict[str, Any]) -> str:
    """The canonical JSON of declared patches."""
    return json.dumps(each, sort_keys=True, separators=(",", ":"))
