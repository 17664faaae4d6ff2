"""What wakes the daemon: reasons are collected, and timers of many daemons drift apart."""

from __future__ import annotations

import threading

from reconciler.daemon.wake import Wakes, jittered


def test_timers_are_a_little_longer_or_shorter_each_time() -> None:
    found = [jittered(60) for _ in range(200)]
    assert all(54 <= each <= 66 for each in found)
    assert min(found) < 60 < max(found)


def test_reasons_that_come_together_are_taken_at_once_and_only_once() -> None:
    wakes = Wakes()
    wakes.wake("event of kvm1")
    wakes.wake("sync")
    wakes.wake("sync")
    assert wakes.wait(60) == {"event of kvm1", "sync"}
    assert wakes.wait(0) == frozenset()


def test_who_waits_is_woken_to_stop() -> None:
    wakes = Wakes()
    threading.Timer(0.01, wakes.stop).start()
    assert wakes.wait(60) == frozenset()
    assert wakes.stopped
