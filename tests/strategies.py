"""Hypothesis strategies for small random VMs, networks and observations, for property tests of every tier.

`new_vms` gives requests that any lab host can define: no KVM, little memory, networks and paths that need not exist
until a start. Pass `sources` and `networks` to get VMs that start on a given host as well.
"""

from __future__ import annotations

import string
import uuid
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from drivers.base import NewVm
from drivers.mark import Device, Mark
from drivers.node import Cell, CpuModel, NodeDevice, Topology
from drivers.seen import (
    Capabilities,
    Link,
    Power,
    SeenHost,
    SeenNetwork,
    SeenPool,
    SeenVm,
    SeenVolume,
    Unseen,
)
from specs.fields import Scalar, Secret

MIB = 1 << 20
SINGULAR = {"disks": "disk", "cdroms": "cdrom", "nics": "nic"}
names = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=8).map(lambda text: "n" + text)
macs = st.integers(0, (1 << 24) - 1).map(lambda n: f"52:54:00:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}")
uuids = st.integers(0, (1 << 128) - 1).map(lambda number: str(uuid.UUID(int=number, version=4)))
sentences = st.text(string.ascii_letters + " .,<>&'\"äß√", min_size=1, max_size=30).map(str.strip).filter(bool)
passwords = st.text(string.ascii_letters + string.digits, min_size=1, max_size=8).map(Secret)


@st.composite
def cpus(draw: st.DrawFn) -> dict[str, Scalar]:
    """vCPUs, with or without a topology that fits the maximum."""
    sockets, cores, threads = draw(st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2)))
    most = sockets * cores * threads
    fields: dict[str, Scalar] = {"cpu.count": draw(st.integers(1, most)), "cpu.max": most}
    if draw(st.booleans()):
        fields |= {"cpu.sockets": sockets, "cpu.cores": cores, "cpu.threads": threads}
    return fields


@st.composite
def memories(draw: st.DrawFn) -> dict[str, Scalar]:
    """Up to 64 MiB, in whole MiB."""
    most = draw(st.integers(16, 64))
    return {"memory": draw(st.integers(8, most)) * MIB, "memoryMax": most * MIB}


@st.composite
def graphics(draw: st.DrawFn) -> dict[str, Scalar]:
    """None, or VNC with or without a password."""
    if draw(st.booleans()):
        return {"graphics.type": "none"}
    fields: dict[str, Scalar] = {"graphics.type": "vnc", "graphics.listen": "127.0.0.1"}
    return fields | draw(st.fixed_dictionaries({}, optional={"graphics.password": passwords}))


def disks(sources: Sequence[str]) -> st.SearchStrategy[dict[str, Scalar]]:
    """One disk's fields, on one of the given paths."""
    return st.fixed_dictionaries(
        {
            "source": st.sampled_from(sources),
            "format": st.just("qcow2"),
            "bus": st.sampled_from(["virtio", "scsi", "sata"]),
            "readOnly": st.just(False),
        },
        optional={
            "cache": st.sampled_from(["none", "writeback"]),
            "discard": st.sampled_from(["unmap", "ignore"]),
            "serial": st.text(string.ascii_uppercase, min_size=1, max_size=10),
        },
    )


def nics(networks: Sequence[str]) -> st.SearchStrategy[dict[str, Scalar]]:
    """One NIC's fields, on one of the given networks."""
    return st.fixed_dictionaries(
        {
            "network": st.sampled_from(networks),
            "mac": macs,
            "model": st.sampled_from(["virtio", "e1000e"]),
            "link": st.sampled_from(["up", "down"]),
        }
    )


@st.composite
def vm_fields(
    draw: st.DrawFn, sources: Sequence[str] = ("/var/tmp/none.qcow2",), networks: Sequence[str] = ("none",)
) -> dict[str, Scalar]:
    """All declared fields of a small VM that runs under software emulation."""
    fields: dict[str, Scalar] = {"emulation": "tcg", "arch": "x86_64", "machine": "q35", "cpu.model": "qemu64"}
    fields |= draw(cpus()) | draw(memories()) | draw(graphics())
    fields |= draw(st.fixed_dictionaries({flag: st.booleans() for flag in ("serial", "agent", "rng")}))
    fields |= draw(st.fixed_dictionaries({}, optional={"description": sentences}))
    _add(fields, "disks", draw(st.dictionaries(names, disks(sources), max_size=2)))
    _add(fields, "cdroms", draw(st.dictionaries(names, st.just({"source": "", "bus": "sata"}), max_size=1)))
    _add(fields, "nics", draw(st.dictionaries(names, nics(networks), max_size=2)))
    seen = [value for path, value in fields.items() if path.endswith(".mac")]
    return fields if len(seen) == len(set(seen)) else {k: v for k, v in fields.items() if not k.startswith("nics")}


def _add(fields: dict[str, Scalar], kind: str, devices: dict[str, dict[str, Scalar]]) -> None:
    for name, values in devices.items():
        fields.update({f"{kind}[{name}].{key}": value for key, value in values.items()})


@st.composite
def new_vms(draw: st.DrawFn, **where: Any) -> NewVm:
    """A request to define a VM, with a mark whose table names its devices."""
    fields, vm_uuid, name = draw(vm_fields(**where)), draw(uuids), draw(names)
    return NewVm(name=name, uuid=vm_uuid, fields=fields, mark=mark_for(name, vm_uuid, fields))


