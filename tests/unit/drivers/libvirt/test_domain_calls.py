"""Calls on a domain that belong together: what is told when the connection goes away between them."""

from __future__ import annotations

import uuid

import libvirt
import pytest

from drivers import errors
from drivers.base import NewVm
from drivers.libvirt import domain_calls
from drivers.libvirt.errors import translate
from tests.strategies import mark_for

KEEPALIVE = (libvirt.VIR_ERR_INTERNAL_ERROR, libvirt.VIR_FROM_RPC, "client socket is closed")
NOT_FOUND = (libvirt.VIR_ERR_NO_DOMAIN, libvirt.VIR_FROM_QEMU, "Domain not found")
NO_SPACE = (libvirt.VIR_ERR_SYSTEM_ERROR, libvirt.VIR_FROM_NONE, "cannot write: No space left on device")


class Broken:
    """A connection whose definitions fail with one error, and whose names cannot be looked up with another."""

    def __init__(self, defining: tuple[int, int, str], looking: tuple[int, int, str]) -> None:
        self.defining, self.looking = defining, looking

    def lookupByUUIDString(self, value: str) -> None:
        raise raised(NOT_FOUND)

    def lookupByName(self, name: str) -> None:
        raise raised(self.looking)

    def defineXMLFlags(self, xml: str, flags: int) -> None:
        raise raised(self.defining)


def raised(error: tuple[int, int, str]) -> libvirt.libvirtError:
    code, domain, text = error
    found = libvirt.libvirtError("failed")
    found.err = (code, domain, text, 2, None, None, None, -1, -1)
    return found


@pytest.mark.parametrize(
    ("defining", "looking", "kind"),
    [(NO_SPACE, NOT_FOUND, errors.NoSpace), (NO_SPACE, KEEPALIVE, errors.NoSpace), (KEEPALIVE, KEEPALIVE, None)],
)
def test_why_it_was_not_defined_is_told_whatever_looking_for_its_name_says(defining, looking, kind) -> None:
    vm_uuid = str(uuid.uuid4())
    new = NewVm(name="web", uuid=vm_uuid, fields={}, mark=mark_for("web", vm_uuid, {}))
    with pytest.raises(libvirt.libvirtError) as caught:
        domain_calls.define_new(Broken(defining, looking), new, "<domain/>")  # type: ignore[arg-type]
    assert caught.value.get_error_message() == defining[2]
    assert kind is None or isinstance(translate(caught.value, "kvm1", "define vm/web"), kind)
