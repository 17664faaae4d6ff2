"""The threads that calls run on."""

import threading

import pytest

from drivers.libvirt.calls import Workers, aside


def test_more_calls_than_the_budget_are_all_made() -> None:
    workers = Workers(budget=3)
    futures = [workers.submit(lambda number=number: number * 2) for number in range(50)]
    assert [each.result(10) for each in futures] == [number * 2 for number in range(50)]


def test_never_more_calls_than_the_budget_run_at_once() -> None:
    workers, running, most, lock = Workers(budget=3), 0, 0, threading.Lock()
    go = threading.Event()

    def call() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(10)
        with lock:
            running -= 1

    futures = [workers.submit(call) for _ in range(9)]
    go.set()
    for each in futures:
        each.result(10)
    assert 1 <= most <= 3


def test_an_exception_reaches_whoever_waits_and_the_thread_serves_on() -> None:
    workers = Workers(budget=1)

    def fail() -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        workers.submit(fail).result(10)
    assert workers.submit(lambda: "next").result(10) == "next"


def test_threads_end_without_work_and_start_again_for_more() -> None:
    workers = Workers(budget=2, idle=0.01)
    first = workers.submit(threading.current_thread).result(10)
    first.join(10)
    assert not first.is_alive()
    assert workers.submit(lambda: "again").result(10) == "again"


def test_the_end_of_a_call_is_told_before_its_result() -> None:
    told: list[str] = []
    assert Workers().submit(lambda: list(told), lambda: told.append("after")).result(10) == []
    assert told == ["after"]


def test_threads_do_not_keep_the_process() -> None:
    assert Workers().submit(lambda: threading.current_thread().daemon).result(10)


def test_work_aside_may_wait_for_workers_even_if_all_of_them_wait_too() -> None:
    workers = Workers(budget=1)
    outer = [aside("outer", lambda: workers.submit(lambda: "inner").result(10)) for _ in range(5)]
    assert [each.result(10) for each in outer] == ["inner"] * 5


def test_an_exception_of_work_aside_reaches_whoever_asks_for_its_result() -> None:
    def fail() -> None:
        raise ValueError("as it was")

    with pytest.raises(ValueError, match="as it was"):
        aside("failing", fail).result(10)
