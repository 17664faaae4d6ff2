"""Live edits, on a VM that is only XML: what is asked of it, and what is left for the next boot."""

from __future__ import annotations

from copy import deepcopy

import pytest

from drivers.base import Edit
from drivers.libvirt.domain import live
from drivers.libvirt.domain.aspect import NotNow
from drivers.libvirt.domain.draft import Draft, Names
from drivers.libvirt.domain.reading import draft
from drivers.libvirt.domain.tree import Element, alias, ensure, parse_to_edit, put_text, write
from drivers.libvirt.domain.visible import unseen
from specs.fields import Scalar, Secret
from tests.unit.drivers.libvirt.domain.samples import DEVICES, MIB, text


class PaperVm:
    """A hypervisor that writes down: devices come, go and change in an XML, and each deed is listed."""

    def __init__(self, xml: str) -> None:
        self.xml, self.deeds = parse_to_edit(xml), [""][:0]
        self.locked = False

    def live(self) -> Element:
        return deepcopy(self.xml)

    def config(self) -> Element:
        return parse_to_edit(text("running-inactive"))

    def draft(self) -> Draft:
        return draft(self.live(), Names(DEVICES))

    def attach(self, device: Element) -> None:
        self.deeds.append(f"attach {alias(device)}")
        self._devices().append(device)

    def detach(self, alias: str) -> None:
        self.deeds.append(f"detach {alias}")
        self._devices().remove(self._by_alias(alias))

    def update(self, device: Element, *, force: bool = False) -> None:
        if self.locked and not force:
            raise NotNow("the tray is locked")
        self.deeds.append(f"update {alias(device) or device.tag}{' by force' if force else ''}")
        old = self._by_alias(alias(device)) if alias(device) else self._devices().find(device.tag)
        assert old is not None
        self._devices().replace(old, device)

    def set_cpus(self, count: int) -> None:
        self.deeds.append(f"cpus {count}")
        self.xml.find("vcpu").set("current", str(count))  # type: ignore[union-attr]

    def set_memory(self, size: int) -> None:
        self.deeds.append(f"memory {size}")
        self.xml.find("currentMemory").text = str(size // 1024)  # type: ignore[union-attr]

    def resize(self, target: str, size: int) -> None:
        self.deeds.append(f"resize {target} {size}")

    def limit(self, target: str, **limits: int) -> None:
        tune = ensure(self.xml.xpath(f"devices/disk[target/@dev='{target}']")[0], "iotune")
        self.deeds.append(f"limit {target} {next(iter(limits))}")
        for name, limit in limits.items():
            put_text(tune, name, limit or None)

    def describe(self, text: str | None) -> None:
        self.deeds.append(f"describe {text}")
        self.xml.find("description").text = text  # type: ignore[union-attr]

    def set_metadata(self, prefix: str, namespace: str, element: str | None) -> None:
        self.deeds.append(f"metadata {prefix} {element}")

    def tune(self, what: str, **parameters: int | str) -> None:
        self.deeds.append(f"tune {what} {parameters}")

    def pin(self, what: str, number: int, cpus: str) -> None:
        self.deeds.append(f"pin {what} {number} to {cpus}")

    def set_iothreads(self, count: int) -> None:
        self.deeds.append(f"iothreads {count}")

    def set_action(self, event: str, action: str) -> None:
        self.deeds.append(f"on {event} {action}")

    def _devices(self) -> Element:
        found = self.xml.find("devices")
        assert found is not None
        return found

    def _by_alias(self, wanted: str) -> Element:
        return next(each for each in self._devices() if alias(each) == wanted)


@pytest.fixture
def vm() -> PaperVm:
    return PaperVm(text("running-live"))


@pytest.mark.parametrize(
    ("path", "value", "deed"),
    [
        ("cpu.count", 3, "cpus 3"),
        ("memory", 192 * MIB, f"memory {192 * MIB}"),
        ("description", "other", "describe other"),
        ("disks[root].size", 1 << 30, f"resize vda {1 << 30}"),
        ("disks[root].iotune.totalBytes", MIB, "limit vda total_bytes_sec"),
        ("disks[root].iotune.writeIopsMax", 0, "limit vda write_iops_sec_max"),
        ("nics[lan].filter", "open", "update ua-nic-lan"),
        ("nics[lan].vlan.tags", "42", "update ua-nic-lan"),
        ("nics[lan].bandwidth.inbound.peak", MIB, "update ua-nic-lan"),
        ("nics[lan].rxFrames", 8, "update ua-nic-lan"),
        ("nics[lan].isolated", True, "update ua-nic-lan"),
        ("cdroms[setup].source", "/pool/x.iso", "update ua-cdrom-setup"),
        ("nics[lan].link", "down", "update ua-nic-lan"),
        ("nics[lan].network", "other", "update ua-nic-lan"),
        ("graphics.password", Secret("another"), "update graphics"),
        ("rng", False, "detach rng0"),
        ("agent", False, "detach channel0"),
    ],
)
def test_a_field_changes_with_one_deed_and_then_shows(vm: PaperVm, path: str, value: Scalar, deed: str) -> None:
    edit = Edit(path=path, after=value)
    live.change(vm, edit, DEVICES)
    assert vm.deeds == [deed]
    assert unseen([edit], vm.draft().fields) is None


def test_a_nic_s_update_keeps_all_that_libvirt_knows_of_it(vm: PaperVm) -> None:
    live.change(vm, Edit(path="nics[lan].link", after="down"), DEVICES)
    for kept in ("target[@dev='vnet16']", "mac", "address[@bus='0x01']", "model"):
        assert vm.draft().elements["nics[lan]"].find(kept) is not None


def test_a_listen_address_is_sent_unchanged_with_a_password(vm: PaperVm) -> None:
    before = vm.live().find("devices/graphics/listen")
    live.change(vm, Edit(path="graphics.password", after=Secret("another")), DEVICES)
    after = vm.live().find("devices/graphics/listen")
    assert before is not None
    assert after is not None
    assert write(before).strip() == write(after).strip()


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("disks[data]", {"source": "/pool/d", "bus": "virtio"}),
        ("disks[data]", {"source": "/pool/d", "bus": "scsi"}),
        ("cdroms[two]", {"source": "/pool/x.iso", "bus": "scsi"}),
        ("nics[two]", {"network": "lan", "mac": "52:54:00:00:00:07"}),
    ],
)
def test_a_device_comes_once_and_goes_once(vm: PaperVm, path: str, fields: dict[str, Scalar]) -> None:
    come, gone = Edit(path=path, after=fields), Edit(path=path, before=fields)
    name = "ua-" + path.replace("s[", "-").rstrip("]")
    for _ in range(2):
        live.change(vm, come, DEVICES)
    assert unseen([come], vm.draft().fields) is None
    for _ in range(2):
        live.change(vm, gone, DEVICES)
    assert vm.deeds == [f"attach {name}", f"detach {name}"]
    assert unseen([gone], vm.draft().fields) is None


