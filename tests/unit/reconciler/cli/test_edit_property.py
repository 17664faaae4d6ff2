"""Whatever a file looks like, an edit changes the value that it names, and no other line than it has to."""

from __future__ import annotations

import difflib
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.edit import files
from reconciler.edit.meaning import meaning
from reconciler.edit.path import assignment
from specs.errors import Location
from specs.resource import Metadata, Ref, Resource

ASSIGNMENTS = (
    "memory=3GiB",
    "cpu.count=7",
    "cpu.max=9",
    "disks[root].size=5GiB",
    "disks[new].size=5GiB",
    "disks[data].cache=none",
    "description=new one",
    "agent=true",
    "metadata.labels.tier=web",
)


class Author:
    """Writes VMs as people do: flow and block style, odd indentation, comments, blank lines."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def document(self, name: str) -> str:
        head = f"apiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {{name: {name}}}\nspec:\n"
        return head + self.mapping(self.spec(), self.random.choice([1, 2, 4]))

    def spec(self) -> dict[str, object]:
        pick = self.random.choice
        fields: dict[str, object] = {
            "memory": pick(["1GiB", "'1GiB'", '"1GiB"']),
            "cpu": pick([2, {"count": 2}, {"count": 2, "max": 4}]),
            "disks": [
                {"name": name, "size": "1GiB"} for name in self.random.sample(["root", "data", "x"], pick([1, 3]))
            ],
            "description": pick(["hello", '"a # b"', "'it''s'", "äöü"]),
        }
        names = self.random.sample(sorted(fields), self.random.randint(1, 4))
        return {name: fields[name] for name in names}

    def mapping(self, fields: dict[str, object], indent: int) -> str:
        return "".join(self.field(key, value, indent) for key, value in fields.items())

    def field(self, key: str, value: object, indent: int) -> str:
        space, note = " " * indent, self.random.choice(["", "", "  # note", " #x", "\t# tabbed"])
        if isinstance(value, int | str) or self.random.random() < 0.4:
            text = f"{space}{key}: {flow(value)}{note}\n"
        elif isinstance(value, dict):
            text = f"{space}{key}:{note}\n{self.mapping(value, indent + self.random.choice([1, 2, 4]))}"
        else:
            text = f"{space}{key}:{note}\n{self.items(value, indent + self.random.choice([0, 2]))}"
        return text + self.random.choice(["", "", "", "", "\n", f"{space}# comment\n", "# at the edge\n"])

    def items(self, values: object, indent: int) -> str:
        assert isinstance(values, list)
        found = ""
        for each in values:
            block = self.mapping(each, indent + 2).lstrip(" ")
            found += " " * indent + "- " + (block if self.random.random() < 0.5 else f"{flow(each)}\n")
        return found


def flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(each)}" for key, each in value.items()) + "}"
    return "[" + ", ".join(map(flow, value)) + "]" if isinstance(value, list) else str(value)


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(ASSIGNMENTS), st.integers(1, 3), st.booleans())
def test_an_edit_reaches_its_value_and_keeps_the_other_lines(random, argument, count, ended):
    author, text, lines = Author(random), "", []
    for number in range(count):
        text += "---\n" if text else ""
        lines.append(text.count("\n") + 1)
        text += author.document(f"v{number}")
    text = text if ended else text.rstrip("\n")
    number, wanted = random.randrange(count), assignment(argument)
    ref = Ref("VirtualMachine", f"v{number}")
    place = Location("f", lines[number], 1)
    resource = Resource(ref=ref, metadata=Metadata(name=ref.name), spec=None, declared={}, location=place)

    after, changes = files._changed("f", text, resource, wanted)

    values = meaning("f", after, ref).leaves
    assert values[ref, wanted.path] == wanted.value
    assert [change.path for change in changes] == [wanted.path]
    removed = [line for line in difflib.ndiff(text.splitlines(), after.splitlines()) if line.startswith("- ")]
    assert len(removed) <= 1
