"""`gitvirt schema`: the JSON Schema for editors, or the reference of all kinds and fields."""

from __future__ import annotations

from typing import Annotated

import typer


def schema(
    docs: Annotated[bool, typer.Option("--docs", help="The reference of all fields, as Markdown.")] = False,
) -> None:
    """Print the JSON Schema of the YAML files for editors, or with --docs the reference of all fields."""
    from specs import schema as schemas

    if docs:
        print(schemas.reference_markdown(), end="")
        return
    import json

    print(json.dumps(schemas.json_schema(), indent=2, ensure_ascii=False))
