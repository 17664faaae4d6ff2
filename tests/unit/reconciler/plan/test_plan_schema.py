"""The published JSON Schema of plans: real plans agree with it for whoever checks them, and the docs name all of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from reconciler.plan.faces.data import to_data
from reconciler.plan.faces.document import plan_schema
from reconciler.plan.plan import Plan
from tests.golden.case import Case, cases
from tests.unit.reconciler.plan.plans import plans

DOCS = Path(__file__).parents[4] / "docs" / "plan-format.md"


def checker() -> Draft202012Validator:
    Draft202012Validator.check_schema(plan_schema())
    return Draft202012Validator(plan_schema())


def as_read(plan: Plan) -> Any:
    return json.loads(json.dumps(to_data(plan, lambda secret: secret.digest(b"key"))))


@pytest.mark.parametrize("folder", cases(), ids=lambda folder: folder.name)
def test_every_golden_plan_agrees_with_the_published_schema(folder: Path) -> None:
    _, made = Case(folder).look()
    assert [error.message for error in checker().iter_errors(as_read(made))] == []


@settings(max_examples=15, deadline=None)
@given(plans())
def test_any_plan_agrees_with_the_published_schema(made: Plan) -> None:
    assert checker().is_valid(as_read(made))


def test_the_schema_finds_what_is_wrong() -> None:
    _, made = Case(cases()[0]).look()
    for damage in (
        {"format": "gitvirt.plan/v2"},
        {"steps": None},
        {"more": 1},
        {"hosts": {"seen": "1", "declared": 1}},
    ):
        assert not checker().is_valid({**as_read(made), **damage})


def test_the_schema_says_where_it_is_from_and_every_part_what_it_is() -> None:
    schema = plan_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "gitvirt.plan/v1"
    assert all(part["description"] for part in schema["$defs"].values())


def test_every_field_of_a_plan_is_documented() -> None:
    schema = plan_schema()
    documented = set(re.findall(r"`([a-zA-Z]+)`", DOCS.read_text(encoding="utf-8")))
    names = {name for part in (schema, *schema["$defs"].values()) for name in part.get("properties", {})}
    assert names - documented == set()
