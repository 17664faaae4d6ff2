"""The drift mode of an object: its own over the repository's over `enforce`. Pure."""

from __future__ import annotations

from reconciler.desired.wanted import Drift, DriftMode
from specs.catalog import Catalog


def drift_of(spec: object, catalog: Catalog) -> Drift:
    """The drift mode of an object: its own over the repository's over `enforce`."""
    own, general = getattr(spec, "drift", None), catalog.repository.spec.drift
    default: DriftMode = next((each.default for each in (own, general) if each and each.default), "enforce")
    fields = {**((general and general.fields) or {}), **((own and own.fields) or {})}
    return Drift(default=default, fields=fields)
