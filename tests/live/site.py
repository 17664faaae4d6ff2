"""A site on the lab: a repository that declares its hosts, planned and applied in this process.

The live twin of tests/flow/site.py: `vms` writes documents, `apply` acts, `settle` asserts an empty plan afterwards.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.lab.lab import Lab
from drivers.lab.paths import host_name
from drivers.lab.repository import write_repository
from drivers.seen import SeenVm
from reconciler import cycle, settings
from reconciler.app import App
from reconciler.apply.outcome import Outcome, Run
from reconciler.diff.context import Allowed
from reconciler.plan.plan import Plan, Step
from specs.load import load

HOSTS = 3


class LiveSite:
    """A repository beside the lab's hosts. Connections are kept between passes, as the daemon does."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder = lab, folder / "repo"
        list(write_repository(lab, self.folder))
        self._leave_out_others()
        loaded = settings.load().model_copy(update={"state": str(folder / "state")})
        self.settings = loaded
        self.app = self._app()

    def _leave_out_others(self) -> None:
        """A lab may have more hosts than its tests speak of: a developer's, or one to which a test has added."""
        ours = {host_name(number) for number in range(1, HOSTS + 1)}
        others = [file for file in (self.folder / "hosts").iterdir() if file.stem not in ours]
        for file in others:
            file.unlink()
        if others:
            self.commit("Leave the others out")

    def _app(self) -> App:
        from drivers.git import open_repository

        return App(open_repository(self.folder), ".", self.settings)

    def vms(self, documents: list[dict[str, Any]]) -> None:
        """The whole of vms.yaml."""
        text = "---\n".join(json.dumps(each, ensure_ascii=False) + "\n" for each in documents)
        (self.folder / "vms.yaml").write_text(text or "# none\n")

    def commit(self, message: str) -> str:
        """Commits everything; returns the commit."""
        for words in (("add", "-A"), ("commit", "-q", "--allow-empty", "-m", message)):
            subprocess.run(["git", "-C", str(self.folder), *words], check=True, capture_output=True)
        done = subprocess.run(["git", "-C", str(self.folder), "rev-parse", "HEAD"], check=True, capture_output=True)
        return done.stdout.decode().strip()

    def look(self, **allowed: Any) -> cycle.Pass:
        from drivers.git import open_repository

        self.app.repository = repository = open_repository(self.folder)
        revision = self.app.revision(load(repository.tree(), "."), str(repository.revision()))
        return cycle.look(revision, self.app.outside(), Allowed(**allowed))

    def plan(self, **allowed: Any) -> Plan:
        return self.look(**allowed).plan

    def apply(self, tell: Callable[[Step, Outcome | None], None] = lambda step, outcome: None, **allowed: Any) -> Run:
        return self.app.act(self.look(**allowed), tell)

    def settle(self, **allowed: Any) -> Run:
        run = self.apply(**allowed)
        assert run.good, [
            (str(each.step.ref), each.step.what, each.error) for each in run.outcomes.values() if each.error
        ]
        seen = self.look(**allowed)
        assert seen.plan.empty, said(seen.plan) + self.last_words(seen)
        return run

    def last_words(self, seen: cycle.Pass) -> str:
        """What QEMU said of the VMs that crashed, for whoever reads a failed test."""
        crashed = [each for each in seen.context.observed.vms() if each.vm.reason in ("crashed", "failed")]
        return "\n".join(self._log(each.host, each.vm.name) for each in crashed)

    def _log(self, host: str, name: str) -> str:
        argv = self.lab.inside(host, ["tail", "-c", "1500", f"/var/log/libvirt/qemu/{name}.log"])
        return f"{name} on {host}: " + subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def vm(self, name: str) -> tuple[str, SeenVm]:
        """(host, VM) of the one VM of that name."""
        observed = self.look().context.observed
        (found,) = observed.by_name[name]
        return found.host, found.vm

    def close(self) -> None:
        self.app.close()


def said(plan: Plan) -> str:
    from reconciler.plan.faces.text import text

    return text(plan)


def machine(name: str, **spec: Any) -> dict[str, Any]:
    """A VM that boots the tiny guest in 5 s."""
    base = {
        "cpu": 1, "memory": "112MiB", "disks": [{"name": "root", "image": "guest"}], "nics": ["lan"],
        "stopTimeout": "4m",
    }  # fmt: skip
    return {"apiVersion": "gitvirt/v1", "kind": "VirtualMachine", "metadata": {"name": name}, "spec": {**base, **spec}}
