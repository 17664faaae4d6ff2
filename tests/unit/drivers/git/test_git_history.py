"""What a commit says, from real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from drivers.errors import Missing
from drivers.git import history, open_repository
from reconciler.daemon.allowed import allowed_by

MESSAGE = """Remove the old ones

They are not needed.

Gitvirt-Allow: deletions=12
Gitvirt-Allow: vm/old-01
Gitvirt-Allow: nonsense
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", MESSAGE], check=True)
    return tmp_path


def test_author_summary_and_trailers_are_read(folder: Path) -> None:
    repository = open_repository(folder)
    commit = repository.read_commit(repository.resolve("HEAD"))
    assert commit is not None
    assert (commit.author, commit.email, commit.summary) == ("Ada", "ada@example.org", "Remove the old ones")
    assert commit.trailers["Gitvirt-Allow"] == ("deletions=12", "vm/old-01", "nonsense")


def test_what_a_commit_allows_is_what_its_trailers_say_and_nonsense_allows_nothing(folder: Path) -> None:
    repository = open_repository(folder)
    allowed = allowed_by(repository, repository.resolve("HEAD"))
    assert allowed.deletions == 12
    assert allowed.refs == frozenset({"vm/old-01"})


@pytest.mark.parametrize("nonsense", ["restarts=41", "deletions=many", "deletions", "deletions=²", "41", "=41"])
def test_what_is_not_said_properly_allows_nothing(folder: Path, nonsense: str) -> None:
    message = f"Remove the old ones\n\nGitvirt-Allow: {nonsense}\n"
    git = ["git", "-C", str(folder), "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", message], check=True)
    repository = open_repository(folder)
    allowed = allowed_by(repository, repository.resolve("HEAD"))
    assert (allowed.deletions, allowed.refs) == (None, frozenset())


def test_a_commit_that_is_not_here_is_missing(folder: Path) -> None:
    with pytest.raises(Missing):
        history.read(folder, "0" * 40)


def test_a_plain_folder_allows_nothing(tmp_path: Path) -> None:
    allowed = allowed_by(open_repository(tmp_path), "folder-1")
    assert allowed.deletions is None
    assert not allowed.refs
