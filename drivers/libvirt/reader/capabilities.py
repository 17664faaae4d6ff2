"""What a host can do: capabilities XML and domain capabilities XML → `Capabilities`, and the host's own uuid.

Pure. The two documents change only with the daemon or its QEMU, so reader.py asks once per connection.
"""

from __future__ import annotations

from lxml import etree

from drivers.seen import Capabilities

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
_FIRMWARES = {"efi": "uefi"}


def arch(capabilities: str) -> str:
    """The host's own architecture."""
    return _root(capabilities).findtext("host/cpu/arch", "x86_64")


def read(capabilities: str, domain_capabilities: str) -> tuple[str, Capabilities]:
    """(host uuid, capabilities). `domain_capabilities` may be "" where the driver has none (test driver)."""
    root = _root(capabilities)
    own = root.findtext("host/cpu/arch", "x86_64")
    guest = root.find(f"guest/arch[@name='{own}']")
    machines = (each.text or "" for each in guest.iter("machine")) if guest is not None else ()
    models, graphics, firmwares = _domain(domain_capabilities)
    found = Capabilities(
        arch=own,
        kvm=guest is not None and guest.find("domain[@type='kvm']") is not None,
        machines=frozenset(machines),
        cpu_models=models,
        graphics=graphics,
        firmwares=firmwares,
    )
    return root.findtext("host/uuid", ""), found


def _domain(xml: str) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    if not xml:
        return frozenset(), frozenset(), frozenset()
    root = _root(xml)
    models = {
        each.text or "" for each in root.iterfind("cpu/mode[@name='custom']/model") if each.get("usable") != "no"
    }
    modes = {each.get("name", "") for each in root.iterfind("cpu/mode[@supported='yes']")} - {"custom"}
    graphics = {each.text or "" for each in root.iterfind("devices/graphics/enum[@name='type']/value")}
    firmwares = {each.text or "" for each in root.iterfind("os/enum[@name='firmware']/value")}
    named = {_FIRMWARES.get(each, each) for each in firmwares} | {"bios"}  # SeaBIOS comes with every x86 QEMU
    return frozenset(models | modes), frozenset(graphics), frozenset(named)


def bridges(interfaces: list[str]) -> frozenset[str]:
    """The names of the bridges among interface XMLs."""
    roots = (_root(each) for each in interfaces)
    return frozenset(root.get("name", "") for root in roots if root.get("type") == "bridge")


def _root(xml: str) -> etree._Element:
    return etree.fromstring(xml, _PARSER)
