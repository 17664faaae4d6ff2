"""A site for whole passes: a repository folder and a simulated datacenter, planned and applied as the CLI does it.

`Site.write` puts YAML into the folder, `plan` looks, `apply` acts, `settle` does both and asserts that the plan after
is empty. Time stands still but for `advance`.
"""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.base import Host
from drivers.memory.world import Clock, World
from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Run
from reconciler.apply.walk import Walker
from reconciler.desired.resolve import FileFacts, Sources
from reconciler.desired.wanted import WantedHost
from reconciler.diff.context import Allowed
from reconciler.images import FileSource
from reconciler.observe.holds import Holds
from reconciler.observe.overrides import Overrides
from reconciler.observe.register import Register
from reconciler.plan.plan import Plan, UploadImage
from specs.fields import Secret
from specs.load import load
from specs.tree import Folder

ID = "6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10"
OTHER = "11111111-2222-4333-8444-555555555555"
IMAGE = struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, 8 << 20) + b"guest image" * 100  # of 8 MiB
SHA = hashlib.sha256(IMAGE).hexdigest()

BASE = f"""
apiVersion: gitvirt/v1
kind: Repository
metadata: {{name: site}}
spec: {{id: {ID}}}
---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {{name: shared}}
spec: {{type: posix, path: /srv/shared}}
---
apiVersion: gitvirt/v1
kind: Network
metadata: {{name: lan}}
spec: {{type: nat, subnet: 192.168.150.0/24, dhcp: {{start: 192.168.150.10, end: 192.168.150.99}}}}
---
apiVersion: gitvirt/v1
kind: Image
metadata: {{name: guest}}
spec: {{file: guest.qcow2, checksum: "sha256:{SHA}", storageDomain: shared}}
"""


def host_yaml(name: str, extra: str = "") -> str:
    return f"---\napiVersion: gitvirt/v1\nkind: Host\nmetadata: {{name: {name}}}\nspec: {{uri: 'qemu+tls://{name}/system'{extra}}}\n"


def vm_yaml(name: str, spec: str = "", metadata: str = "") -> str:
    """A VM with one CPU, 96 MiB, a disk from the image and one NIC, unless `spec` says otherwise."""
    base = "cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}], nics: [lan]"
    body = spec if spec.startswith("=") else f"{base}, {spec}" if spec else base
    return (
        f"---\napiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {{name: {name}{metadata}}}\n"
        f"spec: {{{body.removeprefix('=')}}}\n"
    )


class NoWait:
    """Time for stops: every wait passes at once, and lets the simulated guests go on."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def now(self) -> float:
        return self.clock.now

    def wait(self, seconds: float) -> bool:
        self.clock.advance(seconds)
        return False


class Site:
    """A repository folder beside a World of `hosts` machines that share /srv/shared."""

    def __init__(self, folder: Path, hosts: int = 2, locks: bool = True) -> None:
        self.folder = folder
        self.clock = Clock()
        self.world = World(clock=self.clock, locks=locks)
        self.names = [f"kvm{number}" for number in range(1, hosts + 1)]
        for name in self.names:
            self.world.add_host(name)
        self.world.add_directory("/srv/shared", hosts=self.names)
        self.state = folder / "state"
        self.state.mkdir(parents=True)
        self.repository = folder / "repository"
        self.repository.mkdir()
        self.revision = "r1"
        self.history = ["r1"]
        self.write("gitvirt.yaml", BASE + "".join(host_yaml(name) for name in self.names))
        (self.repository / "guest.qcow2").write_bytes(IMAGE)

    def write(self, name: str, text: str) -> None:
        """Puts a YAML file into the repository; empty text removes it."""
        path = self.repository / name
        path.unlink(missing_ok=True) if not text else path.write_text(text)

    def vms(self, *documents: str) -> None:
        """The whole of vms.yaml."""
        self.write("vms.yaml", "".join(documents))

    def commit(self, revision: str) -> None:
        """The next revision, descending from all former ones."""
        self.revision = revision
        self.history.append(revision)

    def revision_now(self) -> cycle.Revision:
        return cycle.Revision(
            catalog=load(Folder(self.repository)),
            name=self.revision,
            sources=Sources(files=self._files(), reveal=lambda ref, where: Secret(str(getattr(ref, "value", "")))),
            ancestors=lambda ids: frozenset(self.history[: self.history.index(self.revision) + 1]),
        )

    def _files(self) -> dict[str, FileFacts]:
        return {
            path.relative_to(self.repository).as_posix(): FileFacts(
                size=path.stat().st_size, format="qcow2", sha256=hashlib.sha256(path.read_bytes()).hexdigest()
            )
            for path in self.repository.rglob("*")
            if path.suffix in (".qcow2", ".iso")
        }

    def outside(self) -> cycle.Outside:
        return cycle.Outside(
            connect=self._connect,
            now=lambda: int(self.clock.now),
            digest=lambda secret: secret.digest(b"key"),
            register=lambda repository: Register(self.state, repository),
            holds=lambda repository: Holds(self.state, repository).all(),
            overrides=lambda repository: Overrides(self.state, repository).all(),
            end=lambda repository, ref, kind: Overrides(self.state, repository).drop(ref, kind),
        )

    def _connect(self, host: WantedHost) -> Host:
        return self.world.host(host.name)

    def look(self, **allowed: object) -> cycle.Pass:
        return cycle.look(self.revision_now(), self.outside(), Allowed(**allowed))  # type: ignore[arg-type]

    def plan(self, **allowed: object) -> Plan:
        return self.look(**allowed).plan

    @contextmanager
    def open_image(self, call: UploadImage, told: object) -> Iterator[FileSource]:
        """The file as it lies in the repository: nothing is converted here."""
        content = io.BytesIO((self.repository / call.file).read_bytes())
        yield FileSource(file=content, checksum=call.checksum, name=call.file)

    def apply(self, **allowed: object) -> Run:
        return self.act(self.look(**allowed))

    def act(self, looked: cycle.Pass) -> Run:
        """Carries out a plan that was looked at before."""
        walker = Walker(hosts=looked.hosts, tools=Tools(open_image=self.open_image, pause=NoWait(self.clock)))
        return cycle.act(looked, walker)

    def settle(self, **allowed: object) -> Run:
        """Applies, and asserts that everything was done and that the plan after it is empty."""
        run = self.apply(**allowed)
        bad = [(each.step.what, each.step.ref, each.error) for each in run.outcomes.values() if each.error]
        assert run.good, bad
        after = self.plan(**allowed)
        assert after.empty, said(after)
        return run

    def domain(self, name: str):  # type: ignore[no-untyped-def]
        """(host, SeenVm) of the one VM of that name."""
        found = [
            (host, vm)
            for host, seen in self.world.observe().items()
            for vm in getattr(seen, "vms", ())
            if vm.name == name
        ]
        assert len(found) == 1, found
        return found[0]


def said(plan: Plan) -> list[str]:
    """The plan in short lines, for assertions and their messages."""
    lines = []
    for change in plan.changes:
        lines.append(f"{change.verb} {change.ref} {change.host} {change.held or ''}".strip())
        lines += [
            f"  {each.path}: {each.before} -> {each.after} {each.effect} {each.kind} {each.held or ''}".rstrip()
            for each in change.fields
        ]
    return lines + [f"step {step.what} {step.ref} {step.host}" for step in plan.steps]
