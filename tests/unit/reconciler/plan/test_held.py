"""The reference of held changes is complete and is what the plan advises."""

from __future__ import annotations

from pathlib import Path

from reconciler.diff.change import Held, HeldReason
from reconciler.plan.faces.shown.held import REASONS, advice, table

PAGE = Path(__file__).parents[4] / "docs" / "held.md"


def test_every_reason_has_a_meaning_and_an_advice() -> None:
    assert set(REASONS) == set(HeldReason)
    assert all(meaning and fix for meaning, fix in REASONS.values())


def test_the_page_is_the_table() -> None:
    assert PAGE.read_text().endswith("\n" + table())


def test_the_advice_of_the_case_comes_before_that_of_its_reason() -> None:
    assert advice(Held(reason=HeldReason.STORAGE, text="", fix="mount it")) == "mount it"
    assert advice(Held(reason=HeldReason.STORAGE, text="")) == REASONS[HeldReason.STORAGE][1]
