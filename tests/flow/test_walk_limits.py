"""How many steps run at once, and that none begins once a stop was asked for."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.limits import Limits
from reconciler.apply.outcome import Outcome, Status
from reconciler.apply.walk import Walker
from reconciler.plan.plan import Step
from tests.flow.site import NoWait, Site, vm_yaml

OFF = "=cpu: 1, memory: 96MiB, state: stopped, hosts: [%s]"


class Telling:
    """Counts the steps that run: the most on one host, and altogether."""

    def __init__(self) -> None:
        self.running: Counter[str] = Counter()
        self.on_host = self.together = 0

    def __call__(self, step: Step, outcome: Outcome | None) -> None:
        self.running[step.host] += -1 if outcome else 1
        self.on_host = max(self.on_host, *self.running.values())
        self.together = max(self.together, self.running.total())


@pytest.fixture
def eight(site: Site) -> Site:
    """Git has eight new VMs, four for each host, that need nothing of each other."""
    site.settle()
    site.vms(*(vm_yaml(f"vm{number}", OFF % f"kvm{number % 2 + 1}") for number in range(8)))
    return site


@pytest.mark.parametrize("limits", [Limits(host=3), Limits(host=1)])
def test_no_more_steps_run_on_a_host_at_once_than_its_limit_says(eight: Site, limits: Limits) -> None:
    telling = carried_out(eight, limits)
    assert (telling.on_host, telling.together) == (limits.host, 2 * limits.host)


@pytest.mark.parametrize("limits", [Limits(total=5), Limits(total=1)])
def test_no_more_steps_run_at_once_altogether_than_their_limit_says(eight: Site, limits: Limits) -> None:
    assert carried_out(eight, limits).together == limits.total


def carried_out(site: Site, limits: Limits) -> Telling:
    telling, looked = Telling(), site.look()
    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    run = cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, limits=limits, tell=telling))
    assert run.good
    assert len(run.outcomes) == 8
    return telling


def test_nothing_begins_once_a_stop_was_asked_for(eight: Site) -> None:
    stop, looked = threading.Event(), eight.look()
    stop.set()
    tools = Tools(open_image=eight.open_image, pause=NoWait(eight.clock))
    run = cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, stop=stop))
    assert {each.status for each in run.outcomes.values()} == {Status.SKIPPED}
    assert not any(host.vms for host in eight.world.observe().values())  # type: ignore[union-attr]
