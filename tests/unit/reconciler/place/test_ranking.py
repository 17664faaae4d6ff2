"""The ranking that is kept in step with the room says the same as asking every host anew."""

from __future__ import annotations

import random

from hypothesis import given, reject, settings
from hypothesis import strategies as st
from site_on_paper import GIB, Paper, document, group, host, paper

from reconciler.place.choose import Demand, choose, demand, survey
from reconciler.place.policies import POLICIES
from reconciler.place.room import Room
from specs.errors import LoadFailed
from specs.structs import replace

MIB = 1 << 20


def size(chance: random.Random) -> str:
    more = chance.choice(
        ("", "", ", preferredHosts: [h1, h4]", ", hosts: [h0, h2, h3]", ", highAvailability: {priority: 5}")
    )
    return f"{{cpu: {chance.choice((1, 1, 2, 3))}, memory: {chance.choice((256, 256, 512, 1536))}MiB{more}}}"


def rules(chance: random.Random, vms: list[str], hosts: list[str]) -> str:
    """A group of three VMs with a rule between them and perhaps one about hosts; hard ones never contradict others."""
    hard, soft = (
        f"polarity: negative, enforcing: {chance.choice(('true', 'false'))}",
        "polarity: positive, enforcing: false",
    )
    rule = f"vms: [{', '.join(sorted(chance.sample(vms, 3)))}], vmRule: {{{chance.choice((hard, soft))}}}"
    named = ", ".join(sorted(chance.sample(hosts, 2)))
    about_hosts = f"{rule}, hosts: [{named}], hostRule: {{{chance.choice((hard, soft))}}}"
    return chance.choice((rule, about_hosts))


def site(chance: random.Random, policy: str) -> Paper:
    """Up to seven hosts of several sizes, up to 24 VMs of which some run already, and perhaps a few groups."""
    hosts = [f"h{number}" for number in range(chance.randint(5, 7))]
    vms = [f"v{number:02}" for number in range(chance.randint(4, 24))]
    documents = document("Cluster", "main", f"{{schedulingPolicy: {policy}, memoryOvercommit: 150%}}")
    documents += "".join(map(host, hosts)) + "".join(document("VirtualMachine", name, size(chance)) for name in vms)
    if chance.random() < 0.2:
        documents += group("together", f"vms: [{', '.join(vms[:3])}], vmRule: positive")
    else:
        documents += "".join(group(f"g{number}", rules(chance, vms, hosts)) for number in range(chance.randint(0, 3)))
    found = paper(documents, "", loads=chance.choice(({}, {name: chance.randint(0, 90) for name in hosts})))
    for name in vms:
        if chance.random() < 0.4:
            found.where[name] = chance.choice(found.wanted.vms[name].hosts)
    return found


def uneven(room: Room, chance: random.Random) -> None:
    """Makes the hosts of different sizes."""
    room.seen = {
        name: replace(
            each, cpus=chance.choice((4, 8)), memory=(memory := chance.choice((2, 4, 8)) * GIB), memory_free=memory
        )
        for name, each in room.seen.items()
    }


@given(seed=st.integers(0, 10**9), policy=st.sampled_from(sorted(POLICIES)))
@settings(max_examples=60, deadline=None)
def test_the_kept_ranking_agrees_with_asking_every_host(seed: int, policy: str) -> None:
    chance = random.Random(seed)
    try:
        there = site(chance, policy)
    except LoadFailed:
        reject()  # rules that contradict each other are refused before anything is placed
    room = there.room()
    uneven(room, chance)
    for _ in range(40):
        asked, but, during = question(there, room, chance)
        naive = anew(asked, room, but, during)
        found = choose(asked, room, but, during)  # type: ignore[arg-type]
        assert (found.host, dict(found.rejected)) == naive[:2]
        assert dict(found.scores) == naive[2]
        assert not found.host or room.where[asked.name] == found.host


def question(there: Paper, room: Room, chance: random.Random) -> tuple[Demand, frozenset[str], str]:
    """A VM that is new or leaves its host, some hosts that it cannot take, and whether it is a drain."""
    name = chance.choice(sorted(there.wanted.vms))
    source = room.where.get(name, "")
    asked = room.on(source)[name] if source else demand(there.wanted.vms[name])
    but = frozenset(chance.sample(sorted(there.wanted.hosts), chance.choice((0, 0, 1, 2))))
    return asked, but | ({source} if source and chance.random() < 0.7 else frozenset()), chance.choice(("", "drain"))


def anew(asked: Demand, room: Room, but: frozenset[str], during: str) -> tuple[str, dict[str, str], dict[str, float]]:
    """What `survey` says of a VM that has left the host that it may also return to."""
    source = room.where.get(asked.name, "")
    back = room.leave(asked.name) if source and source not in but else None
    found = survey(asked, room, but, during)  # type: ignore[arg-type]
    if back is not None:
        room.take(back, source)
    scores: dict[str, float] = {found.host: found.scores[found.host]} if found.host else {}
    return found.host, dict(found.rejected), scores


@given(seed=st.integers(0, 10**9))
@settings(max_examples=30, deadline=None)
def test_no_host_is_ever_promised_more_than_it_has(seed: int) -> None:
    chance = random.Random(seed)
    there = site(chance, "none")
    there.where.clear()
    room = there.room()
    uneven(room, chance)
    for name in sorted(there.wanted.vms):
        choose(demand(there.wanted.vms[name]), room)
    for name in room.hosts:
        assert room.free(name) >= 0
        assert room.promisable(name) >= 0
        assert set(room.on(name)) == {vm for vm, host in room.where.items() if host == name}


def test_a_vm_that_leaves_gives_back_what_it_took() -> None:
    there = paper(host("h1") + host("h2") + document("VirtualMachine", "a", "{cpu: 2, memory: 1GiB}"), "h1: a")
    room = there.room()
    before = room.free("h1"), room.promisable("h1"), room.load("h1")
    asked = room.on("h1")["a"]
    room.move(asked, "h2")
    assert room.free("h1") - before[0] == asked.memory + asked.overhead
    assert (room.load("h1"), room.load("h2"), room.of("h2").guests) == (0.0, 0.25, 1)
    room.move(asked, "h1")
    assert (room.free("h1"), room.promisable("h1"), room.load("h1")) == before
