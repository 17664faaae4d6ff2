"""Devices of hosts: asked for by their kind, given once, kept, and a reason not to move."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given as examples
from hypothesis import settings
from hypothesis import strategies as st

from drivers.node import NodeDevice
from reconciler.diff.change import HeldReason
from reconciler.observe.devices import with_devices
from reconciler.place.hosts import hostdevices
from reconciler.place.room import furnish
from reconciler.status.hostdevices import section
from specs.fields import Fields
from specs.structs import replace
from tests.flow.site import Site

GPU = "device: '10de:1eb8'"
VM = """---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: NAME}
spec: {cpu: 1, memory: 64MiB, state: STATE, hostDevices: [{name: gpu, WAY}]}
"""


def gpu(address: str, **more: object) -> NodeDevice:
    group = int(address[5:7], 16)
    values = {"vendor": "10de", "product": "1eb8", "pci_class": "030200", "driver": "vfio-pci", "group": group, **more}
    return NodeDevice(address=address, kind="pci", **values)  # type: ignore[arg-type]


def vm(name: str, way: str = GPU, state: str = "running") -> str:
    return VM.replace("NAME", name).replace("WAY", way).replace("STATE", state)


def given(site: Site, name: str) -> tuple[str, object]:
    """(host, address) of the VM's device."""
    host, seen = site.domain(name)
    mark = seen.mark
    assert mark is not None
    assert mark.devices["hostDevice/gpu"].target == seen.config["hostDevices[gpu].address"]
    if seen.live is not None:
        assert seen.live["hostDevices[gpu].address"] == seen.config["hostDevices[gpu].address"]
    return host, seen.config["hostDevices[gpu].address"]


def held(site: Site, name: str) -> str:
    found = [each for each in site.plan().changes if each.ref.name == name]
    texts = [str(each.held) for change in found for each in (change, *change.fields) if each.held]
    assert len(texts) == 1, texts
    return texts[0]


def plug(site: Site, host: str, *devices: NodeDevice) -> None:
    for each in devices:
        site.world.outside(host).plug_device(each)


