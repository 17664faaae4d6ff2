"""A post-copy that broke is resumed: half of the VM's memory is on either host, and each half alone is nothing.

libvirt keeps both halves, and QEMU what it agreed on (encryption, limits), until somebody begins the same migration
again; it is led through our own connections, whoever began it. The target's QEMU may hang by then: its main loop waits
for a page that only the resumed migration would bring, and takes no order to resume any more. Then it cannot be helped.
Called by settle.py. Raises drivers.errors.
"""

from __future__ import annotations

import libvirt

from drivers.errors import Unknown, Unsupported
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration import direct
from drivers.libvirt.migration.parameters import BASE, Terms, address_in, tcp

RESUME = getattr(libvirt, "VIR_MIGRATE_POSTCOPY_RESUME", 1 << 19)
FLAGS = BASE | libvirt.VIR_MIGRATE_CHANGE_PROTECTION | libvirt.VIR_MIGRATE_POSTCOPY | RESUME
SINCE = 9_000_000
"""8.5 and later have the flag, but until 9.0 refuse it where the source saw the migration break."""
CRASHES = range(11_002_000, 11_004_000)
"""With these versions the target's daemon crashes of it."""
BEGINNING = 60.0  # seconds for the hosts to come to terms
SLOWEST = 16 << 20
"""Bytes a second. What goes slower is given up and begun again at the next pass, with what is there by then."""


def resume(source: Connections, target: Connections, uuid: str, operation: str) -> None:
    """Returns when all of the memory is on the target."""
    for side, crashes in ((source, range(0)), (target, CRASHES)):
        with side.changes() as conn:
            _check(side.host, operation, side.call(operation, conn.getLibVersion), crashes)
    address = address_in(target.where)
    parameters = {libvirt.VIR_MIGRATE_PARAM_URI: tcp(address)} if address else {}
    way = direct.Way(source, target, deadline=BEGINNING + _remaining(source, uuid, operation) / SLOWEST)
    try:
        direct.lead(way, uuid, operation, Terms(flags=FLAGS, parameters=parameters))
    except Unknown as error:
        if _hangs(target, uuid, operation):
            lost = f"QEMU on {target.host} waits for a page of memory and answers no more, so its memory is lost"
            after = f"`virsh destroy` it on both hosts and `virsh undefine --keep-nvram` it on {source.host}"
            raise Unknown(target.host, operation, f"{lost}: {after}; the next pass starts it anew") from error
        raise


def _hangs(target: Connections, uuid: str, operation: str) -> bool:
    """Whether libvirt waits for an answer of the target's QEMU all the while. Asks QEMU itself nothing."""
    with target.changes() as conn:
        domain = target.call(operation, conn.lookupByUUIDString, uuid)
        return bool(target.call(operation, domain.controlInfo, 0)[0] == libvirt.VIR_DOMAIN_CONTROL_OCCUPIED)


def _remaining(source: Connections, uuid: str, operation: str) -> int:
    """Bytes of its memory that are still on the source; what QEMU no longer tells counts as none."""
    with source.changes() as conn:
        domain = source.call(operation, conn.lookupByUUIDString, uuid)
        return int(source.call(operation, domain.jobStats, 0).get("data_remaining", 0))


def _check(host: str, operation: str, version: int, crashes: range) -> None:
    if version < SINCE or version in crashes:
        told = f"{version // 1_000_000}.{version // 1000 % 1000}"
        raise Unsupported(
            host, operation, f"its libvirt {told} cannot resume a post-copy (9.0 or later can, but for 11.2 and 11.3)"
        )
