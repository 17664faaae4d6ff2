"""examples/ci: the shell steps of the workflows, run for real on a pull request to the repository of a site."""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from reconciler.observe import recorded
from specs.structs import Struct, replace
from tests.ci import NUMBER, TOKEN, WORKFLOWS, forge_at, run
from tests.flow.site import Site, vm_yaml

COMMENTS = {
    "github": f"/repos/acme/site/issues/{NUMBER}/comments",
    "gitea": f"/api/v1/repos/acme/site/issues/{NUMBER}/comments",
    "gitlab": f"/api/v4/projects/42/merge_requests/{NUMBER}/notes",
}


def git(folder: Path, *words: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "init.defaultBranch=main"]
    argv = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.strip()


def key(file: Path) -> Path:
    """A new SSH key; its public half is beside it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


def signers_line(file: Path) -> str:
    public = file.with_name(f"{file.name}.pub").read_text().split()
    return f'observer@example.org namespaces="gitvirt-observation" {public[0]} {public[1]}\n'


class Forge(Struct, frozen=True):
    """A bare repository with `main`, `observed` and a pull request that adds the VM `db`, cloned as CI does."""

    site: Site
    clone: Path
    work: Path
    key: Path

    def publish(self, signing_key: Path | None) -> None:
        """As publish-observation.sh does it, for hosts that are simulated."""
        folder = self.work.parent / "published"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        seen = replace(self.site.look().context.observed, taken=int(time.time()))
        recorded.save(folder / "observed.json", seen, b"k" * 32, signing_key)
        git(folder, "init", "--quiet")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", "observed")
        git(folder, "push", "--quiet", "--force", str(self.work.parent / "origin.git"), "HEAD:refs/heads/observed")

    def propose(self, name: str, text: str) -> None:
        """One more commit of the pull request."""
        file = self.clone / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        git(self.clone, "add", ".")
        git(self.clone, "commit", "--quiet", "-m", f"Propose {name}")


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    site = Site(tmp_path / "site")
    site.vms(vm_yaml("web"))
    site.settle()
    observer = key(tmp_path / "observer")
    (site.repository / ".gitvirt").mkdir()
    (site.repository / ".gitvirt" / "signers").write_text(signers_line(observer))
    git(tmp_path, "init", "--quiet", "--bare", "origin.git")
    git(site.repository, "init", "--quiet")
    git(site.repository, "add", ".")
    git(site.repository, "commit", "--quiet", "-m", "The site")
    git(site.repository, "push", "--quiet", str(tmp_path / "origin.git"), "HEAD:refs/heads/main")
    git(tmp_path, "clone", "--quiet", str(tmp_path / "origin.git"), "clone")
    made = Forge(site, tmp_path / "clone", tmp_path / "work", observer)
    made.publish(observer)
    made.propose("db.yaml", vm_yaml("db").removeprefix("---\n"))
    return made


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_a_pull_request_gets_its_plan_as_a_comment(forge: Forge, name: str) -> None:
    with forge_at() as (address, comments):
        done = run(name, forge.clone, forge.work, address)
    assert done.returncode == 0, done.stderr
    (comment,) = comments
    assert (comment.path, comment.token) == (COMMENTS[name], TOKEN)
    assert "vm/db" in comment.body
    assert "vm/web" not in comment.body
    assert len(comment.body.encode()) < 65536
    assert git(forge.clone, "status", "--porcelain") == ""


def test_a_pull_request_cannot_name_a_signer_of_its_own(forge: Forge) -> None:
    stranger = key(forge.work.parent / "stranger")
    forge.propose(".gitvirt/signers", signers_line(stranger))
    forge.publish(stranger)
    with forge_at() as (address, comments):
        done = run("github", forge.clone, forge.work, address)
    assert done.returncode == 1
    assert "does not hold: no signer in" in done.stderr
    assert comments == []


def test_a_pull_request_that_does_not_load_fails_before_the_plan(forge: Forge) -> None:
    forge.propose("broken.yaml", "apiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {name: x}\nspec: {cpus: 1}\n")
    with forge_at() as (address, comments):
        done = run("gitlab", forge.clone, forge.work, address)
    assert done.returncode == 1
    assert "broken.yaml:4" in done.stdout + done.stderr
    assert comments == []


def test_an_unsigned_observation_fails_the_job(forge: Forge) -> None:
    forge.publish(None)
    with forge_at() as (address, _):
        done = run("gitea", forge.clone, forge.work, address)
    assert done.returncode != 0
    assert "observed.json.sig" in done.stderr
