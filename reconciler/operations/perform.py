"""Does one deed to many objects, side by side; what fails for one says so and does not stop the others.

In: refs, a scene, the deed. Out: an Outcome per ref, told as each ends. Called by the commands.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from drivers.errors import DriverError, Unknown
from reconciler.operations.scene import Declined, Scene
from specs.resource import Ref

Deed = Callable[[Ref, Scene], str]
"""Does it and returns one line of what was done, which begins behind the ref ("stopped on kvm1"). Raises Declined
or drivers.errors."""
AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it ended for one object: one line for people."""

    ref: Ref
    good: bool
    text: str

    def __str__(self) -> str:
        return f"{self.ref}{'' if self.good else ':'} {self.text}"


Tell = Callable[[Outcome], None]


def perform(refs: Sequence[Ref], scene: Scene, deed: Deed, tell: Tell = lambda outcome: None) -> list[Outcome]:
    """The outcomes, in the order of the refs. After a request to stop nothing new is begun."""
    todo: queue.SimpleQueue[Ref] = queue.SimpleQueue()
    done: queue.SimpleQueue[Outcome | BaseException] = queue.SimpleQueue()
    for ref in refs:
        todo.put(ref)

    def work() -> None:
        while True:
            try:
                ref = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put(attempt(ref, scene, deed))
            except BaseException as error:
                done.put(error)

    for number in range(min(len(refs), AT_ONCE)):
        threading.Thread(target=work, name=f"operation {number}", daemon=True).start()
    found: dict[Ref, Outcome] = {}
    for _ in refs:
        ended = done.get()
        if isinstance(ended, BaseException):
            raise ended
        found[ended.ref] = ended
        tell(ended)
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
