"""The machine under a host, from its capabilities XML and what is free of it."""

from __future__ import annotations

from drivers.libvirt.reader.capabilities import read
from drivers.libvirt.reader.node import with_free
from drivers.node import Cell, CpuModel, Topology

MIB, GIB = 1 << 20, 1 << 30
CELL = """<cell id='{id}'><memory unit='KiB'>8388608</memory><pages unit='KiB' size='4'>2000000</pages>
<pages unit='KiB' size='2048'>{pages}</pages><pages unit='KiB' size='1048576'>0</pages>
<cpus num='2'><cpu id='{first}' socket_id='{id}' core_id='0' siblings='{first}-{last}'/>
<cpu id='{last}' socket_id='{id}' core_id='0' siblings='{first}-{last}'/></cpus></cell>"""
CELLS = "".join(CELL.format(id=each, pages=(0, 512)[each], first=2 * each, last=2 * each + 1) for each in (0, 1))
HOST = f"""<capabilities><host><uuid>h-1</uuid><cpu><arch>x86_64</arch>
<topology sockets='1' dies='1' cores='1' threads='2'/>
<counter name='tsc' frequency='2596142000' scaling='no'/></cpu>
<topology><cells num='2'>{CELLS}</cells></topology></host></capabilities>"""
DOMAIN = """<domainCapabilities><domain>{kind}</domain><cpu><mode name='host-model' supported='yes'>
<model fallback='forbid'>EPYC</model><vendor>AMD</vendor><feature policy='require' name='x2apic'/>
<feature policy='disable' name='sha-ni'/></mode>
<mode name='custom' supported='yes'><model usable='yes'>{model}</model></mode></cpu></domainCapabilities>"""


def test_cells_and_topology_are_those_of_the_whole_host() -> None:
    facts = read(HOST, [])
    assert facts.topology == Topology(sockets=2, cores=1, threads=2)
    assert facts.tsc == 2_596_142_000
    assert facts.pages == (2 * MIB,)
    assert facts.cells == (
        Cell(id=0, cpus=(0, 1), memory=8 * GIB),
        Cell(id=1, cpus=(2, 3), memory=8 * GIB, hugepages={2 * MIB: 0}),
    )


def test_what_is_free_is_told_by_cell() -> None:
    cells = with_free(read(HOST, []).cells, (0, 5 * GIB), {0: GIB, 1: 3 * GIB}, {0: {2048: 0}, 1: {2048: 100}})
    assert [(each.memory_free, each.hugepages) for each in cells] == [(GIB, {}), (3 * GIB, {2 * MIB: 100})]
    [alone] = with_free((Cell(id=0, memory=8 * GIB),), (9 * GIB, 5 * GIB), {}, {})
    assert (alone.memory, alone.memory_free) == (9 * GIB, 5 * GIB)


def test_the_cpu_is_that_of_the_first_virtualization_and_models_are_told_for_each() -> None:
    kvm, tcg = (DOMAIN.format(kind=kind, model=model) for kind, model in (("kvm", "EPYC"), ("qemu", "qemu64")))
    facts = read(HOST, [kvm, tcg])
    assert facts.cpu_model == CpuModel(
        name="EPYC", vendor="AMD", requires=frozenset({"x2apic"}), disables=frozenset({"sha-ni"})
    )
    offers = facts.capabilities.offers
    assert (offers["cpu.kvm"], offers["cpu.tcg"]) == ({"EPYC", "host-model"}, {"qemu64", "host-model"})


def test_a_host_that_tells_nothing_has_no_facts() -> None:
    facts = read("<capabilities><host><uuid>h-1</uuid></host></capabilities>", [])
    assert (facts.topology, facts.cells, facts.cpu_model, facts.tsc) == (None, (), None, 0)
