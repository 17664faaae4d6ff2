"""Hosts whose removal, or change of cluster, has to wait until they were seen empty of our VMs.

Git forgets a host with its document, but its VMs run on: until the register of hosts has it empty it stays in the pass
as a host that is leaving, is read under the URI that it had, and is emptied as for maintenance. A host that was put
into another cluster counts as one of its old cluster as long as it holds VMs of that. A host that an operator declared
lost holds nothing any more, until it answers again. Pure; called by reconciler/cycle.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.mark import Override
from drivers.seen import Unseen
from reconciler.desired.wanted import Wanted, WantedHost
from reconciler.observe.observed import Observed
from reconciler.place.hosts.hoststate import LOST
from specs.resource import Location, Ref
from specs.structs import replace

Entries = Mapping[str, Mapping[str, object]]
"""The register: name → {uri, uuid, cluster, vms, networks}; the last two: how many of ours it has, or may have now."""


def leaving(entries: Entries, wanted: Wanted) -> dict[str, WantedHost]:
    """The hosts that are declared no more, and held VMs or networks of ours when they were seen last."""
    clusters = sorted(wanted.clusters)
    found = {}
    for name, entry in entries.items():
        if name in wanted.hosts or not (entry["vms"] or entry.get("networks")):
            continue
        cluster = str(entry.get("cluster", ""))
        found[name] = WantedHost(
            ref=Ref("Host", name),
            name=name,
            uri=str(entry["uri"]),
            cluster=cluster if cluster in clusters or not clusters else clusters[0],
            maintenance=False,
            labels={},
            location=wanted.location or Location(file="gitvirt.yaml", line=1, column=1),
            leaving="it was removed from the repository",
        )
    return found


def with_leaving(wanted: Wanted, entries: Entries) -> Wanted:
    """What is wanted, with the hosts that cannot go yet."""
    more = leaving(entries, wanted)
    return replace(wanted, hosts={**wanted.hosts, **more}) if more else wanted


def staying(entries: Entries, wanted: Wanted, observed: Observed) -> dict[str, str]:
    """Host → the cluster that it belongs to still, whatever the repository says by now."""
    return {
        name: str(entry["cluster"])
        for name, entry in entries.items()
        if name in wanted.hosts
        and entry["vms"]
        and entry.get("cluster", wanted.hosts[name].cluster) != wanted.hosts[name].cluster
        and entry["cluster"] in wanted.clusters
        and _needed(name, str(entry["cluster"]), wanted, observed)
    }


def _needed(name: str, cluster: str, wanted: Wanted, observed: Observed) -> bool:
    """Whether it was not read, or holds VMs of the cluster that it would leave."""
    if name not in observed.seen:
        return True
    there = {ref.name for ref, found in observed.owned.items() if any(each.host == name for each in found)}
    return any(vm.cluster == cluster for vm in wanted.vms.values() if vm.name in there or vm.renamed_from in there)


def without_lost(observed: Observed, overrides: Mapping[str, tuple[Override, ...]]) -> tuple[Observed, list[str]]:
    """The observation with hosts that were declared lost as such; and those of them that answer all the same."""
    found, back = dict(observed.hosts), []
    for ref, kept in sorted(overrides.items()):
        name = ref.partition("/")[2]
        lost = next((each for each in kept if each.kind == LOST), None)
        if lost is None or name not in found:
            continue
        reading = found[name]
        if isinstance(reading, Unseen) and not reading.twin:
            found[name] = replace(reading, lost=True, reason=f"declared lost by {lost.author or 'an operator'}")
        else:
            back.append(name)
    return replace(observed, hosts=found), back


def without_idle(wanted: Wanted, observed: Observed, entries: Entries) -> tuple[Wanted, Observed]:
    """Both without the leaving hosts that cannot be read and were seen without VMs: a network alone can stay."""
    idle = {
        name
        for name, host in wanted.hosts.items()
        if host.leaving and not entries[name]["vms"] and isinstance(observed.hosts.get(name), Unseen)
    }
    if not idle:
        return wanted, observed
    hosts = {name: host for name, host in wanted.hosts.items() if name not in idle}
    seen = {name: host for name, host in observed.hosts.items() if name not in idle}
    return replace(wanted, hosts=hosts), replace(observed, hosts=seen)


def told(observed: Observed, wanted: Wanted, entries: Entries) -> Observed:
    """The observation, with the reason of leaving hosts that do not answer: what they hold, and what to do."""
    found = dict(observed.hosts)
    for name, host in wanted.hosts.items():
        reading = found.get(name)
        if host.leaving and isinstance(reading, Unseen):
            held = f"{host.leaving} while it held {entries[name]['vms']} VMs, and cannot be read"
            advice = f"put it back, or `gitvirt host lost {name}`"
            found[name] = replace(reading, reason=f"{held} ({reading.reason}); {advice}")
    return replace(observed, hosts=found)
