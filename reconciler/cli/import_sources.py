"""What an import reads: hosts through their drivers, exported XML from files. Called by import_.py."""

from __future__ import annotations

import os
from collections.abc import Container, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from reconciler.errors import UsageError
from reconciler.importing.document import Source, name_for
from reconciler.importing.known import Known

if TYPE_CHECKING:
    from drivers.base import Host
    from drivers.seen import Rest, SeenHost

_LARGEST = 8 << 20  # bytes; the largest domain seen so far has 200 KiB
_MOST = 20_000  # files


def from_host(uri: str, place: Path, known: Known, taken: Container[str]) -> Source:
    """Everything that a libvirt host has. Raises DriverError, BadValue for a URI that a repository may not name."""
    from drivers.git import open_repository
    from reconciler.app import App
    from reconciler.desired.wanted import WantedHost
    from specs.kinds.host import check_uri
    from specs.resource import Location, Ref

    check_uri(uri)
    declared = known.host_at(uri)
    wish = declared or _first_label(urlsplit(uri).hostname or "")
    existing = next(each for each in (place.resolve(), *place.resolve().parents) if each.is_dir())
    app = App(open_repository(existing))
    try:
        host = app.connect(
            WantedHost(
                ref=Ref("Host", wish or "host"), name=wish or uri, uri=uri, cluster="", maintenance=False, labels={},
                location=Location(""),
            )
        )  # fmt: skip
        seen = host.reader.read()
        name = declared or name_for(wish or seen.hostname.partition(".")[0], taken, "host")
        return Source(name=name, uri=uri, seen=seen, rests=rests(host, seen), declared=declared is not None)
    finally:
        app.close()


def _first_label(server: str) -> str:
    """`kvm1` of `kvm1.example.org`; nothing of an address, which is no name."""
    return "" if ":" in server or server.replace(".", "").isdigit() else server.partition(".")[0]


def rests(host: Host, seen: SeenHost) -> dict[str, Rest]:
    """What no field tells, of each VM that could be taken over; one that is gone meanwhile has none."""
    from drivers.errors import Missing

    found = {}
    for vm in seen.vms:
        if vm.mark is not None or not vm.persistent:
            continue
        try:
            found[vm.uuid] = host.reader.rest(vm.uuid)
        except Missing:
            continue
    return found


def from_files(path: str, name: str) -> Source:
    """What exported files describe: one file, or every `.xml` below a folder. Raises UsageError if there is none."""
    from drivers.libvirt.files import read_files

    start = Path(unquote(path.removeprefix("//")) or ".")
    if not start.exists():
        raise UsageError(f"{start} is not there; name a file or a folder with exported XML")
    files = [start] if not start.is_dir() else list(_below(start))
    if not files:
        raise UsageError(f"{start} has no .xml file; export with `virsh dumpxml --inactive NAME > NAME.xml`")
    found = read_files((str(each), text) for each in files if (text := _text(each)) is not None)
    for label, why in found.passed.items():
        _warn(f"{label}: {why}")
    return Source(name=name, uri="", seen=found.host(name), rests=found.rests, running=frozenset(found.running))


def _below(folder: Path) -> Iterator[Path]:
    """Regular `.xml` files, in order; links (libvirt's autostart folder) lead to what is there already."""
    count = 0
    for root, folders, files in os.walk(folder):
        folders.sort()
        for each in sorted(files):
            file = Path(root, each)
            if each.endswith(".xml") and not file.is_symlink() and file.is_file():
                count += 1
                if count > _MOST:
                    raise UsageError(f"{folder} has more than {_MOST} files; name a folder below it")
                yield file


def _text(file: Path) -> str | None:
    """The content; None, and a word about it, for what is too large or cannot be read as text."""
    try:
        if file.stat().st_size > _LARGEST:
            _warn(f"{file}: larger than {_LARGEST >> 20} MiB")
            return None
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        _warn(f"{file}: {error}")
        return None


def _warn(text: str) -> None:
    import sys

    from reconciler.importing.text import printable

    print(f"  passed over  {printable(text)}", file=sys.stderr)
