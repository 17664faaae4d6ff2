"""Drains from the command line, without a daemon, of hosts with a VM whose move was interrupted."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler.diff import doubles
from reconciler.operations.campaign import narrowed, with_override
from reconciler.operations.maintenance import asked, residents
from reconciler.operations.scene import By
from reconciler.place.hosts.hoststate import State
from specs.structs import replace
from tests.flow.campaigning import drained
from tests.flow.leaving import PHASES, led_by_us, sound
from tests.flow.site import Site, said, vm_yaml
from tests.flow.test_outages import power_of


def interrupted(site: Site, phase: str) -> None:
    """gitvirt died in that phase while vm/web went from kvm1 to kvm2; since then it may be anywhere."""
    led_by_us(site, "")
    site.world.faults.crash(1, "midway", phase=phase)
    with pytest.raises(Crash):
        site.apply()
    site.world.faults.revive()
    site.vms(vm_yaml("web"))


@pytest.mark.parametrize("host", ["kvm1", "kvm2"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_host_is_emptied_of_a_vm_whose_move_was_interrupted(phase: str, host: str, tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3)
    interrupted(site, phase)
    assert drained(site, host) is State.MAINTENANCE
    site.settle()
    assert site.domain("web")[0] != host
    assert power_of(site, "web") is Power.RUNNING
    assert sound(site)


@pytest.mark.parametrize("host", ["kvm1", "kvm2"])
@pytest.mark.parametrize("phase", ["switching", "finishing"])
def test_a_drain_settles_where_a_vm_is_and_does_not_move_it_in_that_pass(phase: str, host: str, tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3)
    interrupted(site, phase)
    looked = site.look()
    context = with_override(looked.context, f"host/{host}", asked(By(author="alice")))
    plan = narrowed(replace(looked, context=context), residents(host, context)).plan
    fields = [each.path for change in plan.changes for each in change.fields]
    assert fields == [doubles.PATH], said(plan)
    assert [step.what for step in plan.steps] == ["settle where it is"]
