"""A post-copy that breaks leaves half of a VM's memory on either host: gitvirt sees that, and brings it together."""

from __future__ import annotations

import re
import time

import pytest

from drivers.lab.lab import Lab
from reconciler.apply.outcome import Status
from reconciler.diff import doubles
from reconciler.diff.change import HeldReason
from tests.live import counting
from tests.live.command import Gitvirt
from tests.live.facts import held, inside, nothing_doubles, wait_until
from tests.live.site import LiveSite
from tests.live.test_moves_faults import Traveller

pytestmark = pytest.mark.live

BEGIN = """
    setsid virsh migrate --live --p2p --postcopy --persistent --undefinesource --bandwidth 1 --postcopy-bandwidth 1 \
        web {uri} > /dev/null 2>&1 < /dev/null &
"""
"""By hand, so slowly that it cannot be through before it is broken off."""
RESUME = """
    setsid virsh migrate --live --p2p --postcopy --postcopy-resume --persistent --undefinesource web {uri} \
        > /dev/null 2>&1 < /dev/null &
"""


def break_off(web: Traveller, target: str, *, idle: bool = True) -> None:
    """Lets it leave for the target in a post-copy, and breaks that off once it runs there on a part of its memory."""
    lab, source = web.lab, web.host
    inside(lab, source, BEGIN.format(uri=lab.libvirt_uri(target)))
    wait_until(web.moving, what="the migration")
    inside(lab, source, "virsh migrate-postcopy web")
    wait_until(lambda: "running (post-copy)" in state(lab, target), what="the switch")
    for _ in range(6 if idle else 0):  # until it has what an idle guest needs
        before = requests(lab, source)
        time.sleep(2)
        if requests(lab, source) == before:
            break
    inside(lab, source, "virsh domjobabort --postcopy web")
    wait_until(lambda: "paused (post-copy failed)" in state(lab, source), what="the end")


def requests(lab: Lab, source: str) -> str:
    """How many pages the guest was the first to need."""
    found = re.search(r"Postcopy requests: +(\d+)", inside(lab, source, "virsh domjobinfo web"))
    return found[1] if found else ""


def state(lab: Lab, host: str) -> str:
    """What libvirt there says of it."""
    return inside(lab, host, "virsh domstate --reason web || true")


def waits(lab: Lab, host: str, *_: object) -> bool:
    """Whether libvirt there waits for an answer of QEMU."""
    return "job" in inside(lab, host, "virsh domcontrol web")


def follow(lab: Lab, told: str) -> None:
    """Does what is told to be the way on."""
    words = dict.fromkeys(re.findall(r"`(virsh (?:destroy|undefine) [^`]+)` on (\w+)", told))
    assert len(words) == 3, told
    for command, host in words:
        inside(lab, host, f"{command} || true")  # libvirt may say of what it ended that it is not running


def test_a_post_copy_that_broke_is_resumed_and_goes_on_when_gitvirt_is_killed_meanwhile(
    site: LiveSite, lab: Lab, gitvirt: Gitvirt
) -> None:
    """The guest is idle: the more it does on half of its memory, the surer QEMU hangs over a page that it lacks."""
    web = Traveller(site)
    before = counting.stop(web.guest)
    web.send("kvm1", "kvm2")
    assert site.plan().empty
    with nothing_doubles(lab):
        break_off(web, "kvm2")
        plan = site.plan()
        assert not plan.anything_held
        (change,) = plan.changes
        assert doubles.settles(change)
        with gitvirt.start("apply", "--yes") as process:
            wait_until(
                lambda: process.poll() is not None or state(lab, "kvm1") == "paused (post-copy)", what="resuming"
            )
            hangs = process.poll() is not None
            process.kill()
            told, _ = process.communicate()
        print(f"QEMU on the target {'hangs' if hangs else 'answers'}: {told}")
        if hangs:
            follow(lab, " ".join(told.split()))
        else:
            wait_until(lambda: state(lab, "kvm1") == "paused (post-copy failed)", what="libvirt's calling it broken")
            wait_until(lambda: held(site.plan()) == {"vm/web": HeldReason.IN_FLIGHT}, what="its being under way")
            inside(lab, "kvm1", "virsh migrate-setspeed --postcopy web 1000")
            wait_until(lambda: state(lab, "kvm2") == "running (migrated)", what="the end")
        web.settled()  # it runs, once
    if not hangs:
        assert web.host == "kvm2"
        counting.assert_kept(web.guest, before)


def test_the_way_on_is_told_when_qemu_on_the_target_hangs(site: LiveSite, lab: Lab) -> None:
    """Here it is stopped, and somebody has tried to resume the migration."""
    web = Traveller(site)
    web.send("kvm1", "kvm2")
    again = RESUME.format(uri=lab.libvirt_uri("kvm2"))
    with nothing_doubles(lab):
        break_off(web, "kvm2", idle=False)
        wait_until(lambda: waits(lab, "kvm2") or "failed" in state(lab, "kvm2"), what="the target's seeing it")
        inside(lab, "kvm2", "kill -STOP $(cat /run/libvirt/qemu/web.pid)")
        # Another attempt is refused until the first has ended.
        wait_until(lambda: waits(lab, "kvm2", inside(lab, "kvm1", again)), what="an attempt")
        (outcome,) = site.apply().outcomes.values()
        assert outcome.status is Status.UNKNOWN
        assert "QEMU on kvm2 does not answer" in outcome.error
        follow(lab, outcome.error)
        web.settled()
    assert web.host == "kvm2"
