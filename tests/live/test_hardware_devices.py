"""Console and platform devices of a running guest: what changes while it runs, and what waits for its next start.

That every field is taken, started and read back is proven by test_field_table.py; here they change.
"""

from __future__ import annotations

from typing import Any

import pytest

from specs.fields import Secret
from tests.live.conftest import Guest
from tests.live.facts import wait_until
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

BEFORE: dict[str, Any] = {
    "graphics": {"type": "both", "password": "before", "passwordExpires": "2040-01-31T18:00:00Z"},
    "usb": {"redirections": 1},
    "inputs": {"tablet": "usb", "keyboard": "none"},
    "rng": True,
}
LIVE: list[dict[str, Any]] = [
    {
        "graphics": {"type": "both", "password": "after", "passwordExpires": "2041-01-31T18:00:00Z"},
        "usb": {"redirections": 3},
        "inputs": {"tablet": "none", "keyboard": "virtio"},
        "rng": False,
    },
    {"usb": {"redirections": 2}, "inputs": {"tablet": "usb", "keyboard": "none"}, "rng": True},
]
RESTART: dict[str, Any] = {
    "sound": "ich9",
    "watchdog": {"model": "i6300esb", "action": "pause"},
    "tpm": True,
    "video": {"model": "virtio", "heads": 1},
    "panic": "isa",
    "iommu": "intel",
    "smartcard": "passthrough",
}


def test_devices_of_a_running_guest_come_go_and_wait(site: LiveSite) -> None:
    spec = dict(BEFORE)
    site.vms([machine("web", **spec)])
    site.settle()
    host, _ = site.vm("web")
    guest = Guest(site.lab, host, "web")
    guest.wait_for_agent()
    number = guest.virsh("domid")
    for step in LIVE:
        spec |= step
        site.vms([machine("web", **spec)])
        site.settle()
        assert said(site.plan()).count("power cycle") == 0
        assert guest.virsh("domid") == number
    changed_while_it_ran(site)
    spec |= RESTART
    site.vms([machine("web", **spec)])
    run = site.apply()
    assert run.good
    pending = {each.path for change in site.plan().changes for each in change.fields if each.kind == "pending"}
    assert pending >= {"sound", "watchdog.model", "watchdog.action", "tpm.enabled", "panic", "iommu.model"}
    site.vms([machine("web", **spec, updatePolicy={"restart": "now"})])
    site.settle()
    wait_until(lambda: guest.virsh("domid") != number, what="the power cycle")
    live = site.vm("web")[1].live
    assert live is not None
    for path, value in {
        "sound": "ich9",
        "watchdog.action": "pause",
        "tpm.enabled": True,
        "video.model": "virtio",
    }.items():
        assert live[path] == value, path


def changed_while_it_ran(site: LiveSite) -> None:
    vm = site.vm("web")[1]
    for fields in (vm.config, vm.live or {}):
        assert fields["graphics.password"] == Secret("after")
        assert fields["graphics.passwordExpires"] == "2041-01-31T18:00:00Z"
        assert (fields["usb.redirections"], fields["inputs.tablet"], fields["rng"]) == (2, "usb", True)
