"""Scalars of the domain's own hardware: written, read back, changed, released; what is beside them is kept."""

from __future__ import annotations

import re

import pytest
from lxml import etree

from drivers.base import Edit
from drivers.libvirt.domain import CannotWrite, live
from drivers.libvirt.domain.aspect import NotNow
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.reading import read
from specs.fields import Scalar
from tests.unit.drivers.libvirt.domain.samples import DEVICES, FIELDS, canonical, edited, new_vm, reread, text
from tests.unit.drivers.libvirt.domain.test_domain_live import PaperVm

INACTIVE, OLD = text("running-inactive"), text("adopted")
VERSION = 9_000_000
GIB = 1 << 30
NOTHING = (None, "", False, 0, "none")

FIELD: dict[str, tuple[Scalar, Scalar, str]] = {
    "cpu.features": ("+aes,-svm", "+avx", "cpu/feature[@policy='disable'][@name='svm']"),
    "cpu.migratable": (False, True, "cpu[@migratable='off']"),
    "cpu.cache": ("emulate", "passthrough", "cpu/cache[@level='3']"),
    "cpu.shares": (2048, 512, "cputune/shares"),
    "cpu.limit": (150, 80, "cputune/global_quota"),
    "cpu.pins": ("0=0-1;1=1", "0=1", "cputune/vcpupin[@vcpu='1']"),
    "cpu.emulatorPin": ("0", "1", "cputune/emulatorpin"),
    "iothreads": (2, 3, "iothreads"),
    "numa.cells": ("0-1=128MiB;2-3=128MiB", "0-3=256MiB", "cpu/numa/cell[@cpus='2-3'][@memory='131072']"),
    "numa.mode": ("strict", "preferred", "numatune/memory[@mode='strict']"),
    "numa.nodes": ("0-1", "0", "numatune/memory[@nodeset='0-1']"),
    "numa.pins": ("0=1;1=0", "1=1", "numatune/memnode[@cellid='1'][@nodeset='0']"),
    "memoryPolicy.hardLimit": (GIB, 2 * GIB, "memtune/hard_limit[@unit='KiB']"),
    "memoryPolicy.softLimit": (GIB, 2 * GIB, "memtune/soft_limit"),
    "memoryPolicy.swapLimit": (GIB, 2 * GIB, "memtune/swap_hard_limit"),
    "memoryPolicy.hugepages": ("2MiB", "default", "memoryBacking/hugepages/page[@size='2048']"),
    "memoryPolicy.locked": (True, False, "memoryBacking/locked"),
    "memoryPolicy.noSharePages": (True, False, "memoryBacking/nosharepages"),
    "memoryPolicy.discard": (True, False, "memoryBacking/discard"),
    "memoryPolicy.source": ("memfd", "file", "memoryBacking/source[@type='memfd']"),
    "memoryPolicy.access": ("shared", "private", "memoryBacking/access[@mode='shared']"),
    "memoryPolicy.allocation": ("immediate", "ondemand", "memoryBacking/allocation"),
    "memoryPolicy.freePageReporting": (True, False, "devices/memballoon[@freePageReporting='on']"),
    "memoryPolicy.deflateOnOom": (True, False, "devices/memballoon[@autodeflate='on']"),
    "memoryPolicy.statsPeriod": (10, 5, "devices/memballoon/stats[@period='10']"),
    "features.pae": (True, False, "features/pae"),
    "features.hap": (True, False, "features/hap[@state='on']"),
    "features.pmu": (True, False, "features/pmu[@state='on']"),
    "features.vmport": (True, False, "features/vmport[@state='on']"),
    "features.smm": (True, False, "features/smm[@state='on']"),
    "features.vmcoreinfo": (True, False, "features/vmcoreinfo[@state='on']"),
    "features.pvspinlock": (True, False, "features/pvspinlock[@state='on']"),
    "features.kvmHidden": (True, False, "features/kvm/hidden[@state='on']"),
    "hyperv": (
        "relaxed,spinlocks=8191,vapic",
        "relaxed,vendor_id=me,vpindex",
        "features/hyperv/spinlocks[@retries='8191']",
    ),
    "clock.timers": ("hpet=no,rtc=catchup", "rtc=delay,tsc=yes", "clock/timer[@name='rtc'][@tickpolicy='catchup']"),
    "kernel.path": ("/boot/a", "/boot/b", "os/kernel"),
    "kernel.initrd": ("/boot/a.img", "/boot/b.img", "os/initrd"),
    "kernel.cmdline": ("quiet <&>", "console=ttyS0", "os/cmdline"),
    "boot.menu": (True, False, "os/bootmenu[@enable='yes']"),
    "boot.menuTimeout": (3000, 100, "os/bootmenu[@timeout='3000']"),
    "boot.retryAfter": (5000, 1, "os/bios[@rebootTimeout='5000']"),
    "boot.serial": (True, False, "os/bios[@useserial='yes']"),
    "smbios.system.serial": ("S 1", "S 2", "sysinfo[@type='smbios']/system/entry[@name='serial']"),
    "smbios.bios.vendor": ("A", "B", "sysinfo/bios/entry[@name='vendor']"),
    "smbios.baseboard.asset": ("A", "B", "sysinfo/baseBoard/entry[@name='asset']"),
    "smbios.chassis.sku": ("A", "B", "os/smbios[@mode='sysinfo']"),
    "smbios.oemStrings": ("one,two words", "three", "sysinfo/oemStrings/entry"),
}
"""Field → two values, and what the first of them looks like in the XML."""


