"""Diff of storage domains (libvirt pools, per host) and of the images they shall hold.

Pure. Called by diff/compare.py. Pools bear no mark: one is ours if its uuid is the derived one. A pool that already
serves the directory, whoever made it, is used as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.seen import SeenHost, SeenPool
from reconciler.desired.identity import derived_uuid, ready_marker
from reconciler.desired.wanted import WantedImage, WantedPool
from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.diff.context import Context
from specs.effects import Effect
from specs.resource import Ref


def compare(context: Context) -> list[Change]:
    """One change per storage domain and host where something is missing, off, or in the way."""
    found = []
    for wanted in context.wanted.pools.values():
        for name in wanted.hosts:
            host = context.observed.seen.get(name)
            change = _on_host(wanted, host, context) if host else None
            if change is not None:
                found.append(change)
    return found + list(_undeclared(context))


def pool_on(context: Context, wanted: WantedPool, host: str) -> SeenPool | None:
    """The libvirt pool that serves a storage domain on a host: by directory first, whatever its name."""
    return context.observed.pool_at(host, wanted.path)


def _on_host(wanted: WantedPool, host: SeenHost, context: Context) -> Change | None:
    change = Change(ref=wanted.ref, verb=Verb.CREATE, host=host.name, where=wanted.location)
    pool = pool_on(context, wanted, host.name)
    if pool is None:
        return _absent(wanted, host, change, context)
    if pool.problem:
        return change.keep_back(HeldReason.STORAGE, pool.problem, "repair the storage on the host")
    if pool.active:
        return None
    state = FieldChange(path="active", before=False, after=True, effect=Effect.LIVE, kind="drift", config=True)
    update = Change(ref=wanted.ref, verb=Verb.UPDATE, host=host.name, fields=(state,), where=wanted.location)
    if wanted.external or pool.uuid != wanted.uuid:
        return update.keep_back(HeldReason.EXTERNAL_MISSING, f"pool {pool.name} is not active", "start it on the host")
    return update


def _absent(wanted: WantedPool, host: SeenHost, change: Change, context: Context) -> Change:
    if wanted.external:
        return change.keep_back(
            HeldReason.EXTERNAL_MISSING,
            f"{host.name} has no pool on {wanted.path}",
            "it is external: define it there",
        )
    other = context.observed.pool(host.name, wanted.name)
    if other is not None and other.uuid != wanted.uuid:
        return change.keep_back(
            HeldReason.NAME_TAKEN, f"{host.name} has a pool of this name on {other.path or 'another source'}",
            "rename the storage domain, or that pool",
        )  # fmt: skip
    if other is not None:
        return change.keep_back(
            HeldReason.HOLDS_DATA, f"its path would change from {other.path} to {wanted.path}; volumes are not moved",
            "declare a new storage domain for the new path",
        )  # fmt: skip
    return change


def _undeclared(context: Context) -> Iterator[Change]:
    """Pools of ours that no document declares: found by their derived uuid, so only by their own name."""
    wanted = {each.uuid for each in context.wanted.pools.values()}
    for host in context.observed.seen.values():
        for pool in host.pools:
            ref = Ref("StorageDomain", pool.name)
            if pool.uuid in wanted or pool.uuid != derived_uuid(context.wanted.repository, ref):
                continue
            change = Change(
                ref=ref, verb=Verb.DELETE, host=host.name, reason="no longer declared; no volume is deleted"
            )
            if context.observed.unseen:
                change = change.keep_back(HeldReason.PARTIAL_VIEW, "nothing is deleted while hosts are unseen")
            yield change


def images(context: Context) -> list[Change]:
    """Images of shared domains that are not there yet, or whose upload was never finished.

    Images of local domains are brought to a host when a VM there needs them (plan/steps/storage.py).
    """
    found = []
    for wanted in context.wanted.images.values():
        pool = context.wanted.pools.get(wanted.pool)
        if pool is None or not pool.shared or not any(host in context.observed.seen for host in pool.hosts):
            continue
        if any(present(wanted, pool, host, context) for host in pool.hosts):
            continue
        found.append(_missing(wanted, pool, context))
    return found


def present(wanted: WantedImage, pool: WantedPool, host: str, context: Context) -> bool:
    """True if the image's volume is complete on that host's pool."""
    seen = pool_on(context, pool, host)
    if seen is None or wanted.volume not in seen.volumes:
        return False
    return wanted.external or ready_marker(wanted.volume) in seen.volumes


def _missing(wanted: WantedImage, pool: WantedPool, context: Context) -> Change:
    change = Change(ref=wanted.ref, verb=Verb.CREATE, where=wanted.location, reason=f"into {pool.name}")
    if wanted.external:
        return change.keep_back(HeldReason.EXTERNAL_MISSING, f"no volume {wanted.volume} in {pool.name}")
    return absent_source(wanted, change, context) or change


def absent_source(wanted: WantedImage, change: Change, context: Context) -> Change | None:
    """The change, held, if the image's file cannot be read here."""
    if wanted.url or wanted.file in context.present:
        return None
    return change.keep_back(
        HeldReason.SOURCE_MISSING,
        f"file {wanted.file} is not in the repository's folder",
        "put it there, or fix `file:`",
    )
