"""The mark in a domain's `<metadata>`: one element in our namespace whose text is the mark's JSON.

libvirt keeps one element per namespace and lets us set it alone (virDomainSetMetadata), so the record of what the
`xml:` patches replaced has a namespace of its own beside it. So has, in a running domain's XML only, the list of the
fields that it has for this run alone.
"""

from __future__ import annotations

import json
import re

from lxml import etree

from drivers import mark as marks
from drivers.libvirt.domain.tree import Element, drop, first, fragment
from drivers.mark import Mark

PREFIX = "gitvirt"
TAG = f"{{{marks.NAMESPACE}}}mark"
UNDO_NAMESPACE = "https://gitvirt.dev/patches/v1"
UNDO_PREFIX = "gitvirt-patches"
UNDO_TAG = f"{{{UNDO_NAMESPACE}}}undo"
ONCE_NAMESPACE = "https://gitvirt.dev/once/v1"
ONCE_PREFIX = "gitvirt-once"
ONCE_TAG = f"{{{ONCE_NAMESPACE}}}fields"

_ILLEGAL = re.compile("[\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def text(mark: Mark) -> str:
    """The mark as JSON that XML can carry unchanged."""
    return escaped(marks.dumps(mark))


def escaped(text: str) -> str:
    """JSON with the characters that XML cannot carry as `\\uXXXX`, which is the same JSON."""
    return _ILLEGAL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def element(mark: Mark) -> str:
    """What virDomainSetMetadata takes: the element without namespace, libvirt adds ours."""
    found = etree.Element("mark")
    found.text = text(mark)
    return etree.tostring(found, encoding="unicode")


def read(metadata: Element) -> tuple[Mark | None, bool]:
    """The mark, and whether there is one that cannot be understood."""
    found = first(metadata, TAG)
    if found is None:
        return None, False
    mark = marks.loads(found.text or "")
    return mark, mark is None


def parsed(xml: str) -> tuple[Mark | None, bool]:
    """The same of the element alone, as virDomainGetMetadata gives it."""
    mark = marks.loads(fragment(xml).text or "")
    return mark, mark is None


def write(domain: Element, mark: Mark) -> None:
    """Puts the mark into the definition, in place of an older one."""
    put(domain, TAG, PREFIX, text(mark))


def put(domain: Element, tag: str, prefix: str, content: str | None) -> None:
    """Sets the text of our element of that tag in `<metadata>`, or removes it for None."""
    metadata = domain.find("metadata")
    if metadata is None:
        if content is None:
            return
        metadata = etree.SubElement(domain, "metadata")
    if content is None:
        drop(metadata, tag)
        return
    found = metadata.find(tag)
    if found is None:
        found = etree.SubElement(metadata, tag, nsmap={prefix: tag[1:].partition("}")[0]})
    for child in list(found):
        found.remove(child)
    found.text = content


def once(live: Element) -> frozenset[str]:
    """The paths of the fields that a running domain has for this run only; none if that cannot be understood."""
    try:
        found = json.loads(get(live, ONCE_TAG) or "[]")
    except ValueError:
        return frozenset()
    return frozenset(str(each) for each in found) if isinstance(found, list) else frozenset()


def get(domain: Element, tag: str) -> str:
    """The text of our element of that tag, or ""."""
    return domain.findtext(f"metadata/{tag}") or ""
