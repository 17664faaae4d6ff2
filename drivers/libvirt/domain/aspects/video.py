"""Video: the first card, which is the one that firmware and boot loader show on.

A VM with graphics needs one and gets a plain VGA card if nobody says more (graphics.py). `none` is written out, since
libvirt would add a card of its own choice. Sizes in bytes, KiB in the XML.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.single import Attribute
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, first
from specs.fields import Scalar

_FIELDS = {
    "video.heads": Attribute(name="heads", form="number"),
    "video.vram": Attribute(name="vram", form="size"),
    "video.ram": Attribute(name="ram", form="size"),
    "video.vgaMemory": Attribute(name="vgamem", form="size"),
    "video.acceleration": Attribute(at="acceleration", name="accel3d", form="yes/no"),
}


def _read(element: Element, draft: Draft) -> None:
    model, fields = first(element, "model"), draft.fields
    if model is None or "video.model" in fields:
        return
    fields["video.model"] = model.get("type", "")
    for path, attribute in _FIELDS.items():
        if (value := attribute.read(model)) is not None:
            fields[path] = value
    size = first(model, "resolution")
    if size is not None:
        fields["video.resolution"] = f"{size.get('x', '')}x{size.get('y', '')}"


def _write_model(domain: Element, value: Scalar) -> None:
    if value is None:
        return
    video = ensure(domain, "devices/video")
    model = ensure(video, "model")
    if model.get("type") == value:
        return
    model.clear()  # the memory of another model's card says nothing about this one's
    model.set("type", str(value))
    drop(video, "address")


def _write(path: str, domain: Element, value: Scalar) -> None:
    model = domain.find("devices/video/model")
    if model is None:
        if value is None:
            return
        raise CannotWrite(path, "the VM has no video card; set video.model too")
    if path in _FIELDS:
        _FIELDS[path].write(model, value)
        return
    drop(model, "resolution")
    if value is not None:
        across, _, down = str(value).partition("x")
        ensure(model, "resolution").attrib.update({"x": across, "y": down})


ASPECT = Aspect(
    devices={"video": _read},
    write={
        "video.model": _write_model,
        **{
            path: lambda domain, value, path=path: _write(path, domain, value)  # type: ignore[misc]
            for path in (*_FIELDS, "video.resolution")
        },
    },
)
