"""What both hosts have to show right before a VM leaves: else it stays, and nothing of it is removed anywhere."""

from __future__ import annotations

from typing import Any

import libvirt
import pytest

from drivers.errors import Conflict, DriverError, Missing, Refused
from drivers.libvirt.migration.checks import leaves, may_come
from drivers.libvirt.migration.sides import Side
from drivers.mark import Mark

RUNNING, PAUSED, OFF = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_SHUTOFF


def mark(**values: Any) -> Mark:
    return Mark(**{"repository": "r", "ref": "vm/x", "uuid": "u", "generation": 3, "revision": "1", **values})


def side(**values: Any) -> Side:
    """It runs there, as it shall be."""
    known: dict[str, Any] = {"state": RUNNING, "reason": 0, "persistent": True, "mark": mark()}
    return Side(**{"host": "h", "name": "x", "xml": "<domain/>", **known, **values})


def test_a_vm_that_is_as_it_was_planned_with_may_leave() -> None:
    assert leaves(side(), "h", 3, "move") == side()


@pytest.mark.parametrize(
    ("here", "kind", "why"),
    [
        (None, Missing, "not here"),
        (side(persistent=False), Conflict, "transient"),
        (side(damaged=True, mark=None), Conflict, "cannot be understood"),
        (side(mark=None), Conflict, "no mark"),
        (side(mark=mark(generation=4)), Conflict, "generation 4, not generation 3"),
        (side(mark=mark(generation=2)), Conflict, "generation 2, not generation 3"),
        (side(snapshots=True), Refused, "snapshots"),
    ],
)
def test_a_vm_that_is_not_as_it_was_planned_with_stays(here: Side | None, kind: type[DriverError], why: str) -> None:
    with pytest.raises(kind, match=why):
        leaves(here, "h", 3, "move")


@pytest.mark.parametrize("there", [None, side(state=OFF), side(state=OFF, mark=mark(generation=2))])
def test_it_may_come_where_nothing_or_an_old_definition_of_ours_is(there: Side | None) -> None:
    may_come(side(), there, "target", "move")


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (side(), "has it running already"),
        (side(state=PAUSED, reason=libvirt.VIR_DOMAIN_PAUSED_MIGRATION, persistent=False), "waits for it"),
        (side(state=OFF, mark=None), "not ours"),
        (side(state=OFF, mark=mark(repository="other")), "not ours"),
        (side(state=OFF, mark=mark(uuid="other")), "not ours"),
        (side(state=OFF, mark=mark(generation=4)), "newer definition"),
        (side(state=OFF, saved=True), "saved memory"),
        (side(state=OFF, snapshots=True), "snapshots"),
    ],
)
def test_it_does_not_come_where_something_would_be_lost_or_run_twice(there: Side, why: str) -> None:
    with pytest.raises(Conflict, match=why):
        may_come(side(), there, "target", "move")
