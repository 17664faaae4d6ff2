"""Random number generator: a virtio rng fed by /dev/urandom."""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, alias, children, ensure, new, put_text, remove
from specs.fields import Scalar


def _is_ours(element: Element) -> bool:
    backend = element.find("backend")
    return element.get("model", "").startswith("virtio") and backend is not None and backend.get("model") == "random"


def _read(element: Element, draft: Draft) -> None:
    if _is_ours(element):
        draft.fields["rng"] = True


def _write(domain: Element, value: Scalar) -> None:
    devices = ensure(domain, "devices")
    there = [each for each in children(devices, "rng") if _is_ours(each)]
    if value and not there:
        devices.append(build())
    elif not value:
        for each in there:
            remove(each)


def build() -> Element:
    """A new generator."""
    rng = new("rng", model="virtio")
    put_text(rng, "backend", "/dev/urandom")
    ensure(rng, "backend").set("model", "random")
    return rng


def _live(running: Running, path: str, value: Scalar) -> None:
    there = [each for each in running.live().iterfind("devices/rng") if _is_ours(each)]
    if value and not there:
        device = build()
        device.append(new("alias", name="ua-rng"))
        running.attach(device)
    elif not value:
        for each in there:
            running.detach(alias(each))


ASPECT = Aspect(devices={"rng": _read}, absent={"rng": False}, write={"rng": _write}, live={"rng": _live})
