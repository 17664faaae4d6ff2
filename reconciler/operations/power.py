"""Power by hand: start, stop, reboot, reset, pause, resume, suspend.

Each function is a Deed on one VM of ours, where it is. What Git would undo is recorded as an override first, so that
no pass that runs meanwhile works against the operator; see reconciler/diff/power.py for the reading side.
"""

from __future__ import annotations

from drivers.errors import Busy, DriverError, Refused
from drivers.mark import Override
from drivers.seen import Power, SeenVm
from reconciler.apply import stop as graceful
from reconciler.diff.change import FieldChange
from reconciler.diff.power import GUEST, left, moved_away
from reconciler.operations.overrides import POWER, kept, power, put, told, write
from reconciler.operations.scene import By, Declined, Scene, Target, locate
from reconciler.operations.startable import obstacles
from reconciler.plan.plan import StopVm
from specs.resource import Ref
from specs.structs import Struct

_STOP_TIMEOUT = 180  # seconds that a guest has to shut down, where nothing is declared
_COVER = 600  # seconds beyond a power cycle's own time in which a pass would finish it, were it interrupted


class How(Struct, frozen=True, kw_only=True):
    """Options: `timeout` in seconds for the guest to go down (None: as declared); `force`: take risks, cut power."""

    timeout: int | None = None
    force: bool = False


def start(ref: Ref, scene: Scene, how: How) -> str:
    """Starts, wakes or resumes a VM, and takes back an operator's stop."""
    target = locate(ref, scene)
    vm = target.vm
    if vm.power is Power.STOPPING:
        raise Declined(f"is shutting down; wait for it: `gitvirt wait {ref.name} --for stopped`")
    if vm.power is Power.CRASHED and vm.running:
        raise Declined(f"its guest crashed and is kept as it was; `gitvirt stop {ref.name} --force` first")
    if vm.power in (Power.PAUSED, Power.ASLEEP):
        return _go_on(target, scene)
    if vm.running:
        write(target, lambda mark: put(mark, POWER, power(target, scene.by, "running")))
        return f"runs already on {target.where} {_as_kept(target, scene)}"
    risks = refuse_obstacles(target, scene, how)
    with kept(target, scene, "running"):
        target.host.powers.start(vm.uuid)
        if not seen_now(target).running:
            raise Refused(target.where, f"start {ref}", "it was started, and is off again; see `gitvirt logs`")
    word = "woke up" if vm.power is Power.SUSPENDED else "started"
    return f"{word} on {target.where} {_as_kept(target, scene)}{risks}"


def refuse_obstacles(target: Target, scene: Scene, how: How) -> str:
    """Declined if something stands against a start; else what was risked, in words."""
    _refuse_moved(target, known=moved_away(target.vm))
    found = obstacles(target, scene.looked.context)
    against = [each for each in found if not (each.risk and how.force)]
    if against:
        text = "; ".join(each.text for each in against)
        fix = "; --force starts it all the same" if all(each.risk for each in against) else ""
        raise Declined(f"is not started: {text}{fix}")
    return f" although {'; '.join(each.text for each in found)}" if found else ""


def _refuse_moved(target: Target, *, known: bool = False) -> None:
    """Declined if another host has the VM by now, or gets it. `known`: the first look showed that it left."""
    vm = seen_now(target)
    if (why := left(vm)) and not (known and moved_away(vm)):
        raise Declined(f"is not set going on {target.where}: {why}; `gitvirt apply` settles where it is")


def _as_kept(target: Target, scene: Scene) -> str:
    return told(target, scene.by, "running", "stop")


def seen_now(target: Target) -> SeenVm:
    """The VM as it is at this moment, which has to be there."""
    vm = target.host.reader.vm(target.vm.uuid)
    if vm is None:
        raise Refused(target.where, f"look at {target.ref}", "it is not defined here any more")
    return vm


def stop(ref: Ref, scene: Scene, how: How) -> str:
    """Shuts the guest down, or with force cuts its power; it stays off although Git says running."""
    target = locate(ref, scene)
    tail = told(target, scene.by, "stopped", "start")
    if not target.vm.running:
        write(target, lambda mark: put(mark, POWER, power(target, scene.by, "stopped")))
        saved = ", suspended to disk" if target.vm.power is Power.SUSPENDED else ""
        return f"is off already on {target.where}{saved} {tail}"
    if target.vm.power is Power.PAUSED and not how.force:
        raise Declined(f"is paused, so its guest cannot shut down; `gitvirt resume {ref.name}` first, or use --force")
    with kept(target, scene, "stopped"):
        notes = _down(target, scene, how)
        if seen_now(target).running:
            raise Busy(target.where, f"stop {ref}", "it is on again; somebody else started it")
    return f"stopped on {target.where} {tail}{notes}"


def _down(target: Target, scene: Scene, how: How) -> str:
    if how.force:
        target.host.powers.destroy(target.vm.uuid)
        return "; its power was cut"
    call = StopVm(uuid=target.vm.uuid, timeout=_timeout(target, how), last_resort=_last_resort(target))
    notes = graceful.stop(call, target.host, scene.pause)
    return "".join(f"; {each}" for each in notes)


def _timeout(target: Target, how: How) -> int:
    if how.timeout is not None:
        return how.timeout
    if target.wanted is not None:
        return target.wanted.stop_timeout
    return int(target.mark.declared.get("stopTimeout", _STOP_TIMEOUT))


