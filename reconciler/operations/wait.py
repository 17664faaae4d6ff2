"""Waits until VMs are as somebody needs them: running, stopped, with an agent, with an address, gone.

A VM that was found is asked for on its host alone; only those that are nowhere (yet) make all hosts be read again.
Called by the command `wait`; changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from drivers.errors import DriverError
from drivers.seen import Power, SeenVm
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.observe.collect import collect
from reconciler.operations.perform import Outcome
from reconciler.operations.scene import Scene, nowhere
from specs.resource import Ref
from specs.structs import Struct, replace

_POLL = 1.0  # seconds between looks


class Goal(StrEnum):
    """What is waited for. `gone`: no host has it any more, or it lies in the trash."""

    RUNNING = "running"
    STOPPED = "stopped"
    AGENT = "agent"
    IP = "ip"
    GONE = "gone"


class Sight(Struct, frozen=True, kw_only=True):
    """The last look at one VM: its host ("" while it is nowhere), itself, and what went wrong while looking."""

    host: str = ""
    vm: SeenVm | None = None
    addresses: tuple[str, ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        if self.problem:
            return self.problem
        if self.vm is None:
            return "no host has it"
        if self.vm.mark is not None and self.vm.mark.trashed:
            return f"in the trash on {self.host}"
        agent = "its agent answers" if self.vm.agent else "without an agent that answers"
        return f"{self.vm.power} on {self.host}" + (f", {agent}" if self.vm.running else "")


_REACHED: Mapping[Goal, Callable[[Sight], bool]] = {
    Goal.RUNNING: lambda sight: sight.vm is not None and sight.vm.power is Power.RUNNING,
    Goal.STOPPED: lambda sight: sight.vm is not None and not sight.vm.running,
    Goal.AGENT: lambda sight: sight.vm is not None and sight.vm.agent,
    Goal.IP: lambda sight: bool(sight.addresses),
    Goal.GONE: lambda sight: sight.vm is None or bool(sight.vm.mark and sight.vm.mark.trashed),
}


def wait(refs: Sequence[Ref], scene: Scene, goal: Goal, timeout: int, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Returns when all are as asked for, the time is over, or we were interrupted; tells each as it gets there."""
    end = scene.pause.now() + timeout
    sights = {ref: _found(ref, scene.looked.context) for ref in refs}
    done: dict[Ref, Outcome] = {}
    while True:
        for ref in refs:
            if ref not in done:
                sights[ref] = _with_addresses(sights[ref], scene) if goal is Goal.IP else sights[ref]
                if not sights[ref].problem and _REACHED[goal](sights[ref]):
                    done[ref] = Outcome(ref=ref, good=True, text=_arrived(goal, sights[ref]))
                    tell(done[ref])
        if len(done) == len(refs) or scene.pause.now() >= end or scene.pause.wait(_POLL):
            break
        sights = _again(sights, [ref for ref in refs if ref not in done], scene)
    for ref in refs:
        if ref not in done:
            why = "interrupted" if scene.interrupted else f"not {_words(goal)} within {timeout} s"
            done[ref] = Outcome(ref=ref, good=False, text=f"{why}: {sights[ref]}")
            tell(done[ref])
    return [done[ref] for ref in refs]


def _words(goal: Goal) -> str:
    return {Goal.AGENT: "with an agent", Goal.IP: "with an address"}.get(goal, str(goal))


def _arrived(goal: Goal, sight: Sight) -> str:
    if goal is Goal.IP:
        return " ".join(sight.addresses)
    return "gone" if sight.vm is None else str(sight)


def _found(ref: Ref, context: Context) -> Sight:
    found = owned(ref, context)
    if found:
        return Sight(host=found[0].host, vm=found[0].vm)
    certain = context.observed.complete and ref.name not in context.observed.by_name
    return Sight(problem="" if certain else nowhere(ref, context))


def _again(sights: Mapping[Ref, Sight], refs: Sequence[Ref], scene: Scene) -> dict[Ref, Sight]:
    """One more look at those refs; the others stay as they were."""
    found = {ref: _look(sights[ref], scene) if sights[ref].host else sights[ref] for ref in refs}
    if lost := [ref for ref in refs if not found[ref].host]:
        found.update(_search(lost, scene))
    return {**sights, **found}


def _look(sight: Sight, scene: Scene) -> Sight:
    assert sight.vm is not None
    try:
        vm = scene.looked.hosts[sight.host].reader.vm(sight.vm.uuid)
    except DriverError as error:
        return replace(sight, problem=f"{sight.host} does not answer ({error.detail})")
    return Sight(host=sight.host, vm=vm) if vm is not None else Sight()


def _search(refs: Sequence[Ref], scene: Scene) -> dict[Ref, Sight]:
    """Reads all hosts for VMs that are not where they were, or were nowhere."""
    context = scene.looked.context
    observed = collect(scene.looked.hosts, context.wanted.repository, context.now)
    removed = {name: each for name, each in context.observed.unseen.items() if name not in observed.hosts}
    observed = replace(observed, hosts={**observed.hosts, **removed})
    return {ref: _found(ref, replace(context, observed=observed)) for ref in refs}


def _with_addresses(sight: Sight, scene: Scene) -> Sight:
    if sight.vm is None or not sight.vm.running or sight.problem:
        return sight
    try:
        return replace(sight, addresses=scene.looked.hosts[sight.host].reader.addresses(sight.vm.uuid))
    except DriverError:
        return sight  # the agent or the host does not answer now; the next look tells
