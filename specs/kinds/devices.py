"""Devices of a VM: disks, CD-ROM drives, NICs. Lists of named entries."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Strict

from specs.kinds.image import VolumeName
from specs.kinds.iotune import IoTune
from specs.kinds.nicsettings import Bandwidth, Parameter, Rom, VirtualPort, Vlan, Word
from specs.model import NAME_PATTERN, Address, Count, EntryName, Mac, Name, Named, Size, Unit, Yes, declared, matching

BootOrder = Annotated[int, Strict(), Field(ge=1, le=1000), Unit("number")]
Serial = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9_.+ -]{1,247}", "a serial number", "use letters, digits, space and `_ . + -`")),
    Unit("text"),
]

Wwn = Annotated[
    str,
    AfterValidator(matching(r"[0-9a-f]{16}", "a world wide name", "use 16 hexadecimal digits in lower case")),
    Unit("text"),
]
Vendor = Annotated[
    str,
    AfterValidator(matching(r"[ -~]{1,8}", "a vendor", "use at most 8 printable characters")),
    Unit("text"),
]
Product = Annotated[
    str,
    AfterValidator(matching(r"[ -~]{1,16}", "a product", "use at most 16 printable characters")),
    Unit("text"),
]
BlockSize = Annotated[Literal[512, 1024, 2048, 4096, 8192, 16384, 32768], Unit("bytes")]
RotationRate = Annotated[int, Strict(), Field(ge=1, le=65534), Unit("rotations per minute; 1 for a solid state disk")]

NicModel = Literal[
    "virtio", "e1000", "e1000e", "rtl8139", "virtio-transitional", "virtio-non-transitional", "vmxnet3", "igb", "pcnet",
    "ne2k_pci", "i82559c", "usb-net",
]  # fmt: skip
NetworkName = Annotated[
    str,
    AfterValidator(
        matching(
            rf"{NAME_PATTERN}|(?:bridge|direct):[A-Za-z0-9][A-Za-z0-9._-]{{0,14}}|vdpa:/dev/[A-Za-z0-9/_.-]{{1,200}}",
            "a network",
            "write the name of a Network, `bridge:NAME`, `direct:NAME`, `vdpa:/dev/NAME`, or `user`",
        )
    ),
    Unit("name"),
]
Mtu = Annotated[int, Strict(), Field(ge=68, le=65535), Unit("bytes")]
QueueSize = Annotated[Literal[256, 512, 1024, 2048, 4096], Unit("number")]

BlockDevice = Annotated[
    str,
    AfterValidator(
        matching(
            r"/dev/[A-Za-z0-9][A-Za-z0-9/_.:+-]{0,250}",
            "a block device",
            "write its path below /dev, such as /dev/disk/by-id/wwn-0x5000c500a0b1c2d3",
        )
    ),
    Unit("path"),
]


class Disk(Named):
    """A disk of the VM."""

    size: Size | None = declared("Capacity; grows, never shrinks. Without it, the image's.", effect="disk-size")
    image: Name | None = declared("Image that it begins with.", effect="creation")
    clone: Literal["linked", "copy"] | None = declared("Refer to the image, or copy it.", effect="creation")
    storage_domain: Name | None = declared(
        "Where its volume is; may be left out if there is one data domain.", effect="forbidden"
    )
    format: Literal["qcow2", "raw"] | None = declared("Format of the volume.", effect="creation")
    volume: VolumeName | None = declared("Name of a volume that exists already.", effect="restart")
    device: BlockDevice | None = declared(
        "Block device of the host instead of a volume: used as it is, never created, grown or removed.",
        effect="restart",
    )
    external: Yes | None = declared("The volume is another's: used, never created, grown or removed.", effect="policy")
    bus: Literal["virtio", "scsi", "sata", "ide", "usb"] | None = declared(
        "Bus that the guest sees it on.", effect="restart"
    )
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe", "default"] | None = declared(
        "Cache mode of the host.", effect="restart"
    )
    io: Literal["native", "threads", "io_uring"] | None = declared("How the host does its I/O.", effect="restart")
    discard: Literal["unmap", "ignore"] | None = declared(
        "Whether blocks that the guest frees are freed.", effect="restart"
    )
    read_only: Yes | None = declared("The guest cannot write to it.", effect="restart")
    serial: Serial | None = declared("Serial number that the guest sees.", effect="restart")
    wwn: Wwn | None = declared("World wide name that the guest sees.", effect="restart")
    vendor: Vendor | None = declared("Vendor that the guest sees, on scsi.", effect="restart")
    product: Product | None = declared("Product that the guest sees, on scsi.", effect="restart")
    iotune: IoTune | None = declared("Limits of its I/O.", effect="live")
    detect_zeroes: Literal["off", "on", "unmap"] | None = declared(
        "What becomes of zeroes that the guest writes: kept, made sparse, or freed.", effect="restart"
    )
    error_policy: Literal["stop", "report", "ignore", "enospace"] | None = declared(
        "What an error of writing does: pause the VM, tell the guest, nothing; `enospace`: pause if storage is full.",
        effect="restart",
    )
    read_error_policy: Literal["stop", "report", "ignore"] | None = declared(
        "What an error of reading does.", effect="restart"
    )
    shareable: Yes | None = declared("Other VMs write to it at the same time.", effect="restart")
    transient: Yes | None = declared("What the guest writes is thrown away when it stops.", effect="restart")
    lun: Yes | None = declared("SCSI commands of the guest reach the block device itself.", effect="restart")
    sgio: Literal["filtered", "unfiltered"] | None = declared(
        "Which SCSI commands a LUN takes; `unfiltered` needs a kernel that can.", effect="restart"
    )
    raw_io: Yes | None = declared("The VM may use privileged SCSI commands on its LUN.", effect="restart")
    reservations: Yes | None = declared("SCSI persistent reservations on a LUN, by libvirt's helper.", effect="restart")
    iothread: Count | None = declared("Number of the I/O thread that serves it, on virtio.", effect="restart")
    queues: Count | None = declared("Request queues, on virtio.", effect="restart")
    copy_on_read: Yes | None = declared("What is read from its image is copied into it.", effect="restart")
    logical_block_size: BlockSize | None = declared("Block size that the guest sees.", effect="restart")
    physical_block_size: BlockSize | None = declared("Physical block size that the guest sees.", effect="restart")
    rotation_rate: RotationRate | None = declared("Speed that the guest sees, on scsi, sata and ide.", effect="restart")
    removable: Yes | None = declared("The guest takes it for removable, on usb.", effect="restart")
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")


class Cdrom(Named):
    """A CD-ROM drive."""

    image: Name | None = declared("Image in the drive; `null`: none.", effect="live", empty=True)
    bus: Literal["sata", "scsi", "ide", "usb"] | None = declared("Bus that the guest sees it on.", effect="restart")
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")


class Nic(Named):
    """A network interface; `lan` is short for `{name: lan, network: lan}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("name", "network")

    network: NetworkName | None = declared(
        "Network that it is connected to; or `bridge:br0`, `direct:eth0`, `vdpa:/dev/…` of the host; or `user`.",
        effect="live",
    )
    profile: EntryName | None = declared("vNIC profile of its network; without it the network's own.", effect="policy")
    mac: Mac | None = declared("MAC address; without it a free one, once.", effect="restart")
    address: Address | None = declared(
        "Address that the network's DHCP always gives it; DNS answers the VM's name with it.", effect="policy"
    )
    model: NicModel | None = declared("Model that the guest sees.", effect="restart")
    link: Literal["up", "down"] | None = declared("Whether the cable is plugged in.", effect="live")
    portgroup: Word | None = declared("Portgroup of the network.", effect="live")
    mode: Literal["bridge", "vepa", "private", "passthrough"] | None = declared(
        "How `direct:` (macvtap) shares the host's interface.", effect="restart"
    )
    virtual_port: VirtualPort | None = declared("Port of a virtual switch.", effect="restart")
    vlan: Vlan | None = declared("VLAN tags.", effect="live")
    isolated: Yes | None = declared("It reaches no other isolated port of its bridge.", effect="live")
    filter: Word | None = declared("Filter (nwfilter) of the host, such as clean-traffic.", effect="live")
    filter_parameters: Annotated[tuple[Parameter, ...] | None, Unit("list of `NAME=VALUE`")] = declared(
        "What the filter is told, such as `IP=192.0.2.7`.", effect="live"
    )
    trust_guest_rx_filters: Yes | None = declared(
        "The host follows the guest's receive filters, on macvtap.", effect="live"
    )
    bandwidth: Bandwidth | None = declared("Limits of what passes.", effect="live")
    rx_frames: Count | None = declared(
        "Packets that are received before the guest is told (coalescing).", effect="live"
    )
    mtu: Mtu | None = declared("Largest packet that the guest is told.", effect="restart")
    driver: Literal["vhost", "qemu"] | None = declared("Who moves the packets: the kernel or QEMU.", effect="restart")
    tx_mode: Literal["iothread", "timer"] | None = declared("How QEMU sends, with driver qemu.", effect="restart")
    queues: Count | None = declared("Queue pairs, on virtio.", effect="restart")
    rx_queue_size: QueueSize | None = declared("Length of the receive queues.", effect="restart")
    tx_queue_size: QueueSize | None = declared("Length of the send queues.", effect="restart")
    acpi_index: BootOrder | None = declared("Number by which guests name it for good (eno1).", effect="restart")
    rom: Rom | None = declared("ROM, from which PXE boots.", effect="restart")
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")
