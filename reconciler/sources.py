"""What the YAML refers to outside of itself: image files and secrets, read under the rules of this machine.

In: a catalog, the repository's folder, settings. Out: `Sources` for desired. A path is inside the repository, or in a
folder that the local settings allow; never anywhere else, since a commit must not read the daemon's files.
Called by reconciler/app.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from drivers.images.sniff import plain_format
from drivers.secrets import SecretsError, Source, Vault
from reconciler import images
from reconciler.desired.resolve import FileFacts, Sources, image_file
from reconciler.errors import ReconcilerError
from reconciler.settings import Settings
from specs.catalog import Catalog
from specs.fields import Secret
from specs.resource import Location
from specs.texts import secret_files

SECRET_VARIABLES = "GITVIRT_SECRET_"
_LONGEST_SECRET = 64 * 1024


class SourceError(ReconcilerError):
    """A file or a secret that the YAML names cannot be used."""


def read(catalog: Catalog, root: Path, settings: Settings) -> Sources:
    """Facts about every image file that can be read, and the way to reveal a secret when it is needed."""
    files = images.cached(catalog, settings)
    sums = _Sums(settings.state_folder / "sums.json")
    for resource in catalog.of("Image"):
        file = image_file(resource)
        path = locate(file, root, settings) if file else None
        if path is not None and path.is_file():
            sha256 = "" if resource.spec.checksum else sums.of(path)
            files[file] = FileFacts(size=path.stat().st_size, format=plain_format(path), sha256=sha256)
    sums.save()
    return Sources(files=files, reveal=_revealer(root, settings, _vault(catalog, settings)))


def locate(file: str, root: Path, settings: Settings) -> Path | None:
    """The real path of a repository path, links followed; None if that leads out of what is allowed."""
    path = Path(os.path.realpath(root / file))
    allowed = (Path(os.path.realpath(root)), *(Path(os.path.realpath(each)) for each in settings.folders))
    return path if any(path.is_relative_to(each) for each in allowed) else None


def unrevealed(ref: object, where: Location) -> Secret:
    """In place of `Sources.reveal` where nothing will be done: plans from a recorded observation need no keys."""
    return Secret("not revealed")


def _vault(catalog: Catalog, settings: Settings) -> Vault:
    paths = secret_files(catalog.repository)
    sources = {
        each.name: Source(kind="sops" if each.sops else "age", label=path, data=catalog.contents[path])
        for each in catalog.repository.spec.secrets or ()
        if (path := paths[each.name]) is not None and path in catalog.contents
    }
    return Vault(sources, lambda: settings.age_key_files)


def _revealer(root: Path, settings: Settings, vault: Vault) -> Callable[[object, Location], Secret]:
    def reveal(ref: object, where: Location) -> Secret:
        value, env, file, name = (getattr(ref, each, None) for each in ("value", "env", "file", "secret"))
        if isinstance(value, Secret):
            return value
        if isinstance(name, str):
            try:
                return Secret(vault.get(name))
            except SecretsError as error:
                raise SourceError(f"{where}: the secret {name}: {error}") from None
        if isinstance(env, str):
            _require_allowed(env, where, settings)
            if env not in os.environ:
                raise SourceError(f"{where}: the environment has no variable {env}, which the secret is taken from")
            return Secret(os.environ[env])
        return Secret(_secret_file(str(file), where, root, settings))

    return reveal


def _require_allowed(name: str, where: Location, settings: Settings) -> None:
    """A commit must not be able to read whatever else is in our environment into a guest."""
    if not name.startswith(SECRET_VARIABLES) and name not in settings.environment:
        told = f"only {SECRET_VARIABLES}* and what the local settings allow (`environment:`) may be read"
        raise SourceError(f"{where}: the environment variable {name} is not for repositories; {told}")


def _secret_file(file: str, where: Location, root: Path, settings: Settings) -> str:
    folder = os.path.dirname(where.file)
    path = locate(os.path.join(folder, file), root, settings)
    if path is None:
        raise SourceError(f"{where}: {file} is outside of the repository; allow its folder in the local settings")
    try:
        if path.stat().st_size > _LONGEST_SECRET:
            raise SourceError(f"{where}: {file} is too large for a secret")
        return path.read_text().rstrip("\n")
    except OSError as error:
        raise SourceError(f"{where}: the secret's file {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{where}: the secret's file {file} is no text in UTF-8") from None


class _Sums:
    """Checksums of image files that declare none, remembered by size and time of change."""

    def __init__(self, path: Path) -> None:
        self.path, self.changed = path, False
        try:
            self.known: dict[str, list[object]] = json.loads(path.read_text())
        except (OSError, ValueError):
            self.known = {}

    def of(self, path: Path) -> str:
        """sha256 in hex."""
        state = path.stat()
        key = [state.st_size, state.st_mtime_ns]
        entry = self.known.get(str(path))
        if entry is None or entry[:2] != key:
            with path.open("rb") as file:
                entry = [*key, hashlib.file_digest(file, "sha256").hexdigest()]
            self.known[str(path)], self.changed = entry, True
        return str(entry[2])

    def save(self) -> None:
        if self.changed:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.path.write_text(json.dumps(self.known))
