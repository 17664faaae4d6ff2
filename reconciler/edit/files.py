"""The file of an object, edited, checked with the whole repository, and only then written.

In: a tree and its catalog, refs, assignments. Out: the changes made. Refuses, with nothing written, what does not load,
and an edit that would change anything but what was asked for (an anchor that several objects share).
"""

from __future__ import annotations

import codecs
import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from reconciler.edit.meaning import meaning
from reconciler.edit.path import Assignment
from reconciler.edit.text import assigned
from reconciler.errors import UsageError
from specs.catalog import Catalog
from specs.kinds import KINDS
from specs.load import load
from specs.reading.documents import Reader
from specs.resource import Ref, Resource
from specs.structs import Struct
from specs.tree import Tree, TreeFile
from specs.yaml import parse


class Change(Struct, frozen=True, kw_only=True):
    """One value in one file; `before` and `after` as plain data, None if it was not written there.

    Shorthands are written out; a list of named entries is a list of mappings. Clear texts of secrets are `Secret`s.
    """

    file: str
    path: str
    before: Any
    after: Any


def change_values(
    tree: Tree, root: Path, folder: str, catalog: Catalog, wanted: Mapping[Ref, Sequence[Assignment]]
) -> tuple[Change, ...]:
    """Makes the assignments in the files below `root` that declare the objects; returns the real changes.

    `tree` and `folder` are what the catalog was loaded from. Raises UsageError, or specs' LoadFailed with what the
    edit would break; then nothing was written.
    """
    texts: dict[str, str] = {}
    changes: list[Change] = []
    for ref, assignments in wanted.items():
        resource = catalog.repository if ref == catalog.repository.ref else catalog.resources[ref]
        if resource.implied:
            raise UsageError(f"{ref} is implied, no file declares it; write a document for it first")
        file = resource.location.file
        text = texts.get(file) or tree.read(file).decode("utf-8-sig")
        for each in assignments:
            text, change = _changed(file, text, resource, each)
            changes += change
        texts[file] = text
    load(_Overlay(tree, texts), folder)
    for file, text in texts.items():
        if any(change.file == file for change in changes):
            write(root / file, text)
    return tuple(changes)


def change_one(file: Path, kind: str, name: str | None, wanted: Assignment) -> None:
    """Makes one assignment in a file that does not belong to a loaded repository (yet)."""
    from specs.resource import Metadata

    text = file.read_bytes().decode("utf-8-sig")
    parsed = parse(file.name, text.encode())
    for node in parsed.documents:
        document = Reader([]).read(node)
        if document is not None and document.ref.kind == kind and name in (None, document.ref.name):
            metadata = Metadata(name=document.ref.name)
            resource = Resource(ref=document.ref, metadata=metadata, spec=None, declared={}, location=document.place)
            write(file, _changed(file.name, text, resource, wanted)[0])
            return
    if parsed.findings:
        raise UsageError(f"{file}: no document of kind {kind} can be read:\n{parsed.findings[0]}")
    raise UsageError(f"{file}: there is no document of kind {kind}")


def _changed(file: str, text: str, resource: Resource, wanted: Assignment) -> tuple[str, list[Change]]:
    shape = KINDS[resource.ref.kind].shape
    before = meaning(file, text, resource.ref)
    path = wanted.path if wanted.steps[0].name == "metadata" else wanted.path.removeprefix("spec.")
    new = assigned(text, resource.location.line, wanted, shape)
    after = meaning(file, new, resource.ref)
    strange = before.differing(after)
    strange = {each for each in strange if not before.is_part(each, path, resource.ref)}
    if strange:
        others = ", ".join(sorted(f"{ref} {at}".rstrip() for ref, at in strange)[:3])
        raise UsageError(f"{path} cannot be set alone in {file}: {others} would change, too; edit it by hand")
    if new == text:
        return text, []
    old, now = (each.at(resource.ref, wanted.steps, shape) for each in (before, after))
    return new, [Change(file=file, path=path, before=old, after=now)]


class _Overlay:
    """A tree with some files replaced."""

    def __init__(self, tree: Tree, texts: Mapping[str, str]) -> None:
        self._tree = tree
        self._contents = {path: text.encode("utf-8") for path, text in texts.items()}

    @property
    def label(self) -> str:
        return self._tree.label

    def files(self) -> Iterable[TreeFile]:
        for each in self._tree.files():
            content = self._contents.get(each.path)
            yield each if content is None else TreeFile(path=each.path, size=len(content))

    def read(self, path: str) -> bytes:
        return self._contents[path] if path in self._contents else self._tree.read(path)


def write(file: Path, text: str) -> None:
    """Replaces the file at once or not at all, keeping its mode, owner and byte order mark; never through a link."""
    if file.is_symlink():
        raise UsageError(f"{file} is a link; edit the file that it leads to")
    mode = file.stat()
    with file.open("rb") as old:
        mark = old.read(len(codecs.BOM_UTF8)) == codecs.BOM_UTF8
    descriptor, fresh = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with open(descriptor, "w", encoding="utf-8-sig" if mark else "utf-8", newline="") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.chmod(fresh, mode.st_mode & 0o7777)
        with contextlib.suppress(PermissionError):
            os.chown(fresh, mode.st_uid, mode.st_gid)
        os.replace(fresh, file)
    except BaseException:
        os.unlink(fresh)
        raise
