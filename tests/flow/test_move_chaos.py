"""Chaos with moves: hosts are drained, lost and cut from each other, gitvirt dies in mid-migration, hands interfere.

No VM ever runs twice, none is started anew unless it died, what a guest wrote is never lost, no hard rule is broken by
a move; and when the misfortunes end, a few passes bring everything to what Git says. Two short seeds run in the tests;
`make soak` runs many (GITVIRT_SEEDS).
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from drivers.base import Migration
from drivers.errors import Busy, DriverError, Refused, Unknown
from drivers.memory.calls import Call
from drivers.memory.journey import PHASES
from drivers.seen import Power
from specs.structs import replace
from tests.flow.moving_site import NAMES, Moving
from tests.flow.site import said

SEEDS = int(os.environ.get("GITVIRT_SEEDS", "2"))
ROUNDS = 40
MOVABLE = ("red", "blue", "green", "white")


def moves(call: Call) -> bool:
    """The calls that a fault of a move strikes."""
    return call.method in ("migrate", "relocate")


class Chaos(Moving):
    """One run: what may happen, and chance. `deadly`: VMs may die as well, not only move."""

    def begin(self, seed: int, *, deadly: bool) -> None:
        self.chance = random.Random(seed)
        self.deaths = dict.fromkeys(NAMES, 0)
        self.mild = [
            self.cut, self.part, self.crash_anywhere, self.crash_in_a_move, self.fail, self.fail_a_move, self.lose_path,
            self.restless, self.by_hand, self.by_hand, self.cancel,
        ]  # fmt: skip
        self.harsh = [self.host_off, self.host_dies_in_a_move, self.kill] if deadly else []

    # What Git says.

    def edit(self) -> None:
        """A commit: maintenance on or off, a VM that may run elsewhere, one more disk."""
        what = self.chance.random()
        if what < 0.1:
            self.direct = not self.direct
        elif what < 0.6:
            self.maintenance = set(self.chance.sample(self.site.names, self.chance.choice((0, 1, 1))))
        else:
            name = self.chance.choice(MOVABLE)
            self.vms[name].hosts = self.chance.choice(((), ("kvm1", "kvm2"), ("kvm2", "kvm3")))
        self.declare()

    # What happens to the world, or will happen in the next pass.

    def misfortune(self) -> None:
        self.chance.choice(self.mild + self.harsh)()

    def _host(self) -> str:
        return self.chance.choice(self.site.names)

    def cut(self) -> None:
        self.site.world.cut(self._host())

    def part(self) -> None:
        self.site.world.cut_between(*self.chance.sample(self.site.names, 2))

    def crash_anywhere(self) -> None:
        self.site.world.faults.crash(self.chance.randint(1, 10), self.chance.choice(("before", "after")))

    def crash_in_a_move(self) -> None:
        nth = self.chance.randint(1, 3)
        self.site.world.faults.crash(nth, "midway", where=moves, phase=self.chance.choice(PHASES))

    def fail(self) -> None:
        self.site.world.faults.fail(self.chance.randint(1, 10), self.chance.choice((Busy, Refused)))

    def fail_a_move(self) -> None:
        effect = self.chance.random() < 0.5
        self.site.world.faults.fail(self.chance.randint(1, 3), Unknown, effect=effect, where=moves)

    def lose_path(self) -> None:
        pair = self.chance.sample(self.site.names, 2)
        phase = self.chance.choice(PHASES)
        self.site.world.faults.during(phase, lambda: self.site.world.cut_between(*pair), where=moves)

    def cancel(self) -> None:
        def everything() -> None:
            for journey in self.site.world.journeys.values():
                journey.cancelled = True

        self.site.world.faults.during(self.chance.choice(PHASES), everything, where=moves)

    def restless(self) -> None:
        """A guest that never converges, or does so late, or again as before."""
        for _, domain in self.runs(self.chance.choice(MOVABLE)):
            domain.guest = replace(domain.guest, needs_downtime=self.chance.choice((-1, 400, 0)))

    def by_hand(self) -> None:
        """`virsh migrate --live --p2p --persistent`, with or without `--undefinesource`."""
        name, target = self.chance.choice(MOVABLE), self._host()
        for source, domain in self.runs(name):
            host, left = self.site.world.host(source), replace(domain, live=None, opened=[], power=Power.STOPPED)
            request = Migration(
                uuid=domain.uuid, expects=domain.mark.generation if domain.mark else 0, target_uri="qemu+tls://x/system"
            )
            self.site.world.faults.revive()
            try:
                host.migrations.migrate(request, self.site.world.host(target), lambda progress: None)
            except DriverError:
                return
            if self.chance.random() < 0.5 and target != source:
                self.site.world.hosts[source].domains[domain.uuid] = left

    def _dies(self, host: str) -> None:
        for name in NAMES:
            there = [each for place, each in self.copies(name) if place == host and each.live is not None]
            self.deaths[name] += any(each.migrating != "in" for each in there)

    def host_off(self) -> None:
        host = self._host()
        self._dies(host)
        self.site.world.power_off(host)

    def host_dies_in_a_move(self) -> None:
        host = self._host()

        def off() -> None:
            self._dies(host)
            self.site.world.power_off(host)

        self.site.world.faults.during(self.chance.choice(PHASES), off, where=moves)

    def kill(self) -> None:
        name = self.chance.choice(NAMES)
        for host, domain in self.runs(name):
            if domain.power is Power.RUNNING:
                self.deaths[name] += 1
                self.site.world.outside(host).kill(name)

    def heal(self) -> None:
        """All hosts are on and reach each other, nothing fails any more, guests converge."""
        world = self.site.world
        world.faults.revive()
        world.apart.clear()
        for name in self.site.names:
            world.power_on(name)
            world.restore(name)
        for name in NAMES:
            for _, domain in self.copies(name):
                domain.guest = replace(domain.guest, needs_downtime=0)

    def assert_none_was_started_without_need(self) -> None:
        """A migration goes on with the same QEMU run; only a VM that died is booted again."""
        for name in NAMES:
            for _, domain in self.runs(name):
                assert domain.boots <= 1 + self.deaths[name], f"{name} was booted {domain.boots} times"
                assert domain.resets == 0


@pytest.mark.parametrize("deadly", [False, True], ids=["mild", "deadly"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_to_moves_each_vm_runs_once_and_goes_on(seed: int, deadly: bool, tmp_path: Path) -> None:
    chaos = Chaos(tmp_path)
    chaos.begin(seed, deadly=deadly)
    chaos.site.settle()
    for _ in range(ROUNDS):
        if chaos.chance.random() < 0.5:
            chaos.edit()
        if chaos.chance.random() < 0.7:
            chaos.misfortune()
        chaos.write(chaos.chance.choice(NAMES))
        chaos.pass_once()
        chaos.site.clock.advance(60)
        chaos.sound()
        if chaos.chance.random() < 0.4:
            chaos.heal()
    chaos.heal()
    for _ in range(8):
        chaos.pass_once()
        chaos.site.clock.advance(60)
        chaos.sound()
    plan = chaos.site.plan()
    assert plan.empty, (seed, said(plan))
    chaos.assert_none_was_started_without_need()
    for name, declared in chaos.vms.items():
        (found,) = chaos.copies(name)
        assert (found[1].power is Power.RUNNING) == (declared.state == "running"), (seed, name, found[0])
        assert found[0] not in chaos.maintenance or found[1].power is Power.STOPPED, (seed, name, found[0])
        assert found[1].mark is not None
