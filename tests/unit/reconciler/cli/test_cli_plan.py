"""`gitvirt plan` on a Git repository, for what an observation in a file says: --base, --target, and what it prints."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.exits import Exit
from reconciler.observe import recorded
from tests.flow.site import Site, vm_yaml


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """A repository with a commit that declares one VM, and one that adds another; `seen.json` is of empty hosts."""
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"state: {tmp_path / 'kept'}\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(settings))
    made = Site(tmp_path / "site")
    git(made, "init", "-q")
    for names in ("old",), ("old", "new"):
        made.vms(*map(vm_yaml, names))
        git(made, "add", "-A")
        git(made, "commit", "-q", "-m", "edit")
    recorded.save(made.folder / "seen.json", made.look().context.observed, b"k" * 32, None)
    return made


def git(site: Site, *words: str) -> None:
    name = ["-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run(["git", "-C", str(site.repository), *name, *words], check=True)


@pytest.fixture
def planned(site: Site, gitvirt: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    def run(*words: str) -> dict[str, Any]:
        seen = site.folder / "seen.json"
        done = gitvirt("plan", site.repository, "--observed", seen, "-o", "json", *words)
        assert done.code == Exit.CHANGES, done.err
        found: dict[str, Any] = json.loads(done.out)
        return found

    return run


def test_a_base_tells_apart_what_is_due_anyway(planned: Callable[..., dict[str, Any]]) -> None:
    plan = planned("--base", "HEAD~1")
    anyway = {each["ref"]: each["anyway"] for each in plan["changes"] if each["ref"].startswith("vm/")}
    assert anyway == {"vm/old": True, "vm/new": False}


def test_a_target_may_be_newer_than_the_base(planned: Callable[..., dict[str, Any]]) -> None:
    plan = planned("--base", "HEAD~1", "--target", "vm/new")
    anyway = {each["ref"]: each["anyway"] for each in plan["changes"]}
    assert anyway["vm/new"] is False
    assert anyway["network/lan"] is True
    assert "vm/old" not in anyway


def test_a_former_revision_is_planned_as_it_was(planned: Callable[..., dict[str, Any]]) -> None:
    plan = planned("--rev", "HEAD~1")
    assert {each["ref"] for each in plan["changes"] if each["ref"].startswith("vm/")} == {"vm/old"}


def test_a_plan_says_with_which_options_it_was_made(planned: Callable[..., dict[str, Any]]) -> None:
    words = ("--target", "vm/new", "--allow", "deletions=4", "--allow", "vm/old", "--force-revision", "--rev", "HEAD")
    assert planned(*words)["options"] == {
        "targets": ["vm/new"], "deletions": 4, "refs": ["vm/old"], "force_revision": True, "rev": "HEAD",
    }  # fmt: skip


def test_a_target_may_be_what_goes(site: Site, planned: Callable[..., dict[str, Any]]) -> None:
    site.settle()
    recorded.save(site.folder / "seen.json", site.look().context.observed, b"k" * 32, None)
    site.vms()
    plan = planned("--target", "vm/old", "--force-revision")
    assert [(each["verb"], each["ref"]) for each in plan["changes"]] == [("delete", "vm/old")]


@pytest.mark.parametrize("target", ["vm/odl", "odl", "thing/old"])
def test_a_target_that_is_neither_declared_nor_seen_is_an_error(site: Site, gitvirt: Any, target: str) -> None:
    done = gitvirt("plan", site.repository, "--observed", site.folder / "seen.json", "--target", target)
    assert done.code == Exit.ERROR
    assert target.partition("/")[0] in done.err
