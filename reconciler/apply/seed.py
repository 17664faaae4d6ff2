"""The ISO image that a guest finds at its first boot (NoCloud, answer files), built in memory.

Called by dispatch.py.
"""

from __future__ import annotations

import io
from collections.abc import Mapping

from reconciler.desired.cloudinit import IGNITION

_SECTOR = 512  # bytes
_LABEL = 11  # characters; what FAT, ISO 9660 and everybody who reads them can hold


def medium(files: Mapping[str, str], label: str) -> bytes:
    """What is uploaded: the image; an Ignition config as it is, in whole sectors, which JSON allows."""
    if label == IGNITION:
        text = files["config"].encode()
        return text + b" " * (-len(text) % _SECTOR)
    return iso(files, label)


def iso(files: Mapping[str, str], label: str) -> bytes:
    """An ISO 9660 image with Joliet and Rock Ridge names and that volume label. A few hundred KiB."""
    import pycdlib

    assert len(label) <= _LABEL, label
    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=label)
    for number, (name, text) in enumerate(sorted(files.items())):
        data = text.encode()
        image.add_fp(io.BytesIO(data), len(data), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return out.getvalue()
