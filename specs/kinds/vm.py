"""VirtualMachine: hardware, devices, and how its power and updates are handled."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from specs.kinds.availability import HighAvailability
from specs.kinds.channel import Channel
from specs.kinds.cloudinit import CloudInit
from specs.kinds.common import Drift, Line
from specs.kinds.content import Content
from specs.kinds.devices import Cdrom, Disk, Nic
from specs.kinds.firstboot import Ignition
from specs.kinds.hardware import Hardware
from specs.kinds.hostdevices import HostDevice
from specs.kinds.memory import MemoryModule
from specs.kinds.migration import VmMigration
from specs.kinds.properties import Properties
from specs.kinds.xmlpatch import XmlPatch
from specs.model import Duration, Model, Name, Unit, Uuid, Yes, declared, matching

CANONICAL: Mapping[str, str] = {
    "arch": "forbidden",
    "emulation": "offline",
    "labels": "live",
    "disks[*]": "disk",
    "disks[*].source": "restart",
    "cdroms[*]": "cdrom",
    "cdroms[*].source": "live",
    "nics[*]": "nic",
    "channels[*]": "hotplug",
    "hostDevices[*]": "hotplug",
    "memoryModules[*]": "hotplug",
}
"""Rules of canonical paths that the YAML has not, and of whole entries."""

SystemId = Annotated[
    str,
    AfterValidator(matching(r"[a-z0-9][a-z0-9._-]{0,63}", "an id of libosinfo", "such as `win11` or `debian12`")),
    Unit("short id of libosinfo, such as `win11`"),
]


class UpdatePolicy(Model):
    """When changes that interrupt the VM are made; `wait` saves them for the next power cycle."""

    restart: Literal["wait", "now"] | None = declared("Changes that need a restart.", effect="policy")
    offline: Literal["wait", "now"] | None = declared("Changes that need the VM to be off.", effect="policy")


def _switch(value: object) -> object:
    return {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value


class VirtualMachine(Hardware):
    """A virtual machine. The least one has a name, cpu, memory and a disk with an image."""

    description: Line | None = declared("Text for people.", effect="live")
    properties: Properties | None = declared("Custom properties, for the hooks of libvirt on the host.", effect="live")
    type: Literal["desktop", "server", "highPerformance"] | None = declared(
        "Kind of work, which says what a new VM gets that is not declared.", effect="creation"
    )
    os: SystemId | None = declared(
        "The guest's system as libosinfo calls it (`win11`, `debian12`), which says the same.", effect="creation"
    )
    cluster: Name | None = declared("Its cluster; may be left out if there is only one.", effect="migrate")
    instance_type: Name | None = declared("Size that gives the hardware which is not written here.", effect="policy")
    uuid: Uuid | None = declared("UUID; that of an existing unmarked VM adopts it.", effect="forbidden")
    image: Name | None = declared("Image of the disk `root`, where that disk names none.", effect="creation")
    storage_domain: Name | None = declared("Storage domain of the disks that name none.", effect="creation")
    disks: tuple[Disk, ...] | None = declared("Disks.", effect="disk")
    cdroms: tuple[Cdrom, ...] | None = declared("CD-ROM drives.", effect="cdrom")
    nics: tuple[Nic, ...] | None = declared("Network interfaces.", effect="nic")
    channels: tuple[Channel, ...] | None = declared("Virtio channels to programs in the guest.", effect="hotplug")
    host_devices: tuple[HostDevice, ...] | None = declared("Devices of the host, given to the VM.", effect="hotplug")
    memory_modules: tuple[MemoryModule, ...] | None = declared(
        "Memory that comes and goes while it runs.", effect="hotplug"
    )
    cloud_init: CloudInit | None = declared("What the guest is told at its first boot.", effect="creation")
    ignition: Ignition | None = declared("Ignition config for the first boot.", effect="creation")
    sysprep: Content | None = declared("Answer file of Windows Setup (unattend.xml), on a CD-ROM.", effect="creation")
    delete_protection: Yes | None = declared("It is never deleted while this is true.", effect="policy")
    state: Literal["running", "stopped", "manual"] | None = declared(
        "Kept running, kept off, or left to the operators.", effect="policy"
    )
    restart: Literal["onFailure", "always", "never"] | None = declared(
        "Whether a VM that shall run is started again after it stopped by itself.", effect="policy"
    )
    autostart: Annotated[
        Literal["auto", "on", "off"] | None,
        BeforeValidator(_switch),
        WithJsonSchema({"enum": ["auto", "on", "off", True, False]}),
    ] = declared(
        "Whether libvirt starts it at the host's boot; `auto`: where all its disks are local.", effect="policy"
    )
    update_policy: UpdatePolicy | None = declared("When interrupting changes are made.", effect="policy")
    stop_timeout: Duration | None = declared("How long the guest may take to shut down.", effect="policy")
    stop_last_resort: Literal["fail", "destroy"] | None = declared(
        "What to do when it does not: give up, or cut its power.", effect="policy"
    )
    on_host_maintenance: Literal["migrate", "stop", "hold"] | None = declared(
        "When its host goes into maintenance: moved, stopped until a host can take it, or left (which holds it up).",
        effect="policy",
    )
    hosts: tuple[Name, ...] | None = declared("Only these hosts may run it.", effect="policy")
    preferred_hosts: tuple[Name, ...] | None = declared(
        "These hosts are taken first, others where none of them can.", effect="policy"
    )
    high_availability: HighAvailability | None = declared(
        "It matters that it runs: such VMs are spread over hosts, and counted by `haReservation`.", effect="policy"
    )
    migration: VmMigration | None = declared("Whether and how it moves between hosts.", effect="policy")
    xml: Annotated[tuple[XmlPatch, ...] | None, Unit("patches")] = declared(
        "Patches of libvirt's XML, for what has no field.", effect="restart"
    )
    drift: Drift | None = declared("What to do about changes made outside of Git.", effect="policy")