@pytest.mark.parametrize("path", FIELD)
def test_a_field_is_written_and_read_changed_and_released_without_a_trace(path: str) -> None:
    first, second, place = FIELD[path]
    before = edited(INACTIVE)
    assert reread(before).config.get(path) in NOTHING
    once = edited(INACTIVE, Edit(path=path, after=first))
    assert etree.fromstring(once).find(place) is not None
    assert reread(once).config[path] == first
    twice = edited(once, Edit(path=path, after=second))
    assert reread(twice).config[path] == second
    assert canonical(edited(twice, Edit(path=path, after=None))) == canonical(before)


@pytest.mark.parametrize("path", FIELD)
def test_a_new_domain_is_built_with_it(path: str) -> None:
    value = FIELD[path][0]
    assert reread(build(new_vm(fields={**FIELDS, path: value}), VERSION)).config[path] == value


def test_all_at_once_are_read_as_they_were_asked_for() -> None:
    asked = {path: values[0] for path, values in FIELD.items()}
    seen = reread(build(new_vm(fields={**FIELDS, **asked}), VERSION)).config
    assert {path: seen.get(path) for path in asked} == asked


def test_a_machine_without_them_has_none_of_them() -> None:
    seen = reread(OLD).config
    assert {path: seen[path] for path in FIELD if seen.get(path) not in NOTHING} == {}


@pytest.mark.parametrize(
    ("path", "value", "deeds"),
    [
        ("cpu.shares", 512, ["tune scheduler {'cpu_shares': 512}"]),
        ("cpu.limit", 150, ["tune scheduler {'global_period': 100000, 'global_quota': 150000}"]),
        ("cpu.pins", "0=1;2=0", ["pin vcpu 0 to 1", "pin vcpu 2 to 0"]),
        ("cpu.iothreadPins", "1=0-1", ["pin iothread 1 to 0-1"]),
        ("cpu.emulatorPin", "1", ["pin emulator 0 to 1"]),
        ("iothreads", 2, ["iothreads 2"]),
        ("memoryPolicy.hardLimit", GIB, ["tune memory {'hard_limit': 1048576}"]),
        ("memoryPolicy.swapLimit", GIB, ["tune memory {'swap_hard_limit': 1048576}"]),
        ("numa.nodes", "0-1", ["tune numa {'numa_nodeset': '0-1'}"]),
    ],
)
def test_a_running_machine_is_asked_for_just_that(path: str, value: Scalar, deeds: list[str]) -> None:
    vm = PaperVm(text("running-live"))
    live.change(vm, Edit(path=path, after=value), DEVICES)
    assert vm.deeds == deeds


def test_a_pin_cannot_be_taken_off_a_running_machine() -> None:
    pinned = "<cputune><vcpupin vcpu='0' cpuset='1'/></cputune><devices>"
    vm = PaperVm(text("running-live").replace("<devices>", pinned, 1))
    with pytest.raises(NotNow, match="no pin off"):
        live.change(vm, Edit(path="cpu.pins", after=""), DEVICES)


# --- CPU --------------------------------------------------------------------------------------------------------------


