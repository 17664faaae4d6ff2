"""Another release of Debian as the system of a lab host: another libvirt and another QEMU beside the machine's own.

Comes in: the name of a release. Goes out: a folder with its /usr and /etc, made by mmdebstrap from Debian's archive,
once for each cache (minutes, 400 MB). Nothing of the machine changes. Called by lab.py.
"""

from __future__ import annotations

import re
import shutil

from drivers.lab.command import run
from drivers.lab.errors import CommandFailed, LabError, MachineUnfit, PackagesNotHad
from drivers.lab.paths import LabPaths

ARCHIVE = "http://deb.debian.org/debian"
PACKAGES = (
    *("libvirt-daemon", "libvirt-daemon-driver-qemu", "libvirt-daemon-driver-network", "libvirt-daemon-driver-storage"),
    *("libvirt-daemon-driver-nwfilter", "libvirt-daemon-driver-nodedev", "libvirt-daemon-driver-secret"),
    *("libvirt-daemon-driver-interface", "libvirt-daemon-lock", "libvirt-daemon-plugin-lockd", "libvirt-clients"),
    *("qemu-system-x86", "qemu-utils", "ovmf", "swtpm-tools", "bindfs", "dnsmasq-base", "iptables", "iproute2"),
    *("openssh-server", "util-linux", "procps", "strace"),
)
"""As Debian cuts them from version 13 on."""
_NAME = re.compile(r"^[a-z]{3,20}$")
_PATIENCE = 1200.0


def ensure(lab: LabPaths, release: str) -> None:
    """Have that release in the cache. Raises MachineUnfit, PackagesNotHad."""
    if not _NAME.match(release):
        raise LabError(f"{release!r} is no name of a Debian release. Write one like trixie.")
    target = lab.system(release)
    if target.is_dir():
        return
    if shutil.which("mmdebstrap") is None:
        raise MachineUnfit("Another Debian release needs mmdebstrap. Install it: apt-get install -y mmdebstrap")
    draft = target.with_name(f".{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    lab.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    words = ["--quiet", "--variant=minbase", "--mode=root", "--format=directory", f"--include={','.join(PACKAGES)}"]
    try:
        run(["mmdebstrap", *words, release, draft, ARCHIVE], timeout=_PATIENCE)
    except CommandFailed as error:
        raise PackagesNotHad(f"Debian {release} could not be had. Check the name, and the network. {error}") from error
    draft.chmod(0o755)
    draft.rename(target)
