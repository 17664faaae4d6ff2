"""A post-copy that broke is resumed: half of the VM's memory is on either host, and each half alone is nothing.

libvirt keeps both halves, and QEMU what it agreed on (encryption, limits), until somebody begins the same migration
again; it is led through our own connections, whoever began it. If that ends in the midst of it, QEMU goes on alone, and
libvirt sees that through. The target's QEMU may hang: its main loop waits for a page that only the resumed migration
would bring, and takes no order to resume any more. Then it cannot be helped.
Called by settle.py and migrations.py. Raises drivers.errors.
"""

from __future__ import annotations

import time

import libvirt

from drivers.errors import Unsupported
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration import direct
from drivers.libvirt.migration.parameters import BASE, Terms, address_in, tcp
from drivers.libvirt.migration.sides import Side

RESUME = getattr(libvirt, "VIR_MIGRATE_POSTCOPY_RESUME", 1 << 19)
FLAGS = BASE | libvirt.VIR_MIGRATE_CHANGE_PROTECTION | libvirt.VIR_MIGRATE_POSTCOPY | RESUME
SINCE = 9_000_000
"""8.5 and later have the flag, but until 9.0 refuse it where the source saw the migration break."""
CRASHES = range(11_002_000, 11_004_000)
"""With these versions the target's daemon crashes of it."""
BEGINNING = 60.0  # seconds for the hosts to come to terms
ALONE = "its post-copy goes on by itself since whoever led it is gone: wait for its end"
LOOK = 1.0
"""Seconds between two looks at what was sent."""
WAITS = (libvirt.VIR_DOMAIN_CONTROL_JOB, libvirt.VIR_DOMAIN_CONTROL_OCCUPIED)
"""What libvirt says of a monitor that it waits for: during a migration, and when it was restarted meanwhile."""
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
    direct.lead(way, uuid, operation, Terms(flags=FLAGS, parameters=parameters))


def goes_on(source: Connections, uuid: str, operation: str) -> bool:
    """Whether QEMU sends memory at this moment. libvirt says that it broke when whoever led it is gone."""
    with source.changes() as conn:
        domain = source.call(operation, conn.lookupByUUIDString, uuid)
        before = source.call(operation, domain.jobStats, 0).get("data_processed", 0)
        time.sleep(LOOK)
        return bool(source.call(operation, domain.jobStats, 0).get("data_processed", 0) > before)


def stuck(target: Connections, uuid: str, operation: str) -> bool:
    """Whether libvirt waits for an answer of the target's QEMU at this moment. Asks QEMU itself nothing."""
    with target.changes() as conn:
        domain = target.call(operation, conn.lookupByUUIDString, uuid)
        return target.call(operation, domain.controlInfo, 0)[0] in WAITS


def anew(here: Side | None, there: Side | None) -> str:
    """What to type to start it anew from its disks. It ran on the target last, so the definition there counts."""
    halves = [side for side in (there, here) if side is not None and not side.off]
    cut = " and ".join(f"`virsh destroy {side.name}` on {side.host}" for side in halves)
    if here is not None and there is not None and here.persistent and there.persistent:
        cut += f", then `virsh undefine --keep-nvram --keep-tpm {here.name}` on {here.host}"
    return f"{cut}; the next pass then finds it off, with its disks, and starts it if it is to run"


def lost(here: Side | None, there: Side | None) -> str:
    """What to say when QEMU on the target hangs."""
    assert there is not None
    return (
        f"a post-copy broke, and QEMU on {there.host} does not answer: while `virsh domcontrol {there.name}` there "
        f"does not say ok, it waits for a page of memory that only a resumed migration would bring, and cannot be told "
        f"of one; neither ending the job nor restarting libvirt changes that. If it stays so, what the guest had in "
        f"memory is lost: {anew(here, there)}"
    )


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
