"""What one commit says: who, when, why, and its trailers. Read with GitPython, which knows the format of commits.

In: a repository's folder, a full commit hash. Out: `Commit`. Used for the daemon's log and for what a commit allows
(`Gitvirt-Allow:`). Imported on first use only: GitPython takes 150 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from drivers.errors import Missing
from drivers.git import program
from specs.structs import Struct


class Commit(Struct, frozen=True, kw_only=True):
    """`time` in unix seconds; `trailers` by key, each with its values in order."""

    author: str
    email: str
    time: int
    summary: str
    trailers: Mapping[str, tuple[str, ...]]


def read(root: Path, revision: str) -> Commit:
    """The commit of that hash; Missing if it is not here."""
    import git

    with git.Repo(root, odbt=git.GitCmdObjectDB) as repository:
        repository.git.update_environment(**program.environment())
        try:
            found = repository.commit(revision)
            trailers = found.trailers_list
        except (ValueError, git.exc.ODBError, git.exc.GitCommandError) as error:
            raise Missing(str(root), "read commit", f"there is no commit `{revision}` here") from error
        return Commit(
            author=str(found.author.name or ""),
            email=str(found.author.email or ""),
            time=int(found.authored_date),
            summary=_text(found.summary),
            trailers={key: tuple(value for word, value in trailers if word == key) for key, _ in trailers},
        )


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
