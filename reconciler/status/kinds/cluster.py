"""Clusters as objects: what is declared, and what their hosts make of it. Pure.

A host that was not read is named as declared, and nothing is known of it.
"""

from __future__ import annotations

from typing import Any

from drivers.node import CpuModel
from reconciler.desired.wanted import WantedCluster
from reconciler.diff.power import active
from reconciler.place.hosts import clusters as place
from reconciler.place.hosts.clusters import Report
from reconciler.status.conditions import on_hold
from reconciler.status.kinds.declared import clusters as declared
from reconciler.status.situation import Situation
from reconciler.status.values import overrides, sparse


def clusters(situation: Situation) -> list[dict[str, Any]]:
    """Every cluster, the implied one too."""
    context = situation.context
    found = []
    for each in declared(situation.catalog):
        wanted = context.wanted.clusters[each["metadata"]["name"]]
        report = place.report(wanted, context)
        name = str(wanted.ref)
        kept = [*filter(None, [context.holds.get(name)]), *context.overrides.get(name, ())]
        facts = sparse(
            emulation=report.emulation,
            cpu=_baseline(wanted, report, situation),
            versions=report.versions,
            broken=report.broken,
            remarks=list(report.remarks),
            overrides=overrides(each for each in kept if active(each, context.now)),
        )
        conditions = [on_hold(wanted.ref, "", situation).data()]
        found.append({**each, "status": {**each["status"], "conditions": conditions, **facts}})
    return found


def _baseline(wanted: WantedCluster, report: Report, situation: Situation) -> str:
    """The CPU that all hosts have, in words; "" where that is not known. An emulated one is alike everywhere."""
    if report.emulation == "tcg":
        return f"{wanted.cpu or 'maximum'} (emulated)"
    asked = situation.baselines.get(wanted.name)
    if asked is not None:
        return cpu(asked.model) if asked.model else f"none: {asked.why}"
    if report.common is not None:
        return cpu(report.common)
    return "differs" if report.models else ""


def cpu(model: CpuModel) -> str:
    """`EPYC+x2apic-sha-ni`, features in order."""
    more = [f"+{each}" for each in sorted(model.requires)] + [f"-{each}" for each in sorted(model.disables)]
    return f"{model.name} {','.join(more)}" if more else model.name