def test_features_that_stay_keep_their_policy() -> None:
    features = "<feature policy='force' name='aes'/><feature policy='forbid' name='svm'/>"
    had = INACTIVE.replace("</cpu>", features + "</cpu>")
    after = etree.fromstring(edited(had, Edit(path="cpu.features", after="+aes,+avx,-svm")))
    assert [(each.get("name"), each.get("policy")) for each in after.findall("cpu/feature")] == [
        ("aes", "force"), ("svm", "forbid"), ("avx", "require"),
    ]  # fmt: skip


def test_a_feature_of_the_expanded_cpu_is_in_force_and_the_model_s_own_are_not_told() -> None:
    def cpu(features: str) -> str:
        return f"<domain type='kvm'><cpu mode='custom'><model>Nehalem</model>{features}</cpu></domain>"

    config = cpu("<feature policy='require' name='avx'/><feature policy='disable' name='aes'/>")
    running = cpu("<feature policy='require' name='avx'/><feature policy='require' name='hypervisor'/>")
    seen = read(config, running)
    assert seen.live is not None
    assert seen.live["cpu.features"] == seen.config["cpu.features"] == "-aes,+avx"
    stale = read(config, cpu("<feature policy='require' name='hypervisor'/>"))
    assert stale.live is not None
    assert stale.live["cpu.features"] == "-aes"


def test_migratable_needs_a_model_that_is_the_host_s() -> None:
    named = edited(INACTIVE, Edit(path="cpu.model", after="Nehalem"))
    with pytest.raises(CannotWrite, match="host-passthrough"):
        edited(named, Edit(path="cpu.migratable", after=True))


def test_other_tuning_and_pins_of_other_threads_are_kept() -> None:
    tuned = (
        "<cputune><period>100000</period><quota>50000</quota><iothreadpin iothread='1' cpuset='3'/></cputune><devices>"
    )
    had = INACTIVE.replace("<devices>", "<iothreads>1</iothreads>" + tuned, 1)
    after = etree.fromstring(edited(had, Edit(path="cpu.pins", after="0=2"), Edit(path="cpu.shares", after=10)))
    kept = ["period", "quota", "iothreadpin", "shares", "vcpupin"]
    assert [each.tag for each in after.findall("cputune/*")] == kept


def test_a_limit_that_is_no_whole_percentage_is_not_read() -> None:
    had = INACTIVE.replace("<devices>", "<cputune><global_quota>12345</global_quota></cputune><devices>", 1)
    assert "cpu.limit" not in reread(had).config


def test_a_pin_of_an_io_thread_that_is_not_there_is_refused() -> None:
    with pytest.raises(CannotWrite, match="no I/O thread 2"):
        edited(INACTIVE, Edit(path="iothreads", after=1), Edit(path="cpu.iothreadPins", after="2=0"))


# --- memory -----------------------------------------------------------------------------------------------------------


def test_cells_that_do_not_hold_all_of_the_memory_are_refused() -> None:
    with pytest.raises(CannotWrite, match="the cells have 128MiB, memoryMax is 256MiB"):
        edited(INACTIVE, Edit(path="numa.cells", after="0-3=128MiB"))


def test_what_else_a_cell_has_is_kept() -> None:
    numa = (
        "<numa><cell id='0' cpus='0-3' memory='262144' unit='KiB' memAccess='shared'><distances/></cell></numa></cpu>"
    )
    after = etree.fromstring(edited(INACTIVE.replace("</cpu>", numa), Edit(path="numa.cells", after="0-1=256MiB")))
    (cell,) = after.findall("cpu/numa/cell")
    assert cell.find("distances") is not None
    assert (cell.get("memAccess"), cell.get("cpus")) == ("shared", "0-1")


def test_the_balloon_goes_and_comes() -> None:
    whole = [Edit(path="memory", after=256 << 20), Edit(path="memoryPolicy.ballooning", after=False)]
    without = edited(INACTIVE, *whole)
    assert etree.fromstring(without).xpath("devices/memballoon/@model") == ["none"]
    assert reread(without).config["memoryPolicy.ballooning"] is False
    again = edited(without, Edit(path="memoryPolicy.ballooning", after=True))
    assert etree.fromstring(again).xpath("devices/memballoon/@model") == ["virtio"]


def test_without_the_balloon_there_is_no_memory_to_take_back_and_nothing_to_report() -> None:
    off = Edit(path="memoryPolicy.ballooning", after=False)
    with pytest.raises(CannotWrite, match="make `memory` and `memoryMax` equal"):
        edited(INACTIVE, off)
    with pytest.raises(CannotWrite, match="has no balloon"):
        edited(INACTIVE, Edit(path="memory", after=256 << 20), off, Edit(path="memoryPolicy.statsPeriod", after=5))


