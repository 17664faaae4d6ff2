"""`gitvirt rotate-key` on libvirt's test driver, as far as no host has a mark with a secret in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import key

ID = "9a3c2d1e-0000-4000-8000-000000000001"


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "settings.yaml"
    file.write_text(f"state: {tmp_path / 'state'}\n")
    monkeypatch.setenv("GITVIRT_CONFIG", str(file))
    return tmp_path / "state"


@pytest.fixture
def alone(repository: Path) -> Path:
    """A repository without hosts."""
    (repository / "gitvirt.yaml").write_text(
        f"apiVersion: gitvirt/v1\nkind: Repository\nmetadata: {{name: home}}\nspec: {{id: {ID}}}\n"
    )
    (repository / "vms.yaml").unlink()
    return repository


def test_it_asks_first(gitvirt, alone, state):
    before = key.load(state)
    ran = gitvirt("rotate-key", alone)
    assert ran.code == 1
    assert "--yes" in ran.err
    assert key.keys(state).current == before


def test_where_nothing_holds_a_digest_the_key_is_new_at_once(gitvirt, alone, state):
    before = key.load(state)
    ran = gitvirt("rotate-key", alone, "--yes")
    assert (ran.code, ran.out) == (0, "The key is rotated; the former one is forgotten.\n")
    assert key.keys(state).current != before
    assert key.keys(state).former == ()


def test_the_former_key_is_kept_for_other_repositories_unless_it_is_to_be_forgotten(gitvirt, alone, state):
    before = key.load(state)
    (state / "lock-other").touch()
    ran = gitvirt("rotate-key", alone, "--yes")
    assert ran.code == 0
    assert "repository other has marks of this machine too" in ran.out
    assert key.keys(state).former == (before,)
    assert key.keys(state).done == (ID,)
    now = key.load(state)
    assert gitvirt("rotate-key", alone, "--yes", "--forget").code == 0
    assert key.keys(state) == key.Keys(current=now)


def test_a_host_that_does_not_answer_keeps_the_former_key(gitvirt, repository, state):
    file = repository / "gitvirt.yaml"
    file.write_text(file.read_text().replace("qemu:///system", "qemu+tls://127.0.0.1:1/system"))
    before = key.load(state)
    ran = gitvirt("rotate-key", repository, "--yes")
    assert ran.code == 4
    assert "nuc was not read" in ran.out
    assert key.keys(state).former == (before,)
    assert key.keys(state).done == ()
