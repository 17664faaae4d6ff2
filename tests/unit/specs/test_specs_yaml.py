"""YAML: 1.2 scalars with their places; whatever the bytes, findings and never a traceback."""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml.error import YAMLError

from specs.merge import bare
from specs.reading import events
from specs.reading.encoding import LARGEST_FILE
from specs.reading.events import LARGEST_SLOW_FILE
from specs.yaml import DEEPEST, Node, parse


def only(text: str) -> Node:
    parsed = parse("a.yaml", text.encode())
    assert not parsed.findings
    (document,) = parsed.documents
    return document


def fault(content: bytes | str) -> str:
    (finding,) = parse("a.yaml", content.encode() if isinstance(content, str) else content).findings
    return str(finding)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("Yes", "Yes"),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("", None),
        ("null", None),
        ("12", 12),
        ("-7", -7),
        ("0o17", 15),
        ("0x1F", 31),
        ("010", 10),
        ("1_000", "1_000"),
        ("12:30:45", "12:30:45"),
        ("52:54:00:12:34:56", "52:54:00:12:34:56"),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("2026-01-31", "2026-01-31"),
        ("0b11", "0b11"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("=", "="),
        ("0x", "0x"),
        (".", "."),
        ("-", [None]),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    assert bare(only(f"a: {text}" if text != "-" else "a:\n  -")) == ({"a": value} if value is not None else {})


def test_each_value_knows_its_place_and_in_mappings_that_of_its_key() -> None:
    node = only("a:\n  b: [1,\n      two]\n  c: {d: 3}\n")
    assert isinstance(node.value, dict)
    a = node.value["a"].value
    assert isinstance(a, dict)
    assert [str(a["b"].place), str(a["c"].place)] == ["a.yaml:2:3", "a.yaml:4:3"]
    assert isinstance(a["b"].value, list)
    assert [str(each.place) for each in a["b"].value] == ["a.yaml:2:7", "a.yaml:3:7"]


def test_an_alias_stands_where_it_is_used() -> None:
    node = only("a: &x {b: 1}\nc: *x\n")
    assert isinstance(node.value, dict)
    assert str(node.value["c"].place) == "a.yaml:2:1"
    assert bare(node) == {"a": {"b": 1}, "c": {"b": 1}}


FLOW = ["qemu:///system", "52:54:00:12:34:56", "fe80::1", "a:b"]


@pytest.mark.parametrize("text", FLOW)
def test_a_colon_within_a_value_needs_no_quotes_between_brackets(text: str) -> None:
    assert bare(only(f"a: {{b: {text}, c: [{text}]}}")) == {"a": {"b": text, "c": [text]}}


def test_both_parsers_tell_the_same_places() -> None:
    fast = only("a: {b: 'x:y', c: [1]}\nd: &x 2\ne: *x\n")
    slow = only("a: {b:  x:y , c: [1]}\nd: &x 2\ne: *x\n")
    assert repr(fast) == repr(slow)


@pytest.mark.parametrize("text", ["{a: b:c, d: '\ue000'}", '{a: b:c, d: "\\ue000"}', '{a: b:c, d: "\\U0000E000"}'])
def test_the_sign_that_shields_colons_may_be_in_the_text(text: str) -> None:
    assert bare(only(text)) == {"a": "b:c", "d": "\ue000"}


SIGNS = st.sampled_from(
    ["{", "}", "[", "]", ", ", ":", ": ", "a", "b", '"', "'", " ", "\n", "- ", "a:b", "'a'", '"a":', "#"]
)


@given(st.lists(SIGNS, max_size=14).map("".join))
def test_what_is_read_with_shielded_colons_is_what_the_slow_parser_reads(text: str) -> None:
    with suppress(YAMLError):
        shielded = [told(each) for each in events.shielded(text)]
        assert shielded == [told(each) for each in events.slow(text)]


def told(event: Any) -> tuple[Any, ...]:
    value = getattr(event, "value", None)
    plain = value is not None and event.implicit[0]
    return type(event), value, plain, event.start_mark.column if value else None


def test_a_large_file_with_such_colons_says_what_to_quote() -> None:
    assert "quote it, or split the file" in fault("{a: b:c, d: '\ue000'}\n" + "#" * LARGEST_SLOW_FILE)


def test_empty_documents_are_no_documents() -> None:
    assert parse("a.yaml", b"---\n---\n# nothing\n---\na: 1\n...\n").documents != []
    assert len(parse("a.yaml", b"---\n---\n# nothing\n---\na: 1\n...\n").documents) == 1
    assert parse("a.yaml", b"").documents == []


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    parsed = parse("a.yaml", b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert [bare(each) for each in parsed.documents] == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "a.yaml:3:1: `a` is written twice, first in line 1"),
        ("a: *b\n", "`*b` cannot be used here"),
        ("a: &b [*b]\n", "it would contain itself"),
        ("a: !!python/object/apply:os.system [ls]\n", "a.yaml:1:4: tag"),
        ("a: !secret x\n", "is not supported"),
        ("a: !!str 5\n", "is not supported"),
        ("!!map {a: 1}\n", "is not supported"),
        ("base: &b {x: 1}\na: {<<: *b}\n", "use `defaults`"),
        ("? [1, 2]\n: x\n", "a key must be plain text"),
        ("? {a: 1}\n: x\n", "a key must be plain text"),
        ("x: &k y\n*k : z\n", "a key must be plain text"),
        ("&k x: y\n", "an anchor on a key"),
        ("a: .inf\n", "is no value of any field"),
        ("a: " + "9" * 5000, "a number of 5000 digits"),
        ("a:\n\t- b\n", "a.yaml:2:1: not YAML: a tab where blanks have to be; indent by blanks"),
        ("a: b: c\n", "a `:` where none can be"),
        ("a: 1\nb: [1, 2\n", "a.yaml:3:1: not YAML: `,` or `]` is missing before this, a `[` is open since line 2"),
        ("a: {b: 1\nc: 2\n", "a.yaml:2:2: not YAML: `,` or `}` is missing before this, a `{` is open since line 1"),
        ('a: "\\ud800\\udc00"', "not YAML"),
        ("{a: b:c, 'b' :d, e: \"\\ud800\"}", "half a character"),
        ("a: {listen: ::1}\n", "a.yaml:1:13: not YAML: nothing can begin like this between brackets; quote it"),
        ('a: 1\nb: "open\nc: 1\n', "a.yaml:2:4: not YAML: this quote is never closed"),
        ("a: 'open\n---\nb: 1\n", "a.yaml:1:4: not YAML: this quote is never closed"),
        ('a: "C:\\images"\n', "mean nothing between double quotes; use single quotes"),
        ("a: - b\n", "a.yaml:1:4: not YAML: a `-` where no list can begin"),
        ("- a\nb: 1\n", "this line does not fit the list above it"),
        ("a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> x\n", "a.yaml:2:1: a merge conflict of Git is left here"),
        ("a: {{ b }}\n", "there are no templates"),
        ("a: @x\n", "not YAML: no value can begin with this character"),
        ("a: b\n c: d\n", "not YAML"),
        ("%YAML 9.9\n---\na: 1\n", "not YAML"),
        (b"a: 1\nb: c\x07\n", "a.yaml:2:5: not YAML: a control character"),
        ("a: 1\n---\n\ufeffb: 2\n", "a.yaml:3:1: a byte order mark inside the file"),
        (b"a: \xff\n", "a.yaml:1:4: byte 0xff is not UTF-8"),
        ("a: 1\nb: \xe4".encode() + b"caf\xe9\n", "a.yaml:2:8: byte 0xe9 is not UTF-8"),
        ("a: ä".encode("utf-16"), "this file is UTF-16"),
        ("a: ä".encode("utf-32"), "or UTF-32"),
        ("a: b".encode("utf-32-be"), "NUL bytes"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "this is no text in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "byte 0x89 is not UTF-8"),
        (b"#" * (LARGEST_FILE + 1), f"the limit is {LARGEST_FILE}"),
    ],
    ids=count(),
)
def test_what_cannot_be_read_is_one_finding_with_its_place(content: bytes | str, said: str) -> None:
    assert said in fault(content)


