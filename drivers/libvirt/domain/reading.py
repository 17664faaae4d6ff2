"""Reading a domain: its XMLs → `Reading`, in the vocabulary of drivers/seen.py.

`read` is called by libvirt/reader/vms.py for every domain of a host in every full pass, so it makes one pass
over each XML with a dictionary of readers by tag. Pure; raises NotReadable for what is not a domain's XML.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from drivers.libvirt.domain import marks
from drivers.libvirt.domain.aspects import graphics
from drivers.libvirt.domain.aspects.cpu import as_defined
from drivers.libvirt.domain.aspects.platform import read_type
from drivers.libvirt.domain.draft import Draft, Names, pair
from drivers.libvirt.domain.table import ABSENT, DEVICES, DOMAIN
from drivers.libvirt.domain.tree import Element, first, parse, text_of, without_passwords
from drivers.mark import Mark
from specs.fields import Fields
from specs.structs import Struct, field


class Reading(Struct, frozen=True, kw_only=True):
    """One domain as its XML tells it; the fields are those of `SeenVm` with the same names.

    `live` is None unless the live XML was given. Sizes of disks are not here: they are the volumes'.
    """

    name: str
    uuid: str
    config: Fields
    live: Fields | None = None
    mark: Mark | None = None
    mark_damaged: bool = False
    unnamed: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    agent: bool = False
    definition: str = ""
    once: frozenset[str] = frozenset()


def read(inactive: str, live: str | None) -> Reading:
    """A domain from its next boot's definition and, if it runs, its live XML. Raises NotReadable."""
    root = parse(inactive)
    mark, damaged = mark_of(root)
    names = Names(mark.devices if mark is not None else {})
    config = draft(root, names)
    running = parse(live) if live is not None else None
    now = draft(running, names) if running is not None else None
    if now is not None and now.unnamed:
        pair(config, now)
    if now is not None:
        as_defined(config.fields, now.fields)
        graphics.as_defined(config.fields, now.fields)
    return Reading(
        name=text_of(root, "name"),
        uuid=text_of(root, "uuid"),
        config=config.fields,
        live=now.fields if now is not None else None,
        mark=mark,
        mark_damaged=damaged,
        unnamed=frozenset(config.unnamed | now.unnamed if now is not None else config.unnamed),
        aliases={**now.aliases, **config.aliases} if now is not None else config.aliases,
        targets={**now.targets, **config.targets} if now is not None else config.targets,
        agent=now is not None and now.agent,
        definition=_digest(inactive, live),
        once=marks.once(running) if running is not None else frozenset(),
    )


def mark_of(domain: Element) -> tuple[Mark | None, bool]:
    """The domain's mark, and whether it has one that cannot be understood."""
    metadata = first(domain, "metadata")
    return marks.read(metadata) if metadata is not None else (None, False)


def draft(domain: Element, names: Names) -> Draft:
    """One pass over the domain's elements."""
    found = Draft(names, ABSENT)
    devices = read_scalars(domain, found)
    if devices is not None:
        for child in devices:
            if (reader := DEVICES.get(child.tag)) is not None:
                reader(child, found)
    return found


def read_scalars(domain: Element, found: Draft) -> Element | None:
    """Reads what stands beside the devices; returns the element that holds these."""
    read_type(domain, found)
    devices = None
    for child in domain:
        tag = child.tag
        if tag == "devices":
            devices = child
        elif (reader := DOMAIN.get(tag)) is not None:
            reader(child, found)
    return devices


def _digest(inactive: str, live: str | None) -> str:
    """Equal for equal definitions; without the live id, and without passwords, which a digest would betray."""
    text = without_passwords(inactive)
    if live is not None:
        start = live.find(" id='", 0, 200)
        end = live.find("'", start + 5)
        text += without_passwords(live[:start] + live[end + 1 :] if start >= 0 and end >= 0 else live)
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).hexdigest()
