"""Progress and the end of a run in words."""

from __future__ import annotations

import io
from typing import Any

import pytest

from drivers.moving import Progress as Migrating
from reconciler.apply import moving
from reconciler.apply.outcome import Outcome, Run, Status
from reconciler.apply.text import Progress, line, seconds, summary
from specs.resource import Ref
from specs.structs import replace
from tests.unit.reconciler.plan.plans import plan, start


def ended(name: str, status: Status = Status.DONE, after: tuple[str, ...] = (), **more: Any) -> Outcome:
    return Outcome(step=start(name, step_id=name, after=after), status=status, **more)


def run(*outcomes: Outcome, steps: int = 0, stopped: bool = False) -> Run:
    made = plan(steps=tuple(each.step for each in outcomes) + tuple(start(f"x{n}") for n in range(steps)))
    return Run(plan=made, outcomes={each.step.id: each for each in outcomes}, stopped=stopped)


def test_a_step_is_one_line_when_it_begins_and_one_when_it_ends() -> None:
    step = start("web-01")
    assert line(step, None) == "kvm1  vm/web-01  start …"
    assert line(step, Outcome(step=step, status=Status.DONE, seconds=1.24)) == "kvm1  vm/web-01  start  done in 1.2 s"
    failed = Outcome(step=step, status=Status.FAILED, error="kvm1: start: no\nmemory")
    assert line(step, failed) == "kvm1  vm/web-01  start  failed: kvm1: start: no\\nmemory"


@pytest.mark.parametrize(("time", "said"), [(0.04, "0.0 s"), (9.94, "9.9 s"), (9.96, "10 s"), (125, "2 min 5 s")])
def test_time_is_said_as_exactly_as_it_matters(time: float, said: str) -> None:
    assert seconds(time) == said


def test_progress_numbers_what_ended_and_leaves_skipped_steps_to_the_summary() -> None:
    stream = io.StringIO()
    progress = Progress(12, stream)
    progress.tell(start("a"), None)
    progress.tell(start("a"), ended("a"))
    progress.tell(start("b"), ended("b", Status.SKIPPED, error="needs a"))
    progress.tell(start("c"), ended("c", Status.UNCHANGED))
    assert stream.getvalue().split("\n") == [
        " 1/12  kvm1  vm/a  start  done in 0.0 s",
        " 3/12  kvm1  vm/c  start  was so already",
        "",
    ]


def test_a_run_without_trouble_is_one_line() -> None:
    assert summary(run(ended("a"), ended("b", Status.UNCHANGED))) == ["2 done."]


def test_a_cause_is_told_once_and_what_hung_on_it_is_folded() -> None:
    told = summary(
        run(
            ended("w-1", Status.FAILED, error="kvm1: no space"),
            ended("w-2", Status.FAILED, error="kvm1: no space"),
            ended("s-1", Status.SKIPPED, after=("w-1",), error="needs `start` of vm/w-1, which failed"),
            ended("s-2", Status.SKIPPED, after=("s-1",), error="needs `start` of vm/s-1, which skipped"),
            ended("ok"),
        )
    )
    assert told[:3] == [
        "1 done, 2 failed, 2 skipped.",
        "  failed: start vm/w-1, vm/w-2 (2): kvm1: no space",
        "  skipped: 2 steps of vm/s-1, vm/s-2 (2): needs `start` of vm/w-1, which failed",
    ]
    assert "gitvirt apply" in told[-1]


def test_an_unknown_outcome_asks_to_look_first() -> None:
    told = summary(run(ended("a", Status.UNKNOWN, error="deadline passed")))
    assert told[0] == "0 done, 1 with an unknown outcome."
    assert "gitvirt plan" in told[-1]


def test_what_waits_for_a_boot_is_noted_with_the_way_to_get_it() -> None:
    told = summary(run(ended("a", notes=("memory: the guest keeps it; waits for the next boot",))))
    assert told[1] == "  note: vm/a: memory: the guest keeps it; waits for the next boot"
    assert "gitvirt reboot" in told[-1]


def test_a_permanent_refusal_says_that_trying_again_is_useless() -> None:
    told = summary(run(ended("a", Status.FAILED, error="no such machine type", permanent=True)))
    assert any("until the YAML or the host changes" in each for each in told)


def test_a_stopped_run_counts_what_was_never_begun() -> None:
    told = summary(run(ended("a"), steps=2, stopped=True))
    assert told[0] == "Stopped on request: 1 done, 2 never begun."


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()], ids=["a file", "a terminal"])
def test_long_work_shows_its_way(stream: io.StringIO) -> None:
    progress = Progress(12, stream)
    step = replace(start("x"), ref=Ref("Image", "debian"))
    for done in range(0, (100 << 20) + 1, 1 << 20):
        progress.moved(step, "fetch", done, 100 << 20)
    progress.moved(step, "upload", 1 << 20, 2 << 20)
    if stream.isatty():
        assert stream.getvalue().startswith("\r\033[K")
        assert "kvm1  image/debian  fetch 0B of 100MiB (0 %)" in stream.getvalue()
        assert "\n" not in stream.getvalue()
    else:
        told = [each.strip() for each in stream.getvalue().splitlines()]
        assert [each.rpartition("(")[2] for each in told] == ["25 %)", "50 %)", "75 %)", "100 %)"]
        assert told[0] == "kvm1  image/debian  fetch 25MiB of 100MiB (25 %)"


def test_a_migration_shows_each_quarter_of_a_pass_once() -> None:
    stream = io.StringIO()
    progress = Progress(1, stream)
    for iteration in (1, 2):
        for left in range(100, -1, -1):
            state = Migrating(phase="copying", total=100 << 20, remaining=left << 20, iteration=iteration)
            progress.moved(start("x"), moving.phase(state), *moving.share(state))
    told = [each.split("  ")[-1] for each in stream.getvalue().splitlines()]
    assert told == [
        f"copying {of}{share}MiB of 100MiB ({share} %)" for of in ("", "(pass 2) ") for share in (25, 50, 75, 100)
    ]
