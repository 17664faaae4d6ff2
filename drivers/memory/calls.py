"""The gate through which every driver call passes: lock, reachability, faults, journal, events.

The protocols of drivers.memory do their work inside `Line.call`; the world's journal holds a `Call` for each call
that changes something, for assertions such as "nothing unmarked was touched".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from drivers.errors import Conflict, Denied, Unreachable
from drivers.mark import Mark
from drivers.memory.model.domain import Domain
from drivers.memory.model.places import HostState, Network
from drivers.memory.model.said import Said
from specs.structs import Struct, field

if TYPE_CHECKING:
    from drivers.memory.faults import Rule
    from drivers.memory.world import World

Moment = Literal["before", "midway", "after"]


class Call(Struct, eq=False, kw_only=True):
    """One call. `object` is a VM's, network's or pool's name, or "pool/volume"; `mark` the mark that it bore before.

    `outcome` is "done", or the name of the error or crash that the caller got. `phase` is how far a migration is.
    """

    host: str
    protocol: str
    method: str
    object: str = ""
    uuid: str = ""
    mark: Mark | None = None
    existed: bool = True
    changing: bool = True
    time: float = 0.0
    outcome: str = ""
    phase: str = ""
    struck_by: list[Rule] = field(default_factory=list)

    @property
    def operation(self) -> str:
        kind = {"powers": "vm", "consoles": "vm", "migrations": "vm", "volumes": "volume"}.get(
            self.protocol, self.protocol.removesuffix("s")
        )
        return f"{self.method} {kind}/{self.object}" if self.object else self.method

    def __str__(self) -> str:
        return f"{self.host}: {self.operation}: {self.outcome}"


class Line(Struct, frozen=True):
    """The connection of one driver to one host of the world."""

    world: World
    host: HostState

    @contextmanager
    def call(self, call: Call) -> Iterator[None]:
        """Runs the body as one call: atomic for other threads, subject to faults, journalled; then events go out."""
        world, faults = self.world, self.world.faults
        try:
            with world.lock:
                call.time = world.clock()
                if call.changing:
                    world.journal.append(call)
                try:
                    faults.begin(call)
                    self._answers(call)
                    faults.strike(call, "before")
                    yield
                    faults.strike(call, "after")
                    call.outcome = "done"
                except Said as said:
                    call.outcome = said.error.__name__
                    raise said.error(call.host, call.operation, said.detail) from None
                except BaseException as error:
                    call.outcome = type(error).__name__
                    raise
        finally:
            world.deliver()

    def point(self, call: Call) -> None:
        """Between two effects of one call: a crash or a cut may happen here."""
        self.world.faults.strike(call, "midway")

    def _answers(self, call: Call) -> None:
        if not self.host.reachable or not self.host.powered:
            raise Unreachable(call.host, call.operation, "no route to host")
        if self.host.denied:
            raise Denied(call.host, call.operation, "authentication failed")
        self.world.settle(self.host)

    @contextmanager
    def vm(self, method: str, uuid: str, protocol: str = "vms") -> Iterator[tuple[Call, Domain]]:
        """A changing call on a domain that has to be there."""
        found = self.host.domains.get(uuid)
        call = Call(
            host=self.host.name, protocol=protocol, method=method, object=found.name if found else uuid, uuid=uuid
        )
        call.mark, call.existed = found.mark if found else None, found is not None
        with self.call(call):
            yield call, self.host.domain(uuid)

    def network(self, method: str, name: str) -> Call:
        """A changing call on a network."""
        found = self.host.networks.get(name)
        return self.new("networks", method, name, found)

    def new(self, protocol: str, method: str, name: str, found: Network | Domain | None = None) -> Call:
        """A changing call on an object that may not be there."""
        return Call(
            host=self.host.name,
            protocol=protocol,
            method=method,
            object=name,
            uuid=found.uuid if found else "",
            mark=found.mark if found else None,
            existed=found is not None,
        )

    def reading(self, method: str, name: str = "") -> Call:
        """A call that changes nothing."""
        return Call(host=self.host.name, protocol="reader", method=method, object=name, changing=False)


def check_generation(mark: Mark | None, expects: int | None, new: Mark | None = None) -> None:
    """Conflict unless the object bears a mark of the expected generation (None: no mark that can be read).

    The new mark itself is fine as well: the call is being repeated.
    """
    found = mark.generation if mark else None
    if found != expects and (new is None or mark != new):
        raise Said(Conflict, f"its mark has generation {found or 'none'}, the plan expected {expects or 'none'}")
