"""Compound values: what YAML may say, and the one canonical text of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs import compound
from specs.errors import BadValue

GIB = 1 << 30


@pytest.mark.parametrize(
    ("parse", "written", "canonical"),
    [
        (compound.parse_numbers, "0-3,^2, 8", "0-1,3,8"),
        (compound.parse_numbers, 5, "5"),
        (compound.parse_assignments, {"1": 4, "0": "2,3"}, "0=2-3;1=4"),
        (compound.parse_assignments, {"0-1": "7"}, "0=7;1=7"),
        (compound.parse_assignments, {}, ""),
        (compound.parse_switches, ["-svm", "aes", "+avx"], "+aes,+avx,-svm"),
        (compound.parse_switches, [], ""),
        (compound.parse_options, {"rtc": "catchup", "hpet": False, "tsc": True}, "hpet=no,rtc=catchup,tsc=yes"),
        (compound.parse_options, ["spinlocks=8191", "relaxed"], "relaxed,spinlocks=8191"),
        (compound.parse_options, {"relaxed": None}, "relaxed"),
        (compound.parse_cells, [{"cpus": "0-1", "memory": "1GiB"}, {"cpus": 2, "memory": "2GiB"}], "0-1=1GiB;2=2GiB"),
    ],
)
def test_what_is_written_becomes_one_canonical_text_which_reads_as_itself(
    parse: Callable[[object], str], written: object, canonical: str
) -> None:
    assert parse(written) == canonical
    assert not canonical or parse(canonical) == canonical


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        (compound.parse_numbers, ""),
        (compound.parse_numbers, "3-1"),
        (compound.parse_numbers, "a"),
        (compound.parse_numbers, "0,^0"),
        (compound.parse_numbers, "0-99999"),
        (compound.parse_numbers, True),
        (compound.parse_numbers, None),
        (compound.parse_assignments, ["0=1"]),
        (compound.parse_assignments, {"0": "1", "0-1": "2"}),
        (compound.parse_assignments, {"x": "1"}),
        (compound.parse_assignments, "0"),
        (compound.parse_switches, ["+aes", "-aes"]),
        (compound.parse_switches, ["a es"]),
        (compound.parse_switches, [1]),
        (compound.parse_switches, 1),
        (compound.parse_options, {"hpet": "a b"}),
        (compound.parse_options, {"": "x"}),
        (compound.parse_options, ["a=b=c"]),
        (compound.parse_options, ["a", "a"]),
        (compound.parse_options, [3]),
        (compound.parse_cells, [{"cpus": "0"}]),
        (compound.parse_cells, [{"cpus": "0", "memory": "0B"}]),
        (compound.parse_cells, [{"cpus": "0", "memory": "1000B"}]),
        (compound.parse_cells, [{"cpus": "0", "memory": 5}]),
        (compound.parse_cells, 5),
    ],
)
def test_what_makes_no_sense_is_refused(parse: Callable[[object], str], written: object) -> None:
    with pytest.raises(BadValue):
        parse(written)


@given(st.frozensets(st.integers(0, 4095), min_size=1, max_size=40))
def test_a_set_of_numbers_survives_its_text(members: frozenset[int]) -> None:
    assert compound.numbers(compound.format_numbers(members)) == members


@given(st.dictionaries(st.integers(0, 300), st.frozensets(st.integers(0, 63), min_size=1).map(compound.format_numbers)))
def test_assignments_survive_their_text(found: dict[int, str]) -> None:
    assert compound.assignments(compound.format_assignments(found)) == found


def test_cells_survive_their_text() -> None:
    found = [("0-1", GIB), ("2-3", 512 << 20)]
    assert compound.cells(compound.format_cells(found)) == found
