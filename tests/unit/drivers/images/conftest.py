"""Fixtures of the tests of drivers/images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.imageserver import Server, Shop, serving


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path / "cache")
