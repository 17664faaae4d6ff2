"""Panic: the device by which a guest says that its kernel has crashed, so that `on_crash` can act. The first counts."""

from __future__ import annotations

from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import new

ASPECT = Single(
    tag="panic",
    switch="panic",
    model=Attribute(name="model"),
    new=lambda value, domain: new("panic", model=str(value)),
).aspect()
