"""Observations from elsewhere: signed or not; refused if a signature is missing, if it was changed, is old, foreign."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.exits import Exit
from reconciler.observe import recorded
from specs.structs import Struct, replace
from tests.flow.site import Site, vm_yaml

HOUR = 3600


def ssh_key(file: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


def signers_file(file: Path, *keys: Path, namespaces: str = "gitvirt-observation") -> Path:
    publics = [key.with_name(f"{key.name}.pub").read_text().split()[:2] for key in keys]
    file.write_text("".join(f'a@example.org namespaces="{namespaces}" {" ".join(each)}\n' for each in publics))
    return file


class Place(Struct, frozen=True):
    """A site with one VM more than its hosts have, keys, and `gitvirt`."""

    site: Site
    file: Path
    key: Path
    signers: Path
    gitvirt: Callable[..., Any]
    settings: Path

    def observe(self, *, age: int = 0, key: Path | None = None) -> None:
        seen = replace(self.site.look().context.observed, taken=int(time.time()) - age)
        recorded.save(self.file, seen, b"k" * 32, key)

    def plan(self, *words: object) -> Any:
        return self.gitvirt("plan", self.site.repository, "--observed", self.file, *words)


@pytest.fixture
def place(tmp_path, gitvirt, monkeypatch) -> Place:
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"state: {tmp_path / 'kept'}\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(settings))
    site = Site(tmp_path / "site")
    site.vms(vm_yaml("web"))
    key = ssh_key(tmp_path / "key")
    signers = signers_file(tmp_path / "signers", key)
    return Place(site, tmp_path / "observed.json", key, signers, gitvirt, settings)


def test_a_signed_observation_is_planned_with(place):
    place.observe(key=place.key, age=HOUR)
    ran = place.plan("--signers", place.signers, "--max-age", "2h")
    assert (ran.code, "vm/web" in ran.out) == (Exit.CHANGES, True), ran.err


def test_an_unsigned_one_is_planned_with_where_nobody_demands_more(place):
    place.observe(age=1000 * HOUR)
    assert place.plan().code == Exit.CHANGES
    assert not recorded.signature_of(place.file).exists()


def test_an_unsigned_one_is_refused_where_a_signature_is_demanded(place):
    place.observe()
    ran = place.plan("--signers", place.signers)
    assert (ran.code, ran.out) == (Exit.ERROR, "")
    assert "a signed observation is demanded, and there is no observed.json.sig" in ran.err
    assert "gitvirt observe -o FILE --sign KEY" in ran.err


def test_writing_an_unsigned_one_takes_the_signature_of_the_former_away(place):
    place.observe(key=place.key)
    place.observe()
    assert "there is no observed.json.sig" in place.plan("--signers", place.signers).err


def test_a_changed_one_is_refused(place):
    place.observe(key=place.key)
    place.file.write_text(place.file.read_text().replace('"taken"', ' "taken"'))
    ran = place.plan("--signers", place.signers)
    assert ran.code == Exit.ERROR
    assert "the signature in observed.json.sig does not hold" in ran.err
    assert "changed after it was signed" in ran.err


def test_a_stranger_is_refused(place, tmp_path):
    place.observe(key=ssh_key(tmp_path / "stranger"))
    assert f"no signer in {place.signers} has made it" in place.plan("--signers", place.signers).err


def test_a_signature_for_something_else_is_refused(place, tmp_path):
    place.observe()
    signed = ["ssh-keygen", "-q", "-Y", "sign", "-f", str(place.key), "-n", "git", str(place.file)]
    subprocess.run(signed, check=True, capture_output=True)
    assert "does not hold" in place.plan("--signers", place.signers).err


def test_a_signer_who_may_only_sign_other_things_is_refused(place, tmp_path):
    place.observe(key=place.key)
    signers = signers_file(tmp_path / "others", place.key, namespaces="git")
    assert "does not hold" in place.plan("--signers", signers).err


@pytest.mark.parametrize("signature", [b"", b"\xff\x00", b"-----BEGIN SSH SIGNATURE-----\nAAAA\n", b"x" * 100_000])
def test_a_damaged_signature_is_refused(place, signature):
    place.observe(key=place.key)
    recorded.signature_of(place.file).write_bytes(signature)
    ran = place.plan("--signers", place.signers)
    assert (ran.code, "does not hold" in ran.err) == (Exit.ERROR, True)


def test_missing_signers_are_no_consent(place, tmp_path):
    place.observe(key=place.key)
    assert "there is no file" in place.plan("--signers", tmp_path / "nowhere").err


def test_an_old_one_is_refused(place):
    place.observe(age=3 * HOUR)
    ran = place.plan("--max-age", "2h")
    assert ran.code == Exit.ERROR
    assert "at most 2h is allowed" in ran.err


def test_one_from_the_future_is_refused_where_age_matters(place):
    place.observe(age=-2 * HOUR)
    assert "in the future; check the clocks of both machines" in place.plan("--max-age", "2h").err


def test_one_of_another_repository_is_refused(place):
    place.observe(key=place.key)
    data = json.loads(place.file.read_text())
    data["repository"] = "00000000-0000-4000-8000-000000000000"
    place.file.write_text(json.dumps(data))
    assert "was taken for repository 00000000-" in place.plan().err


def test_the_settings_can_demand_it_of_every_verb(place):
    place.settings.write_text(
        f"state: {place.settings.parent / 'kept'}\nobservations: {{signers: {place.signers}, max_age: 2h}}\n"
    )
    place.observe()
    looked = place.gitvirt("get", "vms", "--repo", place.site.repository, "--observed", place.file)
    assert "a signed observation is demanded" in looked.err
    place.observe(key=place.key, age=3 * HOUR)
    assert "at most 2h is allowed" in place.plan().err
    place.observe(key=place.key)
    assert place.plan().code == Exit.CHANGES


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["plan", "--signers", "x"], "add --observed FILE"),
        (["plan", "--max-age", "2h"], "add --observed FILE"),
        (["plan", "--observed", "x", "--max-age", "soon"], "--max-age: "),
        (["observe", "--sign", "x"], "--sign needs -o FILE"),
    ],
)
def test_options_that_make_no_sense_are_told(place, words, said):
    ran = place.gitvirt(*words, "--repo", place.site.repository)
    assert (ran.code, said in ran.err) == (Exit.ERROR, True), ran.err


@pytest.mark.parametrize("taken", [None, "now", -1, True, 1.5])
def test_an_observation_without_a_time_is_refused(place, taken):
    place.observe()
    place.file.write_text(json.dumps({**json.loads(place.file.read_text()), "taken": taken}))
    assert "`taken` is not a time" in place.plan().err


def test_a_key_that_cannot_sign_writes_nothing(place):
    seen = place.site.look().context.observed
    with pytest.raises(recorded.RecordError, match="was not written: it cannot be signed"):
        recorded.save(place.file, seen, b"k" * 32, place.signers)
    assert not place.file.exists()


def test_the_schema_of_plans_is_printed(place):
    ran = place.gitvirt("schema", "plan")
    assert json.loads(ran.out)["title"] == "gitvirt.plan/v1"
    assert place.gitvirt("schema", "plan", "--docs").code == Exit.ERROR
