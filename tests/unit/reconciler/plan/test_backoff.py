"""Back-off of moves: a VM whose move failed is left for a while, longer each time, whatever the target was."""

from __future__ import annotations

import pytest

from drivers.moving import Migration
from reconciler.plan.backoff import Backoff
from reconciler.plan.plan import MigrateVm, Step
from specs.resource import Ref


def move(target: str) -> Step:
    return Step(
        id=f"vm/web migrate {target}", ref=Ref("VirtualMachine", "web"), host="kvm1", what=f"migrate to {target}",
        call=MigrateVm(migration=Migration(uuid="1", expects=1), target=target),
    )  # fmt: skip


@pytest.mark.parametrize(("failures", "seconds"), [(1, 600), (2, 1800), (3, 3600), (9, 3600)])
def test_it_is_left_for_longer_each_time(failures: int, seconds: int) -> None:
    backoff = Backoff()
    for number in range(failures):
        backoff.failed(move(f"kvm{number}"), "no route", now=100, permanent=False)
    assert "no route" in backoff.reluctant(100 + seconds - 1)["vm/web"]
    assert backoff.reluctant(100 + seconds) == {}


def test_a_move_that_came_true_or_an_operator_ends_it() -> None:
    backoff = Backoff()
    backoff.failed(move("kvm2"), "no route", now=100, permanent=True)
    backoff.succeeded(move("kvm3"))
    assert backoff.reluctant(101) == {}
    backoff.failed(move("kvm2"), "no route", now=100, permanent=True)
    backoff.forget()
    assert backoff.reluctant(101) == {}
    assert backoff.failures == {}
