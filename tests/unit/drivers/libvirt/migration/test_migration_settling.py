"""The recovery table: from what both hosts show to one copy, or to Unknown."""

from __future__ import annotations

from itertools import product
from typing import Any

import libvirt
import pytest

from drivers.libvirt.migration.settle import judge, stayed
from drivers.libvirt.migration.sides import Side
from drivers.mark import Mark

RUNNING, PAUSED, OFF = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_SHUTOFF
MARK = Mark(repository="r", ref="vm/x", uuid="u", generation=3, revision="1")


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
        "off": side(OFF, host=host),
        "older": side(OFF, host=host, generation=2),
        "newer": side(OFF, host=host, generation=4),
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
    ("runs", "saved", None),
    ("runs", "snapshots", None),
    ("runs", "runs", None),
    ("runs", "paused by somebody", None),
    ("handed over", "", "resume here"),
    ("handed over", "shell", "kill there"),
    ("handed over", "runs", "kill here"),
    ("handed over", "transient", "kill here"),
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
