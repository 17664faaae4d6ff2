"""Layers: which defaults lie under an object, and what may be left out of it.

Precedence, lowest first: Repository, DataCenter, Cluster (their `defaults` for the object's kind), InstanceType, the
object itself. Afterwards the references that need not be written are filled in: the only data center, the only cluster,
the only data domain; and a VM's `image` and `storageDomain` go down to its disks. Called by `specs.load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import ValidationError

from specs import merge
from specs.errors import Finding, did_you_mean
from specs.kinds import KINDS
from specs.reading import invalid
from specs.reading.documents import Document
from specs.resource import Ref
from specs.structs import replace
from specs.yaml import Filled, Node

_PLACED_BY = {"Cluster": ("cluster", "dataCenter"), "DataCenter": ("dataCenter",)}
"""Level → fields that say where an object belongs, which defaults of that level cannot say."""
_IDENTITY = ("uuid", "id", "uri")


class Layers:
    """All layers of one repository, in normal form. `findings` gets what is wrong in shorthands and defaults."""

    def __init__(self, declared: Mapping[Ref, Document], repository: Document, findings: list[Finding]) -> None:
        self._findings = findings
        self._own = {each.ref: self._normal(each) for each in (*declared.values(), repository)}
        self._repository = repository.ref
        self._defaults: dict[tuple[Ref, str], Node] = {}
        for ref in self._own:
            if ref.kind in ("Repository", "DataCenter", "Cluster"):
                self._read_defaults(ref)
        self._only = {kind: self._single(kind) for kind in ("DataCenter", "Cluster")}
        self._types = {ref.name: self.effective(declared[ref]) for ref in self._own if ref.kind == "InstanceType"}
        self._domains = {ref.name: self.effective(declared[ref]) for ref in self._own if ref.kind == "StorageDomain"}

    def effective(self, document: Document) -> Node:
        """The spec with everything that lies under it; filled-in values are `Filled` nodes.

        Without `defaults`, which have done their work and may hold secrets.
        """
        ref = document.ref
        kind = KINDS[ref.kind]
        own = self._own[ref]
        under: list[Node | None] = [self._default(self._repository, ref.kind)]
        home: dict[str, str | None] = {}
        if "Cluster" in kind.levels:
            home["cluster"] = _said("cluster", (own, *under)) or self._only["Cluster"]
            center = self._center_of(home["cluster"])
            under += [self._default(_ref("DataCenter", center), ref.kind)]
            under += [self._default(_ref("Cluster", home["cluster"]), ref.kind)]
        elif "DataCenter" in kind.levels:
            home["dataCenter"] = _said("dataCenter", (own, *under)) or self._only["DataCenter"]
            under += [self._default(_ref("DataCenter", home["dataCenter"]), ref.kind)]
        if ref.kind == "VirtualMachine":
            under.append(self._instance_type(own, under))
        node = merge.merged((*under, own), kind.shape) or own
        return self._filled(_without(node, "defaults"), ref, home)

    def _normal(self, document: Document) -> Node:
        return merge.normal(document.spec, KINDS[document.ref.kind].shape, "", self._findings)

    def _single(self, kind: str) -> str | None:
        names = [ref.name for ref in self._own if ref.kind == kind]
        return names[0] if len(names) == 1 else None

    def _default(self, level: Ref | None, kind: str) -> Node | None:
        return self._defaults.get((level, kind)) if level is not None else None

    def _center_of(self, cluster: str | None) -> str | None:
        own = self._own.get(Ref("Cluster", cluster)) if cluster is not None else None
        said = _said("dataCenter", (own, self._default(self._repository, "Cluster"))) if own is not None else None
        return said or self._only["DataCenter"]

    def _instance_type(self, own: Node, under: Iterable[Node | None]) -> Node | None:
        name = _said("instanceType", (own, *reversed(list(under))))
        node = self._types.get(name) if name is not None else None
        return _without(node, "description") if node is not None else None

    def _read_defaults(self, level: Ref) -> None:
        spec = self._own[level].value
        node = spec.get("defaults") if isinstance(spec, dict) else None
        if node is None or node.value is None or "defaults" not in KINDS[level.kind].shape.fields:
            return
        if not isinstance(node.value, dict):
            self._wrong(node, "defaults", "this must be a mapping", fix="write `KIND: {…}` lines below it")
            return
        for kind, partial in node.value.items():
            path = f"defaults.{kind[:80]}"
            if kind not in KINDS:
                self._wrong(partial, path, f"unknown kind `{kind[:80]}`", fix=did_you_mean(kind, KINDS))
            elif level.kind not in KINDS[kind].levels:
                what = f"a {level.kind} has no defaults for {kind}"
                levels = " or ".join(KINDS[kind].levels)
                self._wrong(partial, path, what, fix=f"write them in a {levels}" if levels else "take it away")
            elif isinstance(partial.value, dict):
                self._defaults[level, kind] = self._partial(level, kind, partial)
            elif partial.value is not None:
                self._wrong(partial, path, "this must be a mapping", fix=f"write fields of a {kind} below it")

    def _partial(self, level: Ref, kind: str, node: Node) -> Node:
        """One set of defaults in normal form, checked by the model as far as a part can be."""
        found: list[Finding] = []
        node = merge.normal(node, KINDS[kind].shape, "", found)
        assert isinstance(node.value, dict)
        for key in (*_IDENTITY, *_PLACED_BY.get(level.kind, ())):
            if key in node.value and key in KINDS[kind].shape.fields:
                why = (
                    "it tells one object from the others"
                    if key in _IDENTITY
                    else f"it says to which {level.kind} it belongs"
                )
                what, fix = f"`{key}` cannot be a default here", "write it in each object"
                found.append(Finding(where=node.value[key].place, path=key, what=what, why=why, fix=fix))
        try:
            KINDS[kind].model.model_validate(merge.flat(node, KINDS[kind].shape, "", {}))
        except ValidationError as error:
            found += invalid.findings_of(error, node, KINDS[kind].shape, partial=True)
        self._findings += (replace(each, path=f"defaults.{kind}.{each.path}".rstrip(".")) for each in found)
        return node

    def _filled(self, node: Node, ref: Ref, home: Mapping[str, str | None]) -> Node:
        if not isinstance(node.value, dict):
            return node
        fields = dict(node.value)
        for key, value in home.items():
            if value is not None and _absent(fields, key):
                fields[key] = Filled(value, node.place)
        if ref.kind == "VirtualMachine":
            self._fill_disks(fields, self._own[ref], self._center_of(home.get("cluster")), home.get("cluster"))
        elif ref.kind == "Image" and _absent(fields, "storageDomain"):
            domains = [name for name, domain in self._domains.items() if _holds_data(domain)]
            if len(domains) == 1:
                fields["storageDomain"] = Filled(domains[0], node.place)
        return Node(fields, node.place)

    def _fill_disks(self, fields: dict[str, Node], own: Node, center: str | None, cluster: str | None) -> None:
        """Lays `image` under the disk `root` and `storageDomain` under all disks, and takes both off the VM."""
        image, domain = fields.pop("image", None), fields.pop("storageDomain", None)
        disks = fields.get("disks")
        entries = disks.value if disks is not None and isinstance(disks.value, dict) else {}
        if image is not None and image.value is not None and "root" not in entries and _has(own, "image"):
            why = "an image of the VM is that of its disk `root`"
            self._wrong(image, "image", "there is no disk `root`", why, "name a disk `root`, or write it in a disk")
        if disks is None or not entries:
            return
        if domain is None or domain.value is None:
            only = self._only_domain(center, cluster)
            domain = Filled(only, disks.place) if only is not None else None
        filled = {name: _disk(name, entry, image, domain) for name, entry in entries.items()}
        fields["disks"] = Node(filled, disks.place)

    def _only_domain(self, center: str | None, cluster: str | None) -> str | None:
        """The data domain that the VMs of a cluster have, if there is just one."""
        reachable = [name for name, domain in self._domains.items() if _reaches(domain, center, cluster)]
        return reachable[0] if len(reachable) == 1 else None

    def _wrong(self, node: Node, path: str, what: str, why: str = "", fix: str = "") -> None:
        self._findings.append(Finding(where=node.place, path=path, what=what, why=why, fix=fix))


def _ref(kind: str, name: str | None) -> Ref | None:
    return Ref(kind, name) if name is not None else None


def _without(node: Node, key: str) -> Node:
    if not isinstance(node.value, dict) or key not in node.value:
        return node
    return Node({each: child for each, child in node.value.items() if each != key}, node.place)


def _has(node: Node, key: str) -> bool:
    return isinstance(node.value, dict) and key in node.value


def _absent(fields: Mapping[str, Node], key: str) -> bool:
    return key not in fields or fields[key].value is None


def _said(key: str, layers: Iterable[Node | None]) -> str | None:
    """The text of a field in the highest layer that has it; layers from the top."""
    for layer in layers:
        if layer is not None and isinstance(layer.value, dict) and key in layer.value:
            value = layer.value[key].value
            return value if isinstance(value, str) else None
    return None


def _disk(name: str, entry: Node, image: Node | None, domain: Node | None) -> Node:
    if not isinstance(entry.value, dict):
        return entry
    fields = dict(entry.value)
    if image is not None and name == "root" and not any(key in fields for key in ("image", "volume", "external")):
        fields["image"] = image
    if domain is not None and _absent(fields, "storageDomain"):
        fields["storageDomain"] = domain
    return Node(fields, entry.place)


def _holds_data(domain: Node) -> bool:
    return _said("function", (domain,)) != "iso"


def _reaches(domain: Node, center: str | None, cluster: str | None) -> bool:
    if not _holds_data(domain) or _said("dataCenter", (domain,)) != center:
        return False
    fields = domain.value if isinstance(domain.value, dict) else {}
    clusters = fields.get("clusters")
    if clusters is None or not isinstance(clusters.value, list):
        return True
    return cluster in [each.value for each in clusters.value]