def test_a_locked_tray_is_forced_only_to_eject(vm: PaperVm) -> None:
    live.change(vm, Edit(path="cdroms[setup].source", after="/pool/x.iso"), DEVICES)
    vm.locked = True
    with pytest.raises(NotNow, match="locked"):
        live.change(vm, Edit(path="cdroms[setup].source", after="/pool/y.iso"), DEVICES)
    live.change(vm, Edit(path="cdroms[setup].source", after=""), DEVICES)
    assert vm.deeds[1:] == ["update ua-cdrom-setup by force"]


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (Edit(path="cpu.count", after=0), "does not give vCPUs back"),
        (Edit(path="memory", after=900 * MIB), "at most 256 MiB"),
        (Edit(path="graphics.password", after=None), "take the password off"),
        (Edit(path="machine", after="pc"), "while the VM runs"),
        (Edit(path="disks[root].cache", after="none"), "while the VM runs"),
        (Edit(path="disks[gone].size", after=1), "does not have this disk"),
        (Edit(path="disks[new]", after={"source": "/x", "bus": "sata"}), "sata"),
        (Edit(path="unheard[x]", after={"source": "/x"}), "while the VM runs"),
    ],
)
def test_what_a_running_vm_does_not_take_waits_with_a_reason(vm: PaperVm, edit: Edit, words: str) -> None:
    with pytest.raises(NotNow, match=words):
        live.change(vm, edit, DEVICES)
    assert vm.deeds == []


def test_a_vcpu_does_not_come_into_a_small_translation_cache() -> None:
    cache = "<features><tcg><tb-cache unit='KiB'>32768</tb-cache></tcg>"
    vm = PaperVm(text("running-live").replace("<features>", cache))
    with pytest.raises(NotNow, match="translation cache"):
        live.change(vm, Edit(path="cpu.count", after=2), DEVICES)


def test_a_scsi_disk_waits_for_a_controller() -> None:
    vm = PaperVm(text("running-live").replace("virtio-scsi", "lsilogic"))
    with pytest.raises(NotNow, match="virtio-scsi"):
        live.change(vm, Edit(path="disks[d]", after={"source": "/x", "bus": "scsi"}), DEVICES)
