"""Maintenance of hosts in whole passes: guests leave, nothing comes, and the host is used again when it is over."""

from __future__ import annotations

from drivers.seen import Power
from reconciler.place.hosts.hoststate import State
from tests.flow.site import Site, host_yaml, said, vm_yaml
from tests.flow.test_outages import maintenance, power_of, state_of


def where(site: Site, name: str) -> str:
    return str(site.domain(name)[0])


def on_kvm1(site: Site, *specs: str) -> None:
    """VMs a, b, c … that are on kvm1, each with one of these specs."""
    names = "abcdefgh"[: len(specs)]
    site.vms(
        *(vm_yaml(name, f"hosts: [kvm1]{', ' if spec else ''}{spec}") for name, spec in zip(names, specs, strict=True))
    )
    site.settle()
    site.vms(*(vm_yaml(name, spec) for name, spec in zip(names, specs, strict=True)))
    site.settle()
    assert {where(site, name) for name in names} == {"kvm1"}


def test_guests_leave_a_host_that_goes_into_maintenance_and_keep_running(site: Site) -> None:
    on_kvm1(site, "", "", "state: stopped")
    maintenance(site, "kvm1")
    site.settle()
    assert {where(site, name) for name in "abc"} == {"kvm2"}
    assert [power_of(site, name) for name in "abc"] == [Power.RUNNING, Power.RUNNING, Power.STOPPED]
    assert state_of(site, "kvm1") is State.MAINTENANCE
    assert not site.world.doubles


def test_git_asks_for_maintenance_too_and_wins_over_silence_by_hand(site: Site) -> None:
    on_kvm1(site, "")
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace(host_yaml("kvm1"), host_yaml("kvm1", ", maintenance: true")))
    site.settle()
    assert where(site, "a") == "kvm2"
    site.vms(vm_yaml("a"), vm_yaml("b"))
    site.settle()
    assert where(site, "b") == "kvm2"


def test_what_is_pinned_or_says_hold_keeps_the_host_preparing_with_the_reason(site: Site) -> None:
    on_kvm1(site, "onHostMaintenance: hold", "")
    maintenance(site, "kvm1")
    run = site.apply()
    assert run.good
    plan = site.plan()
    assert plan.empty, said(plan)
    assert plan.anything_held
    assert (where(site, "a"), where(site, "b")) == ("kvm1", "kvm2")
    assert state_of(site, "kvm1") is State.PREPARING


def test_a_vm_that_is_stopped_for_maintenance_starts_where_a_host_can_take_it(site: Site) -> None:
    on_kvm1(site, "onHostMaintenance: stop")
    maintenance(site, "kvm1")
    site.apply()
    assert power_of(site, "a") is Power.STOPPED
    site.settle()
    assert (where(site, "a"), power_of(site, "a")) == ("kvm2", Power.RUNNING)
    assert not site.domain("a")[1].mark.overrides


APART = """---
apiVersion: gitvirt/v1
kind: AffinityGroup
metadata: {name: apart}
spec: {vms: [a, b], vmRule: negative}
"""


def test_vms_that_are_kept_apart_come_together_for_a_maintenance_and_part_after_it(site: Site) -> None:
    site.vms(vm_yaml("a", "hosts: [kvm1]"), vm_yaml("b", "hosts: [kvm2]"))
    site.settle()
    site.vms(vm_yaml("a"), vm_yaml("b"), APART)
    site.settle()
    maintenance(site, "kvm1")
    site.settle()
    assert (where(site, "a"), where(site, "b")) == ("kvm2", "kvm2")
    maintenance(site, "kvm1", on=False)
    site.settle()
    assert {where(site, "a"), where(site, "b")} == {"kvm1", "kvm2"}
    assert [power_of(site, name) for name in "ab"] == [Power.RUNNING] * 2


def test_a_group_that_says_hold_holds_the_maintenance_up(site: Site) -> None:
    site.vms(vm_yaml("a", "hosts: [kvm1]"), vm_yaml("b", "hosts: [kvm2]"))
    site.settle()
    site.vms(vm_yaml("a"), vm_yaml("b"), APART.replace("vmRule: negative", "vmRule: negative, duringMaintenance: hold"))
    site.settle()
    maintenance(site, "kvm1")
    plan = site.plan()
    assert plan.empty, said(plan)
    assert plan.anything_held
    assert state_of(site, "kvm1") is State.PREPARING
