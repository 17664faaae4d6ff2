"""Placement on real hosts: guests are spread or packed as the policy says, and what no host can take is told."""

from __future__ import annotations

import pytest

from tests.live.command import Gitvirt
from tests.live.conftest import virsh
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live


def choose_by(site: LiveSite, policy: str) -> None:
    """Writes the scheduling policy of the lab's cluster."""
    (file,) = (each for each in site.folder.glob("*.yaml") if "kind: Cluster" in each.read_text())
    kept = [line for line in file.read_text().splitlines() if "schedulingPolicy" not in line]
    at = next(number for number, line in enumerate(kept) if line.strip().startswith("emulation:"))
    file.write_text("\n".join([*kept[:at], f"  schedulingPolicy: {policy}", *kept[at:], ""]))


def running(site: LiveSite) -> dict[str, str]:
    """Who runs on which host, as the hosts themselves tell."""
    hosts = ("kvm1", "kvm2", "kvm3")
    return {name: host for host in hosts for name in virsh(site.lab, host, "list", "--name").split()}


def test_guests_are_packed_then_spread_and_each_host_says_why(site: LiveSite) -> None:
    gitvirt = Gitvirt(site)
    two = [machine("a"), machine("b")]
    choose_by(site, "power_saving")
    site.vms(two)
    site.settle()
    assert running(site) == {"a": "kvm1", "b": "kvm1"}

    more = [machine("c"), machine("d", preferredHosts=["kvm3"]), machine("huge", memory="900TiB")]
    choose_by(site, "evenly_distributed")
    site.vms([*two, *more])
    (held,) = site.plan().held
    assert held.held is not None
    assert str(held.held).startswith("NoHost: no host can take it: kvm1")
    gitvirt.run("apply", "--yes", code=3)
    assert running(site) == {"a": "kvm1", "b": "kvm1", "c": "kvm2", "d": "kvm3"}
    assert site.plan().empty, said(site.plan())
    assert gitvirt.run("explain", "vm/huge", code=0).stdout.count("(Memory)") >= 3
    told = gitvirt.run("explain", "vm/a", code=0).stdout
    assert told.count("score ") == 3
    assert "OptimalForCpuEvenDistribution" in told
