"""One writer, proven with real processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from reconciler import lock
from reconciler.errors import LockedError

ID = "9a3c2d1e-0000-4000-8000-000000000001"


@pytest.fixture
def start(tmp_path):
    """Starts a process that enters `lock.<what>` and says so; it leaves when its stdin closes."""
    started: list[subprocess.Popen[str]] = []

    def run(what: str) -> subprocess.Popen[str]:
        code = (
            "import sys\nfrom pathlib import Path\nfrom reconciler import lock\n"
            f"with lock.{what}:\n    print('in', flush=True)\n    sys.stdin.read()\n"
        ).replace("FOLDER", f"Path({str(tmp_path)!r}), {ID!r}")
        pipe = subprocess.PIPE
        process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "in\n"
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_a_second_writer_is_refused_and_told_who_the_first_is(start, tmp_path):
    first = start("writer(FOLDER, 'apply')")
    with (
        pytest.raises(LockedError, match=rf"`gitvirt apply`, pid {first.pid}, since 20"),
        lock.writer(tmp_path, ID, "apply"),
    ):
        pass


def test_who_is_patient_gets_the_lock_when_the_first_is_done(start, tmp_path):
    first = start("writer(FOLDER, 'apply')")
    threading.Timer(0.1, first.communicate).start()
    with lock.writer(tmp_path, ID, "migrate", patience=60):
        assert first.wait(60) == 0  # it had to end first


def test_another_repository_is_not_locked(start, tmp_path):
    start("writer(FOLDER, 'apply')")
    with lock.writer(tmp_path, "another", "apply"):
        pass


@pytest.mark.parametrize("end", ["kill", "terminate", "leave"])
def test_the_lock_is_free_however_its_holder_ends(start, tmp_path, end):
    first = start("writer(FOLDER, 'apply')")
    if end == "leave":
        first.communicate()
    else:
        getattr(first, end)()
        first.wait()
    with lock.writer(tmp_path, ID, "apply"):
        pass


def test_the_lock_is_free_after_an_error_inside(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.writer(tmp_path, ID, "apply"):
        _ = 1 / 0
    with lock.writer(tmp_path, ID, "apply"):
        pass


def test_a_program_that_the_holder_starts_does_not_keep_the_lock(tmp_path):
    with lock.writer(tmp_path, ID, "apply"):
        sleeper = subprocess.Popen(["sleep", "60"])
    try:
        with lock.writer(tmp_path, ID, "apply"):
            pass
    finally:
        sleeper.kill()
        sleeper.wait()


def test_what_a_dead_holder_left_in_the_file_is_not_believed(start, tmp_path):
    first = start("writer(FOLDER, 'apply')")
    first.kill()
    first.wait()
    left = (tmp_path / f"lock-{ID}").read_text()
    second = start("writer(FOLDER, 'apply')")
    (tmp_path / f"lock-{ID}").write_text(left)
    with pytest.raises(LockedError, match="another gitvirt process"), lock.writer(tmp_path, ID, "apply"):
        pass
    assert str(first.pid) in left
    assert second.poll() is None


def test_an_id_cannot_lead_out_of_the_folder(tmp_path):
    folder = tmp_path / "state"
    with lock.writer(folder, "../../etc/x", "apply"):
        pass
    assert [each.name for each in folder.iterdir()] == ["lock-______etc_x"]


def test_a_running_daemon_is_found_with_its_socket_and_apply_is_refused(start, tmp_path):
    daemon = start("heartbeat(FOLDER, '/run/gitvirt.sock')")
    found = lock.daemon(tmp_path, ID)
    assert (found.pid, found.socket) == (daemon.pid, "/run/gitvirt.sock")
    with pytest.raises(LockedError, match=r"gitvirt sync.*--take-over"):
        lock.refuse_beside_daemon(tmp_path, ID)
    with pytest.raises(LockedError, match="already"), lock.heartbeat(tmp_path, ID):
        pass


@pytest.mark.parametrize("end", ["kill", "leave"])
def test_a_daemon_that_ended_is_not_believed_and_a_new_one_starts(start, tmp_path, end):
    first = start("heartbeat(FOLDER)")
    if end == "kill":
        first.kill()
        first.wait()
    else:
        first.communicate()
    assert lock.daemon(tmp_path, ID) is None
    lock.refuse_beside_daemon(tmp_path, ID)
    second = start("heartbeat(FOLDER)")
    assert lock.daemon(tmp_path, ID).pid == second.pid


def test_another_process_with_the_number_of_the_daemon_is_not_the_daemon(start, tmp_path):
    daemon = start("heartbeat(FOLDER)")
    file = tmp_path / f"daemon-{ID}.json"
    assert lock.daemon(tmp_path, ID) is not None
    file.write_text(file.read_text().replace('"started": ', '"started": 1'))
    assert lock.daemon(tmp_path, ID) is None
    assert daemon.poll() is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": 1}', "rubbish"])
def test_a_heartbeat_that_cannot_be_read_is_no_daemon(tmp_path: Path, text):
    (tmp_path / f"daemon-{ID}.json").write_text(text)
    assert lock.daemon(tmp_path, ID) is None
