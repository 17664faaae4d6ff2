"""Network XML as a tree, and the mark inside it.

libvirt before 9.7 has no call for a network's metadata, but keeps what a definition carries; the element is the same
as a domain's.
"""

from __future__ import annotations

from lxml import etree

from drivers.libvirt.domain import marks
from drivers.mark import Mark

Element = etree._Element

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def parse(xml: str) -> Element:
    """The root element; ValueError if it is no XML."""
    try:
        return etree.fromstring(xml, _PARSER)
    except etree.XMLSyntaxError as problem:
        raise ValueError(f"the network's XML cannot be parsed: {problem}") from None


def text(root: Element) -> str:
    """The document as libvirt takes it."""
    return etree.tostring(root, encoding="unicode", with_tail=False)


def mark_of(root: Element) -> Mark | None:
    """The mark in the metadata, or None if there is none that this version understands."""
    metadata = root.find("metadata")
    return marks.read(metadata)[0] if metadata is not None else None


def set_mark(root: Element, mark: Mark | None) -> None:
    """Replaces (None: removes) our own element of the metadata; what others keep there stays."""
    marks.put(root, marks.TAG, marks.PREFIX, None if mark is None else marks.text(mark))
