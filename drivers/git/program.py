"""Runs the `git` program safely, and maps what it says to drivers/errors; the only place that does either.

In: a directory and arguments (never a shell line). Out: bytes of stdout. Used by every module of this folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from drivers.errors import Busy, Denied, DriverError, Missing, NoSpace, Refused, Unreachable

PROTOCOLS = "file:ssh:https"
LOCAL_TIMEOUT = 60.0
"""Seconds for a command that only reads this machine's disk."""

SAFE_CONFIG: Mapping[str, str] = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.quotePath": "false",
    "core.askPass": "",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "protocol.ext.allow": "never",
    "submodule.recurse": "false",
    "fetch.recurseSubmodules": "false",
}
"""Overrides whatever a repository's own configuration says: it must not be able to run a program."""

_DROPPED = re.compile(
    r"^GIT_(DIR|WORK_TREE|INDEX_FILE|PREFIX|OBJECT_DIRECTORY|COMMON_DIR|NAMESPACE|EXTERNAL_DIFF|SSH)$"
)
"""Set when gitvirt runs inside of a hook, for another repository than the one that is asked for."""

_MEANINGS: tuple[tuple[str, type[DriverError], str], ...] = (
    (
        r"dubious ownership",
        Denied,
        "the repository belongs to another user. If you trust it: git config --global --add safe.directory {path}",
    ),
    (r"transport '.*' not allowed", Refused, "only local paths, file://, ssh:// and https:// are spoken"),
    (
        r"Host key verification failed",
        Denied,
        "the server's host key is not known (or has changed); check it and add it to the known_hosts in use",
    ),
    (
        r"Authentication failed|Permission denied|could not read (Username|Password)|terminal prompts disabled"
        r"|returned error: 40[13]|Invalid username",
        Denied,
        "check the credentials of this repository in the settings (git:), or the ssh agent",
    ),
    (r"No space left on device|Disk quota exceeded", NoSpace, ""),
    (r"\.lock': File exists|index\.lock|cannot lock ref", Busy, "another git program is at work there; try again"),
    (r"[Cc]ouldn't find remote ref", Missing, "the branch does not exist there"),
    (r"does not appear to be a git repository|[Nn]ot a git repository|returned error: 404|not found$", Missing, ""),
    (
        r"unknown revision|bad revision|[Nn]ot a valid (object|commit)|Needed a single revision|bad object"
        r"|no such path|has only \d+ lines?",
        Missing,
        "",
    ),
    (
        r"Could not resolve|Connection (refused|reset|closed|timed out)|unable to access|unreachable|early EOF"
        r"|Could not read from remote|timed out|hung up|Operation too slow",
        Unreachable,
        "",
    ),
)


def environment(config: Mapping[str, str] | None = None, **variables: str) -> dict[str, str]:
    """The environment that every git program gets: the user's, hardened, in English, without prompts.

    `config` are further configuration keys; they travel in the environment, where `ps` does not show them.
    """
    kept = {name: value for name, value in os.environ.items() if not _DROPPED.match(name)}
    kept.update(
        LC_ALL="C.UTF-8",
        LANGUAGE="C",
        GIT_TERMINAL_PROMPT="0",
        GIT_ASKPASS="",
        SSH_ASKPASS="",
        SSH_ASKPASS_REQUIRE="never",
        GIT_OPTIONAL_LOCKS="0",
        GIT_ALLOW_PROTOCOL=PROTOCOLS,
        GIT_NO_REPLACE_OBJECTS="1",
        GIT_LITERAL_PATHSPECS="1",
        GIT_PAGER="cat",
        GIT_EDITOR="true",
    )
    return kept | variables | _configured(kept, {**SAFE_CONFIG, **(config or {})})


def _configured(kept: Mapping[str, str], config: Mapping[str, str]) -> dict[str, str]:
    """Adds to what the user configures in the same way (`safe.directory` in CI); the last value of a key counts."""
    count = kept.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdigit() else 0
    variables = {"GIT_CONFIG_COUNT": str(first + len(config))}
    for number, (key, value) in enumerate(config.items(), start=first):
        variables[f"GIT_CONFIG_KEY_{number}"] = key
        variables[f"GIT_CONFIG_VALUE_{number}"] = value
    return variables


def run(directory: Path, *arguments: str, stdin: bytes = b"", accept: tuple[int, ...] = (0,)) -> bytes:
    """stdout of `git -C directory arguments`; an exit code that is not in `accept` raises the mapped error."""
    done = execute(directory, arguments, environment(), stdin=stdin)
    if done.returncode not in accept:
        raise meaning(str(directory), operation(arguments), done.stderr.decode("utf-8", "replace"))
    return done.stdout


def stream(directory: Path, arguments: Sequence[str], into: BinaryIO) -> None:
    """Lets git write its stdout into a file, however much it is; a failure raises the mapped error."""
    command = ["git", "-C", os.fspath(directory), *arguments]
    done = subprocess.run(command, stdout=into, stderr=subprocess.PIPE, env=environment(), check=False)
    if done.returncode:
        raise meaning(str(directory), operation(arguments), done.stderr.decode("utf-8", "replace"))


def execute(
    directory: Path,
    arguments: Sequence[str],
    variables: Mapping[str, str],
    *,
    stdin: bytes = b"",
    timeout: float = LOCAL_TIMEOUT,
) -> subprocess.CompletedProcess[bytes]:
    """Runs git and returns whatever came out; raises only if there is no git, or no end within `timeout` seconds.

    Git gets a session of its own, so that an ssh that it started dies with it.
    """
    command = ["git", "-C", os.fspath(directory), *arguments]
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, env=dict(variables), start_new_session=True
        )
    except FileNotFoundError as error:
        raise Refused(str(directory), operation(arguments), "the `git` program is not installed") from error
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout)
    except subprocess.TimeoutExpired as error:
        raise Unreachable(str(directory), operation(arguments), f"no end within {timeout:g} s") from error
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, stdout, stderr)


def meaning(where: str, operation: str, said: str) -> DriverError:
    """The error for what git wrote on stderr; `where` is the repository's path or URL."""
    said = said.strip()
    for pattern, error, advice in _MEANINGS:
        if re.search(pattern, said, re.MULTILINE):
            return error(where, operation, _worded(said, advice.format(path=where)))
    return DriverError(where, operation, _worded(said, ""))


def _worded(said: str, advice: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:", "ERROR:", "ssh:"))]
    cause = " ".join(line.strip() for line in (lines or said.splitlines()[:3])) or "git failed without a word"
    return f"{cause} ({advice})" if advice else cause


def operation(arguments: Sequence[str]) -> str:
    """`git fetch`, to name it in errors."""
    return "git " + next((each for each in arguments if not each.startswith("-")), "")
