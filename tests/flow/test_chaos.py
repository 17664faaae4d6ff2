"""Chaos: random edits of the repository and random misfortunes between and during passes, from a seed.

Whatever happens, no VM ever runs twice, no data is lost, nothing foreign is touched; and when the misfortunes end, a
few passes bring everything to what Git says. Two short seeds run in the tests; `make soak` runs many (GITVIRT_SEEDS).
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import Busy, Refused
from drivers.memory.faults import Crash
from drivers.seen import Power, SeenHost
from tests.flow.site import Site, said, vm_yaml

SEEDS = int(os.environ.get("GITVIRT_SEEDS", "2"))
ROUNDS = 25
NAMES = ("web", "db", "mail", "proxy")


class Chaos:
    """One run: a site, chance, and what the repository declares now."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.chance = random.Random(seed)
        self.site = Site(folder, hosts=3)
        self.declared: dict[str, str] = {}
        self.site.world.outside("kvm1").define("foreign", {"memory": 1 << 28, "memoryMax": 1 << 28})
        self.foreign = self.site.domain("foreign")

    def edit(self) -> None:
        """A commit: a VM made, changed or removed."""
        name = self.chance.choice(NAMES)
        if name in self.declared and self.chance.random() < 0.3:
            del self.declared[name]
        else:
            memory = self.chance.choice((96, 128, 192))
            data = self.chance.choice(("", ", {name: data, size: 1GiB}", ", {name: more, size: 2GiB}"))
            state = self.chance.choice(("running", "running", "stopped"))
            self.declared[name] = (
                f"=cpu: {self.chance.choice((1, 2))}, memory: {memory}MiB, memoryMax: 1GiB, state: {state}, "
                f"disks: [{{name: root, image: guest}}{data}], nics: [lan]"
            )
        self.site.vms(*(vm_yaml(each, spec) for each, spec in self.declared.items()))

    def misfortune(self) -> None:
        """Something happens to the world, or will happen to the next pass."""
        self.chance.choice((self.host_off, self.cut, self.kill, self.shutdown, self.crash, self.fail, self.tamper))()

    def _running(self) -> list[tuple[str, str]]:
        return [
            (host, vm.name)
            for host, seen in self.site.world.observe().items()
            if isinstance(seen, SeenHost)
            for vm in seen.vms
            if vm.power is Power.RUNNING and vm.name in NAMES
        ]

    def _victim(self, deed: Callable[[str, str], None]) -> None:
        running = self._running()
        if running:
            deed(*self.chance.choice(running))

    def host_off(self) -> None:
        self.site.world.power_off(self.chance.choice(self.site.names))

    def cut(self) -> None:
        self.site.world.cut(self.chance.choice(self.site.names))

    def kill(self) -> None:
        self._victim(lambda host, name: self.site.world.outside(host).kill(name))

    def shutdown(self) -> None:
        self._victim(lambda host, name: self.site.world.outside(host).guest_shutdown(name))

    def tamper(self) -> None:
        self._victim(lambda host, name: self.site.world.outside(host).change(name, "description", "by hand"))

    def crash(self) -> None:
        moment = self.chance.choice(("before", "after"))
        self.site.world.faults.crash(self.chance.randint(1, 12), moment)  # type: ignore[arg-type]

    def fail(self) -> None:
        self.site.world.faults.fail(self.chance.randint(1, 12), self.chance.choice((Busy, Refused)))

    def heal(self) -> None:
        """All hosts are on and reachable, nothing fails any more."""
        self.site.world.faults.revive()
        for name in self.site.names:
            self.site.world.power_on(name)
            self.site.world.restore(name)

    def sound(self) -> None:
        """What must hold at every moment."""
        assert not self.site.world.doubles
        assert not self.site.world.damage
        if isinstance(self.site.world.observe()["kvm1"], SeenHost):
            assert self.site.domain("foreign") == self.foreign

    def pass_once(self) -> None:
        try:
            self.site.apply(deletions=len(NAMES), refs=frozenset(f"vm/{each}" for each in NAMES))
        except Crash:
            self.site.world.faults.revive()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_happens_nothing_is_lost_and_it_converges(seed: int, tmp_path: Path) -> None:
    chaos = Chaos(tmp_path, seed)
    for _ in range(ROUNDS):
        if chaos.chance.random() < 0.5:
            chaos.edit()
        if chaos.chance.random() < 0.6:
            chaos.misfortune()
        chaos.pass_once()
        chaos.site.clock.advance(60)
        chaos.sound()
        if chaos.chance.random() < 0.4:
            chaos.heal()
    chaos.heal()
    for _ in range(4):
        chaos.pass_once()
        chaos.sound()
    plan = chaos.site.plan(deletions=len(NAMES), refs=frozenset(f"vm/{each}" for each in NAMES))
    assert plan.empty, (seed, said(plan))
    for name, spec in chaos.declared.items():
        _, vm = chaos.site.domain(name)
        assert vm.mark is not None
        assert not vm.mark.trashed
        if "state: stopped" in spec:
            assert vm.power is Power.STOPPED
