"""The tools of the proof that moves are safe, proven on libvirt alone: a guest that counts, a watch for doubles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.lab.lab import Lab
from tests.live import counting
from tests.live.conftest import Guest, virsh
from tests.live.facts import Doubles, nothing_doubles, wait_until

pytestmark = pytest.mark.live

UUID = "7a0c5d0e-4b0f-4d0e-9d57-0c4c2f6b7a10"
EMPTY = f"""
    <domain type='qemu'>
      <name>twin</name><uuid>{UUID}</uuid><memory unit='MiB'>16</memory><vcpu>1</vcpu>
      <os><type arch='x86_64' machine='q35'>hvm</type></os>
    </domain>"""


def test_the_watch_sees_a_vm_that_runs_on_two_hosts(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "twin.xml").write_text(EMPTY)
    watch = Doubles(lab)
    for host in ("kvm1", "kvm3"):
        virsh(lab, host, "create", tmp_path / "twin.xml")
    wait_until(watch.told, what="seeing the double")
    assert watch.found() == [f'["{UUID}", "kvm1", "kvm3"]']


def test_a_guest_counts_on_through_a_move_and_a_lost_number_is_seen(
    lab: Lab, start_guest: Callable[..., Guest]
) -> None:
    guest = start_guest("kvm1", "counts")
    guest.wait_for_agent()
    before = counting.begin(guest)
    with nothing_doubles(lab):
        address = next(each.address for each in lab.hosts() if each.name == "kvm2")
        guest.virsh("migrate", "--live", "--p2p", "--persistent", "--undefinesource",
                    f"--desturi=qemu+tls://{address}/system", f"--migrateuri=tcp://{address}")  # fmt: skip
        moved = Guest(lab, "kvm2", "counts")
        after = counting.assert_went_on(moved, before)
    assert virsh(lab, "kvm1", "list", "--all", "--name") == ""
    moved.run("sed -i 3d /run/count/noted")
    with pytest.raises(AssertionError, match="lost count"):
        counting.look(moved)
    moved.virsh("reset")
    moved.wait_for_agent()
    counting.begin(moved)
    with pytest.raises(AssertionError, match="has booted itself"):
        counting.assert_went_on(moved, after)
    moved.virsh("destroy")
    moved.virsh("start")
    with pytest.raises(AssertionError, match="was started anew"):
        counting.assert_went_on(moved, after)
