"""Steps that take a VM away: into the trash (stopped, marked, its disks marked), later out of it for good.

Pure; called by plan/planner.py. The definition stays in libvirt while the VM lies in the trash, so that a restore
gives back the same uuid, MACs, NVRAM and disks.
"""

from __future__ import annotations

from drivers.mark import Mark
from reconciler.desired.identity import trashed_since
from reconciler.diff.change import Change, Verb
from reconciler.diff.holding import hold_on
from reconciler.observe.observed import Found
from reconciler.plan import marks
from reconciler.plan.builder import Builder
from reconciler.plan.plan import AutostartVm, DeleteVolume, MarkVm, StopVm, TrashVolume, UndefineVm
from reconciler.plan.steps import removed, seeds
from specs.effects import Effect
from specs.resource import Ref
from specs.structs import replace

_STOP_TIMEOUT = 120  # seconds, for a VM whose mark does not say


def delete_steps(change: Change, found: Found, builder: Builder) -> Change:
    """Stop, take off autostart, mark as trashed, mark each disk that gitvirt made."""
    vm, mark = found.vm, found.vm.mark
    assert mark is not None
    last = ""
    if vm.running:
        timeout = int(mark.declared.get("stopTimeout", _STOP_TIMEOUT))
        resort = str(mark.declared.get("stopLastResort", "fail"))
        call = StopVm(uuid=vm.uuid, timeout=timeout, last_resort=resort)
        last = builder.add(change.ref, found.host, call, "stop", effect=Effect.RESTART)
    if vm.autostart:
        last = builder.add(change.ref, found.host, AutostartVm(uuid=vm.uuid, on=False), "no autostart", after=(last,))
    declared = {path: value for path, value in mark.declared.items() if path != "state"}
    trashed = marks.following(mark, builder.context, trashed=builder.context.now, declared=declared, overrides=())
    call_mark = MarkVm(uuid=vm.uuid, expects=mark.generation, mark=trashed)
    last = builder.add(change.ref, found.host, call_mark, "into the trash", after=(last,))
    for key, pool, volume in _made(mark):
        if mark.devices[key].pending:
            continue  # it was never finished, so there is nothing to keep
        call_trash = TrashVolume(pool=_libvirt_pool(pool, found.host, builder), volume=volume, when=builder.context.now)
        builder.add(change.ref, found.host, call_trash, f"{key} into the trash", key=key, after=(last,))
    return replace(change, host=found.host)


def purge_steps(change: Change, found: Found, users: dict[str, set[str]], builder: Builder) -> Change:
    """Undefine a VM whose time in the trash is over, then delete its disks, but for those that something still uses."""
    vm, mark = found.vm, found.vm.mark
    assert mark is not None
    undefine = UndefineVm(uuid=vm.uuid, expects=mark.generation)
    told = _untold(change, found, users, builder)
    last = builder.add(change.ref, found.host, undefine, "undefine", after=told, effect=Effect.RECREATE)
    itself = {f"vm/{vm.name} on {found.host}"}
    for key, pool, volume in (*_made(mark), *_removed(mark)):
        name = _libvirt_pool(pool, found.host, builder)
        seen = builder.context.observed.pool(found.host, name)
        path = seen.volumes[volume].path if seen and volume in seen.volumes else ""
        if path and not users.get(path, set()) - itself:
            unfinished = key in mark.devices and mark.devices[key].pending
            call = DeleteVolume(pool=name, volume=volume, trashed=not unfinished)
            builder.add(change.ref, found.host, call, f"delete {key}", key=key, after=(last,), effect=Effect.RECREATE)
    return replace(change, host=found.host)


def _untold(change: Change, found: Found, users: dict[str, set[str]], builder: Builder) -> tuple[str, ...]:
    """Deletes what the VM was told at its first boot. Before the definition, which alone tells whose it is."""
    itself = {f"vm/{found.vm.name} on {found.host}"}
    return tuple(
        builder.add(
            change.ref,
            found.host,
            DeleteVolume(pool=pool.name, volume=volume, trashed=False),
            "delete what its first boot was told",
            key="seed",
            effect=Effect.RECREATE,
        )
        for pool, volume in seeds.of(found.vm, found.host, builder)
        if not users.get(pool.volumes[volume].path, set()) - itself
    )


def expired_volumes(users: dict[str, set[str]], builder: Builder) -> list[Change]:
    """Volumes of ours in the trash (disks that were removed from VMs) whose time is over and that nothing uses.

    One that Git declares again waits until it can be taken out.
    """
    context = builder.context
    promised = removed.promised(context)
    prefix = f"gv-{context.wanted.repository[:8]}-"
    changes: dict[Ref, Change] = {}
    for host in context.observed.seen.values() if context.observed.complete else ():
        for pool in host.pools:
            for name in sorted(pool.volumes):
                found = trashed_since(name)
                if found is None or not found[0].startswith(prefix) or found[0] not in pool.volumes:
                    continue
                volume, since = found
                ref = Ref("Volume", f"{pool.name}/{volume}")
                over = context.now >= since + context.wanted.trash_keep
                held = hold_on(ref, host.name, context) is not None
                needed = users.get(pool.volumes[volume].path) or pool.volumes[volume].path in promised
                if held or not over or needed or ref in changes:
                    continue
                changes[ref] = Change(ref=ref, verb=Verb.PURGE, host=host.name, reason="its time in the trash is over")
                builder.add(
                    ref,
                    host.name,
                    DeleteVolume(pool=pool.name, volume=volume, trashed=True),
                    "delete",
                    effect=Effect.RECREATE,
                )
    return list(changes.values())


def _made(mark: Mark) -> list[tuple[str, str, str]]:
    """(key, storage domain, volume) of the disks that gitvirt made."""
    return [
        (key, *device.volume.partition("/")[::2])
        for key, device in sorted(mark.devices.items())
        if device.made and device.volume
    ]


def _removed(mark: Mark) -> list[tuple[str, str, str]]:
    return [(f"{key} (removed)", *volume.partition("/")[::2]) for key, volume in sorted(mark.trash.items())]


def _libvirt_pool(domain: str, host: str, builder: Builder) -> str:
    wanted = builder.context.wanted.pools.get(domain)
    return builder.libvirt_pool(wanted, host) if wanted else domain
