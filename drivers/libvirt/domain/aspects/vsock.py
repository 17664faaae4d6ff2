"""vsock: the socket between guest and host, with the guest's number (CID), or one that libvirt picks at each start."""

from __future__ import annotations

from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import Element, drop, ensure, new, number
from specs.fields import Scalar


class _Cid(Attribute, frozen=True):
    """`<cid auto='yes'/>` is `auto`, whatever number it has at the moment."""

    def read(self, device: Element) -> Scalar:
        cid = device.find("cid")
        if cid is None:
            return None
        return "auto" if cid.get("auto") == "yes" else number(cid.get("address"))

    def write(self, device: Element, value: Scalar) -> None:
        drop(device, "cid")
        cid = ensure(device, "cid")
        if value == "auto":
            cid.set("auto", "yes")
        else:
            cid.attrib.update({"auto": "no", "address": str(value)})


_CID = _Cid(name="cid")


def _new(value: Scalar, domain: Element) -> Element:
    vsock = new("vsock", model="virtio")
    _CID.write(vsock, value)
    return vsock


ASPECT = Single(tag="vsock", switch="vsock", model=_CID, new=_new, hotplug=True).aspect()
