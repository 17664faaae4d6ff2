"""Holds that no single VM's mark can bear: on a cluster, a host, a network, on everything, on what does not exist yet.

Kept in gitvirt's state directory, so they count on this machine only; a hold on a VM is in the VM's mark and counts
everywhere. Written by `gitvirt hold` and `unhold`, read in every pass (reconciler/cycle). Losing the file ends them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from drivers.mark import Override
from reconciler import statefile
from reconciler.errors import SettingsError

KIND = "hold"


class Holds:
    """One repository's holds: ref ("cluster/lab", "repository/NAME" for everything) → Override."""

    def __init__(self, state: Path, repository: str) -> None:
        self.path = state / f"holds-{repository}.json"

    def all(self) -> dict[str, Override]:
        """Every hold, ended ones included: the caller knows the time. SettingsError if the file is damaged."""
        try:
            data = json.loads(self.path.read_text())
            return {str(ref): Override(**{"kind": KIND, "value": KIND, **entry}) for ref, entry in data.items()}
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, AttributeError) as error:
            raise SettingsError(
                f"{self.path} is damaged ({error}); repair it, or remove it to end the holds that it had"
            ) from None

    def put(self, ref: str, override: Override) -> None:
        """Adds a hold, or replaces the one that is there."""
        with statefile.alone(self.path):
            self._write({**self.all(), ref: override})

    def drop(self, ref: str) -> bool:
        """Ends a hold; False if there is none."""
        if ref not in self.all():
            return False
        with statefile.alone(self.path):
            self._write({name: each for name, each in self.all().items() if name != ref})
        return True

    def _write(self, holds: Mapping[str, Override]) -> None:
        kept = ("author", "reason", "since", "until")
        statefile.write(self.path, {ref: {key: getattr(each, key) for key in kept} for ref, each in holds.items()})
