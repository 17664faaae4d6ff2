"""What to do about a VM after a migration or relocation failed, or after nobody saw how it ended.

`judge` is the table: from what both hosts show, the one step that leads to a single copy, or Unknown. Its rule: a
copy is ended only where the other one is proved to be the VM; both are never resumed; rather Unknown than a guess.
`settle` looks, does the step and looks again. Called by migrations.py and, after a failure, by live.py.
"""

from __future__ import annotations

from typing import Literal

from drivers.errors import Busy, DriverError, Missing, Unknown, Unsupported
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration import postcopy
from drivers.libvirt.migration.checks import forget
from drivers.libvirt.migration.sides import RUNNING, Side, look
from specs.structs import Struct

Step = Literal[
    "none",
    "kill here",
    "kill there",
    "resume here",
    "resume there",
    "define there",
    "forget here",
    "forget there",
    "join",
]
STEPS = 6
"""More than any row of the table needs."""
LOOKS = 10
"""A second apart: libvirt may take the old break for one of the resumed migration, while QEMU sees it to its end."""


class Verdict(Struct, frozen=True):
    """The step to take, and what was found, in words. `certain` is False where nothing may be done."""

    step: Step
    said: str
    certain: bool = True


def judge(here: Side | None, there: Side | None, source: str, target: str) -> Verdict:
    """The table; `here` is the source's side."""
    if (here is not None and here.in_postcopy) or (there is not None and there.in_postcopy):
        return _postcopy(here, there, source, target)
    if here is not None and here.alive:
        return _runs_here(here, there, source, target)
    if there is not None and there.alive:
        return _runs_there(here, there, target)
    if here is not None and here.handed_over and not here.shell:
        return _handed_over(here, there, source, target)
    if here is not None and here.shell:
        said = f"{source} waits for it in a migration that came from elsewhere: settle it from that host"
        return Verdict("none", said, certain=False)
    if there is not None and (there.shell or there.handed_over):
        return _only_memory_there(here, there, source, target)
    return _off(here, there, source, target)


def _postcopy(here: Side | None, there: Side | None, source: str, target: str) -> Verdict:
    """Each half has what the other needs, and only a resumed migration brings them together. One alone is nothing."""
    if there is not None and (here is None or here.off) and (not there.split or _sent_all(here, there)):
        return _runs_there(here, there, target)
    if here is not None and here.split and there is not None and not there.off:
        return Verdict("join", f"its memory lies on {source} and on {target}, since a post-copy broke")
    if here is not None and there is not None and not there.off and (not here.off or here.moved_on):
        said = f"its memory goes from {source} to {target} in a post-copy: wait for its end"
    else:
        said = (
            f"a post-copy broke, and one half of its memory is gone, so all of it is lost: {postcopy.anew(here, there)}"
        )
    return Verdict("none", said, certain=False)


def _sent_all(here: Side | None, there: Side) -> bool:
    """Whether QEMU on the source has seen it to its end, though somebody saw it break on the target."""
    return here is not None and here.moved_on and there.state in RUNNING


def _runs_here(here: Side, there: Side | None, source: str, target: str) -> Verdict:
    if there is None:
        return Verdict("none", f"it runs on {source}")
    if there.alive:
        detail = f"it runs on {source} and on {target}: cut the power of the one that is not to be kept"
        return Verdict("none", detail, certain=False)
    if there.shell or there.handed_over:
        return Verdict("kill there", f"it runs on {source}; {target} waited for it in vain")
    if not here.persistent:
        return Verdict("none", f"it runs on {source} without a definition, and {target} has one", certain=False)
    return _older(here, there, f"it runs on {source}", "forget there")


def _runs_there(here: Side | None, there: Side, target: str) -> Verdict:
    if here is not None and not here.off:
        return Verdict("kill here", f"it runs on {target}")
    if not there.persistent:
        return Verdict("define there", f"it runs on {target}")
    if here is None:
        return Verdict("none", f"it runs on {target}")
    return _older(there, here, f"it runs on {target}", "forget here")


def _handed_over(here: Side, there: Side | None, source: str, target: str) -> Verdict:
    """Paused by libvirt on the source. The target saves the definition before it lets the VM run."""
    if there is None:
        return Verdict("resume here", f"it runs on {source}; {target} never had it")
    if there.shell or not there.persistent:
        return Verdict("kill there", f"it stands still on {source}; {target} never ran it")
    return Verdict(
        "none",
        f"it stands still on {source} since a migration, and {target} has its definition, so it may have run there: "
        f"if it did, cut its power on {source}; if it did not, remove the definition on {target} and resume it",
        certain=False,
    )


def _only_memory_there(here: Side | None, there: Side, source: str, target: str) -> Verdict:
    """The source's process is gone; it ends it only when the target has said that it has everything."""
    if here is not None and here.moved_on:
        return Verdict("resume there", f"it runs on {target}")
    detail = f"it is off on {source}, and {target} has its memory, but nobody tells whether all of it"
    return Verdict("none", f"{detail}: resume it there, or cut its power there and start it again", certain=False)


def _off(here: Side | None, there: Side | None, source: str, target: str) -> Verdict:
    """A relocation raises the generation and a migration does not: of two that are equal only libvirt tells."""
    if here is None or there is None:
        if here is there:
            return Verdict("none", f"neither {source} nor {target} knows it", certain=False)
        return Verdict("none", f"it is off, on {source if here is not None else target}")
    if there.generation == here.generation and not here.moved_on:
        said = f"it is off on {source} and on {target}, and nothing tells which of the two is the newer"
        return Verdict("none", f"{said}: undefine the one that is not to be kept", certain=False)
    forgets_here = there.generation >= here.generation
    kept, other = (there, here) if forgets_here else (here, there)
    if kept.moved_on:
        said = f"it is off on {source} and on {target}, and libvirt saw it leave {kept.host} too"
        return Verdict("none", f"{said}: look for it on the other hosts", certain=False)
    return _older(kept, other, f"it is off, on {kept.host}", "forget here" if forgets_here else "forget there")


