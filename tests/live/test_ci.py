"""Plans in CI, from end to end: what real hosts report is published by the script of examples/ci, and planned with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from drivers.lab import state
from drivers.lab.lab import Lab
from drivers.lab.repository import write_repository
from tests.ci import EXAMPLES, forge_at, run

pytestmark = pytest.mark.live

VM = """\
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: web}
spec: {cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}], nics: [lan]}
"""


def test_published_observation_of_real_hosts_is_planned_without_them(lab: Lab, tmp_path: Path) -> None:
    origin, site, clone, key = (tmp_path / name for name in ("origin.git", "site", "clone", "observer"))
    list(write_repository(lab, site))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_name("observer.pub").read_text().split()
    (site / ".gitvirt").mkdir()
    (site / ".gitvirt" / "signers").write_text(
        f'observer@example.org namespaces="gitvirt-observation" {" ".join(public[:2])}\n'
    )
    shell = f"""
        set -e
        export GIT_AUTHOR_NAME=t GIT_AUTHOR_EMAIL=t@example.org GIT_COMMITTER_NAME=t GIT_COMMITTER_EMAIL=t@example.org
        git init --quiet --bare --initial-branch=main {origin}
        cd {site}
        git add . && git commit --quiet -m signers
        git remote add origin {origin} && git push --quiet --set-upstream origin main
        git clone --quiet {origin} {clone} && cd {clone}
        cat > web.yaml && git add . && git commit --quiet -m web
    """
    subprocess.run(["bash", "-c", shell], input=VM, text=True, check=True)
    publish = [str(EXAMPLES / "publish-observation.sh"), str(site), str(key)]
    subprocess.run(publish, env=_environment(lab, tmp_path), check=True, timeout=400)

    with forge_at() as (address, comments):
        done = run("github", clone, tmp_path / "work", address)
    assert done.returncode == 0, done.stderr
    (comment,) = comments
    assert "vm/web" in comment.body
    assert "not read" not in comment.body


def _environment(lab: Lab, folder: Path) -> dict[str, str]:
    """That of the machine with access to the hosts."""
    record = state.load(lab.paths)
    assert record is not None
    (folder / "settings.d").mkdir()
    shutil.copy(record.settings_file, folder / "settings.d")
    (folder / "settings.yaml").write_text(f"state: {folder}/state\n", encoding="utf-8")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "GITVIRT_CONFIG": str(folder / "settings.yaml")}
