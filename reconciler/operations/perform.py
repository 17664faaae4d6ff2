"""Does one deed to many objects, side by side; what fails for one says so and does not stop the others.

In: refs, a scene, the deed. Out: an Outcome per ref, told as each ends. Called by the commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from drivers.errors import DriverError, Unknown
from reconciler.observe.atonce import as_answered
from reconciler.operations.scene import Declined, Scene
from specs.resource import Ref
from specs.structs import Struct

Deed = Callable[[Ref, Scene], str]
"""Does it and returns one line of what was done, which begins behind the ref ("stopped on kvm1"). Raises Declined
or drivers.errors."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How it ended for one object: one line for people."""

    ref: Ref
    good: bool
    text: str

    def __str__(self) -> str:
        return f"{self.ref}{'' if self.good else ':'} {self.text}"


Tell = Callable[[Outcome], None]


def perform(refs: Sequence[Ref], scene: Scene, deed: Deed, tell: Tell = lambda outcome: None) -> list[Outcome]:
    """The outcomes, in the order of the refs. After a request to stop nothing new is begun."""
    found: dict[Ref, Outcome] = {}
    for ref, outcome in as_answered(lambda ref: attempt(ref, scene, deed), refs):
        found[ref] = outcome
        tell(outcome)
    return [found[ref] for ref in refs]


def attempt(ref: Ref, scene: Scene, deed: Deed) -> Outcome:
    """One deed to one object; only errors that are bugs pass through."""
    if scene.interrupted:
        return Outcome(ref=ref, good=False, text="not begun: interrupted")
    try:
        return Outcome(ref=ref, good=True, text=deed(ref, scene))
    except Unknown as error:
        return Outcome(ref=ref, good=False, text=f"{error}; it may still happen, look with `gitvirt get {ref}`")
    except (Declined, DriverError) as error:
        return Outcome(ref=ref, good=False, text=str(error))
