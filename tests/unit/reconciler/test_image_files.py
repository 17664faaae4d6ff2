"""The file behind an image, as it is uploaded."""

from __future__ import annotations

import hashlib
import io

import pytest

from drivers.errors import Refused
from reconciler.images import _PIECE, FileSource

CONTENT = bytes(range(256)) * (3 * _PIECE // 256) + b"end"
SUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"


def test_asking_for_the_size_disturbs_no_reading() -> None:
    source = FileSource(file=io.BytesIO(CONTENT), checksum=SUM, name="x")
    read = b""
    for piece in source.chunks():
        read += piece
        assert source.size == len(CONTENT)
    assert read == CONTENT


def test_other_bytes_are_refused_at_the_end() -> None:
    source = FileSource(file=io.BytesIO(CONTENT + b"more"), checksum=SUM, name="x")
    with pytest.raises(Refused, match="x is"):
        list(source.chunks())