def test_huge_pages_of_single_nodes_are_told_apart() -> None:
    pages = "<memoryBacking><hugepages><page size='2' unit='M' nodeset='0'/></hugepages></memoryBacking><devices>"
    assert reread(INACTIVE.replace("<devices>", pages, 1)).config["memoryPolicy.hugepages"] == "mixed"


# --- machine ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("features.acpi", False), ("features.apic", False), ("clock.offset", "localtime"), ("onReboot", "destroy"),
        ("clock.offset", "Europe/Vienna"), ("onCrash", "preserve"), ("onPoweroff", "restart"), ("clock.timers", ""),
        ("smbios.mode", "host"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("emulation", ["kvm", "tcg"])
def test_what_every_new_domain_has_gives_way_to_what_is_declared(path: str, value: Scalar, emulation: str) -> None:
    made = build(new_vm(fields={**FIELDS, "emulation": emulation, path: value}), VERSION)
    assert reread(made).config[path] == value
    assert reread(edited(INACTIVE, Edit(path=path, after=value))).config[path] == value


def test_a_new_domain_on_kvm_keeps_time_as_most_guests_want_it() -> None:
    seen = reread(build(new_vm(fields={**FIELDS, "emulation": "kvm"}), VERSION)).config
    assert (seen["clock.offset"], seen["clock.timers"]) == ("utc", "hpet=no,pit=delay,rtc=catchup")


def test_a_clock_that_leaves_a_time_zone_forgets_it() -> None:
    zone = edited(INACTIVE, Edit(path="clock.offset", after="Europe/Vienna"))
    assert etree.fromstring(zone).xpath("clock/@timezone") == ["Europe/Vienna"]
    after = edited(zone, Edit(path="clock.offset", after="utc"))
    assert etree.fromstring(after).xpath("clock/@timezone") == []


def test_a_timer_and_an_enlightenment_that_stay_keep_what_else_they_have() -> None:
    had = re.sub(
        "<clock.*?/>", "<clock offset='utc'><timer name='rtc' tickpolicy='delay' track='wall'/></clock>", INACTIVE
    )
    had = had.replace(
        "<features>", "<features><hyperv mode='custom'><stimer state='on'><direct state='on'/></stimer></hyperv>"
    )
    edits = [Edit(path="clock.timers", after="rtc=catchup"), Edit(path="hyperv", after="stimer,relaxed")]
    after = etree.fromstring(edited(had, *edits))
    assert after.xpath("clock/timer/@track") == ["wall"]
    assert after.find("features/hyperv[@mode='custom']/stimer/direct") is not None


def test_an_order_of_classes_is_refused_beside_one_of_devices() -> None:
    with pytest.raises(CannotWrite, match="use one of the two"):
        edited(INACTIVE, Edit(path="boot.order", after="hd,network"))
    loose = Edit(path="disks[root].bootOrder", after=None)
    once = edited(INACTIVE, loose)
    assert reread(edited(once, Edit(path="boot.order", after="hd,network"))).config["boot.order"] == "hd,network"


def test_tables_need_an_entry_and_other_firmware_data_is_kept() -> None:
    with pytest.raises(CannotWrite, match="needs an entry"):
        edited(INACTIVE, Edit(path="smbios.mode", after="sysinfo"))
    config = "<sysinfo type='fwcfg'><entry name='opt/x'>y</entry></sysinfo><devices>"
    had = INACTIVE.replace("<devices>", config, 1)
    once = edited(had, Edit(path="smbios.system.serial", after="1"))
    assert [each.get("type") for each in etree.fromstring(once).findall("sysinfo")] == ["fwcfg", "smbios"]
    assert canonical(edited(once, Edit(path="smbios.system.serial", after=None))) == canonical(edited(had))


@pytest.mark.parametrize(("path", "event"), [("onPoweroff", "poweroff"), ("onReboot", "reboot"), ("onCrash", "crash")])
def test_an_action_changes_while_the_machine_runs(path: str, event: str) -> None:
    vm = PaperVm(text("running-live"))
    live.change(vm, Edit(path=path, after="preserve"), DEVICES)
    assert vm.deeds == [f"on {event} preserve"]
