"""What real hosts are made of and use: usage, room for more, compatibility, and devices that are not to be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.observe.baselines import Baselines
from reconciler.observe.usage import sample
from reconciler.place.demand import demand
from reconciler.place.headroom.capacity import capacity
from reconciler.place.hosts.clusters import report
from reconciler.place.hosts.compatibility import why_not
from reconciler.status import usage
from reconciler.status.placement import room_left
from reconciler.status.situation import Situation
from specs.load import load
from tests.live.site import LiveSite, machine

pytestmark = pytest.mark.live


def test_hosts_tell_what_they_are_and_have(site: LiveSite, tmp_path: Path) -> None:
    bare = {"disks": [], "nics": []}
    wish = machine("wish", state="stopped", hostDevices=[{"name": "x", "pciClass": "display"}], **bare)
    site.vms([machine("busy", **bare), wish])
    site.apply()
    looked = site.look()
    context, hosts = looked.context, looked.hosts
    where, busy = site.vm("busy")

    samples = sample(hosts, 0.3)
    assert {each.name for each in usage.hosts(samples)} == set(hosts)
    [mine] = usage.vms(samples, frozenset({"busy"}))
    assert (mine.name, mine.host, mine.memory, mine.cpus) == ("busy", where, 112 << 20, 1)
    assert mine.cpu >= 0

    found = report(next(iter(context.wanted.clusters.values())), context)
    assert set(found.versions) == set(hosts)
    assert (found.broken, found.remarks) == ({}, ())
    assert Baselines(tmp_path / "kept").of(found.models, hosts, False).model == found.common  # one machine, one CPU
    seen = context.observed.seen
    assert busy.live is not None
    assert [why_not(busy.live, seen[where], seen[name]) for name in sorted(hosts)] == [""] * len(hosts)

    [held] = [each.held for each in looked.plan.changes if each.ref.name == "wish" and each.held]
    assert "no free PCI device of class 03" in held.text
    situation = Situation(catalog=load(site.app.repository.tree(), "."), context=context, plan=looked.plan)
    more = capacity(demand(context.wanted.vms["busy"]), lambda: room_left(situation), most=6)
    assert (more.fits, more.all_counted) == (6, False)
