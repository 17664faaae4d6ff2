"""`python -m tests.bench`: how fast gitvirt is, as ratios within one run. Asserts nothing. Needs root and Linux.

Brings up a lab with one real libvirt host (the guests need no operating system), measures ours and the other way in
turn, prints the table, takes everything down.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
from collections.abc import Iterable

from reconciler.cli.main import THRESHOLD
from tests.bench import placement
from tests.bench.draining import draining
from tests.bench.importing import importing
from tests.bench.peers.measure import peers
from tests.bench.peers.tools import TOOLS
from tests.bench.rows import changing, looking
from tests.bench.sample import Comparison
from tests.bench.site import site
from tests.bench.table import table
from tests.bench.upload import upload


def main() -> None:
    options = arguments()
    gc.set_threshold(*THRESHOLD)  # what is measured in this process is measured as the command does it
    if os.geteuid() != 0:
        sys.exit("The bench needs root: its libvirt host lives in namespaces of its own.")
    print(
        f"{platform.node()}: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()}"
    )
    for line in placement.lines():
        print(line, flush=True)
    found: list[Comparison] = []
    with site() as place:
        for count in options.sizes:
            found += _told(looking(place, count, options.rounds))
        found += _told(importing(place, max(options.sizes), max(2, options.rounds // 2)))
        if not options.looking:
            found += _told(changing(place, max(2, options.rounds // 2)))
            found += _told(upload(place, options.rounds))
        if options.peers:
            for line in peers(place, options.peer_vms, options.peers):
                print(line, flush=True)
    if not options.looking:
        found += _told(draining(max(2, options.rounds // 2)))
    print()
    print(table(found))


def _told(comparisons: Iterable[Comparison]) -> list[Comparison]:
    found = []
    for each in comparisons:
        found.append(each)
        print(table([each]).splitlines()[1], flush=True)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--sizes", type=_numbers, default=[100, 500], help="how many VMs to look at: 100,500")
    parser.add_argument("--rounds", type=int, default=7, help="samples of each contender")
    parser.add_argument("--looking", action="store_true", help="leave out creating, starting and stopping")
    every = ",".join(tool.name for tool in TOOLS)
    told = f"install and measure other tools too ({every}): minutes, 500 MB in .cache/bench"
    parser.add_argument("--peers", nargs="?", type=lambda text: text.split(","), const=every.split(","), help=told)
    parser.add_argument("--peer-vms", type=int, default=20, help="VMs for the comparison with other tools")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(each) for each in text.split(",") if each]


if __name__ == "__main__":
    main()
