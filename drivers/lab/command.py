"""Run one program to its end. The only way in which the lab drives ip, openssl, git, qemu-img and the like."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from drivers.lab.errors import CommandFailed, MachineUnfit


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str = "",
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> str:
    """Run `argv`, give back its standard output.

    Raises CommandFailed when it ends with an error or takes longer than `timeout` seconds, MachineUnfit when there
    is no such program.
    """
    words = [str(word) for word in argv]
    try:
        done = subprocess.run(
            words, input=stdin, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
        )
    except FileNotFoundError as error:
        raise MachineUnfit(f"The program `{error.filename}` is not on this machine.") from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(words, -1, f"no end after {timeout:.0f} s") from error
    if done.returncode != 0:
        raise CommandFailed(words, done.returncode, done.stderr or done.stdout)
    return done.stdout
