"""Measuring other tools: installs each, lets it create the VMs, check them, and find the one that was changed.

In: the site, how many VMs, and which tools. Out: lines of text. Called by __main__.py with `--peers`. Each tool has
the host for itself, since a tool that lists a host also pays for the VMs of another; ours is measured so too, first.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import libvirt

from specs.structs import Struct
from tests.bench.peers.tools import TOOLS, Command, Fleet, Tool
from tests.bench.sample import busy_cores, process
from tests.bench.site import GITVIRT, POOL, Site, names

CACHE = Path(__file__).parents[3] / ".cache" / "bench"
CHECKS = 3
"""Samples of the check; creating is measured once."""

HEADS = ("tool", "create", "check, nothing to do", "of ours", "finds one changed VM", "others' load", "missed")


class Result(Struct, frozen=True):
    """What one tool took (seconds), and what it flagged after one VM had been changed behind its back."""

    name: str
    create: float
    check: float
    flagged: frozenset[str]
    changed: str
    busy: float
    missed: str

    @property
    def finding(self) -> str:
        """Whether it found the changed VM, and how many others it called different."""
        others = len(self.flagged - {self.changed})
        return ("yes" if self.changed in self.flagged else "NO") + (f", and {others} that were not" if others else "")


def peers(site: Site, count: int, tools: Sequence[str]) -> Iterator[str]:
    """The lines of the table, as they are known."""
    yield f"\n{count} VMs; creating is measured once, the check is the median of {CHECKS}; each tool alone on the host"
    yield _line(HEADS)
    site.declare(count)
    ours = _ours(site, count)
    yield _line(_cells(ours, ours))
    for tool in (each for each in TOOLS if each.name in tools):
        venv = CACHE / f"peers-{tool.name}"
        problem = _install(tool, venv)
        if problem:
            yield f"{tool.name}: not measured, {problem}"
            continue
        try:
            yield _line(_cells(_theirs(site, tool, venv, count), ours))
        except (RuntimeError, AssertionError) as error:
            yield f"{tool.name}: not measured, {error}"
        finally:
            site.bare("clean")


def _line(cells: Sequence[str]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, (12, 8, 20, 7, 24, 12, 0), strict=True)).rstrip()


def _cells(result: Result, ours: Result) -> tuple[str, ...]:
    ratio = f"{result.check / ours.check:.1f}"
    costs = (f"{result.create:.2f} s", f"{result.check:.2f} s", ratio)
    return (result.name, *costs, result.finding, f"{result.busy:.1f} cores", result.missed)


def _ours(site: Site, count: int) -> Result:
    def run(verb: str, *words: str) -> Callable[[], tuple[float, str]]:
        return lambda: _run([GITVIRT, verb, *words, site.repository], codes=(0, 2))

    site.gitvirt("apply", "--yes")  # makes the pool, which the other tools are given too
    site.bare("clean")
    found = _measure(site, count, run("apply", "--yes"), run("plan", "-o", "json"), re.compile(r"vm/(vm-\d+)"))
    site.bare("clean")
    return Result("gitvirt", *found, "")


def _theirs(site: Site, tool: Tool, venv: Path, count: int) -> Result:
    folder = site.folder / tool.name
    fleet = Fleet(names=names(count), uri=site.uri, pool=POOL, folder=folder, venv=venv)
    for name, text in tool.files(fleet).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    own = {
        **{"HOME": str(folder), "LIBVIRT_DEFAULT_URI": site.uri, "ANSIBLE_CONFIG": str(folder / "ansible.cfg")},
        **{"LC_ALL": "C.UTF-8", "NO_COLOR": "1", "ANSIBLE_NOCOLOR": "1", "COLUMNS": "200"},
    }

    def run(command: Callable[[Fleet], Command]) -> Callable[[], tuple[float, str]]:
        return lambda: _run(command(fleet), environment=own)

    return Result(tool.name, *_measure(site, count, run(tool.create), run(tool.check), tool.flags), tool.missed)


def _measure(
    site: Site,
    count: int,
    create: Callable[[], tuple[float, str]],
    check: Callable[[], tuple[float, str]],
    flags: re.Pattern[str],
) -> tuple[float, float, frozenset[str], str, float]:
    busy = [busy_cores()]
    created, said = create()
    conn = libvirt.open(site.uri)
    made = len(conn.listAllDomains())
    assert made == count, f"it made {made} of {count} VMs: {said[-500:]}"
    checks = []
    for _ in range(CHECKS):
        busy.append(busy_cores())
        checks.append(check()[0])
    changed = names(count)[count // 2]
    domain = conn.lookupByName(changed)
    domain.setMemoryFlags(96 * 1024, libvirt.VIR_DOMAIN_AFFECT_CONFIG | libvirt.VIR_DOMAIN_MEM_MAXIMUM)
    domain.setMemoryFlags(96 * 1024, libvirt.VIR_DOMAIN_AFFECT_CONFIG)
    _, said = check()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", said)
    return created, median(checks), frozenset(flags.findall(plain)), changed, median(busy)


def _run(command: Command, codes: Sequence[int] = (0,), environment: dict[str, str] | None = None) -> tuple[float, str]:
    said: list[str] = []
    cost = process(command, codes=frozenset(codes), environment=environment, said=said)
    return cost.wall, said[0]


def _install(tool: Tool, venv: Path) -> str:
    """Nothing, or why it cannot be measured."""
    if tool.program:
        hint = "apt-get install --no-install-recommends virtinst"
        return "" if shutil.which(tool.program) else f"there is no {tool.program}: {hint}"
    ready = venv / "installed"
    if ready.exists():
        return ""
    CACHE.mkdir(parents=True, exist_ok=True)
    uv = shutil.which("uv") or "uv"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv],
        [uv, "pip", "install", "--quiet", "--python", venv / "bin" / "python", *tool.packages],
    ):
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        if done.returncode:
            return f"it could not be installed: {done.stderr.strip().splitlines()[-1:]}"
    ready.write_text(os.linesep.join(tool.packages), encoding="utf-8")
    return ""
