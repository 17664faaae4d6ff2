"""TPM: an emulated one (swtpm), with its state beside the VM's, or one of the host's.

libvirt starts swtpm with the VM. `<tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>`.
"""

from __future__ import annotations

from drivers.libvirt.domain import controllers
from drivers.libvirt.domain.single import Attribute, Single
from drivers.libvirt.domain.tree import Element, ensure, first, new
from specs.fields import Scalar


def _new(value: Scalar, domain: Element) -> Element:
    tpm = new("tpm", model="tpm-crb" if controllers.is_q35(domain) else "tpm-tis")
    backend = ensure(tpm, "backend")
    backend.attrib.update({"type": "emulator", "version": "2.0"})
    return tpm


class _Persistent(Attribute, frozen=True):
    """libvirt does not write out that the state is not persistent."""

    def read(self, device: Element) -> Scalar:
        return bool(Attribute(at=self.at, name=self.name, form=self.form).read(device))


def _mine(device: Element) -> bool:
    backend = first(device, "backend")
    return backend is not None and backend.get("type") == "emulator"


ASPECT = Single(
    tag="tpm",
    switch="tpm.enabled",
    new=_new,
    fields={
        "tpm.model": Attribute(name="model"),
        "tpm.version": Attribute(at="backend", name="version"),
        "tpm.persistent": _Persistent(at="backend", name="persistent_state", form="yes/no"),
    },
    mine=_mine,
).aspect()
