"""The recovery table: from what both hosts show to one copy, or to Unknown."""

from __future__ import annotations

from itertools import product
from typing import Any

import libvirt
import pytest

from drivers.libvirt.migration.postcopy import anew, lost
from drivers.libvirt.migration.settle import judge, stayed
from drivers.libvirt.migration.sides import Side, _may_leave, migrating_out
from drivers.mark import Mark

RUNNING, PAUSED, OFF = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_SHUTOFF
ANOTHERS = Mark(repository="another", ref="vm/x", uuid="u", generation=2, revision="1")


def side(state: int, reason: int = 0, *, generation: int = 3, **values: Any) -> Side:
    mark = Mark(repository="r", ref="vm/x", uuid="u", generation=generation, revision="1")
    known: dict[str, Any] = {"host": "h", "name": "x", "persistent": True, "xml": "<domain/>", "mark": mark, **values}
    return Side(state=state, reason=reason, **known)


def of(host: str, text: str) -> Side | None:
    """A side by a word."""
    sides = {
        "runs": side(RUNNING, host=host),
        "paused by somebody": side(PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER, host=host),
        "handed over": side(PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION, host=host),
        "shell": side(PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION, host=host, persistent=False),
        "starting shell": side(PAUSED, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP, host=host, persistent=False),
        "transient": side(RUNNING, host=host, persistent=False),
        "arrived transient": side(RUNNING, libvirt.VIR_DOMAIN_RUNNING_MIGRATED, host=host, persistent=False),
        "transient paused by somebody": side(PAUSED, libvirt.VIR_DOMAIN_PAUSED_USER, host=host, persistent=False),
        "off": side(OFF, host=host),
        "older": side(OFF, host=host, generation=2),
        "newer": side(OFF, host=host, generation=4),
        "another's": side(OFF, host=host, mark=ANOTHERS, generation=2),
        "migrated": side(OFF, libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED, host=host),
        "foreign": side(OFF, host=host, mark=None),
        "saved": side(OFF, host=host, saved=True),
        "snapshots": side(OFF, host=host, snapshots=True),
        "half": side(PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, host=host),
        "broken running half": side(RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, host=host),
        "running half": side(RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY, host=host),
    }
    return sides.get(text)


TABLE = [
    # source, target, step ("" nothing to do, None: Unknown)
    ("runs", "", ""),
    ("paused by somebody", "", ""),
    ("runs", "shell", "kill there"),
    ("runs", "starting shell", "kill there"),
    ("runs", "older", "forget there"),
    ("runs", "off", "forget there"),
    ("runs", "newer", None),
    ("runs", "foreign", None),
    ("runs", "another's", None),
    ("runs", "saved", None),
    ("runs", "snapshots", None),
    ("runs", "runs", None),
    ("runs", "paused by somebody", None),
    ("handed over", "", "resume here"),
    ("handed over", "shell", "kill there"),
    ("handed over", "runs", "kill here"),
    ("handed over", "transient", "kill here"),
    ("handed over", "arrived transient", "kill here"),
    ("handed over", "transient paused by somebody", "kill here"),
    ("runs", "arrived transient", None),
    ("runs", "transient paused by somebody", None),
    ("", "arrived transient", "define there"),
    ("handed over", "off", None),
    ("handed over", "handed over", None),
    ("", "runs", ""),
    ("", "transient", "define there"),
    ("migrated", "runs", "forget here"),
    ("migrated", "transient", "define there"),
    ("migrated", "shell", "resume there"),
    ("off", "runs", "forget here"),
    ("newer", "runs", None),
    ("saved", "runs", None),
    ("off", "shell", None),
    ("", "shell", None),
    ("off", "", ""),
    ("", "off", ""),
    ("off", "off", None),
    ("migrated", "off", "forget here"),
    ("off", "migrated", None),
    ("migrated", "migrated", None),
    ("migrated", "newer", "forget here"),
    ("migrated", "older", None),
    ("migrated", "", ""),
    ("off", "older", "forget there"),
    ("off", "newer", "forget here"),
    ("off", "foreign", None),
    ("newer", "another's", None),
    ("transient", "off", None),
    ("shell", "", None),
    ("handed over", "broken running half", None),
    ("foreign", "off", None),
    ("off", "saved", None),
    ("half", "half", "join"),
    ("half", "running half", "join"),
    ("running half", "half", None),
    ("half", "", None),
    ("half", "off", None),
    ("migrated", "running half", "forget here"),
    ("migrated", "broken running half", "forget here"),
    ("off", "broken running half", None),
    ("", "broken running half", None),
    ("migrated", "half", None),
    ("", "", None),
]


@pytest.mark.parametrize(("source", "target", "step"), TABLE)
def test_each_row_leads_to_one_copy_or_says_that_it_is_unknown(source: str, target: str, step: str | None) -> None:
    verdict = judge(of("kvm1", source), of("kvm2", target), "kvm1", "kvm2")
    assert (verdict.step if verdict.certain else None) == ("none" if step == "" else step)
    assert verdict.certain or verdict.step == "none"
    assert verdict.said


