"""Memory modules: they come and go, and `memory` and `memoryMax` stay those of the machine without them."""

from __future__ import annotations

import pytest
from lxml import etree

from drivers.base import Edit
from drivers.libvirt.domain import CannotWrite, live
from drivers.libvirt.domain.aspect import NotNow
from drivers.libvirt.domain.definition import build
from specs.fields import Scalar
from tests.unit.drivers.libvirt.domain.samples import DEVICES, FIELDS, MIB, canonical, edited, new_vm, reread, text
from tests.unit.drivers.libvirt.domain.test_domain_live import PaperVm

INACTIVE, LIVE = text("running-inactive"), text("running-live")
ROOM = (
    Edit(path="memoryHotplug.max", after=1024 * MIB),
    Edit(path="memoryHotplug.slots", after=4),
    Edit(path="numa.cells", after="0-3=256MiB"),
)
READY = edited(INACTIVE, *ROOM)
DIMM: dict[str, Scalar] = {"model": "dimm", "size": 256 * MIB, "node": 0}
ELASTIC: dict[str, Scalar] = {
    "model": "virtio-mem", "size": 512 * MIB, "requested": 64 * MIB, "block": 2 * MIB, "node": 0,
}  # fmt: skip


def sizes(xml: str) -> tuple[str | None, str | None]:
    """(`<memory>`, `<currentMemory>`) in KiB."""
    root = etree.fromstring(xml)
    return root.findtext("memory"), root.findtext("currentMemory")


@pytest.mark.parametrize(
    ("fields", "counted"), [(DIMM, ("524288", "393216")), (ELASTIC, ("786432", "131072"))], ids=["dimm", "virtio-mem"]
)
def test_a_module_comes_and_goes_and_the_machine_s_own_memory_stays(
    fields: dict[str, Scalar], counted: tuple[str, str]
) -> None:
    plugged = edited(READY, Edit(path="memoryModules[a]", after=fields))
    assert sizes(plugged) == counted
    seen = reread(plugged).config
    assert {path: seen[f"memoryModules[a].{path}"] for path in fields} == fields
    assert (seen["memory"], seen["memoryMax"]) == (128 * MIB, 256 * MIB)
    assert canonical(edited(plugged, Edit(path="memoryModules[a]", after=None))) == canonical(edited(READY))


def test_memory_changes_beside_modules() -> None:
    both = edited(
        READY, Edit(path="memoryModules[a]", after=DIMM), Edit(path="memoryModules[b]", after=ELASTIC),
        Edit(path="memory", after=200 * MIB),
    )  # fmt: skip
    seen = reread(both).config
    assert (seen["memory"], seen["memoryMax"]) == (200 * MIB, 256 * MIB)
    again = reread(edited(both, Edit(path="memoryModules[b].requested", after=128 * MIB))).config
    assert again["memoryModules[b].requested"] == 128 * MIB
    assert (again["memory"], again["memoryMax"]) == (200 * MIB, 256 * MIB)


def test_a_new_domain_is_built_with_modules() -> None:
    fields = {
        **FIELDS, **{each.path: each.after for each in ROOM if isinstance(each.after, str | int)},
        **{f"memoryModules[a].{path}": value for path, value in DIMM.items()},
    }  # fmt: skip
    seen = reread(build(new_vm(fields=fields), 9_000_000)).config
    assert (seen["memory"], seen["memoryMax"], seen["memoryModules[a].size"]) == (128 * MIB, 256 * MIB, 256 * MIB)


def test_a_module_needs_room_and_a_cell() -> None:
    with pytest.raises(CannotWrite, match="memoryHotplug"):
        edited(INACTIVE, Edit(path="memoryModules[a]", after=DIMM))
    with pytest.raises(CannotWrite, match="both max and slots"):
        edited(INACTIVE, Edit(path="memoryHotplug.max", after=1024 * MIB))
    with pytest.raises(NotNow, match="without room"):
        live.change(PaperVm(LIVE), Edit(path="memoryModules[a]", after=DIMM), DEVICES)


def test_a_running_machine_is_given_a_module_and_takes_it_back() -> None:
    vm = PaperVm(edited(LIVE, *ROOM))
    live.change(vm, Edit(path="memoryModules[a]", after=ELASTIC), DEVICES)
    live.change(vm, Edit(path="memoryModules[a].requested", after=128 * MIB), DEVICES)
    assert vm.draft().fields["memoryModules[a].requested"] == 128 * MIB
    live.change(vm, Edit(path="memoryModules[a]", after=None), DEVICES)
    alias = "ua-memoryModule-a"
    assert vm.deeds == [f"attach {alias}", f"update {alias}", f"detach {alias}"]


def test_what_is_no_memory_of_the_guest_s_own_is_left_alone() -> None:
    pmem = "<memory model='nvdimm'><target><size unit='KiB'>65536</size><node>0</node></target></memory></devices>"
    seen = reread(READY.replace("</devices>", pmem)).config
    assert not [path for path in seen if path.startswith("memoryModules")]
