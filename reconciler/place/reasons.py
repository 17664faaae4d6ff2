"""Reasons in words: which filter took which hosts out, hosts with the same reason named together. Pure."""

from __future__ import annotations

from collections.abc import Mapping

_MOST_HOSTS = 4
_MOST_REASONS = 8


def folded(rejected: Mapping[str, str]) -> str:
    """`kvm1, kvm2: not reachable (Reachable); kvm3: …`, in order of name, the rest counted where there are many."""
    by_reason: dict[str, list[str]] = {}
    for host in sorted(rejected):
        by_reason.setdefault(rejected[host], []).append(host)
    told = [f"{_named(hosts)}: {why}" for why, hosts in by_reason.items()]
    left = sum(len(hosts) for hosts in list(by_reason.values())[_MOST_REASONS:])
    return "; ".join([*told[:_MOST_REASONS], *([f"and {left} hosts with other reasons"] if left else [])])


def _named(hosts: list[str]) -> str:
    if len(hosts) <= _MOST_HOSTS + 1:
        return ", ".join(hosts)
    return f"{', '.join(hosts[:_MOST_HOSTS])} and {len(hosts) - _MOST_HOSTS} more"
