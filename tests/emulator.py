"""Guests of the lab whose emulator died by itself.

Under software emulation QEMU 7.2 aborts about once in a thousand boots of a guest. A live test that fails while that
happened has shown nothing about gitvirt, so it is done once more (tests/conftest.py), and the run says so.
"""

from __future__ import annotations

from drivers.lab.paths import LabPaths

_SAID = b"reason=crashed"


def crashes() -> int:
    """How often libvirt has written into the logs of the lab's guests that QEMU was gone."""
    logs = LabPaths.from_environment().hosts.glob("*/log/qemu/*.log")
    return sum(each.read_bytes().count(_SAID) for each in logs)
