"""Units: exact both ways, and what cannot be read says what to write."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs import units
from specs.errors import BadValue


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512MiB", 512 * 2**20),
        ("20GiB", 20 * 2**30),
        ("1TiB", 2**40),
        ("1.5GiB", 3 * 2**29),
        ("20 GiB", 20 * 2**30),
        ("1000B", 1000),
        ("0B", 0),
    ],
)
def test_a_size_is_read_as_bytes(text: str, size: int) -> None:
    assert units.parse_size(text) == size


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("20GB", "write `20GiB`"),
        ("20G", "write `20GiB`"),
        ("512M", "write `512MiB`"),
        ("512mb", "write `512MiB`"),
        ("1.5T", "write `1.5TiB`"),
        ("20", "has no unit"),
        (20, "20 has no unit"),
        (True, "is not a size"),
        (None, "nothing is not a size"),
        ("", "is not a size"),
        ("-1GiB", "is not a size"),
        ("1e3GiB", "is not a size"),
        ("٣GiB", "is not a size"),
        ("0.3B", "not a whole number of bytes"),
        ("999999999PiB", "too large"),
        ("9" * 400 + "GiB", "is not a size"),
        ("100bytes", "write `100B`"),
        ("7parsecs", "is no unit of size"),
    ],
)
def test_an_unclear_size_is_refused_with_what_to_write(value: object, said: str) -> None:
    with pytest.raises(BadValue) as refused:
        units.parse_size(value)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15m", 900), ("7d", 604800), ("1h30m", 5400), ("2w", 1209600), (0, 0), ("0s", 0)],
)
def test_a_duration_is_read_as_seconds(text: object, seconds: int) -> None:
    assert units.parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (30, "write `30s`"),
        ("30", "not a duration"),
        ("30 s", "not a duration"),
        ("5M", "not a duration"),
        ("5y", "`y` is no unit of time"),
        (False, "not a duration"),
        ("1.5h", "not a duration"),
        ("99999999d", "too long"),
        ("", "not a duration"),
    ],
)
def test_an_unclear_duration_is_refused_with_what_to_write(value: object, said: str) -> None:
    with pytest.raises(BadValue) as refused:
        units.parse_duration(value)
    assert said in str(refused.value)


@given(st.integers(min_value=0, max_value=2**60))
def test_the_text_of_a_size_reads_back_as_the_same_size(size: int) -> None:
    assert units.parse_size(units.format_size(size)) == size


@given(st.integers(min_value=0, max_value=10**9))
def test_the_text_of_a_duration_reads_back_as_the_same_duration(seconds: int) -> None:
    assert units.parse_duration(units.format_duration(seconds)) == seconds


@given(st.integers(min_value=0, max_value=9999))
def test_the_text_of_a_percentage_reads_back_as_the_same_percentage(share: int) -> None:
    assert units.parse_percentage(units.format_percentage(share)) == share


@given(st.integers(min_value=1, max_value=2**50))
def test_the_text_of_a_size_is_the_shortest_whole_one(size: int) -> None:
    text = units.format_size(size)
    number = int("".join(each for each in text if each.isdigit()))
    assert number % 1024 or text.endswith("PiB")


PARSERS = [
    units.parse_size,
    units.parse_duration,
    units.parse_percentage,
    units.parse_mac,
    units.parse_subnet,
    units.parse_address,
]


@pytest.mark.parametrize("parse", PARSERS, ids=lambda parse: parse.__name__)
@given(value=st.one_of(st.text(), st.integers(), st.booleans(), st.none(), st.floats(), st.lists(st.text(max_size=3))))
def test_a_parser_reads_a_value_exactly_or_refuses_it(parse: Callable[[object], object], value: object) -> None:
    with suppress(BadValue):
        read = parse(value)
        assert parse(read if isinstance(read, str) else value) == read


@pytest.mark.parametrize("text", ["52:54:00:12:34:56", "52-54-00-12-34-56", "52:54:00:12:34:56".upper()])
def test_a_mac_is_lower_case_with_colons(text: str) -> None:
    assert units.parse_mac(text) == "52:54:00:12:34:56"


@pytest.mark.parametrize("text", ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", "52:54:00", "zz", 5])
def test_what_no_nic_can_have_is_no_mac(text: object) -> None:
    with pytest.raises(BadValue):
        units.parse_mac(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("192.168.150.1/24", "write `192.168.150.0/24`"),
        ("192.168.150.0", "write `192.168.150.0/24`"),
        ("nonsense", "such as"),
    ],
)
def test_a_subnet_with_host_bits_is_refused_with_the_right_one(text: str, said: str) -> None:
    with pytest.raises(BadValue) as refused:
        units.parse_subnet(text)
    assert said in str(refused.value)


def test_addresses_are_canonical() -> None:
    assert units.parse_address("2001:DB8:0::1") == "2001:db8::1"
    assert units.parse_subnet("2001:DB8::/64") == "2001:db8::/64"


@pytest.mark.parametrize("text", ["fe80::1%eth0", "192.168.1.1/24", "192.168.001.1", 3232235777, ""])
def test_what_is_no_plain_address_is_refused(text: object) -> None:
    with pytest.raises(BadValue):
        units.parse_address(text)