WORDS = sorted({word for row in TABLE for word in row[:2] if isinstance(word, str)})


@pytest.mark.parametrize(("source", "target"), list(product(WORDS, WORDS)))
def test_no_row_at_all_ends_or_doubles_the_only_copy(source: str, target: str) -> None:
    here, there = of("kvm1", source), of("kvm2", target)
    step = judge(here, there, "kvm1", "kvm2").step
    if step == "kill here":
        assert there is not None
        assert there.alive
    if step == "kill there":
        assert here is not None
        assert here.alive or here.handed_over
        assert there is not None
        assert not there.alive
    if step == "resume here":
        assert there is None
    if step == "resume there":
        assert here is not None
        assert here.off
    if step.startswith("forget"):
        kept, gone = (there, here) if step == "forget here" else (here, there)
        assert kept is not None
        assert gone is not None
        assert gone.off
        assert kept.persistent
        assert gone.generation <= kept.generation
        assert not kept.moved_on
        assert kept.alive or gone.moved_on or gone.generation < kept.generation
        assert not gone.saved
        assert not gone.snapshots


@pytest.mark.parametrize(
    ("source", "target", "never_left"),
    [
        ("runs", "", True),
        ("paused by somebody", "shell", True),
        ("off", "", True),
        ("", "off", False),
        ("", "runs", False),
        ("", "", False),
        ("migrated", "", False),
        ("migrated", "off", False),
        ("off", "off", False),
        ("off", "shell", False),
        ("handed over", "", False),
        ("runs", "runs", False),
    ],
)
def test_copies_of_disks_are_of_no_use_only_where_the_vm_never_left(source: str, target: str, never_left: bool) -> None:
    assert stayed(of("kvm1", source), of("kvm2", target)) is never_left


CUT, UNDEFINE = "`virsh destroy x` on", "`virsh undefine --keep-nvram --keep-tpm x` on"


@pytest.mark.parametrize(
    ("source", "target", "words"),
    [
        ("half", "running half", f"{CUT} kvm2 and {CUT} kvm1, then {UNDEFINE} kvm1;"),
        ("half", "shell", f"{CUT} kvm2 and {CUT} kvm1;"),
        ("half", "", f"{CUT} kvm1;"),
        ("", "broken running half", f"{CUT} kvm2;"),
        ("half", "off", f"{CUT} kvm1, then {UNDEFINE} kvm1;"),
        ("off", "half", f"{CUT} kvm2, then {UNDEFINE} kvm1;"),
    ],
)
def test_of_a_lost_memory_both_halves_are_to_be_cut_and_one_definition_is_to_be_left(
    source: str, target: str, words: str
) -> None:
    assert anew(of("kvm1", source), of("kvm2", target)).startswith(words)


@pytest.mark.parametrize(
    ("source", "target"), [("half", ""), ("half", "off"), ("off", "half"), ("", "broken running half")]
)
def test_the_way_on_is_told_where_one_half_is_gone(source: str, target: str) -> None:
    here, there = of("kvm1", source), of("kvm2", target)
    assert anew(here, there) in judge(here, there, "kvm1", "kvm2").said


@pytest.mark.parametrize(("source", "target"), [("running half", "half"), ("migrated", "half")])
def test_nobody_is_told_to_cut_a_memory_that_is_whole_or_still_on_its_way(source: str, target: str) -> None:
    said = judge(of("kvm1", source), of("kvm2", target), "kvm1", "kvm2").said
    assert "wait for its end" in said
    assert "virsh destroy" not in said


def test_a_way_on_that_costs_the_memory_is_told_only_for_as_long_as_qemu_does_not_answer() -> None:
    said = lost(of("kvm1", "half"), of("kvm2", "running half"))
    assert "QEMU on kvm2 does not answer" in said
    assert "while `virsh domcontrol x` there does not say ok" in said
    assert said.endswith(anew(of("kvm1", "half"), of("kvm2", "running half")))


@pytest.mark.parametrize(
    ("state", "reason", "asked"),
    [
        (RUNNING, 0, True),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY, True),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION, True),
        (PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED, False),
        (RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY, False),
        (RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED, False),
        (OFF, 0, False),
    ],
)
def test_qemu_is_asked_for_its_job_only_where_a_migration_may_leave(state: int, reason: int, asked: bool) -> None:
    """One that waits for memory of the other side may hang, and libvirt would wait with it."""
    assert _may_leave(state, reason) is asked


@pytest.mark.parametrize(
    ("stats", "leaves"),
    [
        ({"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT}, True),
        ({"type": libvirt.VIR_DOMAIN_JOB_NONE, "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT}, False),
        ({"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN}, False),
        ({"type": libvirt.VIR_DOMAIN_JOB_UNBOUNDED, "operation": libvirt.VIR_DOMAIN_JOB_OPERATION_BACKUP}, False),
        ({}, False),
    ],
)
def test_only_the_job_of_a_migration_from_here_that_is_under_way_counts(stats: dict[str, int], leaves: bool) -> None:
    """A backup that is taken for a migration would be cancelled as one, and a job that is over would be waited for."""
    assert migrating_out(stats) is leaves
