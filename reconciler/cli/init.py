"""`gitvirt init`: makes a folder a gitvirt repository, or gives a copied one an identity of its own."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.context import ROOT_FILE, RepoOption
from reconciler.errors import UsageError

_NAME = re.compile(r"[^A-Za-z0-9._-]+")


def init(
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Made if it is not there; here by default.")
    ] = None,
    repo_option: RepoOption = None,
    name: Annotated[str, typer.Option("--name", help="Name of the repository; the folder's by default.")] = "",
    host: Annotated[str, typer.Option("--host", metavar="NAME", help="Name of the first host.")] = "localhost",
    uri: Annotated[str, typer.Option("--uri", metavar="URI", help="Its libvirt.")] = "qemu:///system",
    fork: Annotated[bool, typer.Option("--fork", help="Give an existing gitvirt.yaml a new random id.")] = False,
) -> None:
    """Make a folder a gitvirt repository: write gitvirt.yaml with a new random id.

    Clones and branches share the id on purpose. Use --fork on a copy that shall run VMs of its own.
    """
    target = folder or repo_option or Path(".")
    if folder is not None and repo_option is not None and folder.resolve() != repo_option.resolve():
        raise UsageError(f"FOLDER is {folder} and --repo is {repo_option}; give one of them")
    file = target / ROOT_FILE
    if fork:
        _fork(file)
        return
    from specs.scaffold import repository_yaml

    text = repository_yaml(_name(name or target.resolve().name), _new_id(), host, uri)
    _check(text, file)
    target.mkdir(parents=True, exist_ok=True)
    try:
        with open(file, "x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError:
        raise UsageError(f"{file} is there already; nothing was written (--fork gives it a new id)") from None
    print(f"Wrote {file}.")
    named = shlex.quote(str(target))
    print(f"Next: edit it, `gitvirt validate {named}`, `gitvirt plan {named}`.")


def _fork(file: Path) -> None:
    """Replaces the id and nothing else."""
    from reconciler.edit import change_one
    from reconciler.edit.path import assignment

    if not file.is_file():
        raise UsageError(f"there is no {file} to fork; without --fork it is made")
    identity = _new_id()
    change_one(file, "Repository", None, assignment(f"id={identity}"))
    print(f"{file}: new id {identity}. VMs of the old id are foreign to this repository from now on.")


def _check(text: str, file: Path) -> None:
    """Refuses a name or URI that would make a repository that does not load."""
    from specs.load import load
    from specs.tree import TreeFile

    class OneFile:
        label = str(file)

        def files(self) -> list[TreeFile]:
            return [TreeFile(path=ROOT_FILE, size=len(text))]

        def read(self, path: str) -> bytes:
            del path
            return text.encode()

    load(OneFile())


def _name(text: str) -> str:
    return _NAME.sub("-", text).strip("-._")[:64] or "datacenter"


def _new_id() -> str:
    import uuid

    return str(uuid.UUID(bytes=os.urandom(16), version=4))
