"""Connections and calls with deadlines, on libvirt's own test driver and on sockets that never answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from drivers import errors
from drivers.libvirt.access import Access
from drivers.libvirt.connect import HOST_LIMIT, Connections

SOON = 0.05  # seconds


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections("kvm1", Access(uri="test:///default"))
    yield made
    made.close()


@pytest.fixture
def hung() -> Iterator[threading.Event]:
    """What a hanging call waits for; set at the end, so that its thread goes home."""
    event = threading.Event()
    yield event
    event.set()


def test_a_call_gives_what_libvirt_gives(connections: Connections) -> None:
    with connections.reads() as conn:
        assert [each.name() for each in connections.call("list", conn.listAllDomains, 0)] == ["test"]


def test_a_failed_call_is_an_error_of_ours_that_names_host_and_operation(connections: Connections) -> None:
    with connections.reads() as conn, pytest.raises(errors.Missing, match="kvm1: look: Domain not found"):
        connections.call("look", conn.lookupByName, "nobody")


def test_an_error_of_our_own_passes_through_a_call(connections: Connections) -> None:
    def refuse() -> None:
        raise errors.Refused("kvm1", "try", "no")

    with connections.changes(), pytest.raises(errors.Refused, match="try: no"):
        connections.call("other", refuse)


def test_a_late_read_is_unreachable_and_its_connection_is_not_used_again(
    connections: Connections, hung: threading.Event
) -> None:
    with connections.reads() as first, pytest.raises(errors.Unreachable, match="no answer within"):
        connections.call("look", hung.wait, deadline=SOON)
    with connections.reads() as second:
        assert second is not first
        assert connections.call("look", second.getHostname)


@pytest.mark.parametrize("purpose", ["changes", "long"])
def test_a_late_change_is_unknown(connections: Connections, hung: threading.Event, purpose: str) -> None:
    with getattr(connections, purpose)(), pytest.raises(errors.Unknown):
        connections.call("start vm/web", hung.wait, deadline=SOON)


def test_losing_the_connection_for_reads_is_told(connections: Connections, hung: threading.Event) -> None:
    told: list[bool] = []
    connections.on_lost = lambda: told.append(True)
    with connections.changes(), pytest.raises(errors.Unknown):
        connections.call("change", hung.wait, deadline=SOON)
    assert not told
    with connections.reads(), pytest.raises(errors.Unreachable):
        connections.call("look", hung.wait, deadline=SOON)
    assert told


def test_reads_changes_and_long_jobs_have_connections_of_their_own(connections: Connections) -> None:
    with connections.reads() as reads, connections.changes() as changes, connections.long() as one:
        with connections.long() as two:
            assert len({id(each) for each in (reads, changes, one, two)}) == 4
        with connections.reads() as again:
            assert again is reads


def test_a_call_goes_over_the_innermost_connection_of_its_thread(
    connections: Connections, hung: threading.Event
) -> None:
    with connections.changes() as outer:
        with connections.reads(), pytest.raises(errors.Unreachable):
            connections.call("look", hung.wait, deadline=SOON)
        assert connections.call("look", outer.getHostname)
        with pytest.raises(errors.Unknown):
            connections.call("change", hung.wait, deadline=SOON)


def test_gathered_results_come_in_order_and_each_failure_in_its_place(connections: Connections) -> None:
    with connections.reads() as conn:
        names = ["test", "nobody"] * 30
        found = connections.gather("look", lambda name: conn.lookupByName(name).name(), names)
    assert [each if isinstance(each, str) else type(each) for each in found] == ["test", errors.Missing] * 30


def test_what_is_late_in_a_gathering_is_an_error_and_the_rest_is_there(
    connections: Connections, hung: threading.Event
) -> None:
    with connections.reads():
        found = connections.gather("look", lambda late: late and hung.wait(), [False, True, False], deadline=1.0)
    assert [type(each) for each in found] == [bool, errors.Unreachable, bool]


def test_an_answer_is_there_while_the_next_call_is_under_way(connections: Connections, hung: threading.Event) -> None:
    with connections.reads():
        answers = connections.answers("look", lambda late: late and hung.wait(), [False, True])
        assert next(answers) == (0, False)
        hung.set()
        assert next(answers) == (1, True)


def test_calls_that_hang_take_up_their_host_and_then_the_next_says_so(hung: threading.Event) -> None:
    with closing(Connections("kvm1", Access(uri="test:///default"))) as connections:
        for _ in range(HOST_LIMIT):
            with connections.reads(), pytest.raises(errors.Unreachable, match="no answer"):
                connections.call("look", hung.wait, deadline=0.001)
        with connections.reads(), pytest.raises(errors.Unreachable, match="still hang"):
            connections.call("look", hung.wait, deadline=SOON)


@pytest.mark.parametrize("many", [False, True])
def test_closing_ends_the_waiting(connections: Connections, hung: threading.Event, many: bool) -> None:
    started, ended = threading.Event(), []

    def wait() -> None:
        def call() -> None:
            started.set()
            hung.wait()

        try:
            with connections.changes():
                connections.gather("change", lambda _: call(), [1]) if many else connections.call("change", call)
        except errors.DriverError as error:
            ended.append(type(error))

    thread = threading.Thread(target=wait)
    thread.start()
    assert started.wait(10)
    connections.close()
    thread.join(10)
    assert ended == [errors.Unreachable]
    with pytest.raises(errors.Unreachable, match="closed"), connections.reads():
        pass


def test_a_host_that_never_answers_is_unreachable_after_the_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"qemu+tcp://127.0.0.1:{server.getsockname()[1]}/system"
        connections = Connections("kvm1", Access(uri=address), connect_wait=SOON)
        with pytest.raises(errors.Unreachable, match="no connection within"), connections.reads():
            pass


def test_a_host_that_refuses_is_unreachable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    connections = Connections("kvm1", Access(uri=f"qemu+tcp://127.0.0.1:{port}/system"))
    with pytest.raises(errors.Unreachable, match="refused"), connections.reads():
        pass


def test_missing_certificates_are_denied() -> None:
    connections = Connections("kvm1", Access(uri="qemu+tls://127.0.0.1/system", pki=Path("/nowhere")))
    with pytest.raises(errors.Denied, match="/nowhere"), connections.reads():
        pass


def test_all_who_wait_for_a_dead_host_fail_with_the_first_attempt() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        address = f"qemu+tcp://127.0.0.1:{server.getsockname()[1]}/system"
        connections = Connections("kvm1", Access(uri=address), connect_wait=1.0)
        failed: list[str] = []

        def attempt() -> None:
            try:
                with connections.reads():
                    pass
            except errors.Unreachable as error:
                failed.append(error.detail)

        threads = [threading.Thread(target=attempt) for _ in range(6)]
        for each in threads:
            each.start()
        for each in threads:
            each.join(5)
        assert len(failed) == 6
        server.setblocking(False)
        server.accept()[0].close()
        with pytest.raises(BlockingIOError):  # nobody else knocked
            server.accept()


def test_connections_for_long_jobs_open_side_by_side() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=8) as server:
        address = f"qemu+tcp://127.0.0.1:{server.getsockname()[1]}/system"
        connections = Connections("kvm1", Access(uri=address), connect_wait=60)

        def attempt() -> None:
            with suppress(errors.Unreachable), connections.long():
                pass

        threads = [threading.Thread(target=attempt) for _ in range(2)]
        for each in threads:
            each.start()
        server.settimeout(20)
        knocks = [server.accept()[0] for _ in threads]  # the second comes although the first has no answer yet
        for knock in knocks:
            knock.close()
        for each in threads:
            each.join(20)
