"""From a step to driver calls: the one table, and the few calls that take more than one of them.

Called by walk.py, on a worker's thread. Every function is safe to repeat: it looks first, and returns what it noted.
Raises drivers.errors only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drivers.base import Host
from drivers.errors import Conflict, Missing, NoSpace
from drivers.seen import Power
from reconciler.apply import images, moving, seed
from reconciler.apply.stop import Pause, stop
from reconciler.desired.identity import kept_by, ready_marker, trash_marker, trashed_since
from reconciler.diff import power
from reconciler.plan import plan
from specs.structs import Struct, field


class Tools(Struct, frozen=True, kw_only=True):
    """What steps need beside a host: images, a way to wait that a stop request ends, and who hears of progress.

    `hosts` are all hosts of the pass by name, for steps that concern two.
    """

    open_image: images.Open
    pause: Pause
    told: images.Told = lambda what, done, total: None
    hosts: Mapping[str, Host] = field(default_factory=dict)


Notes = tuple[str, ...]


def execute(call: plan.Call, host: Host, tools: Tools) -> Notes | None:
    """Makes one call true on its host. Returns notes, or None if nothing had to be done."""
    return TABLE[type(call)](call, host, tools)


def _define_pool(call: plan.DefinePool, host: Host, tools: Tools) -> Notes:
    host.pools.define(call.pool)
    return ()


def _start_pool(call: plan.StartPool, host: Host, tools: Tools) -> Notes:
    host.pools.active(call.pool, True)
    return ()


def _undefine_pool(call: plan.UndefinePool, host: Host, tools: Tools) -> Notes:
    host.pools.undefine(call.pool)
    return ()


def _define_network(call: plan.DefineNetwork, host: Host, tools: Tools) -> Notes:
    host.networks.define(call.network, call.expects)
    if call.restart:
        host.networks.active(call.network.name, False)
    host.networks.active(call.network.name, True)
    host.networks.autostart(call.network.name, True)
    return ()


def _edit_network(call: plan.EditNetwork, host: Host, tools: Tools) -> Notes:
    host.networks.edit(call.network, call.expects, call.live)
    return ()


def _undefine_network(call: plan.UndefineNetwork, host: Host, tools: Tools) -> Notes:
    host.networks.undefine(call.network)
    return ()


def _upload_image(call: plan.UploadImage, host: Host, tools: Tools) -> Notes | None:
    return images.upload(call, host, tools.open_image, tools.told)


def _keep_image(call: plan.KeepImage, host: Host, tools: Tools) -> Notes | None:
    return images.keep(call, host)


def _upload_seed(call: plan.UploadSeed, host: Host, tools: Tools) -> Notes | None:
    return write_seed(call, host)


def write_seed(call: plan.UploadSeed, host: Host) -> Notes | None:
    """Writes what a first boot needs, if it is not there already."""
    there = host.volumes.names(call.pool)
    if {call.volume, ready_marker(call.volume)} <= there:
        return None
    content = seed.medium({name: text.reveal() for name, text in call.files.items()}, call.label)
    if call.volume in there:
        host.volumes.delete(call.pool, call.volume)
    host.volumes.upload(call.pool, call.volume, iter((content,)), len(content))
    images.mark(host, call.pool, ready_marker(call.volume))
    return ()


def _create_volume(call: plan.CreateVolume, host: Host, tools: Tools) -> Notes:
    try:
        made = host.volumes.create(call.volume)
    except NoSpace:
        host.volumes.delete(call.volume.pool, call.volume.name)
        raise
    if call.grow_to > made.capacity:
        host.volumes.grow(call.volume.pool, call.volume.name, call.grow_to)
    return ()


def _grow_volume(call: plan.GrowVolume, host: Host, tools: Tools) -> Notes:
    host.volumes.grow(call.pool, call.volume, call.capacity)
    return ()


def _markers(host: Host, pool: str, volume: str) -> list[str]:
    """The trash markers of a volume."""
    return [
        name for name in host.volumes.names(pool, refresh=True) if (found := trashed_since(name)) and found[0] == volume
    ]


def _trash_volume(call: plan.TrashVolume, host: Host, tools: Tools) -> Notes | None:
    if _markers(host, call.pool, call.volume):
        return None
    images.mark(host, call.pool, trash_marker(call.volume, call.when))
    return ()


def _restore_volume(call: plan.RestoreVolume, host: Host, tools: Tools) -> Notes | None:
    return () if restore_volume(host, call.pool, call.volume) else None


def restore_volume(host: Host, pool: str, volume: str) -> bool:
    """Takes a volume out of the trash; False if it was not in it. Missing if it is gone."""
    markers = _markers(host, pool, volume)
    if volume not in host.volumes.names(pool):
        raise Missing(host.name, "restore volume", f"{pool} has no volume {volume} any more")
    for name in markers:
        host.volumes.delete(pool, name)
    return bool(markers)


def _delete_volume(call: plan.DeleteVolume, host: Host, tools: Tools) -> Notes:
    markers = _markers(host, call.pool, call.volume)
    if call.trashed and not markers:
        raise Conflict(host.name, "delete volume", f"{call.volume} is not in the trash any more")
    host.volumes.delete(call.pool, call.volume)
    there = host.volumes.names(call.pool)
    keepers = [name for name in there if (found := kept_by(name)) and found[0] == call.volume]
    for name in (ready_marker(call.volume), *markers, *keepers):  # what says whose it was goes last
        if name in there:
            host.volumes.delete(call.pool, name)
    return ()


def _define_vm(call: plan.DefineVm, host: Host, tools: Tools) -> Notes:
    host.vms.define(call.vm)
    if call.autostart:
        host.vms.autostart(call.vm.uuid, True)
    return ()


def _edit_vm(call: plan.EditVm, host: Host, tools: Tools) -> Notes:
    refused = host.vms.edit(call.edit)
    return tuple(f"{each.path}: {each.reason}; waits for the next boot" for each in refused)


def _mark_vm(call: plan.MarkVm, host: Host, tools: Tools) -> Notes:
    host.vms.mark(call.uuid, call.expects, call.mark)
    return ()


def _rename_vm(call: plan.RenameVm, host: Host, tools: Tools) -> Notes:
    host.vms.rename(call.uuid, call.expects, call.name, call.mark)
    return ()


def _autostart_vm(call: plan.AutostartVm, host: Host, tools: Tools) -> Notes:
    host.vms.autostart(call.uuid, call.on)
    return ()


def _start_vm(call: plan.StartVm, host: Host, tools: Tools) -> Notes:
    vm = host.reader.vm(call.uuid)
    if vm is None:
        raise Missing(host.name, "start", "the VM is not defined here any more")
    if vm.mark is None or vm.mark.trashed:
        raise Conflict(host.name, "start", "the VM is not gitvirt's any more, or lies in the trash")
    if why := power.left(vm):
        raise Conflict(host.name, "start", f"{why} meanwhile; it may run there")
    if vm.power is Power.PAUSED and vm.reason not in power.PAUSED_BY_HAND:
        raise Conflict(host.name, "start", f"it was paused by the hypervisor ({vm.reason}) meanwhile")
    host.powers.resume(call.uuid) if vm.power is Power.PAUSED else host.powers.start(call.uuid)
    return ()


def _stop_vm(call: plan.StopVm, host: Host, tools: Tools) -> Notes:
    return stop(call, host, tools.pause)


def _undefine_vm(call: plan.UndefineVm, host: Host, tools: Tools) -> Notes:
    host.vms.undefine(call.uuid, call.expects)
    return ()


def _migrate_vm(call: plan.MigrateVm, host: Host, tools: Tools) -> Notes:
    return moving.migrate(call, host, tools.hosts, tools.told)


def _relocate_vm(call: plan.RelocateVm, host: Host, tools: Tools) -> Notes:
    return moving.relocate(call, host, tools.hosts)


def _settle_vm(call: plan.SettleVm, host: Host, tools: Tools) -> Notes:
    return moving.settle(call, host, tools.hosts)


TABLE: dict[type, Callable[[Any, Host, Tools], Notes | None]] = {
    plan.DefinePool: _define_pool,
    plan.StartPool: _start_pool,
    plan.UndefinePool: _undefine_pool,
    plan.DefineNetwork: _define_network,
    plan.EditNetwork: _edit_network,
    plan.UndefineNetwork: _undefine_network,
    plan.UploadImage: _upload_image,
    plan.KeepImage: _keep_image,
    plan.UploadSeed: _upload_seed,
    plan.CreateVolume: _create_volume,
    plan.GrowVolume: _grow_volume,
    plan.TrashVolume: _trash_volume,
    plan.RestoreVolume: _restore_volume,
    plan.DeleteVolume: _delete_volume,
    plan.DefineVm: _define_vm,
    plan.EditVm: _edit_vm,
    plan.MarkVm: _mark_vm,
    plan.RenameVm: _rename_vm,
    plan.AutostartVm: _autostart_vm,
    plan.StartVm: _start_vm,
    plan.StopVm: _stop_vm,
    plan.UndefineVm: _undefine_vm,
    plan.MigrateVm: _migrate_vm,
    plan.RelocateVm: _relocate_vm,
    plan.SettleVm: _settle_vm,
}
