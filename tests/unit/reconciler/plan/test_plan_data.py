"""Plans as JSON, saved plans, and what moved since."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from reconciler.diff.change import FieldChange, HeldReason, Verb
from reconciler.plan.faces.data import to_data
from reconciler.plan.faces.document import FORMAT, PlanDocument, plan_schema
from reconciler.plan.faces.saved import SavedPlanError, moved, read, write
from reconciler.plan.plan import Plan
from specs.effects import Effect
from specs.fields import Secret
from tests.golden.case import Case, cases
from tests.unit.reconciler.plan.plans import memory, plan, plans, start, vm

KEY = b"key"


def data(made: Plan, **options: Any) -> dict[str, Any]:
    return to_data(made, lambda secret: secret.digest(KEY), options)


@pytest.mark.parametrize("folder", cases(), ids=lambda folder: folder.name)
def test_the_data_of_real_plans_is_what_the_schema_describes(folder: Path) -> None:
    _, made = Case(folder).look()
    said = json.loads(json.dumps(data(made)))
    assert PlanDocument.model_validate(said).model_dump() == said


@settings(max_examples=100, deadline=None)
@given(plans())
def test_no_secret_is_in_the_data(made: Plan) -> None:
    said = json.dumps(data(made))
    assert "hunter2x" not in said


def test_a_secret_is_its_digest_and_a_device_with_one_too() -> None:
    one = FieldChange(path="graphics.password", before=None, after=Secret("hunter2x"), effect=Effect.LIVE, live=True)
    other = FieldChange(path="disks[a]", before=None, after={"serial": Secret("hunter2x")}, effect=Effect.LIVE)
    first, second = data(plan(vm("a", fields=(one, other))))["changes"][0]["fields"]
    assert first["after"] == Secret("hunter2x").digest(KEY)
    assert second["after"] == {"serial": Secret("hunter2x").digest(KEY)}


def test_what_steps_hand_to_drivers_is_not_in_the_data() -> None:
    assert set(data(plan(vm("a", fields=(memory(),))))["steps"][0]) == {"id", "ref", "host", "what", "effect", "after"}


def test_the_schema_knows_the_format_and_refuses_unknown_fields() -> None:
    schema = plan_schema()
    assert schema["properties"]["format"]["const"] == FORMAT
    with pytest.raises(ValidationError):
        PlanDocument.model_validate({**data(plan()), "more": 1})


def test_a_saved_plan_reads_back_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("old")
    file.chmod(0o644)
    said = data(plan(vm("a", fields=(memory(),))), deletions=5)
    write(file, said)
    assert read(file) == json.loads(json.dumps(said))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["plan.json"]


def test_a_plan_that_cannot_be_saved_says_where_and_why(tmp_path: Path) -> None:
    with pytest.raises(SavedPlanError, match=r"nowhere/plan\.json: the plan cannot be saved: No such file"):
        write(tmp_path / "nowhere" / "plan.json", data(plan()))


def _changed(**values: Any) -> str:
    return json.dumps({**data(plan()), **values})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "not JSON"),
        ("\xff\xfe", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "it has no `format`"),
        ('{"format": "gitvirt.observed/v1"}', "its format is 'gitvirt.observed/v1'"),
        (_changed(steps=None), "damaged: steps: "),
        (_changed(digest=3), "damaged: digest: "),
        (_changed(colour="red"), "damaged: colour: "),
    ],
)
def test_what_is_no_saved_plan_is_refused_with_the_reason(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(SavedPlanError, match=said):
        read(file)


def test_a_saved_plan_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(SavedPlanError, match="No such file"):
        read(tmp_path / "plan.json")


def test_a_file_too_large_for_a_plan_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    with file.open("wb") as opened:
        opened.truncate(65 * 1024 * 1024)
    with pytest.raises(SavedPlanError, match="larger than 64 MiB"):
        read(file)


def test_nothing_moved_if_the_same_would_be_done() -> None:
    made = plan(vm("a", fields=(memory(),)), fingerprints={"vm/a": "1"})
    assert moved(data(made), made) == []


def test_an_equal_digest_is_enough_even_if_something_harmless_moved() -> None:
    before = plan(vm("a", fields=(memory(),)), fingerprints={"vm/a": "1"})
    assert moved(data(before), plan(vm("a", fields=(memory(),)), fingerprints={"vm/a": "2"})) == []


@pytest.mark.parametrize(
    ("now", "said"),
    [
        ({"revision": "b" * 40}, "it was made at revision aaaaaaaaaaaa, the repository is at bbbbbbbbbbbb"),
        ({"digest": "d2", "fingerprints": {"vm/a": "2"}}, "vm/a: changed on the host since"),
        ({"digest": "d2", "hosts_seen": 2}, "3 of 3 hosts were read then, 2 of 3 now"),
        ({"digest": "d2"}, "values that it decided on are others now"),
    ],
)
def test_what_moved_is_said(now: dict[str, Any], said: str) -> None:
    before = plan(vm("a", fields=(memory(),)), fingerprints={"vm/a": "1"})
    told = moved(data(before), plan(vm("a", fields=(memory(),)), **{"fingerprints": {"vm/a": "1"}, **now}))
    assert len(told) == 1
    assert told[0].startswith(said)


def test_a_plan_of_another_repository_is_refused_for_that_alone() -> None:
    saved = {**data(plan()), "repository": "another"}
    assert moved(saved, plan(digest="d2")) == ["it is a plan of repository another, this one is " + plan().repository]


def test_steps_and_objects_that_came_and_went_are_named() -> None:
    before = plan(vm("a", fields=(memory(),)), vm("b", fields=(memory(),)))
    now = plan(vm("b").keep_back(HeldReason.ON_HOLD, "held"), vm("c", Verb.CREATE), steps=(start("c"),), digest="d2")
    assert moved(data(before), now) == [
        "vm/a: nothing is to be done any more",
        "vm/c: was not in the plan",
        "`start` of vm/a, vm/b (2) is not needed now",
        "`start` of vm/c is needed now",
        "vm/b is held now: OnHold",
    ]
