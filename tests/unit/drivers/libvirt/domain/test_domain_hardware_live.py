"""Single devices of a running VM: what is asked of libvirt, and that nothing is asked for what is true already."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.libvirt.domain import live
from drivers.libvirt.domain.aspect import NotNow
from drivers.libvirt.domain.tree import CannotWrite
from drivers.libvirt.domain.visible import unseen
from specs.fields import Scalar
from tests.unit.drivers.libvirt.domain.samples import DEVICES, edited, text
from tests.unit.drivers.libvirt.domain.test_domain_live import PaperVm


@pytest.fixture
def vm() -> PaperVm:
    return PaperVm(text("running-live"))


def change(vm: PaperVm, path: str, value: Scalar) -> list[str]:
    """The deeds that make the field true; asked again, there are no more."""
    before = len(vm.deeds)
    edit = Edit(path=path, after=value)
    live.change(vm, edit, DEVICES)
    assert unseen([edit], vm.draft().fields) is None
    done = vm.deeds[before:]
    live.change(vm, edit, DEVICES)
    assert vm.deeds[before + len(done) :] == []
    return done


def test_redirection_ports_come_and_go_by_number(vm: PaperVm) -> None:
    assert change(vm, "usb.redirections", 2) == ["attach ua-redirection-0", "attach ua-redirection-1"]
    assert change(vm, "usb.redirections", 3) == ["attach ua-redirection-2"]
    assert change(vm, "usb.redirections", 0) == [f"detach ua-redirection-{each}" for each in range(3)]


def test_an_input_of_another_bus_takes_the_place_of_the_former_one(vm: PaperVm) -> None:
    assert change(vm, "inputs.keyboard", "usb") == ["attach ua-keyboard"]
    assert change(vm, "inputs.keyboard", "virtio") == ["detach ua-keyboard", "attach ua-keyboard"]
    assert change(vm, "inputs.keyboard", "none") == ["detach ua-keyboard"]


def test_a_vsock_gets_another_number(vm: PaperVm) -> None:
    assert change(vm, "vsock", 42) == ["attach ua-vsock"]
    assert change(vm, "vsock", "auto") == ["detach ua-vsock", "attach ua-vsock"]
    assert change(vm, "vsock", "none") == ["detach ua-vsock"]


def test_a_password_s_end_goes_with_all_that_the_graphics_have(vm: PaperVm) -> None:
    live.change(vm, Edit(path="graphics.passwordExpires", after="2030-01-31T18:00:00Z"), DEVICES)
    graphics = vm.live().find("devices/graphics")
    assert graphics is not None
    assert graphics.get("passwdValidTo") == "2030-01-31T18:00:00"
    assert graphics.find("listen") is not None
    assert vm.deeds == ["update graphics"]


@pytest.mark.parametrize(("path", "value"), [("sound", "ich9"), ("tpm.enabled", True), ("graphics.type", "spice")])
def test_what_qemu_has_no_plug_for_waits(vm: PaperVm, path: str, value: Scalar) -> None:
    with pytest.raises(NotNow, match="while the VM runs"):
        live.change(vm, Edit(path=path, after=value), DEVICES)


def test_two_graphics_of_a_type_are_refused_since_they_would_not_start() -> None:
    twice = text("running-inactive").replace("</devices>", "<graphics type='vnc'/></devices>")
    with pytest.raises(CannotWrite, match="two VNC"):
        edited(twice, Edit(path="description", after="x"))
    beside = text("running-inactive").replace("</devices>", "<graphics type='egl-headless'/></devices>")
    edited(beside, Edit(path="description", after="x"))
