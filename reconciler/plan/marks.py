"""The marks that steps write: what was declared, which devices are ours, at which revision. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.mark import Device, Mark
from reconciler.desired.wanted import WantedVm
from reconciler.diff.context import Context
from specs.fields import Fields
from specs.structs import replace


def declared(wanted: WantedVm, fields: Fields, context: Context) -> dict[str, Any]:
    """What a mark remembers as declared: the canonical fields, secrets as digests, and what lies outside of them."""
    return {
        **{path: context.stored(value) for path, value in fields.items()},
        "state": wanted.power,
        "autostart": wanted.autostart,
        "stopTimeout": wanted.stop_timeout,
        "stopLastResort": wanted.last_resort,
        **({"xml": wanted.xml} if wanted.xml else {}),
    }


def first(wanted: WantedVm, uuid: str, context: Context) -> Mark:
    """The mark of a VM that is about to be made or adopted, without fields and devices yet."""
    return Mark(
        repository=context.wanted.repository,
        ref=str(wanted.ref),
        uuid=uuid,
        generation=1,
        revision=context.wanted.revision,
        creation={path: context.stored(value) for path, value in wanted.creation.items()},
        protected=wanted.protected,
    )


def following(mark: Mark, context: Context, **values: Any) -> Mark:
    """The next generation of a mark, at this revision."""
    return replace(mark, generation=mark.generation + 1, revision=context.wanted.revision, **values)


def without(table: Mapping[str, Device], gone: frozenset[str]) -> dict[str, Device]:
    """A device table without the keys that are gone."""
    return {key: device for key, device in table.items() if key not in gone}
