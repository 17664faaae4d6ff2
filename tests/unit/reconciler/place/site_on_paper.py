"""A datacenter on paper for tests of placement: YAML, who runs where, and passes of moves that come true at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from drivers.mark import Mark, Override
from drivers.seen import Capabilities, Power, SeenHost, SeenVm, Unseen
from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import Wanted
from reconciler.diff.context import Context
from reconciler.observe.observed import Observed
from reconciler.place.moving.moves import moves
from reconciler.place.moving.wish import Move
from reconciler.place.room import Room, furnish
from specs.fields import Secret
from specs.load import load
from specs.structs import Struct, field
from specs.tree import TreeFile

MIB, GIB = 1 << 20, 1 << 30
ID = "5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11"


class _Text:
    """A tree of one file."""

    label = "text"

    def __init__(self, text: str) -> None:
        self.text = text.encode()

    def files(self) -> Iterable[TreeFile]:
        yield TreeFile(path="gitvirt.yaml", size=len(self.text))

    def read(self, path: str) -> bytes:
        return self.text


def document(kind: str, name: str, spec: str = "{}", labels: str = "") -> str:
    metadata = f"{{name: {name}, labels: {labels}}}" if labels else f"{{name: {name}}}"
    return f"---\napiVersion: gitvirt/v1\nkind: {kind}\nmetadata: {metadata}\nspec: {spec}\n"


def host(name: str, spec: str = "", labels: str = "") -> str:
    return document("Host", name, f"{{uri: 'qemu+tls://{name}/system'{spec and ', ' + spec}}}", labels)


def vm(name: str, spec: str = "", labels: str = "") -> str:
    return document("VirtualMachine", name, f"{{cpu: 1, memory: 64MiB{spec and ', ' + spec}}}", labels)


def group(name: str, spec: str) -> str:
    return document("AffinityGroup", name, f"{{{spec}}}")


def wanted(*documents: str) -> Wanted:
    """What these documents come to."""
    text = document("Repository", "home", f"{{id: {ID}}}") + "".join(documents)
    return resolve(load(_Text(text)), "r1", Sources(files={}, reveal=lambda ref, where: Secret("x")))


def seen_vm(name: str, running: bool, memory: int = 64 * MIB, migrating: str = "") -> SeenVm:
    own = str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    fields = {"memory": memory, "cpu.count": 1}
    mark = Mark(repository=ID, ref=f"vm/{name}", uuid=own, generation=1, revision="r1")
    return SeenVm(
        name=name, uuid=own, power=Power.RUNNING if running else Power.STOPPED, config=fields,
        live=fields if running else None, mark=mark, migrating=migrating,
    )  # fmt: skip


class Paper(Struct, kw_only=True, dict=True):
    """`where` maps VMs to hosts; `off` are those that do not run; `unseen` are hosts that do not answer.

    `migrating` are VMs that leave their host; `overrides` are what operators asked of hosts and clusters, by ref.
    """

    wanted: Wanted
    where: dict[str, str]
    off: frozenset[str] = frozenset()
    unseen: frozenset[str] = frozenset()
    loads: Mapping[str, float] = field(default_factory=dict)
    vm_loads: Mapping[tuple[str, str], float] = field(default_factory=dict)
    memory: int = 8 * GIB
    migrating: frozenset[str] = frozenset()
    overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)
    backoff: Mapping[str, str] = field(default_factory=dict)

    def context(self) -> Context:
        hosts = {name: self._host(name) for name in self.wanted.hosts}
        observed = Observed(hosts=hosts, taken=1, repository=ID, loads=self.loads, vm_loads=self.vm_loads)
        return Context(
            wanted=self.wanted, observed=observed, now=1, digest=str, overrides=self.overrides, backoff=self.backoff
        )

    def _host(self, name: str) -> SeenHost | Unseen:
        if name in self.unseen:
            return Unseen(name=name, reason="no answer")
        there = [each for each, at in sorted(self.where.items()) if at == name]
        vms = tuple(
            seen_vm(each, each not in self.off, self._size(each), "out" if each in self.migrating else "")
            for each in there
        )
        taken = sum(self._size(each) for each in there if each not in self.off)
        return SeenHost(
            name=name, uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)), cpus=4, memory=self.memory,
            memory_free=self.memory - taken, capabilities=Capabilities(), vms=vms,
        )  # fmt: skip

    def _size(self, name: str) -> int:
        return int(str(self.wanted.vms[name].fields["memory"]))

    def room(self) -> Room:
        return furnish(self.context(), {}, {})

    def moves(self) -> dict[str, Move]:
        """What one pass would move or hold back."""
        context = self.context()
        return moves(context, furnish(context, {}, {}))

    def step(self) -> list[str]:
        """One pass whose moves come true; they as `a: kvm1 → kvm2`."""
        done = []
        for name, move in self.moves().items():
            if move.held is None:
                self.where[name] = move.target
                done.append(f"{name}: {move.source} → {move.target}")
        return done

    def settle(self, most: int = 100) -> list[str]:
        """Passes until one moves nothing."""
        done: list[str] = []
        for _ in range(most):
            step = self.step()
            if not step:
                return done
            done += step
        raise AssertionError(f"no end of moves: {done[-10:]}")


def paper(documents: str, where: str, **options: object) -> Paper:
    """From documents and a text such as `kvm1: a b, kvm2: c`."""
    places = {}
    for part in filter(None, where.split(",")):
        name, _, vms = part.partition(":")
        places.update(dict.fromkeys(vms.split(), name.strip()))
    return Paper(wanted=wanted(documents), where=places, **options)  # type: ignore[arg-type]
