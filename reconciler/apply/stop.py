"""A graceful stop: the guest agent, then ACPI, and when the time is over the declared last resort.

Called by dispatch.py and by the operation `gitvirt stop`. Guests miss an ACPI press while they boot, so it is repeated.
A guest that is paused, or sleeps, has to run on for a moment to hear of it.
"""

from __future__ import annotations

from typing import Protocol

from drivers.base import Host, ShutdownMode
from drivers.errors import Busy, DriverError
from drivers.seen import Power, SeenVm
from reconciler.diff.power import PAUSED_BY_HAND
from reconciler.plan.plan import StopVm

_POLL = 0.5  # seconds between looks
_MAY_RUN_ON = (*PAUSED_BY_HAND, "ioerror")  # libvirt's reasons; not a move's, nor a panic's
_ASK_AGAIN = 15.0  # seconds between presses of the power button


class Pause(Protocol):
    """Time, as stops and waits need it."""

    def now(self) -> float:
        """Seconds of a monotonic clock."""

    def wait(self, seconds: float) -> bool:
        """Waits; True if we were asked to stop meanwhile."""


def stop(call: StopVm, host: Host, pause: Pause) -> tuple[str, ...]:
    """Returns when the VM is off; Busy if the guest did not go and the last resort is `fail`."""
    end = pause.now() + call.timeout
    asked = float("-inf")
    mode: ShutdownMode = "agent"
    while (vm := host.reader.vm(call.uuid)) is not None and vm.running:
        if pause.now() >= end:
            return _last_resort(call, host)
        if pause.now() - asked >= _ASK_AGAIN:
            _wake(vm, host)
            mode = _ask(call.uuid, host, mode)
            asked = pause.now()
        if pause.wait(_POLL):
            raise Busy(host.name, "stop", "interrupted while the guest was shutting down")
    return ()


def _wake(vm: SeenVm, host: Host) -> None:
    if vm.power is Power.ASLEEP or (vm.power is Power.PAUSED and vm.reason in _MAY_RUN_ON):
        host.powers.resume(vm.uuid)


def _ask(uuid: str, host: Host, mode: ShutdownMode) -> ShutdownMode:
    """Asks once, by the agent if it answers; returns the mode to ask with next time."""
    if mode == "agent":
        try:
            host.powers.shutdown(uuid, "agent")
        except DriverError as error:
            if not isinstance(error, Busy) and error.retry != "never":
                raise
        else:
            return "acpi"  # an agent that took the request and did nothing will not do it the second time
    host.powers.shutdown(uuid, "acpi")
    return "acpi"


def _last_resort(call: StopVm, host: Host) -> tuple[str, ...]:
    if call.last_resort != "destroy":
        text = f"the guest did not shut down within {call.timeout} s"
        raise Busy(host.name, "stop", f"{text}; set stopLastResort: destroy, or `gitvirt stop --force`")
    host.powers.destroy(call.uuid)
    return (f"did not shut down within {call.timeout} s; its power was cut",)
