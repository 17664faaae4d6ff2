"""What README, docs and examples show is true: their YAML loads, and their commands and options exist."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler import settings
from reconciler.cli.commands import COMMANDS
from reconciler.cli.main import load as command_of
from specs.errors import LoadFailed
from specs.kinds import KINDS
from specs.load import load
from specs.tree import Folder

ROOT = Path(__file__).parents[3]
FILES = [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("examples/**/*.md"))]
REPOSITORY = "apiVersion: gitvirt/v1\nkind: Repository\nmetadata: {name: home}\nspec:\n  id: %s\n"
ID = "0f5c1a2e-1111-4222-8333-444455556666"
NOT_SHOWN = re.compile(
    r"there is no ((image|sd|vm|host|network)/|StorageDomain;|file |source of secrets )|has no (NIC|VM)\b"
)
"""What is told of a snippet since the rest of its repository is not shown."""


def blocks(text: str) -> Iterator[tuple[int, str]]:
    """The indented blocks of a page and the texts that shells write into files in them, with their lines."""
    for found in re.finditer(r"(?:(?<=\n\n)|\A)(?: {4,}.*\n|\n(?= {4}))+", text):
        line = text.count("\n", 0, found.start()) + 1
        block = textwrap.dedent(found[0])
        yield line, block
        for inner in re.finditer(r"<<END\n(.*?\n)END$", block, re.MULTILINE | re.DOTALL):
            yield line + block.count("\n", 0, inner.start(1)), inner[1]


def snippets() -> Iterator[Any]:
    """The blocks that are YAML to be written by people; an object as `get -o yaml` prints it has a status."""
    for file in FILES:
        for line, block in blocks(file.read_text()):
            if re.match(r"[A-Za-z_]+:( |\n)", block) and "\nstatus:" not in block and "Gitvirt-" not in block:
                yield pytest.param(block, id=f"{file.relative_to(ROOT)}:{line}")


def complete(document: str) -> str:
    """A document with what it leaves out, since a page has said it before."""
    if not re.search(r"^kind:", document, re.MULTILINE):
        document = f"kind: VirtualMachine\nspec:\n{textwrap.indent(document, '  ')}"
    if "metadata:" not in document:
        document += "metadata: {name: shown}\n"
    return document if "apiVersion:" in document else f"apiVersion: gitvirt/v1\n{document}"


@pytest.mark.parametrize("block", list(snippets()))
def test_yaml_that_is_shown_can_be_taken_as_it_is(block: str, tmp_path: Path) -> None:
    keys = set(re.findall(r"^([A-Za-z_]+):", block, re.MULTILINE))
    if "kind" not in keys and not keys <= KINDS["VirtualMachine"].shape.fields.keys():
        file = tmp_path / "settings.yaml"
        file.write_text(block)
        assert settings.load(file).files
        return
    text = block.replace("sha512:…", f"sha512:{'0' * 128}")
    documents = "---\n".join(map(complete, text.split("---\n")))
    if "kind: Repository" in documents:
        documents = documents.replace("spec:\n", f"spec:\n  id: {ID}\n")
    else:
        (tmp_path / "shown.yaml").write_text(documents)
        documents = REPOSITORY % ID
    (tmp_path / "gitvirt.yaml").write_text(documents)
    try:
        found = load(Folder(tmp_path)).warnings
    except LoadFailed as failed:
        found = failed.findings
    assert [str(each) for each in found if not NOT_SHOWN.search(str(each))] == []


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every `gitvirt …` in code, with its place."""
    for file in FILES:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            for code in [line] if line.startswith("    ") else re.findall(r"`([^`]+)`", line):
                for found in re.finditer(r"(?<![\w./-])gitvirt ((?:(?! && | ; | \| | # | — ).)*)", code):
                    yield f"{file.relative_to(ROOT)}:{number}", found[1].split()


def unknown(words: list[str]) -> str:
    """The command or option that does not exist, or ""."""
    if not words or not re.fullmatch(r"[a-z][a-z-]*", words[0]):
        return ""
    if words[0] not in COMMANDS:
        return words[0]
    command, rest = command_of(words[0]), words[1:]
    while rest and rest[0] in getattr(command, "commands", {}):
        command, rest = command.commands[rest[0]], rest[1:]
    own = rest[: rest.index("--")] if "--" in rest else rest
    options = {option for each in command.params for option in each.opts} | {"--help"}
    asked = (found for word in own for found in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", word))
    return next((each for each in asked if each not in options), "")


def test_commands_and_options_that_are_shown_exist() -> None:
    shown = list(commands())
    assert len(shown) > 100
    assert [(place, wrong) for place, words in shown if (wrong := unknown(words))] == []


def anchors(page: Path) -> set[str]:
    """What can be linked to in a page: its headings, as forges spell them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_links_of_pages_lead_somewhere() -> None:
    broken = []
    for file in FILES:
        for target in re.findall(r"\]\(([^)\s]+)\)", file.read_text()):
            path, _, anchor = target.partition("#")
            page = (file.parent / path) if path else file
            if not re.match(r"https?:", target) and (not page.exists() or (anchor and anchor not in anchors(page))):
                broken.append((str(file.relative_to(ROOT)), target))
    assert broken == []


def test_files_that_comments_and_pages_name_exist() -> None:
    """Module docstrings say who calls whom; what was moved or renamed since must not be looked for in vain."""
    sources = [file for package in ("specs", "drivers", "reconciler") for file in (ROOT / package).rglob("*.py")]
    known = {file.relative_to(ROOT) for file in [*sources, *FILES, *(ROOT / "tests").rglob("*.py")]}
    tails = {"/".join(path.parts[at:]) for path in known for at in range(len(path.parts))}
    named = re.compile(r"(?<![\w/.{-])((?:[\w-]+/)+[\w-]+\.(?:py|md))\b")
    lost = [
        (str(file.relative_to(ROOT)), name)
        for file in [*sources, *FILES]
        for name in named.findall(file.read_text())
        if name not in tails
    ]
    assert lost == []
