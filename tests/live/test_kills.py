"""Our own process is killed once at each kind of step, on real hosts; what comes after it converges, nothing doubles.

Exhaustive, at every single step, it is done on the simulated datacenter (tests/flow/test_crashes.py).
"""

from __future__ import annotations

import re
import signal
from typing import Any

import pytest

from drivers.seen import Power
from tests.live.command import Gitvirt
from tests.live.facts import assert_each_runs_once, assert_nothing_runs_twice
from tests.live.site import LiveSite, machine
from tests.live.telling import KILLED

pytestmark = pytest.mark.live

MOST = 40  # kinds of steps that one change can have, and more

Documents = list[dict[str, Any]]


def kill_at_a_new_kind(site: LiveSite, moment: str, known: set[str]) -> bool:
    """Applies until the first step of a kind that is not known yet kills it; False if it came to its end."""
    with Gitvirt(site).telling(moment, *sorted(known)) as process:
        told, _ = process.communicate()
    if process.returncode != -signal.SIGKILL:
        assert process.returncode == 0, told
        return False
    known.add(told.rpartition(KILLED)[2].strip())
    return True


def kill_again_and_again(site: LiveSite, moment: str) -> set[str]:
    """Applies until it is done, and kills that at every kind of step; returns the kinds."""
    known: set[str] = set()
    for _ in range(MOST):
        if not kill_at_a_new_kind(site, moment, known):
            site.settle()
            return known
        assert_nothing_runs_twice()
    pytest.fail(f"it never came to an end: {sorted(known)}")


def two(web: dict[str, Any], db: dict[str, Any]) -> Documents:
    """A VM that shall run and one that shall be off. Their guests need not boot: what goes, goes hard."""
    hard: dict[str, Any] = {"stopTimeout": "1s", "stopLastResort": "destroy", "cloudInit": {"hostname": "guest"}}
    return [machine("web", **hard, **web), machine("db", state="stopped", **hard, **db)]


ROOT = {"name": "root", "image": "guest"}
DATA = {"name": "data", "size": "8MiB"}
MORE = {"name": "more", "size": "8MiB"}
MADE = two({"disks": [ROOT, DATA]}, {"disks": [ROOT, DATA]})
CHANGED = two(
    {"disks": [ROOT, {**DATA, "size": "16MiB"}, MORE], "nics": ["lan", {"name": "b", "network": "lan"}]},
    {"disks": [ROOT], "description": "changed"},
)


def volumes(site: LiveSite) -> list[str]:
    """Disks by VM and name, as files on the shared storage; those in the trash with a `-`."""
    names = {each.name for each in site.lab.paths.shared.iterdir()}
    found = []
    for name in names:
        if parts := re.fullmatch(r"gv-\w{8}-(\w{8})-(\w+)-\d+\.\w+", name):
            trashed = any(each.startswith(f"{name}.trash.") for each in names)
            owner = next(vm.name for vm in declared(site) if vm.uuid.startswith(parts[1]))
            found.append(f"{'-' if trashed else ''}{owner}/{parts[2]}")
    return sorted(found)


def declared(site: LiveSite) -> list[Any]:
    return [each.vm for each in site.look().context.observed.vms()]


def numbers(site: LiveSite) -> dict[str, tuple[str, object]]:
    return {vm.name: (vm.uuid, vm.config["nics[lan].mac"]) for vm in declared(site)}


@pytest.mark.parametrize("moment", ["began", "ended"])
def test_killed_at_every_kind_of_step_it_converges(site: LiveSite, moment: str) -> None:
    site.vms(MADE)
    assert len(kill_again_and_again(site, moment)) >= 7
    assert_each_runs_once(site, "web")
    assert site.vm("db")[1].power is Power.STOPPED
    assert volumes(site) == ["db/data", "db/root", "web/data", "web/root"]
    before = numbers(site)

    site.vms(CHANGED)
    assert len(kill_again_and_again(site, moment)) >= 2
    assert_each_runs_once(site, "web")
    assert volumes(site) == ["-db/data", "db/root", "web/data", "web/more", "web/root"]
    assert site.vm("web")[1].config["disks[data].size"] == 16 << 20
    assert "nics[b].mac" in site.vm("web")[1].config

    site.vms([])
    assert len(kill_again_and_again(site, moment)) >= 2
    assert volumes(site) == ["-db/data", "-db/root", "-web/data", "-web/more", "-web/root"]
    assert [vm.power for vm in declared(site)] == [Power.STOPPED] * 2

    site.vms(MADE)
    assert len(kill_again_and_again(site, moment)) >= 2
    assert_each_runs_once(site, "web")
    assert volumes(site)[:2] == ["-web/more", "db/data"]
    assert numbers(site) == before
