"""JSON Schema and reference are complete, because they are made from the models."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Texts, document
from jsonschema import Draft7Validator

from specs import schema
from specs.kinds import KINDS
from specs.load import load
from specs.merge import bare
from specs.scaffold import repository_yaml
from specs.shape import Shape
from specs.yaml import parse

SCHEMA = schema.json_schema()
EXAMPLES = Path(__file__).parents[3] / "examples"


def resolved(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All mappings that a schema may stand for."""
    if "$ref" in part:
        yield from resolved(SCHEMA["$defs"][part["$ref"].removeprefix("#/$defs/")])
    for each in part.get("anyOf", ()):
        yield from resolved(each)
    if "items" in part:
        yield from resolved(part["items"])
    yield part


def properties(part: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in resolved(part):
        found.update(each.get("properties", {}))
    return found


def every_field(shape: Shape, part: dict[str, Any]) -> Iterator[tuple[Shape, dict[str, Any] | None]]:
    known = properties(part)
    for name, field in shape.fields.items():
        yield field, known.get(name)
        if field.form != "leaf" and name in known:
            yield from every_field(field, known[name])


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_has_every_field_with_its_documentation(kind: str) -> None:
    for field, part in every_field(KINDS[kind].shape, {"$ref": f"#/$defs/{kind}"}):
        assert part is not None, field.name
        assert part["description"] == field.doc or kind in ("Repository", "DataCenter", "Cluster")


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_refuses_other_fields(kind: str) -> None:
    assert SCHEMA["$defs"][kind]["additionalProperties"] is False


def test_the_schema_is_json_and_all_its_references_lead_somewhere() -> None:
    text = json.dumps(SCHEMA)
    assert {each for each in re.findall(r"#/\$defs/(\w+)", text)} <= set(SCHEMA["$defs"])
    assert '"effect"' not in text


def test_the_schema_takes_what_loads() -> None:
    validator = Draft7Validator(SCHEMA)
    files = {each: each.read_bytes() for each in EXAMPLES.rglob("*.yaml") if "apiVersion" in each.read_text()}
    files[Path("more.yaml")] = document("VirtualMachine", "web", "{stopTimeout: 0, autostart: off, cpu: null}").encode()
    documents = [bare(each) for file, content in files.items() for each in parse(file.name, content).documents]
    assert len(documents) > 20
    for each in documents:
        assert [error.message for error in validator.iter_errors(each)] == []


@pytest.mark.parametrize(
    "spec", ["{agent: yes}", "{memory: 2}", "{stopTimeout: 5}", "{nics: 5}", "{disks: [{sise: 1GiB}]}"]
)
def test_the_schema_refuses_what_does_not_load(spec: str) -> None:
    (written,) = parse("a.yaml", document("VirtualMachine", "web", spec).encode()).documents
    assert not Draft7Validator(SCHEMA).is_valid(bare(written))


def test_the_schema_chooses_the_spec_by_the_kind() -> None:
    chosen = {each["if"]["properties"]["kind"]["const"]: each["then"] for each in SCHEMA["allOf"]}
    assert chosen == {kind: {"properties": {"spec": {"$ref": f"#/$defs/{kind}"}}} for kind in KINDS}
    assert SCHEMA["properties"]["kind"]["enum"] == list(KINDS)


def test_the_schema_takes_shorthands_and_lists_by_name() -> None:
    cpu = SCHEMA["$defs"]["Cpu"]["anyOf"]
    assert any(part.get("type") == "integer" for each in cpu for part in resolved(each))
    disks = SCHEMA["$defs"]["VirtualMachine"]["properties"]["disks"]["anyOf"]
    assert {each.get("type") for each in disks} == {"array", "object", "null"}


def test_defaults_in_the_schema_are_partial_specs_of_the_kinds_below() -> None:
    defaults = SCHEMA["$defs"]["Cluster"]["properties"]["defaults"]
    assert set(defaults["properties"]) == {"Host", "VirtualMachine", "AffinityGroup"}
    assert "required" not in SCHEMA["$defs"]["HostDefaults"]
    assert "required" in SCHEMA["$defs"]["Host"]


@pytest.mark.parametrize("kind", KINDS)
def test_the_reference_has_a_row_for_every_field(kind: str) -> None:
    section = schema.reference_markdown().split(f"## {kind}\n")[1].split("\n## ")[0]
    for path, field in KINDS[kind].shape.walk():
        (row,) = [line for line in section.splitlines() if f"`{path}`" in line.split(" | ")[0]]
        assert field.doc.replace("|", "\\|") in row
        assert len(re.findall(r"(?<!\\)\|", row)) == 5


def test_a_new_repository_loads_as_it_is() -> None:
    text = repository_yaml("home", "0f5c1a2e-1111-4222-8333-444455556666")
    catalog = load(Texts({"gitvirt.yaml": text}, {}))
    assert catalog.repository.name == "home"
    assert not catalog.warnings


def test_what_a_new_repository_suggests_loads_too() -> None:
    text = repository_yaml("home", "0f5c1a2e-1111-4222-8333-444455556666")
    head, _, suggestions = text.partition("# ---\n")
    uncommented = "---\n" + re.sub(r"(?m)^# ", "", suggestions)
    inner = re.sub(r"(?m)^  # (drift|budgets|defaults|  VirtualMachine)", r"  \1", head)
    catalog = load(Texts({"gitvirt.yaml": inner + uncommented, "images/debian-12.qcow2": ""}, {}))
    assert catalog.of("VirtualMachine")[0].spec.disks[0].image == "debian-12"
    assert catalog.repository.spec.drift.default == "warn"
    assert not catalog.warnings
