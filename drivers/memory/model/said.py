"""What the simulated libvirt says when it will not do something.

The model knows neither host nor operation; `drivers.memory.calls` adds both and raises the driver error.
"""

from __future__ import annotations

from drivers.errors import DriverError


class Said(Exception):
    """`error` is the class of drivers.errors that the caller shall see, `detail` its text."""

    def __init__(self, error: type[DriverError], detail: str) -> None:
        super().__init__(detail)
        self.error, self.detail = error, detail
