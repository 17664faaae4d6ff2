"""Origins: for each declared value of an object, where it is written and which object says it there. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.catalog import Catalog
from specs.kinds import KINDS
from specs.render import spec_data
from specs.resource import Location, Ref, Resource
from specs.shape import Shape
from specs.structs import Struct


class Origin(Struct, frozen=True, kw_only=True):
    """One value as written in YAML. `where` is None for one that was filled in; `by` says it, if not the object."""

    path: str
    value: Any
    where: Location | None
    by: Ref | None = None

    @property
    def said(self) -> str:
        """In words: `vms.yaml:4`, `sizes.yaml:5 by instancetype/small`, `filled in`."""
        if self.where is None:
            return "filled in: the only one there is, or follows from another field"
        place = f"{self.where.file}:{self.where.line}"
        return f"{place} by {self.by}" if self.by else place


def origins(resource: Resource, catalog: Catalog) -> list[Origin]:
    """Every value of the effective spec, in the order of the reference."""
    found: list[Origin] = []
    _walk(spec_data(resource), KINDS[resource.ref.kind].shape, "", found)
    documents = sorted((each.location, each.ref) for each in (catalog.repository, *catalog.resources.values()))
    return [_placed(each, resource, documents) for each in found]


def _walk(data: Mapping[str, Any], shape: Shape, prefix: str, found: list[Origin]) -> None:
    for key, value in data.items():
        field, path = shape.fields[key], f"{prefix}.{key}" if prefix else key
        if field.form == "group" and isinstance(value, Mapping):
            _walk(value, field, path, found)
        elif field.form == "named":
            for entry in value:
                _walk(
                    {name: each for name, each in entry.items() if name != "name"},
                    field,
                    f"{path}[{entry['name']}]",
                    found,
                )
        else:
            found.append(Origin(path=path, value=value, where=None))


def _placed(origin: Origin, resource: Resource, documents: list[tuple[Location, Ref]]) -> Origin:
    where = resource.declared.get(origin.path)
    if where is None:
        return origin
    above = [ref for location, ref in documents if location.file == where.file and location.line <= where.line]
    by = above[-1] if above and above[-1] != resource.ref else None
    return Origin(path=origin.path, value=origin.value, where=where, by=by)
