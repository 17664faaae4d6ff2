"""The daemon's loop on a simulated datacenter: which revision it takes, what it outlives, and what has to wait."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import structlog

from drivers.base import Host
from drivers.errors import Conflict
from drivers.git import Repository
from drivers.memory.calls import Call
from drivers.seen import Power
from reconciler import lock
from reconciler.app import App
from reconciler.daemon.follow import GitBranch
from reconciler.daemon.loop import Daemon
from reconciler.daemon.taken import Taken, first
from reconciler.desired.wanted import WantedHost
from reconciler.settings import Settings
from specs.catalog import Catalog
from tests.flow.site import ID, Site, vm_yaml
from tests.flow.test_outages import power_of


def machine(name: str, more: str = "") -> str:
    """A VM whose disk is made from nothing."""
    spec = f"=cpu: 1, memory: 96MiB, disks: [{{name: root, size: 1GiB}}], nics: [lan]{', ' * bool(more)}{more}"
    return vm_yaml(name, spec)


class SimulatedApp(App):
    """An app whose hosts are those of a simulated datacenter."""

    world: Site

    def _open(self, wanted: WantedHost) -> Host:
        return self.world.world.host(wanted.name)


class Source(GitBranch):
    """A branch of which the first so many loads fail, as on a disk that is full; or whose server is away."""

    failing = 0
    away = False
    polls = 0

    def poll(self) -> str:
        self.polls += 1
        if self.away:
            raise TimeoutError("the Git server does not answer")
        return super().poll()

    def load(self, revision: str) -> tuple[Catalog, Repository, str]:
        self.failing -= 1
        if self.failing >= 0:
            raise OSError(28, "No space left on device")
        return super().load(revision)


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    return subprocess.check_output(["git", "-C", str(folder), *name, *words], text=True).strip()


def commit(site: Site) -> str:
    git(site.repository, "add", "-A")
    git(site.repository, "commit", "-q", "--allow-empty", "-m", "edit")
    return git(site.repository, "rev-parse", "HEAD")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    git(made.repository, "init", "-q")
    made.vms(machine("a"))
    commit(made)
    return made


def begun(site: Site) -> Daemon:
    """A daemon as the command begins it; nothing runs by itself yet."""
    settings = Settings(state=str(site.state))
    source, taken = Source(site.repository, None), Taken(site.state, "source")
    revision, (catalog, repository, folder) = first(source, taken)
    app = SimulatedApp(repository, folder, settings)
    app.world = site
    made = Daemon(source, app, interval=3600, taken=taken)
    made.begin_with(catalog, revision)
    return made


@pytest.fixture
def daemon(site: Site) -> Daemon:
    return begun(site)


def passes(daemon: Daemon, reason: str = "test") -> str:
    """One pass; what was wrong with it."""
    daemon._pass(frozenset({reason}))
    return daemon.last.problem


def described(site: Site, name: str) -> str:
    return str(site.domain(name)[1].config.get("description", ""))


def test_a_commit_that_cannot_be_read_at_first_is_taken_by_the_next_pass(site: Site, daemon: Daemon) -> None:
    assert passes(daemon) == ""
    site.vms(machine("a", "description: new"))
    commit(site)
    daemon.source.failing = 1  # type: ignore[attr-defined]
    site.world.outside(site.domain("a")[0]).kill("a")
    passes(daemon)
    assert (power_of(site, "a"), described(site, "a")) == (Power.RUNNING, "")
    assert passes(daemon) == ""
    assert described(site, "a") == "new"


def test_passes_do_not_wait_each_time_for_a_git_server_that_is_away(site: Site, daemon: Daemon) -> None:
    passes(daemon)
    source = daemon.source
    assert isinstance(source, Source)
    source.pause, source.away, source.polls = 3600, True, 0
    site.world.outside(site.domain("a")[0]).kill("a")
    assert not daemon._moved()
    passes(daemon, "event of kvm1")
    assert not daemon._moved()
    passes(daemon, "timer")
    assert source.polls == 1
    assert power_of(site, "a") is Power.RUNNING
    source.away = False
    site.vms(machine("a", "description: new"))
    commit(site)
    passes(daemon, "sync")
    assert source.polls == 2
    assert described(site, "a") == "new"


def test_a_daemon_outlives_that_its_repository_is_away_for_a_while(site: Site, daemon: Daemon) -> None:
    passes(daemon)
    site.repository.rename(site.folder / "elsewhere")
    assert not daemon._moved()
    assert "repository" in passes(daemon)
    (site.folder / "elsewhere").rename(site.repository)
    site.vms(machine("a", "description: new"))
    commit(site)
    passes(daemon, "sync")
    assert described(site, "a") == "new"


def test_a_revision_whose_secrets_cannot_be_read_is_not_taken_before_they_can(site: Site, daemon: Daemon) -> None:
    passes(daemon)
    site.vms(machine("a", "description: new, graphics: {type: vnc, password: {file: password}}"))
    commit(site)
    site.world.outside(site.domain("a")[0]).kill("a")
    passes(daemon)
    assert (power_of(site, "a"), described(site, "a")) == (Power.RUNNING, "")
    (site.repository / "password").write_text("secret\n")
    passes(daemon)
    assert described(site, "a") == "new"


@pytest.mark.parametrize("again", [False, True], ids=["at work", "started again"])
def test_a_revision_that_lost_all_vms_is_not_taken(again: bool, site: Site, daemon: Daemon) -> None:
    site.vms(machine("a"), machine("b"))
    commit(site)
    assert passes(daemon) == ""
    site.vms()
    commit(site)
    running = begun(site) if again else daemon
    assert passes(running) == ""
    assert [power_of(site, name) for name in "ab"] == [Power.RUNNING] * 2
    site.vms(machine("a", "description: new"), machine("b"))
    commit(site)
    passes(running)
    assert described(site, "a") == "new"


def test_what_is_held_is_logged_when_that_begins_and_again_only_after_it_ended(site: Site, daemon: Daemon) -> None:
    def told() -> list[str]:
        with structlog.testing.capture_logs() as lines:
            passes(daemon)
        lines = [each for each in lines if each["event"] == "change.held" and each["ref"].startswith("vm/")]
        return [f"{each['ref']} {each['why'].partition(':')[0]}" for each in lines]

    huge = machine("b").replace("96MiB", "900GiB")
    site.vms(machine("a"), huge)
    commit(site)
    assert told() == ["vm/b NoHost"]
    assert told() == []
    site.vms(machine("a"))
    commit(site)
    assert told() == []
    site.vms(machine("a"), huge)
    commit(site)
    assert told() == ["vm/b NoHost"]


def test_a_daemon_at_work_does_not_become_another_repositorys(site: Site, daemon: Daemon) -> None:
    """All that is ours would be a stranger's, and be made a second time."""
    site.vms(machine("a"))
    taken = commit(site)
    assert passes(daemon) == ""
    root = site.repository / "gitvirt.yaml"
    root.write_text(root.read_text().replace("6f1d2f0e", "7f1d2f0e"))
    commit(site)
    assert passes(daemon) == ""
    assert (daemon.last.revision, daemon.last.done) == (taken, 0)


