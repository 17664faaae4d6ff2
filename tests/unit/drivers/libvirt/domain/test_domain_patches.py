"""`xml:` patches: applied once, seen, taken back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from drivers.libvirt.domain import CannotWrite
from drivers.libvirt.domain.patches import apply, lost, revert
from drivers.libvirt.domain.tree import parse, parse_to_edit, write
from tests.unit.drivers.libvirt.domain.samples import canonical, edited, patches, text

INACTIVE = text("running-inactive")

PATCHES: list[dict[str, Any]] = [
    {"at": "./devices", "add": "<watchdog model='i6300esb' action='reset'/>"},
    {"at": "./devices", "add": "<vsock model='virtio'><cid auto='yes'/></vsock>"},
    {"at": ".", "add": "<q:commandline xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'><q:arg value='-S'/>"
                       "</q:commandline>"},
    {"at": "./clock/@offset", "set": "localtime"},
    {"at": "./devices/memballoon/@freePageReporting", "set": "on"},
    {"at": "./on_crash", "set": "preserve"},
    {"at": "@type", "set": "test"},
    {"at": "./devices/controller[@model='pcie-root-port']/@index", "set": "7"},
    {"at": "./devices/input[@type='tablet']", "remove": True},
    {"at": "./devices/controller[@model='pcie-root-port']", "remove": True},
    {"at": "./devices/graphics/@passwd", "remove": True},
    {"at": "./features/acpi | ./features/apic", "remove": True},
]  # fmt: skip


def patched(xml: str, declared: str, before: str = "") -> str:
    domain = parse_to_edit(xml)
    revert(domain, before, declared)
    apply(domain, declared)
    return write(domain)


@given(declared=st.lists(st.sampled_from(PATCHES), unique_by=str))
@settings(max_examples=80, deadline=None)
def test_patches_are_seen_stay_when_repeated_and_are_taken_back(declared: list[dict[str, Any]]) -> None:
    assume(sum("controller" in each["at"] for each in declared) < 2)  # one sets what the other removes
    text = patches(*declared)
    once = patched(INACTIVE, text)
    assert lost(parse(once), text) is None
    assert canonical(patched(once, text, text)) == canonical(once)
    assert canonical(patched(once, "", text)) == canonical(INACTIVE)


def test_one_patch_is_taken_back_and_another_stays() -> None:
    first, second = PATCHES[0], PATCHES[3]
    both = patched(INACTIVE, patches(first, second))
    assert canonical(patched(both, patches(second), patches(first, second))) == canonical(
        patched(INACTIVE, patches(second))
    )


def test_an_added_element_is_known_again_after_libvirt_has_completed_it() -> None:
    added = patches(PATCHES[1])
    completed = patched(INACTIVE, added).replace(
        '<cid auto="yes"/>', '<cid auto="yes" address="3"/><alias name="vsock0"/><address type="pci" bus="0x09"/>'
    )
    assert canonical(patched(completed, added, added)) == canonical(completed)
    assert canonical(patched(completed, "", added)) == canonical(INACTIVE)


def test_a_former_value_is_kept_from_the_first_time() -> None:
    declared = patches({"at": "./clock/@offset", "set": "localtime"})
    drifted = patched(INACTIVE, declared).replace('offset="localtime"', 'offset="variable"')
    assert 'offset="utc"' in patched(patched(drifted, declared, declared), "", declared)


def test_what_went_with_its_device_is_not_brought_back() -> None:
    declared = patches({"at": "./devices/rng/backend", "remove": True})
    gone = parse_to_edit(patched(INACTIVE, declared))
    devices = gone.find("devices")
    assert devices is not None
    for each in devices.findall("rng"):
        devices.remove(each)
    assert parse(patched(write(gone), "", declared)).find("devices/rng") is None


def test_patches_come_last_and_edits_see_none_of_those_taken_back() -> None:
    declared = patches({"at": "./memory", "set": "999999"})
    with_patch = edited(INACTIVE, xml=declared)
    assert parse(with_patch).findtext("memory") == "999999"
    assert parse(edited(with_patch, xml="", xml_before=declared)).findtext("memory") == "262144"


@pytest.mark.parametrize(
    "wrong",
    [
        {"at": "./nowhere", "add": "<x/>"},
        {"at": "./nowhere", "set": "x"},
        {"at": "./devices[", "remove": True},
        {"at": "./devices", "add": "<x>"},
        {"at": "./devices", "add": "<!DOCTYPE x [<!ENTITY a 'b'>]><x>"},
        {"at": "./name", "set": "other"},
        {"at": "./uuid", "remove": True},
        {"at": "./clock/@offset", "set": "\x01"},
    ],
)
def test_a_patch_that_does_not_fit_is_refused_by_its_number(wrong: dict[str, Any]) -> None:
    with pytest.raises(CannotWrite, match=r"^xml"):
        patched(INACTIVE, patches(wrong))


def test_a_patch_that_libvirt_dropped_is_told() -> None:
    declared = patches(PATCHES[3], {"at": "./devices", "add": "<unheard/>"})
    domain = parse_to_edit(patched(INACTIVE, declared))
    devices = domain.find("devices")
    assert devices is not None
    devices.remove(devices.find("unheard"))  # type: ignore[arg-type]
    assert lost(domain, declared) == "xml[1]"
