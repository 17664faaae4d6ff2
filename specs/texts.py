"""Texts: files of the repository that specs take texts from (`userData: {file: …}`), and encrypted ones with secrets.

Read with the specs, from the same tree: so they are those of the revision, also in a bare repository, and a fault in
them is told at load. `places` lists what one VM takes; `Reading` reads. Called by specs/load, specs/checks and desired.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from specs.errors import Finding, Location, did_you_mean
from specs.kinds.content import Content
from specs.reading.files import Listing
from specs.resource import Resource
from specs.structs import Struct
from specs.tree import within

LARGEST = 2**20
"""Bytes of one file."""

Format = Literal["user-data", "text", "json", "xml"]


class Place(Struct, frozen=True, kw_only=True):
    """One text of a VM: where it is declared, what it is, and its path from the tree's root if it is a file."""

    path: str
    format: Format
    content: Content
    file: str | None = None


def places(vm: Resource) -> Iterator[Place]:
    """Every text that the first boot of a VM is made of."""
    spec = vm.spec
    init = spec.cloud_init
    if init is not None:
        yield from _place(vm, "cloudInit.userData", "user-data", init.user_data)
        yield from _place(vm, "cloudInit.vendorData", "user-data", init.vendor_data)
        for each in init.write_files or ():
            yield from _place(vm, "cloudInit.writeFiles", "text", each.source)
    if spec.ignition is not None:
        yield from _place(vm, "ignition", "json", spec.ignition.source)
    yield from _place(vm, "sysprep", "xml", spec.sysprep)


def _place(vm: Resource, path: str, format_: Format, content: Content | None) -> Iterator[Place]:
    if content is not None:
        yield Place(path=path, format=format_, content=content, file=file_of(vm, path, content))


def file_of(vm: Resource, path: str, content: Content) -> str | None:
    """The file's path from the tree's root; None if the text is no file, or one outside of the tree."""
    if content.file is None:
        return None
    return within(posixpath.dirname(vm.where(path).file), content.file)


def secret_files(repository: Resource) -> dict[str, str | None]:
    """Source of secrets → its file's path from the tree's root, None if it lies outside."""
    folder = posixpath.dirname(repository.location.file)
    return {each.name: within(folder, each.path) for each in repository.spec.secrets or ()}


class Reading:
    """Reads files of a listing; `contents` grows, faults go to `findings`."""

    def __init__(self, listing: Listing, findings: list[Finding]) -> None:
        self.listing, self.findings = listing, findings
        self.contents: dict[str, bytes] = {}

    def secrets(self, repository: Resource) -> None:
        """Every declared source of secrets."""
        for name, file in secret_files(repository).items():
            path = f"secrets[{name}]"
            self._read(repository.where(path), path, file)

    def texts(self, vms: Iterable[Resource]) -> None:
        """Every file that VMs take texts from."""
        for vm in vms:
            for each in places(vm):
                if each.content.file is not None:
                    self._read(vm.where(each.path), each.path, each.file)

    def _read(self, where: Location, path: str, file: str | None) -> None:
        if file in self.contents:
            return
        if file is None:
            why, fix = "only files of the same tree are read", "put it into the repository"
            self.findings.append(_wrong(where, path, "this file is outside of the repository", why, fix))
            return
        size = self.listing.files[file].size if file in self.listing.files else None
        if size is None:
            fix = did_you_mean(file, self.listing.files) or "files and folders that begin with a dot are not seen"
            self.findings.append(_wrong(where, path, f"there is no file `{file}`", fix=fix))
        elif size > LARGEST:
            self.findings.append(_wrong(where, path, f"`{file}` has {size} bytes", f"the limit is {LARGEST}"))
        else:
            try:
                self.contents[file] = self.listing.read(file)
            except OSError as error:
                self.findings.append(_wrong(where, path, f"`{file}` cannot be read", str(error.strerror or error)))


def text_of(place: Place, contents: Mapping[str, bytes]) -> str | None:
    """The text of a place; None if it is a secret, or could not be read. UnicodeDecodeError if it is no text."""
    if place.content.text is not None:
        return place.content.text
    data = contents.get(place.file) if place.file is not None else None
    return data.decode() if data is not None else None


def _wrong(where: Location, path: str, what: str, why: str = "", fix: str = "") -> Finding:
    return Finding(where=where, path=path, what=what, why=why, fix=fix)
