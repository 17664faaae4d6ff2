"""The socket on which `gitvirt sync` rings."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from reconciler.daemon.doorbell import Doorbell, ring


@pytest.mark.parametrize("depth", [0, 10], ids=["near", "deeper than a socket's path may be long"])
def test_who_rings_is_answered(tmp_path: Path, depth: int) -> None:
    folder = tmp_path.joinpath(*["a folder with a long name"] * depth)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "daemon.sock"
    bell = Doorbell(path, lambda asked: {"heard": asked["ask"]})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ring(str(path), {"ask": "sync"}, 10) == {"heard": "sync"}
    bell.close()
    assert not path.exists()
    with pytest.raises(OSError):
        ring(str(path), {"ask": "sync"}, 10)


def test_a_socket_that_a_killed_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "daemon.sock"
    path.touch()
    bell = Doorbell(path, lambda asked: {"heard": True})
    assert ring(str(path), {}, 10) == {"heard": True}
    bell.close()
