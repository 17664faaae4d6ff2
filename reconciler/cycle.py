"""One pass of the reconciler: what is wanted, what is there, what differs, what to do, do it.

Called by the CLI (`plan`, `apply`) and by the daemon on every wake-up. Knows the order of the stages and nothing
else; each stage is a package of its own. `think` is pure: the same inputs give the same plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from drivers.base import Host
from drivers.mark import Override
from reconciler.apply.arrivals import arrivals
from reconciler.apply.outcome import Run
from reconciler.apply.walk import Walker, walk
from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import Wanted, WantedHost
from reconciler.diff.compare import compare
from reconciler.diff.context import Allowed, Context
from reconciler.observe import leaving
from reconciler.observe.again import overlooked, sure
from reconciler.observe.collect import collect
from reconciler.observe.devices import with_devices
from reconciler.observe.flights import flights
from reconciler.observe.observed import Flight, Observed
from reconciler.observe.refused import refusals
from reconciler.observe.register import Register
from reconciler.place.hosts import hostdevices
from reconciler.place.hosts.hoststate import LOST
from reconciler.plan import planner
from reconciler.plan.plan import Plan
from specs.catalog import Catalog
from specs.fields import Secret
from specs.structs import Struct, field, replace


class Revision(Struct, frozen=True, kw_only=True):
    """A revision as it was loaded: the catalog, its name, and a question about history.

    `ancestors` takes commit ids and returns those that this revision descends from (itself included), or None where
    there is no history. `sources` are what the YAML refers to outside of itself.
    """

    catalog: Catalog
    name: str
    sources: Sources
    ancestors: Callable[[Iterable[str]], frozenset[str] | None] = lambda ids: None


class Outside(Struct, frozen=True, kw_only=True):
    """The world as a pass reaches it: hosts by declaration, time, our key, our memory of hosts, of holds and overrides.

    `silent`: since when each host that was not read does not answer; `measured`: an observation with what is known of
    CPU loads; `backoff`: VMs that are not moved for the better yet. Only a daemon can know these. `end` takes an
    override away: (repository, ref, kind).
    """

    connect: Callable[[WantedHost], Host]
    now: Callable[[], int]
    digest: Callable[[Secret], str]
    former: Callable[[Secret], tuple[str, ...]] = lambda secret: ()
    register: Callable[[str], Register]
    holds: Callable[[str], Mapping[str, Override]] = lambda repository: {}
    overrides: Callable[[str], Mapping[str, tuple[Override, ...]]] = lambda repository: {}
    end: Callable[[str, str, str], object] = lambda repository, ref, kind: None
    silent: Callable[[Observed], Mapping[str, int]] = lambda observed: {}
    backoff: Callable[[int], Mapping[str, str]] = lambda now: {}
    measured: Callable[[Wanted, Observed, Mapping[str, Host]], Observed] = lambda wanted, observed, hosts: observed


class Pass(Struct, frozen=True, kw_only=True, dict=True):
    """What a pass found out: everything that the faces show, and what `act` needs."""

    context: Context
    plan: Plan
    hosts: Mapping[str, Host] = field(default_factory=dict)
    register: Register | None = None


def look(revision: Revision, outside: Outside, allowed: Allowed | None = None, anew: bool = True) -> Pass:
    """Observes every host and plans; changes nothing. `anew`: once more where a VM moved between two readings."""
    wanted = resolve(revision.catalog, revision.name, revision.sources)
    register = outside.register(wanted.repository)
    entries = register.known()
    wanted = leaving.with_leaving(wanted, entries)
    hosts = {name: outside.connect(host) for name, host in wanted.hosts.items()}
    wanted, observed = leaving.without_idle(wanted, collect(hosts, wanted.repository, outside.now()), entries)
    observed = leaving.told(observed, wanted, entries)
    if staying := leaving.staying(entries, wanted, observed):
        again = resolve(revision.catalog, revision.name, revision.sources, staying)
        wanted = replace(again, hosts={**wanted.hosts, **again.hosts})
    observed = with_devices(observed, hosts, hostdevices.asking(wanted))
    observed = register.complete(observed, wanted.hosts)
    observed, back = leaving.without_lost(observed, outside.overrides(wanted.repository))
    for name in back:
        outside.end(wanted.repository, f"host/{name}", LOST)
    register.learn(observed, wanted.hosts, entries)
    observed = outside.measured(wanted, observed, hosts)
    observed = sure(observed, hosts)
    between = flights(observed, hosts)
    context, plan = think(wanted, observed, revision, outside, allowed or Allowed(), between)
    if anew and overlooked(plan.steps, hosts):
        return look(revision, outside, allowed, anew=False)
    if refused := refusals(plan.steps, hosts):
        context = replace(context, refused=refused)
        plan = planner.make(compare(context), context)
    return Pass(context=context, plan=plan, hosts=hosts, register=register)


def think(
    wanted: Wanted,
    observed: Observed,
    revision: Revision,
    outside: Outside,
    allowed: Allowed,
    between: Mapping[str, Flight] | None = None,
) -> tuple[Context, Plan]:
    """The plan for what was observed; pure but for the question about history."""
    wanted = hostdevices.settle(wanted, observed)
    context = Context(
        wanted=wanted,
        observed=observed,
        now=observed.taken,
        digest=outside.digest,
        former=outside.former,
        ancestors=revision.ancestors(marked_revisions(observed)),
        allowed=allowed,
        present={file: facts.size for file, facts in revision.sources.files.items()},
        holds=outside.holds(wanted.repository),
        overrides=outside.overrides(wanted.repository),
        silent=outside.silent(observed),
        backoff=outside.backoff(observed.taken),
        flights=between or {},
        secrets_comparable=not observed.recorded,
    )
    return context, planner.make(compare(context), context)


def act(looked: Pass, walker: Walker) -> Run:
    """Makes the plan true, as far as it goes. ValueError if it brings VMs to hosts and there is no register.

    The register has to say that a host holds a VM before it does: the host may leave Git before the next look. It says
    so once more afterwards, since somebody else may have looked meanwhile, and have seen the host empty.
    """
    _expect(looked)
    try:
        return walk(looked.plan, walker)
    finally:
        _expect(looked)


def _expect(looked: Pass) -> None:
    if not (coming := arrivals(looked.plan.steps)):
        return
    if looked.register is None:
        raise ValueError(f"no register of hosts to note that VMs come to {', '.join(sorted(coming))}")
    looked.register.expect(looked.context.observed, looked.context.wanted.hosts, coming)


def marked_revisions(observed: Observed) -> frozenset[str]:
    """The commits named in the marks of all objects of ours."""
    marks = [each.vm.mark for owned in observed.owned.values() for each in owned]
    marks += [network.mark for host in observed.seen.values() for network in host.networks]
    return frozenset(
        mark.revision.partition("+")[0] for mark in marks if mark and mark.repository == observed.repository
    )
