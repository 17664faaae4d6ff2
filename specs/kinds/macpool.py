"""MacPool: the MAC addresses that new NICs get."""

from typing import Annotated

from pydantic import BeforeValidator, Field

from specs.kinds.common import Line
from specs.macranges import parse_range
from specs.model import Model, Unit, Yes, declared

MacRange = Annotated[str, BeforeValidator(parse_range), Unit("FIRST-LAST, two MAC addresses")]


class MacPool(Model):
    """MAC addresses for the new NICs of a data center or cluster. A MAC that a NIC has already always stays."""

    description: Line | None = declared("Text for people.", effect="policy")
    ranges: Annotated[tuple[MacRange, ...], Field(min_length=1), Unit("list")] = declared(
        "Where new NICs take the next free address from, in this order.", effect="policy", required=True
    )
    allow_duplicates: Yes | None = declared(
        "A declared MAC may be used twice; addresses that are given out never are.", effect="policy"
    )
