"""Fields → domain XML: new definitions, and edits of existing ones that keep what gitvirt does not know."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from lxml import etree

from drivers.base import Edit, NewVm
from drivers.libvirt.domain import CannotWrite
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.marks import element
from drivers.libvirt.domain.reading import mark_of
from drivers.libvirt.domain.tree import parse
from drivers.libvirt.domain.visible import unseen
from drivers.mark import Device
from specs.fields import Scalar, Secret
from tests.strategies import new_vms
from tests.unit.drivers.libvirt.domain.samples import (
    ADOPTED,
    DEVICES,
    FIELDS,
    MIB,
    OLD_UUID,
    XML,
    canonical,
    edited,
    mark,
    new_vm,
    reread,
    text,
)  # fmt: skip

INACTIVE, LIVE, OLD = text("running-inactive"), text("running-live"), text("adopted")
VERSION = 9_000_000


def test_a_new_domain_is_written_as_agreed() -> None:
    assert canonical(build(new_vm(), VERSION)) == canonical((XML / "new.xml").read_text())


@given(new=new_vms())
@settings(max_examples=60, deadline=None)
def test_what_is_built_reads_as_what_was_asked_for(new: NewVm) -> None:
    seen = reread(build(new, VERSION))
    assert unseen([Edit(path=path, after=value) for path, value in new.fields.items()], seen.config) is None
    assert (seen.name, seen.uuid, seen.mark, seen.unnamed) == (new.name, new.uuid, new.mark, frozenset())


def test_every_field_of_libvirt_s_own_definition_can_be_built_again() -> None:
    fields = dict(reread(INACTIVE).config)
    assert dict(reread(build(new_vm(fields=fields), VERSION)).config) == fields


def test_a_definition_that_is_not_edited_keeps_every_element() -> None:
    before = mark(OLD_UUID, devices=ADOPTED)
    once = edited(OLD, mark=before)
    after = etree.fromstring(once)
    for each in after.findall("metadata/{https://gitvirt.dev/mark/v1}mark"):
        each.getparent().remove(each)  # type: ignore[union-attr]
    assert canonical(after) == canonical(OLD)
    assert canonical(edited(once)) == canonical(once)


CHANGES: list[tuple[str, Scalar]] = [
    ("description", "other"), ("description", None), ("emulation", "kvm"), ("machine", "pc"), ("firmware", "uefi"),
    ("cpu.count", 3), ("cpu.model", "qemu64"), ("cpu.model", "host-model"), ("cpu.model", "host-passthrough"),
    ("memory", 200 * MIB), ("memoryMax", 512 * MIB), ("serial", False), ("agent", False), ("rng", False),
    ("graphics.type", "none"), ("graphics.type", "spice"), ("graphics.listen", "0.0.0.0"),
    ("graphics.password", Secret("new")), ("graphics.password", None), ("disks[root].source", "/pool/other.qcow2"),
    ("disks[root].source", "/dev/vg/lv"), ("disks[root].format", "raw"), ("disks[root].bus", "scsi"),
    ("disks[root].bus", "sata"), ("disks[root].cache", "none"), ("disks[root].io", "native"),
    ("disks[root].discard", None), ("disks[root].readOnly", True), ("disks[root].serial", "A-1"),
    ("disks[root].detectZeroes", "unmap"), ("disks[root].errorPolicy", "enospace"),
    ("disks[root].readErrorPolicy", "report"), ("disks[root].copyOnRead", True), ("disks[root].iothread", 1),
    ("disks[root].queues", 2), ("disks[root].logicalBlockSize", 512), ("disks[root].physicalBlockSize", 4096),
    ("disks[root].rotationRate", 1), ("disks[root].removable", True), ("disks[root].sgio", "unfiltered"),
    ("disks[root].rawIo", True), ("disks[root].lun", True), ("disks[root].shareable", True),
    ("disks[root].transient", True), ("disks[root].wwn", "5000c500a0b1c2d3"), ("disks[root].vendor", "ACME"),
    ("disks[root].product", "DISK <1>"), ("disks[root].reservations", True),
    ("disks[root].iotune.totalBytes", 1048576), ("disks[root].iotune.writeIopsMaxLength", 3),
    ("disks[root].iotune.iopsSize", 4096), ("disks[root].bootOrder", 3), ("disks[root].bootOrder", None),
    ("cdroms[setup].source", "/pool/x.iso"),
    ("cdroms[setup].bus", "sata"), ("cdroms[setup].bootOrder", 2), ("nics[lan].network", "other"),
    ("nics[lan].network", "bridge:br0"), ("nics[lan].mac", "52:54:00:00:00:09"), ("nics[lan].model", "e1000e"),
    ("nics[lan].link", "down"), ("nics[lan].bootOrder", 2),
]  # fmt: skip


IMPLIED: dict[str, tuple[str, ...]] = {
    "firmware": ("uefi.",), "graphics.type": ("graphics.",), "machine": ("usb.controller",), "rng": ("rngOptions.",),
}  # fmt: skip
"""What comes and goes with a field."""


@pytest.mark.parametrize(("path", "value"), CHANGES)
def test_one_field_changes_and_no_other(path: str, value: Scalar) -> None:
    before, after = reread(INACTIVE).config, reread(edited(INACTIVE, Edit(path=path, after=value))).config
    assert unseen([Edit(path=path, after=value)], after) is None
    different = {each for each in {*before, *after} if before.get(each) != after.get(each)}
    assert {each for each in different if each == path or not each.startswith(IMPLIED.get(path, ()))} == {path}


@pytest.mark.parametrize(("path", "value"), [each for each in CHANGES if each[0] not in ("graphics.type", "machine")])
def test_a_change_that_is_taken_back_leaves_the_same_fields(path: str, value: Scalar) -> None:
    before = reread(INACTIVE).config
    there = edited(INACTIVE, Edit(path=path, after=value))
    back = edited(there, Edit(path=path, after=before.get(path)))
    assert dict(reread(back).config) == dict(before)


def test_addresses_and_unknown_attributes_of_other_devices_stay() -> None:
    after = edited(
        OLD, Edit(path="disks[root].cache", after="none"), Edit(path="nics[lan].link", after="down"),
        mark=mark(OLD_UUID, devices=ADOPTED),
    )  # fmt: skip
    domain = parse(after)
    for kept in (
        "devices/disk/driver[@iothread='1'][@cache='none']", "devices/interface/driver[@queues='2']",
        "devices/interface/source[@portgroup='blue']", "devices/disk/address[@bus='0x05']", "title",
        "{http://libvirt.org/schemas/domain/qemu/1.0}commandline", "metadata/{http://example.org/}thing",
    ):  # fmt: skip
        assert domain.find(kept) is not None, kept
    assert "<!-- kept -->" in after


def test_the_machine_s_family_takes_its_controllers_and_addresses_along() -> None:
    domain = parse(edited(INACTIVE, Edit(path="machine", after="pc"), Edit(path="cdroms[setup].bus", after="ide")))
    assert not domain.findall("devices/controller[@type='pci']")
    assert not domain.findall("devices/*/address[@type='pci']")
    back = parse(edited(INACTIVE.replace("pc-q35-7.2", "pc-i440fx-7.2"), Edit(path="machine", after="q35")))
    assert len(back.findall("devices/controller[@model='pcie-root-port']")) >= 12


def test_a_new_machine_of_the_same_family_keeps_every_address() -> None:
    domain = parse(edited(INACTIVE, Edit(path="machine", after="pc-q35-8.0")))
    assert domain.find("devices/interface/address[@bus='0x01']") is not None


def test_a_device_is_added_with_our_alias_and_a_free_target() -> None:
    disk = {"source": "/pool/data.qcow2", "format": "qcow2", "bus": "virtio"}
    after = edited(INACTIVE, Edit(path="disks[data]", after=disk))
    seen = reread(after)
    assert (seen.targets["disks[data]"], seen.aliases["disks[data]"]) == ("vdb", "ua-disk-data")
    assert dict(reread(edited(after, Edit(path="disks[data]", before=disk))).config) == dict(reread(INACTIVE).config)


def test_a_device_that_runs_already_keeps_its_target_and_address() -> None:
    disk = "<disk type='file' device='disk'><source file='/pool/d'/><target dev='vdq' bus='virtio'/>"
    place = (
        "<alias name='ua-disk-data'/><address type='pci' domain='0x0000' bus='0x0a' slot='0x00' function='0x0'/></disk>"
    )
    live = LIVE.replace("<devices>", f"<devices>{disk}{place}")
    edit = Edit(path="disks[data]", after={"source": "/pool/d", "bus": "virtio"})
    domain = parse(edited(INACTIVE, edit, live=live))
    added = domain.find("devices/disk/target[@dev='vdq']/..")
    assert added is not None
    assert added.find("address[@bus='0x0a']") is not None


def test_a_live_address_that_the_definition_gave_away_is_not_taken() -> None:
    disk = "<disk type='file' device='disk'><source file='/pool/d'/><target dev='vdq' bus='virtio'/>"
    place = (
        "<alias name='ua-disk-data'/><address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/></disk>"
    )
    edit = Edit(path="disks[data]", after={"source": "/pool/d", "bus": "virtio"})
    domain = parse(edited(INACTIVE, edit, live=LIVE.replace("<devices>", f"<devices>{disk}{place}")))
    assert domain.find("devices/disk/target[@dev='vdq']/../address") is None


def test_scsi_disks_get_targets_of_their_own_on_the_virtio_controller() -> None:
    edits = [Edit(path=f"disks[d{n}]", after={"source": f"/pool/{n}", "bus": "scsi"}) for n in range(20)]
    domain = parse(edited(INACTIVE, *edits))
    places = [each.get("target") for each in domain.findall("devices/disk/address[@type='drive']")]
    assert len(places) == len(set(places)) == 21
    assert not domain.findall("devices/controller[@type='scsi'][@index='1']")


def test_a_scsi_disk_brings_its_controller_to_an_adopted_domain() -> None:
    edit = Edit(path="disks[data]", after={"source": "/pool/d", "bus": "scsi"})
    domain = parse(edited(OLD, edit, mark=mark(OLD_UUID, devices=ADOPTED)))
    assert domain.find("devices/controller[@type='scsi'][@model='virtio-scsi']") is not None


def test_the_first_boot_order_replaces_libvirt_s_own_list() -> None:
    domain = parse(edited(OLD, Edit(path="disks[root].bootOrder", after=1), mark=mark(OLD_UUID, devices=ADOPTED)))
    assert domain.find("os/boot") is None


def test_the_mark_follows_an_adopted_disk_to_its_new_target() -> None:
    given = mark(OLD_UUID, devices=ADOPTED)
    after = parse(edited(OLD, Edit(path="disks[root].bus", after="scsi"), mark=given))
    found = mark_of(after)[0]
    assert found is not None
    assert found.devices == {**ADOPTED, "disk/root": Device(target="sdb")}


def test_a_mark_survives_every_character() -> None:
    given = mark(declared={"description": "\x00\x1f\x7f\x85\ufffe\uffff]]><&'\"\n\r\té🙂"})
    assert mark_of(parse(edited(INACTIVE, mark=given)))[0] == given
    assert mark_of(parse(build(new_vm(mark=given), VERSION)))[0] == given
    assert "\ufffe" not in element(given)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit(path="memory", after=900 * MIB), "raise memoryMax"),
        (Edit(path="cpu.count", after=9), "raise cpu.max"),
        (Edit(path="cpu.max", after=8), "topology"),
        (Edit(path="cpu.count", after=0), "at least 1"),
        (Edit(path="memory", after=None), "memory"),
        (Edit(path="emulation", after="vmware"), "emulation"),
        (Edit(path="description", after="a\x01b"), "control character"),
        (Edit(path="disks[root].bus", after="floppy"), "disks[root].bus"),
        (Edit(path="disks[root].source", after="relative"), "absolute"),
        (Edit(path="disks[gone].cache", after="none"), "no such device"),
        (Edit(path="disks[root].colour", after="red"), "disks[root].colour"),
        (Edit(path="nics[lan].mac", after=None), "MAC"),
        (Edit(path="nics[new]", after={"network": "lan"}), "MAC"),
        (Edit(path="nics[new]", after={"mac": "52:54:00:00:00:01"}), "network"),
        (Edit(path="floppies[a]", after={"source": "/x"}), "floppies"),
        (Edit(path="colour", after="red"), "colour"),
        (Edit(path="graphics.password", after=Secret("longer than eight")), "8 characters"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(edit: Edit, words: str) -> None:
    with pytest.raises(CannotWrite) as refused:
        edited(INACTIVE, edit)
    assert words in str(refused.value)
    assert "longer" not in str(refused.value)


def test_maximum_and_topology_change_together() -> None:
    edits = [Edit(path="cpu.max", after=8), Edit(path="cpu.cores", after=8)]
    assert reread(edited(INACTIVE, *edits)).config["cpu.max"] == 8


@pytest.mark.parametrize(("fields", "libvirt", "expected"), [
    ({}, VERSION, False),
    ({"cpu.count": 4}, VERSION, True),
    ({"cpu.count": 4}, 7_000_000, False),
    ({"cpu.count": 4, "emulation": "kvm"}, VERSION, False),
])  # fmt: skip
def test_the_translation_cache_is_small_only_where_no_vcpu_can_come(
    fields: dict[str, Scalar], libvirt: int, expected: bool
) -> None:
    domain = parse(build(new_vm(fields={**FIELDS, **fields}), libvirt))
    assert (domain.find("features/tcg/tb-cache") is not None) is expected


def test_a_removed_device_leaves_no_trace_in_the_definition() -> None:
    devices = {key: each for key, each in DEVICES.items() if key != "nic/lan"}
    after = edited(INACTIVE, Edit(path="nics[lan]", before={}), mark=mark(devices=devices))
    assert parse(after).find("devices/interface") is None
