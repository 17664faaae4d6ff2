"""From `migration:` of a cluster and a VM to the rules of one VM's migrations: oVirt's four policies, with overrides.

Pure. Called by desired/vm.py; read by moving/preflight.py and plan/steps/vm_move.py. A ladder is what is done while a
guest writes faster than is sent: (pass over the memory beyond which, downtime in ms that is then allowed).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from drivers.moving import LastResort
from specs.structs import Struct, replace

Ladder = tuple[tuple[int, int], ...]
Mode = Literal["automatic", "manual", "never"]

_STEADY: Ladder = ((0, 100), (1, 150), (2, 200), (3, 300), (4, 400), (6, 500))


class MigrationRules(Struct, frozen=True, kw_only=True):
    """How one VM migrates. `bandwidth` in MiB/s for all migrations of a host together, 0 for no limit.

    `concurrent`: how many may leave a host, and come to one, at once. `timeout` in seconds, 0 for the built-in one.
    """

    mode: Mode = "automatic"
    policy: str = "minimalDowntime"
    concurrent: int = 2
    ladder: Ladder = _STEADY
    last_resort: LastResort = "abort"
    last_downtime: int = 0
    auto_converge: bool = True
    compressed: bool = False
    zero_copy: bool = False
    encrypted: bool = False
    parallel: int = 0
    bandwidth: int = 0
    peer_to_peer: bool = True
    timeout: int = 0

    @property
    def share(self) -> int:
        """MiB/s of one migration; the limit is shared by those that may go on at once. 0: no limit."""
        return max(self.bandwidth // self.concurrent, 1) if self.bandwidth else 0


POLICIES: Mapping[str, MigrationRules] = {
    "minimalDowntime": MigrationRules(),
    "suspendIfNeeded": MigrationRules(
        policy="suspendIfNeeded", concurrent=1, last_resort="suspend", last_downtime=5000, compressed=True
    ),
    "postCopy": MigrationRules(
        policy="postCopy", ladder=((0, 100), (1, 150), (2, 200)), last_resort="postcopy"
    ),
    "veryLarge": MigrationRules(
        policy="veryLarge", concurrent=1, ladder=((0, 300), (1, 400), (2, 500), (3, 700), (4, 1000), (6, 1500)),
        last_resort="suspend", last_downtime=5000, zero_copy=True,
    ),
}  # fmt: skip


def migration_rules(cluster: Any, vm: Any) -> MigrationRules:
    """The rules of a VM: `cluster` and `vm` are their `migration:` (None where nothing is declared)."""
    told = _told(cluster) | _told(vm)
    rules = POLICIES[told.pop("policy", "minimalDowntime")]
    rules = replace(rules, **{name: value for name, value in told.items() if name != "bandwidth"})
    if size := told.get("bandwidth"):
        rules = replace(rules, bandwidth=max(size >> 20, 1))
    return _consistent(rules)


def _told(settings: Any) -> dict[str, Any]:
    """What was declared, by the names of the rules."""
    return {} if settings is None else settings.model_dump(exclude_none=True)


def _consistent(rules: MigrationRules) -> MigrationRules:
    """Without what QEMU cannot do together: compression or post-copy over parallel connections, zero-copy but so.

    A VM whose policy ends in post-copy but has parallel connections gives up instead, as oVirt does it.
    """
    if rules.parallel:
        last = "abort" if rules.last_resort == "postcopy" else rules.last_resort
        rules = replace(rules, compressed=False, last_resort=last)
    return replace(rules, zero_copy=rules.zero_copy and bool(rules.parallel) and not rules.encrypted)
