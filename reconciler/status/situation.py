"""Situation: everything that one look found out, with an index of it by object.

Pure. Made by the commands that look (and later by the API) from a catalog and a Pass; read by every other module of
this package.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from drivers.mark import Mark
from drivers.seen import Address, SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff.change import Change
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.observe.baselines import Baseline
from reconciler.observe.observed import Found
from reconciler.plan.plan import Plan
from specs.catalog import Catalog
from specs.resource import Ref, Resource
from specs.structs import Struct, field

VM = "VirtualMachine"


class Machine(Struct, frozen=True, kw_only=True):
    """A VM as it is declared and as it was found.

    `resource` and `wanted` are None for a VM that nobody declares, `found` is None for one that no read host has.
    `mark` is its mark if it is ours. `twice`: the other places where it is defined too.
    """

    ref: Ref
    resource: Resource | None = None
    wanted: WantedVm | None = None
    found: Found | None = None
    mark: Mark | None = None
    twice: tuple[Found, ...] = ()

    @property
    def vm(self) -> SeenVm | None:
        """What its host reports."""
        return self.found.vm if self.found else None

    @property
    def host(self) -> str:
        """Where it is, or ""."""
        return self.found.host if self.found else ""


class Situation(Struct, frozen=True, kw_only=True, dict=True):
    """One look. `addresses` maps the UUIDs of running VMs to their addresses; who is not in it was not asked.

    `baselines` are the CPUs that all hosts of a cluster have, by cluster, where they were asked for.
    """

    catalog: Catalog
    context: Context
    plan: Plan
    addresses: Mapping[str, tuple[Address, ...]] = field(default_factory=dict)
    baselines: Mapping[str, Baseline] = field(default_factory=dict)

    @cached_property
    def changes(self) -> Mapping[Ref, tuple[Change, ...]]:
        """What the plan has about each object, held changes included; one per host where it is on several."""
        found: dict[Ref, list[Change]] = {}
        for each in self.plan.changes:
            found.setdefault(each.ref, []).append(each)
        return {ref: tuple(changes) for ref, changes in found.items()}

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """Every declared VM, and every VM of ours that is declared no more and does not lie in the trash; by name."""
        declared = [self._declared(each) for each in self.catalog.of(VM)]
        return tuple(sorted([*declared, *self._leftover()], key=lambda each: each.ref))

    @cached_property
    def trashed(self) -> tuple[Machine, ...]:
        """VMs of ours in the trash that nobody declares."""
        return tuple(each for each in self._undeclared() if each.mark and each.mark.trashed)

    @cached_property
    def foreign(self) -> tuple[Machine, ...]:
        """VMs that are not ours: unmarked, of another repository, clones with a copied mark."""
        adopted = {id(each.vm) for each in self.machines if each.vm and each.mark is None}
        observed = self.context.observed
        return tuple(
            Machine(ref=Ref(VM, each.vm.name), found=each)
            for each in observed.vms()
            if observed.owned_mark(each.vm.uuid, each.vm.mark) is None and id(each.vm) not in adopted
        )

    def machine(self, ref: Ref) -> Machine | None:
        """The VM of that ref: declared or ours first, then what lies in the trash, then what is not ours."""
        every = (*self.machines, *self.trashed, *self.foreign)
        return next((each for each in every if each.ref == ref), None)

    def _declared(self, resource: Resource) -> Machine:
        wanted = self.context.wanted.vms[resource.name]
        there = sorted(owned(resource.ref, self.context), key=lambda each: (not each.vm.running, each.host))
        found = there[0] if there else self._consented(wanted)
        mark = found.vm.mark if found and there else None
        return Machine(
            ref=resource.ref, resource=resource, wanted=wanted, found=found, mark=mark, twice=tuple(there[1:])
        )

    def _consented(self, wanted: WantedVm) -> Found | None:
        """The unmarked VM that a declared uuid is going to adopt."""
        there = self.context.observed.by_uuid.get(wanted.uuid, ()) if wanted.uuid else ()
        return next((each for each in there if each.vm.mark is None and not each.vm.mark_damaged), None)

    def _leftover(self) -> Iterator[Machine]:
        return (each for each in self._undeclared() if each.mark and not each.mark.trashed)

    def _undeclared(self) -> Iterator[Machine]:
        wanted = self.context.wanted.vms.values()
        known = {each.ref for each in wanted} | {Ref(VM, each.renamed_from) for each in wanted if each.renamed_from}
        for ref, there in sorted(self.context.observed.owned.items()):
            for each in there if ref not in known else ():
                yield Machine(ref=ref, found=each, mark=each.vm.mark)
