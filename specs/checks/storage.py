"""Storage: domains do not stand on each other, images say where they come from."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from specs.checks.scope import Scope, doubtful, wrong
from specs.errors import Finding
from specs.resource import Resource
from specs.tree import within

_NOT_FOR_DISKS = frozenset(("/", "/bin", "/boot", "/dev", "/etc", "/lib", "/proc", "/run", "/sbin", "/sys", "/usr"))


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with storage domains and images."""
    for domain in scope.of("StorageDomain"):
        yield from _domain(scope, domain)
    yield from _shared_paths(scope)
    for image in scope.of("Image"):
        yield from _image(image)
        yield from _image_file(scope, image)
        yield from _image_domain(scope, image)


def _domain(scope: Scope, domain: Resource) -> Iterator[Finding]:
    path = domain.spec.path
    if path in _NOT_FOR_DISKS:
        yield wrong(
            domain, "path", f"`{path}` belongs to the system", fix="use a folder of its own, such as `/srv/vms`"
        )
    for name in domain.spec.hosts or ():
        host = scope.get("Host", name)
        if host is not None and not scope.serves(domain.spec, host.spec.cluster):
            why = f"it is in cluster {host.spec.cluster}, which this domain does not serve"
            yield wrong(domain, "hosts", f"{host.ref} cannot have it", why, "take the host away, or widen `clusters:`")
    if domain.spec.hosts == ():
        yield wrong(domain, "hosts", "no host has it", "the list is empty", "name hosts, or take `hosts:` away")


def _shared_paths(scope: Scope) -> Iterator[Finding]:
    """Two of our domains in one folder of one host would each take the other's volumes for strangers."""
    first: dict[tuple[str, str], Resource] = {}
    told = set()
    ordered = sorted(scope.of("StorageDomain"), key=lambda each: (each.where("path"), each.name))
    for domain in ordered:
        if domain.spec.external:
            continue
        for host in sorted(scope.hosts_of(domain.spec)):
            other = first.setdefault((host, domain.spec.path), domain)
            if other is not domain and domain.ref not in told:
                told.add(domain.ref)
                what, why = f"{other.ref} has the same folder", f"both are on {host}"
                yield wrong(domain, "path", what, why, "use another folder, or one domain for both")


def _image(image: Resource) -> Iterator[Finding]:
    spec = image.spec
    source = "file" if spec.file is not None else "url"
    if spec.external and (spec.file is not None or spec.url is not None):
        yield wrong(
            image, source, f"`{source}` of an external image", "it is never written",
            f"take `{source}` or `external` away",
        )  # fmt: skip
    if spec.external and spec.volume is None:
        yield wrong(image, "volume", "`volume` is missing", "an external image is a volume already", "name that volume")
    if not spec.external and spec.volume is not None:
        yield wrong(image, "volume", "`volume` belongs to external images", fix="add `external: true`, or use `file:`")
    if not spec.external and spec.file is None and spec.url is None and spec.volume is None:
        why = "the image has to come from somewhere"
        yield wrong(image, "file", "`file` is missing", why, "name the file, or a `url` with its `checksum`")
    yield from _image_source(image)


def _image_source(image: Resource) -> Iterator[Finding]:
    """A URL stands alone, and what may change at any time behind it is pinned."""
    spec = image.spec
    if spec.url is not None and spec.file is not None:
        yield wrong(image, "url", "both `file` and `url`", "an image has one source", "take one away")
    if spec.url is not None and spec.checksum is None and not spec.external:
        why = "whoever has the server would decide what your VMs run"
        yield wrong(image, "checksum", "`checksum` is missing", why, "copy it from where the image is published")
    if spec.type == "iso" and spec.format == "qcow2":
        yield wrong(image, "format", "an ISO image of format qcow2", "CD-ROM drives read raw", "take `format` away")


def _image_file(scope: Scope, image: Resource) -> Iterator[Finding]:
    file = image.spec.file
    if file is None or file.startswith("/"):
        return
    path = within(posixpath.dirname(image.location.file), file)
    if path is None:
        why = "only files of the same tree, or of folders allowed locally, are read"
        yield wrong(image, "file", f"`{file[:80]}` leads out of the repository", why, "use a file of the repository")
    elif path not in scope.files:
        why = "it is looked for beside this document; a file that Git ignores has to be there when it is applied"
        yield doubtful(image, "file", f"`{path[:120]}` is not among the repository's files", why, "add it there")


def _image_domain(scope: Scope, image: Resource) -> Iterator[Finding]:
    domain = scope.get("StorageDomain", image.spec.storage_domain)
    if domain is not None and domain.spec.function == "iso" and image.spec.type == "disk":
        why = f"{domain.ref} is for ISO images"
        yield wrong(image, "storageDomain", "a disk image cannot be there", why, "use a data domain")
