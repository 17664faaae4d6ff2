"""What this machine is: may it carry a lab at all, and what of its surroundings is worth telling.

Goes out: MachineUnfit with the apt line, or Facts. Called by lab.py before anything is changed, and for `lab status`.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import resources
from pathlib import Path

from drivers.lab.command import run
from drivers.lab.errors import LabError, MachineUnfit
from specs.structs import Struct

APT = "apt-get install -y --no-install-recommends"


class Facts(Struct, frozen=True):
    """What is there. Nothing of this stops a lab; the host configuration is the same everywhere."""

    cgroup: str
    systemd: bool
    apparmor: bool
    kvm: bool
    bridge_filter: bool
    """Bridged frames pass iptables and are dropped there (Docker's FORWARD policy): hosts cannot reach each other."""


def require_fit() -> None:
    """Raise MachineUnfit unless this is Linux, we are root, and every program is there."""
    require_root()
    missing = [package for package, proof in required_packages() if not _is_there(proof)]
    if missing:
        raise MachineUnfit(
            f"Programs of {len(missing)} Debian packages are missing. Install them: {APT} {' '.join(missing)}"
        )


def require_root() -> None:
    """Raise MachineUnfit unless this is Linux and we are root."""
    if sys.platform != "linux":
        raise MachineUnfit(f"The lab needs Linux namespaces; this is {sys.platform}. Run it on a Linux machine.")
    if os.geteuid() != 0:
        raise MachineUnfit(
            "The lab makes namespaces and network links, which only root may do. Run the command again with sudo."
        )


def required_packages() -> list[tuple[str, str]]:
    """(Debian package, program or file pattern that proves it) of what runs; without what is only needed to build."""
    text = resources.files("drivers.lab").joinpath("packages.txt").read_text(encoding="utf-8")
    rows = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(package, proof) for package, proof in rows if proof != "-"]


def _is_there(proof: str) -> bool:
    if proof.startswith("/"):
        return any(Path("/").glob(proof.lstrip("/")))
    return shutil.which(proof) is not None or Path("/usr/sbin", proof).exists()


def facts() -> Facts:
    mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    types = {fields[2] for fields in (line.split() for line in mounts) if fields[1].startswith("/sys/fs/cgroup")}
    kind = "v1" if "cgroup" in types else "v2" if "cgroup2" in types else "none"
    return Facts(
        cgroup="v1 and v2 (hybrid)" if {"cgroup", "cgroup2"} <= types else kind,
        systemd=Path("/run/systemd/system").is_dir(),
        apparmor=_says(Path("/sys/module/apparmor/parameters/enabled"), "Y"),
        kvm=os.access("/dev/kvm", os.R_OK | os.W_OK),
        bridge_filter=_says(Path("/proc/sys/net/bridge/bridge-nf-call-iptables"), "1") and _drops_forwarded(),
    )


def _drops_forwarded() -> bool:
    try:
        return "-P FORWARD DROP" in run(["iptables", "-S", "FORWARD"])
    except LabError:
        return False  # not root, or no iptables: `status` is not the place to fail for that


def _says(path: Path, word: str) -> bool:
    try:
        return path.read_text(encoding="utf-8").strip() == word
    except OSError:
        return False
