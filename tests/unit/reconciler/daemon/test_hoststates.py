"""What a daemon remembers of the states of hosts: how long one is silent, and what is worth a line in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.seen import Unseen
from reconciler.daemon.hoststates import HostStates
from reconciler.diff.context import Context
from reconciler.place.hosts.hoststate import GRACE, State, state
from specs.structs import replace
from tests.flow.site import Site


@pytest.fixture
def context(tmp_path: Path) -> Context:
    site = Site(tmp_path, hosts=1)
    site.settle()
    return site.look().context


def silenced(context: Context, memory: HostStates, later: int) -> Context:
    """The next look, `later` seconds on, at which kvm1 does not answer."""
    gone = Unseen(name="kvm1", reason="timed out")
    observed = replace(context.observed, hosts={"kvm1": gone}, taken=context.now + later)
    return replace(context, observed=observed, now=observed.taken, silent=memory.silent(observed))


def test_a_host_that_does_not_answer_is_connecting_for_its_time_of_grace_and_then_non_responsive(
    context: Context,
) -> None:
    memory = HostStates()
    assert state("kvm1", silenced(context, memory, 5)).state is State.CONNECTING
    assert state("kvm1", silenced(context, memory, 4 + GRACE)).state is State.CONNECTING
    assert state("kvm1", silenced(context, memory, 5 + GRACE)).state is State.NON_RESPONSIVE
    memory.silent(context.observed)  # it answered
    assert state("kvm1", silenced(context, memory, 500)).state is State.CONNECTING


def test_a_single_look_cannot_tell_and_says_non_responsive(context: Context) -> None:
    alone = replace(silenced(context, HostStates(), 5), silent={})
    assert state("kvm1", alone).state is State.NON_RESPONSIVE


def test_each_change_of_a_state_is_told_once(context: Context) -> None:
    memory = HostStates()
    assert not list(memory.turns(context))
    down = silenced(context, memory, 5)
    (turn,) = memory.turns(down)
    assert turn.facts == {"host": "kvm1", "state": "connecting", "before": "up", "why": "timed out"}
    assert not list(memory.turns(down))
    (back,) = memory.turns(context)
    assert back.facts == {"host": "kvm1", "state": "up", "before": "connecting"}


def test_a_host_that_is_not_up_at_the_daemons_start_is_told(context: Context) -> None:
    memory = HostStates()
    (turn,) = memory.turns(silenced(context, memory, 5))
    assert turn.before == ""
