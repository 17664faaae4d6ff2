"""The files of commits of a bare repository: each process has those of its own revision, for as long as it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from drivers.git import open_repository
from reconciler.app import App
from reconciler.cycle import Revision
from reconciler.daemon.follow import GitBranch
from reconciler.desired.resolve import resolve
from reconciler.settings import Settings
from specs.load import load
from tests.unit.reconciler.test_sources import HEAD, POOL, VM

WEB = HEAD + POOL + VM % "{file: pw}"


class Bare:
    """A repository without a work tree, and what is pushed there."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.bare, self.state = folder / "tree", folder / "bare.git", folder / "state"
        self.tree.mkdir()
        git(self.tree, "init", "-q")
        git(folder, "init", "-q", "--bare", str(self.bare))

    def push(self, files: dict[str, str]) -> str:
        """The commit of these files."""
        for name, text in files.items():
            (self.tree / name).parent.mkdir(exist_ok=True)
            (self.tree / name).write_text(text)
        git(self.tree, "add", "-A")
        git(self.tree, "commit", "-q", "-m", "edit")
        git(self.tree, "push", "-q", str(self.bare), "HEAD:main")
        return git(self.tree, "rev-parse", "HEAD")

    def app(self) -> App:
        return App(open_repository(self.bare), ".", Settings(state=str(self.state)))

    def taken(self, app: App, commit: str) -> Revision:
        return app.revision(load(app.repository.tree(commit)), commit)

    def exported(self) -> set[str]:
        return {each.name for each in self.state.glob("files/*/*") if each.is_dir()}


def git(folder: Path, *words: str) -> str:
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "init.defaultBranch=main"]
    return subprocess.check_output(["git", "-C", str(folder), *name, *words], text=True).strip()


def password(revision: Revision) -> str:
    wanted = resolve(revision.catalog, revision.name, revision.sources)
    return str(wanted.vms["web"].fields["graphics.password"].reveal())  # type: ignore[union-attr]


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path)


def test_a_command_at_another_commit_leaves_a_daemon_its_files(bare: Bare) -> None:
    former = bare.push({"gitvirt.yaml": WEB, "pw": "one"})
    newest = bare.push({"pw": "two"})
    daemon, command = bare.app(), bare.app()
    followed = bare.taken(daemon, newest)
    assert password(bare.taken(command, former)) == "one"
    assert password(followed) == "two"
    command.close()
    assert password(followed) == "two"


def test_files_that_nobody_holds_any_more_are_removed(bare: Bare) -> None:
    commits = [bare.push({"gitvirt.yaml": WEB, "pw": text}) for text in ("one", "two", "three")]
    daemon, command = bare.app(), bare.app()
    bare.taken(daemon, commits[0])
    bare.taken(command, commits[1])
    bare.taken(daemon, commits[2])
    assert bare.exported() == set(commits[1:])
    command.close()
    bare.taken(daemon, commits[2])
    assert bare.exported() == {commits[2]}


def test_a_secret_lies_beside_the_document_that_names_it(bare: Bare) -> None:
    defaults = "defaults: {VirtualMachine: {graphics: {type: vnc, password: {file: pw}}}}"
    machine = VM.partition("spec:")[0] + "spec: {cpu: 1, memory: 96MiB}\n"
    root = HEAD.replace("spec: {", f"spec: {{{defaults}, ") + POOL
    commit = bare.push({"gitvirt.yaml": root, "vms/web.yaml": machine, "pw": "s3cret"})
    assert password(bare.taken(bare.app(), commit)) == "s3cret"


@pytest.mark.parametrize(
    ("branch", "expected"), [("prod", "of prod"), ("main", "not committed"), (None, "not committed")]
)
def test_a_branch_that_is_not_checked_out_has_its_own_files(bare: Bare, branch: str | None, expected: str) -> None:
    bare.push({"gitvirt.yaml": WEB, "pw": "of prod"})
    git(bare.tree, "branch", "-M", "main")
    git(bare.tree, "branch", "prod")
    bare.push({"pw": "of main"})
    (bare.tree / "pw").write_text("not committed")
    source = GitBranch(bare.tree, branch)
    revision = source.poll()
    catalog, repository, folder = source.load(revision)
    app = App(repository, folder, Settings(state=str(bare.state)))
    assert password(app.revision(catalog, revision)) == expected
