"""Calls on a domain that belong together, in one turn on a worker's thread: changing threads costs as much as a call.

In: a connection or a domain. Out: what libvirt said, as text. Raises libvirtError, which the caller's `call`
translates. Called by vms.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import libvirt

from drivers import mark as marks
from drivers.base import NewVm, VmEdit
from drivers.libvirt.domain.marks import PREFIX, UNDO_NAMESPACE, UNDO_PREFIX, element
from drivers.libvirt.errors import is_code
from drivers.mark import Mark

NEXT_BOOT = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE
_ELEMENT = libvirt.VIR_DOMAIN_METADATA_ELEMENT

Taken = Literal["", "uuid", "name"]


def fetch(conn: libvirt.virConnect, uuid: str) -> tuple[libvirt.virDomain, str | None]:
    """A domain, with its id as of now, and its next boot's definition, None if it has none."""
    domain = conn.lookupByUUIDString(uuid)
    return domain, domain.XMLDesc(NEXT_BOOT) if domain.isPersistent() else None


def fetch_mark(conn: libvirt.virConnect, uuid: str) -> tuple[libvirt.virDomain, str | None]:
    """A domain, with its id as of now, and the element with its mark; a transient one is refused by libvirt."""
    domain = conn.lookupByUUIDString(uuid)
    return domain, _mark(domain)


def write_mark(domain: libvirt.virDomain, mark: Mark | None, flags: int) -> str | None:
    """Sets the mark (None: takes it away, with what is only known by it), and reads it back from the definition."""
    _set(domain, PREFIX, marks.NAMESPACE, element(mark) if mark is not None else None, flags)
    if mark is None:
        _set(domain, UNDO_PREFIX, UNDO_NAMESPACE, None, CONFIG)
    return _mark(domain) if flags & CONFIG else None


def define(conn: libvirt.virConnect, xml: str, request: NewVm | VmEdit) -> libvirt.virDomain:
    """Checked against libvirt's schema only with somebody's patches in it: that takes 7 of 10 ms.

    What we wrote ourselves is proved by reading it back.
    """
    return conn.defineXMLFlags(xml, libvirt.VIR_DOMAIN_DEFINE_VALIDATE if request.xml else 0)


def define_new(conn: libvirt.virConnect, new: NewVm, xml: str) -> tuple[Taken, libvirt.virDomain, str]:
    """Defines it, unless its uuid or name is taken; which of them, whose domain it is now, and its definition.

    libvirt would redefine a domain of the same uuid and name, and refuses a name alone.
    """
    taken: Taken = "uuid"
    domain = _found(conn.lookupByUUIDString, new.uuid)
    if domain is None:
        try:
            taken, domain = "", define(conn, xml, new)
        except libvirt.libvirtError as refused:
            taken, domain = "name", _namesake(conn, new.name)
            if domain is None:
                raise refused
    return taken, domain, domain.XMLDesc(NEXT_BOOT)


def _found(lookup: Callable[[str], libvirt.virDomain], value: str) -> libvirt.virDomain | None:
    try:
        return lookup(value)
    except libvirt.libvirtError as error:
        if not is_code(error, "NO_DOMAIN"):
            raise
        return None


def _namesake(conn: libvirt.virConnect, name: str) -> libvirt.virDomain | None:
    try:
        return conn.lookupByName(name)
    except libvirt.libvirtError:
        return None  # why it was not defined is what matters, also if the connection is gone


def _mark(domain: libvirt.virDomain) -> str | None:
    try:
        return str(domain.metadata(_ELEMENT, marks.NAMESPACE, CONFIG))
    except libvirt.libvirtError as error:
        if not is_code(error, "NO_DOMAIN_METADATA"):
            raise
        return None


def _set(domain: libvirt.virDomain, prefix: str, namespace: str, xml: str | None, flags: int) -> None:
    try:
        domain.setMetadata(_ELEMENT, xml, prefix, namespace, flags)
    except libvirt.libvirtError as error:
        if xml is not None or not is_code(error, "NO_DOMAIN_METADATA"):
            raise  # removing what is not there is fine
