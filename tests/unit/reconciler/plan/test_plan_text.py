"""Plans as text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.plan.faces.text import text
from reconciler.plan.plan import Plan, Warned
from specs.effects import Effect
from specs.errors import Location
from specs.fields import Secret
from specs.resource import Ref
from specs.structs import replace
from tests.unit.reconciler.plan.plans import GIB, memory, plan, plans, vm

ANSI = re.compile("\x1b\\[[0-9]+m")


@settings(max_examples=150, deadline=None)
@given(plans(), st.one_of(st.none(), st.integers(-5, 200)))
def test_whatever_is_in_a_plan_nothing_unprintable_and_no_secret_comes_out(made: Plan, width: int | None) -> None:
    said = text(made, width)
    assert all(line.isprintable() for line in said.split("\n"))
    assert "hunter2x" not in said


@settings(max_examples=60, deadline=None)
@given(plans(), st.integers(40, 160))
def test_no_line_is_wider_than_the_terminal_but_for_its_place(made: Plan, width: int) -> None:
    for line in text(_placeless(made), width).split("\n")[1:-1]:
        assert len(line) <= width


def _placeless(made: Plan) -> Plan:
    changes = (
        replace(each, where=None, fields=tuple(replace(field, where=None) for field in each.fields))
        for each in made.changes
    )
    return replace(made, changes=tuple(changes), warnings=tuple(replace(each, where="") for each in made.warnings))


@settings(max_examples=60, deadline=None)
@given(plans())
def test_colour_changes_nothing_but_colour(made: Plan) -> None:
    assert ANSI.sub("", text(made, 100, color=True)) == text(made, 100)


def test_without_colour_there_is_no_escape() -> None:
    assert "\x1b" not in text(plan(vm("a", fields=(memory(),))), 100, color=False)
    assert "\x1b[33m~\x1b[0m" in text(plan(vm("a", fields=(memory(),))), 100, color=True)


def test_nothing_to_do_is_one_clear_line() -> None:
    assert text(plan()).split("\n")[2:] == ["Nothing to do."]


def test_headings_stand_in_the_order_of_harm() -> None:
    restart = FieldChange(path="firmware", before="bios", after="uefi", effect=Effect.RESTART, config=True)
    pending = FieldChange(path="firmware", before="bios", after="uefi", effect=Effect.RESTART, kind="pending")
    drift = memory(kind="drift")
    made = plan(
        vm("held", held=None, verb=Verb.DELETE).keep_back(HeldReason.PROTECTED, "is protected"),
        vm("pending", fields=(pending,)),
        vm("drift", fields=(drift,)),
        vm("live", fields=(memory(),)),
        vm("new", Verb.CREATE),
        vm("restart", fields=(restart,)),
        vm("gone", Verb.DELETE),
    )
    headings = [line for line in text(made, 100).split("\n")[1:-1] if line and not line.startswith(" ")]
    assert headings == [
        "Deletes", "Interrupts service", "Creates", "Changes without interruption", "Changed outside gitvirt",
        "Waits for a power cycle", "Held",
    ]  # fmt: skip


def test_one_vm_may_stand_under_several_headings() -> None:
    held = FieldChange(path="disks[root].size", before=2 * GIB, after=GIB, effect=Effect.FORBIDDEN).keep_back(
        HeldReason.WOULD_SHRINK, "would shrink"
    )
    said = text(plan(vm("a", fields=(memory(), held))), 100)
    changes, _, kept = said.partition("\nHeld\n")
    assert "memory" in changes
    assert "disks[root].size  2GiB → 1GiB" in kept
    assert "memory" not in kept
    assert said.endswith("Plan: 1 live, 0 to delete; 1 held.")


def test_a_shared_cause_of_many_held_changes_is_named_once() -> None:
    made = plan(
        *(
            vm(f"d-{n:02}", Verb.CREATE, host="").keep_back(HeldReason.HOST_UNSEEN, "kvm2 may hold it")
            for n in range(1, 22)
        )
    )
    said = text(made, 100)
    assert said.count("kvm2 may hold it") == 1
    assert "vm/d-[01-21] (21)" in said
    assert said.endswith("Nothing to do; 21 held.")


def test_an_advice_that_names_the_object_folds_as_well() -> None:
    made = plan(
        *(vm(name).keep_back(HeldReason.ON_HOLD, "held by bob", f"`gitvirt unhold vm/{name}`") for name in ("a", "b"))
    )
    assert text(made).count("held by bob") == 1


def test_changes_that_differ_in_a_value_are_not_folded() -> None:
    made = plan(
        vm("web-1", fields=(memory(),)), vm("web-2", fields=(memory(),)), vm("web-3", fields=(memory(after=GIB * 8),))
    )
    said = text(made, 100)
    assert "vm/web-1, vm/web-2 (2)" in said
    assert "2GiB → 8GiB" in said


def test_a_place_that_differs_from_the_changes_own_is_shown() -> None:
    made = plan(vm("a", fields=(memory(where=Location("cluster.yaml", 7, 3)),)))
    assert "vms.yaml:3" in text(made, 100)
    assert "cluster.yaml:7" in text(made, 100)


def test_a_secret_that_changes_shows_that_it_does_and_nothing_else() -> None:
    password = FieldChange(
        path="graphics.password", before=Secret("hunter2x"), after=Secret("hunter3x"), effect=Effect.LIVE, live=True
    )
    said = text(plan(vm("a", fields=(password,))))
    assert "*** (another one)" in said
    assert "hunter" not in said


def test_warnings_that_say_the_same_are_one() -> None:
    made = plan(warnings=tuple(Warned(text=f"vm/w-{n}: no KVM", where=f"vms.yaml:{n}:1") for n in range(1, 4)))
    assert "Warning: vm/w-[1-3] (3): no KVM" in text(made, 100)
    assert "vms.yaml:1 …" in text(made, 100)


def test_what_the_base_revision_causes_too_stands_apart() -> None:
    made = plan(
        vm("a", fields=(memory(),)), vm("b", fields=(memory(),)), base="b" * 40, anyway=frozenset({("vm/b", "kvm1")})
    )
    before, _, after = text(made, 100).partition("Not from this branch (already due at bbbbbbbbbbbb)")
    assert "vm/a" in before
    assert "vm/b" not in before
    assert "vm/b" in after


def test_many_hosts_of_one_network_are_one_row() -> None:
    rows = (Change(ref=Ref("Network", "lan"), verb=Verb.DELETE, host=f"kvm{n}") for n in range(1, 5))
    said = text(plan(*rows), 100)
    assert "- network/lan on kvm[1-4]" in said
    assert said.endswith("Plan: 1 to delete.")


@pytest.mark.parametrize("count", [3000])
def test_a_plan_of_thousands_of_vms_stays_one_screen(count: int) -> None:
    made = plan(*(vm(f"web-{n:04}", fields=(memory(),)) for n in range(count)))
    assert len(text(made, 100).split("\n")) < 10