def test_each_vm_gets_a_device_of_its_own_and_keeps_it(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"))
    plug(site, "kvm2", gpu("0000:17:00.0"))
    site.vms(vm("one"), vm("two"))
    site.settle()
    assert given(site, "one") != given(site, "two")
    assert {given(site, "one"), given(site, "two")} == {("kvm1", "0000:65:00.0"), ("kvm2", "0000:17:00.0")}
    site.vms(vm("one"), vm("two"), vm("three"))
    assert "no free device 10de:1eb8" in held(site, "three")
    before = given(site, "one")
    plug(site, before[0], gpu("0000:01:00.0"))
    site.settle()
    assert given(site, "one") == before
    assert given(site, "three") == (before[0], "0000:01:00.0")


def test_a_vm_gets_several_devices_of_one_iommu_group_and_no_other_vm_the_rest_of_it(site: Site) -> None:
    sound = {"product": "10f8", "pci_class": "040300", "group": 0x65}
    plug(site, "kvm1", gpu("0000:65:00.0"), gpu("0000:65:00.1", **sound), gpu("0000:65:00.2", **sound))
    site.vms(vm("one", way=f"{GPU}}}, {{name: sound, device: '10de:10f8'"))
    site.settle()
    assert given(site, "one") == ("kvm1", "0000:65:00.0")
    assert site.domain("one")[1].config["hostDevices[sound].address"] == "0000:65:00.1"
    site.vms(vm("one", way=f"{GPU}}}, {{name: sound, device: '10de:10f8'"), vm("two", way="device: '10de:10f8'"))
    assert held(site, "two").startswith(HeldReason.NO_HOST)


def test_a_device_of_a_vm_that_is_not_ours_or_off_is_not_free(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"), gpu("0000:66:00.0"))
    fields: Fields = {"cpu.count": 1, "memory": 64 << 20, "hostDevices[x].address": "0000:65:00.0"}
    site.world.outside("kvm1").define("foreign", fields)
    site.vms(vm("one", state="stopped"))
    site.settle()
    assert given(site, "one") == ("kvm1", "0000:66:00.0")
    site.vms(vm("one", state="stopped"), vm("two"))
    assert held(site, "two").startswith(HeldReason.NO_HOST)


def test_a_vm_that_exists_gets_a_device_of_its_host(site: Site) -> None:
    plug(site, "kvm2", gpu("0000:65:00.0"))
    bare = vm("one").replace(f", hostDevices: [{{name: gpu, {GPU}}}]", "")
    site.vms(bare.replace("cpu: 1", "cpu: 1, hosts: [kvm1]"))
    site.settle()
    site.vms(vm("one").replace("cpu: 1", "cpu: 1, hosts: [kvm1]"))
    assert held(site, "one").startswith("HostLacks: kvm1 has no free device 10de:1eb8")
    plug(site, "kvm1", gpu("0000:17:00.0"))
    site.settle()
    assert given(site, "one") == ("kvm1", "0000:17:00.0")


def test_another_wish_in_git_takes_another_device(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"), gpu("0000:66:00.0", product="2230"))
    site.vms(vm("one", state="stopped"))
    site.settle()
    assert given(site, "one")[1] == "0000:65:00.0"
    site.vms(vm("one", way="device: '10de:2230'", state="stopped"))
    site.settle()
    assert given(site, "one")[1] == "0000:66:00.0"


def test_a_device_that_somebody_changed_by_hand_comes_back(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"), gpu("0000:66:00.0"))
    site.vms(vm("one", state="stopped"))
    site.settle()
    site.world.outside("kvm1").change("one", "hostDevices[gpu].address", "0000:66:00.0")
    assert not site.plan().empty
    site.settle()
    assert given(site, "one")[1] == "0000:65:00.0"


@pytest.mark.parametrize(
    ("way", "address"),
    [
        ("pciClass: display", "0000:65:00.0"),
        ("pciClass: '030200'", "0000:65:00.0"),
        ("mdevType: nvidia-35", "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02"),
        ("virtualFunctionOf: ens1f0", "0000:81:10.0"),
        ("virtualFunctionOf: '0000:81:00.0'", "0000:81:10.0"),
        ("device: '046d:c52b'", "1.4"),
    ],
)
def test_there_are_many_ways_to_ask(way: str, address: str, site: Site) -> None:
    nic = {"vendor": "8086", "product": "1521", "pci_class": "020000", "driver": "igb"}
    mdev = NodeDevice(address="5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02", kind="mdev", type="nvidia-35", group=7)
    usb = [NodeDevice(address=each, kind="usb", vendor="046d", product="c52b") for each in ("046d:c52b", "1.4")]
    plug(
        site, "kvm2", gpu("0000:65:00.0"), gpu("0000:81:00.0", link="ens1f0", group=1, **nic),
        gpu("0000:81:10.0", parent="0000:81:00.0", group=2, **{**nic, "driver": "igbvf"}), mdev, *usb,
    )  # fmt: skip
    site.vms(vm("one", way=way))
    site.settle()
    assert given(site, "one") == ("kvm2", address)


@pytest.mark.parametrize(
    ("device", "why"),
    [
        (gpu("0000:65:00.0", driver="nvidia"), "a driver of the host has it"),
        (gpu("0000:65:00.0", group=None), "it has no IOMMU group"),
    ],
)
def test_what_the_host_uses_itself_or_cannot_pass_on_is_not_given(device: NodeDevice, why: str, site: Site) -> None:
    plug(site, "kvm1", device)
    site.vms(vm("one"))
    assert held(site, "one").startswith(HeldReason.NO_HOST), why
    site.vms(vm("one", way="address: '0000:65:00.0'"))
    assert site.plan().placements["one"].host == "kvm1"


def test_devices_of_one_iommu_group_go_to_one_vm_alone(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0", group=9), gpu("0000:66:00.0", group=9))
    site.vms(vm("one"), vm("two"))
    assert sorted(bool(each.host) for each in site.plan().placements.values()) == [False, True]


def test_one_address_is_not_given_to_two_vms_of_a_host(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"))
    both = (
        vm(name, way="address: '0000:65:00.0'").replace("cpu: 1", "cpu: 1, hosts: [kvm1]") for name in ("one", "two")
    )
    site.vms(*both)
    assert "kvm1: 0000:65:00.0 is given to vm/one" in held(site, "two")


def test_hosts_are_not_asked_for_devices_that_nobody_chooses_among(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"))
    site.vms(vm("one", way="address: '0000:65:00.0'"))
    assert {seen.devices for seen in site.look().context.observed.seen.values()} == {None}


def test_what_it_was_given_on_one_host_says_nothing_about_another(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"))
    site.vms(vm("one"))
    site.settle()
    plug(site, "kvm2", gpu("0000:17:00.0"))
    looked = site.look()
    room = furnish(looked.context, {}, {})
    asked = room.on("kvm1")["one"]
    assert asked.vm.fields["hostDevices[gpu].address"] == "0000:65:00.0"
    assert [hostdevices.why_not(asked, host, room) for host in site.names] == [None, None]
    another = replace(asked, vm=replace(asked.vm, name="another"))
    verdicts = [hostdevices.why_not(another, host, room) for host in site.names]
    assert verdicts == ["no free device 10de:1eb8", None]


def test_a_vm_is_adopted_with_the_device_that_it_has(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"), gpu("0000:66:00.0"))
    fields: Fields = {"cpu.count": 1, "memory": 64 << 20, "hostDevices[0000:66:00.0].address": "0000:66:00.0"}
    made = site.world.outside("kvm1").define("one", fields)
    site.vms(vm("one", state="manual").replace("cpu: 1", f"uuid: {made.uuid}, cpu: 1"))
    site.settle()
    assert given(site, "one") == ("kvm1", "0000:66:00.0")
    assert len([path for path in site.domain("one")[1].config if path.startswith("hostDevices[")]) == 1


@settings(max_examples=12, deadline=None)
@examples(
    cards=st.lists(st.tuples(st.sampled_from(("kvm1", "kvm2")), st.sampled_from(("1eb8", "2230"))), max_size=5),
    wishes=st.lists(st.sampled_from(("1eb8", "2230")), min_size=1, max_size=5),
    foreign=st.booleans(),
)
def test_no_device_is_ever_given_twice_and_none_is_left_lying(
    cards: list[tuple[str, str]], wishes: list[str], foreign: bool
) -> None:
    with TemporaryDirectory() as folder:
        site = Site(Path(folder) / "site")
        for number, (host, product) in enumerate(cards):
            plug(site, host, gpu(f"0000:{number + 16:02x}:00.0", product=product))
        if foreign and cards:
            fields: Fields = {"cpu.count": 1, "memory": 64 << 20, "hostDevices[x].address": "0000:10:00.0"}
            site.world.outside(cards[0][0]).define("foreign", fields)
        site.vms(*(vm(f"vm{number}", way=f"device: '10de:{each}'") for number, each in enumerate(wishes)))
        site.apply()
        holders = [
            (host, value)
            for host, seen in site.world.observe().items()
            for each in getattr(seen, "vms", ())
            for path, value in each.config.items()
            if path.startswith("hostDevices[") and path.endswith(".address")
        ]
        assert len(holders) == len(set(holders))
        free = [product for _, product in (cards[1:] if foreign else cards)]
        expected = sum(min(free.count(each), wishes.count(each)) for each in ("1eb8", "2230"))
        assert len(holders) - (foreign and bool(cards)) == expected
        assert not [each for each in site.plan().changes if each.acts]


def test_a_hosts_devices_are_told_with_who_has_them(site: Site) -> None:
    nic = {"vendor": "8086", "product": "1521", "pci_class": "020000", "driver": "igb"}
    plug(
        site, "kvm1", gpu("0000:65:00.0"), gpu("0000:66:00.0"), gpu("0000:67:00.0", group=None),
        gpu("0000:68:00.0", driver="nvidia"), gpu("0000:81:00.0", link="ens1f0", **nic),
        gpu("0000:81:10.0", parent="0000:81:00.0", group=2, **{**nic, "driver": "igbvf"}),
    )  # fmt: skip
    site.vms(vm("one"), vm("two", way="virtualFunctionOf: ens1f0"))
    site.settle()
    seen = with_devices(site.look().context.observed, {"kvm1": site.world.host("kvm1")}, ("kvm1",)).seen["kvm1"]
    assert section(seen).rows == [
        ["0000:65:00.0", "PCI 10de:1eb8, class 030200", "given to vm/one"],
        ["0000:66:00.0", "PCI 10de:1eb8, class 030200", "free"],
        ["0000:68:00.0", "PCI 10de:1eb8, class 030200", "the host's own: driver nvidia"],
        ["0000:81:00.0", "PCI 8086:1521, class 020000, link ens1f0", "a virtual function of it is given"],
        ["0000:81:10.0", "PCI 8086:1521, class 020000, virtual function of 0000:81:00.0", "given to vm/two"],
        ["1 PCI device without an IOMMU group: the host cannot pass them on"],
    ]


def test_a_vm_keeps_its_device_under_a_new_name_and_out_of_the_trash(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"), gpu("0000:66:00.0"))
    site.vms(vm("one", state="stopped"), vm("two", state="stopped"))
    site.settle()
    before = given(site, "two")
    renamed = vm("three", state="stopped").replace("{name: three}", "{name: three, renamedFrom: two}")
    site.vms(vm("one", state="stopped"), renamed)
    site.settle()
    assert given(site, "three") == before
    site.vms(vm("one", state="stopped"))
    site.settle(deletions=1)
    site.vms(vm("one", state="stopped"), vm("three", state="stopped"))
    site.settle()
    assert given(site, "three") == before


def test_what_lies_in_the_trash_holds_no_device(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"))
    site.vms(vm("one", state="stopped"))
    site.settle()
    site.vms("# none")
    site.settle(deletions=1)
    site.vms(vm("two", state="stopped"))
    site.settle()
    assert given(site, "two") == ("kvm1", "0000:65:00.0")
    site.vms(vm("two", state="stopped"), vm("one"))
    assert "kvm1 has no free device 10de:1eb8" in held(site, "one")


def test_a_drain_holds_a_vm_that_has_a_device_of_its_host(site: Site) -> None:
    plug(site, "kvm1", gpu("0000:65:00.0"))
    plug(site, "kvm2", gpu("0000:17:00.0"))
    site.vms(vm("one").replace("cpu: 1", "cpu: 1, preferredHosts: [kvm1]"))
    site.settle()
    assert given(site, "one") == ("kvm1", "0000:65:00.0")
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("qemu+tls://kvm1/system'", "qemu+tls://kvm1/system', maintenance: true"))
    told = held(site, "one")
    assert told.startswith("CannotMove: kvm1 goes into maintenance; host device gpu is of kvm1")
    site.apply()
    assert given(site, "one") == ("kvm1", "0000:65:00.0")
