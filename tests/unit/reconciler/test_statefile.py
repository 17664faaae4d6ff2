"""Files of the state directory: whoever changes one finds what others wrote a moment before."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.mark import Override
from reconciler.observe.holds import Holds
from reconciler.observe.overrides import Overrides

WRITERS, ROUNDS = 4, 10
HELD = Override(kind="hold", value="hold", author="ann", reason="", since=1)


@pytest.mark.parametrize("make", [Holds, Overrides])
def test_those_who_write_at_once_lose_nothing_of_each_other(
    make: Callable[[Path, str], Holds | Overrides], tmp_path: Path
) -> None:
    together = threading.Barrier(WRITERS)
    failed: list[BaseException] = []

    def put(writer: int) -> None:
        try:
            together.wait(60)
            for number in range(ROUNDS):
                make(tmp_path / "state", "r").put(f"host/kvm{writer}-{number}", HELD)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=put, args=(number,)) for number in range(WRITERS)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert not failed
    assert len(make(tmp_path / "state", "r").all()) == WRITERS * ROUNDS
