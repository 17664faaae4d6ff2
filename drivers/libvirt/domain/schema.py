"""libvirt's own schema of a domain, where its files are installed: what it says of a definition.

Called by vms.py for definitions with `xml:` patches, before anything is changed. A host whose libvirt is newer than
the schema here may know more, so then the schema is not asked; the host checks a definition against its own anyway.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import libvirt
from lxml import etree

from drivers.libvirt.domain.tree import without_passwords

_FILE = Path("/usr/share/libvirt/schemas/domain.rng")


def installed() -> bool:
    """Whether the schema's files are here and can be understood."""
    return _schema() is not None


def refusal(xml: str, version: int) -> str:
    """What the schema has against the definition, for a host with libvirt of that version; "" if nothing is known."""
    schema = _schema() if version <= libvirt.getVersion() else None
    if schema is None or schema.validate(etree.fromstring(xml)):
        return ""
    said = [each.message for each in schema.error_log]
    telling = [each for each in said if not each.startswith(("Extra element", "Element domain failed"))]
    return f"libvirt's schema: {without_passwords((telling or said or ['it does not fit'])[0])}"


@cache
def _schema() -> etree.RelaxNG | None:
    """The schema, None without its files; reading it takes 0.1 s, once."""
    if not _FILE.is_file():
        return None
    try:
        return etree.RelaxNG(etree.parse(str(_FILE)))
    except etree.LxmlError:
        return None
