"""`gitvirt console vm/NAME`: the serial console. On a terminal it is raw and Ctrl-] leaves; pipes work as well.

Two directions: a thread writes what the guest says to stdout, this one sends what is typed. When stdin is a pipe that
ended, the guest is listened to until it hangs up, or with `--idle` until it has been silent for so long.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.context import RepoOption, Target
from reconciler.cli.deeds.common import Which, seconds, session
from reconciler.cli.exits import Exit
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from drivers.base import Console

LEAVE = b"\x1d"  # Ctrl-]
_PIECE = 4096
_LOOK = 0.2  # seconds between looks whether the guest hung up


def console(
    target: Target,
    force: Annotated[bool, typer.Option("--force", help="Take the console over from whoever has it.")] = False,
    idle: Annotated[
        str, typer.Option("--idle", metavar="DURATION", help="When input has ended, leave after so much silence.")
    ] = "",
    repo: RepoOption = None,
) -> Exit:
    """Open the serial console of a VM; Ctrl-] leaves. Works in pipes: `echo ls | gitvirt console web --idle 2s`."""
    from drivers.errors import Conflict
    from reconciler.operations.scene import locate

    silence = seconds(idle, "--idle") if idle else None
    with session(repo) as here:
        (ref,) = here.vms(Which(targets=(target,)))
        try:
            vm = locate(ref, here.scene)
            if not vm.vm.running:
                raise ReconcilerError(f"is off; `gitvirt start {ref.name}`")
        except ReconcilerError as error:
            raise ReconcilerError(f"{ref}: {error}") from None
        try:
            opened = vm.host.console(vm.vm.uuid, force)
        except Conflict as conflict:
            raise ReconcilerError(f"{conflict}; --force takes it over") from None
        if sys.stdin.isatty():
            print(f"{ref} on {vm.where}; Ctrl-] leaves", file=sys.stderr)
        ours = Session(opened, (sys.stdin.fileno(), sys.stdout.fileno()), silence)
        ours.run()
        if not ours.left:
            print(f"{ref}: the console has ended: it stopped, moved, or somebody took it over", file=sys.stderr)
    return Exit.OK


class Session:
    """One console between the guest and two file descriptors, (input, output). `silence` in seconds: see the module."""

    def __init__(self, console: Console, streams: tuple[int, int], silence: int | None = None) -> None:
        self.console, self.silence = console, silence
        self.source, self.sink = streams
        self.ended = threading.Event()
        self.heard = time.monotonic()
        self.lost_reader = False
        self.left = False  # by whom is here, and not because the guest hung up

    def run(self) -> None:
        """Returns when the user left or the guest hung up; the terminal is as it was."""
        try:
            with _raw(self.source):  # before the guest is heard: what is typed in answer must not be lost in the switch
                threading.Thread(target=self._listen, name="console", daemon=True).start()
                self._talk(os.isatty(self.source))
        finally:
            self.console.close()
        if self.lost_reader:
            raise BrokenPipeError

    def _listen(self) -> None:
        try:
            while data := self.console.receive():
                self.heard = time.monotonic()
                while data:
                    data = data[os.write(self.sink, data) :]
        except BrokenPipeError:
            self.lost_reader = True
        finally:
            self.ended.set()

    def _talk(self, terminal: bool) -> None:
        while not self.ended.is_set():
            if not select.select([self.source], [], [], _LOOK)[0]:
                continue
            data = os.read(self.source, _PIECE)
            if terminal and LEAVE in data:
                self._send(data.partition(LEAVE)[0])
                self.left = True
                return
            if not data:
                self._hear_out()
                return
            self._send(data)

    def _send(self, data: bytes) -> None:
        from drivers.errors import DriverError

        try:
            self.console.send(data)
        except DriverError:
            self.ended.set()  # the guest hung up while we were typing

    def _hear_out(self) -> None:
        """Input has ended: the guest may still have something to say."""
        self.heard = time.monotonic()
        while not self.ended.wait(_LOOK):
            if self.silence is not None and time.monotonic() - self.heard >= self.silence:
                self.left = True
                return


@contextmanager
def _raw(source: int) -> Iterator[None]:
    """The terminal passes every key on while this lasts, also when we are told to end."""
    if not os.isatty(source):
        yield
        return
    import termios
    import tty

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before, handler = termios.tcgetattr(source), signal.signal(signal.SIGTERM, leave)
    try:
        tty.setraw(source)
        yield
    finally:
        termios.tcsetattr(source, termios.TCSADRAIN, before)
        signal.signal(signal.SIGTERM, handler)
        print(file=sys.stderr)
