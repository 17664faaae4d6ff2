"""What becomes of a VM when its guest powers off, reboots or crashes (`<on_poweroff>` …)."""

from __future__ import annotations

from typing import Literal

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.spots import TEXT, Spot, readers, writers
from specs.fields import Scalar

_EVENTS: dict[str, Literal["poweroff", "reboot", "crash"]] = {
    "onPoweroff": "poweroff",
    "onReboot": "reboot",
    "onCrash": "crash",
}
_SPOTS = {path: Spot(f"on_{event}", "", TEXT) for path, event in _EVENTS.items()}


def _live(running: Running, path: str, value: Scalar) -> None:
    running.set_action(_EVENTS[path], str(value))


ASPECT = Aspect(domain=readers(_SPOTS), write=writers(_SPOTS), live=dict.fromkeys(_EVENTS, _live))
