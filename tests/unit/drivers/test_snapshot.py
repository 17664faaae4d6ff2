"""Observations written as data and read back."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from ruamel.yaml import YAML

from drivers.seen import Power, SeenHost, SeenVm, Unseen
from drivers.snapshot import FORMAT, NotAnObservation, from_data, to_data
from specs.fields import Secret
from specs.structs import Struct, replace
from tests.strategies import observations

KEY = b"a key of gitvirt's own"
UUID = "aaaaaaaa-0000-4000-8000-000000000001"


def _digests(value: Any) -> Any:
    """The same observation with each secret as its digest: what may come back."""
    if isinstance(value, Secret):
        return value.digest(KEY)
    if isinstance(value, Struct):
        inner = {name: _digests(getattr(value, name)) for name in value.__struct_fields__}
        return replace(value, **inner)
    if isinstance(value, Mapping):
        return {key: _digests(each) for key, each in value.items()}
    return tuple(_digests(each) for each in value) if isinstance(value, tuple) else value


@settings(max_examples=60, deadline=None)
@given(observations)
def test_what_was_written_reads_back_equal_but_for_secrets(hosts: dict[str, SeenHost | Unseen]) -> None:
    assert from_data(json.loads(json.dumps(to_data(hosts, KEY)))) == _digests(hosts)


@settings(max_examples=30, deadline=None)
@given(observations)
def test_reading_and_writing_again_changes_nothing(hosts: dict[str, SeenHost | Unseen]) -> None:
    data = to_data(hosts, KEY)
    assert to_data(from_data(data), b"another key") == data


def _host(**vm: Any) -> dict[str, SeenHost | Unseen]:
    seen = SeenVm(name="web", uuid=UUID, **{"power": Power.STOPPED, **vm})
    return {"kvm1": SeenHost(name="kvm1", uuid=UUID, vms=(seen,))}


def test_no_secret_is_in_the_data() -> None:
    fields = {"graphics.password": Secret("hunter2x")}
    text = json.dumps(to_data(_host(config=fields, live=fields), KEY))
    assert "hunter2x" not in text
    assert Secret("hunter2x").digest(KEY) in text


def test_a_vm_that_runs_as_defined_has_no_live_fields_in_the_data() -> None:
    fields = {"memory": 1, "cpu.count": 2}
    data = to_data(_host(power=Power.RUNNING, config=fields, live=dict(fields)), KEY)
    assert data["hosts"]["kvm1"]["vms"]["web"]["live"] == {}


def test_live_fields_are_written_as_differences() -> None:
    data = to_data(_host(config={"memory": 1, "serial": True}, live={"memory": 2}), KEY)
    assert data["hosts"]["kvm1"]["vms"]["web"]["live"] == {"set": {"memory": 2}, "unset": ["serial"]}


def test_the_data_survives_yaml() -> None:
    hosts = {**_host(config={"memory": 1}), "kvm2": Unseen(name="kvm2", reason="no route to host")}
    yaml, text = YAML(typ="safe"), io.StringIO()
    yaml.dump(to_data(hosts, KEY), text)
    assert from_data(yaml.load(text.getvalue())) == hosts


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "format is None"),
        ([], "format is 'list'"),
        ({"format": "gitvirt.plan/v1"}, "gitvirt.plan/v1"),
        ({"format": FORMAT, "hosts": {"kvm1": {"uuid": "x", "colour": "red"}}}, r"hosts\.kvm1.*colour"),
        ({"format": FORMAT, "hosts": {"kvm1": {"uuid": "x", "vms": {"web": {"uuid": "y", "power": "on"}}}}}, "kvm1"),
        ({"format": FORMAT, "hosts": {"kvm1": "off"}}, r"hosts\.kvm1"),
    ],
)
def test_what_is_no_observation_is_refused_with_its_place(data: Any, said: str) -> None:
    with pytest.raises(NotAnObservation, match=said):
        from_data(data)
