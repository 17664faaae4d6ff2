"""Moves over random clusters: no plan breaks a hard rule but between VMs in a drain; passes converge, and then rest."""

from __future__ import annotations

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from site_on_paper import GIB, Paper, document, group, host, vm, wanted

from reconciler.desired.affinity import WantedAffinity
from reconciler.diff.compare import compare
from reconciler.place.choose import choose, demand
from reconciler.plan import planner
from reconciler.plan.plan import MigrateVm, RelocateVm, StartVm
from specs.affinity import united
from specs.errors import LoadFailed
from specs.structs import replace

VMS = [f"v{number}" for number in range(8)]
HOSTS = [f"h{number}" for number in range(4)]
POLICIES = (
    "none",
    "{policy: vm_evenly_distributed, parameters: {HighVmCount: 2, MigrationThreshold: 2}}",
    "{policy: evenly_distributed, parameters: {MaxFreeMemoryForOverUtilized: 3GiB}}",
    "{policy: power_saving, parameters: {MinFreeMemoryForUnderUtilized: 5GiB, MaxFreeMemoryForOverUtilized: 1GiB}}",
)
MODEST = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


def names(among: list[str], least: int) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(among), min_size=least, max_size=4, unique=True).map(lambda each: ", ".join(each))


rules = st.builds(
    lambda polarity, hard: f"{{polarity: {polarity}, enforcing: {str(hard).lower()}}}",
    st.sampled_from(("positive", "negative")),
    st.booleans(),
)


@st.composite
def groups(draw: st.DrawFn) -> str:
    spec = f"vms: [{draw(names(VMS, 2))}], priority: {draw(st.integers(1, 3))}"
    kinds = draw(st.sampled_from(("vm", "host", "both")))
    if kinds != "host":
        spec += f", vmRule: {draw(rules)}"
    if kinds != "vm":
        spec += f", hosts: [{draw(names(HOSTS, 1))}], hostRule: {draw(rules)}"
    return spec + draw(st.sampled_from(("", ", duringMaintenance: hold")))


@st.composite
def sites(draw: st.DrawFn, drained: bool = False) -> Paper:
    """Up to eight VMs on up to four hosts, anywhere; some groups; some policy. Contradictions are not drawn."""
    documents = [document("Cluster", "default", f"{{schedulingPolicy: {draw(st.sampled_from(POLICIES))}}}")]
    empty = draw(st.sampled_from(HOSTS)) if drained else ""
    documents += [host(name, "maintenance: true" if name == empty else "") for name in HOSTS]
    there = VMS[: draw(st.integers(2, 8))]
    sizes = [draw(st.sampled_from(("512MiB", "1GiB", "2GiB"))) for _ in VMS]
    off = frozenset(draw(st.lists(st.sampled_from(there), max_size=2)))
    states = ["state: stopped" if name in off else _narrowed(draw) for name in VMS]
    documents += [vm(name, state).replace("64MiB", size) for name, state, size in zip(VMS, states, sizes, strict=True)]
    specs = draw(st.lists(groups(), max_size=4))
    documents += [group(f"g{number}", spec) for number, spec in enumerate(specs)]
    try:
        found = wanted(*documents)
    except LoadFailed:
        assume(False)
        raise
    where = {name: draw(st.sampled_from(HOSTS)) for name in there}
    return Paper(wanted=found, where=where, off=off, memory=8 * GIB)


def _narrowed(draw: st.DrawFn) -> str:
    """Now and then a VM that not every host may run."""
    return f"hosts: [{draw(names(HOSTS, 2))}]" if draw(st.integers(0, 4)) == 0 else ""


def host_breaks(site: Paper, vm: str) -> int:
    """Hard rules about hosts that a VM breaks where it is, counted anew from what is declared."""
    return sum(
        vm in each.vms and each.host_hard and each.host_rule != "" and bool(each.hosts)
        and (site.where[vm] in each.hosts) != (each.host_rule == "positive")
        for each in site.wanted.affinity.values()
    )  # fmt: skip


def pairs(site: Paper, each: WantedAffinity, where: dict[str, str]) -> set[tuple[str, str]]:
    """Pairs of running VMs that break a hard rule between VMs."""
    if not (each.vm_rule and each.vm_hard):
        return set()
    running = [name for name in each.vms if name in where and name not in site.off]
    apart = each.vm_rule == "negative"
    return {(a, b) for a in running for b in running if a < b and (where[a] == where[b]) == apart}


