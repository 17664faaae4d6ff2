"""The document `gitvirt.plan/v1`: the shape of a plan as JSON, for whoever reads it and for saved plans.

pydantic models, used at the edge only: saved.py checks a file with them, `plan_schema` is their JSON Schema. data.py
writes what they describe.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

FORMAT = "gitvirt.plan/v1"

Scalar = str | int | bool | None
Value = Annotated[
    Scalar | dict[str, Scalar],
    Field(description="Canonical: bytes, seconds; a mapping is a whole device; a secret is its digest, `hmac:…`."),
]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Held(_Part):
    """Kept back: see docs/held.md for the reasons."""

    reason: str
    text: str
    fix: str


class Field_(_Part):
    """One field of a change."""

    model_config = ConfigDict(title="Field")

    path: str
    before: Value
    after: Value
    effect: str
    kind: Literal["change", "drift", "pending", "record", "release", "note"]
    note: str
    where: Annotated[str, Field(description="file:line:column, or empty.")]
    held: Held | None


class Change(_Part):
    """What differs for one object on one host, or why nothing is done about it."""

    ref: str
    verb: Literal["create", "restore", "adopt", "update", "delete", "purge", "note"]
    host: str
    reason: str
    where: str
    acts: Annotated[bool, Field(description="It makes steps.")]
    anyway: Annotated[bool, Field(description="The base revision causes it just the same.")]
    fields: list[Field_]
    held: Held | None


class Step(_Part):
    """One idempotent call; `after` are the ids of the steps that must have succeeded."""

    id: str
    ref: str
    host: str
    what: str
    effect: str
    after: list[str]


class Placement(_Part):
    """Where a new VM goes, and why the other hosts were not taken. `host` is empty if none can take it."""

    host: str
    why: str
    rejected: dict[str, str]


class Warning_(_Part):
    """Something to know that is no change."""

    model_config = ConfigDict(title="Warning")

    text: str
    where: str


class Hosts(_Part):
    """How many hosts were read completely, of how many that are declared."""

    seen: int
    declared: int


class PlanDocument(_Part):
    """A plan. Equal digests mean that the same would be done and the same kept back."""

    model_config = ConfigDict(title=FORMAT)

    format: Literal["gitvirt.plan/v1"]
    repository: Annotated[str, Field(description="Id of the repository.")]
    name: str
    revision: str
    base: str
    taken: Annotated[int, Field(description="When the hosts were read, in unix seconds.")]
    options: Annotated[dict[str, Any], Field(description="What was asked on the command line.")]
    digest: str
    fingerprints: Annotated[dict[str, str], Field(description="Of what was seen of each ref: never statistics.")]
    hosts: Hosts
    summary: str
    counts: Annotated[dict[str, int], Field(description="Objects by kind of effect, as in the summary.")]
    changes: list[Change]
    steps: list[Step]
    placements: dict[str, Placement]
    warnings: list[Warning_]
    text: Annotated[str, Field(description="The plan as `gitvirt plan` prints it.")]


def plan_schema() -> dict[str, Any]:
    """The JSON Schema of `gitvirt.plan/v1`, as `gitvirt schema plan` prints it; documented in docs/plan-format.md."""
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**dialect, **PlanDocument.model_json_schema()}
