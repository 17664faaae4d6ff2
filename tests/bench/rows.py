"""The rows of the table: what is compared with what, and the target of each.

In: the site, and how often to repeat. Out: one Comparison after the other. Called by __main__.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import libvirt

from drivers.libvirt.access import Access
from drivers.libvirt.host import connect
from reconciler.apply.outcome import GOOD, Run
from reconciler.cli.context import repository_at
from reconciler.cli.passes import Asked, application, load_revision, look
from specs.structs import Struct
from tests.bench import bare
from tests.bench.sample import Comparison, Cost, compare
from tests.bench.site import HOST, POOL, Site

CHANGED = 20
"""VMs that are created, started and stopped at once."""

OURS, BARE = "gitvirt", "bare libvirt"
PLAN_TARGETS = {100: 4.0, 500: 2.5}
THREADS = 16

Row = Callable[[Site, int], Iterator[Comparison]]


def looking(site: Site, count: int, rounds: int) -> Iterator[Comparison]:
    """Defines `count` VMs, then compares looking at them."""
    site.declare(count)
    site.gitvirt("apply", "--yes")
    yield observation(site, count, rounds)
    yield plan(site, count, rounds)
    site.bare("clean")


def observation(site: Site, count: int, rounds: int) -> Comparison:
    """Everything about the host, from opening the connection on, in this process."""
    access = Access(uri=site.lab.uri(HOST).partition("?")[0], pki=site.lab.paths.client_pki)

    def ours() -> None:
        host = connect(HOST, access)
        seen = host.reader.read()
        host.close()
        assert len(seen.vms) == count

    contenders = {
        OURS: lambda: timed(ours),
        "bare calls": lambda: timed(lambda: bare_calls(site.uri, threads=1)),
        f"bare calls, {THREADS} threads": lambda: timed(lambda: bare_calls(site.uri, threads=THREADS)),
    }
    return compare(f"observe a host, {count} VMs", contenders, rounds * 2, target=1.5)


def bare_calls(uri: str, threads: int) -> None:
    """The calls that a complete observation needs, and nothing done with the answers."""
    conn = libvirt.open(uri)
    for ask in (conn.getLibVersion, conn.getVersion, conn.getHostname, conn.getInfo):
        ask()
    conn.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    conn.getCapabilities(), conn.getDomainCapabilities(None, "x86_64", None, "qemu")
    conn.listAllNetworks(), conn.listAllInterfaces()
    for flag in ("PERSISTENT", "AUTOSTART", "MANAGEDSAVE", "HAS_SNAPSHOT"):
        conn.listAllDomains(getattr(libvirt, f"VIR_CONNECT_LIST_DOMAINS_{flag}"))
    stats = conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT)
    pool = conn.storagePoolLookupByName(POOL)
    pool.refresh()
    pool.XMLDesc()
    flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    calls: list[Callable[[], str]] = [partial(domain.XMLDesc, flags) for domain, _ in stats]
    calls += [volume.XMLDesc for volume in pool.listAllVolumes()]
    if threads == 1:
        for call in calls:
            call()
    else:
        with ThreadPoolExecutor(threads) as workers:
            list(workers.map(lambda call: call(), calls))
    conn.close()


def plan(site: Site, count: int, rounds: int) -> Comparison:
    """The whole process, nothing to do, against the loop by hand on the same file."""
    contenders = {OURS: lambda: site.gitvirt("plan"), BARE: lambda: site.bare("check")}
    return compare(f"plan, {count} unchanged VMs", contenders, rounds, target=PLAN_TARGETS.get(count))


def changing(site: Site, rounds: int) -> Iterator[Comparison]:
    """Creating, starting and stopping; the host is empty before and after.

    The targets are for what is done to the VMs. As whole processes both start an interpreter and load libraries beside
    it, which is the same however many VMs there are, and has its row and its target with the plan.
    """
    site.declare(CHANGED)
    site.gitvirt("apply", "--yes")  # the pool is there from now on
    yield from _change(site, rounds, Deed("create", "stopped", undo="clean", target=1.5))
    site.bare("clean")
    site.gitvirt("apply", "--yes")
    yield from _change(site, rounds, Deed("start", "running", undo="stop", target=1.2))
    yield from _change(site, rounds, Deed("stop", "stopped", undo="start", target=1.2))
    site.bare("clean")


class Deed(Struct, frozen=True):
    """What is done to all VMs: the verb by hand, the state to declare, and the verb by hand that undoes it."""

    verb: str
    state: str
    undo: str
    target: float


def _change(site: Site, rounds: int, deed: Deed) -> Iterator[Comparison]:
    site.declare(CHANGED, deed.state)
    what = f"{deed.verb} {CHANGED} VMs"
    whole = {OURS: lambda: site.gitvirt("apply", "--yes"), BARE: lambda: site.bare(deed.verb)}
    yield compare(f"{what}, whole process", whole, rounds, before=lambda: _undo(site, deed))
    vms = list(bare.wanted(str(site.file)))
    alone = {
        OURS: lambda: steps_alone(site),
        BARE: lambda: timed(lambda: bare.VERBS[deed.verb](site.uri, vms)),
    }
    yield compare(what, alone, rounds, target=deed.target, before=lambda: _undo(site, deed))


def _undo(site: Site, deed: Deed) -> None:
    site.bare(deed.undo)


def steps_alone(site: Site) -> Cost:
    """Only making the plan true, in this process: no imports, no observation, no planning."""
    place = repository_at(site.repository, None)
    with application(place) as app:
        looked = look(app, load_revision(app, place, None), Asked())
        return timed(lambda: _all_good(app.act(looked, lambda step, outcome: None)))


def _all_good(run: Run) -> None:
    bad = [each for each in run.outcomes.values() if each.status not in GOOD]
    assert not bad, bad[0]
    assert run.outcomes, "nothing was to do"


def timed(work: Callable[[], None]) -> Cost:
    began, cpu = time.perf_counter(), time.process_time()
    work()
    return Cost(time.perf_counter() - began, time.process_time() - cpu)
