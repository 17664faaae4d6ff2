"""Steps for images that are there already: restored, kept, let go of, deleted. Pure; called by steps/storage.py."""

from __future__ import annotations

from reconciler.diff import kept
from reconciler.diff.change import Change, Verb
from reconciler.plan.builder import Builder
from reconciler.plan.plan import DeleteVolume, KeepImage, RestoreVolume, TrashVolume


def steps(change: Change, builder: Builder) -> None:
    """The steps of a change of diff/kept.py. What is deleted has to lie in the trash still, and to be ours alone."""
    context = builder.context
    pool, host, volume, shared = kept.place_of(change, context)
    name, repository = builder.libvirt_pool(pool, host), context.wanted.repository
    keep = KeepImage(pool=name, volume=volume, repository=repository)
    match change.verb:
        case Verb.RESTORE:
            back = builder.add(change.ref, host, RestoreVolume(pool=name, volume=volume), "take out of the trash")
            builder.add(change.ref, host, keep, "keep", after=(back,))
        case Verb.ADOPT:
            builder.add(change.ref, host, keep, "keep")
        case Verb.DELETE if shared:
            gone = KeepImage(pool=name, volume=volume, repository=repository, keep=False)
            builder.add(change.ref, host, gone, "let go of")
        case Verb.DELETE:
            trash = TrashVolume(pool=name, volume=volume, when=context.now)
            builder.add(change.ref, host, trash, "move to the trash")
        case Verb.PURGE:
            there = volume in builder.volumes(pool)
            delete = DeleteVolume(pool=name, volume=volume, trashed=there)
            builder.add(change.ref, host, delete, "delete")
