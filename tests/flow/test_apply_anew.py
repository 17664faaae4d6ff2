"""`gitvirt apply` in two terminals: what is done is what is right by then, not what was right when it was shown."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from drivers.git import open_repository
from reconciler import cycle, lock
from reconciler.cli.apply import carry_out
from reconciler.cli.exits import Exit
from reconciler.errors import LockedError, UsageError
from reconciler.settings import Settings
from tests.flow.site import ID, Site, vm_yaml
from tests.flow.test_daemon_passes import SimulatedApp

DISKLESS = "=cpu: 1, memory: 96MiB, nics: [lan]"


class Terminal:
    """Somebody who thinks about it for a while, in which something else happens, and says yes."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        self._meanwhile = meanwhile

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        self._meanwhile()
        return "y\n"


@pytest.fixture
def app(site: Site) -> SimulatedApp:
    made = SimulatedApp(open_repository(site.repository), ".", Settings(state=str(site.state)))
    made.world = site
    return made


def put_elsewhere(site: Site) -> None:
    """Another apply, which has to take kvm2; afterwards kvm1 is free again."""
    root = site.repository / "gitvirt.yaml"
    text = root.read_text()
    root.write_text(text.replace("kvm1/system'", "kvm1/system', maintenance: true"))
    site.settle()
    root.write_text(text)


def hosts_of(site: Site, name: str) -> list[str]:
    found = site.world.observe().items()
    return [host for host, seen in found if any(vm.name == name for vm in getattr(seen, "vms", ()))]


def test_a_vm_that_was_made_elsewhere_while_the_question_stood_is_not_made_a_second_time(
    site: Site, app: SimulatedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.settle()
    site.vms(vm_yaml("web", DISKLESS))  # no disk that would be in the way
    monkeypatch.setattr(sys, "stdin", Terminal(lambda: put_elsewhere(site)))
    assert site.plan().placements["web"].host == "kvm1"
    with pytest.raises(UsageError, match=r"(?s)nothing was done.*vm/web"):
        carry_out(site.look, app, ID, yes=False)
    assert hosts_of(site, "web") == ["kvm2"]


def test_nobody_else_applies_between_the_look_and_the_deeds_of_who_is_not_asked(site: Site, app: SimulatedApp) -> None:
    site.settle()
    site.vms(vm_yaml("web", DISKLESS))
    refused = []

    def see() -> cycle.Pass:
        with pytest.raises(LockedError) as error, lock.writer(site.state, ID, "apply"):
            pass
        refused.append(error)
        return site.look()

    assert carry_out(see, app, ID, yes=True) is Exit.OK
    assert len(refused) == 1
    assert hosts_of(site, "web") == ["kvm1"]


def test_a_plan_that_still_holds_is_done_as_it_was_shown(
    site: Site, app: SimulatedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.settle()
    site.vms(vm_yaml("web", DISKLESS))
    monkeypatch.setattr(sys, "stdin", Terminal(lambda: site.clock.advance(600)))
    assert carry_out(site.look, app, ID, yes=False) is Exit.OK
    assert site.plan().empty
