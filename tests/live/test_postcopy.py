"""A post-copy that breaks leaves half of a VM's memory on either host: gitvirt sees that, and brings it together."""

from __future__ import annotations

import re
import time

import pytest

from drivers.lab.lab import Lab
from reconciler.diff import doubles
from tests.live import counting
from tests.live.facts import inside, nothing_doubles, wait_until
from tests.live.site import LiveSite
from tests.live.test_moves_faults import Traveller

pytestmark = pytest.mark.live

BEGIN = """
    setsid virsh migrate --live --p2p --postcopy --persistent --undefinesource --bandwidth 1 --postcopy-bandwidth 1 \
        web {uri} > /dev/null 2>&1 < /dev/null &
"""
"""By hand, so slowly that it cannot be through before it is broken off."""


def break_off(web: Traveller, target: str) -> None:
    """Lets it leave for the target in a post-copy, and breaks that off once it runs there on a part of its memory."""
    lab, source = web.lab, web.host
    inside(lab, source, BEGIN.format(uri=lab.libvirt_uri(target)))
    wait_until(web.moving, what="the migration")
    inside(lab, source, "virsh migrate-postcopy web")
    wait_until(lambda: "running (post-copy)" in state(lab, target), what="the switch")
    for _ in range(6):  # until it has what an idle guest needs
        before = requests(lab, source)
        time.sleep(2)
        if requests(lab, source) == before:
            break
    inside(lab, source, "virsh domjobabort --postcopy web")
    wait_until(lambda: "paused (post-copy failed)" in state(lab, source), what="the end")
    inside(lab, source, "virsh migrate-setspeed --postcopy web 1000")


def requests(lab: Lab, source: str) -> str:
    """How many pages the guest was the first to need."""
    found = re.search(r"Postcopy requests: +(\d+)", inside(lab, source, "virsh domjobinfo web"))
    return found[1] if found else ""


def state(lab: Lab, host: str) -> str:
    """What libvirt there says of it."""
    return inside(lab, host, "virsh domstate --reason web || true")


def test_a_post_copy_that_broke_is_resumed_or_told_to_be_lost(site: LiveSite, lab: Lab) -> None:
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
        (outcome,) = site.apply().outcomes.values()
        hangs = "could not be resumed" in outcome.error
        print(f"QEMU on the target {'hangs' if hangs else 'answers'}: {outcome}")
        if hangs:
            inside(lab, "kvm2", "virsh destroy web")
            inside(lab, "kvm1", "virsh destroy web && virsh undefine --keep-nvram web")
        web.settled()  # it runs, once
    if not hangs:
        assert web.host == "kvm2"
        counting.assert_kept(web.guest, before)
