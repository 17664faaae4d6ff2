"""The journal: what is noted can be read, for a while, by its owner only, and nothing hangs on it."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler import journal
from reconciler.apply.outcome import Outcome, Status
from reconciler.diff.change import Change, HeldReason, Verb
from reconciler.journal import Journal, author
from reconciler.operations.scene import By
from reconciler.plan.plan import Plan, StartVm, Step
from specs.fields import Secret
from specs.resource import Ref

WEB = Ref("VirtualMachine", "web")
STEP = Step(id="1", ref=WEB, host="kvm1", what="start", call=StartVm(uuid="u"))


@pytest.fixture
def log(tmp_path):
    return Journal(tmp_path / "state", "id", by="alice", clock=lambda: 1_700_000_000.5)


def entries(log, pause=lambda: True):
    return list(journal.read(log.path.parent, "id", pause))


def test_a_step_is_noted_when_it_ends_and_not_when_it_begins(log):
    log.tell(STEP, None)
    log.tell(STEP, Outcome(step=STEP, status=Status.FAILED, error="no", seconds=1.23456), "r1")
    assert entries(log) == [
        {
            "time": 1_700_000_000.5, "event": "step.failed", "by": "alice", "ref": "vm/web", "host": "kvm1",
            "what": "start", "seconds": 1.235, "error": "no", "revision": "r1",
        }
    ]  # fmt: skip


def test_a_deed_is_noted_with_who_did_it_and_why(log):
    by = By(author="bob@desk", reason="CHG-1", since=0, until=0)
    log.deed(WEB, False, "no host has it", by)
    (entry,) = entries(log)
    assert {key: entry[key] for key in ("event", "ref", "what", "by", "reason")} == {
        "event": "deed.failed", "ref": "vm/web", "what": "no host has it", "by": "bob@desk", "reason": "CHG-1",
    }  # fmt: skip


def test_steps_are_noted_as_of_the_same_person_as_deeds(tmp_path, monkeypatch):
    monkeypatch.setenv("SUDO_USER", "alice")
    mine = Journal(tmp_path / "mine", "id")
    mine.note("step.done")
    assert entries(mine)[0]["by"] == author() == f"alice@{os.uname().nodename.partition('.')[0]}"


def test_nobody_but_its_owner_reads_it(log):
    log.note("deed")
    assert stat.S_IMODE(log.path.stat().st_mode) == 0o600


def test_a_secret_is_never_written(log):
    log.note("deed", password=Secret("sesame"), nested={"key": [Secret("sesame")]})
    assert b"sesame" not in log.path.read_bytes()
    assert entries(log)[0]["password"] == "***"


def test_what_stays_held_is_noted_once_and_again_after_it_was_free(log):
    change = Change(ref=WEB, verb=Verb.UPDATE, host="kvm1").keep_back(HeldReason.ON_HOLD, "by alice")
    held = Plan(repository="id", name="n", revision="r", taken=0, changes=(change,))
    free = Plan(repository="id", name="n", revision="r", taken=0)
    for plan in (held, held, free, held):
        log.plan(plan)
    assert [(each["event"], each["ref"], each["why"]) for each in entries(log)] == [
        ("change.held", "vm/web", "OnHold: by alice")
    ] * 2


def test_a_full_journal_is_put_away_once_and_stays_bounded(log, monkeypatch):
    monkeypatch.setattr(journal, "LARGEST", 1000)
    for number in range(100):
        log.note("deed", number=number)
    sizes = [each.stat().st_size for each in log.path.parent.iterdir()]
    assert len(sizes) == 2
    assert max(sizes) <= 1000
    numbers = [each["number"] for each in entries(log)]
    assert numbers == list(range(numbers[0], 100))
    assert len(numbers) > 10


def test_many_writers_lose_nothing_while_it_is_put_away(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "LARGEST", 20_000)

    def write(writer: int) -> None:
        mine = Journal(tmp_path, "id")
        for number in range(50):
            mine.note("deed", writer=writer, number=number)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    found = [(each["writer"], each["number"]) for each in journal.read(tmp_path, "id")]
    assert sorted(found) == [(writer, number) for writer in range(4) for number in range(50)]


def test_damaged_lines_are_left_out(log):
    log.note("deed", number=1)
    with log.path.open("ab") as file:
        file.write(b'not json\n[1]\n{"time": "x"}\n\xff\xfe\n')
    log.note("deed", number=2)
    assert [each["number"] for each in entries(log)] == [1, 2]


def test_following_brings_what_comes_also_after_it_was_put_away(log, monkeypatch):
    log.note("deed", number=0)
    steps = iter(range(1, 6))

    def pause() -> bool:
        number = next(steps, None)
        if number is None:
            return True
        if number == 3:
            log.path.replace(journal.before(log.path))
        log.note("deed", number=number)
        return False

    assert [each["number"] for each in entries(log, pause)] == [0, 1, 2, 3, 4, 5]


def test_following_waits_for_a_journal_that_does_not_exist_yet(log):
    steps = iter((1,))

    def pause() -> bool:
        number = next(steps, None)
        if number is not None:
            log.note("deed", number=number)
        return number is None

    assert [each["number"] for each in entries(log, pause)] == [1]


def test_half_a_line_is_read_when_it_is_whole(log):
    log.note("deed", number=0)
    line = json.dumps({"time": 1.0, "event": "deed", "number": 1}).encode()
    parts = iter((line[:10], line[10:] + b"\n"))

    def pause() -> bool:
        part = next(parts, None)
        if part is not None:
            with log.path.open("ab") as file:
                file.write(part)
        return part is None

    assert [each["number"] for each in entries(log, pause)] == [0, 1]


def test_a_journal_that_cannot_be_written_stops_nothing_and_says_so_once(tmp_path, capsys):
    (tmp_path / "state").write_text("a file")
    log = Journal(tmp_path / "state", "id")
    log.note("deed")
    log.note("deed")
    assert capsys.readouterr().err.count("cannot be written") == 1
