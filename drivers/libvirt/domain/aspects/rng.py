"""Random number generator: a virtio rng, by itself fed by /dev/urandom; model, source and rate where declared.

`rng` is whether there is one; it comes and goes while the VM runs. The rest takes effect at the next power cycle.
"""

from __future__ import annotations

from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import Element, ensure, first, new, put_text
from specs.fields import Scalar


def _new(value: Scalar, domain: Element) -> Element:
    rng = new("rng", model="virtio")
    put_text(rng, "backend", "/dev/urandom")
    ensure(rng, "backend").set("model", "random")
    return rng


class _Backend(Attribute, frozen=True):
    """Another kind of source takes the former one's path away."""

    def write(self, device: Element, value: Scalar) -> None:
        backend = ensure(device, "backend")
        if backend.get("model") == value:
            return
        backend.clear()
        backend.set("model", str(value or "random"))
        if value in (None, "random"):
            backend.text = "/dev/urandom"


class _Source(Attribute, frozen=True):
    """Only `random` reads a file of the host."""

    def read(self, device: Element) -> Scalar:
        backend = first(device, "backend")
        return backend.text or None if backend is not None and backend.get("model") == "random" else None


def _mine(device: Element) -> bool:
    backend = first(device, "backend")
    return backend is None or backend.get("model") != "egd"


ASPECT = Single(
    tag="rng",
    switch="rng",
    new=_new,
    fields={
        "rngOptions.model": Attribute(name="model"),
        "rngOptions.backend": _Backend(at="backend", name="model"),
        "rngOptions.source": _Source(at="backend", name=""),
        "rngOptions.bytes": Attribute(at="rate", name="bytes", form="number"),
        "rngOptions.period": Attribute(at="rate", name="period", form="number"),
    },
    mine=_mine,
    hotplug=True,
).aspect()
