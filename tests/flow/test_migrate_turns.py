"""`gitvirt migrate` beside a daemon: whose turn it is while a definition, or a running VM, moves."""

from __future__ import annotations

import pytest

from drivers.memory.calls import Call
from reconciler import lock
from reconciler.cli.deeds.common import Session
from reconciler.cli.deeds.migrate import _moved
from reconciler.cli.exits import Exit
from reconciler.errors import LockedError
from reconciler.operations.migrate import Asked
from specs.resource import Ref
from specs.structs import replace
from tests.flow.site import ID, Site
from tests.flow.test_daemon_passes import commit, machine
from tests.flow.test_watching import here, site

__all__ = ["here", "site"]  # fixtures


@pytest.mark.parametrize(("state", "method", "free"), [("stopped", "relocate", False), ("running", "migrate", True)])
def test_nobody_else_makes_a_pass_while_a_definition_moves(
    site: Site, here: Session, state: str, method: str, free: bool
) -> None:
    site.vms(machine("a", f"state: {state}"))
    site.commit(commit(site))
    site.settle()
    found: list[bool] = []

    def tries_a_pass(call: Call) -> bool:
        if call.method == method and not found:
            try:
                with lock.writer(site.state, ID, "daemon"):
                    found.append(True)
            except LockedError:
                found.append(False)
        return False

    site.world.faults.fail(where=tries_a_pass)
    session = replace(here, scene=replace(here.scene, looked=site.look()))
    other = "kvm2" if site.domain("a")[0] == "kvm1" else "kvm1"
    assert _moved((Ref("VirtualMachine", "a"),), session, Asked(to=other), True) is Exit.OK
    assert found == [free]
    assert site.domain("a")[0] == other
