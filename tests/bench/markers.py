"""`python -m tests.bench.markers`: marker volumes across two hosts. The figures of docs/decisions/0003.

Two lab hosts have a pool of their own on one shared folder. Makes zero-length raw volumes on one, and looks from the
other before and after a refresh; lets both make the same one at once. Needs root.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from statistics import median

import libvirt

from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from tests.bench.sample import busy_cores
from tests.bench.site import laboratory

ROUNDS = 100
POOL = f"<pool type='dir'><name>shared</name><target><path>{SHARED_IN_HOST}</path></target></pool>"


def main() -> None:
    libvirt.registerErrorHandler(lambda context, error: None, None)
    with laboratory(2) as (lab, _):
        measure(lab)  # its connections are closed before the hosts go: afterwards nobody would answer


def measure(lab: Lab) -> None:
    one, other = (libvirt.open(lab.libvirt_uri(host)).storagePoolDefineXML(POOL) for host in ("kvm1", "kvm2"))
    one.create()
    other.create()
    print(f"others use {busy_cores(1.0):.1f} cores; medians of {ROUNDS}")
    timings(one, other)
    seen(one, other)
    for form in ("raw", "qcow2"):
        exclusive(one, other, form)
    race(one, other)
    deleting(one, other)


def volume_xml(name: str, form: str = "raw", capacity: int = 0) -> str:
    return (
        f"<volume><name>{name}</name><capacity unit='b'>{capacity}</capacity><allocation unit='b'>0</allocation>"
        f"<target><format type='{form}'/></target></volume>"
    )


def timings(one: libvirt.virStoragePool, other: libvirt.virStoragePool) -> None:
    names = [f"disk-{number:03d}.qcow2.ready" for number in range(ROUNDS)]
    made = _median(lambda name: one.createXML(volume_xml(name)), names)
    known = _median(lambda name: one.storageVolLookupByName(name), names)
    print(f"make a marker: {made:.2f} ms; look it up: {known:.2f} ms")
    refreshed = _median(lambda _: other.refresh(), names[:20])
    listed = _median(lambda _: other.listVolumes(), names[:20])
    print(f"with {ROUNDS} in the folder: refresh {refreshed:.2f} ms; list all names {listed:.2f} ms")
    removed = _median(lambda name: one.storageVolLookupByName(name).delete(), names)
    print(f"look up and delete a marker: {removed:.2f} ms")
    other.refresh()


def seen(one: libvirt.virStoragePool, other: libvirt.virStoragePool) -> None:
    name = f"disk.qcow2.trash.{int(time.time())}"
    volume = one.createXML(volume_xml(name))
    print(f"capacity, allocation as made: {volume.info()[1:]}")
    print(f"the other host knows it before a refresh: {name in other.listVolumes()}")
    other.refresh()
    print(f"after a refresh: {name in other.listVolumes()}, {other.storageVolLookupByName(name).info()[1:]}")
    volume.delete()
    print(f"deleted by the first; the other still lists it: {name in other.listVolumes()}")
    other.refresh()
    print(f"after a refresh: {name in other.listVolumes()}")


def exclusive(one: libvirt.virStoragePool, other: libvirt.virStoragePool, form: str) -> None:
    name, capacity = f"twice.{form}", 0 if form == "raw" else 1024 * 1024
    one.createXML(volume_xml(name, form, capacity))
    print(f"{form}, made a second time by the other host, not refreshed: {_told(other, name, form, capacity)}")
    one.storageVolLookupByName(name).delete()


def race(one: libvirt.virStoragePool, other: libvirt.virStoragePool) -> None:
    """Both hosts at once, again and again: exactly one of them may succeed."""
    winners = []
    for number in range(ROUNDS):
        told: dict[int, str] = {}
        gate = threading.Barrier(2)

        def make(position: int, pool: libvirt.virStoragePool, name: str, told: dict[int, str] = told) -> None:
            gate.wait()  # noqa: B023
            told[position] = _told(pool, name, "raw", 0)

        threads = [
            threading.Thread(target=make, args=(position, pool, f"race-{number}.ready"))
            for position, pool in enumerate((one, other))
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        winners.append(sum(word == "made" for word in told.values()))
    both = sum(count == 2 for count in winners)
    none = sum(count == 0 for count in winners)
    print(f"both at once, {ROUNDS} times: one succeeded {ROUNDS - both - none}, both {both}, none {none}")
    one.refresh()
    for volume in one.listAllVolumes():
        volume.delete()
    other.refresh()


def deleting(one: libvirt.virStoragePool, other: libvirt.virStoragePool) -> None:
    one.createXML(volume_xml("gone.ready"))
    other.refresh()
    volume = other.storageVolLookupByName("gone.ready")
    one.storageVolLookupByName("gone.ready").delete()
    try:
        volume.delete()
        print("deleting what the other host has deleted already: succeeds")
    except libvirt.libvirtError as error:
        print(f"deleting what the other host has deleted already: code {error.get_error_code()}")


def _told(pool: libvirt.virStoragePool, name: str, form: str, capacity: int) -> str:
    try:
        pool.createXML(volume_xml(name, form, capacity))
    except libvirt.libvirtError as error:
        return f"refused, code {error.get_error_code()}: {error.get_error_message()}"
    return "made"


def _median(work: Callable[[str], object], items: list[str]) -> float:
    """Milliseconds."""
    took = []
    for item in items:
        began = time.perf_counter()
        work(item)
        took.append(time.perf_counter() - began)
    return median(took) * 1000


if __name__ == "__main__":
    main()
