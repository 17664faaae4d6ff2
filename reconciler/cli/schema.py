"""`gitvirt schema`: the JSON Schema for editors, that of plans, or the reference of all kinds and fields."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from reconciler.errors import UsageError


def schema(
    of: Annotated[
        Literal["resources", "plan"],
        typer.Argument(metavar="[resources|plan]", help="resources: the YAML files; plan: `gitvirt plan -o json`."),
    ] = "resources",
    docs: Annotated[bool, typer.Option("--docs", help="The reference of all fields, as Markdown.")] = False,
) -> None:
    """Print the JSON Schema of the YAML files for editors, or of plans, or with --docs the reference of all fields."""
    import json

    if of == "plan":
        if docs:
            raise UsageError("--docs is the reference of the YAML files; that of plans is docs/plan-format.md")
        from reconciler.plan.faces.document import plan_schema

        print(json.dumps(plan_schema(), indent=2, ensure_ascii=False))
        return
    from specs import schema as schemas

    if docs:
        print(schemas.reference_markdown(), end="")
        return
    print(json.dumps(schemas.json_schema(), indent=2, ensure_ascii=False))
