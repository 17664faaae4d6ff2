"""Plans as comments on pull requests."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.diff.change import Verb
from reconciler.plan.faces.markdown import escaped, markdown
from reconciler.plan.plan import Plan
from tests.unit.reconciler.plan.plans import HOSTILE, memory, plan, plans, vm


def _outside_fences(said: str) -> str:
    """The Markdown without its fenced blocks; a fence ends with as many backticks as it began with."""
    kept, fence = [], ""
    for line in said.split("\n"):
        found = re.match("^(`{3,})(diff)?$", line)
        if not fence and found:
            fence = found[1]
        elif fence and line == fence:
            fence = ""
        elif not fence:
            kept.append(line)
    assert not fence, "a fence is open at the end"
    return "\n".join(kept)


@settings(max_examples=150, deadline=None)
@given(plans(), st.integers(6000, 70000))
def test_no_text_of_anybody_becomes_markup(made: Plan, limit: int) -> None:
    outside = _outside_fences(markdown(made, limit))
    own = re.sub(r"</?(details|summary|code)( open)?>|^### |\*\*|&#[0-9]+;", "", outside, flags=re.MULTILINE)
    assert not set(own) & set("<>`*_[]|@#\\&!")
    assert outside.count("<details") == outside.count("</details>")


@settings(max_examples=100, deadline=None)
@given(plans(), st.integers(0, 20000))
def test_it_is_never_longer_than_the_limit(made: Plan, limit: int) -> None:
    assert len(markdown(made, limit).encode()) <= limit


def test_what_is_left_out_is_counted() -> None:
    made = plan(
        *(vm(f"web-{chr(97 + n % 26)}{chr(97 + n // 26)}", fields=(memory(after=n << 20),)) for n in range(600))
    )
    said = markdown(made, 16384)
    shown = said.count("\n~ vm/web-")
    assert 20 < shown < 600
    assert f"… {600 - shown} more left out" in said
    assert len(said.encode()) > 15000


def test_a_section_without_room_is_named() -> None:
    long = vm("b" * 900, fields=(memory(),))
    said = markdown(plan(vm("a", Verb.DELETE), long), 1500)
    assert "vm/a" in said
    assert "Left out" in said
    assert "Changes without interruption" in said


def test_deletes_are_unfolded_and_live_changes_folded() -> None:
    said = markdown(plan(vm("a", Verb.DELETE), vm("b", fields=(memory(),))))
    assert "<details open><summary>Deletes (1)</summary>" in said
    assert "<details><summary>Changes without interruption (1)</summary>" in said


@pytest.mark.parametrize("name", HOSTILE)
def test_the_name_of_a_repository_cannot_inject_anything(name: str) -> None:
    head = markdown(plan(name=name)).split("\n")[0]
    assert head.startswith("### Plan for <code>")
    assert "<script" not in head
    assert "@everyone" not in head


def test_escaping_leaves_words_readable() -> None:
    assert escaped("Plan: 3 live, 0 to delete.") == "Plan: 3 live, 0 to delete."
