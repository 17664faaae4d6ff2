"""Campaigns of the command line beside a daemon: they ask and watch, and Ctrl-C ends nothing but the watching."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from drivers.git import open_repository
from drivers.memory.calls import Call
from drivers.seen import Power
from reconciler import lock
from reconciler.app import Pause
from reconciler.cli.context import Place
from reconciler.cli.deeds.campaign import campaign
from reconciler.cli.deeds.common import Session
from reconciler.cli.deeds.maintenance import drained
from reconciler.cli.exits import Exit
from reconciler.daemon.doorbell import Doorbell
from reconciler.daemon.loop import Daemon
from reconciler.errors import ReconcilerError
from reconciler.operations import maintenance, powerdown
from reconciler.operations.scene import By, Scene
from reconciler.place.hosts.hoststate import State
from reconciler.settings import Settings
from specs.resource import Ref
from tests.flow.site import ID, Site
from tests.flow.test_daemon_passes import SimulatedApp, begun, commit, git, machine, until
from tests.flow.test_outages import overrides, power_of, state_of


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    git(made.repository, "init", "-q")
    made.vms(machine("a"))
    made.commit(commit(made))
    made.settle()
    return made


@pytest.fixture
def daemon(site: Site) -> Iterator[Daemon]:
    """A daemon that runs in this process, and answers those who ring."""
    running = begun(site)
    path = site.state / "bell"
    thread = threading.Thread(target=running.run)
    with lock.heartbeat(site.state, ID, str(path)):
        bell = Doorbell(path, running.answer)
        thread.start()
        yield running
        running.stop()
        thread.join(60)
        bell.close()
    assert not thread.is_alive()


@pytest.fixture
def here(site: Site) -> Session:
    """A command under way."""
    repository = open_repository(site.repository)
    app = SimulatedApp(repository, ".", Settings(state=str(site.state)))
    app.world = site
    scene = Scene(looked=site.look(), by=By(author="alice@desk", since=int(site.clock.now)), pause=Pause(app.stop))
    revision = app.revision(site.revision_now().catalog, str(repository.revision()))
    return Session(app=app, place=Place(repository=repository, folder="."), revision=revision, scene=scene)


class Held:
    """A call to a host that takes its time until it may go on; `begun` once it is under way."""

    def __init__(self, site: Site, method: str, then: Callable[[], None]) -> None:
        self.begun, self.go_on, self._method, self._then = threading.Event(), threading.Event(), method, then
        site.world.faults.fail(where=self._takes_its_time)

    def _takes_its_time(self, call: Call) -> bool:
        if call.method == self._method and not self.begun.is_set():
            self.begun.set()
            self._then()
            assert self.go_on.wait(60)
        return False


def drains(here: Session, host: str) -> Exit:
    with campaign(here) as mine:
        maintenance.begin(host, mine)
        return drained(Ref("Host", host), here, mine)


def powers_down(here: Session) -> None:
    with campaign(here, "the same command goes on with the rest") as mine:
        powerdown.down("default", mine)


def control_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_ends_the_watching_and_the_daemon_goes_on_with_the_drain(
    site: Site, daemon: Daemon, here: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    source = site.domain("a")[0]
    under_way = Held(site, "migrate", control_c)
    with pytest.raises(KeyboardInterrupt):
        drains(here, source)
    assert "No longer watching" in capsys.readouterr().err
    assert not here.app.stop.is_set()
    under_way.go_on.set()
    until(lambda: state_of(site, source) is State.MAINTENANCE)
    assert site.domain("a")[0] != source
    assert power_of(site, "a") is Power.RUNNING


def test_ctrl_c_in_a_power_down_says_that_the_rest_has_to_be_asked_for_again(
    site: Site, daemon: Daemon, here: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    under_way = Held(site, "shutdown", control_c)
    with pytest.raises(KeyboardInterrupt):
        powers_down(here)
    assert "the same command goes on with the rest" in capsys.readouterr().err
    under_way.go_on.set()
    until(lambda: power_of(site, "a") is Power.STOPPED)


def test_what_failed_in_the_daemons_pass_is_told_by_who_watches(
    site: Site, daemon: Daemon, here: Session, capsys: pytest.CaptureFixture[str]
) -> None:
    source = site.domain("a")[0]
    for nth in range(1, 9):
        site.world.faults.fail(nth, where=lambda call: call.method == "migrate", detail="no space for its memory")
    assert drains(here, source) is Exit.INCOMPLETE
    assert "no space for its memory" in capsys.readouterr().err


def test_sync_now_tries_what_fails_in_a_pass_under_way_at_once_in_the_next(site: Site, daemon: Daemon) -> None:
    under_way = Held(site, "start", lambda: None)
    site.world.faults.fail(where=lambda call: call.method == "start")
    site.world.outside(site.domain("a")[0]).kill("a")
    assert under_way.begun.wait(60)
    answers: list[object] = []
    bell = threading.Thread(target=lambda: answers.append(daemon.answer({"ask": "sync", "now": True})))
    bell.start()
    until(lambda: daemon._forget)
    under_way.go_on.set()
    bell.join(60)
    assert answers
    assert power_of(site, "a") is Power.RUNNING


def test_a_pass_of_the_daemon_that_fails_as_a_whole_ends_the_watching_with_the_reason(
    site: Site, daemon: Daemon, here: Session
) -> None:
    source = site.domain("a")[0]
    with (
        lock.writer(site.state, ID, "apply --take-over"),
        pytest.raises(ReconcilerError, match="could not make a pass: `gitvirt apply --take-over`"),
    ):
        drains(here, source)
    assert overrides(site).all()
