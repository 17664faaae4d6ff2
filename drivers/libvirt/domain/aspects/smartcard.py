"""Smartcard reader: the cards of whoever looks at the VM by SPICE (`passthrough`), or one of the host's (`host`)."""

from __future__ import annotations

from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import Element, new
from specs.fields import Scalar


def _new(value: Scalar, domain: Element) -> Element:
    card = new("smartcard", mode=str(value))
    if value == "passthrough":
        card.set("type", "spicevmc")
    return card


def _known(device: Element) -> bool:
    return device.get("mode") == "host" or (device.get("mode"), device.get("type")) == ("passthrough", "spicevmc")


ASPECT = Single(tag="smartcard", switch="smartcard", model=Attribute(name="mode"), new=_new, mine=_known).aspect()
