"""What a comparison looks at beside the two objects: the whole of both sides, the time, and what a person allowed.

Pure values; made once per pass by `reconciler.cycle`, handed to diff, place and plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drivers.mark import Override
from reconciler.desired.wanted import Wanted
from reconciler.observe.observed import Flight, Observed, between
from specs.fields import Scalar, Secret
from specs.structs import Struct, field


class Allowed(Struct, frozen=True, kw_only=True):
    """What the person at the command line spoke out: see `--allow`, `--force-revision`, `--target`."""

    deletions: int | None = None
    refs: frozenset[str] = frozenset()
    force_revision: bool = False
    targets: frozenset[str] = frozenset()


class Context(Struct, frozen=True, kw_only=True):
    """One pass. `now` in unix seconds; `digest` hides a secret; `ancestors`: revisions that ours descends from.

    `ancestors` is None where there is no history (a plain folder): then every mark's revision is accepted.
    `backoff` maps VMs by ref to why they are not moved for the better yet. `present`: image files that can be read,
    with sizes.
    `holds`: what operators hold beside the marks, by ref ("cluster/lab"; the repository's own ref for everything).
    `overrides`: what operators asked of hosts and clusters, by ref (reconciler/observe/overrides.py). `silent`: since
    when a host does not answer (unix seconds), as far as that is known: a single look cannot tell.
    `refused`: VMs whose `xml:` patches their host would not take, by ref, with the host's reason.
    `flights`: VMs between two hosts, by uuid (reconciler/observe/flights.py).
    `former` hides a secret under the keys that were ours before, which a mark may still have used (reconciler/key.py).
    `secrets_comparable` is false where the observation comes from a file, which has secrets as somebody's digests.
    """

    wanted: Wanted
    observed: Observed
    now: int
    digest: Callable[[Secret], str]
    ancestors: frozenset[str] | None = None
    allowed: Allowed = field(default_factory=Allowed)
    backoff: Mapping[str, str] = field(default_factory=dict)
    present: Mapping[str, int] = field(default_factory=dict)
    holds: Mapping[str, Override] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    overrides: Mapping[str, tuple[Override, ...]] = field(default_factory=dict)
    silent: Mapping[str, int] = field(default_factory=dict)
    flights: Mapping[str, Flight] = field(default_factory=dict)
    secrets_comparable: bool = True
    former: Callable[[Secret], tuple[str, ...]] = lambda secret: ()

    def flight(self, uuid: str) -> Flight | None:
        """Where a VM is on its way from and to; None if it is not between two hosts."""
        there = self.observed.by_uuid.get(uuid, [])
        if not any(each.vm.migrating for each in there):
            return None
        return self.flights.get(uuid) or between(there)

    def stored(self, value: Scalar) -> str | int | bool | None:
        """A value as marks and saved plans hold it."""
        return self.digest(value) if isinstance(value, Secret) else value

    def comparable(self, value: Scalar) -> bool:
        """False for a secret where the other side was hidden by somebody else."""
        return self.secrets_comparable or not isinstance(value, Secret)

    def knows(self, stored: object, value: Scalar) -> bool:
        """Whether a mark that holds `stored` means this value, under our key or a former one."""
        return stored == self.stored(value) or (isinstance(value, Secret) and stored in self.former(value))

    def descends(self, revision: str) -> bool:
        """True if an object last changed at `revision` may be changed by ours."""
        if self.ancestors is None or self.allowed.force_revision or not revision:
            return True
        return revision.partition("+")[0] in self.ancestors
