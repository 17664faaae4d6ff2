"""What a host can do and has: capabilities XML and domain capabilities XML → `Facts`.

Pure. The two documents change only with the daemon or its QEMU, so reader.py asks once per connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lxml import etree

from drivers.libvirt.reader import node
from drivers.node import Cell, CpuModel, Topology
from drivers.seen import Capabilities
from specs.structs import Struct

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
VIRTUALIZATIONS = ("kvm", "qemu")
MACHINES = {"x86_64": "q35"}
"""Architecture → the machine that is asked about, where it is not libvirt's default: that one has no secure boot."""

_FIRMWARES = {"efi": "uefi"}


def arch(capabilities: str) -> str:
    """The host's own architecture."""
    return _root(capabilities).findtext("host/cpu/arch", "x86_64")


class Facts(Struct, frozen=True, kw_only=True):
    """What the two documents tell: of NUMA cells all but what is free; `pages` are the sizes of huge pages there."""

    uuid: str
    capabilities: Capabilities
    topology: Topology | None
    cells: tuple[Cell, ...]
    pages: tuple[int, ...]
    cpu_model: CpuModel | None
    tsc: int


def read(capabilities: str, domain_capabilities: Sequence[str]) -> Facts:
    """What any of the host's VIRTUALIZATIONS can do, one document each, in their order."""
    root = _root(capabilities)
    own = root.findtext("host/cpu/arch", "x86_64")
    guest = root.find(f"guest/arch[@name='{own}']")
    machines = (each.text or "" for each in guest.iter("machine")) if guest is not None else ()
    domains = [_root(each) for each in domain_capabilities]
    found = Capabilities(
        arch=own,
        kvm=guest is not None and guest.find("domain[@type='kvm']") is not None,
        machines=frozenset(machines),
        cpu_models=frozenset(name for each in domains for name in _cpus(each)),
        graphics=frozenset(_values(domains, "devices/graphics/enum[@name='type']/value")),
        firmwares=frozenset(
            _FIRMWARES.get(name, name) for name in ("bios", *_values(domains, "os/enum[@name='firmware']/value"))
        ),
        offers={**_offers(domains), **_usable(domains)},
    )
    cells = tuple(node.cell(each) for each in root.iterfind("host/topology/cells/cell"))
    return Facts(
        uuid=root.findtext("host/uuid", ""),
        capabilities=found,
        topology=node.topology(root),
        cells=cells,
        pages=node.huge_pages(root),
        cpu_model=next((model for each in domains if (model := node.cpu_model(each))), None),
        tsc=node.tsc(root),
    )


def _usable(domains: Sequence[etree._Element]) -> dict[str, frozenset[str]]:
    """The CPU models that run with each kind of emulation: `cpu.kvm`, `cpu.tcg`."""
    words = {"kvm": "cpu.kvm", "qemu": "cpu.tcg"}
    return {words[kind]: frozenset(_cpus(each)) for each in domains if (kind := each.findtext("domain", "")) in words}


def _offers(domains: Sequence[etree._Element]) -> dict[str, frozenset[str]]:
    """Every enumeration of the devices: `tpm.model` → its values, and `tpm.supported` → {yes}, {no}.

    `loader.path` are the files of UEFI firmware that libvirt knows there.
    """
    found: dict[str, set[str]] = {}
    for domain in domains:
        for part in (*domain.iterfind("os/loader"), *domain.iterfind("devices/*"), *domain.iterfind("features/hyperv")):
            found.setdefault(f"{part.tag}.supported", set()).add(part.get("supported", "yes"))
            if paths := {each.text or "" for each in part.iterfind("value")}:
                found.setdefault(f"{part.tag}.path", set()).update(paths)
            for each in part.iterfind("enum"):
                values = found.setdefault(f"{part.tag}.{each.get('name')}", set())
                values.update(value.text or "" for value in each.iterfind("value"))
    return {key: frozenset(values) for key, values in sorted(found.items())}


def _cpus(domain: etree._Element) -> Iterator[str]:
    """Models that run on this host, and the modes without a model of their own (host-model, maximum …)."""
    for mode in domain.iterfind("cpu/mode[@supported='yes']"):
        if mode.get("name") == "custom":
            yield from (each.text or "" for each in mode.iterfind("model") if each.get("usable") != "no")
        else:
            yield mode.get("name", "")


def _values(domains: Sequence[etree._Element], path: str) -> Iterator[str]:
    return (each.text or "" for domain in domains for each in domain.iterfind(path))


def _root(xml: str) -> etree._Element:
    return etree.fromstring(xml, _PARSER)
