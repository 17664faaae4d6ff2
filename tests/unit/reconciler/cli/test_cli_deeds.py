"""The command lines of the verbs that act: what they take, what they refuse, and what works without any host."""

from __future__ import annotations

import json
import os
import pty
import threading
from pathlib import Path

import pytest

from drivers.memory.protocols.console import MemoryConsole
from reconciler.cli.deeds.cluster import not_up
from reconciler.cli.deeds.common import Which, names
from reconciler.cli.deeds.console import Session
from reconciler.cli.selectors import selector
from reconciler.errors import UsageError
from reconciler.journal import author
from specs.resource import Ref

ID = "9a3c2d1e-0000-4000-8000-000000000001"
SILENT = "qemu+tls://127.0.0.1:9/system"
"""A host where nobody listens: it is there, but cannot be read."""

# Selectors and targets.


@pytest.mark.parametrize(
    ("text", "chosen"),
    [
        ("tier=web", {"a"}),
        ("tier==web", {"a"}),
        ("tier!=web", {"b", "c"}),
        ("tier", {"a", "b"}),
        ("!tier", {"c"}),
        ("tier,env!=test", {"a"}),
        ("app.kubernetes.io/name=x", {"c"}),
        ("env=", set()),
    ],
)
def test_a_selector_chooses_by_labels(text: str, chosen: set[str]) -> None:
    labels = {
        "a": {"tier": "web", "env": "prod"},
        "b": {"tier": "db", "env": "test"},
        "c": {"app.kubernetes.io/name": "x"},
    }
    chooses = selector([text])
    assert {name for name, each in labels.items() if chooses(each)} == chosen


@pytest.mark.parametrize("text", ["", "=web", "tier in (a)", "!tier=web", "a=b=c", "a,,b"])
def test_what_is_no_selector_is_said_so(text: str) -> None:
    with pytest.raises(UsageError, match="is no label selector"):
        selector([text])


def test_several_selectors_all_count() -> None:
    assert not selector(["a=1", "b=2"])({"a": "1"})
    assert selector(["a=1", "b=2"])({"a": "1", "b": "2"})


def test_somebody_has_to_be_named_and_not_twice() -> None:
    with pytest.raises(UsageError, match="name what is meant"):
        Which.of(None, None, False)
    with pytest.raises(UsageError, match="--all means everything"):
        Which.of(["web"], None, True)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("web", "--clear", "--to", "kvm2"), "--clear and --cancel stand alone"),
        (("web", "--cancel", "--hold"), "--clear and --cancel stand alone"),
        (("web", "--to", "kvm2", "--for", "2h"), "--for says how long --hold lasts"),
        ((), "name what is meant"),
    ],
)
def test_words_of_migrate_that_contradict_each_other_are_told(words, why, gitvirt, repository) -> None:
    ran = gitvirt("migrate", *words, "--repo", repository)
    assert ran.code == 1
    assert why in ran.err


def test_who_acts_is_the_user_behind_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "alice")
    assert author().startswith("alice@")


def test_a_question_names_the_first_few() -> None:
    refs = [Ref("VirtualMachine", f"n{number}") for number in range(7)]
    assert names(refs) == "vm/n0, vm/n1, vm/n2, vm/n3, vm/n4 and 2 more"
    assert names(refs[:2]) == "vm/n0, vm/n1"


# Command lines.


