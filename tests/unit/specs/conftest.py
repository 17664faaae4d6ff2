"""A tree of texts, and what most tests of specs ask of it: the catalog, or the findings as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias

import pytest

from specs.catalog import Catalog
from specs.errors import LoadFailed
from specs.load import load
from specs.resource import Resource
from specs.tree import TreeFile

ID = "0f5c1a2e-1111-4222-8333-444455556666"
BASE = f"""\
apiVersion: gitvirt/v1
kind: Repository
metadata: {{name: home}}
spec: {{id: {ID}}}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {{name: kvm1}}
spec: {{uri: qemu+tls://kvm1.lan/system}}
---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {{name: local}}
spec: {{type: local, path: /srv/vms}}
---
apiVersion: gitvirt/v1
kind: Network
metadata: {{name: lan}}
spec: {{type: nat, subnet: 192.168.150.0/24}}
---
apiVersion: gitvirt/v1
kind: Image
metadata: {{name: debian}}
spec: {{file: /srv/images/debian.qcow2}}
"""
"""A sound repository with one object of most kinds."""

Content: TypeAlias = "str | bytes"


class Texts:
    """A tree that is a mapping of path to content; `links` of path to target."""

    label = "texts"

    def __init__(self, contents: Mapping[str, Content], links: Mapping[str, str]) -> None:
        self._contents = {path: each.encode() if isinstance(each, str) else each for path, each in contents.items()}
        self._links = links

    def files(self) -> Iterable[TreeFile]:
        yield from (TreeFile(path=path, size=len(content)) for path, content in self._contents.items())
        yield from (TreeFile(path=path, size=0, link=target) for path, target in self._links.items())

    def read(self, path: str) -> bytes:
        return self._contents[path]


Read: TypeAlias = Callable[..., Catalog]
Faults: TypeAlias = Callable[..., list[str]]


def document(kind: str, name: str, spec: str) -> str:
    """A document; `spec` is YAML in flow style, or an indented block that begins with a line break."""
    return f"apiVersion: gitvirt/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n"


@pytest.fixture
def read() -> Read:
    """The catalog of BASE and the given files (`path=…` by mapping); fails the test if it does not load."""

    def catalog(
        files: Mapping[str, Content] | str, *, links: Mapping[str, str] | None = None, root: str = ".", base: str = BASE
    ) -> Catalog:
        named = {"more.yaml": files} if isinstance(files, str) else dict(files)
        own = "gitvirt.yaml" if root == "." else f"{root}/gitvirt.yaml"
        return load(Texts({own: base, **named}, links or {}), root)

    return catalog


@pytest.fixture
def faults(read: Read) -> Faults:
    """What is wrong with BASE and the given files: every finding as text, [] if it loads without a warning."""

    def texts(*args: object, **options: object) -> list[str]:
        try:
            return [str(each) for each in read(*args, **options).warnings]
        except LoadFailed as failed:
            return [str(each) for each in failed.findings]

    return texts


@pytest.fixture
def vm(read: Read) -> Callable[[str], Resource]:
    """The VM `web` with that spec, beside BASE."""

    def resource(spec: str) -> Resource:
        found = read(document("VirtualMachine", "web", spec)).get("VirtualMachine", "web")
        assert found is not None
        return found

    return resource


@pytest.fixture
def vm_faults(faults: Faults) -> Callable[[str], list[str]]:
    """What is wrong with a VM `web` of that spec, beside BASE."""
    return lambda spec: faults(document("VirtualMachine", "web", spec))
