"""Domain XML → fields: samples of libvirt's, names of devices, and XML that means harm."""

from __future__ import annotations

import pytest

from drivers.libvirt.domain import NotReadable, read
from drivers.libvirt.domain.table import ABSENT
from drivers.mark import Device, dumps
from specs.fields import Secret
from tests.unit.drivers.libvirt.domain.samples import ADOPTED, FIELDS, OLD_UUID, UUID, mark, reread, text

INACTIVE, LIVE, OLD = text("running-inactive"), text("running-live"), text("adopted")


def marked(xml: str, json: str) -> str:
    element = (
        f'<m:mark xmlns:m="https://gitvirt.dev/mark/v1">{json.replace("&", "&amp;").replace("<", "&lt;")}</m:mark>'
    )
    return xml.replace("<metadata>", f"<metadata>{element}")


def test_a_definition_of_ours_reads_as_the_fields_it_was_made_from() -> None:
    seen = read(INACTIVE, None)
    given = {
        "disks[root].errorPolicy": "stop",
        "graphics.vnc.port": "auto", "inputs.tablet": "usb", "rngOptions.backend": "random",
        "rngOptions.model": "virtio", "rngOptions.source": "/dev/urandom", "usb.controller": "qemu-xhci",
        "clock.offset": "utc", "clock.timers": "", "features.acpi": True, "features.apic": True,
        "memoryPolicy.ballooning": True, "onPoweroff": "destroy", "onReboot": "restart", "onCrash": "destroy",
    }  # fmt: skip
    video = {path: value for path, value in seen.config.items() if path.startswith("video.")}
    assert dict(seen.config) == {**ABSENT, **FIELDS, **given, **video, "machine": "pc-q35-7.2"}
    assert video["video.model"] == "vga"
    assert (seen.name, seen.uuid, seen.live, seen.unnamed) == ("web", UUID, None, frozenset())
    assert seen.mark == mark()


def test_the_live_xml_reads_as_what_the_running_vm_has_now() -> None:
    seen = read(INACTIVE, LIVE)
    assert seen.live is not None
    assert {path: value for path, value in seen.live.items() if seen.config.get(path) != value} == {
        "memory": 137216 * 1024  # the balloon was on its way down
    }
    assert seen.agent
    assert seen.aliases == {"disks[root]": "ua-disk-root", "cdroms[setup]": "ua-cdrom-setup", "nics[lan]": "ua-nic-lan"}
    assert seen.targets == {"disks[root]": "vda", "cdroms[setup]": "sda"}


def test_an_agent_that_is_not_connected_is_told_apart() -> None:
    assert not read(INACTIVE, LIVE.replace("state='connected'", "state='disconnected'")).agent


def test_devices_that_nobody_named_are_called_by_target_and_mac() -> None:
    seen = read(OLD, None)
    assert seen.unnamed == {
        *("disks[vda]", "cdroms[sda]", "nics[52:54:00:aa:00:01]", "nics[52:54:00:aa:00:02]"),
    }
    assert seen.config["nics[52:54:00:aa:00:02].network"] == "bridge:br0"
    assert seen.config["nics[52:54:00:aa:00:02].link"] == "down"


def test_the_mark_s_table_names_adopted_devices() -> None:
    seen = read(marked(OLD, dumps(mark(OLD_UUID, devices=ADOPTED))), None)
    assert seen.unnamed == {"nics[52:54:00:aa:00:02]"}
    assert seen.config["disks[root].source"] == "/pool/old.qcow2"
    assert seen.config["cdroms[cd].source"] == "/pool/x.iso"
    assert seen.config["nics[lan].mac"] == "52:54:00:aa:00:01"


def test_our_alias_names_a_device_that_the_mark_does_not_know() -> None:
    xml = INACTIVE.replace("<alias name='ua-disk-root'/>", "<alias name='ua-disk-data'/>")
    assert "disks[data].source" in read(xml, None).config


def test_two_devices_with_one_name_are_both_seen() -> None:
    disk = INACTIVE[INACTIVE.index("<disk ") : INACTIVE.index("</disk>") + len("</disk>")]
    seen = read(INACTIVE.replace(disk, disk + disk), None)
    assert {"disks[root].source", "disks[vda].source"} <= set(seen.config)
    assert seen.unnamed == {"disks[vda]"}


def test_an_adopted_drive_is_found_live_although_its_next_target_is_another() -> None:
    config = marked(OLD, dumps(mark(OLD_UUID, devices={"disk/root": Device(target="sdb")})))
    seen = read(config.replace("dev='vda' bus='virtio'", "dev='sdb' bus='scsi'"), OLD)
    assert seen.live is not None
    assert (seen.config["disks[root].bus"], seen.live["disks[root].bus"]) == ("scsi", "virtio")
    assert "disks[vda]" not in seen.unnamed


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"format":99}', '{"repository":1,"unheard":2}'])
def test_a_mark_that_cannot_be_understood_is_reported(damaged: str) -> None:
    seen = read(marked(OLD, damaged), None)
    assert (seen.mark, seen.mark_damaged) == (None, True)