def _last_resort(target: Target) -> str:
    return target.wanted.last_resort if target.wanted else str(target.mark.declared.get("stopLastResort", "fail"))


def reboot(ref: Ref, scene: Scene, how: How) -> str:
    """Asks the guest to reboot; with changes that wait for it, a power cycle, which brings them in."""
    target = locate(ref, scene)
    _must_run(target, "rebooted")
    waiting = pending(target, scene)
    if not waiting:
        target.host.powers.reboot(target.vm.uuid)
        return f"was asked to reboot on {target.where}"
    against = [each.text for each in obstacles(target, scene.looked.context) if not (each.risk and how.force)]
    if against:
        paths = ", ".join(each.path for each in waiting)
        raise Declined(f"needs a power cycle for {paths}, and would not start again: {'; '.join(against)}")
    notes = _cycle(target, scene, how)
    return f"was power-cycled on {target.where}, which brought in {_changes(waiting)}{notes}"


def _changes(fields: list[FieldChange]) -> str:
    return ", ".join(each.path for each in fields)


def pending(target: Target, scene: Scene) -> list[FieldChange]:
    """What the definition has, and the running machine only after a power cycle."""
    changes = (each for each in scene.looked.plan.changes if each.ref == target.ref and each.host == target.where)
    return [
        field for change in changes for field in change.fields if field.kind == "pending" and not field.waits_for_guest
    ]


def _cycle(target: Target, scene: Scene, how: How) -> str:
    """Off and on again. The record made meanwhile has the next pass finish the job, if we cannot."""
    end = scene.by.since + _timeout(target, how) + _COVER
    cover = By(author=scene.by.author, reason="power cycle", since=scene.by.since, until=end)
    before = target.mark.override(POWER)
    stays = None if before is None or before.author == GUEST else before
    write(target, lambda mark: put(mark, POWER, _covering(target, cover)))
    try:
        notes = _down(target, scene, how)
    except DriverError:
        if not scene.interrupted:
            write(target, lambda mark: put(mark, POWER, stays))
        raise
    _refuse_moved(target)
    target.host.powers.start(target.vm.uuid)
    write(target, lambda mark: put(mark, POWER, stays))
    return notes


def _covering(target: Target, cover: By) -> Override | None:
    return cover.override(POWER, "running", target.declared_power) if target.wanted else None


def reset(ref: Ref, scene: Scene) -> str:
    """Presses the reset button: the guest is not asked. Changes that wait for a restart wait on."""
    target = locate(ref, scene)
    _must_run(target, "reset")
    target.host.powers.reset(target.vm.uuid)
    waiting = pending(target, scene)
    text = f"; still waiting for `gitvirt reboot {ref.name}`: {_changes(waiting)}" if waiting else ""
    return f"was reset on {target.where}{text}"


def pause(ref: Ref, scene: Scene) -> str:
    """Stops the vCPUs; memory stays in the host."""
    target = locate(ref, scene)
    tail = told(target, scene.by, "paused", "resume")
    if target.vm.power is Power.PAUSED:
        write(target, lambda mark: put(mark, POWER, power(target, scene.by, "paused")))
        return f"is paused already on {target.where} {tail}"
    _must_run(target, "paused")
    with kept(target, scene, "paused"):
        target.host.powers.pause(target.vm.uuid)
    return f"paused on {target.where} {tail}"


def resume(ref: Ref, scene: Scene, how: How) -> str:
    """Lets a paused, sleeping or suspended VM go on."""
    target = locate(ref, scene)
    if target.vm.power in (Power.PAUSED, Power.ASLEEP):
        return _go_on(target, scene)
    if target.vm.running or target.vm.power is Power.SUSPENDED:
        return start(ref, scene, how)
    raise Declined(f"is off; `gitvirt start {ref.name}`")


def _go_on(target: Target, scene: Scene) -> str:
    _refuse_moved(target)
    with kept(target, scene, "running"):
        target.host.powers.resume(target.vm.uuid)
    return f"resumed on {target.where} {_as_kept(target, scene)}"


def suspend(ref: Ref, scene: Scene) -> str:
    """Saves the memory to the host's disk, and stops."""
    target = locate(ref, scene)
    tail = told(target, scene.by, "suspended", "start")
    if target.vm.power is Power.SUSPENDED:
        write(target, lambda mark: put(mark, POWER, power(target, scene.by, "suspended")))
        return f"is suspended already on {target.where} {tail}"
    if target.vm.power is not Power.PAUSED:
        _must_run(target, "suspended")
    with kept(target, scene, "suspended"):
        target.host.powers.suspend(target.vm.uuid)
    return f"suspended to disk on {target.where} {tail}"


def _must_run(target: Target, verb: str) -> None:
    if target.vm.power is not Power.RUNNING:
        state = "off" if target.vm.power is Power.STOPPED else str(target.vm.power)
        fix = {
            Power.STOPPED: f"; `gitvirt start {target.ref.name}`",
            Power.SUSPENDED: f"; `gitvirt start {target.ref.name}` first",
            Power.PAUSED: f"; `gitvirt resume {target.ref.name}` first",
        }.get(target.vm.power, "")
        raise Declined(f"is {state}, so it cannot be {verb}{fix}")
