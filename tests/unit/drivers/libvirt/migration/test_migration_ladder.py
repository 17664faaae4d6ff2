"""The downtime ladder: what the monitor does from look to look."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.libvirt.migration.monitor import BEGINNING, STALLED, Act, Ladder, progress_of
from drivers.moving import Migration, Progress


def climb(looks: list[tuple[int, int]], **values: Any) -> list[tuple[str, int]]:
    """(what, downtime) of each act, for looks of (memory iteration, MiB that remain), one a second."""
    ladder = Ladder(Migration(uuid="u", expects=1, **values))
    acts: list[Act | None] = []
    for second, (iteration, remaining) in enumerate(looks):
        seen = Progress(total=100 << 20, remaining=remaining << 20, iteration=iteration)
        acts.append(ladder.step(seen, float(second)))
    return [(each.what, each.downtime) for each in acts if each]


LADDER = ((0, 100), (1, 150), (3, 300))


@pytest.mark.parametrize(
    ("iterations", "acts"),
    [
        ([0], []),
        ([1], [("downtime", 100)]),
        ([1, 1, 2, 3], [("downtime", 100), ("downtime", 150)]),
        ([1, 4], [("downtime", 100), ("downtime", 300)]),
        ([4, 5, 6], [("downtime", 300), ("abort", 0)]),
        ([4, 4, 4, 4], [("downtime", 300)]),
    ],
)
def test_the_downtime_rises_with_the_passes_over_the_memory(iterations: list[int], acts: list[tuple[str, int]]) -> None:
    looks = [(iteration, 90 - at) for at, iteration in enumerate(iterations)]
    assert climb(looks, ladder=LADDER) == acts


@pytest.mark.parametrize(
    ("resort", "acts"), [("suspend", [("downtime", 5000)]), ("postcopy", [("postcopy", 0)]), ("abort", [("abort", 0)])]
)
def test_the_last_resort_comes_once_when_the_last_rung_had_its_chance(resort: str, acts: list[tuple[str, int]]) -> None:
    looks = [(4, 50), (5, 49), (6, 48), (7, 47)]
    found = climb(looks[:3], ladder=LADDER, last_resort=resort, last_downtime=5000)
    assert found == [("downtime", 300), *acts]
    assert climb(looks, ladder=LADDER, last_resort=resort, last_downtime=5000)[:2] == found


def test_the_last_resort_waits_for_the_last_rung() -> None:
    looks = [(iteration, 90 - iteration) for iteration in range(1, 9)]
    assert climb(looks, ladder=((0, 100), (9, 300)), last_resort="postcopy") == [("downtime", 100)]


def test_a_standstill_ends_it_also_after_the_guest_may_stand_still_for_long() -> None:
    looks = [(4, 50), (5, 49), (6, 48), *[(7, 48)] * 4]
    found = climb(looks, ladder=LADDER, last_resort="suspend", last_downtime=5000, timeout=3)
    assert found[:3] == [("downtime", 300), ("downtime", 5000), ("abort", 0)]


def test_without_a_ladder_only_a_standstill_ends_it() -> None:
    assert climb([(each + 1, 50) for each in range(STALLED)]) == []
    assert climb([(each + 1, 50) for each in range(STALLED + 1)]) == [("abort", 0)]


def test_a_standstill_is_the_time_without_a_new_low() -> None:
    assert climb([(1, 50), (1, 40), (1, 60), (1, 39), (1, 45), (1, 39)], timeout=3) == []
    assert climb([(1, 50), (1, 40), (1, 60), (1, 50), (1, 45)], timeout=3) == [("abort", 0)]


def test_nothing_ends_a_migration_in_post_copy() -> None:
    looks = [(4, 50), (5, 49), (6, 48), *[(7, 48)] * 20]
    assert climb(looks, ladder=LADDER, last_resort="postcopy", timeout=3) == [("downtime", 300), ("postcopy", 0)]


def test_the_time_until_memory_goes_over_is_a_standstill_only_when_it_is_very_long() -> None:
    ladder = Ladder(Migration(uuid="u", expects=1, timeout=3))
    acts = [ladder.step(Progress(), float(second)) for second in range(BEGINNING + 1)]
    assert not any(acts[:BEGINNING])
    assert acts[BEGINNING] is not None


def test_memory_that_comes_after_the_disks_is_no_step_back() -> None:
    disks, memory = [(0, 50), (0, 1)], [(1, 90 - at) for at in range(10)]
    assert climb([*disks, *memory], timeout=3) == []
    assert climb([*disks, (0, 1), (0, 1), (0, 1)], timeout=3) == [("abort", 0)]


def test_progress_is_read_from_what_libvirt_tells_and_nothing_else() -> None:
    assert progress_of({"type": 2, "operation": 5}).phase == "starting"
    stats = {"time_elapsed": 5, "data_total": 9, "data_processed": 7, "data_remaining": 2, "memory_iteration": 3}
    assert progress_of({**stats, "downtime": 30}) == Progress(
        elapsed_ms=5, total=9, processed=7, remaining=2, iteration=3, downtime_ms=30, phase="copying"
    )
    assert progress_of({**stats, "memory_postcopy_requests": 1}).phase == "post-copy"
