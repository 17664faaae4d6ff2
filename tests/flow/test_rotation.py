"""Rotating our key, and the key of the encrypted files: marks are rewritten, VMs are not touched, kills do no harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from reconciler import cycle, key
from reconciler.operations import rekey
from reconciler.settings import Settings
from reconciler.sources import read
from specs.structs import replace
from tests.flow.site import Site, vm_yaml

GRAPHICS = "graphics: {type: vnc, password: {file: password}}"
INIT = "cloudInit: {users: [{name: admin, passwordHash: {file: hash}}]}"


class KeyedSite(Site):
    """A site whose key is a file, and whose secrets are files, as for real."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.rekeying = False
        self.settings = Settings(state=str(self.state))
        (self.repository / "password").write_text("s3cret")
        (self.repository / "hash").write_text("$6$salt$hash")

    def revision_now(self) -> cycle.Revision:
        revision = super().revision_now()
        reveal = read(revision.catalog, self.repository, self.settings).reveal
        return replace(revision, sources=replace(revision.sources, reveal=reveal))

    def outside(self) -> cycle.Outside:
        keys = key.keys(self.state)
        return replace(super().outside(), digest=keys.digest, former=keys.digests)

    def look(self, **allowed: object) -> cycle.Pass:
        looked = super().look(**allowed)
        return replace(looked, plan=rekey.plan(looked.context)) if self.rekeying else looked

    def rotate(self) -> bool:
        """As `gitvirt rotate-key`: true if all marks are rewritten and the former key is gone."""
        key.rotate(self.state)
        self.rekeying = True
        try:
            run = self.apply()
        finally:
            self.rekeying = False
        if run.good:
            key.forget(self.state)
        return run.good

    def hidden(self) -> list[str]:
        """Every digest in any mark."""
        marks = [vm.mark for seen in self.world.observe().values() for vm in seen.vms if vm.mark]  # type: ignore[union-attr]
        values = [value for mark in marks for value in (*mark.declared.values(), *mark.creation.values())]
        return [value for value in values if isinstance(value, str) and value.startswith("hmac:")]

    def machines(self) -> dict[str, object]:
        """All that is not the mark."""
        return {
            vm.name: (host, vm.config, vm.live, vm.power)
            for host, seen in self.world.observe().items()
            for vm in seen.vms  # type: ignore[union-attr]
        }


@pytest.fixture
def site(tmp_path: Path) -> KeyedSite:
    return made(tmp_path)


def made(folder: Path) -> KeyedSite:
    site = KeyedSite(folder)
    site.vms(vm_yaml("web", f"{GRAPHICS}, {INIT}"), vm_yaml("db", GRAPHICS), vm_yaml("plain"))
    site.settle()
    return site


def test_rotating_rewrites_digests_and_touches_nothing_else(site: KeyedSite) -> None:
    before, machines = site.hidden(), site.machines()
    assert len(before) == 3
    assert site.rotate()
    after = site.hidden()
    assert len(after) == 3
    assert not set(before) & set(after)
    assert site.machines() == machines
    assert site.plan().empty
    assert not site.plan().changes


def test_what_bears_no_secret_keeps_its_mark(site: KeyedSite) -> None:
    mark = site.domain("plain")[1].mark
    assert site.rotate()
    assert site.domain("plain")[1].mark == mark


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_step_the_plan_stays_empty_and_it_can_go_on(moment: str, tmp_path: Path) -> None:
    for number in range(1, 10):
        site = made(tmp_path / str(number))
        machines = site.machines()
        site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        try:
            site.rotate()
        except Crash:
            pass
        else:
            assert number == 3  # two marks have secrets, so there are two changing calls
            return
        site.world.faults.revive()
        assert key.keys(site.state).former, "the former key is still known"
        assert not site.plan().changes
        assert site.rotate()
        assert not key.keys(site.state).former
        assert not site.plan().changes
        assert site.machines() == machines
    pytest.fail("the rotation never ended")


def test_killed_between_the_new_key_and_the_first_mark_nothing_looks_changed(site: KeyedSite) -> None:
    key.rotate(site.state)
    assert not site.plan().changes
    assert key.rotate(site.state) == key.keys(site.state), "a second one goes on with the first"
    assert site.rotate()
    assert not site.plan().changes


def test_an_edit_that_waits_is_still_an_edit_afterwards(site: KeyedSite) -> None:
    (site.repository / "password").write_text("other")
    before = [str(each.ref) for each in site.plan().changes]
    assert before == ["vm/db", "vm/web"]
    assert site.rotate()
    assert [str(each.ref) for each in site.plan().changes] == before
    site.settle()


def test_without_its_former_key_a_secret_looks_changed_once(site: KeyedSite) -> None:
    key.rotate(site.state)
    key.forget(site.state)
    assert site.plan().changes
    site.settle()
    left = {each.path for change in site.plan().changes for each in change.fields}
    assert left == {"cloudInit"}, "a note: what a medium was made of is not written down anywhere else"


def test_files_that_were_encrypted_anew_with_the_same_values_change_nothing(tmp_path: Path) -> None:
    import pyrage

    site = KeyedSite(tmp_path)
    first, second = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    keys = tmp_path / "age.key"
    site.settings = Settings(state=str(site.state), age_keys=(str(keys),))

    def encrypted(identity: object) -> None:
        keys.write_text(f"{identity}\n")
        keys.chmod(0o600)
        sealed = pyrage.encrypt(b"vnc: s3cret\nroot: $6$salt$hash\n", [identity.to_public()])  # type: ignore[attr-defined]
        (site.repository / "secrets.age").write_bytes(sealed)

    encrypted(first)
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("spec: {id:", "spec: {secrets: {ops: {age: secrets.age}}, id:", 1))
    site.vms(
        vm_yaml(
            "web",
            "graphics: {type: vnc, password: {secret: ops/vnc}}, "
            "cloudInit: {users: [{name: root, passwordHash: {secret: ops/root}}]}",
        )
    )
    site.settle()
    encrypted(second)
    assert not site.plan().changes
    (site.repository / "secrets.age").write_bytes(
        pyrage.encrypt(b"vnc: new\nroot: $6$salt$hash\n", [second.to_public()])
    )
    (change,) = site.plan().changes
    assert [each.path for each in change.fields] == ["graphics.password"]
