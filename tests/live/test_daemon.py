"""The daemon as a process: it follows commits, events, requests and files, ends in peace, and survives its death."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.command import Gitvirt
from tests.live.conftest import virsh
from tests.live.facts import assert_each_runs_once, assert_nothing_runs_twice, wait_until
from tests.live.site import LiveSite, machine

pytestmark = pytest.mark.live


class Daemon:
    """One daemon under way, and its log. It looks by itself so rarely that a test is over before."""

    def __init__(self, gitvirt: Gitvirt, log: Path, *words: str | Path) -> None:
        self.log = log
        self.process = gitvirt.start("daemon", *words, "--interval", "1h", errors=log)

    def lines(self) -> list[dict[str, Any]]:
        """What it logged, in order; a line that is still being written is left out."""
        text = self.log.read_text() if self.log.exists() else ""
        whole = text[: text.rfind("\n") + 1].splitlines()
        return [json.loads(line) for line in whole if line.startswith("{")]

    def lines_of(self, event: str) -> list[dict[str, Any]]:
        return [each for each in self.lines() if each["event"] == event]

    def count(self, event: str) -> int:
        return len(self.lines_of(event))

    def wait(self, event: str, **facts: object) -> dict[str, Any]:
        """Waits for a line with these facts, and gives it."""

        def found() -> list[dict[str, Any]]:
            return [each for each in self.lines_of(event) if facts.items() <= each.items()]

        def there() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            return bool(found())

        wait_until(there, what=lambda: f"{event} {facts}; the log: {self.log.read_text()}")
        return found()[-1]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(120)


@pytest.fixture
def daemon(gitvirt: Gitvirt, tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Starts daemons, whose log is one file; none of them outlives the test."""
    begun: list[Daemon] = []

    def start(*words: str | Path) -> Daemon:
        begun.append(Daemon(gitvirt, tmp_path / "daemon.log", *words))
        return begun[-1]

    yield start
    for each in begun:
        each.kill()
        assert each.process.stdout is not None
        each.process.stdout.close()


def power(site: LiveSite, name: str, host: str = "kvm1") -> str:
    try:
        return virsh(site.lab, host, "domstate", name)
    except subprocess.CalledProcessError:
        return "absent"


def description(site: LiveSite, name: str) -> str:
    return virsh(site.lab, "kvm1", "desc", name)


def test_a_daemon_follows_commits_events_and_requests_until_it_is_told_to_stop(
    site: LiveSite, gitvirt: Gitvirt, daemon: Callable[..., Daemon]
) -> None:
    site.vms([machine("web")])
    site.commit("Add web")
    running = daemon(site.folder)
    running.wait("pass.done", failed=0)
    assert running.lines_of("pass.done")[0]["done"] > 5  # what it has done itself wakes it for others, which do nothing
    assert power(site, "web") == "running"

    site.vms([machine("web", description="by hand")])
    assert "takes care" in gitvirt.run("apply", "--yes", code=1).stderr
    assert description(site, "web") != "by hand"
    site.vms([machine("web", description="by commit")])
    good = site.commit("Describe web")
    wait_until(lambda: description(site, "web") == "by commit")
    assert good[:12] in gitvirt.run("sync", code=0).stdout

    virsh(site.lab, "kvm1", "destroy", "web")
    wait_until(lambda: power(site, "web") == "running")
    assert running.wait("step.done", what="start", ref="vm/web")
    running.wait("pass.done", why=["event of kvm1"])

    site.vms([machine("web", description="broken", memroy="1GiB")])
    bad = site.commit("Break it")
    refused = running.wait("revision.refused", revision=bad)
    assert refused["stays"] == good
    assert "did you mean" in refused["findings"][0]
    before = running.count("pass.done")
    virsh(site.lab, "kvm1", "destroy", "web")
    wait_until(lambda: power(site, "web") == "running" and running.count("pass.done") > before)
    assert description(site, "web") == "by commit"
    running.kill()  # and who starts now, with nothing but the broken commit there, goes on with the good one as well
    virsh(site.lab, "kvm1", "destroy", "web")
    running = daemon(site.folder)
    wait_until(lambda: power(site, "web") == "running", what=running.log.read_text)
    site.vms([machine("web", description="mended")])
    site.commit("Mend it")
    wait_until(lambda: description(site, "web") == "mended")

    assert running.terminate() == 0
    assert running.lines()[-1]["event"] == "daemon.stopped"
    assert_each_runs_once(site, "web")
    assert "no daemon" in gitvirt.run("sync", code=1).stderr
    gitvirt.run("plan", code=0)


def test_a_killed_daemon_starts_again_without_help_and_goes_on(
    site: LiveSite, gitvirt: Gitvirt, daemon: Callable[..., Daemon]
) -> None:
    site.vms([machine("web"), machine("db", state="stopped", disks=[{"name": "root", "size": "8MiB"}])])
    site.commit("Add two")
    first = daemon(site.folder)
    first.wait("step.done")
    first.kill()
    assert_nothing_runs_twice()
    second = daemon(site.folder)
    second.wait("pass.done", failed=0)
    gitvirt.run("sync", code=0)
    assert_each_runs_once(site, "web")
    gitvirt.run("plan", code=0)
    assert second.terminate() == 0


def test_a_daemon_follows_a_repository_elsewhere(
    site: LiveSite, gitvirt: Gitvirt, daemon: Callable[..., Daemon], tmp_path: Path
) -> None:
    bare = tmp_path / "bare.git"
    subprocess.run(["git", "clone", "-q", "--bare", site.folder, bare], check=True)
    running = daemon(bare.as_uri(), "--branch", "main")
    running.wait("pass.done", failed=0)
    site.vms([machine("web", state="stopped")])
    pushed = site.commit("Add web")
    subprocess.run(["git", "-C", site.folder, "push", "-q", bare, "HEAD:main"], check=True)
    assert pushed[:12] in gitvirt.run("sync", code=0).stdout
    assert power(site, "web") == "shut off"
    bare.rename(tmp_path / "away")  # the server is gone: what it said last stays wanted
    virsh(site.lab, "kvm2", "net-destroy", "lan")
    assert pushed[:12] in gitvirt.run("sync", code=0).stdout
    assert "lan" in virsh(site.lab, "kvm2", "net-list", "--name")
    assert running.count("source.unreachable")
    assert running.terminate() == 0
    virsh(site.lab, "kvm2", "net-destroy", "lan")
    again = daemon(bare.as_uri(), "--branch", "main")  # and started like this, too
    wait_until(lambda: "lan" in virsh(site.lab, "kvm2", "net-list", "--name"), what=again.log.read_text)
    assert again.terminate() == 0


def test_a_daemon_follows_a_plain_folder(site: LiveSite, daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    folder = tmp_path / "plain"
    shutil.copytree(site.folder, folder, ignore=shutil.ignore_patterns(".git"))
    running = daemon(folder)
    running.wait("pass.done", failed=0)
    (folder / "vms.yaml").write_text(json.dumps(machine("web", state="stopped")))
    wait_until(lambda: power(site, "web") == "shut off")
    assert running.terminate() == 0
