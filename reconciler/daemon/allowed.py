"""What a commit allows: trailers of its message, since nobody sits at the daemon's terminal.

    Gitvirt-Allow: deletions=41
    Gitvirt-Allow: vm/old-01

They count for the commit that carries them as long as it is the newest. Called by reconciler/daemon/loop.
"""

from __future__ import annotations

from drivers.git import Repository
from reconciler.diff.context import Allowed
from specs.errors import BadReference
from specs.resource import Ref

TRAILER = "Gitvirt-Allow"


def allowed_by(repository: Repository, revision: str) -> Allowed:
    """The allowances of one commit; none for a plain folder. Words that mean nothing allow nothing."""
    deletions: int | None = None
    refs: set[str] = set()
    commit = repository.read_commit(revision)
    for text in commit.trailers.get(TRAILER, ()) if commit else ():
        word, found, number = text.partition("=")
        if word.strip() == "deletions" and found and number.strip().isdecimal():
            deletions = int(number)
            continue
        try:
            refs.add(str(Ref.parse(text.strip())))
        except BadReference:
            continue
    return Allowed(deletions=deletions, refs=frozenset(refs))
