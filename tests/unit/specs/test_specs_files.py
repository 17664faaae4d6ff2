"""Which files are a repository's: included folders, links, submodules, names, and what cannot be read."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import BASE, ID, Faults, Read, document

from specs.errors import LoadFailed, Location
from specs.load import load
from specs.tree import Folder, NotAFolder, TreeFile

VM = document("VirtualMachine", "web", "{cpu: 2, memory: 1GiB}")


def including(*folders: str) -> str:
    return BASE.replace(f"id: {ID}", f"id: {ID}, include: [{', '.join(folders)}]")


def test_included_folders_are_read_below_and_beside_the_root(read: Read) -> None:
    files = {
        "base/networks/a.yaml": document("Network", "office", "{type: bridge, bridge: br0}"),
        "prod/vms/web.yml": VM,
        "stage/gitvirt.yaml": BASE,
        "stage/web.yaml": VM,
    }
    catalog = read(files, root="prod", base=including(".", "../base"))
    assert catalog.get("Network", "office") is not None
    web = catalog.get("VirtualMachine", "web")
    assert web is not None
    assert web.location == Location("prod/vms/web.yml", 1, 1)


def test_a_folder_with_a_repository_of_its_own_is_left_out(read: Read) -> None:
    catalog = read({"stage/gitvirt.yaml": BASE, "stage/deep/web.yaml": VM})
    assert catalog.of("VirtualMachine") == ()


def test_one_file_can_be_included_and_a_file_is_read_once(read: Read) -> None:
    catalog = read({"a/web.yaml": VM, "a/other.yaml": "["}, base=including("a/web.yaml", "a/../a/web.yaml"))
    assert len(catalog.of("VirtualMachine")) == 1


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        ("../..", "leads out of texts"),
        ("/etc", "leads out of texts"),
        ("bsae", "there is no folder `bsae`; did you mean `base`?"),
        ("stage", "`stage` is another repository"),
        ("notes.txt", "`notes.txt` is no YAML file; name a folder, or a file that ends in .yaml"),
        ("link", "`link` is a link; name what it leads to"),
        ("'..\\..'", "leads out of texts"),
    ],
)
def test_an_include_that_leads_nowhere_good_is_refused(folder: str, said: str, faults: Faults) -> None:
    files = {"base/a.yaml": VM, "stage/gitvirt.yaml": BASE, "notes.txt": VM}
    found = faults(files, base=including(folder), links={"link": "base"})
    assert any(said in each and each.startswith("gitvirt.yaml:4:") for each in found)


@pytest.mark.parametrize("include", ["5", "[5]", "{a: b}", "[[a]]"])
def test_an_include_of_another_form_is_refused(include: str, faults: Faults) -> None:
    assert any(
        "include" in each for each in faults({}, base=BASE.replace(f"id: {ID}", f"id: {ID}, include: {include}"))
    )


def test_a_link_within_the_tree_is_read_and_told_by_its_own_name(read: Read) -> None:
    catalog = read({"shared.txt": VM}, links={"vms/web.yaml": "../shared.txt"})
    assert catalog.of("VirtualMachine")[0].location.file == "vms/web.yaml"


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside.yaml", "nothing.yaml", "loop.yaml", "folder"])
def test_a_link_that_leads_elsewhere_is_refused(target: str, faults: Faults) -> None:
    (only,) = faults({"folder/a.txt": ""}, links={"loop.yaml": target})
    assert only.startswith(f"loop.yaml: a link to `{target}`")


def test_a_link_out_that_is_no_yaml_is_a_warning(faults: Faults) -> None:
    (only,) = faults({}, links={"result": "/nix/store/x"})
    assert only.startswith("result: warning: a link to `/nix/store/x`")


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2J", "a\udcff", "a\x85b"])
def test_a_file_whose_name_cannot_be_shown_is_refused(name: str, faults: Faults) -> None:
    (only,) = faults({f"{name}.yaml": VM, "folder/ü ñ.yaml": VM})
    assert only.isprintable()
    assert "a file with such a name is not read" in only


@pytest.fixture
def with_submodule(tmp_path: Path) -> Path:
    (tmp_path / "base" / ".git").mkdir(parents=True)
    (tmp_path / "base" / "web.yaml").write_text(VM)
    (tmp_path / "gitvirt.yaml").write_text(BASE)
    return tmp_path


def test_a_submodule_is_not_passed_over_silently(with_submodule: Path) -> None:
    catalog = load(Folder(with_submodule, submodules=True))
    assert catalog.of("VirtualMachine") == ()
    assert "base: warning: a submodule of Git, its files are not read" in [str(each) for each in catalog.warnings]


def test_a_submodule_cannot_be_included(with_submodule: Path) -> None:
    (with_submodule / "gitvirt.yaml").write_text(including("base"))
    with pytest.raises(LoadFailed, match="`base` is a submodule of Git, its files are not read; copy"):
        load(Folder(with_submodule, submodules=True))


def test_a_folder_without_history_has_the_files_of_the_clones_in_it(with_submodule: Path) -> None:
    assert len(load(Folder(with_submodule)).of("VirtualMachine")) == 1


def test_folders_may_be_deeper_than_calls(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d"] * 100)
    deep.mkdir(parents=True)
    (deep / "web.yaml").write_text(VM)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 50)
    try:
        (only,) = Folder(tmp_path).files()
    finally:
        sys.setrecursionlimit(limit)
    assert only.path == "d/" * 100 + "web.yaml"


def test_a_folder_that_goes_away_while_others_are_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "gitvirt.yaml").write_text(BASE)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.yaml").write_text("")

    class Leaving(Folder):
        def files(self) -> Iterator[TreeFile]:
            for each in super().files():
                (tmp_path / "b" / "x.yaml").unlink(missing_ok=True)
                if (tmp_path / "b").is_dir():
                    (tmp_path / "b").rmdir()
                yield each

    with pytest.raises(LoadFailed, match=r"^b: cannot be listed, it was taken away meanwhile; try again$"):
        load(Leaving(tmp_path))


def test_a_folder_leaves_out_hidden_files_and_never_follows_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.yaml").write_text(VM)
    root = tmp_path / "root"
    (root / ".git").mkdir(parents=True)
    (root / ".git" / "a.yaml").write_text("[")
    (root / ".gitlab-ci.yml").write_text("[")
    (root / "gitvirt.yaml").write_text(BASE)
    (root / "folder").symlink_to(outside)
    os.mkfifo(root / "pipe.yaml")
    folder = Folder(root)
    assert [(each.path, each.link) for each in folder.files()] == [("folder", str(outside)), ("gitvirt.yaml", None)]
    with pytest.raises(OSError, match="behind a link"):
        folder.read("folder/secret.yaml")
    (warning,) = load(folder).warnings
    assert warning.where.file == "folder"


def test_a_file_that_becomes_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "gitvirt.yaml").write_text(BASE)
    (tmp_path / "web.yaml").write_text(VM)
    folder = Folder(tmp_path)
    list(folder.files())
    (tmp_path / "web.yaml").unlink()
    (tmp_path / "web.yaml").symlink_to("/etc/passwd")
    with pytest.raises(OSError):
        folder.read("web.yaml")


def test_a_file_that_cannot_be_read_is_a_finding(tmp_path: Path) -> None:
    class Vanishing(Folder):
        def read(self, path: str) -> bytes:
            if path == "web.yaml":
                (tmp_path / path).unlink()
            return super().read(path)

    (tmp_path / "gitvirt.yaml").write_text(BASE)
    (tmp_path / "web.yaml").write_text(VM)
    with pytest.raises(LoadFailed, match=r"web\.yaml: cannot be read, no such file"):
        load(Vanishing(tmp_path))


def test_a_path_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAFolder, match=r"name the folder that holds gitvirt\.yaml"):
        Folder(tmp_path / "nothing")
