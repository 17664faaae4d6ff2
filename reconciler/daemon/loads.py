"""Loads: how busy the CPUs of hosts and VMs were over the last minutes, from samples of counters.

In: what each pass observed, and the hosts (asked for the usage of their VMs only where a cluster is balanced by load).
Out: the same observation with `loads` and `vm_loads`. One per daemon; a pass of the command line has no samples, so
nothing is known there. A load is known only if the same VMs ran on the host for the minutes that the policy of its
cluster says: what came or went a moment ago would be counted where it is no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from drivers.node import Usage
from drivers.seen import SeenHost
from reconciler.desired.wanted import Wanted
from reconciler.observe.atonce import at_once
from reconciler.observe.observed import Observed
from reconciler.place.policies import Policy, policy_of
from specs.structs import Struct, field, replace

_BY_LOAD = ("OptimalForEvenDistribution", "OptimalForPowerSaving")
_NANO = 1e9


class _Sample(Struct, frozen=True, kw_only=True):
    """Counters at one moment: `at` in seconds, `busy` and those of `vms` (by name) in ns of CPU time."""

    at: float
    busy: int
    guests: frozenset[str]
    vms: Mapping[str, int] = field(default_factory=dict)


class Loads:
    """The samples of every host. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._samples: dict[str, list[_Sample]] = {}

    def measured(self, wanted: Wanted, observed: Observed, hosts: Mapping[str, Host]) -> Observed:
        """The observation with what is known of loads after this sample of it."""
        loads: dict[str, float] = {}
        vms: dict[tuple[str, str], float] = {}
        for name in set(self._samples) - set(observed.seen):
            del self._samples[name]
        policies = {name: _policy(name, wanted) for name in observed.seen}
        asked = [name for name, policy in policies.items() if policy.balancer in _BY_LOAD and name in hosts]
        usages = at_once(lambda name: _usage(hosts[name]), asked)
        for name, seen in observed.seen.items():
            sample = self._sample(seen, usages.get(name))
            window = policies[name].parameters["CpuOverCommitDurationMinutes"] * 60
            base = self._base(name, sample, window)
            if base is None or not seen.cpus:
                continue
            seconds = sample.at - base.at
            loads[name] = round((sample.busy - base.busy) / _NANO / seconds / seen.cpus * 100, 1)
            for vm, busy in sample.vms.items():
                if busy >= base.vms.get(vm, busy + 1):
                    vms[name, vm] = round((busy - base.vms[vm]) / _NANO / seconds, 3)
        return replace(observed, loads=loads, vm_loads=vms)

    def _sample(self, seen: SeenHost, usage: Usage | None) -> _Sample:
        guests = frozenset(each.uuid for each in seen.vms if each.running)
        if usage is None:
            return _Sample(at=self._clock(), busy=seen.cpu_time, guests=guests)
        counters = {each.name: each.cpu_time for each in usage.vms}
        return _Sample(at=self._clock(), busy=usage.cpu_time, guests=guests, vms=counters)

    def _base(self, name: str, sample: _Sample, window: float) -> _Sample | None:
        """The youngest sample that is old enough, if the same VMs ran ever since; keeps the new one and that one on."""
        kept = self._samples.setdefault(name, [])
        if kept and (kept[-1].guests != sample.guests or kept[-1].busy > sample.busy or not sample.busy):
            kept.clear()
        old = [each for each in kept if sample.at - each.at >= window]
        del kept[: max(0, len(old) - 1)]
        kept.append(sample)
        return old[-1] if old else None


def _usage(host: Host) -> Usage | None:
    try:
        return host.node.usage()
    except DriverError:
        return None  # the host's own counter tells enough


def _policy(host: str, wanted: Wanted) -> Policy:
    return policy_of(wanted.clusters[wanted.hosts[host].cluster], wanted.policies)
