"""`pytest tests/golden --update` writes the plans anew; read the difference before you commit it."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="write plan.txt of golden cases anew")
