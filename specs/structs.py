"""The classes of values: msgspec's Struct, and a `replace` of it that mypy checks field by field.

    class Disk(Struct, frozen=True, kw_only=True):
        name: str
        size: int = 0

A Struct is made 40 times faster than a frozen dataclass with slots (docs/decisions/0017); a command makes 250 of them.
What must stay out of `repr` (a secret) needs a `__repr__` of its own. Used everywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct as Struct
from msgspec import field as field

if TYPE_CHECKING:
    from dataclasses import replace as replace  # mypy knows the fields of what it is given; msgspec's takes anything
else:
    from msgspec.structs import replace as replace
