"""Run once: one start with another boot order, medium or kernel. Neither Git nor the definition learns of it.

What this run has besides is told by the running machine itself (`SeenVm.once`), so the reconciler leaves it alone until
the run is over; any other start has everything as declared. A deed on one VM of ours, called by the commands.
"""

from __future__ import annotations

from typing import Literal

from drivers.base import Once
from drivers.errors import Refused
from reconciler.diff.devices import SEED_DRIVE
from reconciler.operations.media import drive_of, image_at
from reconciler.operations.overrides import POWER, kept, power, put, refuse_saved, told, write
from reconciler.operations.power import How, refuse_obstacles, seen_now
from reconciler.operations.scene import Declined, Scene, Target, locate
from specs.fields import Fields, Scalar, entries, entry
from specs.resource import Ref
from specs.structs import Struct

Boot = Literal["", "cdrom", "disk", "network"]
_LISTS = {"cdrom": "cdroms", "disk": "disks", "network": "nics"}
_CLASSES = {"cdrom": "cdroms", "hd": "disks", "network": "nics"}
_LAST = 1 << 16  # behind every place that a device can have
_KERNEL = ("kernel.path", "kernel.initrd", "kernel.cmdline")


class Settings(Struct, frozen=True, kw_only=True):
    """What is different in this run; "" for as declared.

    `boot`: what is tried first. `image`: the name of an image for `drive` ("": the only drive). `kernel` and `initrd`
    are paths on the host.
    """

    boot: Boot = ""
    image: str = ""
    drive: str = ""
    kernel: str = ""
    initrd: str = ""
    cmdline: str = ""
    paused: bool = False


def start_once(ref: Ref, scene: Scene, settings: Settings, how: How) -> str:
    """Starts a VM that is off, for one run with these settings. Declined if it runs, or is suspended to disk."""
    target = locate(ref, scene)
    if target.vm.running:
        fix = f"`gitvirt stop {ref.name}` first"
        raise Declined(f"is {target.vm.power}, and settings for one run come with a start; {fix}")
    refuse_saved(target, "and wakes with the settings that it had")
    fields = {**_medium(target, scene, settings), **_kernel(target, settings), **_order(target, settings)}
    risks = refuse_obstacles(target, scene, how)
    with kept(target, scene, "paused"):  # whatever Git says, no pass starts or stops it in between
        target.host.powers.start(target.vm.uuid, Once(fields=fields, paused=settings.paused))
        if not seen_now(target).running:
            raise Refused(target.where, f"start {ref}", "it was started, and is off again; see `gitvirt logs`")
    if not settings.paused:
        write(target, lambda mark: put(mark, POWER, power(target, scene.by, "running")))
    state, undo = ("paused", "resume") if settings.paused else ("running", "stop")
    return f"started once{_words(settings)} on {target.where} {told(target, scene.by, state, undo)}{risks}"


def _words(settings: Settings) -> str:
    words = [f"from {settings.boot}"] if settings.boot else []
    words += [f"with {settings.image}"] if settings.image else []
    words += [f"with kernel {settings.kernel}"] if settings.kernel else []
    words += ["paused"] if settings.paused else []
    return " " + ", ".join(words) if words else ""


def _medium(target: Target, scene: Scene, settings: Settings) -> dict[str, Scalar]:
    if not settings.image:
        return {}
    drive = drive_of(target, settings.drive)
    return {entry("cdroms", drive, "source"): image_at(target, scene, settings.image)}


def _kernel(target: Target, settings: Settings) -> dict[str, Scalar]:
    """The kernel of this run. A declared one has no part in a run from a device or with another kernel."""
    given = dict(zip(_KERNEL, (settings.kernel, settings.initrd, settings.cmdline), strict=True))
    if settings.kernel:
        return {path: value or None for path, value in given.items() if value or path in target.vm.config}
    if settings.initrd or settings.cmdline:
        if settings.boot or not target.vm.config.get("kernel.path"):
            raise Declined("has no kernel that an initrd or a command line could be for; name one with --kernel")
        return {path: value for path, value in given.items() if value}
    if settings.boot:
        return dict.fromkeys(path for path in _KERNEL if path in target.vm.config)
    return {}


def _order(target: Target, settings: Settings) -> dict[str, Scalar]:
    """A place in the boot order for each device: those that are asked for, then the others as they were."""
    if not settings.boot:
        return {}
    config = target.vm.config
    asked = _devices(config, _LISTS[settings.boot])
    if not asked:
        raise Declined(f"has no {settings.boot} to boot from")
    if settings.boot == "cdrom" and settings.image:
        asked = [entry("cdroms", drive_of(target, settings.drive)), *asked]
    order = list(dict.fromkeys([*asked, *_order_before(config)]))
    places: dict[str, Scalar] = {f"{path}.bootOrder": place for place, path in enumerate(order, start=1)}
    return {**({"boot.order": None} if "boot.order" in config else {}), **places}


def _order_before(config: Fields) -> list[str]:
    places = [(int(str(value)), path) for path, value in config.items() if path.endswith("].bootOrder") and value]
    if places:
        return [path.removesuffix(".bootOrder") for _, path in sorted(places)]
    classes = str(config.get("boot.order") or "hd").split(",")
    return [path for each in classes if each in _CLASSES for path in _devices(config, _CLASSES[each])]


def _devices(config: Fields, list_name: str) -> list[str]:
    """The entries of a list, in their boot order; the drive with the first boot's data is none to boot from."""
    found = entries(config, list_name)
    names = [name for name in found if (list_name, name) != ("cdroms", SEED_DRIVE)]
    names.sort(key=lambda name: int(str(found[name].get("bootOrder") or _LAST)))
    return [entry(list_name, name) for name in names]
