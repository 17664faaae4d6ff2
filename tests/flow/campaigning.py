"""Campaigns in tests: maintenance, upgrades and power-downs as `gitvirt` leads them, on a simulated site."""

from __future__ import annotations

from collections.abc import Callable

from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Run
from reconciler.apply.walk import Walker
from reconciler.operations import maintenance
from reconciler.operations.campaign import Campaign
from reconciler.operations.scene import By
from reconciler.place.hosts.hoststate import State, state
from tests.flow.site import NoWait, Site
from tests.flow.test_outages import overrides


def campaign(site: Site, told: Callable[[str], None] = lambda line: None) -> Campaign:
    def act(looked: cycle.Pass) -> Run:
        tools = Tools(open_image=site.open_image, pause=NoWait(site.clock), hosts=looked.hosts)
        return cycle.act(looked, Walker(hosts=looked.hosts, tools=tools))

    by = By(author="alice@desk", reason="", since=int(site.clock.now))
    pause = NoWait(site.clock)
    return Campaign(look=site.look, act=act, overrides=overrides(site), by=by, pause=pause, tell=told)


def drained(site: Site, host: str) -> State:
    mine = campaign(site)
    maintenance.begin(host, mine)
    return state(host, maintenance.drain(host, mine).context).state


def upgraded(came: list[str], host: str) -> bool:
    came.append(host)
    return True


def used_again(site: Site, host: str) -> str:
    mine = campaign(site)
    text = maintenance.end(host, mine, site.look().context)
    maintenance.wake(host, mine)
    return text
