"""Serial consoles of simulated VMs: the guest prints a login prompt and echoes what it is sent."""

from __future__ import annotations

import queue

from drivers.errors import Conflict, Refused
from drivers.memory.calls import Line
from drivers.memory.model.said import Said


class MemoryConsole:
    """See drivers.base.Console."""

    def __init__(self, greeting: bytes) -> None:
        self._output: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._output.put(greeting)
        self.closed = False

    def send(self, data: bytes) -> None:
        """Echoed by the guest; ignored once closed."""
        if not self.closed:
            self._output.put(data)

    def receive(self) -> bytes:
        """Blocks for the guest's next output; b"" once closed and read to the end."""
        if self.closed and self._output.empty():
            return b""
        return self._output.get()

    def close(self) -> None:
        """Ends it; a blocked `receive` returns b""."""
        if not self.closed:
            self.closed = True
            self._output.put(b"")


def open_console(line: Line, uuid: str, force: bool) -> MemoryConsole:
    """One client at a time; `force` throws the other one out."""
    with line.vm("console", uuid, "consoles") as (_, domain):
        if domain.live is None:
            raise Said(Conflict, "domain is not running")
        if not domain.live.scalars["serial"]:
            raise Said(Refused, "cannot find character device <null>")
        before = line.world.consoles.get((line.host.name, uuid))
        if before and not before.closed:
            if not force:
                raise Said(Conflict, "Active console session exists for this domain")
            before.close()
        opened = MemoryConsole(f"{domain.name} login: ".encode())
        line.world.consoles[line.host.name, uuid] = opened
        return opened