def test_a_daemon_that_is_started_for_another_repository_takes_it(site: Site, daemon: Daemon) -> None:
    passes(daemon)
    root = site.repository / "gitvirt.yaml"
    root.write_text(root.read_text().replace("6f1d2f0e", "7f1d2f0e"))
    newest = commit(site)
    running = begun(site)
    assert passes(running) == ""
    assert running.last.revision == newest


def test_an_image_that_cannot_be_brought_is_told_for_as_long_as_it_is_not_tried(site: Site, daemon: Daemon) -> None:
    passes(daemon)
    assert "image/guest" in daemon.last.text[0]  # what the repository has is no image
    assert (daemon.last.failed, daemon.last.held) == (1, 0)
    passes(daemon)
    assert (daemon.last.failed, daemon.last.held) == (0, 1)


def test_a_step_that_finds_the_same_surprise_in_every_pass_is_left_for_a_while(site: Site, daemon: Daemon) -> None:
    """A device that another VM uses, say: to libvirt that is a wrong state, as is a VM that runs already."""
    passes(daemon)
    site.world.outside(site.domain("a")[0]).kill("a")
    tries = [
        site.world.faults.fail(nth, Conflict, where=lambda call: (call.method, call.object) == ("start", "a"))
        for nth in (1, 2, 3)
    ]
    for _ in range(3):
        passes(daemon)
    assert [each.fired for each in tries] == [True, True, False]
    assert "BackingOff" in str(daemon._kept_back)
    daemon.backoff.forget()
    passes(daemon)
    assert tries[2].fired


def test_a_pass_that_another_writer_kept_off_is_made_soon(site: Site, daemon: Daemon) -> None:
    with lock.writer(site.state, ID, "migrate"):
        assert "`gitvirt migrate`" in passes(daemon)
        assert daemon._pause() <= 10
    passes(daemon)
    assert daemon.last.problem == ""
    assert not daemon._locked_out


def until(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not found():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def test_what_happens_on_a_host_wakes_the_daemon(site: Site, daemon: Daemon) -> None:
    passes(daemon)
    daemon.wakes.wait(0)
    site.world.outside(site.domain("a")[0]).destroy("a")
    site.world.deliver()
    assert daemon.wakes.wait(0) == {f"event of {site.domain('a')[0]}"}


def test_a_daemon_that_is_stopped_in_the_midst_of_a_pass_begins_no_further_step(site: Site, daemon: Daemon) -> None:
    calls: list[str] = []

    def stopping(call: Call) -> bool:
        calls.append(call.method)
        if call.method == "define":
            daemon.stop()
        return False

    site.world.faults.fail(where=stopping)
    daemon.run()
    assert "define" in calls
    assert "start" not in calls
    passes(begun(site))
    assert "start" in calls


def test_a_commit_during_a_long_pass_is_handled_right_after_it(site: Site, daemon: Daemon) -> None:
    begun_starting, go_on = threading.Event(), threading.Event()

    def long(call: Call) -> bool:
        if call.method == "start" and call.object == "a":
            begun_starting.set()
            assert go_on.wait(60)
        return False  # it only takes its time

    site.world.faults.fail(where=long)
    thread = threading.Thread(target=daemon.run)
    thread.start()
    try:
        assert begun_starting.wait(60)
        site.vms(machine("a", "description: new"))
        newest = commit(site)
        go_on.set()
        until(lambda: daemon.last.revision == newest)
        assert described(site, "a") == "new"
    finally:
        go_on.set()
        daemon.stop()
        thread.join(60)
    assert not thread.is_alive()
