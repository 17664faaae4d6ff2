"""Images that are there already: wanted again, wanted by one repository more, or by nobody any more.

Pure. Called by diff/compare.py; plan/steps/kept.py makes the steps. The same content is one volume for all repositories
that share a storage domain, so each notes with a marker that it wants it (`<volume>.by.<repository>`). An image that
only we wanted, that no document declares any more and nothing uses goes to the trash, and is deleted when its time is
over. One that bears no marker of ours (brought by hand, or by a version without markers) is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.seen import SeenPool
from reconciler.desired.identity import IMAGES, is_marker, kept_by, ready_marker, trashed_since
from reconciler.desired.wanted import WantedImage, WantedPool
from reconciler.diff.change import Change, HeldReason, Verb
from reconciler.diff.context import Context
from reconciler.diff.pools import pool_on
from reconciler.observe import backing
from specs.resource import Ref
from specs.structs import Struct


class _Place(Struct, frozen=True, kw_only=True):
    """A storage domain as one host shows it, and what the markers in it say."""

    pool: WantedPool
    host: str
    seen: SeenPool
    images: tuple[str, ...]
    keepers: dict[str, set[str]]
    trash: dict[str, int]

    def mine(self, volume: str, context: Context) -> bool:
        return context.wanted.repository[:8] in self.keepers.get(volume, ())


def compare(context: Context) -> list[Change]:
    """One change per image and place: restore, adopt (note that we want it), delete (or let go of), purge."""
    wanted = {(each.pool, each.volume): each for each in context.wanted.images.values() if not each.external}
    found: list[Change] = []
    left: list[tuple[_Place, str]] = []
    for place in _places(context):
        for volume in place.images:
            image = wanted.get((place.pool.name, volume))
            if image is not None:
                found += _declared(image, place, context)
            elif place.mine(volume, context):
                left.append((place, volume))
    return found + (list(_undeclared(left, context)) if left else [])


def _places(context: Context) -> Iterator[_Place]:
    """Every active pool; of those that hosts share, the first."""
    for pool in context.wanted.pools.values():
        for host in pool.hosts:
            seen = pool_on(context, pool, host)
            if seen is None or not seen.active or seen.problem:
                continue
            keepers: dict[str, set[str]] = {}
            names = sorted(each for each in seen.volumes if each.startswith(IMAGES))
            for each in map(kept_by, names):
                if each:
                    keepers.setdefault(each[0], set()).add(each[1])
            trash = {each[0]: each[1] for each in map(trashed_since, names) if each}
            images = tuple(sorted({each for each in names if not is_marker(each)} | keepers.keys()))
            yield _Place(pool=pool, host=host, seen=seen, images=images, keepers=keepers, trash=trash)
            if pool.shared:
                break


def _declared(image: WantedImage, place: _Place, context: Context) -> Iterator[Change]:
    """A complete image that is declared is in no trash, and says so if others might let it go."""
    if ready_marker(image.volume) not in place.seen.volumes:
        return
    host = "" if place.pool.shared else place.host
    if image.volume in place.trash:
        why = f"declared again while it lies in the trash of {place.pool.name}"
        yield Change(ref=image.ref, verb=Verb.RESTORE, host=host, where=image.location, reason=why)
    elif place.keepers.get(image.volume) and not place.mine(image.volume, context):
        why = f"another repository brought it into {place.pool.name}"
        yield Change(ref=image.ref, verb=Verb.ADOPT, host=host, where=image.location, reason=why)


def _undeclared(left: list[tuple[_Place, str]], context: Context) -> Iterator[Change]:
    users = backing.users(context.observed)
    for place, volume in left:
        change = _let_go(place, volume, context)
        seen = place.seen.volumes.get(volume)
        if change is None or (seen is not None and users.get(seen.path)):
            continue
        if context.observed.unseen:
            change = change.keep_back(HeldReason.PARTIAL_VIEW, "no image goes while hosts are unseen: one may use it")
        yield change


def _let_go(place: _Place, volume: str, context: Context) -> Change | None:
    change = Change(ref=Ref("Image", f"{volume}@{place.pool.name}"), verb=Verb.DELETE, host=place.host)
    where = f"in {place.pool.name}"
    if len(place.keepers[volume]) > 1:
        return _because(change, f"no longer declared; stays {where} for another repository")
    if volume not in place.seen.volumes:
        return Change(ref=change.ref, verb=Verb.PURGE, host=place.host, reason=f"only its markers are left {where}")
    since = place.trash.get(volume)
    if since is None:
        return _because(change, f"no longer declared, and nothing uses it; goes to the trash {where}")
    if context.now < since + context.wanted.trash_keep:
        return None
    return Change(ref=change.ref, verb=Verb.PURGE, host=place.host, reason=f"its time in the trash {where} is over")


def _because(change: Change, reason: str) -> Change:
    return Change(ref=change.ref, verb=change.verb, host=change.host, reason=reason)


def place_of(change: Change, context: Context) -> tuple[WantedPool, str, str, bool]:
    """(storage domain, host, volume, whether others want it too) of a change that `compare` made."""
    image = context.wanted.images.get(change.ref.name)
    volume, _, pool = (image.volume, "", image.pool) if image else change.ref.name.rpartition("@")
    for place in _places(context):
        if place.pool.name == pool and change.host in ("", place.host):
            return place.pool, place.host, volume, len(place.keepers.get(volume, ())) > 1
    raise AssertionError(change)
