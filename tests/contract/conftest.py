"""The contract suite's twins: `memory` everywhere, `libvirt` (marked live) on two hosts of the lab.

One twin serves a module; every test uses names of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from drivers.base import NewNetwork, NewVm
from specs.fields import Secret
from tests.contract.travel import Journeys, journeys
from tests.contract.twin import START, LibvirtTwin, MemoryTwin, Twin, id_of, new_vm
from tests.strategies import mark_for

if TYPE_CHECKING:
    from drivers.lab.lab import Lab

HOSTS = ("kvm1", "kvm2")


@pytest.fixture(scope="session")
def contract_lab(lab_of_session: Lab) -> Lab:
    """The lab with two hosts on."""
    lab_of_session.up(len(HOSTS))
    return lab_of_session


@pytest.fixture(scope="module", params=["memory", pytest.param("libvirt", marks=pytest.mark.live)])
def twin(request: pytest.FixtureRequest) -> Iterator[Twin]:
    """Two hosts that share a directory."""
    made: Twin = (
        MemoryTwin() if request.param == "memory" else LibvirtTwin(request.getfixturevalue("contract_lab"), HOSTS)
    )
    yield made
    made.clean()


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test has."""
    return START + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:8]


@pytest.fixture(scope="module")
def lan(twin: Twin) -> str:
    """A running network with DHCP."""
    network = START + "lan"
    fields = {
        "type": "isolated",
        "subnet": "10.77.0.0/24",
        "address": "10.77.0.1",
        "dhcp.start": "10.77.0.10",
        "dhcp.end": "10.77.0.99",
    }
    mark = mark_for(network, id_of(network), {})
    twin.host.networks.define(NewNetwork(name=network, uuid=id_of(network), fields=fields, mark=mark))
    twin.host.networks.active(network, True)
    return network


@pytest.fixture(scope="module")
def guest(twin: Twin, lan: str) -> str:
    """The uuid of a running VM with a guest that follows all requests, up to its agent."""
    image, vm_name = twin.guest_image(), START + "guest"
    twin.host.volumes.upload(twin.pool, "guest-base.qcow2", iter([image]), len(image))
    backing = twin.seen_pool().volumes["guest-base.qcow2"].path
    source = twin.volume("guest.qcow2", 0, backing=backing)
    nic = {"network": lan, "mac": "52:54:00:00:77:01", "model": "virtio"}
    twin.define(new_vm(vm_name, disks_root={"source": source, "format": "qcow2", "bus": "virtio"}, nics_lan=nic))
    twin.host.powers.start(id_of(vm_name))
    twin.wait(lambda: twin.vm(id_of(vm_name)).agent, "the agent's connection")
    return id_of(vm_name)


@pytest.fixture
def empty(twin: Twin, name: str) -> Iterator[str]:
    """The uuid of a running VM with nothing to boot: an empty SCSI disk, a CD-ROM drive, free slots."""
    drive = {"source": "", "bus": "sata"}
    screen = {"graphics.type": "vnc", "graphics.listen": "127.0.0.1", "graphics.password": Secret("before")}
    twin.define(new_vm(name, fields=screen, disks_root=twin.disk(name, "scsi"), cdroms_setup=drive))
    twin.start(id_of(name))
    yield id_of(name)
    twin.host.powers.destroy(id_of(name))


@pytest.fixture(scope="module")
def moving(twin: Twin) -> Journeys:
    """The twin's."""
    return journeys(twin)


@pytest.fixture
def stopped(twin: Twin, moving: Journeys, name: str) -> Iterator[NewVm]:
    """A VM that is off, on the first host, with a disk on shared storage."""
    new = twin.define(new_vm(name, disks_root=twin.disk(name)))
    yield new
    moving.end(new.uuid)
