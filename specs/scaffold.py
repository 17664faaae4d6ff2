"""Scaffold: the text of a new repository's `gitvirt.yaml`. Called by `gitvirt init`, which brings the random id."""

from __future__ import annotations

from specs.kinds import API_VERSION

_TEXT = """\
# Who this repository is. Other documents may stand in this file or in any .yaml file beside and below it.
# Every field: `gitvirt schema --docs`. Check with `gitvirt validate`, see what would happen with `gitvirt plan`.
apiVersion: {version}
kind: Repository
metadata: {{name: {name}}}
spec:
  id: {identity}  # random; never change it: it is how gitvirt knows its own VMs
  # drift: warn            # what to do about changes made outside of Git: enforce (default), warn, accept, ignore
  # budgets: {{deletions: 3}} # hold a revision that would delete more of one kind than this
  # defaults:              # under every object of that kind
  #   VirtualMachine: {{image: debian-12, nics: [lan]}}
---
apiVersion: {version}
kind: Host
metadata: {{name: {host}}}
spec: {{uri: "{uri}"}}
# ---
# apiVersion: {version}
# kind: StorageDomain
# metadata: {{name: local}}
# spec: {{type: local, path: /srv/vms}}
# ---
# apiVersion: {version}
# kind: Network
# metadata: {{name: lan}}
# spec: {{type: nat, subnet: 192.168.150.0/24, dhcp: {{start: 192.168.150.10, end: 192.168.150.200}}}}
# ---
# apiVersion: {version}
# kind: Image
# metadata: {{name: debian-12}}
# spec: {{file: images/debian-12.qcow2}}
# ---
# apiVersion: {version}
# kind: VirtualMachine
# metadata: {{name: web}}
# spec: {{cpu: 2, memory: 2GiB, disks: [{{name: root, size: 20GiB}}]}}
"""


def repository_yaml(name: str, identity: str, host: str = "localhost", uri: str = "qemu:///system") -> str:
    """A `gitvirt.yaml` that loads as it is; `identity` is a random UUID in lower case."""
    return _TEXT.format(version=API_VERSION, name=name, identity=identity, host=host, uri=uri)
