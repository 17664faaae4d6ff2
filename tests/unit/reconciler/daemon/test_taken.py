"""What a daemon begins with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reconciler.daemon.follow import GitBranch, PlainFolder
from reconciler.daemon.taken import Taken, first, lost
from specs.catalog import Catalog
from specs.errors import LoadFailed

ROOT = """apiVersion: gitvirt/v1
kind: Repository
metadata: {name: site}
spec:
  id: 6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10
"""


def commit(folder: Path, text: str) -> str:
    (folder / "gitvirt.yaml").write_text(text)
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*name, "commit", "-q", "-m", "edit"]):
        subprocess.run(["git", "-C", folder, *words], check=True)
    return subprocess.check_output(["git", "-C", folder, "rev-parse", "HEAD"], text=True).strip()


@pytest.fixture
def taken(tmp_path: Path) -> Taken:
    return Taken(tmp_path / "state", "a source")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    return made


def test_the_newest_revision_if_it_loads(folder: Path, taken: Taken) -> None:
    taken.note(commit(folder, ROOT))
    newest = commit(folder, f"{ROOT}# more\n")
    assert first(GitBranch(folder, None), taken)[0] == newest


def test_the_one_taken_last_if_the_newest_does_not_load(folder: Path, taken: Taken) -> None:
    good = commit(folder, ROOT)
    taken.note(good)
    commit(folder, f"{ROOT}  colour: red\n")
    revision, (catalog, _, _) = first(GitBranch(folder, None), taken)
    assert revision == good
    assert catalog.repository.name == "site"


@pytest.mark.parametrize("kept", ["", "0" * 40, "nonsense"], ids=["none", "one that is gone", "a damaged file"])
def test_an_error_if_neither_can_be_had(folder: Path, taken: Taken, kept: str) -> None:
    commit(folder, f"{ROOT}  colour: red\n")
    if kept:
        taken.note(kept)
    with pytest.raises(LoadFailed, match="colour"):
        first(GitBranch(folder, None), taken)


OBJECTS = {
    "Host": "spec: {{uri: 'qemu+tls://{name}/system'}}",
    "StorageDomain": "spec: {{type: local, path: /srv/{name}}}",
    "VirtualMachine": "spec: {{cpu: 1, memory: 1GiB}}",
}


@pytest.mark.parametrize("kind", OBJECTS)
@pytest.mark.parametrize(("before", "after", "mistaken"), [(2, 0, True), (2, 1, False), (1, 0, False)])
def test_to_lose_all_of_several_is_a_mistake_until_only_one_is_left(
    folder: Path, kind: str, before: int, after: int, mistaken: bool
) -> None:
    def catalog(count: int) -> Catalog:
        texts = (f"---\napiVersion: gitvirt/v1\nkind: {kind}\nmetadata: {{name: o{each}}}\n" for each in range(count))
        objects = "".join(f"{text}{OBJECTS[kind].format(name=each)}\n" for each, text in enumerate(texts))
        (folder / "gitvirt.yaml").write_text(ROOT + objects)
        return PlainFolder(folder).load("")[0]

    told = lost(catalog(before), catalog(after))
    assert (f"no {kind} any more, where there were {before}" in told) is mistaken
    assert bool(told) is mistaken
