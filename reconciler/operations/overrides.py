"""Overrides in marks: what an operator did, so that the reconciler leaves it; and the one way to write a mark here.

A deed changes only the overrides (and what the deed itself changes) of the mark that is on the host at that moment:
what was declared, and the revision, stay as they are. Called by the deeds of this package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from drivers.errors import Conflict, DriverError, Missing, Unknown, Unreachable
from drivers.mark import Mark, Override
from reconciler.operations.scene import By, Declined, Scene, Target
from specs.structs import replace

POWER = "power"
_ATTEMPTS = 4


def put(mark: Mark, kind: str, override: Override | None) -> Mark:
    """The mark with that override in place of any other of its kind; None takes it away."""
    others = tuple(each for each in mark.overrides if each.kind != kind)
    return replace(mark, overrides=(*others, override) if override else others)


def write(target: Target, change: Callable[[Mark], Mark]) -> Mark:
    """Changes the mark as it is on the host now, under the generation check; nothing if it is so already."""
    for _ in range(_ATTEMPTS):
        found = current(target)
        wanted = change(found)
        if wanted == found:
            return found
        wanted = replace(wanted, generation=found.generation + 1)
        try:
            target.host.vms.mark(target.vm.uuid, found.generation, wanted)
        except Conflict as conflict:
            busy = conflict  # the reconciler was at it in the same moment: look again
            continue
        return wanted
    raise busy


def current(target: Target) -> Mark:
    """The mark on the host now; Missing or Conflict if the VM is gone, or is not the one that was meant."""
    operation = f"mark {target.ref}"
    vm = target.host.reader.vm(target.vm.uuid)
    if vm is None:
        raise Missing(target.where, operation, "the VM is not defined here any more")
    mark = vm.mark
    if mark is None or mark.repository != target.mark.repository or mark.uuid != vm.uuid:
        raise Conflict(target.where, operation, "the VM is not gitvirt's any more")
    if mark.trashed != target.mark.trashed:
        raise Conflict(target.where, operation, "the VM was put into the trash, or taken out of it, meanwhile")
    return mark


def power(target: Target, by: By, value: str) -> Override | None:
    """The override that keeps the VM `value` although Git says otherwise; None if none is needed."""
    if target.declared_power in ("", "manual", value):
        return None
    return by.override(POWER, value, target.declared_power)


@contextmanager
def kept(target: Target, scene: Scene, value: str) -> Iterator[None]:
    """Records the deed before it is done; a deed that failed for certain is taken back, one in doubt is not."""
    before = current(target).override(POWER)
    wanted = power(target, scene.by, value)
    write(target, lambda mark: put(mark, POWER, wanted))
    try:
        yield
    except (Unknown, Unreachable):
        raise
    except DriverError:
        if scene.interrupted:
            raise
        write(target, lambda mark: put(mark, POWER, before))
        raise


def told(target: Target, by: By, value: str, undo: str) -> str:
    """In brackets behind the outcome: what will become of it."""
    if power(target, by, value) is None:
        says = {"": "no longer declared", "manual": "state: manual"}.get(target.declared_power, "as Git says")
        return f"({says}{endless(by)})"
    words = {"stopped": "kept off", "running": "kept on"}.get(value, f"stays {value}")
    end = until(by.until) if by.until else f"until `gitvirt {undo} {target.ref.name}`"
    return f"({words} {end}; Git says {target.declared_power})"


def endless(by: By) -> str:
    """What to know of `--for` where Git has no other word that could count afterwards."""
    return "; --for has nothing to end" if by.until else ""


def until(seconds: int) -> str:
    """`until 2026-11-28 14:05`, in local time."""
    moment = datetime.fromtimestamp(seconds).astimezone()
    return f"until {moment.isoformat(sep=' ', timespec='minutes')[:16]}"


def refuse_saved(target: Target, what: str) -> None:
    """Declined for a VM that is suspended to disk: it wakes with the hardware that it had."""
    if target.vm.power == "suspended":
        raise Declined(f"is suspended to disk, {what}; `gitvirt start {target.ref.name}` first")
