"""Golden cases: what is wanted and what is seen on one side, the plan in words on the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.plan.faces.text import text
from tests.golden.case import Case, cases

WIDTH = 100


@pytest.mark.parametrize("folder", cases(), ids=lambda folder: folder.name)
def test_the_plan_of_the_case_reads_as_written(folder: Path, request: pytest.FixtureRequest) -> None:
    _, plan = Case(folder).look()
    said = text(plan, WIDTH, color=False) + "\n"
    if request.config.getoption("--update", default=False):
        (folder / "plan.txt").write_text(said)
    assert said == (folder / "plan.txt").read_text()


@pytest.mark.parametrize("folder", cases(), ids=lambda folder: folder.name)
def test_the_same_case_gives_the_same_plan_twice(folder: Path) -> None:
    (_, first), (_, second) = Case(folder).look(), Case(folder).look()
    assert (first.digest, first.changes, first.steps) == (second.digest, second.changes, second.steps)
