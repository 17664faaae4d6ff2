"""`python -m tests.bench.marks`: what marks in domain metadata cost. The figures of docs/decisions/0002.

Declares a small and a rich VM, lets gitvirt make them on a lab host, and takes their marks as they are. Then sets
marks and heavier paddings again and again, and migrates a running VM to see what arrives. Needs root.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import libvirt
from lxml import etree

from drivers import mark as mark_format
from drivers.lab.lab import Lab
from drivers.libvirt.domain import marks
from drivers.mark import NAMESPACE
from tests.bench.sample import busy_cores
from tests.bench.site import Site, laboratory

ROUNDS = 60
CONFIG, LIVE = libvirt.VIR_DOMAIN_AFFECT_CONFIG, libvirt.VIR_DOMAIN_AFFECT_LIVE
ELEMENT = libvirt.VIR_DOMAIN_METADATA_ELEMENT
PAD = "https://gitvirt.dev/bench/v1"

NETWORK = """---
apiVersion: gitvirt/v1
kind: Network
metadata: {name: lan}
spec: {type: isolated}
"""
RICH = """---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: rich, labels: {tier: bench}}
spec:
  description: A VM with everything, to see how long its mark is
  cpu: {sockets: 2, cores: 4, max: 8, count: 4}
  memory: 64MiB
  memoryMax: 128MiB
  disks: [DISKS]
  nics: [NICS]
  state: stopped
"""


def main() -> None:
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with laboratory(2) as (lab, folder):
        site = Site(lab, folder)
        declare(site)
        site.gitvirt("apply", "--yes")
        measure(lab)  # its connections are closed before the hosts go: afterwards nobody would answer


def declare(site: Site) -> None:
    """A VM with one disk, and one with many devices."""
    site.declare(1)
    disks = ", ".join(f"{{name: d{n}, size: 8MiB, bus: virtio, cache: none, serial: S{n}}}" for n in range(8))
    nics = ", ".join(f"{{name: n{n}, network: lan, model: virtio}}" for n in range(4))
    with site.file.open("a", encoding="utf-8") as file:
        file.write(NETWORK + RICH.replace("DISKS", disks).replace("NICS", nics))


def measure(lab: Lab) -> None:
    conn, target = libvirt.open(lab.libvirt_uri("kvm1")), libvirt.open(lab.libvirt_uri("kvm2"))
    print(f"others use {busy_cores(1.0):.1f} cores; medians of {ROUNDS}")
    sizes(conn)
    setting(conn)
    reading(conn)
    survives(conn)
    migrated(conn, target)


def mark_of(domain: libvirt.virDomain) -> str:
    flags = libvirt.VIR_DOMAIN_AFFECT_CURRENT
    return str(domain.metadata(ELEMENT, NAMESPACE, flags))


def sizes(conn: libvirt.virConnect) -> None:
    for name, what in (("vm-001", "one disk"), ("rich", "8 disks, 4 NICs")):
        domain = conn.lookupByName(name)
        mark, xml = mark_of(domain), domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        print(f"mark of a VM with {what}: {len(mark.encode())} bytes; its whole XML {len(xml.encode())} bytes")


def setting(conn: libvirt.virConnect) -> None:
    xml = _element(etree.fromstring(mark_of(conn.lookupByName("rich"))).text or "")
    domain = conn.lookupByName("vm-001")
    for running in (False, True):
        if running:
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
        cases = [("config", CONFIG)] + ([("live", LIVE), ("live and config", LIVE | CONFIG)] if running else [])
        for words, flags in cases:
            took = _median(partial(domain.setMetadata, ELEMENT, xml, marks.PREFIX, NAMESPACE, flags))
            print(f"set a mark of {len(xml)} bytes, {words}{', VM running' if running else ''}: {took:.2f} ms")
        for kib in (1, 10, 100):
            pad = f"<pad>{'x' * 1024 * kib}</pad>"
            took = _median(partial(domain.setMetadata, ELEMENT, pad, "pad", PAD, CONFIG))
            print(f"set {kib} KiB, config{', VM running' if running else ''}: {took:.2f} ms")
        domain.setMetadata(ELEMENT, None, "pad", PAD, CONFIG)
    domain.destroy()


def reading(conn: libvirt.virConnect) -> None:
    domain = conn.lookupByName("vm-001")
    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    for kib in (0, 1, 10, 100):
        pad = f"<pad>{'x' * 1024 * kib}</pad>" if kib else None
        if pad:
            domain.setMetadata(ELEMENT, pad, "pad", PAD, CONFIG)
        xml = domain.XMLDesc(flags)
        fetched = _median(lambda: domain.XMLDesc(flags))
        parsed = _median(partial(etree.fromstring, xml))
        print(f"read the XML with {kib} KiB more: fetch {fetched:.2f} ms, parse {parsed:.2f} ms")
    domain.setMetadata(ELEMENT, None, "pad", PAD, CONFIG)
    text = etree.fromstring(mark_of(conn.lookupByName("rich"))).text or ""
    print(f"understand the mark of the rich VM: {_median(lambda: mark_format.loads(text)):.3f} ms")


def survives(conn: libvirt.virConnect) -> None:
    domain = conn.lookupByName("rich")
    before = mark_of(domain)
    xml = domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE)
    conn.defineXML(xml)
    print(f"the mark after the domain was defined again from its own XML: {_same(before, mark_of(domain))}")
    tree = etree.fromstring(xml)
    for each in tree.findall("metadata"):
        tree.remove(each)
    conn.defineXML(etree.tostring(tree, encoding="unicode"))
    try:
        mark_of(domain)
        print("the mark after it was defined from XML without metadata: still there")
    except libvirt.libvirtError as error:
        print(f"the mark after it was defined from XML without metadata: gone (code {error.get_error_code()})")
    conn.defineXML(xml)


def migrated(conn: libvirt.virConnect, target: libvirt.virConnect) -> None:
    """A VM without disks, whose mark is that of the rich one."""
    mark = etree.fromstring(mark_of(conn.lookupByName("rich"))).text or ""
    xml = (
        "<domain type='qemu'><name>traveller</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
        "<os><type machine='q35'>hvm</type></os></domain>"
    )
    domain = conn.defineXML(xml)
    domain.setMetadata(ELEMENT, _element(mark), marks.PREFIX, NAMESPACE, CONFIG)
    domain.create()
    before = mark_of(domain)
    address = target.getURI().partition("//")[2].partition("/")[0]
    flags = libvirt.VIR_MIGRATE_LIVE | libvirt.VIR_MIGRATE_PERSIST_DEST | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    began = time.perf_counter()
    arrived = domain.migrate3(target, {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{address}"}, flags)
    took = time.perf_counter() - began
    for words, view in (("live", LIVE), ("config", CONFIG)):
        found = str(arrived.metadata(ELEMENT, NAMESPACE, view))
        print(f"the mark after live migration ({took:.1f} s), {words}: {_same(before, found)}")
    arrived.destroy()
    arrived.undefine()


def _same(before: str, after: str) -> str:
    return "the same" if before == after else "DIFFERENT"


def _element(text: str) -> str:
    element = etree.Element("mark")
    element.text = text
    return etree.tostring(element, encoding="unicode")


def _median(work: Callable[[], object]) -> float:
    """Milliseconds."""
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return median(took) * 1000


if __name__ == "__main__":
    main()
