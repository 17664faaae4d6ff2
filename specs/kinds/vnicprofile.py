"""vNIC profile: settings of NICs under one name, declared once with their network."""

from typing import Annotated

from specs.kinds.nicsettings import Bandwidth, Parameter, Word
from specs.model import Named, Unit, Yes, declared


class VnicProfile(Named):
    """What NICs of this profile get; what a NIC says itself wins. A change reaches every NIC that has the profile."""

    bandwidth: Bandwidth | None = declared("Limits of what passes (QoS).", effect="live")
    filter: Word | None = declared("Filter (nwfilter) of the host, such as clean-traffic.", effect="live")
    filter_parameters: Annotated[tuple[Parameter, ...] | None, Unit("list of `NAME=VALUE`")] = declared(
        "What the filter is told, such as `IP=192.0.2.7`.", effect="live"
    )
    isolated: Yes | None = declared("Its NICs reach no other isolated port of the bridge.", effect="live")
    trust_guest_rx_filters: Yes | None = declared(
        "The host follows the guest's receive filters, on macvtap.", effect="live"
    )
