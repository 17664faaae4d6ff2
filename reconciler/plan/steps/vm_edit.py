"""The one step that changes a VM's definition and running machine, and the mark that it ends with.

Pure; called by plan/steps/vm_update.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.base import Edit, VmEdit
from drivers.mark import Device, Mark, kind_of
from reconciler.diff import devices, power
from reconciler.diff.change import FieldChange
from reconciler.plan import marks
from reconciler.plan.plan import EditVm, RenameVm
from reconciler.plan.steps.storage import image_on
from reconciler.plan.steps.work import Work
from specs.effects import Effect, worst
from specs.fields import entry_of
from specs.structs import replace

_ELSEWHERE = frozenset(
    {"state", "host", "autostart", "name", "deleteProtection", "xml", "stopTimeout", "stopLastResort"}
)


def edit(work: Work, acting: list[FieldChange], table: dict[str, Device]) -> None:
    """The one step that changes definition and running machine and writes the new mark."""
    hardware = [each for each in acting if each.path not in _ELSEWHERE and each.kind not in ("record", "release")]
    config = tuple(_as_edit(each) for each in hardware if each.config and not _size(each.path))
    live = tuple(_as_edit(each) for each in hardware if each.live)
    patches = next((each for each in acting if each.path == "xml"), None)
    name = next((each for each in acting if each.path == "name"), None)
    mark = _new_mark(work, acting, table)
    if config or live or patches:
        expects, work.mark = work.mark.generation, mark
        before = str(work.vm.mark.declared.get("xml", "")) if work.vm.mark else ""
        edit = VmEdit(
            uuid=work.vm.uuid, expects=expects, mark=mark, config=config, live=live,
            xml=work.wanted.xml if patches else before, xml_before=before,
        )  # fmt: skip
        after = tuple(
            work.builder.brought("network", work.host, str(value))
            for each in hardware
            for path, value in _values(each)
            if path.endswith("network")
        )
        effect = worst([Effect.LIVE, *(each.effect for each in hardware if each.live)])
        media = tuple(_media_steps(work, hardware))
        work.step(EditVm(edit=edit), "change", effect=effect, after=(*after, *media))
    elif not name and any(each.path not in ("state", "host") for each in acting):
        work.write("record", "record", **_mark_values(mark))
    if name:
        expects = work.mark.generation
        work.mark = replace(mark, generation=expects + 1)
        work.step(RenameVm(uuid=work.vm.uuid, expects=expects, name=work.wanted.name, mark=work.mark), "rename")


def _media_steps(work: Work, hardware: list[FieldChange]) -> list[str]:
    """The steps that bring in the images of drives that change their medium."""
    drives = {parts[1] for each in hardware if (parts := entry_of(each.path)) and parts[0] == "cdroms"}
    images = (work.wanted.cdroms.get(drive) for drive in sorted(drives))
    return [image_on(image, work.host, work.builder)[1] for image in images if image]


def _mark_values(mark: Mark) -> dict[str, Any]:
    return {
        "ref": mark.ref, "declared": mark.declared, "devices": mark.devices, "trash": mark.trash,
        "creation": mark.creation, "protected": mark.protected, "overrides": mark.overrides,
    }  # fmt: skip


def _new_mark(work: Work, acting: list[FieldChange], table: dict[str, Device]) -> Mark:
    """The mark after the edit. What is held stays as it was declared before; power is recorded when it is done."""
    context, old = work.builder.context, work.mark
    fields = {**work.wanted.fields, **devices.media(work.wanted, work.host, old, context)}
    declared = marks.declared(work.wanted, fields, context)
    changed = {each.path: each for each in acting}
    for path in list(declared):
        settled = path in changed or old.declared.get(path) == declared[path] or _entry_added(path, changed)
        if not settled or path == "state":
            declared.pop(path)
            if path in old.declared:
                declared[path] = old.declared[path]
    gone, trash = _gone(work, acting)
    trash = {key: volume for key, volume in trash.items() if key not in table}
    known = {key: replace(device, pending=False) for key, device in {**old.devices, **table}.items() if key not in gone}
    told = power.remembered(work.wanted, work.vm, old, context.now)
    return marks.following(
        old, context, ref=str(work.wanted.ref), declared=declared, devices=known, trash=trash,
        creation={**work.wanted.creation, **old.creation}, protected=work.wanted.protected, overrides=told.overrides,
    )  # fmt: skip


def _entry_added(path: str, changed: Mapping[str, FieldChange]) -> bool:
    return path.partition("]")[0] + "]" in changed


def _gone(work: Work, acting: list[FieldChange]) -> tuple[set[str], dict[str, str]]:
    """The device keys that leave the table, and the trash with the volumes of removed disks."""
    gone, trash = set(), dict(work.mark.trash)
    for each in acting:
        parts = entry_of(each.path)
        if parts and not parts[2] and each.after is None and each.kind != "release":
            key = f"{kind_of(parts[0])}/{parts[1]}"
            gone.add(key)
            device = work.mark.devices.get(key)
            if device and device.made:
                trash[key] = device.volume
    return gone, trash


def _as_edit(change: FieldChange) -> Edit:
    return Edit(path=change.path, before=change.before, after=change.after)


def _values(change: FieldChange) -> list[tuple[str, object]]:
    if isinstance(change.after, Mapping):
        return list(change.after.items())
    return [(change.path, change.after)]


def _size(path: str) -> bool:
    return path.startswith("disks[") and path.endswith("].size")
