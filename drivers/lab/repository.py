"""A Git repository that declares the lab, so that its user only adds VMs. `gitvirt lab up --repo DIR`.

Comes in: a running lab and a folder. Goes out: files and one commit. What is there already is never rewritten: a
second run adds what is missing (more hosts) and leaves the user's edits alone. Called by reconciler/cli/lab.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from drivers.lab.command import run
from drivers.lab.credentials.settings_entry import Transport
from drivers.lab.errors import CommandFailed, RepositoryRefused
from drivers.lab.guest import image
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST

ROOT_FILE = "gitvirt.yaml"
IMAGE_FILE = "images/guest.qcow2"
IMAGE_DECLARATION = "images/guest.yaml"
SUBNET = "192.168.150"
"""Of the network `lan`: the same behind each host, since it is NAT-ed there."""

_ROOT = """\
apiVersion: gitvirt/v1
kind: Repository
metadata: {{name: lab}}
spec:
  # Random, made for this repository: everything that gitvirt makes from here on is marked with it.
  id: {id}
"""

_INFRASTRUCTURE = f"""\
# The lab of `gitvirt lab up`: hosts are in hosts/, the guest image in images/. Add VMs in any file beside this one.
apiVersion: gitvirt/v1
kind: DataCenter
metadata: {{name: lab}}
---
apiVersion: gitvirt/v1
kind: Cluster
metadata: {{name: lab}}
spec:
  dataCenter: lab
  emulation: tcg # software emulation: the lab needs no KVM
---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {{name: shared}}
spec:
  dataCenter: lab
  type: posix
  path: {SHARED_IN_HOST}
---
apiVersion: gitvirt/v1
kind: Network
metadata: {{name: lan}}
spec:
  dataCenter: lab
  type: nat
  subnet: {SUBNET}.0/24
  dhcp: {{start: {SUBNET}.10, end: {SUBNET}.199}}
"""

_HOST = """\
apiVersion: gitvirt/v1
kind: Host
metadata: {{name: {name}}}
spec:
  uri: {uri}
  cluster: lab
"""

_IMAGE = """\
# The tiny guest: needs 96MiB of memory, has a guest agent, reads NoCloud, writes each boot to /data/boots.
apiVersion: gitvirt/v1
kind: Image
metadata: {{name: guest}}
spec:
  file: {file}
  checksum: "{checksum}"
  storageDomain: shared
"""


def write_repository(lab: Lab, folder: Path, transport: Transport = "tls") -> Iterator[str]:
    """Write what is missing in `folder` and commit it; says what it did. Raises RepositoryRefused."""
    folder = folder.absolute()
    require_usable(folder)
    texts = _texts(lab, transport)
    for name, text in texts.items():
        _write_once(folder / name, text)
    _write_image(lab, folder)
    if _commit_new(folder, [*texts, IMAGE_FILE, IMAGE_DECLARATION]):
        yield f"{folder} declares the lab. Add a VM, and see: gitvirt plan {folder}"
    else:
        yield f"{folder} declares all of the lab already."


def require_usable(folder: Path) -> None:
    """Raises RepositoryRefused for a folder that holds something else."""
    if folder.is_dir() and any(folder.iterdir()) and not (folder / ROOT_FILE).is_file():
        raise RepositoryRefused(
            f"{folder} holds other things than a gitvirt repository (there is no {ROOT_FILE}). "
            "Give a new or an empty folder."
        )
    if folder.exists() and not folder.is_dir():
        raise RepositoryRefused(f"{folder} is not a folder. Give a new or an empty one.")


def _texts(lab: Lab, transport: Transport) -> dict[str, str]:
    hosts = {
        f"hosts/{host.name}.yaml": _HOST.format(name=host.name, uri=lab.uri(host.name, transport=transport))
        for host in lab.hosts()
    }
    return {ROOT_FILE: _ROOT.format(id=uuid4()), "infrastructure.yaml": _INFRASTRUCTURE, **hosts}


def _write_once(file: Path, text: str) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _write_image(lab: Lab, folder: Path) -> None:
    """The image is committed: a clone of the repository has all that its plan needs."""
    file, declaration = folder / IMAGE_FILE, folder / IMAGE_DECLARATION
    if not declaration.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        lab.guest_image(file)
        _write_once(declaration, _IMAGE.format(file=file.name, checksum=image.checksum(file)))


def _commit_new(folder: Path, names: list[str]) -> bool:
    """Commit those of our files that Git does not know, never what the user has edited; False if there is none."""
    if not (folder / ".git").exists():
        run(["git", "init", "--quiet", "--initial-branch=main", folder])
    new = run(["git", "ls-files", "-z", "--others", "--", *names], cwd=folder).split("\0")[:-1]
    if new:
        _commit(folder, new)
    return bool(new)


def _commit(folder: Path, names: list[str]) -> None:
    try:
        run(["git", "config", "user.email"], cwd=folder)
    except CommandFailed:
        # A fresh machine: without a name nobody could commit here, neither we nor the user after us.
        run(["git", "config", "user.name", "gitvirt lab"], cwd=folder)
        run(["git", "config", "user.email", "lab@gitvirt.invalid"], cwd=folder)
    run(["git", "add", "--", *names], cwd=folder)
    run(["git", "commit", "--quiet", "--message", "Declare the lab", "--", *names], cwd=folder)
