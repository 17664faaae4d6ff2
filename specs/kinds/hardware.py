"""Hardware: the part of a VM that an InstanceType can give."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict

from specs.kinds.console import Graphics, Inputs, Usb, Video
from specs.kinds.cpu import Cpu
from specs.kinds.machine import Boot, Clock, Enlightenments, Features, Kernel, OnCrash, OnPoweroff
from specs.kinds.memory import MemoryHotplug, MemoryPolicy, Numa
from specs.kinds.platform import Iommu, RngOptions, Tpm, Uefi, Vsock, Watchdog
from specs.kinds.scsi import Scsi
from specs.kinds.smbios import Smbios
from specs.model import Model, Size, Unit, Yes, declared, matching

Machine = Annotated[
    str,
    AfterValidator(
        matching(r"[a-z0-9][A-Za-z0-9._+-]{0,63}", "a machine type", "write `q35`, `pc` or an exact one: `pc-q35-7.2`")
    ),
    Unit("`q35`, `pc` or an exact version such as `pc-q35-7.2`"),
]

Threads = Annotated[int, Strict(), Field(ge=0, le=127), Unit("number")]


Sound = Literal["ich9", "ich6", "ac97", "es1370", "sb16", "usb", "none"]


class Hardware(Model):
    """Everything that does not tell VMs of one size apart."""

    # before `cpu`, since fields change in this order, and a thread has to be there to be pinned
    iothreads: Threads | None = declared("Threads that do the I/O of disks.", effect="live")
    cpu: Cpu | None = declared("Virtual CPUs.", effect="restart")
    memory: Size | None = declared("Memory that the guest shall have now.", effect="memory")
    memory_max: Size | None = declared("Memory that it can be given without a restart.", effect="restart")
    memory_policy: MemoryPolicy | None = declared("What the host does for its memory.", effect="restart")
    memory_hotplug: MemoryHotplug | None = declared("Room for memory modules.", effect="restart")
    numa: Numa | None = declared("NUMA cells of the guest, nodes of the host.", effect="restart")
    features: Features | None = declared("Features of the machine.", effect="restart")
    hyperv: Enlightenments | None = declared("Hyper-V enlightenments, for Windows.", effect="restart")
    clock: Clock | None = declared("Hardware clock.", effect="restart")
    on_poweroff: OnPoweroff | None = declared("What becomes of it when the guest powers off.", effect="live")
    on_reboot: OnPoweroff | None = declared("What becomes of it when the guest reboots.", effect="live")
    on_crash: OnCrash | None = declared("What becomes of it when the guest crashes.", effect="live")
    kernel: Kernel | None = declared("A kernel that is booted directly.", effect="restart")
    boot: Boot | None = declared("What the firmware does before the guest boots.", effect="restart")
    smbios: Smbios | None = declared("What the guest is told about its hardware.", effect="restart")
    machine: Machine | None = declared("Machine type.", effect="offline")
    firmware: Literal["bios", "uefi"] | None = declared("Firmware.", effect="offline")
    uefi: Uefi | None = declared("Secure boot and files of UEFI firmware.", effect="offline")
    tpm: Tpm | None = declared("Emulated TPM.", effect="restart")
    graphics: Graphics | None = declared("Graphical console.", effect="restart")
    video: Video | None = declared("Video card.", effect="restart")
    sound: Sound | None = declared("Sound card.", effect="restart")
    scsi: Scsi | None = declared("Controller of the SCSI disks.", effect="restart")
    usb: Usb | None = declared("USB controller and redirection.", effect="restart")
    inputs: Inputs | None = declared("Tablet, mouse and keyboard.", effect="hotplug")
    smartcard: Literal["passthrough", "host", "none"] | None = declared(
        "Smartcard reader: with the cards of whoever looks by SPICE, or the host's.", effect="restart"
    )
    serial: Yes | None = declared("Serial console.", effect="restart")
    agent: Yes | None = declared("Channel of the QEMU guest agent.", effect="hotplug")
    rng: Yes | None = declared("Random numbers from the host (virtio-rng).", effect="hotplug")
    rng_options: RngOptions | None = declared("Source and rate of random numbers.", effect="restart")
    watchdog: Watchdog | None = declared("Watchdog.", effect="restart")
    panic: Literal["isa", "pvpanic", "hyperv", "none"] | None = declared(
        "Device by which the guest tells that its kernel has crashed.", effect="restart"
    )
    vsock: Vsock | None = declared("Number (CID) of the guest for sockets to its host.", effect="hotplug")
    iommu: Iommu | None = declared("Virtual IOMMU.", effect="restart")
