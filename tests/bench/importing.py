"""Importing many domains that other tools made, against the bare libvirt calls that read them. Called by __main__.py.

Both are whole processes. The bare one lists the domains, takes each one's XML with and without secrets, as an import
has to, and writes it down; gitvirt makes YAML of it, loads that, and plans it twice (reconciler/importing/proof.py).
"""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator

import libvirt

from tests.bench.sample import Comparison, compare, process
from tests.bench.site import GITVIRT, HOST, Site
from tests.domains import NETWORK, every

_BARE = """
import sys, libvirt, pathlib
conn = libvirt.open(sys.argv[1])
folder = pathlib.Path(sys.argv[2])
folder.mkdir()
for domain in conn.listAllDomains():
    for name, flags in (("", 3), (".public", 2)):
        (folder / f"{domain.name()}{name}.xml").write_text(domain.XMLDesc(flags))
"""
_LAN = f"<network><name>{NETWORK}</name><ip address='192.168.177.1' netmask='255.255.255.0'/></network>"


def _define(conn: libvirt.virConnect, count: int) -> None:
    """`count` domains; what this libvirt would not take (a device of another host, say) is passed over."""
    defined = 0
    for _, xml in every(2 * count, "qemu"):
        with contextlib.suppress(libvirt.libvirtError):
            conn.defineXML(xml)
            defined += 1
        if defined == count:
            return


def importing(site: Site, count: int, rounds: int) -> Iterator[Comparison]:
    """Defines `count` domains in the dialects of nine tools, compares reading them, and takes them away."""
    conn = libvirt.open(site.uri)
    conn.networkDefineXML(_LAN).create()
    _define(conn, count)
    out, bare = site.folder / "imported", site.folder / "bare"

    def before() -> None:
        for each in (out, bare):
            shutil.rmtree(each, ignore_errors=True)

    contenders = {
        "gitvirt": lambda: process([GITVIRT, "import", site.lab.uri(HOST), "--repo", out]),
        "bare libvirt": lambda: process([sys.executable, "-c", _BARE, site.uri, bare]),
    }
    yield compare(f"import of {count} domains", contenders, rounds, before=before)
    for domain in conn.listAllDomains():
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    network = conn.networkLookupByName(NETWORK)
    network.destroy()
    network.undefine()
    conn.close()
