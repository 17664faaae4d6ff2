"""The command lines of `maintenance` and `cluster`: what they refuse, and what they say where no host answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.reconciler.cli.test_cli_deeds import ID, SILENT

Run = Callable[..., Any]


@pytest.fixture
def overrides(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one host, which does not answer; gives the file of its overrides."""
    file = repository / "gitvirt.yaml"
    file.write_text(file.read_text().replace("qemu:///system", SILENT))
    config = tmp_path / "settings.yaml"
    config.write_text(f"state: {tmp_path}/state\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(config))
    monkeypatch.setenv("GITVIRT_REPO", str(repository))
    return tmp_path / "state" / f"overrides-{ID}.json"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("maintenance", "nuk", "on"), "there is no Host `nuk`; did you mean `nuc`?"),
        (("maintenance", "vm/web", "on"), "is not a Host"),
        (("maintenance", "nuc", "on"), "add --yes"),
        (("maintenance", "nuc", "on", "--yes", "--for", "soon"), "--for soon: "),
        (("cluster", "upgrade", "default"), "add --each COMMAND"),
        (("cluster", "upgrade", "nope"), "there is no Cluster `nope`"),
        (("cluster", "upgrade", "default", "--each", "ssh 'root"), "--each ssh 'root: No closing quotation"),
        (("cluster", "upgrade", "default", "--each", "true", "--yes"), "host/nuc is non-responsive"),
        (("cluster", "upgrade", "default", "--abort"), "is not being upgraded"),
        (("cluster", "stop", "default"), "add --yes"),
        (("cluster", "start", "default", "--yes"), "was not powered down"),
        (("cluster", "stop", "other", "--yes"), "there is no Cluster `other`"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_noted(
    gitvirt: Run, overrides: Path, arguments: tuple[str, ...], told: str
) -> None:
    ran = gitvirt(*arguments)
    assert ran.code == 1
    assert told in ran.err
    assert not overrides.exists()


def test_off_of_a_host_that_is_not_in_maintenance_is_no_error(gitvirt: Run, overrides: Path) -> None:
    ran = gitvirt("maintenance", "nuc", "off")
    assert ran.code == 0
    assert "host/nuc is not in maintenance; it is non-responsive" in ran.out
    assert not overrides.exists()


def test_a_host_that_does_not_answer_can_be_kept_from_being_used_when_it_is_back(gitvirt: Run, overrides: Path) -> None:
    ran = gitvirt("maintenance", "nuc", "on", "--yes", "--reason", "dead fan")
    assert ran.code == 3
    assert "what it holds is unknown" in ran.out
    assert "is non-responsive" in ran.err
    (noted,) = json.loads(overrides.read_text())["host/nuc"]
    assert (noted["kind"], noted["reason"]) == ("maintenance", "dead fan")
    assert "dead fan" in gitvirt("status").out
    assert gitvirt("maintenance", "nuc", "off").code == 0
    assert json.loads(overrides.read_text()) == {}


def test_a_power_down_names_the_hosts_that_it_could_not_see(gitvirt: Run, overrides: Path) -> None:
    ran = gitvirt("cluster", "stop", "default", "--yes", "--reason", "power works")
    assert ran.code == 4
    assert "host/nuc: what runs there is unknown" in ran.err
    assert json.loads(overrides.read_text())["cluster/default"][0]["value"] == "stopped"
    assert "stopped by " in gitvirt("get", "clusters").out
    assert "(power works)" in gitvirt("describe", "cluster/default").out
    ran = gitvirt("cluster", "start", "default")
    assert ran.code == 4
    assert "is not up again: host/nuc: what runs there is unknown" in ran.err
    assert gitvirt("cluster", "start", "default", "--go-on").code == 4
    assert json.loads(overrides.read_text()) == {}


def test_damaged_overrides_are_told_with_what_to_do(gitvirt: Run, overrides: Path) -> None:
    overrides.parent.mkdir(parents=True)
    overrides.write_text("{")
    ran = gitvirt("plan")
    assert ran.code == 1
    assert f"{overrides} is damaged" in ran.err
