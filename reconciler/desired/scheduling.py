"""From SchedulingPolicy and Cluster resources to what placement goes by. Pure. Called by resolve.py and cluster.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.resource import Resource
from specs.structs import Struct, field


class WantedPolicy(Struct, frozen=True, kw_only=True):
    """A declared scheduling policy. None means that nothing is said: what the built-in policy `none` has.

    `parameters` by oVirt's names: percents, minutes, numbers, bytes.
    """

    name: str
    filters: tuple[str, ...] | None = None
    weights: Mapping[str, int] | None = None
    balancer: str = "None"
    parameters: Mapping[str, int] = field(default_factory=dict)


class ClusterScheduling(Struct, frozen=True, kw_only=True):
    """The policy that a cluster names, built-in or declared, with parameters that go before the policy's own."""

    policy: str = "none"
    parameters: Mapping[str, int] = field(default_factory=dict)


def resolve_policy(resource: Resource) -> WantedPolicy:
    """The WantedPolicy of one resource of a checked catalog."""
    spec = resource.spec
    return WantedPolicy(
        name=resource.name,
        filters=spec.filters,
        weights=spec.weights,
        balancer=spec.balancer or "None",
        parameters=_parameters(spec.parameters),
    )


def scheduling_of(said: Any) -> ClusterScheduling:
    """What a cluster's `schedulingPolicy` (or None) comes to."""
    if said is None:
        return ClusterScheduling()
    return ClusterScheduling(policy=said.policy or "none", parameters=_parameters(said.parameters))


def _parameters(said: Any) -> dict[str, int]:
    return {} if said is None else dict(said.model_dump(by_alias=True, exclude_none=True))
