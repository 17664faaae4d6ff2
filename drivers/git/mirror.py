"""Follow: a local copy of one branch (or tag) of a repository elsewhere, fetched again and again by the daemon.

In: a URL, a ref, a directory of our own, credentials by reference. Out: what the ref points to now, and whether its
history was rewritten. The copy is bare and never checked out. Used by reconciler/daemon and `plan --repo URL`.
"""

from __future__ import annotations

import base64
import re
import shlex
from pathlib import Path

from drivers.errors import Denied, Missing, Refused
from drivers.git import program
from drivers.git.checkout import Checkout
from drivers.git.repository import Repository
from specs.structs import Struct

_SCHEME = re.compile(r"^(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)(?:://|::)")
_SCP = re.compile(r"^(?:[A-Za-z0-9._-]+@)?[A-Za-z0-9][A-Za-z0-9._-]*:(?!/{2})[^:].*$")
_SSH_HOST = re.compile(r"^ssh://(?:[A-Za-z0-9._-]+@)?(?:[A-Za-z0-9][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?/")
_PASSWORD = re.compile(r"^[a-z]+://[^/@]*:[^/@]*@")
_REF = re.compile(r"^(?!-)(?!.*(?:\.\.|@\{|//|\.lock(?:/|$)))[^\x00-\x20\x7f~^:?*\[\\]+(?<![./])$")
_LOCAL_REF = "refs/gitvirt/followed"
_BEFORE_REF = "refs/gitvirt/before"


class Credentials(Struct, frozen=True, kw_only=True):
    """How to log in, as paths and names from the local settings; never the secret itself.

    `keyfile` and `known_hosts` are for ssh, `username` and `token_file` (its first line is the token) for https.
    """

    keyfile: str = ""
    known_hosts: str = ""
    username: str = ""
    token_file: str = ""


class Fetched(Struct, frozen=True, kw_only=True):
    """`commit` is what the ref points to; `before` what it did at the last fetch, "" at the first.

    `forced` is true if `before` is no ancestor of `commit`: somebody rewrote the history.
    """

    commit: str
    before: str
    forced: bool

    @property
    def changed(self) -> bool:
        """Whether there is something new."""
        return self.commit != self.before


class Follow:
    """A followed branch. One thread at a time; two processes need two directories."""

    def __init__(
        self, url: str, ref: str, directory: Path, credentials: Credentials | None = None, timeout: float = 60.0
    ) -> None:
        self.url, self.ref, self._directory, self._timeout = (
            checked_url(url),
            _checked_ref(url, ref),
            directory,
            timeout,
        )
        self._variables = _variables(self.url, credentials or Credentials(), timeout)

    @property
    def repository(self) -> Repository:
        """The copy, for trees and ancestry; only after a first `fetch`."""
        return Checkout(root=self._directory, prefix="", bare=True)

    def fetch(self) -> Fetched:
        """Looks what is there now. Any failure leaves the copy as it was.

        Raises Unreachable (also at the timeout), Denied, Missing (no such branch or repository), Refused, NoSpace.
        """
        self._make()
        before = self._at(_LOCAL_REF)
        source = self.ref if self.ref.startswith("refs/") else self._ref_of_name()
        self._git(
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-auto-gc",
            "--force",
            "--end-of-options",
            self.url,
            f"+{source}:{_LOCAL_REF}",
        )
        commit = program.run(self._directory, "rev-parse", "--verify", _LOCAL_REF + "^{commit}").decode().strip()
        if before:  # kept reachable, so that it can still be compared with after a forced push
            program.run(self._directory, "update-ref", _BEFORE_REF, before)
        forced = bool(before) and not self.repository.is_ancestor(before, commit)
        return Fetched(commit=commit, before=before, forced=forced)

    def _ref_of_name(self) -> str:
        """`main` → `refs/heads/main`, else `refs/tags/main`: a tag must not get in the way of a branch."""
        names = [f"refs/heads/{self.ref}", f"refs/tags/{self.ref}"]
        there = self._git("ls-remote", "--quiet", "--end-of-options", self.url, *names).decode("utf-8", "replace")
        found = {line.split("\t")[-1] for line in there.splitlines()}
        for name in names:
            if name in found:
                return name
        raise Missing(self.url, "git fetch", f"there is no branch or tag `{self.ref}`")

    def _make(self) -> None:
        if not (self._directory / "HEAD").exists():
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            program.run(self._directory, "init", "--quiet", "--bare", "--template=", "--initial-branch=none", ".")

    def _at(self, ref: str) -> str:
        return program.run(self._directory, "rev-parse", "--verify", "--quiet", ref, accept=(0, 1)).decode().strip()

    def _git(self, *arguments: str) -> bytes:
        done = program.execute(self._directory, arguments, self._variables, timeout=self._timeout)
        if done.returncode:
            raise program.meaning(self.url, program.operation(arguments), done.stderr.decode("utf-8", "replace"))
        return done.stdout


