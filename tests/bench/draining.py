"""Emptying a host of running VMs: ours against the fastest script by hand, with as many migrations at once.

In: how often to repeat. Out: one Comparison after the other. Has a lab of its own, with two hosts and storage that both
share. Both are peer-to-peer and unencrypted; after each sample the script brings the VMs back. Called by __main__.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from tests.bench import bare
from tests.bench.rows import BARE, CHANGED, OURS, steps_alone, timed
from tests.bench.sample import Comparison, compare
from tests.bench.site import HOST, Site, laboratory

OTHER = "kvm2"
TARGET = 1.1

HEAD = """
apiVersion: gitvirt/v1
kind: Repository
metadata: {{name: bench}}
spec: {{id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b12}}
---
apiVersion: gitvirt/v1
kind: Cluster
metadata: {{name: default}}
spec: {{emulation: tcg}}
---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {{name: bench}}
spec: {{type: posix, path: {shared}}}
"""
HOST_TEXT = """---
apiVersion: gitvirt/v1
kind: Host
metadata: {{name: {name}}}
spec: {{uri: "{uri}", maintenance: {maintenance}}}
"""


class TwoHosts(Site):
    """The VMs are on the first host; the repository says that it goes into maintenance."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.empty = OTHER
        super().__init__(lab, folder)

    def head(self) -> str:
        """All but the VMs: one of both hosts is in maintenance."""
        hosts = (
            HOST_TEXT.format(name=name, uri=self.lab.uri(name), maintenance=str(name == self.empty).lower())
            for name in (HOST, OTHER)
        )
        return HEAD.format(shared=SHARED_IN_HOST) + "".join(hosts)

    def maintain(self, host: str) -> None:
        """From now on this one is to be empty."""
        self.empty = host
        (self.repository / "gitvirt.yaml").write_text(self.head(), encoding="utf-8")
        self.declare(CHANGED, "running")

    def peer(self, name: str) -> tuple[str, str]:
        """(URI, address) by which the other host reaches it."""
        address = next(each.address for each in self.lab.hosts() if each.name == name)
        return f"qemu+tls://{address}/system", address

    def back(self) -> None:
        """All VMs are on the first host again."""
        vms = list(bare.wanted(str(self.file)))
        bare.drain(self.lab.libvirt_uri(OTHER), vms, *self.peer(HOST))


def draining(rounds: int) -> Iterator[Comparison]:
    """As whole processes, and what is done to the VMs alone (see rows.changing)."""
    with laboratory(2) as (lab, folder):
        site = TwoHosts(lab, folder)
        site.declare(CHANGED, "running")
        site.gitvirt("apply", "--yes")
        site.maintain(HOST)
        what, peer = f"drain a host of {CHANGED} VMs", site.peer(OTHER)
        whole = {OURS: lambda: site.gitvirt("apply", "--yes"), BARE: lambda: site.bare("drain", *peer)}
        yield compare(f"{what}, whole process", whole, rounds, before=site.back)
        vms = list(bare.wanted(str(site.file)))
        alone = {OURS: lambda: steps_alone(site), BARE: lambda: timed(lambda: bare.drain(site.uri, vms, *peer))}
        yield compare(what, alone, rounds, target=TARGET, before=site.back)
