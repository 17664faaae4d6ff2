"""Custom properties: an element of our own in `<metadata>`, where libvirt's hooks on the host can read them.

    <gitvirt-properties:properties xmlns:gitvirt-properties="https://gitvirt.dev/properties/v1">
      <gitvirt-properties:property name="purpose" value="test"/>
    </gitvirt-properties:properties>

The field is one text (specs/properties.py). What stands there that no YAML could say is not reported, and kept.
"""

from __future__ import annotations

from copy import deepcopy

from lxml import etree

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, ensure, first, put, remove
from specs import properties
from specs.fields import Scalar

NAMESPACE = "https://gitvirt.dev/properties/v1"
PREFIX = "gitvirt-properties"
TAG = f"{{{NAMESPACE}}}properties"
_PROPERTY = f"{{{NAMESPACE}}}property"


def _read(metadata: Element, draft: Draft) -> None:
    found = first(metadata, TAG)
    if found is not None:
        draft.fields["properties"] = properties.text({name: each.get("value", "") for name, each in _ours(found)})


def _ours(element: Element) -> list[tuple[str, Element]]:
    """The properties that YAML could say, with their names."""
    return [
        (each.get("name", ""), each)
        for each in element.iterchildren(_PROPERTY)
        if properties.fits(each.get("name", ""), each.get("value", ""))
    ]


def _write(domain: Element, value: Scalar) -> None:
    wanted = properties.properties(str(value or ""))
    found = domain.find(f"metadata/{TAG}")
    if found is None:
        if not wanted:
            return
        found = etree.SubElement(ensure(domain, "metadata"), TAG, nsmap={PREFIX: NAMESPACE})
    for name, each in _ours(found):
        if name in wanted:
            put(each, "value", wanted.pop(name))
        else:
            remove(each)
    for name, text in wanted.items():
        etree.SubElement(found, _PROPERTY, name=name, value=text)
    if not len(found):
        remove(found)


def _live(running: Running, path: str, value: Scalar) -> None:
    domain = running.live()
    _write(domain, value)
    found = domain.find(f"metadata/{TAG}")
    running.set_metadata(PREFIX, NAMESPACE, None if found is None else _bare(found))


def _bare(element: Element) -> str:
    """The element as libvirt takes it: without our namespace, which it puts in by itself."""
    found = deepcopy(element)
    for each in found.iter(f"{{{NAMESPACE}}}*"):
        each.tag = etree.QName(each).localname
    etree.cleanup_namespaces(found)
    return etree.tostring(found, encoding="unicode", with_tail=False)


ASPECT = Aspect(
    domain={"metadata": _read},
    absent={"properties": ""},
    write={"properties": _write},
    live={"properties": _live},
)