def test_no_mark_is_no_damage() -> None:
    assert (read(OLD, None).mark, read(OLD, None).mark_damaged) == (None, False)


@pytest.mark.parametrize(
    ("config", "live", "expected"),
    [
        ("<cpu mode='host-model'/>", "<cpu mode='custom'><model>Skylake</model></cpu>", "host-model"),
        ("<cpu mode='maximum'/>", "<cpu mode='custom'><model>qemu64</model></cpu>", "qemu64"),
        ("<cpu mode='host-model'/>", "<cpu mode='host-passthrough'/>", "host-passthrough"),
        ("<cpu mode='custom'><model>a</model></cpu>", "<cpu mode='custom'><model>b</model></cpu>", "b"),
    ],
)
def test_a_running_cpu_is_told_in_the_words_of_the_definition(config: str, live: str, expected: str) -> None:
    old = "<cpu mode='maximum' check='none'/>"
    seen = read(OLD.replace(old, config), OLD.replace(old, live))
    assert seen.live is not None
    assert seen.live["cpu.model"] == expected


@pytest.mark.parametrize(
    ("os", "expected"),
    [
        ("<os firmware='efi'><type>hvm</type></os>", "uefi"),
        ("<os><type>hvm</type><loader readonly='yes' type='pflash'>/x</loader></os>", "uefi"),
        ("<os><type>hvm</type><loader type='rom'>/x</loader></os>", "bios"),
    ],
)
def test_firmware_is_uefi_also_where_only_a_loader_says_so(os: str, expected: str) -> None:
    assert read(f"<domain type='kvm'>{os}</domain>", None).config["firmware"] == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<disk type='block'><source dev='/dev/sdb'/>", "/dev/sdb"),
        ("<disk type='volume'><source pool='p' volume='v'/>", "volume:p/v"),
        ("<disk type='network'><source protocol='rbd' name='p/v'/>", "network:rbd/p/v"),
        ("<disk type='file'>", ""),
    ],
)
def test_every_type_of_source_has_a_word(source: str, expected: str) -> None:
    xml = f"<domain><devices>{source}<target dev='vda'/></disk></devices></domain>"
    assert read(xml, None).config["disks[vda].source"] == expected


def test_units_of_memory_are_bytes_here() -> None:
    xml = "<domain><memory unit='GiB'>2</memory><currentMemory unit='MB'>3</currentMemory></domain>"
    assert {read(xml, None).config[path] for path in ("memory", "memoryMax")} == {3_000_000, 2 << 30}


BOMB = "<!DOCTYPE domain [<!ENTITY a 'x'><!ENTITY b '&a;&a;&a;'>]><domain><name>&b;</name></domain>"
OUTSIDE = "<!DOCTYPE domain [<!ENTITY a SYSTEM 'file:///etc/hostname'>]><domain><name>&a;</name></domain>"


@pytest.mark.parametrize(
    "hostile",
    ["", "no xml", "<domain>", "<network/>", BOMB, OUTSIDE, "<domain>\x00</domain>", "<a>" * 300 + "</a>" * 300],
)
def test_what_is_not_a_domain_is_refused_with_one_error(hostile: str) -> None:
    with pytest.raises(NotReadable):
        read(hostile, None)


@pytest.mark.parametrize(
    "odd",
    [
        "<vcpu>many</vcpu>",
        "<vcpu current='x'>2</vcpu>",
        "<memory unit='parsec'>3</memory><memory>x</memory>",
        f"<memory>{'9' * 400}</memory>",
        "<devices><disk/><disk device='cdrom'/><disk device='floppy'/><interface/><graphics/><rng/></devices>",
        "<devices><disk><target dev='a]b[c'/></disk><disk><target dev='a]b[c'/></disk></devices>",
        "<devices><disk><boot order='first'/><target/></disk></devices><metadata/><os/><cpu/><unheard><of/></unheard>",
        "<metadata>" + "<x>" * 100 + "</x>" * 100 + "</metadata>",
    ],
)
def test_odd_content_never_fails_a_reading(odd: str) -> None:
    assert read(f"<domain><name>n</name>{odd}</domain>", f"<domain>{odd}</domain>").name == "n"


def test_equal_definitions_have_equal_digests_whatever_id_the_vm_runs_under() -> None:
    assert read(INACTIVE, LIVE).definition == read(INACTIVE, LIVE.replace("id='16'", "id='7'", 1)).definition
    assert read(INACTIVE, LIVE).definition != read(INACTIVE, None).definition
    assert read(INACTIVE, None).definition != reread(INACTIVE.replace("vda", "vdb")).definition


def test_a_password_reaches_neither_digest_nor_text() -> None:
    other = INACTIVE.replace("sesame", "another")
    assert read(INACTIVE, None).definition == read(other, None).definition
    assert read(other, None).config["graphics.password"] == Secret("another")
    assert "another" not in repr(read(other, None))
