"""What is asked for when a VM shall leave its host for another, and what is told while it does.

`Migration` moves a running VM, `Relocation` the definition of one that is off; both name the VM by uuid and the
generation of the mark that was planned with. In: made by reconciler/plan. Out: taken by a host's `Migrations`, which
also hands `Progress` to whoever wants to show it. drivers/base.py has all of it under its own name too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, Protocol

from drivers.mark import Mark
from specs.structs import Struct

if TYPE_CHECKING:
    from drivers.base import Host

UNFINISHED = ".incoming"
"""The end of the name of a marker volume: beside a copy on a target that is not complete, so that it is made again."""
LastResort = Literal["abort", "suspend", "postcopy"]


class Migration(Struct, frozen=True, kw_only=True):
    """A running VM that shall run on another host. `expects` is the generation of the mark on the source.

    `target_uri` is the libvirt URI by which the source's libvirtd reaches the target's (peer-to-peer); "", or a peer
    that it cannot connect to before anything began: both hosts are led through our own connections (managed direct).
    `address` is the target's address in the migration network ("": the one that we reach it by).
    `copy` are the targets (vda …) of the disks whose content goes along, since the target cannot reach their storage;
    `incremental`: what each of them is an overlay of is there already, the very same, and only the overlays are copied
    (else they arrive as whole images).
    `bandwidth` in MiB/s (0: no limit of ours). `ladder` are pairs of (memory iteration beyond which, downtime in ms);
    the first entry is (0, downtime to begin with). `last_resort` is what comes after the last rung: give up, let the
    guest stand still for `last_downtime` ms, or post-copy, from which there is no way back.
    `parallel` connections for memory (0: one). `timeout`: seconds without progress after which it is aborted (0: ours).
    """

    uuid: str
    expects: int
    target_uri: str = ""
    address: str = ""
    copy: tuple[str, ...] = ()
    incremental: bool = False
    bandwidth: int = 0
    ladder: tuple[tuple[int, int], ...] = ()
    last_resort: LastResort = "abort"
    last_downtime: int = 0
    auto_converge: bool = False
    compressed: bool = False
    zero_copy: bool = False
    parallel: int = 0
    encrypted: bool = False
    timeout: int = 0


class Relocation(Struct, frozen=True, kw_only=True):
    """A VM that is off and shall be defined on another host: the same definition, with `mark` in place of its own.

    `expects` is the generation of the mark on the source. The disks must be where the target reaches them.
    """

    uuid: str
    expects: int
    mark: Mark


class Progress(Struct, frozen=True, kw_only=True):
    """How far a migration is: bytes of memory and of copied disks together; `iteration` of passes over the memory.

    `phase` is "starting", "copying", "post-copy", or "done": the figures of the whole.
    """

    elapsed_ms: int = 0
    total: int = 0
    processed: int = 0
    remaining: int = 0
    iteration: int = 0
    downtime_ms: int = 0
    phase: str = ""


class Migrations(Protocol):
    """Moves of VMs from this host to `target`, a host of the same driver."""

    def migrate(self, request: Migration, target: Host, told: Callable[[Progress], None]) -> None:
        """Returns when the VM runs on the target alone, defined there and with its mark; satisfied if it does already.

        Whatever is raised, at most one copy runs: Busy after a cancel or a guest that never converged, Unknown if it
        cannot be told where the VM runs; `settle` finds out. `told` is called now and then, on another thread; last,
        on this one, with the figures of the whole, if the target has them.
        """

    def relocate(self, request: Relocation, target: Host) -> None:
        """Moves the definition of a VM that is off, with its NVRAM; safe to repeat after an end between two steps."""

    def cancel(self, uuid: str) -> bool:
        """Asks a migration that is under way to stop, whoever began it; False if there is none."""

    def progress(self, uuid: str) -> Progress | None:
        """How far a migration from this host is, whoever began it; None if there is none."""

    def settle(self, uuid: str, target: Host) -> str:
        """After a failure or a crash: looks at both hosts, ends what was left half-done, and says what was found.

        Ends with one copy, or raises Unknown and changes nothing. Never resumes both.
        """
