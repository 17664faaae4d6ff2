"""Effects: what it costs to make a change true, by named pure rules.

Every field of a model names its rule; a rule takes the value before, the value after and what was observed, and says
the least harmful way that libvirt has. Called by reconciler/diff for each difference, and by the generated reference.

The entry of a list that is added or removed as a whole (`disks[data]`) has, as `before` or `after`, the bus of the disk
or drive and the model of the NIC ("" if not known), and None for "is not there".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import TypeAlias

from specs.errors import SpecError
from specs.fields import Fields, Scalar
from specs.kinds import KINDS
from specs.structs import Struct, field


class Effect(StrEnum):
    """What a change costs; compare by `harm`."""

    NONE = "none"  # nothing is done: a released field, a note
    LIVE = "live"  # changed without the guest noticing
    HOTPLUG = "hotplug"  # a device comes or goes while the guest runs
    MIGRATE = "migrate"  # the VM moves to another host
    RESTART = "restart"  # takes effect at the next power cycle
    OFFLINE = "offline"  # can be made only while the VM is off
    RECREATE = "recreate"  # the object is made anew
    CREATION = "creation"  # used once, when the object was made; a note
    FORBIDDEN = "forbidden"  # there is no way

    @property
    def harm(self) -> int:
        """0 is harmless; a note does no harm either."""
        return 0 if self is Effect.CREATION else _ORDER[self]


_ORDER: Mapping[Effect, int] = {effect: place for place, effect in enumerate(Effect)}
_ENTRY_NAME = re.compile(r"\[[^\]]*\]")
_EASED = frozenset((Effect.HOTPLUG, Effect.MIGRATE, Effect.RESTART, Effect.OFFLINE))


class Facts(Struct, frozen=True, kw_only=True):
    """What rules may know of the observed object: its canonical fields now and at the next boot."""

    running: bool
    live: Fields = field(default_factory=dict)
    config: Fields = field(default_factory=dict)


Rule: TypeAlias = Callable[[Scalar, Scalar, Facts], Effect]


class UnknownField(SpecError):
    """A path that no field of the kind has: a mistake of the caller, or a mark of a newer version."""


def effect_of(kind: str, path: str, before: Scalar, after: Scalar, facts: Facts) -> Effect:
    """The effect of changing a canonical path of an object of that kind; `after` None means released or removed.

    Nothing interrupts an object that is not running. Raises UnknownField.
    """
    name = _rule_name(kind, _pattern(path))
    if after is None and not path.endswith("]"):
        return Effect.NONE
    effect = RULES[name](before, after, facts)
    return Effect.LIVE if effect in _EASED and not facts.running else effect


def rule_of(kind: str, path: str) -> str:
    """The name of the rule of a path, as the reference prints it. Raises UnknownField."""
    return _rule_name(kind, _pattern(path))


def worst(effects: Iterable[Effect]) -> Effect:
    """The most harmful of them; `none` of nothing."""
    return max(effects, key=lambda effect: effect.harm, default=Effect.NONE)


def _pattern(path: str) -> str:
    """As `specs.fields.pattern`, also for lists within a group: `cloudInit.users[*].sudo`."""
    return _ENTRY_NAME.sub("[*]", path) if "[" in path else path


@lru_cache(maxsize=4096)
def _rule_name(kind: str, path: str) -> str:
    rules = KINDS[kind].rules
    if path not in rules:
        raise UnknownField(f"{kind} has no field `{path}`")
    return rules[path]


def _always(effect: Effect) -> Rule:
    return lambda before, after, facts: effect


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _cpu_count(before: Scalar, after: Scalar, facts: Facts) -> Effect:
    """vCPUs come live up to the running maximum; guests do not give them back."""
    now, wanted = _number(before), _number(after)
    most = _number(facts.live.get("cpu.max"))
    if now is None or wanted is None or most is None:
        return Effect.RESTART
    return Effect.HOTPLUG if now < wanted <= most else Effect.RESTART


def _memory(before: Scalar, after: Scalar, facts: Facts) -> Effect:
    """The balloon moves freely below the running maximum."""
    wanted, most = _number(after), _number(facts.live.get("memoryMax"))
    return Effect.HOTPLUG if wanted is not None and most is not None and wanted <= most else Effect.RESTART


def _disk_size(before: Scalar, after: Scalar, facts: Facts) -> Effect:
    """Disks grow while in use. libvirt would shrink one without a word and cut off its data."""
    now, wanted = _number(before), _number(after)
    return Effect.FORBIDDEN if now is not None and wanted is not None and wanted < now else Effect.LIVE


def _disk(before: Scalar, after: Scalar, facts: Facts) -> Effect:
    """virtio, SCSI and USB disks come and go; SATA and IDE have no hot plug in QEMU."""
    return Effect.RESTART if (before or after) in ("sata", "ide") else Effect.HOTPLUG


def _cdrom(before: Scalar, after: Scalar, facts: Facts) -> Effect:
    return Effect.HOTPLUG if (before or after) in ("scsi", "usb") else Effect.RESTART


RULES: Mapping[str, Rule] = {
    "identity": _always(Effect.FORBIDDEN),
    "policy": _always(Effect.LIVE),
    "live": _always(Effect.LIVE),
    "hotplug": _always(Effect.HOTPLUG),
    "migrate": _always(Effect.MIGRATE),
    "restart": _always(Effect.RESTART),
    "network-restart": _always(Effect.RESTART),
    "offline": _always(Effect.OFFLINE),
    "recreate": _always(Effect.RECREATE),
    "creation": _always(Effect.CREATION),
    "forbidden": _always(Effect.FORBIDDEN),
    "cpu-count": _cpu_count,
    "memory": _memory,
    "disk-size": _disk_size,
    "disk": _disk,
    "cdrom": _cdrom,
    "nic": _always(Effect.HOTPLUG),
}

WORDS: Mapping[str, str] = {
    "identity": "is its identity",
    "policy": "at once, nothing on a host changes",
    "live": "live",
    "hotplug": "live, as a device that comes or goes",
    "migrate": "by migration",
    "restart": "at the next power cycle",
    "network-restart": "by a restart of the network, which cuts off its VMs",
    "offline": "while the VM is off",
    "recreate": "by making it anew, after asking",
    "creation": "only when it is made",
    "forbidden": "cannot be changed",
    "cpu-count": "more: live up to the running maximum; fewer: at the next power cycle",
    "memory": "live up to the running maximum, else at the next power cycle",
    "disk-size": "live; never smaller",
    "disk": "live, on sata and ide at the next power cycle",
    "cdrom": "live on scsi and usb, else at the next power cycle",
    "nic": "live",
}
"""Rule → when a change of the field takes effect, for the reference."""
