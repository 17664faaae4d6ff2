"""JSON and YAML for `-o json|yaml`: plain data in, text on stdout. Secrets are shown as `***`.

Objects are Kubernetes-shaped (`apiVersion`, `kind`, `metadata`, `spec`, `status`), a list is `{items: […]}`. Called by
the commands.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from reconciler.cli.context import Output
from specs.fields import Secret


def listing(items: Sequence[Any]) -> dict[str, Any]:
    """Several objects as one document."""
    return {"apiVersion": "gitvirt/v1", "kind": "List", "items": list(items)}


def show(value: Any, output: Output, out: TextIO | None = None) -> None:
    """Prints `value` as JSON, or as YAML if `output` says so."""
    stream = out or sys.stdout
    if output is Output.yaml:
        _yaml(value, stream)
    else:
        import json

        print(json.dumps(value, indent=2, ensure_ascii=False, default=_other), file=stream)


def _yaml(value: Any, stream: TextIO) -> None:
    import json

    from ruamel.yaml import YAML

    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    writer.dump(json.loads(json.dumps(value, default=_other)), stream)


def _other(value: Any) -> Any:
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)
