"""`gitvirt import`: writes YAML that adopts what hosts have. It reads hosts and writes files, never the other way.

In: URIs, or `file:PATH` for exported XML. Out: new files below the repository's folder; nothing is overwritten.
What is read and how is in import_sources.py; what becomes of it in reconciler/importing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.context import ROOT_FILE, RepoOption, folder_of
from reconciler.cli.exits import Exit
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.importing.document import Document, Source
    from reconciler.importing.documents import Drawn
    from reconciler.importing.known import Known
    from reconciler.importing.proof import Ground
    from specs.tree import TreeFile


def import_(
    uris: Annotated[
        list[str],
        typer.Argument(
            metavar="URI...", help="qemu+tls://HOST/system …, or file:PATH for exported XML (file, folder)."
        ),
    ],
    repo: RepoOption = None,
    folder: Annotated[
        Path, typer.Option("-o", "--folder", metavar="FOLDER", help="Where in the repository the files go.")
    ] = Path("."),
    cluster: Annotated[str, typer.Option("--cluster", metavar="NAME", help="Cluster of the hosts and VMs.")] = "",
    name: Annotated[
        list[str] | None, typer.Option("--name", metavar="PATTERN", help="Only VMs with such a name: `web-*`.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the YAML, write nothing.")] = False,
) -> Exit:
    """Write YAML for the VMs, networks, pools and media that hosts have, however they were made.

    Only files are written, and none is overwritten. The plan then adopts: it marks the VMs and changes nothing of them.
    What is declared already is passed over, so the command can be repeated.
    """
    from reconciler.importing.documents import Options, draw_up
    from reconciler.importing.proof import prove

    place = folder_of(None, repo)
    ground, known, names = _ground(place, folder)
    sources = _sources(uris, place, known)
    drawn = draw_up(sources, known, Options(names=tuple(name or ()), cluster=cluster))
    prove(drawn, sources, ground)
    files = {**ground.own, **_texts(drawn, ground)} if drawn.documents else {}
    if dry_run:
        print("---\n".join(files.values()), end="")
    else:
        _write(place, {path.removeprefix(names): text for path, text in files.items()})
    _report(drawn, sources, place, None if dry_run else len(files))
    return Exit.OK


def _ground(place: Path, folder: Path) -> tuple[Ground, Known, str]:
    """Where the files go, what is declared there, and what tree paths begin with above the repository's folder."""
    from drivers.git import open_repository
    from reconciler.importing.known import Known, known
    from reconciler.importing.proof import Ground
    from specs.load import load

    inner = (place / folder).resolve()
    if not inner.is_relative_to(place.resolve()):
        raise UsageError(f"--folder {folder} is outside of {place}; name a folder below it")
    below = inner.relative_to(place.resolve()).as_posix()
    existing = next(each for each in (place.resolve(), *place.resolve().parents) if each.is_dir())
    repository = open_repository(existing)
    if (place / ROOT_FILE).is_file():
        root = repository.prefix or "."
        catalog = load(repository.tree(), root)
        inside = below if root == "." else f"{root}/{below}" if below != "." else root
        ground = Ground(tree=repository.tree(), root=root, folder=inside, own={})
        return ground, known(catalog), "" if root == "." else f"{root}/"
    text, identity = _new_root(place)
    ground = Ground(tree=_Empty(), root=".", folder=below, own={ROOT_FILE: text})
    return ground, Known(repository=identity), ""


class _Empty:
    """The tree of a repository that is not there yet."""

    label = "the new repository"

    def files(self) -> Iterable[TreeFile]:
        return ()

    def read(self, path: str) -> bytes:
        raise FileNotFoundError(path)


def _new_root(place: Path) -> tuple[str, str]:
    import os
    import uuid

    from reconciler.importing.document import name_for
    from reconciler.importing.text import root

    identity = str(uuid.UUID(bytes=os.urandom(16), version=4))
    return root(name_for(place.resolve().name, (), "datacenter"), identity), identity


def _sources(uris: list[str], place: Path, known: Known) -> list[Source]:
    from reconciler.cli.import_sources import from_files, from_host
    from reconciler.importing.document import name_for
    from reconciler.importing.hearsay import completed

    taken = set(known.hosts.values())
    found: list[Source] = []
    for number, uri in enumerate(dict.fromkeys(uris), 1):
        print(f"Reading {uri} …", file=sys.stderr)
        if uri.startswith("file:"):
            source = completed(from_files(uri.removeprefix("file:"), name_for(f"files-{number}", taken)))
        else:
            source = from_host(uri, place, known, taken)
        if any(source.seen.uuid and source.seen.uuid == each.seen.uuid for each in found):
            raise UsageError(f"{uri} is the same libvirt as another of these URIs; name it once")
        taken.add(source.name)
        found.append(source)
    return found


def _texts(drawn: Drawn, ground: Ground) -> dict[str, str]:
    from reconciler.importing.text import text

    return {ground.path(each): text(each) for each in drawn.documents}


def _write(place: Path, files: dict[str, str]) -> None:
    """Writes all files or none."""
    there = [path for path in files if (place / path).exists() or (place / path).is_symlink()]
    if there:
        more = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise UsageError(f"{place / there[0]}{more} is there already; nothing was written (use another --folder)")
    written: list[Path] = []
    try:
        for path, text in files.items():
            file = place / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with open(file, "x", encoding="utf-8") as new:
                written.append(file)
                new.write(text)
    except OSError as error:
        for file in written:
            file.unlink(missing_ok=True)
        raise UsageError(f"{error.filename}: {error.strerror}; nothing was written") from error


def _report(drawn: Drawn, sources: list[Source], place: Path, written: int | None) -> None:
    """What was read and written, what was passed over and why, and what comes next."""
    out = sys.stderr if written is None else sys.stdout

    def say(text: str) -> None:
        print(_shown(text), file=out)

    vms = sum(len(each.seen.vms) for each in sources)
    say(f"Read {len(sources)} {_plural('source', len(sources))}: {vms} {_plural('VM', vms)}.")
    for each in drawn.passed:
        say(f"  passed over  {each}")
    for document in drawn.documents:
        _tell(document, say)
    if written is None:
        say(f"{len(drawn.documents)} documents; nothing was written.")
        return
    say(f"Wrote {written} {_plural('file', written)} under {place}. Nothing on the hosts was touched.")
    secrets = [secret for each in drawn.documents for secret in each.secrets]
    if secrets:
        say("These secrets are on the hosts and not in the YAML; set them before you plan:")
        for secret in secrets:
            say(f"  export {secret.variable}=…   # {secret.path} of {secret.ref}")
        say("  (`virsh dumpxml --security-info NAME` on the host shows them; or use `{file: …}` instead)")
    if written:
        say(f"Next: look at the files, `git add` and commit them, `gitvirt plan {place}`.")


def _tell(document: Document, say: object) -> None:
    assert callable(say)
    patches = len(document.spec.get("xml", ()))
    if patches:
        say(f"  as XML       {document.ref}: {patches} {_plural('patch', patches)}, see `xml:`")
    if document.comments:
        say(f"  remarks      {document.ref}: {len(document.comments)}, at the top of {document.file}")


def _plural(word: str, count: int) -> str:
    return word if count == 1 else f"{word}es" if word.endswith("ch") else f"{word}s"


def _shown(text: str) -> str:
    from reconciler.importing.text import printable

    return printable(text)
