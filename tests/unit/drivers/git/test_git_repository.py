"""Revisions, dirtiness, ancestry, blame and commits, on real repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from drivers.errors import Denied, Missing, Refused
from drivers.git import open_repository
from drivers.git.repository import Revision
from specs.tree import NotAFolder


def test_a_clean_repository_has_the_revision_of_its_head(made):
    made.write("web.yaml")
    head = made.commit()
    assert open_repository(made.root).revision() == Revision(commit=head)


@pytest.mark.parametrize("path", ["web.yaml", "new.yaml", "vms/deep/new.yml"])
def test_a_changed_or_new_yaml_file_makes_the_revision_dirty(made, path):
    made.write("web.yaml")
    head = made.commit()
    made.write(path, "a: 2\n")
    assert str(open_repository(made.root).revision()) == f"{head}+dirty"


def test_a_deleted_yaml_file_makes_the_revision_dirty(made):
    file = made.write("web.yaml")
    made.commit()
    file.unlink()
    assert open_repository(made.root).revision().dirty


@pytest.mark.parametrize("path", ["README.md", ".github/workflow.yaml", "ignored/x.yaml"])
def test_files_that_are_not_loaded_do_not_make_it_dirty(made, path):
    made.write(".gitignore", "ignored/\n")
    made.commit()
    made.write(path)
    assert not open_repository(made.root).revision().dirty


def test_only_the_folders_that_are_loaded_count_as_dirty(made):
    made.write("prod/a.yaml")
    made.write("stage/a.yaml")
    made.commit()
    made.write("stage/a.yaml", "a: 2\n")
    repository = open_repository(made.root / "prod")
    assert not repository.revision(("prod", "base")).dirty
    assert repository.revision(("stage",)).dirty


def test_a_file_that_is_named_counts_as_dirty_whatever_its_suffix(made):
    made.write("user-data.txt")
    made.commit()
    made.write("user-data.txt", "other")
    repository = open_repository(made.root)
    assert not repository.revision().dirty
    assert repository.revision(files=["user-data.txt"]).dirty


def test_a_repository_without_a_commit_is_unborn_and_its_files_can_be_read(made):
    made.write("web.yaml", "a: 1\n")
    repository = open_repository(made.root)
    assert repository.revision() == Revision(commit="unborn", dirty=True)
    assert [each.path for each in repository.tree().files()] == ["web.yaml"]


def test_a_subfolder_is_found_in_its_repository(made):
    made.write("prod/gitvirt.yaml")
    made.commit()
    repository = open_repository(made.root / "prod")
    assert (repository.root, repository.prefix) == (made.root, "prod")


def test_a_linked_work_tree_is_a_repository_of_its_own(made, tmp_path):
    made.write("a.yaml")
    head = made.commit()
    made.git("worktree", "add", "--quiet", str(tmp_path / "second"))
    repository = open_repository(tmp_path / "second")
    assert repository.root == tmp_path / "second"
    assert repository.revision() == Revision(commit=head)


def test_a_folder_that_git_ignores_is_a_plain_folder(made):
    made.write(".gitignore", "build/\n")
    made.commit()
    made.write("build/lab/gitvirt.yaml")
    repository = open_repository(made.root / "build" / "lab")
    assert repository.revision().commit.startswith("folder-")
    assert [each.path for each in repository.tree().files()] == ["gitvirt.yaml"]


@pytest.mark.parametrize("name", ["nothing", "file.txt"])
def test_what_is_no_folder_is_refused(tmp_path, name):
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(NotAFolder):
        open_repository(tmp_path / name)


def test_variables_of_a_surrounding_hook_do_not_lead_elsewhere(made, tmp_path, monkeypatch):
    made.write("a.yaml")
    head = made.commit()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert open_repository(made.root).revision() == Revision(commit=head)


def test_a_configured_program_is_not_run_by_looking(made, tmp_path):
    made.write("a.yaml")
    made.commit()
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    made.git("config", "core.fsmonitor", str(trap))
    made.git("config", "core.hooksPath", str(tmp_path))
    made.write("a.yaml", "a: 2\n")
    assert open_repository(made.root).revision().dirty
    assert not (tmp_path / "sprung").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
def test_a_repository_of_another_user_is_refused_with_the_way_out(made):
    made.write("a.yaml")
    made.commit()
    subprocess.run(["chown", "-R", "nobody", str(made.root)], check=True)
    with pytest.raises(Denied, match=r"git config --global --add safe\.directory"):
        open_repository(made.root).revision()


@pytest.mark.parametrize("name", ["main", "HEAD", "v1", "HEAD~0"])
def test_names_of_revisions_are_resolved(made, name):
    head = made.commit()
    made.git("tag", "-a", "v1", "-m", "one")
    assert open_repository(made.root).resolve(name) == head


@pytest.mark.parametrize(("name", "error"), [("nothing", Missing), ("--all", Refused), ("", Refused), ("a b", Missing)])
def test_a_name_that_is_no_revision_says_so(made, name, error):
    made.commit()
    with pytest.raises(error, match="revision"):
        open_repository(made.root).resolve(name)


def test_ancestors_are_told_from_forks_and_unknown_commits(made):
    first = made.commit("first")
    made.git("checkout", "--quiet", "-b", "side")
    side = made.commit("side")
    made.git("checkout", "--quiet", "main")
    last = made.commit("last")
    asked = [first, last, side, f"{first}+dirty", "0" * 39 + "1", "folder-0123456789abcdef", "rubbish"]
    found = open_repository(made.root).ancestors(asked, last)
    assert found == {first, last, f"{first}+dirty", "folder-0123456789abcdef"}


def test_the_merge_base_is_the_last_common_commit_or_none(made):
    first = made.commit("first")
    made.git("checkout", "--quiet", "-b", "side")
    made.commit("side")
    made.git("checkout", "--quiet", "--orphan", "other")
    made.commit("other")
    repository = open_repository(made.root)
    assert repository.merge_base("main", "side") == first
    assert repository.merge_base("main", "other") is None


def test_blame_names_the_author_of_a_line(made):
    made.write("web.yaml", "a: 1\nb: 2\n")
    first = made.commit("Add web")
    made.write("web.yaml", "a: 1\nb: 3\n")
    repository = open_repository(made.root)
    blame = repository.blame("web.yaml", 1)
    assert (blame.commit, blame.author, blame.email, blame.summary) == (first, "Ann", "ann@example.org", "Add web")
    assert repository.blame("web.yaml", 2) is None  # changed, not committed
    assert repository.blame("web.yaml", 2, "HEAD").commit == first


@pytest.mark.parametrize(("path", "line"), [("other.yaml", 1), ("web.yaml", 9)])
def test_blame_of_a_line_that_does_not_exist_is_none(made, path, line):
    made.write("web.yaml")
    made.commit()
    assert open_repository(made.root).blame(path, line) is None


def test_a_commit_takes_only_the_paths_named_and_runs_no_hook(made, tmp_path):
    made.write("a.yaml")
    made.commit()
    hook = made.root / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    made.write("a.yaml", "a: 2\n")
    made.write("-b.yaml")
    made.write("staged.yaml")
    made.git("add", "staged.yaml")
    repository = open_repository(made.root)
    commit = repository.commit(["a.yaml", "-b.yaml"], "Set a to 2")
    assert made.git("show", "--name-only", "--format=%s", commit).split("\n") == [
        "Set a to 2",
        "",
        "-b.yaml",
        "a.yaml",
    ]
    assert made.git("status", "--porcelain") == "A  staged.yaml"
    assert repository.revision() == Revision(commit=commit, dirty=True)


def test_a_plain_folder_has_the_digest_of_its_yaml_as_revision(tmp_path):
    folder = tmp_path / "plain"
    folder.mkdir()
    (folder / "a.yaml").write_text("a: 1\n")
    repository = open_repository(folder)
    before = repository.revision()
    (folder / "README").write_text("no matter")
    assert repository.revision() == before
    assert not before.dirty
    (folder / "a.yaml").write_text("a: 2\n")
    assert repository.revision() != before
    assert repository.is_ancestor(before.commit, repository.revision().commit)
    assert not repository.is_ancestor("1" * 40, repository.revision().commit)


def test_a_plain_folder_has_no_other_revisions(tmp_path: Path):
    repository = open_repository(tmp_path)
    with pytest.raises(Missing, match="not a Git repository"):
        repository.tree("main")
    with pytest.raises(Refused, match="git init"):
        repository.commit(["a.yaml"], "a")
    assert repository.blame("a.yaml", 1) is None