@MODEST
@given(sites())
def test_no_pass_puts_a_vm_where_a_hard_rule_about_hosts_does_not_want_it(site: Paper) -> None:
    for _ in range(30):
        moves = [move for move in site.moves().values() if move.held is None]
        if not moves:
            break
        for move in moves:
            site.where[move.vm] = move.target
            assert host_breaks(site, move.vm) == 0, move


@MODEST
@given(sites())
def test_no_pass_breaks_a_hard_rule_between_vms_unless_a_rule_about_hosts_drives_them_out(site: Paper) -> None:
    for _ in range(30):
        before = dict(site.where)
        driven = {name for name in before if host_breaks(site, name)}
        if not site.step():
            break
        for each in site.wanted.affinity.values():
            new = pairs(site, each, site.where) - pairs(site, each, before)
            if each.vm_rule == "negative":
                assert not new, (each.name, new)
            elif len(pairs(site, each, site.where)) > len(pairs(site, each, before)):
                assert driven, (each.name, new)


@MODEST
@given(sites())
def test_passes_come_to_an_end_and_then_nothing_moves(site: Paper) -> None:
    site.settle(most=60)
    before = dict(site.where)
    assert site.step() == []
    assert site.where == before


@MODEST
@given(sites())
def test_new_vms_are_put_where_they_break_no_hard_rule(site: Paper) -> None:
    room = site.room()
    for name in VMS:
        if name in site.where:
            continue
        asked = demand(site.wanted.vms[name])
        before = dict(site.where)
        placed = choose(asked, room)
        if not placed.host:
            continue
        site.where[name] = placed.host
        assert host_breaks(site, name) == 0
        for each in site.wanted.affinity.values():
            if each.vm_rule == "negative":
                assert not pairs(site, each, site.where) - pairs(site, each, before), each.name
        for union in together(site):
            others = [at for vm, at in before.items() if vm in union and vm not in site.off]
            bound = [at for at in others if all(_allows(site, vm, at) for vm in union)]
            assert name not in union or not bound or placed.host in others, union


def together(site: Paper) -> list[frozenset[str]]:
    """VMs that hard rules hold together, transitively."""
    groups = site.wanted.affinity.values()
    return [each.vms for each in united({g.name: g.vms for g in groups if g.vm_rule == "positive" and g.vm_hard})]


def _allows(site: Paper, vm: str, host: str) -> bool:
    return host in site.wanted.vms[vm].hosts and not host_breaks(replace(site, where={vm: host}), vm)


@MODEST
@given(sites(drained=True))
def test_a_drain_breaks_no_rule_about_hosts_and_none_of_a_group_that_holds(site: Paper) -> None:
    for _ in range(30):
        before = dict(site.where)
        moves = [move for move in site.moves().values() if move.held is None]
        if not moves:
            break
        for move in moves:
            site.where[move.vm] = move.target
            assert host_breaks(site, move.vm) == 0, move
        for each in site.wanted.affinity.values():
            if each.holds and each.vm_rule == "negative":
                assert pairs(site, each, site.where) <= pairs(site, each, before)


@MODEST
@given(sites())
def test_the_same_pass_gives_the_same_moves(site: Paper) -> None:
    assert site.moves() == site.moves()


@MODEST
@given(sites())
def test_a_pass_makes_few_moves(site: Paper) -> None:
    moved = [move for move in site.moves().values() if move.held is None]
    for_better = [move for move in moved if move.mover in ("affinity", "balance")]
    assert not for_better or len(moved) == len(for_better)
    assert len(for_better) <= 1 or all("affinitygroup/" in move.why for move in for_better)


@MODEST
@given(sites(), st.sets(st.sampled_from(VMS)))
def test_no_plan_starts_a_vm_where_it_must_not_run(site: Paper, down: set[str]) -> None:
    site.off |= down & site.where.keys()
    context = site.context()
    plan = planner.make(compare(context), context)
    started = {step.ref.name: step.host for step in plan.steps if isinstance(step.call, StartVm)}
    moved = {step.ref.name: step.call.target for step in plan.steps if isinstance(step.call, MigrateVm | RelocateVm)}
    site.where |= moved | started
    site.off -= started.keys()
    for name, at in started.items():
        assert at in site.wanted.vms[name].hosts
        assert host_breaks(site, name) == 0, name
        for each in site.wanted.affinity.values():
            if each.vm_rule == "negative":
                assert not [pair for pair in pairs(site, each, site.where) if name in pair], each.name
