"""Migrations by hand in whole passes: where to, what holds, what takes it back."""

from __future__ import annotations

import pytest

from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Run
from reconciler.apply.walk import Walker
from reconciler.operations import migrate
from reconciler.operations.migrate import Asked
from reconciler.plan.faces.shown.tally import summary
from reconciler.plan.plan import Plan
from specs.resource import Ref
from specs.structs import replace
from tests.flow.operator import Operator
from tests.flow.site import BASE, NoWait, Site, host_yaml, vm_yaml

WEB = Ref("VirtualMachine", "web")


class Mover(Operator):
    """Migrates as `gitvirt migrate` does."""

    def plan(self, *names: str, lasts: int = 0, to: str = "", hold: bool = False) -> Plan:
        refs = [Ref("VirtualMachine", name) for name in names or ("web",)]
        return migrate.plan(refs, self.scene(lasts), Asked(to=to, hold=hold))

    def migrate(self, *names: str, lasts: int = 0, to: str = "", hold: bool = False) -> Run:
        looked = self.site.look()
        plan = self.plan(*names, lasts=lasts, to=to, hold=hold)
        tools = Tools(open_image=self.site.open_image, pause=NoWait(self.site.clock))
        run = cycle.act(replace(looked, plan=plan), Walker(hosts=looked.hosts, tools=tools))
        assert run.good, [each.error for each in run.outcomes.values()]
        return run


@pytest.fixture
def mover(site: Site) -> Mover:
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("web"))
    return Mover(site)


def held(plan: Plan) -> str:
    assert plan.empty
    [change] = plan.changes
    return str(change.held or change.fields[0].held)


def where(mover: Mover) -> str:
    return str(mover.site.domain("web")[0])


def test_placement_chooses_and_the_next_pass_leaves_it_there(mover: Mover) -> None:
    mover.site.settle()
    plan = mover.plan()
    assert plan.placements["web"].host == "kvm2"
    assert "asked for by alice@desk" in plan.changes[0].fields[0].note
    mover.migrate()
    assert where(mover) == "kvm2"
    assert mover.site.plan().empty


def test_nothing_else_of_it_is_changed(mover: Mover) -> None:
    mover.site.vms(vm_yaml("web", "description: later, state: stopped"))
    mover.migrate()
    host, vm = mover.site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.RUNNING)
    assert "description" not in vm.config
    mover.site.settle()
    assert mover.site.domain("web")[1].power is Power.STOPPED


def test_it_goes_to_the_named_host_and_only_to_one_that_is_allowed(mover: Mover) -> None:
    assert mover.plan(to="kvm1").empty
    mover.migrate(to="kvm2")
    assert where(mover) == "kvm2"
    mover.site.vms(vm_yaml("web", "hosts: [kvm2]"))
    refused = mover.plan(to="kvm1")
    assert "it may not run on kvm1: its hosts are kvm2" in held(refused)
    assert refused.changes[0].fields[0].after == "kvm1"


def test_a_manual_vm_moves_by_hand(mover: Mover) -> None:
    mover.site.vms(vm_yaml("web", "migration: manual"))
    mover.migrate()
    assert where(mover) == "kvm2"


def test_a_vm_that_is_not_declared_or_not_there_is_held_with_the_reason(mover: Mover) -> None:
    mover.site.vms()
    assert "it is not declared" in held(mover.plan())
    assert "no host has it" in held(mover.plan("nobody"))


def test_a_hold_is_obeyed_until_it_is_cleared(mover: Mover) -> None:
    mover.migrate(to="kvm2", hold=True)
    mover.site.world.host("kvm2")
    mover.site.settle()
    mover.migrate(to="kvm1")
    assert where(mover) == "kvm1"
    mover.site.settle()
    assert where(mover) == "kvm2"
    assert "is not held on kvm2" in mover.done(migrate.clear, "vm/web")
    mover.migrate(to="kvm1")
    assert mover.site.plan().empty
    assert "is not held" in mover.declined(migrate.clear, "vm/web")


def test_a_hold_where_it_is_only_marks_it_and_is_over_with_its_time(mover: Mover) -> None:
    run = mover.migrate(to="kvm1", hold=True, lasts=3600)
    assert [step.what for step in run.plan.steps] == ["hold it on kvm1"]
    assert summary(run.plan) == "Plan: 1 to record, 0 to delete."
    mover.migrate(to="kvm2")
    assert [step.what for step in mover.site.plan().steps] == ["migrate to kvm1"]
    mover.site.clock.advance(3601)
    assert mover.site.plan().empty


def test_a_hold_ends_when_git_changes_its_hosts(mover: Mover) -> None:
    mover.migrate(to="kvm2", hold=True)
    mover.site.vms(vm_yaml("web", "hosts: [kvm1]"))
    mover.site.settle()
    assert where(mover) == "kvm1"


def test_unhold_takes_it_back_too(mover: Mover) -> None:
    mover.migrate(to="kvm2", hold=True)
    mover.done(mover.holding.unhold, "vm/web")
    mover.migrate(to="kvm1")
    assert mover.site.plan().empty


def test_a_vm_that_is_off_is_relocated_by_hand(mover: Mover) -> None:
    mover.site.vms(vm_yaml("web", "state: stopped"))
    mover.site.settle()
    assert [step.what for step in mover.migrate(to="kvm2").plan.steps] == ["relocate to kvm2"]
    assert where(mover) == "kvm2"


def test_a_cancelled_migration_leaves_the_vm_where_it_was(mover: Mover) -> None:
    mover.site.world.outside("kvm1").guest("web", migration_seconds=60)
    mover.site.world.faults.crash(1, "midway", phase="copying")
    with pytest.raises(Crash):
        mover.migrate(to="kvm2")
    mover.site.world.faults.revive()
    assert "it is on its way from kvm1 to kvm2" in held(mover.plan(to="kvm2"))
    outcome = mover.do(migrate.cancel, "vm/web")
    assert (outcome.good, outcome.text) == (True, "its migration is being cancelled; it stays on kvm1")
    mover.site.clock.advance(600)
    mover.site.settle()
    assert where(mover) == "kvm1"
    assert "is not on its way; it is on kvm1" in mover.do(migrate.cancel, "vm/web").text


def test_maintenance_does_not_move_a_vm_that_somebody_holds_there(mover: Mover) -> None:
    mover.migrate(to="kvm2", hold=True)
    mover.site.write("gitvirt.yaml", BASE + host_yaml("kvm1") + host_yaml("kvm2", ", maintenance: true"))
    text = held(mover.site.plan())
    assert "OnHold" in text
    assert "alice@desk put it on kvm2" in text
    mover.do(migrate.clear, "vm/web")
    mover.site.settle()
    assert where(mover) == "kvm1"
