"""The ISO image of a cloud-init NoCloud seed, built in memory. Called by dispatch.py."""

from __future__ import annotations

import io
from collections.abc import Mapping


def iso(files: Mapping[str, str]) -> bytes:
    """An ISO 9660 image with Joliet and Rock Ridge names, volume label `cidata`. A few hundred KiB."""
    import pycdlib

    image = pycdlib.PyCdlib()
    image.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (name, text) in enumerate(sorted(files.items())):
        data = text.encode()
        image.add_fp(io.BytesIO(data), len(data), f"/FILE{number}.;1", rr_name=name, joliet_path=f"/{name}")
    out = io.BytesIO()
    image.write_fp(out)
    image.close()
    return out.getvalue()
