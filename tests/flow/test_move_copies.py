"""Copies of local disks whose migration was killed: they are known, and made again, and nobody else's file is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from drivers.memory.journey import PHASES
from drivers.moving import UNFINISHED
from tests.flow.leaving import with_local_disk
from tests.flow.site import Site, said


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, hosts=2)


def volumes(site: Site, host: str) -> set[str]:
    """The files of the local storage of that host."""
    return set(site.world.hosts[host].mounts["/srv/local"].files)


CLUSTER = """---
apiVersion: gitvirt/v1
kind: Cluster
metadata: {name: default}
spec: {migration: {peerToPeer: %s}}
"""


@pytest.mark.parametrize("peer_to_peer", ["true", "false"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_move_that_was_killed_is_made_again_with_its_copies(site: Site, phase: str, peer_to_peer: str) -> None:
    site.write("cluster.yaml", CLUSTER % peer_to_peer)
    with_local_disk(site)
    before, uuid = volumes(site, "kvm1"), site.domain("web")[1].uuid
    site.world.faults.crash(moment="midway", phase=phase)
    with pytest.raises(Crash):
        site.apply()
    site.world.faults.revive()
    for _ in range(3):
        site.apply()
    assert site.plan().empty, said(site.plan())
    assert site.world.running[uuid] == ["kvm2"]
    assert before <= volumes(site, "kvm2")
    assert before <= volumes(site, "kvm1")
    assert not site.world.doubles
    assert not site.world.damage


def test_a_file_of_somebody_elses_keeps_the_vm_where_it_is(site: Site) -> None:
    with_local_disk(site)
    [name] = volumes(site, "kvm1")
    site.world.outside("kvm2").put_file(f"/srv/local/{name}", content=b"precious")
    plan = site.plan()
    assert plan.empty, said(plan)
    site.world.outside("kvm2").put_file(f"/srv/local/{name}{UNFINISHED}")
    assert "migrate to kvm2" in [step.what for step in site.plan().steps]
