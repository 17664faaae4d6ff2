"""AffinityGroup: VMs that belong together or apart, and to hosts or away from them."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Strict

from specs.errors import BadValue
from specs.kinds.common import Line
from specs.model import Model, Name, Unit, Yes, declared


def _labels(value: Mapping[str, str]) -> Mapping[str, str]:
    if not value:
        raise BadValue("no label", "it would take everything in", "write `{tier: web}`, or take it away")
    return value


Labels = Annotated[
    Mapping[str, str], AfterValidator(_labels), Unit("mapping of label to value, such as `{tier: web}`; all must match")
]
Priority = Annotated[int, Strict(), Field(ge=1, le=1000), Unit("number from 1 to 1000")]


class Rule(Model):
    """`positive` is together, or on these hosts; `negative` is apart, or away from these hosts."""

    shorthand: ClassVar[tuple[str, ...]] = ("polarity",)

    polarity: Literal["positive", "negative"] = declared(
        "`positive`: together, or on these hosts; `negative`: apart, or not on these hosts.",
        effect="policy",
        required=True,
    )
    enforcing: Yes | None = declared(
        "Hard (true, which is built in): never placed against it; soft (false): as far as it goes.", effect="policy"
    )


class AffinityGroup(Model):
    """Members are the VMs and hosts that are named, and those that bear all of the labels."""

    cluster: Name | None = declared("Its cluster; may be left out if there is only one.", effect="policy")
    description: Line | None = declared("Text for people.", effect="policy")
    priority: Priority | None = declared(
        "How much a soft rule counts against other soft rules; 1 is built in.", effect="policy"
    )
    vms: tuple[Name, ...] | None = declared("VMs by name.", effect="policy")
    vm_labels: Labels | None = declared("VMs of the cluster that bear all of these labels.", effect="policy")
    hosts: tuple[Name, ...] | None = declared("Hosts by name.", effect="policy")
    host_labels: Labels | None = declared("Hosts of the cluster that bear all of these labels.", effect="policy")
    vm_rule: Rule | None = declared("Whether its VMs run on one host, or each on another.", effect="policy")
    host_rule: Rule | None = declared("Whether its VMs run on its hosts, or on none of them.", effect="policy")
    during_maintenance: Literal["yield", "hold"] | None = declared(
        "Whether a hard `vmRule` yields when a host is emptied for maintenance (built in), or holds VMs back there.",
        effect="policy",
    )
