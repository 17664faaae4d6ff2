"""Domain XML in the shapes of the tools that make VMs, for tests of the import: every tool writes its own dialect.

`every(count)` yields (name, xml); the same number always gives the same XML. Disks are below POOL (a pool in tests),
ELSEWHERE (none) or not files at all; NICs are on the network `lan`, on bridges, or on nothing with a name.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

POOL = "/var/lib/libvirt/vms"
ELSEWHERE = "/var/lib/libvirt/elsewhere"
NETWORK = "lan"
NODE = uuid.UUID("7d0a1c52-9e3b-4d0e-8a52-1f4b6c000000")


def identity(number: int) -> str:
    return str(uuid.uuid5(NODE, str(number)))


def mac(number: int, nic: int = 0) -> str:
    return f"52:54:00:{number >> 8:02x}:{number & 255:02x}:{nic:02x}"


def every(count: int, virt: str = "kvm") -> Iterator[tuple[str, str]]:
    for number in range(count):
        shape = SHAPES[number % len(SHAPES)]
        name = f"{shape.__name__.replace('_', '-')}-{number}"
        yield name, shape(number, name, virt)


def _disk(number: int, target: str, bus: str, more: str = "", form: str = "qcow2") -> str:
    file = f"{POOL}/vm{number}-{target}.{form}"
    return (
        f"<disk type='file' device='disk'><driver name='qemu' type='{form}'/><source file='{file}'/>"
        f"<target dev='{target}' bus='{bus}'/>{more}</disk>"
    )


def _nic(number: int, nic: int = 0, model: str = "virtio", more: str = "") -> str:
    return (
        f"<interface type='network'><mac address='{mac(number, nic)}'/><source network='{NETWORK}'/>"
        f"<model type='{model}'/>{more}</interface>"
    )


def _domain(number: int, name: str, virt: str, body: str, machine: str = "q35", namespaces: str = "") -> str:
    return f"""<domain type='{virt}'{namespaces}>
  <name>{name}</name>
  <uuid>{identity(number)}</uuid>
  {body.replace("<!os-type>", f"<type arch='x86_64' machine='{machine}'>hvm</type>")}
