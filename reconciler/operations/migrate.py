"""Migrations by hand: a plan of nothing but the moves that somebody asked for; taking a hold back; cancelling.

In: refs and a scene. Out: a Plan, to be shown and carried out as any other, or an outcome in a line. A move by hand is
not repeated and not undone; with `hold` an override on the VM tells placement to leave it there
(place/moving/movers/override.py). Called by `gitvirt migrate`.
"""

from __future__ import annotations

from collections.abc import Iterable

from drivers.mark import Mark
from reconciler.diff import doubles
from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.operations.overrides import put, until, write
from reconciler.operations.scene import Declined, Scene, locate
from reconciler.place.choose import Placement
from reconciler.place.moving import moves
from reconciler.place.moving.movers.override import KIND, declared
from reconciler.place.moving.wish import Home, Move, Wish, home_of
from reconciler.place.room import Room
from reconciler.plan.builder import Builder, Withheld
from reconciler.plan.plan import MarkVm, Plan
from reconciler.plan.planner import assemble, room_of
from reconciler.plan.steps import vm_move
from reconciler.plan.steps.work import Work
from specs.effects import Effect
from specs.resource import Ref
from specs.structs import Struct, replace


class Asked(Struct, frozen=True, kw_only=True):
    """What was asked for: a host or "" for the scheduler's choice; `hold`: the VM shall stay there."""

    to: str = ""
    hold: bool = False


def plan(refs: Iterable[Ref], scene: Scene, asked: Asked) -> Plan:
    """The plan of these moves, held ones included; nothing else of the VMs is changed."""
    builder = Builder(scene.looked.context)
    planner = _Planner(builder=builder, room=room_of(builder), scene=scene, asked=asked, placements={})
    settled = [planner.change(ref) for ref in refs]
    return assemble(settled, builder, planner.placements, [])


class _Planner(Struct, frozen=True, kw_only=True):
    builder: Builder
    room: Room
    scene: Scene
    asked: Asked
    placements: dict[str, Placement]

    def change(self, ref: Ref) -> Change:
        """One VM's move with its steps, or why it is held."""
        base = Change(ref=ref, verb=Verb.UPDATE)
        double = doubles.compare(ref, None, self.scene.looked.context)
        if double is not None:
            return double if double.held else self._kept_back(base, _INTERRUPTED, "`gitvirt apply`")
        try:
            target = locate(ref, self.scene)
            home = home_of(target.wanted, self.scene.looked.context) if target.wanted else None
        except Declined as why:
            return self._kept_back(base, str(why))
        if home is None:
            return self._kept_back(base, "it is not declared, so nothing tells where it may run", "declare it")
        return self._moved(replace(base, host=home.host), home)

    def _moved(self, base: Change, home: Home) -> Change:
        why = f"asked for by {self.scene.by.author}"
        why += f" ({self.scene.by.reason})" if self.scene.by.reason else ""
        if self.asked.hold:
            why += f", held there {until(self.scene.by.until) if self.scene.by.until else 'until `--clear`'}"
        wish = Wish(vm=home.wanted.name, why=why, to=self.asked.to)
        move = moves.settle(wish, "override", self.scene.looked.context, self.room)
        if move is None:
            return self._there(base, home)
        if move.placement is not None:
            self.placements[move.vm] = move.placement
            if not self.asked.to:
                move = replace(move, why=f"{move.why}; {move.placement.why}")
        found = replace(base, fields=(vm_move.field_of(move),))
        if move.held is None:
            try:
                self._steps(home, move)
            except Withheld as reason:
                return reason.of(found)
        return found

    def _steps(self, home: Home, move: Move) -> None:
        work = self._work(home)
        if self.asked.hold:
            self._hold(work, move.target)
        vm_move.leave_first(work, move.target)
        vm_move.leave_last(work, move.target, stopped=False)

    def _there(self, base: Change, home: Home) -> Change:
        """It is there already; with `hold` only the mark learns that it shall stay."""
        field = FieldChange(path="host", before=home.host, after=home.host, effect=Effect.NONE, kind="note")
        if not self.asked.hold:
            return replace(base, verb=Verb.NOTE, fields=(replace(field, note="it is there already"),))
        self._hold(self._work(home), home.host)
        return replace(base, fields=(replace(field, kind="record", note="held there"),))

    def _hold(self, work: Work, host: str) -> None:
        """Notes on the VM where it shall stay."""
        override = self.scene.by.override(KIND, host, declared(work.wanted))
        expects = work.mark.generation
        work.mark = replace(put(work.mark, KIND, override), generation=expects + 1)
        call = MarkVm(uuid=work.vm.uuid, expects=expects, mark=work.mark)
        work.step(call, f"hold it on {host}", key="hold", effect=Effect.NONE)

    def _work(self, home: Home) -> Work:
        return Work(wanted=home.wanted, vm=home.found.vm, host=home.host, mark=home.mark, builder=self.builder)

    def _kept_back(self, base: Change, text: str, fix: str = "") -> Change:
        return base.keep_back(HeldReason.CANNOT_MOVE, text, fix)


_INTERRUPTED = "a former move of it was interrupted, which has to be settled first"


def clear(ref: Ref, scene: Scene) -> str:
    """Takes back that it shall stay where it was put; Declined if nobody said so."""
    target = locate(ref, scene)
    before = target.mark.override(KIND)
    if before is None:
        raise Declined("is not held on any host")

    def without(mark: Mark) -> Mark:
        return put(mark, KIND, None)

    write(target, without)
    return f"is not held on {before.value} any more; the next pass places it as Git says"


def cancel(ref: Ref, scene: Scene) -> str:
    """Ends a migration that is under way, whoever began it; Declined if there is none."""
    target = locate(ref, scene)
    if not target.host.migrations.cancel(target.vm.uuid):
        raise Declined(f"is not on its way; it is on {target.where}")
    return f"its migration is being cancelled; it stays on {target.where}"
