"""The rest of a definition: patches that are true already, devices by name, and what no patch can tell."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest

from drivers.libvirt.domain import NotReadable, patches
from drivers.libvirt.domain.rest import rest
from drivers.libvirt.domain.tree import parse_to_edit, write
from drivers.seen import Patch
from tests.domains import every

DOMAIN = """<domain type='kvm' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><name>a</name>
<uuid>6695eb01-f6a4-8304-79aa-97f2502e1931</uuid><memory>1048576</memory><vcpu>1</vcpu>{}
<os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os><devices>{}</devices>{}</domain>"""


def of(top: str = "", devices: str = "", end: str = "") -> str:
    return DOMAIN.format(top, devices, end)


def added(xml: str) -> list[tuple[str, str]]:
    return [(each.at, each.add.split()[0].strip("<>/")) for each in rest(xml).patches]


def test_devices_that_no_field_tells_become_patches_without_their_place() -> None:
    address = "<address type='pci' domain='0' bus='1' slot='0' function='0'/>"
    shmem = f"<shmem name='s'><model type='ivshmem-plain'/>{address}</shmem>"
    (patch,) = rest(of(devices=shmem)).patches
    assert patch == Patch(at="./devices", add='<shmem name="s">\n  <model type="ivshmem-plain"/>\n</shmem>')


def test_two_of_a_kind_are_told_apart_by_their_place() -> None:
    each = "<nvdimm><address type='pci' slot='{}'/></nvdimm>"
    found = rest(of(devices=each.format(1) + each.format(2))).patches
    assert ["slot" in patch.add for patch in found] == [False, True]


def test_what_libvirt_adds_by_itself_is_no_rest() -> None:
    usual = (
        "<emulator>/usr/bin/qemu</emulator><controller type='pci' model='pcie-root'/><memballoon model='virtio'/>"
        "<input type='mouse' bus='ps2'/><audio id='1' type='none'/><console type='pty'/><hub type='usb'/>"
    )
    found = rest(of("<pm/><resource/><metadata><x/></metadata>", usual))
    assert (found.patches, found.kept) == ((), ())


def test_elements_of_the_domain_and_their_parts() -> None:
    top = "<title>A</title><perf><event name='cmt' enabled='yes'/></perf>"
    end = "<qemu:commandline><qemu:arg value='-snapshot'/></qemu:commandline>"
    assert [at for at, _ in added(of(top, end=end))] == [".", ".", "."]


def test_what_may_hold_a_password_is_named_and_not_told() -> None:
    end = "<qemu:commandline><qemu:arg value='secret,id=a,data=geheim'/></qemu:commandline>"
    found = rest(of(end=end))
    assert found.patches == ()
    assert "commandline" in found.kept[0] and "geheim" not in found.kept[0]  # noqa: PT018


def test_a_device_that_a_vm_has_once_is_kept_and_not_added_twice() -> None:
    found = rest(of(devices="<memballoon model='none'/>"))
    assert not any("memballoon" in each.add for each in found.patches)


def test_named_devices_come_with_their_xml() -> None:
    disk = "<disk type='file'><source file='/a'/><target dev='vda' bus='virtio'/><address type='pci'/></disk>"
    found = rest(of(devices=disk))
    assert found.devices.keys() == {"disks[vda]"}
    assert "address" not in found.devices["disks[vda]"]


@pytest.mark.parametrize("text", ["", "<network/>", "<domain>", "<!DOCTYPE domain []><domain/>"])
def test_what_is_no_domain_is_not_readable(text: str) -> None:
    with pytest.raises(NotReadable):
        rest(text)


@pytest.mark.parametrize("number", range(20))
def test_every_patch_is_true_already_and_taken_back_with_what_it_stands_for(number: int) -> None:
    name, xml = list(every(170))[number * 8]
    domain = parse_to_edit(xml)
    before = write(domain)
    found = rest(xml).patches
    declared = json.dumps([each.data() for each in found])
    patches.apply(domain, declared)
    assert write(domain) == before, name
    gone = deepcopy(domain)
    patches.revert(gone, declared, "")
    assert patches.lost(domain, declared) is None
    assert (write(gone) == before) == (not any(each.add for each in found)), name