def is_remote(text: str) -> bool:
    """Whether `text` is a URL (or `host:path`) rather than a path on this machine."""
    return bool(_SCHEME.match(text)) or (bool(_SCP.match(text)) and not Path(text).exists())


def checked_url(url: str) -> str:
    """The URL, if it speaks file, ssh or https and holds no password; Refused otherwise."""
    scheme = _SCHEME.match(url)
    why = ""
    if url.startswith("-") or "\n" in url or "\0" in url or not url:
        why = "it is not a repository's URL"
    elif _PASSWORD.match(url):
        url = re.sub(r"//[^/@]*@", "//***@", url)
        why = "a password in a URL is seen by everybody; name a token file in the settings (git:)"
    elif scheme and (scheme["scheme"].lower() not in program.PROTOCOLS.split(":") or "::" in scheme[0]):
        why = "only local paths, file://, ssh:// and https:// are spoken"
    elif scheme and scheme["scheme"].lower() == "ssh" and not _SSH_HOST.match(url):
        why = "its host name is not a valid one"
    elif not scheme and not _SCP.match(url):
        return str(Path(url).resolve())
    if why:
        raise Refused(url, "follow", why)
    return url


def _checked_ref(url: str, ref: str) -> str:
    if not _REF.match(ref):
        raise Refused(url, "follow", f"`{ref}` is not a valid name of a branch or tag")
    return ref


def _variables(url: str, credentials: Credentials, timeout: float) -> dict[str, str]:
    ssh = ["ssh", "-oBatchMode=yes", f"-oConnectTimeout={max(1, int(timeout))}", "-oStrictHostKeyChecking=yes"]
    if credentials.keyfile:
        ssh += ["-i", credentials.keyfile, "-oIdentitiesOnly=yes"]
    if credentials.known_hosts:
        ssh += [f"-oUserKnownHostsFile={credentials.known_hosts}", "-oGlobalKnownHostsFile=/dev/null"]
    config = {"transfer.fsckObjects": "true", "fetch.fsck.zeroPaddedFilemode": "warn"}
    config |= _token_header(url, credentials)
    return program.environment(config, GIT_SSH_COMMAND=shlex.join(ssh), GIT_SSH_VARIANT="ssh")


def _token_header(url: str, credentials: Credentials) -> dict[str, str]:
    """As a header for this URL only, with redirects refused, so that no other server gets to see it."""
    if not credentials.token_file or not url.startswith("https://"):
        return {}
    try:
        token = Path(credentials.token_file).read_text().split("\n", 1)[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Denied(url, "follow", f"the token file {credentials.token_file} cannot be read: {error}") from error
    login = base64.b64encode(f"{credentials.username or 'git'}:{token}".encode()).decode()
    return {
        f"http.{url}.extraHeader": f"Authorization: Basic {login}",
        "http.followRedirects": "false",
        "credential.helper": "",
    }
