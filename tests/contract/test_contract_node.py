"""The contract of Node, and of the facts about hosts in a reading."""

from __future__ import annotations

import pytest

from drivers.errors import Refused
from specs.structs import replace
from tests.contract.twin import MIB, Twin, new_vm


def test_a_reading_tells_what_the_host_is_made_of(twin: Twin) -> None:
    seen = twin.host.reader.read()
    assert seen.topology is not None
    assert seen.topology.sockets * seen.topology.cores * seen.topology.threads >= seen.cpus
    assert sorted(number for cell in seen.cells for number in cell.cpus) == list(range(seen.cpus))
    assert sum(cell.memory for cell in seen.cells) == pytest.approx(seen.memory, rel=0.05)
    assert all(0 < cell.memory_free <= cell.memory for cell in seen.cells)
    assert seen.cpu_model is not None
    assert seen.devices is None


def test_usage_counts_the_vms_that_run(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    assert name not in {each.name for each in twin.host.node.usage().vms}
    twin.start(new.uuid)
    usage = twin.host.node.usage()
    [mine] = (each for each in usage.vms if each.uuid == new.uuid)
    assert (mine.name, mine.memory, mine.cpus) == (name, 96 * MIB, 1)
    assert mine.cpu_time >= 0
    assert 0 < usage.memory_free <= usage.memory
    assert usage.cpus == twin.host.reader.read().cpus


def test_time_of_cpus_never_goes_back(twin: Twin) -> None:
    first = twin.host.node.usage().cpu_time
    assert first <= twin.host.reader.read().cpu_time <= twin.host.node.usage().cpu_time


def test_what_vms_can_be_given_is_among_what_a_reading_lists(twin: Twin) -> None:
    listed = twin.host.reader.read().capabilities.devices
    assert {each.address for each in twin.host.node.devices()} <= (listed or frozenset())


def test_the_baseline_of_a_host_alone_is_its_own_cpu(twin: Twin) -> None:
    model = twin.host.reader.read().cpu_model
    assert model is not None
    found = twin.host.node.baseline([model, model], kvm=False)
    assert (found.name, found.vendor) == (model.name, model.vendor)


def test_cpus_of_two_vendors_have_no_baseline(twin: Twin) -> None:
    model = twin.host.reader.read().cpu_model
    assert model is not None
    name, vendor = ("Haswell", "Intel") if model.vendor == "AMD" else ("EPYC", "AMD")
    other = replace(model, name=name, vendor=vendor, requires=frozenset(), disables=frozenset())
    with pytest.raises(Refused, match="vendors"):
        twin.host.node.baseline([model, other], kvm=False)
