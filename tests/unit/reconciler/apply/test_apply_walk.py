"""Walks: how many steps run at once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest

from drivers.base import NewVolume
from drivers.errors import Busy, Conflict, DriverError, Unknown
from reconciler.apply.dispatch import Tools
from reconciler.apply.limits import Limits
from reconciler.apply.outcome import Outcome, Status
from reconciler.apply.walk import Walker, walk
from reconciler.plan.plan import CreateVolume, Plan, StartVm, Step, UploadImage
from specs.resource import Ref
from specs.structs import replace


def plan(hosts: tuple[str, ...], count: int) -> Plan:
    """A plan that starts that many VMs on each host; nobody is connected, so that each step fails at once."""
    steps = [
        Step(id=f"{host}/{number}", ref=Ref("VirtualMachine", "web"), host=host, what="start", call=StartVm(uuid="u"))
        for number in range(count)
        for host in hosts
    ]
    return Plan(repository="r", name="test", revision="", taken=0, steps=tuple(steps))


def never(*_: object) -> None:
    raise AssertionError("no step here needs it")


class NoTime:
    """Time that no step here asks for."""

    now = wait = never


@pytest.mark.parametrize(("limits", "in_all"), [(Limits(host=3, total=64), 6), (Limits(host=8, total=5), 5)])
def test_as_many_steps_run_at_once_as_the_limits_allow_and_all_of_them_in_the_end(limits: Limits, in_all: int) -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()

    def tell(step: Step, outcome: Outcome | None) -> None:
        running[step.host] += 1 if outcome is None else -1
        most[step.host] = max(most[step.host], running[step.host])
        most["all"] = max(most["all"], running.total())

    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    run = walk(plan(("kvm1", "kvm2"), 20), Walker(hosts={}, tools=tools, limits=limits, tell=tell))
    assert run.count(Status.FAILED) == 40
    assert most["all"] == in_all
    assert max(most["kvm1"], most["kvm2"]) <= limits.host


@pytest.mark.parametrize(
    ("error", "ended"), [(Busy, "failed"), (Conflict, "found a change meanwhile"), (Unknown, "has an unknown outcome")]
)
def test_what_is_skipped_says_how_the_step_ended_that_it_needs(error: type[DriverError], ended: str) -> None:
    class Reader:
        def vm(self, uuid: str) -> None:
            raise error("kvm1", "look", "on purpose")

    class Host:
        reader = Reader()

    first = plan(("kvm1",), 1).steps[0]
    second = replace(first, id="then", after=(first.id,))
    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    whole = replace(plan((), 0), steps=(first, second))
    run = walk(whole, Walker(hosts={"kvm1": Host()}, tools=tools))  # type: ignore[dict-item]
    assert run.outcomes["then"].error == f"needs `start` of vm/web, which {ended}"


def test_steps_that_could_all_begin_do_so_in_the_order_of_the_plan() -> None:
    begun: list[str] = []
    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    whole = plan(("kvm2", "kvm1"), 10)
    walk(whole, Walker(hosts={}, tools=tools, limits=Limits(total=1), tell=lambda step, end: begun.append(step.id)))
    assert list(dict.fromkeys(begun)) == [each.id for each in whole.steps]


def test_what_needs_a_failed_step_is_skipped_however_long_the_chain_is() -> None:
    steps = plan(("kvm1",), 3000).steps
    chain = tuple(replace(each, after=(before.id,)) for before, each in pairwise(steps))
    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    run = walk(replace(plan((), 0), steps=(steps[0], *chain)), Walker(hosts={}, tools=tools))
    assert run.count(Status.FAILED) == 1
    assert run.count(Status.SKIPPED) == 2999


def test_a_step_that_needs_what_is_not_in_the_plan_is_skipped() -> None:
    (lost,) = plan(("kvm1",), 1).steps
    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    run = walk(replace(plan((), 0), steps=(replace(lost, after=("gone",)),)), Walker(hosts={}, tools=tools))
    assert run.outcomes[lost.id].error == "a step that it needs did not run"


def copying(host: str, number: int, pool: str = "shared") -> Step:
    volume = NewVolume(pool=pool, name=f"{host}-{number}", copy_of="gold")
    ref = Ref("VirtualMachine", "web")
    return Step(id=f"{host}/copy{number}", ref=ref, host=host, what="copy", call=CreateVolume(volume=volume))


def bringing(host: str, number: int) -> Step:
    call = UploadImage(pool="shared", volume=f"image{number}", checksum="", format="raw", repository="r")
    return Step(id=f"{host}/image{number}", ref=Ref("Image", "gold"), host=host, what="upload", call=call)


@pytest.mark.parametrize(
    ("kind", "hosts", "limits", "most"),
    [
        (copying, ("kvm1",), Limits(storage=3), 1),
        (copying, ("kvm1", "kvm2", "kvm3"), Limits(storage=2), 2),
        (copying, ("kvm1", "kvm2", "kvm3"), Limits(storage=3), 3),
        (bringing, ("kvm1",), Limits(storage=2), 2),
        (bringing, ("kvm1", "kvm2"), Limits(storage=1), 1),
    ],
)
def test_no_more_fill_one_storage_domain_at_once_than_its_limit_says(kind, hosts, limits: Limits, most: int) -> None:
    filling = [kind(host, number) for number in range(6) for host in hosts]
    others = [each for each in plan(hosts, 6).steps]
    running: Counter[str] = Counter()
    peak: Counter[str] = Counter()

    def tell(step: Step, outcome: Outcome | None) -> None:
        running[step.what] += 1 if outcome is None else -1
        peak[step.what] = max(peak[step.what], running[step.what])

    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    whole = replace(plan((), 0), steps=(*filling, *others))
    run = walk(whole, Walker(hosts={}, tools=tools, limits=limits, tell=tell))
    assert run.count(Status.FAILED) == len(whole.steps)
    assert peak[filling[0].what] == most
    assert peak["start"] > 1


def test_copies_into_two_storage_domains_do_not_wait_for_each_other() -> None:
    running: Counter[str] = Counter()
    peak: list[int] = []

    def tell(step: Step, outcome: Outcome | None) -> None:
        running["all"] += 1 if outcome is None else -1
        peak.append(running["all"])

    tools = Tools(open_image=never, pause=NoTime())  # type: ignore[arg-type]
    steps = (copying("kvm1", 1, "fast"), copying("kvm1", 2, "slow"))
    walk(replace(plan((), 0), steps=steps), Walker(hosts={}, tools=tools, limits=Limits(storage=1), tell=tell))
    assert max(peak) == 2
