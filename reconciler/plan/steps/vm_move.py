"""Moves in a plan: as a field `host` of a VM's change, and as the steps that carry a VM to another host.

Pure. `joined` is called by plan/planner.py before the VMs are settled; `leave_first` and `leave_last` by vm_update.py:
a VM that is off goes before it is started, one that runs goes after everything else was done to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.mark import Mark
from drivers.moving import Migration, Relocation
from reconciler.desired.wanted import WantedPool
from reconciler.diff import doubles
from reconciler.diff.change import Change, FieldChange, Verb
from reconciler.diff.context import Context
from reconciler.observe.observed import Found
from reconciler.place.hosts.required import migration_address
from reconciler.place.moving.reach import Reach, incremental, reach, targets, volumes
from reconciler.place.moving.wish import Home, Move
from reconciler.plan import marks
from reconciler.plan.builder import Builder
from reconciler.plan.plan import AutostartVm, DeleteVolume, MigrateVm, RelocateVm, SettleVm, TrashVolume
from reconciler.plan.steps import seeds
from reconciler.plan.steps.vm_create import starts_with_host
from reconciler.plan.steps.work import Work
from specs.effects import Effect
from specs.fields import entries
from specs.resource import Ref
from specs.structs import replace

PATH = "host"
_VM = "VirtualMachine"


def joined(changes: list[Change], moves: Mapping[str, Move]) -> list[Change]:
    """The changes with the moves in them; a VM of which nothing else changes gets a change of its own."""
    left = {(_VM, each.vm, each.source): each for each in moves.values()}
    found = []
    for change in changes:
        move = left.pop((change.ref.kind, change.ref.name, change.host), None)
        found.append(replace(change, fields=(*change.fields, field_of(move))) if move else change)
    return found + [
        Change(ref=Ref(_VM, each.vm), verb=Verb.UPDATE, host=each.source, fields=(field_of(each),), where=each.where)
        for each in left.values()
    ]


def field_of(move: Move) -> FieldChange:
    """A move as a field of the VM's change."""
    note = move.why if move.running else f"relocated while it is off, {move.why}"
    told = f"; gives up {', '.join(move.yields)} meanwhile" if move.yields else ""
    return FieldChange(
        path=PATH, before=move.source, after=move.target or "another host", where=move.where, note=note + told,
        effect=Effect.MIGRATE if move.running else Effect.LIVE, live=move.held is None, held=move.held,
    )  # fmt: skip


def settle_steps(change: Change, found: Found, builder: Builder) -> Change:
    """Adds the steps that end what an interrupted move left behind: definition or shell, and disks that were copied."""
    field = next(each for each in change.fields if each.path == doubles.PATH)
    copied = list(_copied_away(found, str(field.after), builder.context))
    call = SettleVm(uuid=found.vm.uuid, target=str(field.after), moved=bool(copied))
    settled = builder.add(change.ref, change.host, call, "settle where it is", effect=Effect.LIVE)
    for left in copied:
        what = "leave the copied disk to the trash"
        builder.add(change.ref, change.host, left, what, key=left.volume, after=(settled,))
    return change


def _copied_away(found: Found, target: str, context: Context) -> Iterator[TrashVolume]:
    """The disks of ours that went along when it left for the target."""
    made = made_volumes(found.vm.mark) if found.vm.mark else set()
    for path in doubles.copied_away(found, target, context):
        pool, _, volume = path.rpartition("/")
        seen = context.observed.pool_at(found.host, pool)
        if seen is not None and volume in seen.volumes and volume in made:
            yield TrashVolume(pool=seen.name, volume=volume, when=context.now)


def made_volumes(mark: Mark) -> set[str]:
    """The volumes of a VM that gitvirt made."""
    return {each.volume.rpartition("/")[2] for each in mark.devices.values() if each.made}


def target_of(change: Change) -> str:
    """Where a change takes its VM, "" if it stays."""
    return next((str(each.after) for each in change.fields if each.path == PATH and each.acts), "")


def leave_first(work: Work, target: str) -> None:
    """Relocates a VM that is off, before it is perhaps started there."""
    if target and not work.vm.running:
        _relocate(work, target)


def leave_last(work: Work, target: str, *, stopped: bool) -> None:
    """Takes a VM away that ran: by migration, or as it is now if it was stopped."""
    if not target or not work.vm.running:
        return
    if stopped:
        _relocate(work, target)
    else:
        _migrate(work, target)


