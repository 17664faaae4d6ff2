"""The file system of the tiny guest, packed as an initramfs. Comes in: the parts. Goes out: gzip-ed cpio bytes.

Called by image.py.
"""

from __future__ import annotations

import gzip
import re
import stat
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path, PurePosixPath

from drivers.lab.command import run
from drivers.lab.errors import GuestBuildFailed
from drivers.lab.guest.parts import Parts

FOLDERS = (
    *("bin", "sbin", "dev", "proc", "sys", "run", "tmp", "mnt", "data", "root", "www"),
    *("etc/acpi/PWRF", "usr/bin", "usr/sbin", "var/run"),
)

PROGRAMS = {"init": "init", "nic-up": "sbin/nic-up", "hotplug": "sbin/hotplug", "shutdown": "sbin/shutdown"}
"""Files of ours, and where they go; the rest of files/ goes to /etc."""

MODULES = (
    *("virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_scsi"),
    *("virtio_balloon", "virtio_mem", "virtio_rng", "sr_mod", "sd_mod", "isofs"),
    *("vfat", "nls_ascii", "nls_cp437", "nls_utf8", "button", "evdev", "8021q"),
)
OPTIONS = {"scsi_mod.ko": "scan=sync"}
"""So that a seed on a CD-ROM is there when init looks for it."""

TEXTS = {
    "etc/passwd": "root::0:0:root:/root:/bin/sh\n",
    "etc/shadow": "root::19000:0:99999:7:::\n",
    "etc/group": "root:x:0:\n",
    "etc/os-release": 'NAME="Lab Guest"\nID=labguest\nVERSION_ID="1"\nPRETTY_NAME="Lab Guest 1"\n',
    "etc/acpi/PWRF/00000080": "#!/bin/sh\nexec /sbin/shutdown -P\n",
    "sbin/reboot": "#!/bin/sh\nexec /sbin/shutdown -r\n",
    "sbin/poweroff": "#!/bin/sh\nexec /sbin/shutdown -P\n",
    "sbin/halt": "#!/bin/sh\nexec /sbin/shutdown -H\n",
}
OWN_PROGRAMS = {"busybox", "init", "reboot", "poweroff", "halt", "shutdown"}


def build(parts: Parts) -> bytes:
    """The same parts give the same bytes."""
    archive = _Archive()
    for folder in FOLDERS:
        archive.folder(folder)
    for name, text in TEXTS.items():
        archive.file(name, text.encode(), 0o755 if text.startswith("#!") else 0o644)
    for own, content in files().items():
        archive.file(PROGRAMS.get(own, f"etc/{own}"), content, 0o755 if content.startswith(b"#!") else 0o644)
    archive.file("bin/busybox", parts.busybox.read_bytes(), 0o755)
    for applet in run([parts.busybox, "--list"]).split():
        if applet not in OWN_PROGRAMS:
            archive.link(f"bin/{applet}", "busybox")
    archive.file("usr/sbin/qemu-ga", parts.agent.read_bytes(), 0o755)
    for library in _libraries(parts.agent):
        archive.file(library.lstrip("/"), Path(library).read_bytes(), 0o755)
    _add_modules(archive, parts)
    return gzip.compress(archive.packed(), compresslevel=6, mtime=0)


def files() -> dict[str, bytes]:
    """The guest's own files by name, without the boot loader's."""
    folder = resources.files("drivers.lab.guest").joinpath("files")
    return {
        entry.name: entry.read_bytes()
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name)
        if entry.name != "syslinux.cfg"
    }


def _libraries(program: Path) -> list[str]:
    """What the dynamic linker would load, the linker included."""
    said = run(["ldd", program])
    missing = re.findall(r"(\S+) => not found", said)
    if missing:
        raise GuestBuildFailed(
            f"The guest agent needs {', '.join(missing)}, which this machine has not. They come with QEMU: "
            "apt-get install -y --no-install-recommends qemu-system-x86"
        )
    return re.findall(r"(/\S+) \(0x", said)


def _add_modules(archive: _Archive, parts: Parts) -> None:
    load = []
    for file in _in_load_order(parts.modules, MODULES):
        target = f"lib/modules/{file.name}"
        archive.file(target, file.read_bytes(), 0o644)
        load.append(f"insmod /{target} {OPTIONS.get(file.name, '')}".rstrip() + "\n")
    archive.file("etc/modules-to-load", "".join(load).encode(), 0o644)


def _in_load_order(folder: Path, names: Iterable[str]) -> Iterator[Path]:
    """Files of the modules and of what they depend on, each once, dependencies first. Built-in ones have no file."""
    lines = [line.partition(":") for line in (folder / "modules.dep").read_text(encoding="utf-8").splitlines()]
    needs = {file: depends.split() for file, _, depends in lines}
    by_name = {PurePosixPath(file).name.partition(".")[0].replace("-", "_"): file for file in needs}
    given: set[str] = set()
    for name in names:
        file = by_name.get(name)
        # modules.dep names the farthest dependency last.
        for each in [*reversed(needs[file]), file] if file else []:
            if each not in given:
                given.add(each)
                yield folder / each


class _Archive:
    """A cpio archive in the "newc" format of the kernel's initramfs."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes]] = {}

    def folder(self, name: str) -> None:
        self._parents(f"{name}/entry")

    def file(self, name: str, content: bytes, mode: int) -> None:
        self._add(name, stat.S_IFREG | mode, content)

    def link(self, name: str, target: str) -> None:
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def _add(self, name: str, mode: int, content: bytes) -> None:
        self._parents(name)
        self._entries[name] = (mode, content)

    def _parents(self, name: str) -> None:
        for parent in reversed(PurePosixPath(name).parents):
            if str(parent) != ".":
                self._entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b""))

    def packed(self) -> bytes:
        parts = [self._entry(i, name, *entry) for i, (name, entry) in enumerate(self._entries.items(), start=1)]
        return b"".join([*parts, self._entry(0, "TRAILER!!!", 0, b"")])

    @staticmethod
    def _entry(inode: int, name: str, mode: int, content: bytes) -> bytes:
        encoded = name.encode() + b"\0"
        fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(encoded), 0)
        head = b"070701" + b"".join(b"%08x" % field for field in fields) + encoded
        return head + bytes(-len(head) % 4) + content + bytes(-len(content) % 4)
