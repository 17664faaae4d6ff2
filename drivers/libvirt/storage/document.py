"""Pool and volume XML: read into Seen objects, written from requests. Pure."""

from __future__ import annotations

from lxml import etree

from drivers.base import NewPool, NewVolume
from drivers.libvirt.domain.tree import first, size, text_of
from drivers.seen import SeenPool, SeenVolume

Element = etree._Element
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def parse(xml: str) -> Element:
    """The root element."""
    return etree.fromstring(xml, _PARSER)


def read_pool(xml: str, *, active: bool, autostart: bool) -> SeenPool:
    """A pool without its volumes. The path of an active pool is where it is now, not where it will be."""
    root = parse(xml)
    return SeenPool(
        name=root.findtext("name", ""),
        uuid=root.findtext("uuid", ""),
        active=active,
        autostart=autostart,
        type=root.get("type", ""),
        path=root.findtext("target/path", ""),
        capacity=_bytes(root, "capacity"),
        available=_bytes(root, "available"),
    )


def read_volume(xml: str) -> SeenVolume:
    """A volume; its format is what libvirt detected."""
    root = parse(xml)
    target, backing = first(root, "target"), first(root, "backingStore")
    form = first(target, "format") if target is not None else None
    return SeenVolume(
        name=text_of(root, "name"),
        path=text_of(target, "path") if target is not None else "",
        capacity=_bytes(root, "capacity"),
        allocation=_bytes(root, "allocation"),
        format=form.get("type", "raw") if form is not None else "raw",
        backing=text_of(backing, "path") if backing is not None else "",
    )


def physical_size(xml: str) -> int:
    """The file's own length in bytes, whatever image it holds."""
    return _bytes(parse(xml), "physical")


def pool_xml(new: NewPool) -> str:
    """A directory pool."""
    root = etree.Element("pool", type="dir")
    etree.SubElement(root, "name").text = new.name
    etree.SubElement(root, "uuid").text = new.uuid
    etree.SubElement(etree.SubElement(root, "target"), "path").text = new.path
    return etree.tostring(root, encoding="unicode")


def volume_xml(new: NewVolume) -> str:
    """A volume; raw ones get an allocation of 0, without which libvirt would write every byte."""
    root = etree.Element("volume")
    etree.SubElement(root, "name").text = new.name
    if new.capacity or not new.backing:
        etree.SubElement(root, "capacity", unit="bytes").text = str(new.capacity)
    if new.format == "raw":
        etree.SubElement(root, "allocation", unit="bytes").text = "0"
    etree.SubElement(etree.SubElement(root, "target"), "format", type=new.format)
    if new.backing:
        backing = etree.SubElement(root, "backingStore")
        etree.SubElement(backing, "path").text = new.backing
        etree.SubElement(backing, "format", type=new.backing_format)
    return etree.tostring(root, encoding="unicode")


def _bytes(root: Element, tag: str) -> int:
    found = first(root, tag)
    return (size(found) or 0) if found is not None else 0
