"""States of hosts: in oVirt's words, with the reason that a person can act on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from drivers.mark import Override
from drivers.seen import SeenPool, Unseen
from reconciler.diff.context import Context
from reconciler.place.hosts.hoststate import MAINTENANCE, State, state, states
from specs.structs import replace
from tests.flow.site import Site, host_yaml, vm_yaml


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """Two hosts with a storage domain and a VM on kvm1."""
    site = Site(tmp_path)
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    return site.look().context


def with_pool(context: Context, **more: Any) -> Context:
    """As if kvm1's storage were so."""
    host = context.observed.seen["kvm1"]
    pools = tuple(replace(each, **more) for each in host.pools)
    assert all(isinstance(each, SeenPool) for each in pools)
    hosts = {**context.observed.hosts, "kvm1": replace(host, pools=pools)}
    return replace(context, observed=replace(context.observed, hosts=hosts))


def by_hand(context: Context, **more: Any) -> Context:
    asked = Override(kind=MAINTENANCE, value="on", author="alice", **more)
    return replace(context, overrides={"host/kvm1": (asked,)})


def test_a_host_that_lacks_nothing_is_up(context: Context) -> None:
    assert {name: str(found) for name, found in states(context).items()} == {"kvm1": "up", "kvm2": "up"}


def test_maintenance_by_hand_is_preparing_while_something_runs_there(context: Context) -> None:
    found = state("kvm1", by_hand(context, reason="fans"))
    assert str(found) == "preparing for maintenance: asked for by alice (fans); still running there: web"
    idle = replace(context.observed.seen["kvm1"], vms=())
    empty = replace(context, observed=replace(context.observed, hosts={**context.observed.hosts, "kvm1": idle}))
    assert state("kvm1", by_hand(empty)).state is State.MAINTENANCE


def test_maintenance_by_hand_that_is_over_does_not_count(context: Context) -> None:
    assert state("kvm1", by_hand(context, until=context.now)).up
    assert not state("kvm1", by_hand(context, until=context.now + 1)).up


def test_git_asks_for_it_with_its_place(tmp_path: Path) -> None:
    site = Site(tmp_path)
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace(host_yaml("kvm2"), host_yaml("kvm2", ", maintenance: true")))
    found = state("kvm2", site.look().context)
    assert found.state is State.MAINTENANCE
    assert found.why.startswith("declared at gitvirt.yaml:")


def test_storage_that_cannot_be_read_makes_a_host_non_operational(context: Context) -> None:
    found = state("kvm1", with_pool(context, problem="stale file handle"))
    assert str(found) == "non-operational: storage domain shared cannot be read: stale file handle"


def test_storage_that_gitvirt_starts_itself_does_not(context: Context) -> None:
    assert state("kvm1", with_pool(context, active=False)).up


def test_external_storage_that_is_off_does_and_that_is_on_does_not(context: Context) -> None:
    pools = {name: replace(each, external=True) for name, each in context.wanted.pools.items()}
    external = replace(context, wanted=replace(context.wanted, pools=pools))
    assert "is not gitvirt's to start" in state("kvm1", with_pool(external, active=False)).why
    assert state("kvm1", external).up


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ({}, State.NON_RESPONSIVE),
        ({"denied": True}, State.NON_RESPONSIVE),
        ({"twin": True}, State.NON_OPERATIONAL),
        ({"lost": True}, State.DOWN),
    ],
)
def test_a_host_that_was_not_read(context: Context, marks: dict[str, bool], expected: State) -> None:
    gone = Unseen(name="kvm1", reason="because", **marks)
    observed = replace(context.observed, hosts={**context.observed.hosts, "kvm1": gone})
    found = state("kvm1", by_hand(replace(context, observed=observed)))
    assert (found.state, found.why) == (expected, "because")


def test_a_host_that_denies_access_is_never_connecting(context: Context) -> None:
    gone = Unseen(name="kvm1", reason="no certificate", denied=True)
    observed = replace(context.observed, hosts={**context.observed.hosts, "kvm1": gone})
    silent = replace(context, observed=observed, silent={"kvm1": context.now})
    assert state("kvm1", silent).state is State.NON_RESPONSIVE
