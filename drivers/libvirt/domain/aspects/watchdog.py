"""Watchdog: the `<watchdog>` that a guest's driver has to feed, and what happens when it does not.

The TCO watchdog is part of every q35 machine, and newer versions of libvirt write it out: it is nobody's choice, and
is left alone.
"""

from __future__ import annotations

from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import new

ASPECT = Single(
    tag="watchdog",
    switch="watchdog.model",
    model=Attribute(name="model"),
    new=lambda value, domain: new("watchdog", model=str(value), action="reset"),
    fields={"watchdog.action": Attribute(name="action")},
    mine=lambda device: device.get("model") != "itco",
).aspect()
