"""Check: faults that only show when objects are seen together, before any host is touched.

In: a Scope with the catalog of everything that its own model accepted. Out: findings. Each subject has a module in
specs/checks. Called by `specs.load`.
"""

from __future__ import annotations

from collections.abc import Iterator

from specs.checks import (
    addresses,
    affinity,
    identity,
    machines,
    macs,
    migration,
    networks,
    ports,
    references,
    scheduling,
    storage,
)
from specs.checks.scope import Scope
from specs.errors import Finding

__all__ = ["Scope", "findings"]


def findings(scope: Scope) -> Iterator[Finding]:
    """Everything that is wrong, in no order."""
    for subject in _SUBJECTS:
        yield from subject.findings(scope)


_SUBJECTS = (
    references, identity, macs, networks, ports, addresses, storage, machines, affinity, scheduling, migration,
)  # fmt: skip
