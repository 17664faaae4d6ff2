"""Taking samples side by side: contenders in turn, so that whatever else the machine does hits them alike.

In: contenders by name, each a function that does its work once. Out: `Samples` of each, and how busy the machine was
while nothing of ours ran. Called by the modules of this package that measure something.
"""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

from specs.structs import Struct, field

WINDOW = 0.25  # seconds of looking at the machine before each round


class Cost(Struct, frozen=True):
    """Seconds by the clock, and seconds of CPU of the process and its children (none where it was not counted)."""

    wall: float
    cpu: float = 0.0


Contender = Callable[[], Cost]


class Samples(Struct):
    """What one contender cost, sample by sample."""

    costs: list[Cost] = field(default_factory=list)

    @property
    def wall(self) -> float:
        return median(each.wall for each in self.costs)

    @property
    def cpu(self) -> float:
        return median(each.cpu for each in self.costs)


class Pair(Struct, frozen=True):
    """Ours against one other, measured in turn."""

    name: str
    ours: Samples
    other: Samples

    @property
    def ratio(self) -> float:
        return self.ours.wall / self.other.wall

    @property
    def cpu_ratio(self) -> float | None:
        """None where CPU was not counted."""
        return self.ours.cpu / self.other.cpu if self.other.cpu else None

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the ratios of samples that were taken one after the other."""
        ratios = [a.wall / b.wall for a, b in zip(self.ours.costs, self.other.costs, strict=True)]
        if len(ratios) < 2:
            return ratios[0], ratios[0]
        low, _, high = quantiles(ratios, n=4, method="inclusive")
        return low, high


class Comparison(Struct, frozen=True):
    """Ours against the others, in one run. `target` is the ratio to the first of them to stay under."""

    what: str
    pairs: tuple[Pair, ...]
    target: float | None
    busy: float
    """Cores that others used, in the median of all looks."""


def compare(
    what: str,
    contenders: Mapping[str, Contender],
    rounds: int,
    *,
    target: float | None = None,
    warm: bool = True,
    before: Callable[[], None] = lambda: None,
) -> Comparison:
    """`rounds` samples of each contender, in turn; ours is the first of them.

    `warm` runs each once before, unmeasured (files in the page cache, QEMU probed); `before` runs before each sample.
    """
    samples = {name: Samples() for name in contenders}
    looks: list[float] = []
    for round_ in range(-1 if warm else 0, rounds):
        looks.append(busy_cores())
        order = list(contenders.items())
        for name, contender in order if round_ % 2 else reversed(order):
            before()
            cost = contender()
            if round_ >= 0:
                samples[name].costs.append(cost)
    name, *others = contenders
    pairs = tuple(Pair(each, samples[name], samples[each]) for each in others)
    return Comparison(what, pairs, target, median(looks))


def process(
    argv: Sequence[str | Path],
    *,
    codes: frozenset[int] = frozenset((0,)),
    environment: Mapping[str, str] | None = None,
    said: list[str] | None = None,
) -> Cost:
    """One whole process, from fork to end; what it said is added to `said`.

    Raises RuntimeError, with its last words, if it ends with another exit code.
    """
    own = {**os.environ, **(environment or {})}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(
        [*map(str, argv)], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env=own
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in codes:
        words = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise RuntimeError(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n{words}")
    if said is not None:
        said.append(done.stdout + done.stderr)
    return Cost(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def busy_cores(window: float = WINDOW) -> float:
    """How many cores are in use, over a short while."""
    begin, began = _busy_ticks(), time.perf_counter()
    time.sleep(window)
    return (_busy_ticks() - begin) / os.sysconf("SC_CLK_TCK") / (time.perf_counter() - began)


def _busy_ticks() -> int:
    """Ticks of all cores that were neither idle nor waiting for disks."""
    ticks = [int(each) for each in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:9]]
    return sum(ticks) - ticks[3] - ticks[4]
