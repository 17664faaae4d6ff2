"""What the lab's hosts are doing, looked up each time: nothing of it is recorded.

Comes in: the lab's record. Goes out: HostStatus for each host. Called by lab.py.
"""

from __future__ import annotations

from pathlib import Path

from drivers.lab import machine
from drivers.lab.atonce import for_each
from drivers.lab.bmc import access
from drivers.lab.bmc import process as bmc
from drivers.lab.credentials import settings_entry, ssh
from drivers.lab.host import boot, storage
from drivers.lab.paths import LabPaths
from drivers.lab.state import LabRecord
from specs.structs import Struct


class HostStatus(Struct, frozen=True):
    """One host as it is now. `power` is on, off, or "no answer" when it runs and libvirtd does not answer."""

    name: str
    power: str
    address: str
    uri: str
    uuid: str
    init: int | None
    """The machine's process id of the host's process 1."""
    system: str
    """The Debian release that it runs, empty if it is the machine's own system."""
    storage: str
    """The fault of its shared storage, or "well"; empty when it is off."""
    ssh: str = ""
    """The libvirt URI by ssh, empty when the hosts have no ssh server."""
    bmc: str = ""
    """The service root of its Redfish BMC, empty when that does not run."""


class LabStatus(Struct, frozen=True):
    """`hosts` is empty when there is no lab."""

    state: Path
    hosts: tuple[HostStatus, ...]
    facts: machine.Facts


def hosts(lab: LabPaths, record: LabRecord) -> tuple[HostStatus, ...]:
    """All hosts of the lab, by number; they are asked at once."""
    has_bmc, has_ssh = bool(bmc.find(lab)), bool(ssh.server(lab))

    def status(name: str) -> HostStatus:
        process, address = boot.find(lab, name), record.address(name)
        return HostStatus(
            name=name,
            power="off" if process is None else "on" if boot.answers(lab, address) else "no answer",
            address=str(address),
            uri=settings_entry.host_uri(str(address), "tls"),
            uuid=record.hosts[name],
            init=process.pid if process else None,
            system=record.systems.get(name, ""),
            storage=storage.shown(process) if process else "",
            ssh=settings_entry.host_uri(str(address), "ssh") if has_ssh else "",
            bmc=access.url(name, record.gateway) if has_bmc else "",
        )

    return tuple(for_each(status, list(record.hosts)))
