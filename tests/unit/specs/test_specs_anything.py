"""Whatever stands in a repository, loading ends with a catalog or with findings, never with a traceback."""

from __future__ import annotations

import json
from typing import Any

from conftest import BASE, ID, Texts
from hypothesis import given, settings
from hypothesis import strategies as st

from specs.catalog import Catalog
from specs.errors import LoadFailed
from specs.kinds import KINDS
from specs.load import load
from specs.render import render
from specs.shape import Shape

JUNK = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=8)
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
_GOOD: list[Any] = ["lan", "default", "kvm1", "local", "debian", "1GiB", "4MiB", "30s", "10%", 1, 2, 8, True, "vnc"]
_GOOD += ["none", "q35", "warn", "10.0.0.0/24", "10.0.0.1", "fd00::/64", "52:54:00:00:00:01", "posix", "bridge", "nat"]
_GOOD += ["on", "/srv/vms", ["lan"], []]
GOOD = st.sampled_from(_GOOD)
NAMES = st.sampled_from(["root", "data", "lan", "a b", ""])


def value(shape: Shape) -> st.SearchStrategy[Any]:
    """Something for that field: often of the right form, seldom of the right value."""
    if shape.form == "leaf":
        return st.one_of(GOOD, GOOD, JUNK)
    fields = {name: value(inner) for name, inner in shape.fields.items()}
    group = st.fixed_dictionaries({}, optional=fields)
    if shape.form == "named":
        return st.one_of(st.lists(group, max_size=3), st.dictionaries(NAMES, group, max_size=2), JUNK, GOOD)
    return st.one_of(group, group, GOOD, JUNK)


SPECS = {kind.name: value(kind.shape) for kind in KINDS.values()}
DOCUMENTS = st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.fixed_dictionaries(
        {
            "apiVersion": st.just("gitvirt/v1"),
            "kind": st.just(kind),
            "metadata": st.fixed_dictionaries({"name": NAMES}),
        },
        optional={"spec": SPECS[kind]},
    )
)


def tried(files: dict[str, str | bytes]) -> None:
    """Loads; what loads must also render."""
    found = loaded(files)
    if isinstance(found, LoadFailed):
        assert found.errors
        assert all(each.what and each.where.file for each in found.findings)
    else:
        render(found)


def loaded(files: dict[str, str | bytes]) -> Catalog | LoadFailed:
    try:
        return load(Texts(files, {}))
    except LoadFailed as failed:
        return failed


@settings(max_examples=150, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=4), SPECS["Repository"])
def test_any_documents_of_known_kinds(documents: list[Any], repository: Any) -> None:
    own = {"apiVersion": "gitvirt/v1", "kind": "Repository", "metadata": {"name": "x"}, "spec": repository}
    tried({"gitvirt.yaml": BASE, "more.yaml": "\n---\n".join(json.dumps(each) for each in documents)})
    tried({"gitvirt.yaml": json.dumps(own)})


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(KINDS)), st.one_of(*SPECS.values()), max_size=2), DOCUMENTS)
def test_any_defaults(defaults: dict[str, Any], document: Any) -> None:
    own = BASE.replace(f"id: {ID}", f"id: {ID}, defaults: {json.dumps(defaults)}")
    cluster = {"apiVersion": "gitvirt/v1", "kind": "Cluster", "metadata": {"name": "c"}, "spec": {"defaults": defaults}}
    tried({"gitvirt.yaml": own, "c.yaml": json.dumps(cluster), "d.yaml": json.dumps(document)})


@settings(max_examples=100, deadline=None)
@given(JUNK, st.binary(max_size=60))
def test_any_junk(document: Any, content: bytes) -> None:
    tried({"gitvirt.yaml": json.dumps(document), "other.yaml": content})
    tried({"gitvirt.yaml": BASE, "junk.yaml": json.dumps(document), "other.yaml": content})
