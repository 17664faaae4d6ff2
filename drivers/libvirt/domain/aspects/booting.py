"""How the guest boots: its own kernel, the firmware's menu, the classes of devices to try (`<os>`).

An order of single devices (`bootOrder`) excludes one of classes: libvirt refuses a definition with both.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import NUMBER, TEXT, YES_NO, Spot, readers, writers
from drivers.libvirt.domain.tree import CannotWrite, Element, children, drop, ensure, new
from specs.fields import Scalar

_SPOTS = {
    "kernel.path": Spot("os/kernel", "", TEXT),
    "kernel.initrd": Spot("os/initrd", "", TEXT),
    "kernel.cmdline": Spot("os/cmdline", "", TEXT),
    "boot.menu": Spot("os/bootmenu", "enable", YES_NO),
    "boot.menuTimeout": Spot("os/bootmenu", "timeout", NUMBER),
    "boot.retryAfter": Spot("os/bios", "rebootTimeout", NUMBER),
    "boot.serial": Spot("os/bios", "useserial", YES_NO),
}
_read_spots = readers(_SPOTS)["os"]


def _read(element: Element, draft: Draft) -> None:
    _read_spots(element, draft)
    order = [each.get("dev", "") for each in children(element, "boot")]
    if order:
        draft.fields["boot.order"] = ",".join(order)


def _write_order(domain: Element, value: Scalar) -> None:
    os = ensure(domain, "os")
    drop(os, "boot")
    if value is None:
        return
    if domain.find("devices/*/boot") is not None:
        raise CannotWrite("boot.order", "a device has a `bootOrder`; use one of the two")
    os.extend([new("boot", dev=each) for each in str(value).split(",")])


ASPECT = Aspect(domain={"os": _read}, write={**writers(_SPOTS), "boot.order": _write_order})
