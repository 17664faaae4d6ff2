"""HighAvailability: how much it matters that a VM runs. Read by placement, the reservation check, and restarts."""

from typing import Annotated, ClassVar

from pydantic import Field, Strict

from specs.model import Model, Unit, Yes, declared

Priority = Annotated[int, Strict(), Field(ge=1, le=100), Unit("number from 1 to 100")]


class HighAvailability(Model):
    """`highAvailability: true` is short for `{enabled: true}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("enabled",)

    enabled: Yes | None = declared("False takes it off again, where a default says otherwise.", effect="policy")
    priority: Priority | None = declared("Who comes first, where not all can run; 50 is built in.", effect="policy")
