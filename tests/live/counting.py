"""A guest that counts: what of it must go on when its VM moves, read over the guest agent.

A process in the guest holds a number in its own memory, adds one many times a second and notes each; beside it lie
some MiB of random bytes in memory. After a move all of that has to be there: the same boot, the same process, every
number noted once and in order, the same bytes. Used by the live tests of moves.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from specs.structs import Struct
from tests import emulator
from tests.live.conftest import Guest

MEBIBYTES = 4
BEGIN = f"""
    mkdir -p /run/count && cd /run/count || exit 1
    dd if=/dev/urandom of=bytes bs=1M count={MEBIBYTES} && md5sum < bytes > sum || exit 1
    (n=0; while :; do n=$((n+1)); echo $n >> noted; usleep 50000; done) < /dev/null > /dev/null 2>&1 &
    echo $! > pid
"""
LOOK = """
    cd /run/count || exit 1
    cat /proc/sys/kernel/random/boot_id pid noted | tr '\\n' ' '
    echo "/"
    [ "$(md5sum < bytes)" = "$(cat sum)" ] && echo intact || echo changed
"""
DIRTY = """
    cd /run/count || exit 1
    (while :; do dd if=bytes of=dirt bs=64k conv=notrunc; done) < /dev/null > /dev/null 2>&1 &
    echo $! > dirtying
"""
REST = "kill $(cat /run/count/dirtying) 2> /dev/null; rm -f /run/count/dirt /run/count/dirtying"


class Count(Struct, frozen=True):
    """One look: which boot, which process, how far it has counted; and how often its VM was booted, as hosts tell."""

    boot: str
    process: str
    number: int
    boots: int


def begin(guest: Guest) -> Count:
    """Lets the guest count from 1 on."""
    guest.run(BEGIN)
    return look(guest)


def look(guest: Guest) -> Count:
    """Where it is now; AssertionError if a number was lost or noted twice, or the bytes are others."""
    said, _, state = guest.run(LOOK).partition("/")
    boot, process, *noted = said.split()
    assert state.strip() == "intact", f"the memory of {guest.name} is damaged: {state}"
    assert noted == [str(number) for number in range(1, len(noted) + 1)], f"{guest.name} lost count: {noted[-5:]}"
    return Count(boot, process, len(noted), emulator.boots(guest.name))


def assert_went_on(guest: Guest, before: Count) -> Count:
    """It is the same boot and process, its memory is whole, and it goes on counting from where it was."""
    with _emulated(guest):
        now = _same(guest, before)
        give_up = 50
        while look(guest).number == now.number:
            give_up -= 1
            assert give_up, f"{guest.name} does not count any more"
        return now


def stop(guest: Guest) -> Count:
    """It counts no more, and is idle; what it has noted and its bytes stay in its memory."""
    guest.run("kill $(cat /run/count/pid)")
    return look(guest)


def assert_kept(guest: Guest, before: Count) -> None:
    """It is the same boot, and has in its memory what it had when it stopped counting."""
    with _emulated(guest):
        assert _same(guest, before) == before


@contextmanager
def _emulated(guest: Guest) -> Iterator[None]:
    """Where the VM was not booted anew by anybody and yet is another, its emulator is at fault (tests/emulator.py)."""
    try:
        yield
    except (AssertionError, subprocess.CalledProcessError):
        emulator.damaged(guest.name)
        raise


def _same(guest: Guest, before: Count) -> Count:
    assert emulator.boots(guest.name) == before.boots, f"{guest.name} was started anew"
    guest.wait_for_agent()  # its channel opens a moment after the guest runs on
    now = look(guest)
    assert (now.boot, now.process) == (before.boot, before.process), f"{guest.name} has booted itself"
    assert now.number >= before.number, f"{guest.name} went back from {before.number} to {now.number}"
    return now


def dirty(guest: Guest) -> None:
    """From now on the guest rewrites 4 MiB of its memory as fast as it can, until `rest`."""
    guest.run(DIRTY)


def rest(guest: Guest) -> None:
    """Ends what `dirty` began."""
    guest.run(REST)
