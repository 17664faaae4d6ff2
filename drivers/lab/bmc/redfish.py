"""What a BMC answers: the part of Redfish 1.6 that power management needs. Pure but for the button that it presses.

Comes in: method, path and body of a request that was let in, and the System. Goes out: status and JSON.
Called by server.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Protocol

from drivers.lab.errors import LabError
from specs.structs import Struct, field

ROOT = "/redfish/v1"
SYSTEMS = f"{ROOT}/Systems"


class System(Protocol):
    """One host as its BMC knows it."""

    @property
    def name(self) -> str: ...

    @property
    def uuid(self) -> str: ...

    def is_on(self) -> bool: ...

    def press(self, *, off: bool, on: bool) -> None:
        """Cut the power if `off`, then give it if `on`. Raises LabError."""


class Answer(Struct, frozen=True):
    status: HTTPStatus
    body: Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


RESETS = {
    "On": (False, True),
    "ForceOn": (False, True),
    "ForceOff": (True, False),
    "ForceRestart": (True, True),
    "PowerCycle": (True, True),
}
"""Reset types by what they do: cut the power, give it."""


def is_public(path: str) -> bool:
    """The service root is shown to everybody, so that a client finds out whom it talks to."""
    return path.rstrip("/") in ("/redfish", ROOT)


def answer(method: str, path: str, body: bytes, system: System) -> Answer:
    """What the BMC of `system` says to an authenticated request; a POST does what it says before it is answered."""
    path = path.partition("?")[0].rstrip("/")
    reset = f"{_system(system)}/Actions/ComputerSystem.Reset"
    if path == reset:
        return _reset(system, body) if method == "POST" else _not_allowed(method, "POST")
    found = _resources(system).get(path)
    if found is None:
        return error(HTTPStatus.NOT_FOUND, "ResourceMissingAtURI", f"There is nothing at {path[:200]}.")
    return Answer(HTTPStatus.OK, found()) if method in ("GET", "HEAD") else _not_allowed(method, "GET, HEAD")


def error(status: HTTPStatus, code: str, message: str, **headers: str) -> Answer:
    """An error as Redfish writes it."""
    said = {"MessageId": f"Base.1.8.{code}", "Message": message}
    told = {"code": said["MessageId"], "message": message, "@Message.ExtendedInfo": [said]}
    return Answer(status, {"error": told}, headers)


def _resources(system: System) -> Mapping[str, Any]:
    return {
        "/redfish": lambda: {"v1": f"{ROOT}/"},
        ROOT: lambda: _service_root(system),
        SYSTEMS: lambda: _collection(system),
        _system(system): lambda: _computer_system(system),
    }


def _system(system: System) -> str:
    return f"{SYSTEMS}/{system.name}"


def _service_root(system: System) -> dict[str, Any]:
    return {
        "@odata.id": f"{ROOT}/",
        "@odata.type": "#ServiceRoot.v1_5_0.ServiceRoot",
        "Id": "RootService",
        "Name": f"BMC of {system.name}",
        "RedfishVersion": "1.6.0",
        "Systems": {"@odata.id": SYSTEMS},
    }


def _collection(system: System) -> dict[str, Any]:
    return {
        "@odata.id": SYSTEMS,
        "@odata.type": "#ComputerSystemCollection.ComputerSystemCollection",
        "Name": "Computer Systems",
        "Members": [{"@odata.id": _system(system)}],
        "Members@odata.count": 1,
    }


def _computer_system(system: System) -> dict[str, Any]:
    on = system.is_on()
    return {
        "@odata.id": _system(system),
        "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
        "Id": system.name,
        "Name": system.name,
        "HostName": system.name,
        "UUID": system.uuid,
        "SystemType": "Physical",
        "Manufacturer": "gitvirt lab",
        "PowerState": "On" if on else "Off",
        "Status": {"State": "Enabled" if on else "StandbyOffline", "Health": "OK"},
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": f"{_system(system)}/Actions/ComputerSystem.Reset",
                "ResetType@Redfish.AllowableValues": list(RESETS),
            }
        },
    }


def _reset(system: System, body: bytes) -> Answer:
    try:
        wish = json.loads(body)["ResetType"]
        off, on = RESETS[wish]
    except (ValueError, KeyError, TypeError, RecursionError):
        allowed = ", ".join(RESETS)
        return error(HTTPStatus.BAD_REQUEST, "ActionParameterMissing", f"ResetType has to be one of {allowed}.")
    try:
        system.press(off=off, on=on)
    except LabError as failed:
        return error(HTTPStatus.INTERNAL_SERVER_ERROR, "InternalError", str(failed))
    return Answer(HTTPStatus.NO_CONTENT)


def _not_allowed(method: str, allowed: str) -> Answer:
    message = f"{method[:20]} is not supported here."
    return error(HTTPStatus.METHOD_NOT_ALLOWED, "OperationNotAllowed", message, Allow=allowed)
