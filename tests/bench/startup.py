"""`python -m tests.bench.startup`: what importing costs, per command and package. The figures of docs/decisions/0001.

Runs each command several times on a small repository whose host does not answer, and takes the least CPU time of each
module, so that what else the machine does counts little (`-X importtime` counts by the clock). Needs no root.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.bench.site import HEAD, VM

ROUNDS = 7
COMMANDS = ("--version", "validate", "plan")
LINE = re.compile(r"imported in (\d+) us: (\S+)")
COUNTING = """
import atexit, importlib._bootstrap as bootstrap, sys, time
load, inner, found = bootstrap._find_and_load, [0], []
def counted(name, importing):
    if name in sys.modules:
        return load(name, importing)
    began = time.thread_time_ns()
    inner.append(0)
    try:
        return load(name, importing)
    finally:
        took = time.thread_time_ns() - began
        found.append((took - inner.pop(), name))
        inner[-1] += took
bootstrap._find_and_load = counted
atexit.register(lambda: [print(f"imported in {took // 1000} us: {name}", file=sys.stderr) for took, name in found])
from reconciler.cli.main import main
main(sys.argv[1:])
"""
"""Counts the CPU time of each import without those inside of it; imports on other threads are none of a command's."""
SHOWN = 12


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="gitvirt-bench-") as name:
        settings, folder = Path(name, "settings.yaml"), Path(name, "repository")
        folder.mkdir()
        text = HEAD.format(uri="qemu+tls://127.0.0.1:1/system") + VM.format(name="web", state="stopped")
        (folder / "gitvirt.yaml").write_text(text, encoding="utf-8")
        settings.write_text(f"state: {name}/state\n", encoding="utf-8")
        subprocess.run(["git", "init", "--quiet", folder], check=True)
        for command in COMMANDS:
            words = [command] if command.startswith("-") else [command, str(folder)]
            show(command, least(words, {**os.environ, "GITVIRT_CONFIG": str(settings)}))


def least(words: list[str], environment: dict[str, str]) -> dict[str, int]:
    """Microseconds of CPU of each module that the command imports, without those that it imports itself."""
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    found: dict[str, int] = {}
    for _ in range(ROUNDS):
        argv = [sys.executable, "-c", COUNTING, *words]
        done = subprocess.run(argv, capture_output=True, text=True, check=False, env=environment)
        for cost, module in LINE.findall(done.stderr):
            found[module] = min(int(cost), found.get(module, int(cost)))
    return found


def show(command: str, modules: dict[str, int]) -> None:
    """The command's line, then the dearest packages."""
    packages: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for module, cost in modules.items():
        top = module.partition(".")[0]
        name = top if top not in sys.stdlib_module_names else "the standard library"
        packages[name] += cost
        sizes[name] += 1
    print(f"\n{command}: {len(modules)} modules, {sum(modules.values()) / 1000:.0f} ms")
    for name, cost in packages.most_common(SHOWN):
        print(f"  {cost / 1000:7.1f} ms  {sizes[name]:4d} modules  {name}")


if __name__ == "__main__":
    main()
