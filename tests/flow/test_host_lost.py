"""`gitvirt host lost` of a host that answers: refused, whether it is declared or was removed while it held VMs."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.git import open_repository
from reconciler.cli.deeds.host import refuse_if_it_answers
from reconciler.errors import UsageError
from reconciler.settings import Settings
from tests.flow.site import Site, host_yaml, vm_yaml
from tests.flow.test_daemon_passes import SimulatedApp
from tests.flow.test_host_removal import replace_in


@pytest.fixture
def pinned(tmp_path: Path) -> Site:
    """A VM on kvm2."""
    site = Site(tmp_path)
    site.vms(vm_yaml("a", "hosts: [kvm2]"))
    site.settle()
    return site


def lost(site: Site, name: str) -> None:
    app = SimulatedApp(open_repository(site.repository), ".", Settings(state=str(site.state)))
    app.world = site
    refuse_if_it_answers(name, app, site.revision_now())


@pytest.mark.parametrize("removed", [False, True], ids=["declared", "removed"])
def test_a_host_that_answers_is_not_lost(removed: bool, pinned: Site) -> None:
    if removed:
        replace_in(pinned, host_yaml("kvm2"), "")
        pinned.vms(vm_yaml("a"))
    with pytest.raises(UsageError, match=r"host/kvm2 answers, so it is not lost.*" + ("empt" if removed else "maint")):
        lost(pinned, "kvm2")
    pinned.world.cut("kvm2")
    lost(pinned, "kvm2")
