"""What changes in a running network: the calls of virNetworkUpdate that lead from the live fields to the wanted.

Pure: fields and edits in, a list of updates out, in an order that libvirt takes (an old entry goes before a new one
may have its MAC, its address or its range). Only DHCP and DNS change live; anything else is refused here by name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from lxml import etree

from drivers.base import Edit
from drivers.libvirt.network.document import Element, text
from drivers.libvirt.network.write import dns_element, host_element
from specs.fields import Fields, Scalar, entries, entry, entry_of
from specs.structs import Struct

Section = Literal["host", "range", "dns"]


class Update(Struct, frozen=True, kw_only=True):
    """One call: `add` or delete the element in the section."""

    section: Section
    add: bool
    xml: str


class NotLive(ValueError):
    """This field of a running network cannot change; `path` names it."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path} of a running network cannot change; it takes a restart of the network")
        self.path = path


def updates(live: Fields, edits: Sequence[Edit]) -> tuple[Update, ...]:
    """The calls to make; none if the running network has it all already. Raises NotLive."""
    wanted = _apply(live, edits)
    removed: list[Update] = []
    added: list[Update] = []
    for name, before, after in _changed(live, wanted, "hosts"):
        _pair(removed, added, "host", _host(name, before), _host(name, after))
    for address, before, after in _changed(live, wanted, "dns"):
        _pair(removed, added, "dns", _dns(address, before), _dns(address, after))
    before_range, after_range = _range(live), _range(wanted)
    if before_range != after_range:
        _pair(removed, added, "range", _range_element(before_range), _range_element(after_range))
    return (*removed, *added)


def _apply(live: Fields, edits: Sequence[Edit]) -> Fields:
    wanted: dict[str, Scalar] = dict(live)
    for edit in edits:
        parts = entry_of(edit.path)
        if (parts is None or parts[0] not in ("hosts", "dns")) and edit.path not in ("dhcp.start", "dhcp.end"):
            raise NotLive(edit.path)
        if parts is not None and not parts[2]:
            start = edit.path + "."
            wanted = {path: value for path, value in wanted.items() if not path.startswith(start)}
            if isinstance(edit.after, Mapping):
                wanted.update({entry(parts[0], parts[1], key): value for key, value in edit.after.items()})
        elif edit.after is None:
            wanted.pop(edit.path, None)
        elif not isinstance(edit.after, Mapping):
            wanted[edit.path] = edit.after
    return wanted


def _changed(live: Fields, wanted: Fields, list_name: str) -> Iterator[tuple[str, Fields | None, Fields | None]]:
    before, after = entries(live, list_name), entries(wanted, list_name)
    for name in sorted(before.keys() | after.keys()):
        if before.get(name) != after.get(name):
            yield name, before.get(name), after.get(name)


def _pair(
    removed: list[Update], added: list[Update], section: Section, before: Element | None, after: Element | None
) -> None:
    if before is not None:
        removed.append(Update(section=section, add=False, xml=text(before)))
    if after is not None:
        added.append(Update(section=section, add=True, xml=text(after)))


def _host(name: str, values: Fields | None) -> Element | None:
    return host_element(name, values) if values is not None else None


def _dns(address: str, values: Fields | None) -> Element | None:
    return dns_element(address, values) if values is not None else None


def _range(fields: Fields) -> tuple[Scalar, Scalar] | None:
    start, end = fields.get("dhcp.start"), fields.get("dhcp.end")
    return (start, end) if start and end else None


def _range_element(ends: tuple[Scalar, Scalar] | None) -> Element | None:
    return etree.Element("range", start=str(ends[0]), end=str(ends[1])) if ends else None
