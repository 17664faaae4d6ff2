"""The VM that a plan is changing: its mark after the steps so far, and the last of them. Used by plan/steps/vm_*.py."""

from __future__ import annotations

from typing import Any, Unpack

from drivers.mark import Mark
from drivers.seen import SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.plan import marks
from reconciler.plan.builder import Builder, Options
from reconciler.plan.plan import Call, MarkVm
from specs.effects import Effect
from specs.structs import Struct


class Work(Struct, kw_only=True):
    """One VM under change: the mark as it will be after the steps so far, and the last step."""

    wanted: WantedVm
    vm: SeenVm
    host: str
    mark: Mark
    builder: Builder
    last: str = ""

    def step(self, call: Call, what: str, **options: Unpack[Options]) -> str:
        """Adds a step after everything so far."""
        options["after"] = (self.last, *options.get("after", ()))
        self.last = self.builder.add(self.wanted.ref, self.host, call, what, **options)
        return self.last

    def write(self, what: str, key: str, **values: Any) -> None:
        """Adds a step that writes the next generation of the mark, and nothing else."""
        expects = self.mark.generation
        self.mark = marks.following(self.mark, self.builder.context, **values)
        self.step(MarkVm(uuid=self.vm.uuid, expects=expects, mark=self.mark), what, key=key, effect=Effect.NONE)

    def pool(self, domain: str) -> str:
        """The libvirt name of the pool that serves a storage domain on the VM's host."""
        wanted = self.builder.context.wanted.pools.get(domain)
        return self.builder.libvirt_pool(wanted, self.host) if wanted else domain