@pytest.fixture
def home(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The repository, with a host that does not answer and a state folder of its own."""
    file = repository / "gitvirt.yaml"
    file.write_text(file.read_text().replace("qemu:///system", SILENT))
    config = tmp_path / "settings.yaml"
    config.write_text(f"state: {tmp_path}/state\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(config))
    monkeypatch.setenv("GITVIRT_REPO", str(repository))
    return repository


@pytest.mark.parametrize("verb", ["start", "stop", "reboot", "reset", "pause", "resume", "suspend", "wait", "hold"])
def test_a_verb_without_a_target_asks_for_one(gitvirt, home: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    ran = gitvirt(verb)
    assert ran.code == 1
    assert "name what is meant" in ran.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("stop", "web", "--for", "2"), "--for 2: "),
        (("stop", "web", "--for", "0s"), "longer than nothing"),
        (("stop", "web", "--timeout", "soon"), "--timeout soon: "),
        (("wait", "web", "--for", "happiness"), "happiness"),
        (("start", "web", "--once"), "go together"),
        (("start", "web", "--boot", "cdrom"), "go together"),
        (("cdrom", "insert", "web", "a", "b", "c"), "[DRIVE] IMAGE"),
        (("host", "lost", "kvm9", "--yes"), "--i-checked"),
        (("stop", "wbe"), "there is no VirtualMachine `wbe`; did you mean `web`?"),
        (("stop", "network/lan"), "is not a VirtualMachine"),
        (("stop", "-l", "tier=nothing"), "no VM has the labels tier=nothing"),
        (("reset", "web"), "add --yes"),
        (("stop", "--force", "web"), "add --yes"),
        (("release", "web"), "add --yes"),
        (("release", "host/nuc"), "is not a VirtualMachine or Network"),
    ],
)
def test_a_usage_error_is_one_line_and_code_1(gitvirt, home: Path, arguments: tuple[str, ...], told: str) -> None:  # type: ignore[no-untyped-def]
    ran = gitvirt(*arguments)
    assert ran.code == 1
    assert told in ran.err
    assert "internal error" not in ran.err


def test_a_vm_on_a_host_that_does_not_answer_is_not_acted_on(gitvirt, home: Path) -> None:  # type: ignore[no-untyped-def]
    ran = gitvirt("stop", "web", "db")
    assert ran.code == 1
    assert sorted(line.partition(":")[0] for line in ran.err.splitlines()) == ["vm/db", "vm/web"]
    assert "nuc may hold it" in ran.err
    assert gitvirt("wait", "web", "--timeout", "1s").code == 1


@pytest.mark.parametrize("verb", ["start", "stop", "wait"])
def test_all_names_the_vms_that_an_unread_host_may_hold(gitvirt, home: Path, verb: str) -> None:  # type: ignore[no-untyped-def]
    ran = gitvirt(verb, "--all", "--timeout", "1s") if verb == "wait" else gitvirt(verb, "--all")
    assert ran.code == 1
    assert sorted(line.partition(":")[0] for line in ran.err.splitlines()) == ["vm/db", "vm/web"]
    assert "nuc may hold it" in ran.err


def test_nothing_to_act_on_is_no_error(gitvirt, home: Path) -> None:  # type: ignore[no-untyped-def]
    file = home / "gitvirt.yaml"
    host = file.read_text().split("---\n")[1]
    assert "kind: Host" in host
    file.write_text(file.read_text().replace(f"{host}---\n", ""))
    ran = gitvirt("stop", "--all")
    assert (ran.code, ran.out) == (0, "There is nothing to do it to.\n")


def test_a_cluster_that_was_started_with_go_on_is_not_to_be_started_again() -> None:
    left = {"vm/a": "no host", "vm/b": "no host"}
    assert not_up(left, over=True).startswith("is up again but for vm/a, vm/b (2): no host; `gitvirt plan`")
    assert "run it again" in not_up(left, over=False)


def test_holds_survive_and_are_taken_back(gitvirt, home: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert gitvirt("hold", "--all", "--reason", "CHG-7").code == 0
    assert gitvirt("hold", "host/nuc", "web", "--for", "1h").code == 0
    held = json.loads((tmp_path / "state" / f"holds-{ID}.json").read_text())
    assert set(held) == {"repository/home", "host/nuc", "vm/web"}
    assert held["repository/home"]["reason"] == "CHG-7"
    assert held["vm/web"]["until"] - held["vm/web"]["since"] == 3600
    plan = gitvirt("plan")
    assert plan.code == 3
    assert gitvirt("unhold", "web", "host/nuc").code == 0
    again = gitvirt("unhold", "web", "--all")
    assert again.code == 1
    assert "--all means everything" in again.err
    partly = gitvirt("unhold", "host/nuc", "repository/home")
    assert partly.code == 4
    assert "on hold are repository/home" in partly.err


def test_a_lost_host_is_forgotten_if_removed_and_down_if_declared(gitvirt, home: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    state = tmp_path / "state"
    state.mkdir()
    register = state / f"hosts-{ID}.json"
    entry = {"uuid": "11111111-2222-4333-8444-555555555555", "vms": 3}
    register.write_text(json.dumps({"nuc": {"uri": SILENT, **entry}, "old": {"uri": "qemu+tls://old/system", **entry}}))
    assert "remembered: nuc, old" in gitvirt("host", "lost", "other", "--yes", "--i-checked").err
    assert "no terminal to ask on" in gitvirt("host", "lost", "old").err
    assert set(json.loads(register.read_text())) == {"nuc", "old"}
    ran = gitvirt("host", "lost", "host/old", "--yes", "--i-checked")
    assert ran.code == 0
    assert "VMs when it was seen last: 3" in ran.out
    assert set(json.loads(register.read_text())) == {"nuc"}
    assert "non-responsive" in gitvirt("get", "hosts").out
    assert gitvirt("host", "lost", "nuc", "--yes", "--i-checked").code == 0
    assert "down" in gitvirt("get", "hosts").out
    assert "declared lost by" in gitvirt("describe", "host/nuc").out


# The console.


def read_until(source: int, text: bytes) -> bytes:
    found = b""
    while text not in found:
        found += os.read(source, 4096)
    return found


def test_a_console_on_a_terminal_ends_with_its_key_and_leaves_the_terminal_as_it_was() -> None:
    import termios

    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    out, sink = os.pipe()
    console = MemoryConsole(b"login: ")
    # Signals can only be handled in the main thread: the session runs here, the user types there.
    running = threading.Thread(target=lambda: _type(ours, out))
    running.start()
    session = Session(console, (theirs, sink))
    session.run()
    running.join()
    assert session.left
    assert console.closed
    assert termios.tcgetattr(theirs) == before
    for each in (ours, theirs, out, sink):
        os.close(each)


def _type(keyboard: int, screen: int) -> None:
    read_until(screen, b"login: ")
    os.write(keyboard, b"root\x03")  # Ctrl-C is the guest's
    read_until(screen, b"root\x03")
    os.write(keyboard, b"\x1d")


def test_a_console_in_a_pipe_hears_the_guest_out() -> None:
    source, keyboard = os.pipe()
    out, sink = os.pipe()
    os.write(keyboard, b"uptime\n\x1d\n")
    os.close(keyboard)
    session = Session(MemoryConsole(b"login: "), (source, sink), silence=1)
    session.run()
    assert session.left
    os.close(sink)
    assert read_until(out, b"\x1d\n") == b"login: uptime\n\x1d\n"
    os.close(source)
    os.close(out)


def test_a_console_ends_when_the_guest_hangs_up() -> None:
    source, keyboard = os.pipe()
    out, sink = os.pipe()
    console = MemoryConsole(b"bye")
    console.close()
    session = Session(console, (source, sink))
    session.run()
    assert os.read(out, 10) == b"bye"
    assert not session.left
    for each in (source, keyboard, out, sink):
        os.close(each)


def test_a_reader_that_went_away_ends_the_console() -> None:
    source, keyboard = os.pipe()
    out, sink = os.pipe()
    os.close(out)
    with pytest.raises(BrokenPipeError):
        Session(MemoryConsole(b"login: "), (source, sink)).run()
    for each in (source, keyboard, sink):
        os.close(each)
