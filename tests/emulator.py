"""Guests of the lab whose emulator died by itself, or damaged their memory.

Under software emulation QEMU 7.2 aborts about once in a thousand boots of a guest. And before QEMU 9.0 it loses some of
the guest's writes in a live migration, now and then: it forgets that its cache of addresses holds pages as writable
whose dirty bits it has just collected ("physmem: Fix migration dirty bitmap coherency with TCG memory access"). Guests
under KVM are not concerned. A live test that fails while one of these happened has shown nothing about gitvirt, so it
is done once more (tests/conftest.py), and the run says so.
"""

from __future__ import annotations

from drivers.lab.paths import LabPaths

_CRASHED = b"reason=crashed"
_STARTED, _INCOMING = b": starting up libvirt version", b"\n-incoming "
_damaged: list[str] = []


def faults() -> int:
    """How often QEMU was at fault: gone, as libvirt has written into the logs of the lab's guests, or see `damaged`."""
    logs = LabPaths.from_environment().hosts.glob("*/log/qemu/*.log")
    return len(_damaged) + sum(each.read_bytes().count(_CRASHED) for each in logs)


def damaged(name: str) -> None:
    """A guest that migrated, and was never started anew, is not what it was."""
    _damaged.append(name)


def boots(name: str) -> int:
    """How often QEMU was started on any host of the lab to boot that VM, not to take it over from another."""
    logs = [each.read_bytes() for each in LabPaths.from_environment().hosts.glob(f"*/log/qemu/{name}.log")]
    return sum(each.count(_STARTED) - each.count(_INCOMING) for each in logs)
