"""What settling does is done to the host it is meant for, and to none where it is not certain. On the test driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import libvirt
import pytest
from pair_of_nodes import OFF, PAUSED, TRANSIENT, UUID, Pair, domain, marked

from drivers.errors import Conflict, Missing, Refused, Unknown
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration import checks
from drivers.libvirt.migration.settle import Step, _do, settle
from drivers.libvirt.migration.sides import Side, look


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        yield Pair(tmp_path, stack)


def state(host: Connections) -> tuple[int, bool] | None:
    """(libvirt's state, has it a definition), None if the host does not know it."""
    with host.changes() as conn:
        try:
            found = host.call("look", conn.lookupByUUIDString, UUID)
        except Missing:
            return None
        return host.call("look", found.state)[0], bool(host.call("look", found.isPersistent))


RUNS, STANDS, IS_OFF = libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_SHUTOFF


@pytest.mark.parametrize(
    ("step", "before", "here", "there"),
    [
        ("kill here", "", (IS_OFF, True), (RUNS, True)),
        ("kill there", "", (RUNS, True), (IS_OFF, True)),
        ("resume here", PAUSED, (RUNS, True), (STANDS, True)),
        ("resume there", PAUSED, (STANDS, True), (RUNS, True)),
        ("define there", TRANSIENT, (RUNS, False), (RUNS, True)),
    ],
)
def test_a_step_is_done_on_its_own_side_alone(
    pair: Pair, step: Step, before: str, here: tuple[int, bool], there: tuple[int, bool]
) -> None:
    source, target = pair.node("kvm1", domain(before)), pair.node("kvm2", domain(before))
    known = Side(host="kvm1", name="web", state=RUNS, reason=0, persistent=False, xml=domain(), mark=None)
    _do(step, source, target, (UUID, "settle", known))
    assert (state(source), state(target)) == (here, there)


@pytest.mark.parametrize(("step", "host"), [("forget here", "kvm1"), ("forget there", "kvm2")])
def test_a_definition_is_removed_on_its_own_side(pair: Pair, step: Step, host: str) -> None:
    """The test driver cannot keep NVRAM, so it says which host was asked to."""
    source, target = pair.node("kvm1", domain(OFF)), pair.node("kvm2", domain(OFF))
    with pytest.raises(Refused) as refused:
        _do(step, source, target, (UUID, "settle", None))
    assert refused.value.host == host


def test_the_definition_of_a_vm_that_runs_is_never_removed(pair: Pair) -> None:
    host = pair.node("kvm1", domain())
    with host.changes() as conn, pytest.raises(Conflict, match="it runs"):
        checks.forget(host, conn, UUID, "forget")
    assert state(host) == (RUNS, True)


@pytest.mark.parametrize(
    ("here", "there", "said"),
    [
        (marked(domain(OFF)), marked(domain(OFF)), "nothing tells which of the two is the newer"),
        (marked(domain(OFF), generation=2), marked(domain(OFF), repository="other"), "not both are ours"),
        (marked(domain(OFF), generation=2), domain(OFF), "not both are ours"),
    ],
    ids=["equal", "of another repository", "without a mark"],
)
def test_where_it_is_not_certain_neither_host_is_touched(pair: Pair, here: str, there: str, said: str) -> None:
    source, target = pair.node("kvm1", here), pair.node("kvm2", there)
    with pytest.raises(Unknown, match=said):
        settle(source, target, UUID)
    assert (state(source), state(target)) == ((IS_OFF, True), (IS_OFF, True))


def test_the_older_of_two_definitions_is_the_one_to_go(pair: Pair) -> None:
    source = pair.node("kvm1", marked(domain(OFF), generation=2))
    target = pair.node("kvm2", marked(domain(OFF), generation=1))
    for one, other in ((source, target), (target, source)):
        with pytest.raises(Refused) as refused:
            settle(one, other, UUID)
        assert refused.value.host == "kvm2"


def test_one_definition_is_all_there_is_to_settle(pair: Pair) -> None:
    source, target = pair.node("kvm1", ""), pair.node("kvm2", marked(domain(OFF)))
    assert settle(source, target, UUID) == "it is off, on kvm2"
    assert settle(target, source, UUID) == "it is off, on kvm2"


def test_a_vm_that_neither_host_knows_is_missing(pair: Pair) -> None:
    with pytest.raises(Missing, match="neither kvm1 nor kvm2"):
        settle(pair.node("kvm1", ""), pair.node("kvm2", ""), UUID)


@pytest.mark.parametrize("silent", ["kvm1", "kvm2"])
def test_nothing_is_concluded_while_one_host_cannot_be_asked(pair: Pair, silent: str) -> None:
    source = pair.node("kvm1", marked(domain(OFF), generation=2))
    target = pair.node("kvm2", marked(domain(OFF), generation=1))
    {"kvm1": source, "kvm2": target}[silent].close()
    with pytest.raises(Unknown, match=f"{silent} cannot be asked"):
        settle(source, target, UUID)


def test_a_side_tells_the_mark_and_that_nobody_is_at_a_vm_that_is_off(pair: Pair) -> None:
    host = pair.node("kvm1", marked(domain(OFF), generation=7))
    with host.changes() as conn:
        side = look(host, conn, UUID, "look")
        assert look(host, conn, UUID.replace("6695", "0000"), "look") is None
    assert side is not None
    assert (side.generation, side.off, side.job, side.persistent) == (7, True, False, True)


@pytest.mark.parametrize(("what", "detail"), [("saved", "saved memory"), ("snapshots", "snapshots"), ("autostart", "")])
def test_a_side_tells_what_an_old_definition_holds_and_then_it_is_not_removed(
    pair: Pair, what: str, detail: str
) -> None:
    source = pair.node("kvm1", marked(domain(), generation=1))
    target = pair.node("kvm2", marked(domain(OFF), generation=2))
    with source.changes() as conn:
        vm = conn.lookupByUUIDString(UUID)
        if what == "saved":
            vm.managedSave(0)
        else:
            vm.destroy()
        if what == "snapshots":
            vm.snapshotCreateXML("<domainsnapshot/>", 0)
        vm.setAutostart(what == "autostart")
        side = look(source, conn, UUID, "look")
    assert side is not None
    assert {each: getattr(side, each) for each in ("saved", "snapshots", "autostart")} == {
        each: each == what for each in ("saved", "snapshots", "autostart")
    }
    with pytest.raises(Unknown if detail else Refused, match=detail or "unsupported flags"):
        settle(source, target, UUID)
    assert state(source) == (IS_OFF, True)
