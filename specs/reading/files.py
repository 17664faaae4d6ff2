"""Files: which files of a tree belong to a repository, by its `include:`, links and limits."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping

from specs.errors import Finding, Location, did_you_mean
from specs.reading.encoding import LARGEST_FILE
from specs.tree import Tree, TreeFile, within
from specs.yaml import Parsed, parse

ROOT_FILE = "gitvirt.yaml"
MOST_FILES = 50_000
_SUFFIXES = (".yaml", ".yml")
_STRANGE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
"""Of a name: what no plan, mark or terminal can show, surrogates standing for bytes that are not UTF-8."""


class Listing:
    """The files of a tree by path, listed once. `problem` says why it could not be listed."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.problem: Finding | None = None
        self.files: Mapping[str, TreeFile] = {}
        try:
            self.files = {each.path: each for each in tree.files()}
        except OSError as error:
            self.problem = _unlisted(tree.label, error)

    def has_folder(self, path: str) -> bool:
        """Whether any file lies below `path`."""
        return path == "." or any(each.startswith(path + "/") for each in self.files)

    def parsed(self, path: str) -> Parsed:
        """The documents of one file; what prevents reading it is among the findings."""
        file = self.files[path]
        if _STRANGE.search(path):
            what, why = "a file with such a name is not read", "it has control characters, or is not UTF-8"
            return _failed(path, what, why, "rename it")
        target = self._target(file) if file.link is not None else path
        if target is None:
            return _failed(path, f"a link to `{file.link}`", "it does not lead to a file of this repository", _FOLLOW)
        if self.files[target].size > LARGEST_FILE:
            size = self.files[target].size
            return _failed(path, f"this file has {size} bytes", f"the limit is {LARGEST_FILE}", "split it")
        try:
            return parse(path, self.tree.read(target))
        except OSError as error:
            return _failed(path, "cannot be read", _reason(error))

    def read(self, path: str) -> bytes:
        """The content of a file, links within the tree followed; OSError if it cannot be read."""
        target = self._target(self.files[path])
        if target is None:
            raise OSError("a link that does not lead to a file of this repository")
        return self.tree.read(target)

    def _target(self, file: TreeFile) -> str | None:
        """Where a chain of links ends, if that is a file of the tree."""
        for _ in range(10):
            if file.link is None:
                return file.path
            path = within(posixpath.dirname(file.path), file.link)
            if path is None or path not in self.files:
                return None
            file = self.files[path]
        return None


_FOLLOW = "put the file itself here, or name its folder in `include:`"


def _failed(path: str, what: str, why: str = "", fix: str = "") -> Parsed:
    return Parsed(findings=[Finding(where=Location(path), path="", what=what, why=why, fix=fix)], cut=True)


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _unlisted(label: str, error: OSError) -> Finding:
    """Names the very folder or file; one that is there no more went away while the others were listed."""
    place = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else label
    gone = isinstance(error, FileNotFoundError) and place != label
    why, fix = ("it was taken away meanwhile", "try again") if gone else (_reason(error), "")
    where = Location(place.removeprefix(label + "/"))
    return Finding(where=where, path="", what="cannot be listed", why=why, fix=fix)


def elsewhere(listing: Listing, root: str) -> str:
    """What to do where there is no `gitvirt.yaml`."""
    others = sorted(posixpath.dirname(each) or "." for each in listing.files if posixpath.basename(each) == ROOT_FILE)
    if posixpath.splitext(root_path(root))[0] + ".yml" in listing.files:
        return f"rename gitvirt.yml to {ROOT_FILE}"
    if others:
        return f"name the folder that has it: {', '.join(others[:5])}"
    return "run `gitvirt init` there, or name the folder that has it"


def root_path(root: str) -> str:
    """Path of the repository's own file."""
    return posixpath.normpath(posixpath.join(root, ROOT_FILE))


def selected(
    listing: Listing, root: str, include: Iterable[tuple[str, Location]], findings: list[Finding]
) -> Iterator[str]:
    """The paths of all files to read but the root's own, in order, each once; says what of `include` is wrong."""
    chosen: dict[str, None] = {}
    for text, where in include:
        path = within(root, text)
        if path is None:
            why = "only folders of the same tree can be included"
            findings.append(_wrong(where, f"`{text[:80]}` leads out of {listing.tree.label}", why))
        elif path in listing.files and path.endswith(_SUFFIXES) and not listing.files[path].submodule:
            chosen[path] = None
        elif listing.has_folder(path):
            chosen.update(dict.fromkeys(_below(listing, path, root, where, findings)))
        elif path in listing.files:
            findings.append(_no_folder(listing.files[path], text, where))
        else:
            folders = {posixpath.relpath(posixpath.dirname(each) or ".", root) for each in listing.files}
            findings.append(_wrong(where, f"there is no folder `{text[:80]}`", fix=did_you_mean(text, folders)))
    chosen.pop(root_path(root), None)
    if len(chosen) > MOST_FILES:
        findings.append(_wrong(Location(root_path(root)), f"{len(chosen)} files", f"the limit is {MOST_FILES}"))
        return
    yield from sorted(chosen)


def _wrong(where: Location, what: str, why: str = "", fix: str = "") -> Finding:
    return Finding(where=where, path="include", what=what, why=why, fix=fix)


def _no_folder(file: TreeFile, text: str, where: Location) -> Finding:
    if file.submodule:
        return _wrong(where, f"`{text[:80]}` is a submodule of Git", _UNREAD, "copy its files into this repository")
    if file.link is not None:
        return _wrong(where, f"`{text[:80]}` is a link", fix="name what it leads to")
    return _wrong(where, f"`{text[:80]}` is no YAML file", fix="name a folder, or a file that ends in .yaml or .yml")


_UNREAD = "its files are not read"


def _below(listing: Listing, folder: str, root: str, where: Location, findings: list[Finding]) -> Iterator[str]:
    """The YAML files below a folder, but not those of another repository that lies in it."""
    prefix = "" if folder == "." else folder + "/"
    own = posixpath.dirname(root_path(root))
    others = {posixpath.dirname(each) for each in listing.files if posixpath.basename(each) == ROOT_FILE} - {own}
    if folder in others:
        why = "it has a gitvirt.yaml of its own"
        findings.append(_wrong(where, f"`{folder}` is another repository", why, "include the folders that both share"))
        return
    for path, file in listing.files.items():
        if not path.startswith(prefix) or _inside(path, others):
            continue
        if file.submodule:
            what = "a submodule of Git"
            findings.append(Finding(severity="warning", where=Location(path), path="", what=what, why=_UNREAD))
        elif path.endswith(_SUFFIXES):
            yield path
        elif file.link is not None and within(posixpath.dirname(path), file.link) is None:
            findings.append(
                Finding(
                    severity="warning",
                    where=Location(path),
                    path="",
                    what=f"a link to `{file.link[:80]}`",
                    why="it leads out of the repository and is not followed",
                )
            )


def _inside(path: str, folders: set[str]) -> bool:
    while path := posixpath.dirname(path):
        if path in folders:
            return True
    return False
