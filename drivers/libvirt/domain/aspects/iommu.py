"""IOMMU: a virtual one for the guest, which then can give its own devices to programs and nested VMs.

Intel's remaps interrupts only beside an I/O APIC of QEMU's own (`<ioapic driver='qemu'/>`), which is set with it.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Write
from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import Element, ensure, new
from specs.fields import Scalar

_SINGLE = Single(
    tag="iommu",
    switch="iommu.model",
    model=Attribute(name="model"),
    new=lambda value, domain: new("iommu", model=str(value)),
    fields={
        "iommu.interruptRemapping": Attribute(at="driver", name="intremap", form="on/off"),
        "iommu.cachingMode": Attribute(at="driver", name="caching_mode", form="on/off"),
        "iommu.extendedInterrupts": Attribute(at="driver", name="eim", form="on/off"),
        "iommu.deviceCache": Attribute(at="driver", name="iotlb", form="on/off"),
    },
)


def _with_ioapic(write: Write) -> Write:
    def both(domain: Element, value: Scalar) -> None:
        write(domain, value)
        if value:
            ensure(domain, "features/ioapic").set("driver", "qemu")

    return both


def _aspect() -> Aspect:
    aspect = _SINGLE.aspect()
    path = "iommu.interruptRemapping"
    write = {**aspect.write, path: _with_ioapic(aspect.write[path])}
    return Aspect(devices=aspect.devices, absent=aspect.absent, write=write)


ASPECT = _aspect()
