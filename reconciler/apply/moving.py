"""Moves of VMs as steps: migrate or relocate, tell how far it is, and after a failure find out where the VM is.

Called by dispatch.py and by the operation `gitvirt migrate`. A move that failed is settled at once (drivers.base
Migrations.settle), so that what is reported is what was found, not what was feared. Raises drivers.errors only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drivers.base import Host
from drivers.errors import Busy, Conflict, DriverError, Missing, Unknown, Unreachable
from drivers.moving import Migration, Progress
from reconciler.plan import plan

Told = Callable[[str, int, int], None]
_NOTHING_BEGAN = (Conflict, Missing)


def migrate(call: plan.MigrateVm, host: Host, hosts: Mapping[str, Host], told: Told) -> tuple[str, ...]:
    """Returns when the VM runs on the target alone."""
    target = there(call.target, host, hosts)
    try:
        host.migrations.migrate(call.migration, target, lambda progress: told(phase(progress), *share(progress)))
    except _NOTHING_BEGAN:
        raise
    except DriverError as error:
        return _settled(error, call.migration, host, target)
    return ()


def relocate(call: plan.RelocateVm, host: Host, hosts: Mapping[str, Host]) -> tuple[str, ...]:
    """Returns when the VM is defined on the target alone."""
    host.migrations.relocate(call.relocation, there(call.target, host, hosts))
    return ()


def settle(call: plan.SettleVm, host: Host, hosts: Mapping[str, Host]) -> tuple[str, ...]:
    """What was found. Conflict if the call needs the VM to have moved and not the target alone has it."""
    target = there(call.target, host, hosts)
    found = host.migrations.settle(call.uuid, target)
    if call.moved and not _left(call.uuid, host, target):
        detail = f"{found}, and not on {target.name} alone as when it was planned: what was to follow is not done"
        raise Conflict(host.name, "settle", detail)
    return (found,)


def _left(uuid: str, host: Host, target: Host) -> bool:
    """Whether the target has the VM for good, running or off, and the source nothing of it."""
    here, gone = target.reader.vm(uuid), host.reader.vm(uuid)
    return gone is None and here is not None and here.persistent and here.migrating != "in"


def there(name: str, host: Host, hosts: Mapping[str, Host]) -> Host:
    """The driver of the other host; Unreachable where this pass has none."""
    if name not in hosts:
        raise Unreachable(host.name, "migrate", f"{name} is not connected")
    return hosts[name]


def _settled(error: DriverError, migration: Migration, host: Host, target: Host) -> tuple[str, ...]:
    """What was found after a failure: notes if the VM arrived after all, else the error with what is now."""
    try:
        found = host.migrations.settle(migration.uuid, target)
    except DriverError as still:
        raise Unknown(error.host, error.operation, f"{error.detail}; {still}") from error
    if arrived(migration.uuid, host, target):
        return (f"{error.detail}; {found}",)
    kind = Busy if isinstance(error, Unknown | Unreachable) else type(error)
    raise kind(error.host, error.operation, f"{error.detail}; {found}") from error


def arrived(uuid: str, host: Host, target: Host) -> bool:
    """Whether the VM runs on the target, and on the source no more."""
    here, gone = target.reader.vm(uuid), host.reader.vm(uuid)
    return here is not None and here.running and here.migrating != "in" and (gone is None or not gone.running)


def share(progress: Progress) -> tuple[int, int]:
    """(bytes done, bytes in all) of a migration; what was written anew meanwhile has to be sent again."""
    total = max(progress.total, progress.processed + progress.remaining)
    return max(total - progress.remaining, 0), total


def phase(progress: Progress) -> str:
    """`copying (pass 3)`, which the figures of `share` follow."""
    said = progress.phase or "migrating"
    return f"{said} (pass {progress.iteration})" if progress.iteration > 1 else said
