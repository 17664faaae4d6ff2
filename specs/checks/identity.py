"""Being written."""

from __future__ import annotations

from collections.abc import Iterator

from specs.checks.scope import Scope
from specs.errors import Finding


def findings(scope: Scope) -> Iterator[Finding]:
    """Nothing yet."""
    return iter(())