def stayed(here: Side | None, there: Side | None) -> bool:
    """Whether the VM is proved never to have left the source, so that copies of its disks on the target are nothing."""
    if here is None or (there is not None and there.alive):
        return False
    return here.alive or (there is None and here.off and not here.moved_on)


def _older(kept: Side, other: Side, said: str, step: Step) -> Verdict:
    """Away with the other definition, if it is ours, of the same VM, and holds nothing."""
    mine, theirs = kept.mark, other.mark
    where = f"{other.host} has another definition of it"
    if mine is None or theirs is None or (mine.repository, mine.uuid) != (theirs.repository, theirs.uuid):
        return Verdict("none", f"{said}; {where}, and not both are ours", certain=False)
    if theirs.generation > mine.generation:
        return Verdict("none", f"{said}; {where}, and that is the newer one", certain=False)
    if other.saved or other.snapshots:
        what = "saved memory" if other.saved else "snapshots"
        return Verdict("none", f"{said}; {where} with {what}, which may be wanted", certain=False)
    return Verdict(step, said)


def both(source: Connections, target: Connections, uuid: str, operation: str) -> tuple[Side | None, Side | None]:
    """The two sides, the target's first: a VM that leaves in between is seen twice rather than not at all."""
    with target.changes() as conn:
        there = look(target, conn, uuid, operation)
    with source.changes() as conn:
        here = look(source, conn, uuid, operation)
    if here is None and there is None:  # it arrived between the two looks
        with target.changes() as conn:
            there = look(target, conn, uuid, operation)
    return here, there


def settle(source: Connections, target: Connections, uuid: str) -> str:
    """See drivers.base.Migrations.settle."""
    operation, broken = f"settle vm/{uuid}", ""
    for _ in range(STEPS):
        here, there = _looked(source, target, uuid, operation)
        if here is None and there is None:
            raise Missing(source.host, operation, f"neither {source.host} nor {target.host} knows it")
        if any(side is not None and side.job for side in (here, there)):
            raise Busy(source.host, operation, "the migration is still under way")
        verdict = judge(here, there, source.host, target.host)
        if not verdict.certain:
            raise Unknown(source.host, operation, verdict.said)
        if verdict.step == "none":
            return verdict.said
        if verdict.step != "join":
            _do(verdict.step, source, target, (uuid, operation, here or there))
        elif broken:
            after = "both halves are kept, and the next pass tries again"
            raise Unknown(source.host, operation, f"{verdict.said}, and it could not be resumed: {broken}; {after}")
        elif postcopy.goes_on(source, uuid, operation):
            raise Busy(source.host, operation, postcopy.ALONE)
        else:
            broken = _join((here, there), source, target, uuid)
    raise Unknown(source.host, operation, "it changes faster than it can be settled")


def _looked(source: Connections, target: Connections, uuid: str, operation: str) -> tuple[Side | None, Side | None]:
    try:
        return both(source, target, uuid, operation)
    except DriverError as error:
        detail = f"{error.host} cannot be asked ({error.detail}), and both hosts have to be looked at"
        raise Unknown(source.host, operation, detail) from error


def _join(sides: tuple[Side | None, Side | None], source: Connections, target: Connections, uuid: str) -> str:
    """Brings the two halves of its memory together; why not, or "". It may be through even so: that is to be seen."""
    operation = f"settle vm/{uuid}"
    if not (why := _resumed(sides, source, target, uuid)):
        return ""
    hangs = True
    for _ in range(LOOKS):
        here, there = _looked(source, target, uuid, operation)
        if here is None or there is None or not here.split:
            return why
        if postcopy.goes_on(source, uuid, operation):
            raise Busy(source.host, operation, postcopy.ALONE)
        hangs = hangs and postcopy.stuck(target, uuid, operation)
    if hangs:
        raise Unknown(target.host, operation, postcopy.lost(*sides))
    return why


def _resumed(sides: tuple[Side | None, Side | None], source: Connections, target: Connections, uuid: str) -> str:
    """One try, if QEMU on the target listens at all; why it failed, or ""."""
    operation = f"settle vm/{uuid}"
    if postcopy.stuck(target, uuid, operation):
        return f"QEMU on {target.host} does not answer"
    try:
        postcopy.resume(source, target, uuid, operation)
    except Unsupported as error:
        after = f"update it, which its VMs survive, or give its memory up: {postcopy.anew(*sides)}"
        raise Unsupported(error.host, operation, f"{error.detail}: {after}") from error
    except DriverError as error:
        return error.detail
    return ""


def _do(step: Step, source: Connections, target: Connections, what: tuple[str, str, Side | None]) -> None:
    """`what`: uuid, operation, and the side whose definition is the VM's."""
    uuid, operation, known = what
    verb, _, place = step.partition(" ")
    side = source if place == "here" else target
    with side.changes() as conn:
        if verb == "forget":
            forget(side, conn, uuid, operation)
            return
        if verb == "define":
            assert known is not None
            side.call(operation, conn.defineXMLFlags, known.xml, 0)
            return
        domain = side.call(operation, conn.lookupByUUIDString, uuid)
        side.call(operation, domain.destroy if verb == "kill" else domain.resume)