def _relocate(work: Work, target: str) -> None:
    found = _reach(work, target)
    expects, work.mark = work.mark.generation, marks.following(work.mark, work.builder.context)
    call = RelocateVm(relocation=Relocation(uuid=work.vm.uuid, expects=expects, mark=work.mark), target=target)
    work.step(call, f"relocate to {target}", after=_needs(work, target, found))
    _arrived(work, target)


def _migrate(work: Work, target: str) -> None:
    found = _reach(work, target)
    call = MigrateVm(
        migration=migration(_home(work), target, found, work),
        target=target,
        concurrent=work.wanted.migration.concurrent,
    )
    source = work.host
    work.step(call, f"migrate to {target}", after=_needs(work, target, found), effect=Effect.MIGRATE)
    moved = work.last
    _arrived(work, target)
    _tidy(work, (source, moved), found)


def _tidy(work: Work, where: tuple[str, str], found: Reach) -> None:
    """What is left on the source (host, step that moves it) of storage that only that host has."""
    source, moved = where
    for seen, volume in seeds.of(work.vm, source, work.builder) if found.seed else ():
        medium = DeleteVolume(pool=seen.name, volume=volume)
        work.builder.add(work.wanted.ref, source, medium, "remove its first boot's medium", key=volume, after=(moved,))
    made = made_volumes(work.mark)
    for domain, volume in volumes(found.copy, work.vm.live or {}, work.builder.context):
        if volume not in made:
            continue  # somebody's own, which is never thrown away
        wanted = work.builder.context.wanted.pools[domain]
        pool = work.builder.libvirt_pool(wanted, source)
        left = TrashVolume(pool=pool, volume=volume, when=work.builder.context.now)
        work.builder.add(
            work.wanted.ref, source, left, "leave the copied disk to the trash", key=volume, after=(moved,)
        )


def migration(home: Home, target: str, found: Reach, work: Work) -> Migration:
    """What is asked of the driver."""
    context = work.builder.context
    rules, hosts = home.wanted.migration, context.wanted.hosts
    return Migration(
        uuid=home.found.vm.uuid,
        expects=work.mark.generation,
        target_uri=peer_uri(hosts[target].uri) if rules.peer_to_peer else "",
        address=hosts[target].migration_address or migration_address(context.wanted, target, context.observed),
        copy=targets(found.copy, home),
        incremental=incremental(found.copy, home, target, work.builder.context),
        bandwidth=rules.share,
        ladder=rules.ladder,
        last_resort=rules.last_resort,
        last_downtime=rules.last_downtime,
        auto_converge=rules.auto_converge,
        compressed=rules.compressed,
        zero_copy=rules.zero_copy,
        parallel=rules.parallel,
        encrypted=rules.encrypted,
        timeout=rules.timeout,
    )


def peer_uri(uri: str) -> str:
    """How another host reaches this one: as we do, but with its own keys; "" for the socket of this machine."""
    return "" if uri.startswith("qemu:///") else uri.partition("?")[0]


def _home(work: Work) -> Home:
    return Home(wanted=work.wanted, found=Found(host=work.host, vm=work.vm), mark=work.mark)


def _reach(work: Work, target: str) -> Reach:
    return reach(_home(work), target, work.builder.context)


def _needs(work: Work, target: str, found: Reach) -> tuple[str, ...]:
    """The steps that bring about what it needs on the target: networks, storage, the first boot's medium."""
    builder, fields = work.builder, {**work.vm.config, **(work.vm.live or {})}
    networks = (str(nic.get("network") or "") for nic in entries(fields, "nics").values())
    pools = (each for each in builder.context.wanted.pools.values() if _uses(each, work))
    steps = [builder.brought("network", target, name) for name in networks]
    steps += [builder.brought("pool", target, each.name) for each in pools]
    for domain, volume in found.stale:
        pool = builder.libvirt_pool(builder.context.wanted.pools[domain], target)
        call = DeleteVolume(pool=pool, volume=volume, trashed=True)
        steps.append(builder.add(work.wanted.ref, target, call, "delete its former copy from the trash", key=volume))
    if found.seed:
        steps.append(seeds.again(work.wanted, work.vm.uuid, (target, found.seed), work.vm.config, builder))
    return tuple(steps)


def _uses(pool: WantedPool, work: Work) -> bool:
    return any(disk.pool == pool.name for disk in work.wanted.disks)


def _arrived(work: Work, target: str) -> None:
    """From here on it is there; whether libvirt starts it with its host does not travel along."""
    work.host = target
    if work.vm.autostart and starts_with_host(work.wanted, work.builder):
        work.step(AutostartVm(uuid=work.vm.uuid, on=True), "set autostart", key="moved")
