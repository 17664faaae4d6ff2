"""The README's tour as it is written: every command is run, in a terminal whose questions are answered with yes."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.lab.lab import Lab

pytestmark = pytest.mark.live

README = Path(__file__).parents[2] / "README.md"
FINE = {"plan": {0, 2, 3}, "status": {0, 3}, "sync": {0, 3}}
"""Exit codes that say something of the datacenter, by the last verb of a line; of all others it is 0."""
LISTENS = "until gitvirt status | grep -q 'daemon  *pid'; do sleep 0.2; done"
ASKS = re.compile(r"\[y/N\]")
KILL_LINE = b"\x15"
DONE = re.compile(r"@@(\d+) (\d+)@@")


def commands() -> list[str]:
    """The commands of the section, with the texts that they write into files; what they print is left out."""
    section = README.read_text(encoding="utf-8").partition("## Five minutes\n")[2].partition("\n## ")[0]
    lines = [line[4:] for line in section.splitlines() if line.startswith("    ")]
    found: list[str] = []
    text_follows = False
    for line in lines:
        if text_follows:
            found[-1] += f"\n{line}"
            text_follows = line != "END"
        elif line.startswith("$ "):
            found.append(line.removeprefix("$ "))
            text_follows = line.endswith("<<END")
    return found


def in_terminal(script: Path, folder: Path) -> str:
    """Runs a shell script in a terminal of its own; answers what it asks, and leaves the consoles that it opens."""
    ours, theirs = pty.openpty()
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_CONFIG_HOME": os.environ.get("XDG_CONFIG_HOME", str(Path.home() / ".config")),
    }
    with subprocess.Popen(
        ["bash", script],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ):
        os.close(theirs)
        said, answered = "", 0
        while (chunk := _read(ours)) is not None:
            said += chunk
            for asks in ASKS.finditer(said, answered):
                os.write(ours, KILL_LINE + b"y\n")
                answered = asks.end()
            if said.rfind("Ctrl-] leaves") > said.rfind("@@"):
                os.write(ours, b"\x1d")  # again and again: what is typed before the console listens is thrown away
    os.close(ours)
    return said


def _read(terminal: int) -> str | None:
    """What came within half a second; None when nobody is there any more."""
    if not select.select([terminal], [], [], 0.5)[0]:
        return ""
    try:
        return os.read(terminal, 65536).decode(errors="replace") or None
    except OSError:
        return None


def test_every_command_of_the_tour_does_what_it_says(lab: Lab, tmp_path: Path) -> None:
    told = commands()
    assert len(told) > 20
    script = tmp_path / "tour.sh"
    lines = []
    for number, command in enumerate(told):
        if command.startswith("make setup"):
            continue
        lines += [command, f"echo @@{number} $?@@", *([LISTENS] if command.endswith("&") else [])]
    script.write_text("\n".join(lines) + "\n")
    said = in_terminal(script, tmp_path)
    codes = {int(number): int(code) for number, code in DONE.findall(said)}
    assert len(codes) == len(told) - 1, said
    wrong = {
        command: codes[number]
        for number, command in enumerate(told)
        if number in codes and codes[number] not in FINE.get(last_verb(command), {0})
    }
    assert wrong == {}, said
    assert not lab.hosts()


def last_verb(command: str) -> str:
    """Whose exit code a line ends with."""
    verbs = re.findall(r"gitvirt ([a-z]+)", command.partition("\n")[0].partition("  #")[0])
    return verbs[-1] if verbs else ""
