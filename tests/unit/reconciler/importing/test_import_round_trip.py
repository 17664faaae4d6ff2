"""Import → adopt → nothing left to do, over every dialect of domain XML that tests/domains.py knows."""

from __future__ import annotations

import re

import pytest

from reconciler.diff.change import Verb
from tests.domains import NETWORK, POOL, SHAPES, every
from tests.unit.reconciler.importing.world import World, imported, network, planned, pool


@pytest.fixture(scope="module")
def domains() -> dict[str, str]:
    return dict(every(170))


def world(domains: dict[str, str]) -> World:
    volumes = sorted({each.rpartition("/")[2] for each in re.findall(rf"'({POOL}/[^'/]+)'", "".join(domains.values()))})
    return World(list(domains.values()), pools=(pool("vms", POOL, *volumes),), networks=(network(NETWORK),))


def test_every_dialect_is_adopted_and_the_plan_after_is_empty(domains: dict[str, str]) -> None:
    host = world(domains)
    drawn, files = imported(host.source())
    assert not drawn.passed
    adoption = planned(files, host)
    assert {str(each.ref) for each in adoption.changes} == {f"vm/{name}" for name in domains}
    assert all(each.verb is Verb.ADOPT and not each.held for each in adoption.changes)
    assert len(adoption.steps) == len(domains), "one mark each, and nothing else"
    host.mark(adoption)
    after = planned(files, host)
    assert not after.changes, [str(each) for each in after.changes][:3]
    assert after.empty


@pytest.mark.parametrize("shape", dict.fromkeys(SHAPES), ids=lambda shape: shape.__name__)
def test_what_the_yaml_says_is_what_the_domain_has(shape: object) -> None:
    """Each of the dialects by itself: the second plan compares every declared field with the host's."""
    assert callable(shape)
    name = "alone"
    host = world({name: shape(9, name, "kvm")})
    _, files = imported(host.source())
    host.mark(planned(files, host))
    assert not planned(files, host).changes
    assert "uuid: " in files["vms/alone.yaml"]
    assert "state: manual" in files["vms/alone.yaml"]


def test_a_changed_field_is_seen_as_drift_after_the_adoption(domains: dict[str, str]) -> None:
    """The round trip compares: it is not empty because nothing was declared."""
    name = next(iter(domains))
    host = world({name: domains[name]})
    _, files = imported(host.source())
    host.mark(planned(files, host))
    host.domains = [each.replace("<vcpu>1</vcpu>", "<vcpu>3</vcpu>") for each in host.domains]
    changes = planned(files, host).changes
    assert [(str(each.ref), each.fields[0].path, each.fields[0].kind) for each in changes] == [
        (f"vm/{name}", "cpu.count", "drift")
    ]


def test_custom_properties_are_taken_over_and_kept() -> None:
    """Those of a VM that was released: its mark is gone, they are not."""
    name, shape = "alone", SHAPES[0]
    kept = (
        '<metadata><p:properties xmlns:p="https://gitvirt.dev/properties/v1">'
        '<p:property name="purpose" value="a;b: c"/></p:properties></metadata>'
    )
    plain = shape(9, name, "kvm")
    host = world({name: re.sub(r"<metadata>.*</metadata>", "", plain, flags=re.DOTALL)})
    host.domains = [each.replace("</domain>", f"{kept}</domain>") for each in host.domains]
    _, files = imported(host.source())
    assert "\n  properties: " in files[f"vms/{name}.yaml"]
    host.mark(planned(files, host))
    assert not planned(files, host).changes
    assert 'name="purpose" value="a;b: c"' in host.domains[0]
