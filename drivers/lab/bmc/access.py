"""How the BMCs of a lab are reached: address, user, password. Called by server.py, process.py, lab.py."""

from __future__ import annotations

import secrets
from ipaddress import IPv4Address

from drivers.lab.paths import LabPaths, host_index
from drivers.lab.state import write_private

USER = "admin"
FIRST_PORT = 8000


def port(host: str) -> int:
    """All BMCs have the machine's address on the lab's bridge, a host's own is its port."""
    return FIRST_PORT + (host_index(host) or 0)


def url(host: str, gateway: IPv4Address) -> str:
    return f"https://{gateway}:{port(host)}/redfish/v1"


def password(lab: LabPaths) -> str:
    """Random, one for all BMCs, made once; `<state>/bmc/password` (0600)."""
    file = lab.bmc / "password"
    if not file.exists():
        write_private(file, secrets.token_urlsafe(18) + "\n")
    return file.read_text(encoding="utf-8").strip()
