"""Media of CD-ROM drives by hand: insert and eject, on the running VM and in its definition.

The override `cdrom/DRIVE` in the mark has the reconciler leave the drive until Git names another image for it.
"""

from __future__ import annotations

from drivers.base import Edit, VmEdit
from drivers.errors import Conflict
from drivers.mark import Mark
from reconciler.diff.devices import SEED_DRIVE, image_path
from reconciler.diff.pools import present
from reconciler.operations.overrides import current, endless, put, refuse_saved, until
from reconciler.operations.scene import Declined, Scene, Target, locate
from specs.errors import did_you_mean
from specs.fields import Scalar, entries, entry
from specs.resource import Ref
from specs.structs import replace

_ATTEMPTS = 4


def insert(ref: Ref, scene: Scene, drive: str, image: str) -> str:
    """Puts an image into a drive ("": the only one). The image has to be on the host."""
    target = locate(ref, scene)
    name = drive_of(target, drive)
    path = image_at(target, scene, image)
    return f"has {image} in drive {name} on {target.where}{_change(target, scene, name, (image, path))}"


def eject(ref: Ref, scene: Scene, drive: str) -> str:
    """Takes the medium out of a drive ("": the only one)."""
    target = locate(ref, scene)
    name = drive_of(target, drive)
    return f"has nothing in drive {name} on {target.where}{_change(target, scene, name, ('', ''))}"


def drive_of(target: Target, name: str) -> str:
    """The name of the drive that is meant ("": the only one); Declined if there is none, or no saying which."""
    drives = [each for each in entries(target.vm.config, "cdroms") if each != SEED_DRIVE]
    if name in drives:
        return name
    if name:
        hint = did_you_mean(name, drives)
        known = f"it has {', '.join(drives)}" if drives else "it has none"
        raise Declined(f"has no CD-ROM drive `{name}`; {hint or known}")
    if len(drives) != 1:
        known = f"has the CD-ROM drives {', '.join(drives)}; name one" if drives else "has no CD-ROM drive"
        raise Declined(known if drives else f"{known}; declare one: `cdroms: [{{name: cd}}]`")
    return drives[0]


def image_at(target: Target, scene: Scene, name: str) -> str:
    """The image's path on the host; Declined if it is not an ISO that is completely there."""
    context = scene.looked.context
    image = context.wanted.images.get(name)
    if image is None:
        hint = did_you_mean(name, context.wanted.images)
        raise Declined(f"there is no image `{name}`; {hint or 'declare it first'}")
    if image.format != "raw":
        raise Declined(f"image/{name} is a {image.format} disk image, not an ISO")
    pool = context.wanted.pools.get(image.pool)
    path = image_path(name, target.where, context)
    if pool is None or path is None:
        raise Declined(f"storage domain {image.pool}, where image/{name} is, is not on {target.where}")
    if not present(image, pool, target.where, context):
        raise Declined(f"image/{name} is not on {target.where} yet; `gitvirt apply` brings shared ones there")
    return path


def _change(target: Target, scene: Scene, drive: str, medium: tuple[str, str]) -> str:
    """Changes the medium (image, path) and records the deed; what to know about it, in words."""
    refuse_saved(target, "and wakes with the media that it had")
    for attempt in range(_ATTEMPTS):
        mark = current(target)
        edit = _edit(target, mark, _recorded(target, scene, drive, medium, mark), (drive, medium[1]))
        try:
            refused = target.host.vms.edit(edit)
            break
        except Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
    waits = "".join(f"; at the next boot only: {each.reason}" for each in refused)
    return _told(target, scene, drive, medium[0]) + waits


def _edit(target: Target, mark: Mark, wanted: Mark, where: tuple[str, str]) -> VmEdit:
    path = entry("cdroms", where[0], "source")
    xml = str(mark.declared.get("xml", ""))
    live = target.vm.live
    return VmEdit(
        uuid=target.vm.uuid,
        expects=mark.generation,
        mark=wanted,
        config=(Edit(path=path, before=target.vm.config.get(path), after=where[1]),),
        live=(Edit(path=path, before=live.get(path), after=where[1]),) if live is not None else (),
        xml=xml,
        xml_before=xml,
    )


def _recorded(target: Target, scene: Scene, drive: str, medium: tuple[str, str], mark: Mark) -> Mark:
    """The mark with the deed. What was declared of the medium is forgotten: else it would count as released."""
    declared, path = _declared(target, drive), entry("cdroms", drive, "source")
    known: dict[str, Scalar] = {key: value for key, value in mark.declared.items() if key != path}
    override = None
    if declared == medium[0]:
        known[path] = medium[1]
    elif declared is not None:
        override = scene.by.override(f"cdrom/{drive}", medium[0], declared)
    return replace(put(mark, f"cdrom/{drive}", override), declared=known, generation=mark.generation + 1)


def _declared(target: Target, drive: str) -> str | None:
    return target.wanted.cdroms.get(drive) if target.wanted else None


def _told(target: Target, scene: Scene, drive: str, image: str) -> str:
    declared = _declared(target, drive)
    if declared is None or declared == image:
        return endless(scene.by)
    says = f"Git says {declared}" if declared else "Git says empty"
    end = until(scene.by.until) if scene.by.until else "until Git names another image"
    return f" (stays {end}; {says})"