def mark_for(name: str, vm_uuid: str, fields: dict[str, Scalar], generation: int = 1) -> Mark:
    """The mark that the planner would write for these fields."""
    devices: dict[str, Device] = {}
    for path, value in fields.items():
        kind, _, rest = path.partition("[")
        if rest:
            key = f"{SINGULAR[kind]}/{rest.partition(']')[0]}"
            found = devices.get(key, Device(alias="ua-" + key.replace("/", "-")))
            mac = str(value) if path.endswith(".mac") else found.mac
            devices[key] = Device(alias=found.alias, mac=mac)
    return Mark(
        repository="11111111-2222-3333-4444-555555555555",
        ref=f"vm/{name}",
        uuid=vm_uuid,
        generation=generation,
        revision="0123abc",
        declared={path: "hmac:…" if isinstance(value, Secret) else value for path, value in fields.items()},
        devices=devices,
    )


# Observations, as free as their types are, for the serialisation.

scalars = st.one_of(st.text(max_size=8), st.integers(0, 1 << 40), st.booleans(), passwords)
fields_of_anything = st.dictionaries(
    st.text(string.ascii_letters + ".[]", min_size=1, max_size=10), scalars, max_size=5
)
_words = st.frozensets(names, max_size=3)


@st.composite
def seen_vms(draw: st.DrawFn) -> SeenVm:
    """One VM in any state."""
    vm_uuid, name = draw(uuids), draw(names)
    return SeenVm(
        name=name,
        uuid=vm_uuid,
        power=draw(st.sampled_from(Power)),
        reason=draw(st.sampled_from(["", "booted", "failed"])),
        persistent=draw(st.booleans()),
        autostart=draw(st.booleans()),
        config=draw(fields_of_anything),
        live=draw(st.none() | fields_of_anything),
        mark=draw(st.none() | st.builds(mark_for, st.just(name), st.just(vm_uuid), vm_fields())),
        mark_damaged=draw(st.booleans()),
        unnamed=draw(_words),
        aliases=draw(st.dictionaries(names, names, max_size=2)),
        targets=draw(st.dictionaries(names, names, max_size=2)),
        snapshots=draw(st.booleans()),
        agent=draw(st.booleans()),
        definition=draw(st.sampled_from(["", "abc"])),
    )


_networks = st.builds(
    SeenNetwork,
    name=names,
    uuid=uuids,
    active=st.booleans(),
    autostart=st.booleans(),
    persistent=st.booleans(),
    config=fields_of_anything,
    live=st.none() | fields_of_anything,
)
_volumes = st.builds(
    SeenVolume,
    name=names,
    path=names,
    capacity=st.integers(0, 9),
    format=st.sampled_from(["raw", "qcow2"]),
    backing=names,
)
_pools = st.builds(
    SeenPool,
    name=names,
    uuid=uuids,
    active=st.booleans(),
    path=names,
    capacity=st.integers(0, 1 << 50),
    available=st.integers(0, 1 << 50),
    volumes=st.lists(_volumes, max_size=3).map(lambda found: {each.name: each for each in found}),
    problem=st.sampled_from(["", "cannot open path"]),
)


def _unique(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """A tuple in order of name, in which no name comes twice."""
    found = st.lists(strategy, max_size=2, unique_by=lambda each: each.name)
    return found.map(lambda things: tuple(sorted(things, key=lambda each: each.name)))


_links = st.builds(
    Link, type=st.sampled_from(("bridge", "vlan")), mtu=st.integers(0, 9000), up=st.none() | st.booleans(),
    tag=st.integers(0, 4094), members=_words,
)  # fmt: skip


_cells = st.builds(
    Cell, id=st.integers(0, 3), cpus=st.just((0, 1)), memory_free=st.integers(0, 1 << 40),
    hugepages=st.dictionaries(st.sampled_from((2 * MIB, 1024 * MIB)), st.integers(0, 8), max_size=2),
)  # fmt: skip
_devices = st.builds(NodeDevice, address=names, kind=st.just("pci"), group=st.none() | st.integers(0, 9))


@st.composite
def seen_hosts(draw: st.DrawFn) -> SeenHost:
    """A complete reading."""
    return SeenHost(
        name=draw(names),
        uuid=draw(uuids),
        hostname=draw(names),
        libvirt=draw(st.sampled_from([0, 9_000_000])),
        cpus=draw(st.integers(0, 8)),
        memory=draw(st.integers(0, 1 << 40)),
        capabilities=draw(
            st.builds(
                Capabilities,
                kvm=st.booleans(),
                machines=_words,
                bridges=st.none() | _words,
                offers=st.dictionaries(st.sampled_from(("tpm.model", "video.modelType")), _words, max_size=2),
            )
        ),
        topology=draw(st.none() | st.builds(Topology, sockets=st.just(2), cores=st.just(8), threads=st.just(1))),
        cells=tuple(draw(st.lists(_cells, max_size=2))),
        cpu_model=draw(st.none() | st.builds(CpuModel, name=names, requires=_words, disables=_words)),
        devices=draw(st.none() | st.lists(_devices, min_size=1, max_size=2).map(tuple)),
        links=draw(st.dictionaries(names, _links, max_size=2)),
        vms=draw(_unique(seen_vms())),
        networks=draw(_unique(_networks)),
        pools=draw(_unique(_pools)),
    )


unseen_hosts = st.builds(Unseen, name=names, reason=sentences, denied=st.booleans())
observations = st.lists(seen_hosts() | unseen_hosts, max_size=2).map(lambda found: {each.name: each for each in found})
