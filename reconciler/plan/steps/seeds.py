"""Steps for the medium of a first boot: a small ISO beside the VM's first disk, named after its content.

Pure; called by vm_create.py for a new VM and by vm_update.py when a VM is started whose medium is not there. It is
never made for a VM that has one: a later edit is a note (diff/vms.py).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from drivers.seen import SeenPool, SeenVm
from reconciler.desired.cloudinit import ANSWERS, IGNITION, NO_CLOUD, final
from reconciler.desired.identity import ready_marker, seed_volume
from reconciler.desired.wanted import Seed, WantedPool, WantedVm
from reconciler.diff import pools
from reconciler.diff.change import HeldReason
from reconciler.diff.context import Context
from reconciler.diff.devices import SEED_DRIVE
from reconciler.plan.builder import Builder, Withheld
from reconciler.plan.plan import UploadSeed
from specs.fields import Fields, Secret, entries

_WHAT: Mapping[str, str] = {NO_CLOUD: "cloud-init seed", ANSWERS: "answer file", IGNITION: "Ignition config"}


def new_medium(wanted: WantedVm, uuid: str, host: str, nics: Fields, builder: Builder) -> tuple[str, str]:
    """(path, step id or "") of the medium of a new VM, whose NICs have the fields `nics`."""
    assert wanted.seed is not None
    pool = pool_of(wanted, builder)
    volume, files = content(wanted.seed, uuid, nics, builder.context)
    return f"{pool.path.rstrip('/')}/{volume}", _upload(wanted, (host, pool, volume), files, builder)


def again(wanted: WantedVm, uuid: str, where: tuple[str, str], nics: Fields, builder: Builder) -> str:
    """The id of the step that writes the medium which the definition names (host, path), if it is not there; else "".

    It was never finished, or somebody lost it: without it the VM would not start.
    """
    host, path = where
    folder, _, volume = path.rpartition("/")
    if wanted.seed is None or not wanted.disks:
        return ""
    pool = pool_of(wanted, builder)
    if folder != pool.path.rstrip("/") or not volume.startswith(seed_volume(uuid, "").rpartition("-")[0]):
        return ""
    return _upload(wanted, (host, pool, volume), _files(wanted.seed, uuid, nics), builder)


def of(vm: SeenVm, host: str, builder: Builder) -> list[tuple[SeenPool, str]]:
    """(pool, volume) of the medium that the definition names, if it is one of ours and there."""
    own = seed_volume(vm.uuid, "").rpartition("-")[0]
    paths = {str(vm.config.get(path) or "") for path in (f"cdroms[{SEED_DRIVE}].source", "ignition")}
    return [
        (pool, volume)
        for pool in builder.context.observed.seen[host].pools
        for volume, seen in sorted(pool.volumes.items())
        if seen.path in paths and volume.startswith(f"{own}-")
    ]


def pool_of(wanted: WantedVm, builder: Builder) -> WantedPool:
    """Where the medium is kept. Withheld without a disk."""
    beside = next((disk.pool for disk in wanted.disks if not disk.path), None)
    if beside is None:
        raise Withheld(HeldReason.STORAGE, "the first boot's medium needs a disk, beside which it is kept")
    return builder.context.wanted.pools[beside]


def content(seed: Seed, uuid: str, nics: Fields, context: Context) -> tuple[str, dict[str, Secret]]:
    """(volume's name, files) of the medium of a VM whose NICs have the fields `nics`."""
    files = _files(seed, uuid, nics)
    ending = "ign" if seed.label == IGNITION else "iso"
    return seed_volume(uuid, _name(seed, files, context), ending), files


def _files(seed: Seed, uuid: str, nics: Fields) -> dict[str, Secret]:
    macs = {name: str(nic["mac"]) for name, nic in entries(nics, "nics").items() if nic.get("mac")}
    return {name: Secret(text) for name, text in final(seed, uuid, macs).items()}


def _name(seed: Seed, files: Mapping[str, Secret], context: Context) -> str:
    """A digest of label and files; under our key if there are secrets, which a plain one would let people guess."""
    text = json.dumps([seed.label, {name: text.reveal() for name, text in files.items()}], sort_keys=True)
    if seed.hidden:
        return context.digest(Secret(text)).removeprefix("hmac:")
    return hashlib.sha256(text.encode()).hexdigest()


def _upload(wanted: WantedVm, place: tuple[str, WantedPool, str], files: Mapping[str, Secret], builder: Builder) -> str:
    host, pool, volume = place
    assert wanted.seed is not None
    seen = pools.pool_on(builder.context, pool, host)
    if seen and {volume, ready_marker(volume)} <= set(seen.volumes):
        return ""
    call = UploadSeed(pool=builder.libvirt_pool(pool, host), volume=volume, files=files, label=wanted.seed.label)
    what = f"write the {_WHAT[wanted.seed.label]}"
    return builder.add(wanted.ref, host, call, what, after=(builder.brought("pool", host, pool.name),))
