"""CPU, memory and machine: what a guest sees of it, and what changes under it while it runs."""

from __future__ import annotations

from typing import Any

import pytest

from tests.live.conftest import Guest
from tests.live.facts import wait_until
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

SPEC: dict[str, Any] = {
    "cpu": {
        "count": 2, "max": 2, "model": "maximum", "features": ["-aes"], "pins": {"0": 0},
    },
    "iothreads": 1,
    "smbios": {"system": {"serial": "S 1", "product": "Rack"}},
    "clock": {"timers": {"hpet": False}},
    "onCrash": "destroy",
    "numa": {"cells": [{"cpus": "0-1", "memory": "112MiB"}]},
    "memoryHotplug": {"max": "1GiB", "slots": 2},
}  # fmt: skip


def test_what_is_declared_reaches_the_guest_and_changes_under_it(site: LiveSite) -> None:
    site.vms([machine("tuned", **SPEC)])
    site.settle()
    host, _ = site.vm("tuned")
    guest = Guest(site.lab, host, "tuned")
    guest.wait_for_agent()
    told = guest.run(
        "cat /sys/class/dmi/id/product_serial /sys/class/dmi/id/product_name;"
        "grep -cw aes /proc/cpuinfo; cat /sys/devices/system/clocksource/*/available_clocksource"
    ).splitlines()
    assert told[:3] == ["S 1", "Rack", "0"]
    assert "hpet" not in told[3]

    process = guest.virsh("domid")
    live: dict[str, Any] = {
        "cpu": {**SPEC["cpu"], "pins": {"0": "0-1", "1": 0}, "emulatorPin": 0, "iothreadPins": {"2": 1}},
        "iothreads": 2,
        "onReboot": "destroy",
        "onCrash": "restart",
        "memoryModules": [
            {"name": "elastic", "model": "virtio-mem", "size": "256MiB", "requested": "0B", "block": "2MiB"},
            {"name": "plain", "size": "128MiB"},
        ],
    }
    before = memory(guest)
    site.vms([machine("tuned", **{**SPEC, **live})])
    site.settle()
    _, seen = site.vm("tuned")
    expected = {
        "cpu.pins": "0=0-1;1=0", "cpu.emulatorPin": "0", "cpu.iothreadPins": "2=1", "iothreads": 2,
        "onReboot": "destroy", "onCrash": "restart",
    }  # fmt: skip
    for view in (seen.live, seen.config):
        assert view is not None
        assert {path: view.get(path) for path in expected} == expected
    assert seen.config["memory"] == seen.config["memoryMax"] == 112 << 20
    wait_until(lambda: memory(guest) >= before + (100 << 10), what="the guest has the DIMM")
    live["memoryModules"][0]["requested"] = "128MiB"
    site.vms([machine("tuned", **{**SPEC, **live})])
    site.settle()
    wait_until(lambda: memory(guest) >= before + (200 << 10), what="virtio-mem has grown")
    assert guest.virsh("domid") == process


def memory(guest: Guest) -> int:
    """KiB that the guest has."""
    return int(guest.run("grep MemTotal /proc/meminfo").split()[1])


def test_what_the_host_or_the_guest_does_not_take_waits_for_the_next_boot(site: LiveSite) -> None:
    site.vms([machine("tuned")])
    site.settle()
    Guest(site.lab, site.vm("tuned")[0], "tuned").wait_for_agent()
    later = {
        "cpu": {"count": 1, "shares": 512, "features": ["-aes"]},
        "features": {"kvmHidden": True},
        "hyperv": ["relaxed"],
        "boot": {"order": ["hd"]},
    }
    site.vms([machine("tuned", **later)])
    run = site.apply()
    assert run.good
    plan = site.plan()
    waiting = {field.path: field.kind for change in plan.changes for field in change.fields}
    assert {"features.kvmHidden", "hyperv", "cpu.features"} <= {
        path for path, kind in waiting.items() if kind == "pending"
    }, said(plan)
    _, seen = site.vm("tuned")
    assert seen.config["cpu.shares"] == 512
    if seen.live is not None and seen.live.get("cpu.shares") != 512:  # a host without the control group
        assert "cpu.shares" in waiting, said(plan)

    site.vms([machine("tuned", **later, updatePolicy={"restart": "now"}, stopTimeout="120s")])
    site.settle()
    _, seen = site.vm("tuned")
    assert seen.live is not None
    assert seen.live["hyperv"] == "relaxed"
    assert seen.live["cpu.features"] == "-aes"
