"""What the daemon follows: a branch of a Git repository (here or elsewhere), or a plain folder.

A source says cheaply which revision is there now (`poll`), and loads one. A Git repository is followed by its commits
only: what lies uncommitted in the work tree is nobody's wish yet. Called by reconciler/daemon/loop.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from drivers.git import Repository, open_branch, open_repository
from drivers.git.mirror import Credentials, Follow, is_remote
from reconciler.settings import Settings
from specs.catalog import Catalog
from specs.load import load

LOCAL, REMOTE = 2.0, 60.0  # seconds between polls


class Source(Protocol):
    """Where revisions come from. `label` for people, `key` for good; `pause`: seconds to wait between polls."""

    label: str
    key: str
    pause: float

    def poll(self) -> str:
        """The revision that is there now; drivers.errors if that cannot be found out."""

    def load(self, revision: str) -> tuple[Catalog, Repository, str]:
        """(catalog, repository, folder in it) of a revision; LoadFailed with all findings."""


class GitBranch:
    """A local repository's branch; HEAD if none is named."""

    pause = LOCAL

    def __init__(self, folder: Path, branch: str | None) -> None:
        opened = open_repository(folder)
        self._root, self._folder, self._ref = opened.root, opened.prefix or ".", branch or "HEAD"
        self.label = f"{folder} ({self._ref})"
        self.key = f"{opened.root} {self._folder} {self._ref}"

    def poll(self) -> str:
        return open_repository(self._root).resolve(self._ref)

    def load(self, revision: str) -> tuple[Catalog, Repository, str]:
        repository = open_branch(self._root, self._ref)
        return load(repository.tree(revision), self._folder), repository, self._folder


class RemoteBranch:
    """A branch elsewhere, fetched into the state directory; `folder` is where gitvirt.yaml is in it."""

    pause = REMOTE

    def __init__(self, url: str, branch: str, folder: str, settings: Settings) -> None:
        import hashlib

        login = settings.git_login(url)
        name = hashlib.sha256(f"{url} {branch}".encode()).hexdigest()[:16]
        words = ("keyfile", "known_hosts", "username", "token_file")
        credentials = Credentials(**{each: str(getattr(login, each) or "") for each in words}) if login else None
        directory = settings.state_folder / "mirrors" / name
        self._follow = Follow(url, branch, directory, credentials, timeout=settings.timeouts.git)
        self._folder, self.label = folder, f"{url} ({branch})"
        self.key = f"{url} {folder} {branch}"

    def poll(self) -> str:
        return self._follow.fetch().commit

    def load(self, revision: str) -> tuple[Catalog, Repository, str]:
        repository = self._follow.repository
        return load(repository.tree(revision), self._folder), repository, self._folder


class PlainFolder:
    """A folder without Git: what lies there is wished. Changes wake the daemon (reconciler/daemon/wake)."""

    pause = LOCAL

    def __init__(self, folder: Path) -> None:
        self.folder, self.label = folder.resolve(), str(folder)
        self.key = str(self.folder)

    def poll(self) -> str:
        return str(open_repository(self.folder).revision())

    def load(self, revision: str) -> tuple[Catalog, Repository, str]:
        repository = open_repository(self.folder)
        return load(repository.tree()), repository, "."


def source(where: str, branch: str | None, folder: str, settings: Settings) -> Source:
    """The source that the command line means."""
    if is_remote(where):
        return RemoteBranch(where, branch or "main", folder, settings)
    path = Path(where)
    if str(open_repository(path).revision()).startswith("folder-"):
        return PlainFolder(path)
    return GitBranch(path, branch)
