"""Sound: the first `<sound>`, by its model. libvirt finds the audio backend that fits the graphics by itself."""

from __future__ import annotations

from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import new

ASPECT = Single(
    tag="sound",
    switch="sound",
    model=Attribute(name="model"),
    new=lambda value, domain: new("sound", model=str(value)),
).aspect()
