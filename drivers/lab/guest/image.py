"""The tiny guest as a file. Comes in: the lab's cache folder. Goes out: a bootable qcow2, built when not cached.

Called by lab.py.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from importlib import resources
from pathlib import Path

from drivers.lab.guest import disk, initramfs, parts

MINIMUM_MEMORY_MIB = 96


def ensure(cache: Path) -> Path:
    """The built image in `cache`; its name carries a hash of everything that it was made of."""
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = parts.obtain(cache)
    target = cache / f"guest-{_fingerprint(found)}.qcow2"
    if not target.exists():
        with tempfile.TemporaryDirectory(dir=cache, prefix=".build-") as folder:
            work = Path(folder)
            disk.write(work / "guest.qcow2", found.kernel, initramfs.build(found), work)
            (work / "guest.qcow2").replace(target)
    return target


def checksum(image: Path) -> str:
    """As an Image declares it: `sha256:` and the hexadecimal digest of the file."""
    with image.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def copy(image: Path, target: Path) -> None:
    """Put a copy at `target`, whole or not at all."""
    draft = target.with_name(f".{target.name}.new")
    shutil.copyfile(image, draft)
    draft.replace(target)


def _fingerprint(found: parts.Parts) -> str:
    """Of our files, of the modules that pack them, and of the parts (by what tells their versions apart)."""
    digest = hashlib.sha256()
    package = resources.files("drivers.lab.guest")
    own = [package.joinpath("files", name) for name in [*initramfs.files(), "syslinux.cfg"]]
    own += [package.joinpath(module) for module in ("initramfs.py", "disk.py")]
    for file in own:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    digest.update(found.kernel_version.encode())
    for part in (found.kernel, found.busybox, found.agent):
        digest.update(part.read_bytes())
    return digest.hexdigest()[:16]
