"""A simulated datacenter whose VMs move, and what must hold of it at every moment. Used by chaos and properties.

`Moving` has three hosts, VMs with rules about where they may be, a foreign VM, and data in every disk. `sound` looks at
the world itself, not at what gitvirt says of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from drivers.memory.faults import Crash
from drivers.memory.model.domain import Domain
from drivers.seen import Power
from reconciler.apply.outcome import GOOD
from reconciler.plan.plan import MigrateVm, Plan, RelocateVm
from specs.structs import Struct
from tests.flow.site import BASE, Site, host_yaml, said, vm_yaml

FOREIGN = "foreign"
SHARED = "/srv/shared"
NAMES = ("red", "blue", "green", "grey", "gold", "white")
CLUSTER = """---
apiVersion: gitvirt/v1
kind: Cluster
metadata: {name: default}
spec: {migration: {peerToPeer: false}}
"""
APART = """
apiVersion: gitvirt/v1
kind: AffinityGroup
metadata: {name: apart}
spec: {vms: [red, blue], vmRule: {polarity: negative, enforcing: true}}
---
apiVersion: gitvirt/v1
kind: AffinityGroup
metadata: {name: near}
spec: {vms: [green, grey], vmRule: {polarity: positive, enforcing: false}}
---
apiVersion: gitvirt/v1
kind: AffinityGroup
metadata: {name: licensed}
spec: {vms: [gold], hosts: [kvm1, kvm3], hostRule: {polarity: positive, enforcing: true}}
"""


class Declared(Struct):
    """What the repository says of one VM."""

    state: str = "running"
    hosts: tuple[str, ...] = ()
    disks: str = "[{name: root, image: guest}, {name: data, size: 1GiB}]"
    memory: int = 96

    def text(self, name: str) -> str:
        only = f", hosts: [{', '.join(self.hosts)}]" if self.hosts else ""
        return vm_yaml(
            name,
            f"=cpu: 1, memory: {self.memory}MiB, memoryMax: 256MiB, nics: [lan], restart: always, "
            f"state: {self.state}, disks: {self.disks}{only}",
        )


@dataclass(slots=True)
class Moving:
    """The site, what it declares, and what every disk has to hold."""

    folder: Path
    vms: dict[str, Declared] = field(default_factory=lambda: {name: Declared() for name in NAMES})
    maintenance: set[str] = field(default_factory=set)
    direct: bool = False
    written: dict[str, bytes] = field(default_factory=dict)
    site: Site = field(init=False)
    foreign: str = field(init=False)

    def __post_init__(self) -> None:
        self.site = Site(self.folder, hosts=3)
        self.site.write("rules.yaml", APART)
        self.vms["grey"].state = "stopped"
        outside = self.site.world.outside("kvm2")
        stranger = outside.define(FOREIGN, {"memory": 1 << 28, "memoryMax": 1 << 28})
        self.foreign = stranger.digest()
        self.declare()

    def declare(self) -> None:
        """Writes the repository."""
        hosts = (host_yaml(name, ", maintenance: true" * (name in self.maintenance)) for name in self.site.names)
        self.site.write("gitvirt.yaml", BASE + CLUSTER * self.direct + "".join(hosts))
        self.site.vms(*(each.text(name) for name, each in self.vms.items()))

    def copies(self, name: str) -> list[tuple[str, Domain]]:
        """(host, domain) of every domain of that name, whether its host can be reached or not."""
        hosts = self.site.world.hosts.values()
        return [(host.name, each) for host in hosts for each in host.domains.values() if each.name == name]

    def runs(self, name: str) -> list[tuple[str, Domain]]:
        """Those whose CPUs are or will be running: not the shells of a migration that is under way."""
        return [(host, each) for host, each in self.copies(name) if each.live is not None and not each.migrating]

    def write(self, name: str) -> None:
        """The guest writes to its data disk."""
        for host, domain in self.runs(name):
            if domain.power is Power.RUNNING:
                data = f"{name} {len(self.written.get(name, b''))};".encode()
                self.site.world.outside(host).guest_writes(name, "disks[data]", data)
                self.written[name] = self.written.get(name, b"") + data

    def sound(self) -> None:
        """What must hold at every moment, whatever happened."""
        world = self.site.world
        assert not world.doubles, world.doubles
        assert not world.damage, world.damage
        for name in self.vms:
            assert len(self.runs(name)) <= 1, (name, self.runs(name))
        contents = [file.content for each in world.directories if each.path == SHARED for file in each.files.values()]
        for name, data in self.written.items():
            assert data in contents, f"what {name} wrote is lost"
        stranger = world.outside("kvm2").domain(FOREIGN)
        assert (stranger.digest(), stranger.mark) == (self.foreign, None), "the foreign VM is another"
        assert not [call for call in world.journal if call.object == FOREIGN], "the foreign VM was touched"

    def pass_once(self) -> Plan:
        """One pass of a process that may die in it; its plan."""
        looked = self.site.look()
        self.obeys(looked.plan)
        try:
            run = self.site.act(looked)
        except Crash:
            self.site.world.faults.revive()
        else:
            for each in run.outcomes.values():
                if isinstance(each.step.call, MigrateVm) and each.status in GOOD:
                    there = {host for host, _ in self.runs(each.step.ref.name)}
                    assert there <= {each.step.call.target}, f"{each.step.ref} is said to have moved"
        return looked.plan

    def usable(self, host: str) -> bool:
        """Can gitvirt reach it?"""
        state = self.site.world.hosts[host]
        return state.reachable and state.powered

    def obeys(self, plan: Plan) -> None:
        """No move of this plan breaks a hard rule, but one between VMs, named in the plan, to empty a host."""
        where = {name: host for name in self.vms for host, _ in self.runs(name)}
        rivals = {"red": "blue", "blue": "red"}
        for step in plan.steps:
            if isinstance(step.call, MigrateVm | RelocateVm):
                name, target = step.ref.name, step.call.target
                assert name in self.vms, f"{name} is not declared, and is to be moved"
                wanted = self.vms[name]
                assert not wanted.hosts or target in wanted.hosts, said(plan)
                assert name != "gold" or target in ("kvm1", "kvm3"), said(plan)
                assert target not in self.maintenance, said(plan)
                others = set(wanted.hosts or self.site.names) - {target, where.get(name)} - self.maintenance
                free = [each for each in others if self.usable(each) and where.get(rivals.get(name, "")) != each]
                needless = target == where.get(rivals.get(name, "")) and free
                assert not needless, (f"{name} goes to its rival, though {free} would do", said(plan))
                where[name] = target
        moved = {step.ref.name for step in plan.steps if isinstance(step.call, MigrateVm)}
        together = where.get("red") is not None and where.get("red") == where.get("blue")
        if together and moved & {"red", "blue"}:
            notes = [each.note for change in plan.changes for each in change.fields if change.ref.name in moved]
            assert any("apart" in note for note in notes), said(plan)
