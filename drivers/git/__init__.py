"""Git repositories, and plain folders beside them: revisions, the files of one, ancestry, blame, commits, mirrors.

`open_repository(path)` is the door; `mirror.Follow` keeps a copy of a remote branch. The `git` program does the work,
a few milliseconds a call. No hook that a repository could bring along is run, no credentials are asked for, and only
file, ssh and https are spoken.
Errors are those of drivers/errors, with the repository as the host.
"""

from drivers.git.opening import open_branch, open_repository
from drivers.git.repository import Blame, Repository, Revision

__all__ = ["Blame", "Repository", "Revision", "open_branch", "open_repository"]
