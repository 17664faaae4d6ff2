"""Fixtures of the flow tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.operator import Operator
from tests.flow.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


@pytest.fixture
def alice(site: Site) -> Operator:
    """An operator at the site."""
    return Operator(site)
