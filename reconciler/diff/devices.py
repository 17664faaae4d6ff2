"""Diff of a VM's named lists of devices (disks, CD-ROMs, NICs …): which entries appear and which go away.

Pure. What is inside an entry that stays is compared as scalars (threeway.py). An entry that is neither in the YAML
nor in the mark's device table is somebody else's and is not looked at.
"""

from __future__ import annotations

from drivers.mark import Mark, kind_of
from reconciler.desired.defaults import new_entry
from reconciler.desired.hardware import device_lists
from reconciler.desired.wanted import WantedDisk, WantedVm
from reconciler.diff import power
from reconciler.diff.change import FieldChange, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.threeway import Sides
from reconciler.observe.observed import Found
from specs.effects import Effect, effect_of
from specs.fields import Fields, Scalar, entries, entry
from specs.resource import Location
from specs.structs import replace

SEED_DRIVE = "cloud-init"


def entries_changed(wanted: WantedVm, found: Found, mark: Mark, sides: Sides) -> list[FieldChange]:
    """One FieldChange per entry that has to be added, added again, or removed."""
    changed = []
    for list_name in device_lists():
        kind = kind_of(list_name)
        asked = names(wanted, list_name)
        seen = entries(sides.config, list_name)
        running = entries(sides.live or {}, list_name)
        ours = {key.partition("/")[2] for key in mark.devices if key.startswith(kind + "/")}
        for name in asked:
            unmade = _unmade(mark, kind, name)
            if unmade or name not in seen or (sides.live is not None and name not in running):
                drifted = name in ours and name not in seen and not unmade
                change = _added(sides, wanted, (list_name, name), drifted)
                again = {"make": True, "kind": "change", "note": "an earlier attempt to make its volume did not finish"}
                changed.append(replace(change, **again) if unmade else change)  # type: ignore[arg-type]
        lingering = {name for name in running if name not in seen and _added_by_us(found, (list_name, name))}
        for name in sorted((ours | lingering) - set(asked)):
            if (list_name, name) == ("cdroms", SEED_DRIVE):
                continue
            if name in seen or name in running:
                changed.append(_removed(sides, wanted, (list_name, name)))
    return changed


def _added_by_us(found: Found, where: tuple[str, str]) -> bool:
    """True for a device with our alias: one that the guest has not released yet, though the definition lost it."""
    return found.vm.aliases.get(entry(*where), "").startswith("ua-")


def _unmade(mark: Mark, kind: str, name: str) -> bool:
    """True for a disk whose volume an earlier pass began to make and did not finish."""
    device = mark.devices.get(f"{kind}/{name}")
    return device is not None and device.pending


def names(wanted: WantedVm, list_name: str) -> list[str]:
    """The names of a list's entries in the YAML, in its order."""
    if list_name == "disks":
        return [each.name for each in wanted.disks]
    return list(wanted.cdroms) if list_name == "cdroms" else list(entries(wanted.fields, list_name))


def media(wanted: WantedVm, host: str, mark: Mark, context: Context) -> dict[str, Scalar]:
    """The declared media of the CD-ROM drives as paths on that host, but for drives an operator has his hands on."""
    found: dict[str, Scalar] = {}
    for drive, image in wanted.cdroms.items():
        override = mark.override(f"cdrom/{drive}")
        if image is None or (power.active(override, context.now) and override is not None and override.field == image):
            continue
        path = image_path(image, host, context) if image else ""
        if path is not None:
            found[entry("cdroms", drive, "source")] = path
    return found


def image_path(image: str, host: str, context: Context) -> str | None:
    """Where an image's volume is (or will be) on a host; None if its storage domain is not there."""
    wanted = context.wanted.images[image]
    pool = context.wanted.pools.get(wanted.pool)
    if pool is None or host not in pool.hosts:
        return None
    return f"{pool.path.rstrip('/')}/{wanted.volume}"


def _added(sides: Sides, wanted: WantedVm, where: tuple[str, str], drifted: bool) -> FieldChange:
    path = entry(*where)
    asked = entries(sides.wanted, where[0]).get(where[1], {})
    effect = effect_of(sides.kind, path, None, _bus(where[0], asked, wanted), sides.facts)
    in_config = where[1] in entries(sides.config, where[0])
    in_live = sides.live is not None and where[1] in entries(sides.live, where[0])
    change = FieldChange(
        path=path,
        before=None,
        after=asked,
        effect=effect,
        kind="drift" if drifted else "pending" if in_config else "change",
        where=_origin(wanted, path),
        config=not in_config,
        live=sides.live is not None and not in_config and not in_live and effect in (Effect.LIVE, Effect.HOTPLUG),
        note="the running VM would not take it; it comes with the next boot" if in_config else "",
    )
    if drifted and (mode := wanted.drift.mode(path)) != "enforce":
        return change.keep_back(HeldReason.DRIFT, f"was removed outside gitvirt (drift: {mode})")
    return change


def _removed(sides: Sides, wanted: WantedVm, where: tuple[str, str]) -> FieldChange:
    path = entry(*where)
    seen = entries(sides.config, where[0]).get(where[1]) or entries(sides.live or {}, where[0]).get(where[1], {})
    effect = effect_of(sides.kind, path, _bus(where[0], seen, wanted), None, sides.facts)
    live = sides.live is not None and where[1] in entries(sides.live, where[0])
    return FieldChange(
        path=path,
        before=seen,
        after=None,
        effect=effect,
        where=wanted.location,
        config=True,
        live=live and effect in (Effect.LIVE, Effect.HOTPLUG),
        note="its volume goes to the trash" if where[0] == "disks" else "",
    )


def _bus(list_name: str, device: Fields, wanted: WantedVm) -> Scalar:
    """What the effect rules of whole devices ask for: bus or type, built-in where nobody declared one, else ""."""
    whole = new_entry(list_name, device, wanted.creation)
    return whole.get("bus") or whole.get("type") or ""


def _origin(wanted: WantedVm, path: str) -> Location:
    return next((where for each, where in wanted.origin.items() if each.startswith(path)), wanted.location)


def recorded_volume(mark: Mark, disk: WantedDisk) -> tuple[str, str] | None:
    """(pool, volume) of a disk as the mark has it: in use, or in the trash; None if it never had one."""
    device = mark.devices.get(f"disk/{disk.name}")
    text = device.volume if device and device.volume else mark.trash.get(f"disk/{disk.name}", "")
    pool, found, volume = text.partition("/")
    return (pool, volume) if found else None
