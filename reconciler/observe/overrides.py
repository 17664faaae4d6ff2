"""Overrides that no mark can bear, since they are about hosts and clusters: maintenance, an upgrade, a power-down.

Kept in gitvirt's state directory like holds, so that every gitvirt on this machine, the daemon too, obeys them in its
next pass. Written by reconciler/operations, read in every pass (reconciler/cycle). Losing the file ends them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from drivers.mark import Override
from reconciler import statefile
from reconciler.errors import SettingsError

Kept = Mapping[str, tuple[Override, ...]]
"""Ref ("host/kvm1", "cluster/lab") → its overrides, one of a kind."""


class Overrides:
    """One repository's overrides, in `overrides-<repository id>.json`."""

    def __init__(self, state: Path, repository: str) -> None:
        self.path = state / f"overrides-{repository}.json"

    def all(self) -> dict[str, tuple[Override, ...]]:
        """Every override, ended ones included: the caller knows the time. SettingsError if the file is damaged."""
        try:
            data = json.loads(self.path.read_text())
            return {str(ref): tuple(Override(**each) for each in entries) for ref, entries in data.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"{self.path} is damaged ({error}); repair it, or remove it to end the maintenance and the power-downs "
                "that it had"
            ) from None

    def put(self, ref: str, override: Override) -> None:
        """Adds an override, or replaces the one of its kind."""
        with statefile.alone(self.path):
            found = self.all()
            others = tuple(each for each in found.get(ref, ()) if each.kind != override.kind)
            self._write({**found, ref: (*others, override)})

    def drop(self, ref: str, kind: str, value: str = "") -> bool:
        """Ends an override, with `value` only one that says so; False if there is none."""

        def meant(each: Override) -> bool:
            return each.kind == kind and value in ("", each.value)

        if not any(map(meant, self.all().get(ref, ()))):
            return False
        with statefile.alone(self.path):
            found = self.all()
            self._write({**found, ref: tuple(each for each in found.get(ref, ()) if not meant(each))})
        return True

    def _write(self, overrides: Kept) -> None:
        kept = {ref: [_sparse(each) for each in entries] for ref, entries in overrides.items() if entries}
        statefile.write(self.path, kept)


def _sparse(override: Override) -> dict[str, str | int]:
    names = ("kind", "value", "field", "author", "reason", "since", "until")
    return {name: value for name in names if (value := getattr(override, name))}
