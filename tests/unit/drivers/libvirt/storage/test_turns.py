"""Turns on a pool: adding volumes happens together, all else alone."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager

import pytest

from drivers.libvirt.storage.turns import Turns

SOON, NEVER = 5.0, 0.0


@pytest.mark.parametrize(
    ("held", "asked", "granted"),
    [("adding", "adding", True), ("adding", "alone", False), ("alone", "adding", False), ("alone", "alone", False)],
)
def test_only_those_who_add_share_a_pool(held: str, asked: str, granted: bool) -> None:
    turns = Turns()
    with _turn(turns, held, "data") as first, _turn(turns, asked, "data", NEVER) as second:
        assert (first, second) == (True, granted)


@pytest.mark.parametrize("held", ["adding", "alone"])
@pytest.mark.parametrize("asked", ["adding", "alone"])
def test_a_turn_that_was_given_back_or_refused_leaves_the_pool_free(held: str, asked: str) -> None:
    turns = Turns()
    with _turn(turns, held, "data"), _turn(turns, "alone", "data", NEVER) as refused:
        assert not refused
    with _turn(turns, asked, "data", NEVER) as mine:
        assert mine


def test_pools_do_not_wait_for_each_other() -> None:
    turns = Turns()
    with _turn(turns, "alone", "data"), _turn(turns, "alone", "iso", NEVER) as mine:
        assert mine


def test_an_error_gives_the_turn_back() -> None:
    turns = Turns()
    with pytest.raises(ValueError), _turn(turns, "alone", "data"):
        raise ValueError
    with _turn(turns, "adding", "data", NEVER) as mine:
        assert mine


def test_who_wants_to_be_alone_goes_before_those_who_come_later() -> None:
    turns = Turns()
    order: list[str] = []
    asked = threading.Event()

    def alone() -> None:
        asked.set()
        with _turn(turns, "alone", "data") as mine:
            assert mine
            order.append("alone")

    def late() -> None:
        with _turn(turns, "adding", "data") as mine:
            assert mine
            order.append("late")

    threads = [threading.Thread(target=alone), threading.Thread(target=late)]
    with _turn(turns, "adding", "data"):
        threads[0].start()
        assert asked.wait(SOON)
        while not turns._want_alone["data"]:
            pass
        threads[1].start()
        with _turn(turns, "adding", "data", NEVER) as mine:
            assert not mine
    for each in threads:
        each.join(SOON)
    assert order == ["alone", "late"]


def _turn(turns: Turns, kind: str, pool: str, patience: float = SOON) -> AbstractContextManager[bool]:
    return turns.adding(pool, patience) if kind == "adding" else turns.alone(pool, patience)