@pytest.mark.parametrize(
    "bomb", ["[" * 10_000, "[" * 500_000, "{a: " * 10_000, "- " * 10_000, "&a [" * 10_000, "{a: b:c, d: " * 9_000]
)
def test_deep_nesting_is_refused_before_it_can_do_harm(bomb: str) -> None:
    assert f"more than {DEEPEST} levels deep" in fault(bomb)


def test_as_deep_as_allowed_is_read() -> None:
    assert only("[" * DEEPEST + "]" * DEEPEST)
    assert "levels deep" in fault("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "aliases count for all that they repeat" in fault("\n".join(lines))


def test_a_flood_of_values_is_refused() -> None:
    assert "values in one file" in fault("[" + "1," * 200_000 + "]")


def test_documents_before_a_fault_are_still_there() -> None:
    parsed = parse("a.yaml", b"a: 1\n---\nb: [\n")
    assert [bare(each) for each in parsed.documents] == [{"a": 1}]
    assert len(parsed.findings) == 1


@given(st.binary(max_size=200))
def test_no_bytes_raise(content: bytes) -> None:
    parse("a.yaml", content)


@given(st.text(alphabet="ab:{}[],-&*!|>'\"#%@ \n\t?~0.", max_size=60))
def test_no_text_made_of_yaml_signs_raises(text: str) -> None:
    parsed = parse("a.yaml", text.encode())
    assert all(finding.where.file == "a.yaml" for finding in parsed.findings)
