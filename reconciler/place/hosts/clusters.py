"""Clusters: whether their hosts are alike enough for VMs to move between them, and which host breaks it.

Pure. `unfit` is a reason for a host to be non-operational (hosts/hoststate.py); `warnings` are told with every plan;
`report` is what the faces show. The CPU that all hosts have (the baseline) is computed by libvirt where their CPUs
differ (observe/baselines.py); where they are equal it is theirs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from drivers.node import CpuModel
from drivers.seen import SeenHost
from reconciler.desired.wanted import WantedCluster
from reconciler.diff.context import Context
from reconciler.place.hosts.compatibility import usable
from reconciler.place.hosts.gates import version
from specs.structs import Struct

_MODES = frozenset({"host-model", "host-passthrough", "maximum"})


class Report(Struct, frozen=True, kw_only=True):
    """One cluster as its hosts make it. `emulation`: what new VMs get; `broken`: host → what it lacks for the cluster.

    `models` are the CPUs of hosts that tell, `versions` libvirt and QEMU of each host in words; `remarks` are for
    people: which ways moves can go.
    """

    hosts: tuple[str, ...]
    emulation: str
    models: Mapping[str, CpuModel]
    versions: Mapping[str, str]
    broken: Mapping[str, str]
    remarks: tuple[str, ...] = ()

    @property
    def common(self) -> CpuModel | None:
        """The CPU of all hosts, if it is the same."""
        found = set(self.models.values())
        return found.pop() if len(found) == 1 else None


def unfit(name: str, seen: SeenHost, context: Context) -> str:
    """What a host lacks for its cluster, "" if nothing: KVM where it is declared, the declared CPU."""
    wanted = context.wanted.hosts.get(name)
    cluster = context.wanted.clusters.get(wanted.cluster) if wanted else None
    return lacking(cluster, seen) if cluster is not None else ""


def lacking(cluster: WantedCluster, seen: SeenHost) -> str:
    """The same for any host."""
    able = seen.capabilities
    if cluster.emulation == "kvm" and not able.kvm:
        return f"no KVM, which cluster {cluster.name} asks for (`emulation: kvm`)"
    if cluster.emulation == "tcg" or not able.kvm:
        return ""  # QEMU emulates any model, without what it cannot
    models = usable(seen, "kvm")
    if cluster.cpu and cluster.cpu not in _MODES and models and cluster.cpu not in models:
        return f"cannot provide CPU {cluster.cpu} of cluster {cluster.name}"
    return ""


def report(cluster: WantedCluster, context: Context) -> Report:
    """What the hosts of a cluster that were read make of it."""
    there = members(cluster.name, context)
    models = {name: seen.cpu_model for name, seen in there.items() if seen.cpu_model is not None}
    kvm = [name for name, seen in there.items() if seen.capabilities.kvm]
    emulation = cluster.emulation if cluster.emulation != "auto" else "kvm" if kvm else "tcg" if there else "auto"
    return Report(
        hosts=tuple(there),
        emulation=emulation,
        models=models,
        versions={name: _version(seen) for name, seen in there.items()},
        broken={name: why for name, seen in there.items() if (why := lacking(cluster, seen))},
        remarks=tuple(_remarks(cluster, there)),
    )


def members(cluster: str, context: Context) -> dict[str, SeenHost]:
    """The hosts of a cluster that were read, in order of name."""
    hosts = context.wanted.hosts
    return {
        name: seen for name, seen in context.observed.seen.items() if name in hosts and hosts[name].cluster == cluster
    }


def warnings(context: Context) -> Iterator[tuple[str, str]]:
    """(text, file:line) of what keeps hosts of a cluster from being one pool."""
    groups: dict[str, dict[str, SeenHost]] = {}
    for name, seen in context.observed.seen.items():
        if name in context.wanted.hosts:
            groups.setdefault(context.wanted.hosts[name].cluster, {})[name] = seen
    for name, there in sorted(groups.items()):
        cluster = context.wanted.clusters.get(name)
        if cluster is None:
            continue
        for host, seen in there.items():
            if why := lacking(cluster, seen):
                yield f"cluster {name}: {host} breaks it: {why}", str(cluster.location)
        for text in _apart(cluster, there):
            yield f"cluster {name}: {text}", str(cluster.location)


def _remarks(cluster: WantedCluster, there: Mapping[str, SeenHost]) -> Iterator[str]:
    yield from _apart(cluster, there)
    versions = sorted({(seen.libvirt, seen.hypervisor) for seen in there.values()})
    if len(versions) > 1:
        old, new = (
            [name for name, seen in there.items() if (seen.libvirt, seen.hypervisor) == each]
            for each in (versions[0], versions[-1])
        )
        yield (
            f"libvirt and QEMU differ: running VMs move from the older ({', '.join(old)}) to the newer "
            f"({', '.join(new)}), not back"
        )


def _apart(cluster: WantedCluster, there: Mapping[str, SeenHost]) -> Iterator[str]:
    """What splits the hosts: architecture, vendor of the CPU, KVM on some only."""
    for what, groups in (
        ("architectures", _groups({name: seen.capabilities.arch for name, seen in there.items()})),
        ("CPUs of several vendors", _groups({name: _vendor(cluster, seen) for name, seen in there.items()})),
    ):
        if len(groups) > 1:
            told = ", ".join(f"{word}: {', '.join(names)}" for word, names in groups.items())
            yield f"{what} ({told}): VMs cannot move between them; make them clusters of their own"
    kvm = {name for name, seen in there.items() if seen.capabilities.kvm}
    without = sorted(there.keys() - kvm)
    if kvm and without and cluster.emulation == "auto":
        yield f"no KVM on {', '.join(without)}, so new VMs go to the other hosts (`emulation: auto`)"


def _vendor(cluster: WantedCluster, seen: SeenHost) -> str:
    """The vendor that counts: of a host with KVM alone, since emulated CPUs are alike everywhere."""
    if cluster.emulation == "tcg" or not seen.capabilities.kvm or seen.cpu_model is None:
        return ""
    return seen.cpu_model.vendor


def _groups(words: Mapping[str, str]) -> dict[str, list[str]]:
    """Word → hosts, the most frequent first; hosts without a word are left out."""
    counts = Counter(word for word in words.values() if word)
    return {
        word: [name for name, each in words.items() if each == word]
        for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    }


def _version(seen: SeenHost) -> str:
    return f"libvirt {version(seen.libvirt)}, QEMU {version(seen.hypervisor)}"
