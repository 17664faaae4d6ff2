"""The files of a commit and of the work tree."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drivers.git import open_repository, program, trees
from specs.tree import TreeFile


def paths(tree):
    return [each.path for each in tree.files()]


def test_a_commit_reads_as_it_was_whatever_the_work_tree_says(made):
    made.write("vms/web.yaml", "a: 1\n")
    made.write("gitvirt.yaml", "b: 1\n")
    head = made.commit()
    made.write("vms/web.yaml", "a: 2\n")
    made.write("new.yaml")
    tree = open_repository(made.root).tree("main")
    assert tree.label == f"repository@{head[:7]}"
    assert list(tree.files()) == [TreeFile(path="gitvirt.yaml", size=5), TreeFile(path="vms/web.yaml", size=5)]
    assert tree.read("vms/web.yaml") == b"a: 1\n"


def test_the_work_tree_reads_as_it_is_without_what_git_ignores(made):
    made.write(".gitignore", "cache/\n*.tmp.yaml\n")
    made.write("a.yaml", "a: 1\n")
    made.commit()
    for path in ("b.yaml", "cache/deep/c.yaml", "d.tmp.yaml", ".hidden/e.yaml"):
        made.write(path)
    made.write("a.yaml", "a: 2\n")
    tree = open_repository(made.root).tree()
    assert paths(tree) == ["a.yaml", "b.yaml"]
    assert tree.read("a.yaml") == b"a: 2\n"


def test_both_trees_list_the_same_files(made):
    for path in ("b/x.yaml", "a.yaml", "b.yaml", "ä ö.yaml", "-x.yaml", "new\nline.yaml", "b/.hidden/x.yaml"):
        made.write(path, path)
    made.commit()
    repository = open_repository(made.root)
    assert sorted(paths(repository.tree())) == sorted(paths(repository.tree("HEAD")))
    assert all(repository.tree("HEAD").read(path) == path.encode() for path in paths(repository.tree()))


def test_a_name_that_is_not_utf8_is_listed_and_read(made):
    odd = os.fsdecode(b"caf\xe9.yaml")
    made.write(odd, "a: 1\n")
    made.commit()
    tree = open_repository(made.root).tree("HEAD")
    assert paths(tree) == [odd]
    assert tree.read(odd) == b"a: 1\n"


def test_links_are_reported_and_never_followed(made):
    (made.root / "out.yaml").symlink_to("/etc/passwd")
    made.commit()
    for tree in (open_repository(made.root).tree(), open_repository(made.root).tree("HEAD")):
        assert list(tree.files()) == [TreeFile(path="out.yaml", size=0, link="/etc/passwd")]
        with pytest.raises(OSError, match=r"out\.yaml|links"):
            tree.read("out.yaml")


def test_a_submodule_is_told_and_not_entered(made, tmp_path):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "b.yaml").write_text("b: 1\n")
    for arguments in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "x"]):
        subprocess.run(["git", *arguments], cwd=inner, check=True)
    made.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner), "modules.yaml")
    made.write("a.yaml")
    made.commit()
    for tree in (open_repository(made.root).tree(), open_repository(made.root).tree("HEAD")):
        assert list(tree.files()) == [
            TreeFile(path="a.yaml", size=5),
            TreeFile(path="modules.yaml", size=0, submodule=True),
        ]
        assert tree.read("a.yaml") == b"a: 1\n"
        with pytest.raises(OSError, match=r"modules\.yaml|directory"):
            tree.read("modules.yaml")


def test_a_huge_file_is_listed_and_not_read(made, monkeypatch):
    monkeypatch.setattr(trees, "LARGEST_FILE", 100)
    made.write("huge.yaml", "x" * 101)
    made.write("small.yaml", "x" * 100)
    made.commit()
    tree = open_repository(made.root).tree("HEAD")
    assert [each.size for each in tree.files()] == [101, 100]
    with pytest.raises(OSError, match="101 bytes"):
        tree.read("huge.yaml")
    assert tree.read("small.yaml") == b"x" * 100


def test_more_yaml_than_is_held_at_once_is_read_file_by_file(made, monkeypatch):
    monkeypatch.setattr(trees, "LARGEST_AT_ONCE", 10)
    for number in range(4):
        made.write(f"{number}.yaml", str(number) * 5)
    made.commit()
    tree = open_repository(made.root).tree("HEAD")
    assert [tree.read(path) for path in paths(tree)] == [b"00000", b"11111", b"22222", b"33333"]


@pytest.mark.parametrize("path", ["missing.yaml", "../outside.yaml", "folder"])
def test_what_is_not_a_file_of_the_commit_cannot_be_read(made, path):
    made.write("folder/a.yaml")
    made.commit()
    with pytest.raises(OSError, match="is not a file"):
        open_repository(made.root).tree("HEAD").read(path)


def test_a_commit_of_many_files_costs_two_processes(made, monkeypatch):
    for number in range(50):
        made.write(f"{number}.yaml", str(number))
    made.commit()
    tree = open_repository(made.root).tree("HEAD")
    started = []
    execute = program.execute
    monkeypatch.setattr(
        program, "execute", lambda *args, **named: started.append(args[1][0]) or execute(*args, **named)
    )
    assert sorted(tree.read(path) for path in paths(tree)) == sorted(str(each).encode() for each in range(50))
    assert started == ["ls-tree", "cat-file"]


def test_a_bare_repository_is_read_at_its_head(made, tmp_path: Path):
    made.write("a.yaml", "a: 1\n")
    head = made.commit()
    made.git("clone", "--quiet", "--bare", ".", str(tmp_path / "bare.git"))
    repository = open_repository(tmp_path / "bare.git")
    assert repository.revision().commit == head
    assert repository.tree().read("a.yaml") == b"a: 1\n"
