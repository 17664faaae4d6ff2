"""What a careful administrator would write by hand: libvirt-python, a YAML loader, threads. The yardstick of the bench.

    python bare.py check  URI FILE            read the YAML, look at the host, compare; prints what differs
    python bare.py create URI FILE            a qcow2 volume and a definition for each VM
    python bare.py start|stop URI FILE        all of them, the fastest way known
    python bare.py drain URI FILE PEER ADDRESS   all of them by live migration to the host that URI's host calls PEER
    python bare.py clean  URI FILE            destroys, undefines and deletes every one of them, and its volumes

Knows nothing of gitvirt and imports nothing of it. Run by the bench as a whole process, as gitvirt is. Has no marks,
no plan, no history, no read-back: it is as fast as this work can be done, not a competitor.
"""

from __future__ import annotations

import sys
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import libvirt
from ruamel.yaml import YAML

THREADS = 8
"""As many changes at once as gitvirt makes on one host; each thread has a connection of its own."""

MOVES = 2
"""As many migrations at once as gitvirt lets leave a host."""

UNITS = {"MiB": 1024**2, "GiB": 1024**3}
PORTS = 18
DOMAIN = (
    """<domain type='qemu'>
  <name>{name}</name>
  <memory unit='b'>{memory}</memory>
  <vcpu current='{cpu}'>4</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/></features>
  <cpu mode='maximum'><topology sockets='1' cores='4' threads='1'/></cpu>
  <clock offset='utc'/>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='qcow2' error_policy='stop' discard='unmap'/>
      <source file='{folder}/{name}.qcow2'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <controller type='scsi' model='virtio-scsi'/>
    <controller type='virtio-serial'/>
    <controller type='usb' model='qemu-xhci' ports='15'/>
    <controller type='pci' index='0' model='pcie-root'/>
"""
    + "<controller type='pci' model='pcie-root-port'/>" * PORTS
    + """
    <serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' autoport='yes' listen='127.0.0.1'/>
    <video><model type='vga'/></video>
    <memballoon model='virtio'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>"""
)
"""The same machine as gitvirt makes of the same YAML, as a definition is a third of what creating a VM takes."""
VOLUME = (
    "<volume><name>{name}.qcow2</name><capacity unit='b'>{size}</capacity>"
    "<target><format type='qcow2'/></target></volume>"
)
POOL = "bench"

Vm = dict[str, Any]


def main(verb: str, uri: str, file: str, *peer: str) -> None:
    libvirt.registerErrorHandler(lambda context, error: None, None)
    vms = list(wanted(file))
    if verb == "check":
        check(libvirt.open(uri), vms)
    elif verb == "drain":
        drain(uri, vms, *peer)
    else:
        VERBS[verb](uri, vms)


def wanted(file: str) -> Iterator[Vm]:
    with open(file, encoding="utf-8") as text:
        for document in YAML(typ="safe").load_all(text):
            if document["kind"] == "VirtualMachine":
                spec = document["spec"]
                size, memory = to_bytes(spec["disks"][0]["size"]), to_bytes(spec["memory"])
                yield {"name": document["metadata"]["name"], "cpu": spec["cpu"], "memory": memory, "size": size}


def to_bytes(text: str) -> int:
    return int(text[:-3]) * UNITS[text[-3:]]


def check(conn: libvirt.virConnect, vms: list[Vm]) -> None:
    """Lists, both XMLs of each domain, states, volumes; compares memory, CPUs, and the disk's size."""
    domains = {each.name(): each for each in conn.listAllDomains()}
    on = states(conn)
    pool = conn.storagePoolLookupByName(POOL)
    pool.refresh()
    sizes = {each.path(): each.info()[1] for each in pool.listAllVolumes()}
    for vm in vms:
        domain = domains.get(vm["name"])
        if domain is None:
            print("missing", vm["name"])
            continue
        config = ElementTree.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        live = ElementTree.fromstring(domain.XMLDesc(0))
        seen = [int(each.findtext("currentMemory", "0")) * 1024 for each in (config, live)]
        cpus = [online(each) for each in (config, live)]
        source = config.find("devices/disk/source")
        size = sizes.get(source.get("file", "") if source is not None else "")
        same = set(seen) == {vm["memory"]} and set(cpus) == {vm["cpu"]} and size == vm["size"]
        if not same or on[vm["name"]]:
            print("differs", vm["name"])


def online(domain: ElementTree.Element) -> int:
    found = domain.find("vcpu")
    return int(found.get("current") or found.text or 0) if found is not None else 0


def states(conn: libvirt.virConnect) -> dict[str, bool]:
    stats = conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)
    return {domain.name(): found["state.state"] == libvirt.VIR_DOMAIN_RUNNING for domain, found in stats}


def create(uri: str, vms: list[Vm]) -> None:
    folder = ElementTree.fromstring(libvirt.open(uri).storagePoolLookupByName(POOL).XMLDesc(0)).findtext("target/path")

    def one(conn: libvirt.virConnect, vm: Vm) -> None:
        conn.storagePoolLookupByName(POOL).createXML(VOLUME.format(**vm))
        conn.defineXML(DOMAIN.format(folder=folder, **vm))

    each_on_threads(uri, vms, one)


def start(uri: str, vms: list[Vm]) -> None:
    active = running(uri)
    todo = [vm for vm in vms if vm["name"] not in active]
    each_on_threads(uri, todo, lambda conn, vm: conn.lookupByName(vm["name"]).create())


def stop(uri: str, vms: list[Vm]) -> None:
    active = running(uri)
    todo = [vm for vm in vms if vm["name"] in active]
    each_on_threads(uri, todo, lambda conn, vm: conn.lookupByName(vm["name"]).destroy())


def drain(uri: str, vms: list[Vm], peer: str, address: str) -> None:
    active = running(uri)
    todo = [vm for vm in vms if vm["name"] in active]
    flags = (
        libvirt.VIR_MIGRATE_LIVE
        | libvirt.VIR_MIGRATE_PEER2PEER
        | libvirt.VIR_MIGRATE_PERSIST_DEST
        | libvirt.VIR_MIGRATE_UNDEFINE_SOURCE
    )
    way = {libvirt.VIR_MIGRATE_PARAM_URI: f"tcp://{address}"}
    move = partial(libvirt.virDomain.migrateToURI3, dconnuri=peer, params=way, flags=flags)
    each_on_threads(uri, todo, lambda conn, vm: move(conn.lookupByName(vm["name"])), MOVES)


def running(uri: str) -> set[str]:
    return {each.name() for each in libvirt.open(uri).listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)}


def clean(uri: str, vms: list[Vm]) -> None:
    names = {vm["name"] for vm in vms}
    conn = libvirt.open(uri)
    for domain in conn.listAllDomains():
        if domain.name() in names:
            if domain.isActive():
                domain.destroy()
            domain.undefine()
    for pool in conn.listAllStoragePools():
        if pool.name() == POOL:
            pool.refresh()
            for volume in pool.listAllVolumes():
                volume.delete()


def each_on_threads(
    uri: str, vms: list[Vm], work: Callable[[libvirt.virConnect, Vm], object], threads: int = THREADS
) -> None:
    own = threading.local()

    def on_thread(vm: Vm) -> None:
        if not hasattr(own, "connection"):
            own.connection = libvirt.open(uri)
        work(own.connection, vm)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(on_thread, vms))


VERBS: dict[str, Callable[[str, list[Vm]], None]] = {"create": create, "start": start, "stop": stop, "clean": clean}

if __name__ == "__main__":
    main(*sys.argv[1:])
