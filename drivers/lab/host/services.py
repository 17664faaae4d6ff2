"""What runs on a lab host. To give the hosts one more service, write its function and add it to SERVICES.

Comes in: the lab and the host's address. Goes out: program lines for host/init.py, in the order of their start.
Called by host/boot.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from drivers.lab.credentials import ssh
from drivers.lab.paths import SHARED_IN_HOST, SHARED_SOURCE_IN_HOST, SWITCH_IN_HOST, LabPaths
from specs.structs import Struct


class Service(Struct, frozen=True):
    """A program that stays in the foreground; without `argv` the host does without it.

    The next one starts once `mountpoint` is mounted and `socket` is there, if given.
    """

    name: str
    argv: tuple[str, ...]
    mountpoint: str | None = None
    socket: str | None = None


def shared_storage(lab: LabPaths) -> Service:
    """The lab's shared folder. libvirt goes by the file system's type: FUSE's glusterfs counts as shared."""
    options = f"fsname={lab.shared},subtype=glusterfs"
    argv = ("/usr/bin/bindfs", "-f", "-o", options, str(SHARED_SOURCE_IN_HOST), str(SHARED_IN_HOST))
    return Service("shared-storage", argv, str(SHARED_IN_HOST))


def virtlockd(lab: LabPaths) -> Service:
    """Disk leases. libvirtd's QEMU driver does not come up without it."""
    return Service("virtlockd", ("/usr/sbin/virtlockd",), socket="/run/libvirt/virtlockd-sock")


def sshd(lab: LabPaths) -> Service:
    program = ssh.server(lab)
    return Service("sshd", (*program, "-D", "-e", "-f", "/etc/ssh/sshd_config") if program else ())


def libvirtd(lab: LabPaths) -> Service:
    return Service("libvirtd", ("/usr/sbin/libvirtd", "--listen"))


def switch_database(lab: LabPaths) -> Service:
    """What Open vSwitch knows, kept over power cuts. A host of another Debian has no Open vSwitch: nothing runs."""
    return Service("ovsdb-server", ("/bin/sh", "-c", _DATABASE) if _SWITCH.exists() else ())


def switch(lab: LabPaths) -> Service:
    """Open vSwitch; its bridges are of the userspace datapath (`datapath_type=netdev`), without the kernel's module."""
    return Service("ovs-vswitchd", ("/bin/sh", "-c", _DAEMON) if _SWITCH.exists() else ())


_SWITCH = Path("/usr/sbin/ovs-vswitchd")
_ABSENT = f"[ -x {_SWITCH} ] || exec sleep infinity"
_DATABASE = f"""{_ABSENT}
mkdir -p /run/openvswitch /var/log/openvswitch
[ -s {SWITCH_IN_HOST}/conf.db ] ||
    ovsdb-tool create {SWITCH_IN_HOST}/conf.db /usr/share/openvswitch/vswitch.ovsschema || exit 1
exec ovsdb-server {SWITCH_IN_HOST}/conf.db --remote=punix:/run/openvswitch/db.sock --no-chdir"""
_DAEMON = f"""{_ABSENT}
until ovs-vsctl --no-wait init 2>/dev/null; do sleep 0.1; done
exec ovs-vswitchd unix:/run/openvswitch/db.sock --no-chdir"""

SERVICES: tuple[Callable[[LabPaths], Service], ...] = (
    shared_storage,
    virtlockd,
    sshd,
    libvirtd,
    switch_database,
    switch,
)