</domain>"""


LIBOSINFO = (
    "<metadata><libosinfo:libosinfo xmlns:libosinfo='http://libosinfo.org/xmlns/libvirt/domain/1.0'>"
    "<libosinfo:os id='http://debian.org/debian/12'/></libosinfo:libosinfo></metadata>"
)
TIMERS = (
    "<clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='pit' tickpolicy='delay'/>"
    "<timer name='hpet' present='no'/></clock>"
)
EVENTS = "<on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>"
NO_SLEEP = "<pm><suspend-to-mem enabled='no'/><suspend-to-disk enabled='no'/></pm>"
AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
SPICE_CHANNEL = "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
RNG = "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>"
SERIAL = "<serial type='pty'><target port='0'/></serial><console type='pty'><target type='serial' port='0'/></console>"


def virt_install(number: int, name: str, virt: str) -> str:
    count = 1 + number % 4
    uefi = " firmware='efi'" if number % 2 else ""
    cpu = "host-passthrough" if virt == "kvm" else "maximum"
    body = f"""{LIBOSINFO}<memory>{1048576 * count}</memory><currentMemory>{1048576 * count}</currentMemory>
      <vcpu>{count}</vcpu><os{uefi}><!os-type><boot dev='hd'/></os>
      <features><acpi/><apic/><vmport state='off'/></features><cpu mode='{cpu}'/>{TIMERS}{EVENTS}{NO_SLEEP}
      <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
        {_disk(number, "vda", "virtio", form=("qcow2", "raw")[number % 2])}
        <controller type='usb' model='qemu-xhci' ports='15'/>{_nic(number)}{SERIAL}{AGENT}
        <input type='tablet' bus='usb'/><graphics type='vnc' port='-1' autoport='yes'/>
        <video><model type='virtio'/></video><memballoon model='virtio'/>{RNG}</devices>"""
    return _domain(number, name, virt, body)


def virt_manager(number: int, name: str, virt: str) -> str:
    spice = number % 2
    display = (
        "<graphics type='spice' autoport='yes'><listen type='address'/><image compression='off'/></graphics>"
        "<channel type='spicevmc'><target type='virtio' name='com.redhat.spice.0'/></channel>"
        "<redirdev bus='usb' type='spicevmc'/><redirdev bus='usb' type='spicevmc'/>"
        if spice
        else "<graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0' keymap='de'/>"
    )
    body = f"""{LIBOSINFO}<title>Machine {number} &amp; more</title>
      <description>made by hand, number {number}</description>
      <memory unit='MiB'>4096</memory><currentMemory unit='MiB'>2048</currentMemory>
      <vcpu placement='static' current='2'>4</vcpu><os><!os-type><boot dev='cdrom'/><boot dev='hd'/>
        <bootmenu enable='yes'/></os>
      <features><acpi/><apic/></features><cpu mode='host-model' check='partial'>
        <topology sockets='1' dies='1' cores='4' threads='1'/></cpu>{TIMERS}{EVENTS}{NO_SLEEP}
      <devices>{_disk(number, "sda", "sata")}
        <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
          <source file='{POOL}/install-{number % 3}.iso'/><target dev='sdb' bus='sata'/><readonly/></disk>
        {_nic(number, model="e1000e")}{SERIAL}{AGENT}{display}
        <sound model='ich9'/><video><model type='{("qxl", "virtio", "vga")[number % 3]}'/></video>
        <watchdog model='i6300esb' action='reset'/>{RNG}</devices>"""
    return _domain(number, name, virt, body)


def kcli(number: int, name: str, virt: str) -> str:
    body = f"""<metadata><kvirt:info xmlns:kvirt='kvirt'><kvirt:plan>kvirt</kvirt:plan>
      <kvirt:image>debian12</kvirt:image>
        <kvirt:creationdate>01-02-2026</kvirt:creationdate></kvirt:info></metadata>
      <memory unit='MiB'>512</memory><vcpu>2</vcpu><os><!os-type><boot dev='hd'/><boot dev='cdrom'/></os>
      <features><acpi/><apic/><pae/></features><cpu mode='maximum'/><clock offset='utc'/>{EVENTS}
      <devices>{_disk(number, "vda", "virtio", "<serial>disk" + str(number) + "</serial>")}
        <disk type='file' device='cdrom'><driver name='qemu' type='raw'/><source file='{POOL}/{name}.ISO'/>
          <target dev='hdd' bus='{("ide", "sata")[number % 2]}'/><readonly/></disk>
        {_nic(number)}<serial type='pty'><target port='0'/></serial><console type='pty'><target type='virtio'/>
          </console>
        <graphics type='vnc' port='-1' autoport='yes' listen='0.0.0.0'><listen type='address' address='0.0.0.0'/>
          </graphics>
        <memballoon model='virtio'/>{AGENT}</devices>"""
    return _domain(number, name, virt, body, ("pc", "q35")[number % 2])


def vagrant_libvirt(number: int, name: str, virt: str) -> str:
    body = f"""<description>Source: /home/me/Vagrantfile</description>
      <memory unit='KiB'>{524288 + 4 * (number % 7)}</memory><vcpu>1</vcpu>
      <os><!os-type><bootmenu enable='no'/></os><features><acpi/><apic/><pae/></features>
      <cpu mode='host-model'><model fallback='allow'/></cpu><clock offset='utc'/>
      <devices><disk type='file' device='disk'><alias name='ua-box-volume-0'/><driver name='qemu' type='qcow2'/>
          <source file='{POOL}/vagrant_{name}.img'/><target dev='vda' bus='virtio'/></disk>
        <interface type='network'><alias name='ua-net-0'/><mac address='{mac(number)}'/>
          <source network='{NETWORK}'/><model type='virtio'/><driver iommu='off'/></interface>
        <interface type='user'><mac address='{mac(number, 1)}'/><model type='virtio'/></interface>
        {SERIAL}<input type='mouse' bus='ps2'/>
          <graphics type='vnc' port='-1' autoport='yes' listen='127.0.0.1' keymap='en-us'/>
        <video><model type='cirrus' vram='16384' heads='1'/></video></devices>"""
    return _domain(number, name, virt, body, "pc")


def terraform(number: int, name: str, virt: str) -> str:
    body = f"""<memory unit='MiB'>256</memory><vcpu>{1 + number % 2}</vcpu><os><!os-type></os>
      <features><acpi/><apic/><pae/></features><cpu mode='maximum'/>
      <devices>
        <disk type='volume' device='disk'><driver name='qemu' type='qcow2'/>
          <source pool='vms' volume='tf-{number}.qcow2'/><target dev='vda' bus='virtio'/></disk>
        {_disk(number, "sda", "scsi", f"<wwn>05abcd{number:010x}</wwn>", "raw")}
        <controller type='scsi' model='virtio-scsi'/>
        <filesystem type='mount' accessmode='mapped'><source dir='{POOL}'/><target dir='share'/><readonly/></filesystem>
        {_nic(number)}<interface type='bridge'><mac address='{mac(number, 1)}'/><source bridge='br0'/>
          <model type='virtio'/></interface>{SERIAL}{AGENT}
        <graphics type='spice' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>{RNG}</devices>"""
    return _domain(number, name, virt, body, "pc")


def ovirt(number: int, name: str, virt: str) -> str:
    disk = identity(number + 10_000)
    spice = "<graphics type='spice' autoport='yes'/>" + SPICE_CHANNEL if number % 20 == 5 else ""
    body = f"""<metadata xmlns:ovirt-tune='http://ovirt.org/vm/tune/1.0' xmlns:ovirt-vm='http://ovirt.org/vm/1.0'>
        <ovirt-tune:qos/><ovirt-vm:vm><ovirt-vm:clusterVersion>4.7</ovirt-vm:clusterVersion>
        <ovirt-vm:custom/><ovirt-vm:device mac_address='{mac(number)}'/></ovirt-vm:vm></metadata>
      <maxMemory slots='16' unit='KiB'>4194304</maxMemory><memory unit='KiB'>1048576</memory>
      <vcpu placement='static' current='1'>16</vcpu><iothreads>1</iothreads>
      <cputune><shares>1020</shares></cputune>
      <sysinfo type='smbios'><system><entry name='manufacturer'>oVirt</entry><entry name='product'>RHEL</entry>
        <entry name='family'>oVirt</entry></system></sysinfo>
      <os><!os-type><bios useserial='yes'/><smbios mode='sysinfo'/></os>
      <features><acpi/><vmcoreinfo state='on'/></features>
      <cpu mode='custom' match='exact' check='none'><model fallback='forbid'>qemu64</model>
        <topology sockets='16' cores='1' threads='1'/>
        <numa><cell id='0' cpus='0-15' memory='1048576' unit='KiB'/></numa></cpu>
      <clock offset='variable' adjustment='0' basis='utc'><timer name='rtc' tickpolicy='catchup'/>
        <timer name='pit' tickpolicy='delay'/><timer name='hpet' present='no'/></clock>{EVENTS}{NO_SLEEP}
      <devices>
        <disk type='file' device='cdrom'><driver name='qemu' type='raw' error_policy='report'/>
          <target dev='sdc' bus='sata'/><readonly/><alias name='ua-{identity(number + 20_000)}'/></disk>
        <disk type='file' device='disk' snapshot='no'>
          <driver name='qemu' type='{("raw", "qcow2")[number % 2]}' cache='none' error_policy='stop' io='threads'
            iothread='1'/>
          <source file='/rhev/data-center/mnt/nas:_vms/{disk}/images/{disk}/{identity(number)}'/>
          <target dev='vda' bus='virtio'/><serial>{disk}</serial><boot order='1'/><alias name='ua-{disk}'/></disk>
        <controller type='scsi' index='0' model='virtio-scsi'><driver iothread='1'/><alias name='ua-scsi{number}'/>
          </controller>
        <controller type='virtio-serial' index='0' ports='16'/>
        <interface type='bridge'><mac address='{mac(number)}'/><source bridge='ovirtmgmt'/><model type='virtio'/>
          <driver name='vhost' queues='4'/><filterref filter='clean-traffic'/><mtu size='1500'/><link state='up'/>
          <alias name='ua-{identity(number + 30_000)}'/></interface>
        <channel type='unix'><target type='virtio' name='ovirt-guest-agent.0'/></channel>{AGENT}{SERIAL}
        {spice}
        <graphics type='vnc' port='-1' autoport='yes' keymap='en-us'><listen type='address' address='127.0.0.1'/>
          </graphics>
        <video><model type='vga' vram='16384' heads='1' primary='yes'/></video>
        <sound model='ich6'/><memballoon model='virtio'><stats period='5'/></memballoon>
        <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>"""
    return _domain(number, name, virt, body)


def converted(number: int, name: str, virt: str) -> str:
    """virt-v2v, from VMware or Proxmox."""
    body = f"""<!-- generated by virt-v2v 2.2.0 -->{LIBOSINFO}<memory unit='KiB'>2097152</memory>
      <currentMemory unit='KiB'>2097152</currentMemory><vcpu>2</vcpu>
      <os><!os-type><boot dev='hd'/></os><features><acpi/><apic/></features><clock offset='localtime'/>
      <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>restart</on_crash>
      <devices>{_disk(number, ("hda", "sda")[number % 2], ("ide", "sata")[number % 2])}
        <disk type='file' device='floppy'><driver name='qemu' type='raw'/><source file='{POOL}/floppy.img'/>
          <target dev='fda' bus='fdc'/></disk>
        {_nic(number, model="e1000")}{_nic(number, 1, "rtl8139", "<link state='down'/>")}
        <input type='tablet' bus='usb'/><graphics type='vnc' autoport='yes' port='-1'/>
        <video><model type='qxl' ram='65536' heads='1'/></video><sound model='ac97'/>
        <panic model='isa'><address type='isa' iobase='0x505'/></panic></devices>"""
    return _domain(number, name, virt, body, "pc")


def cockpit(number: int, name: str, virt: str) -> str:
    body = f"""<metadata><cockpit_machines:data xmlns:cockpit_machines='https://github.com/cockpit-project/cockpit'>
        <cockpit_machines:has_install_phase>false</cockpit_machines:has_install_phase></cockpit_machines:data>
          </metadata>
      <memory unit='GiB'>1</memory><vcpu>2</vcpu><os firmware='efi'><!os-type><boot dev='hd'/></os>
      <features><acpi/><apic/><smm state='on'/></features><cpu mode='maximum'/>{TIMERS}{EVENTS}
      <memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>
      <devices>{_disk(number, "vda", "virtio", "<iotune><total_iops_sec>500</total_iops_sec></iotune>")}
        <filesystem type='mount'><driver type='virtiofs'/><source dir='/srv'/><target dir='srv'/></filesystem>
        {_nic(number, 0, "virtio", "<bandwidth><inbound average='1000'/></bandwidth>")}{SERIAL}{AGENT}
        <tpm model='tpm-crb'><backend type='emulator' version='2.0'/></tpm>
        <graphics type='vnc' port='-1' autoport='yes'><listen type='address'/></graphics>{RNG}</devices>"""
    return _domain(number, name, virt, body)


def by_hand(number: int, name: str, virt: str) -> str:
    extra = _HAND[number // len(SHAPES) % len(_HAND)]
    namespaces = " xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
    tail = "<qemu:commandline><qemu:arg value='-name'/><qemu:arg value='debug-threads=on'/></qemu:commandline>"
    body = f"""<memory unit='MiB'>128</memory><vcpu>2</vcpu>{extra[0]}<os><!os-type></os>
      <devices>{_disk(number, "vda", "virtio")}{extra[1].replace("@MAC", mac(number, 7))}</devices>
      {tail if number % 4 == 0 else ""}"""
    return _domain(number, name, virt, body, ("pc", "q35")[number % 2], namespaces)


_PCI = "<source><address domain='0' bus='1' slot='0' function='0'/></source>"
_USB = "<source><vendor id='0x10c4'/><product id='0xea60'/></source>"
_RAW = "<driver name='qemu' type='raw'/>"
_HAND = (
    ("", f"<hostdev mode='subsystem' type='pci' managed='yes'>{_PCI}</hostdev>"
     f"<hostdev mode='subsystem' type='usb'>{_USB}</hostdev>"),
    ("<numatune><memory mode='strict' nodeset='0'/></numatune>", "<memballoon model='none'/>"),
    ("<cputune><vcpupin vcpu='0' cpuset='0'/><emulatorpin cpuset='0-1'/></cputune>", "<iommu model='intel'/>"),
    ("<memtune><hard_limit unit='MiB'>512</hard_limit></memtune>", "<parallel type='pty'/>"),
    ("<blkiotune><weight>500</weight></blkiotune>",
     "<interface type='direct'><mac address='@MAC'/><source dev='eth0' mode='bridge'/></interface>"),
    ("", "<interface type='bridge'><mac address='@MAC'/><source bridge='ovs0'/><virtualport type='openvswitch'/>"
     "<vlan><tag id='42'/></vlan></interface>"),
    ("", "<disk type='block' device='disk'><driver name='qemu' type='raw' cache='none' io='native'/>"
     "<source dev='/dev/vg0/lv0'/><target dev='vdb' bus='virtio'/></disk>"),
    ("", f"<disk type='network' device='disk'>{_RAW}<source protocol='rbd' name='rbd/x'>"
     "<host name='mon' port='6789'/></source><target dev='vdb' bus='virtio'/></disk>"),
    ("", f"<disk type='file' device='disk'>{_RAW}<source file='{ELSEWHERE}/x.img'/>"
     "<target dev='vdc' bus='virtio'/><shareable/></disk>"),
    ("", "<vsock model='virtio'><cid auto='yes'/></vsock><shmem name='shm0'><model type='ivshmem-plain'/>"
     "<size unit='M'>4</size></shmem>"),
    ("", "<smartcard mode='passthrough' type='spicevmc'/><graphics type='spice' autoport='yes'/>"),
    ("", "<serial type='file'><source path='/var/log/one.log'/></serial><serial type='tcp'>"
     "<source mode='bind' host='127.0.0.1' service='4555'/><protocol type='raw'/></serial>"),
    ("", "<input type='keyboard' bus='virtio'/><input type='passthrough' bus='virtio'>"
     "<source evdev='/dev/input/event1'/></input>"),
    ("", "<disk type='dir' device='floppy'><driver name='qemu' type='fat'/><source dir='/srv'/>"
     "<target dev='fda' bus='fdc'/><readonly/></disk>"),
    ("", "<rng model='virtio'><backend model='egd' type='udp'>"
     "<source mode='connect' host='1.2.3.4' service='1234'/></backend></rng>"),
    ("", "<watchdog model='i6300esb' action='poweroff'/><panic model='isa'/>"),
)  # fmt: skip
"""What people put in by hand: beside the devices, among them."""

SHAPES: tuple[Callable[[int, str, str], str], ...] = (
    virt_install, virt_manager, kcli, vagrant_libvirt, terraform, ovirt, converted, cockpit, by_hand, by_hand,
)  # fmt: skip
