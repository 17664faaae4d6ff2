"""The key in the state directory."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from reconciler import key
from reconciler.errors import SettingsError


def test_the_key_is_made_once_and_only_for_its_owner(tmp_path):
    folder = tmp_path / "state" / "gitvirt"
    first = key.load(folder)
    assert len(first) == 32
    assert key.load(folder) == first
    assert (folder / "key").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert os.listdir(folder) == ["key"]


def test_processes_that_make_it_at_the_same_time_get_the_same_key(tmp_path):
    code = f"from reconciler import key; from pathlib import Path; print(key.load(Path({str(tmp_path)!r})).hex())"
    started = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    found = {process.communicate()[0] for process in started}
    assert found == {key.load(tmp_path).hex() + "\n"}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_use_is_refused(tmp_path, mode):
    key.load(tmp_path)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(SettingsError, match="chmod 600"):
        key.load(tmp_path)


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "00" * 31])
def test_something_else_in_its_place_is_refused_and_kept(tmp_path, text):
    file = tmp_path / "key"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(SettingsError, match="this is not a key"):
        key.load(tmp_path)
    assert file.read_text() == text


def test_a_link_in_its_place_is_refused(tmp_path):
    key.load(tmp_path / "a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "key").symlink_to(tmp_path / "a" / "key")
    with pytest.raises(SettingsError, match="cannot be used"):
        key.load(tmp_path / "b")


def test_a_state_directory_that_cannot_be_made_is_told_with_the_way_out(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="set `state:`"):
        key.load(tmp_path / "file" / "state")


def test_rotating_makes_another_key_and_remembers_the_former_one_until_it_is_forgotten(tmp_path):
    first = key.load(tmp_path)
    begun = key.rotate(tmp_path)
    assert begun.current != first
    assert begun.former == (first,)
    assert key.keys(tmp_path) == begun
    assert key.load(tmp_path) == begun.current
    assert key.rotate(tmp_path) == begun, "one that has begun is gone on with"
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
    ended = key.forget(tmp_path)
    assert (ended.current, ended.former) == (begun.current, ())
    assert key.keys(tmp_path) == ended
    assert os.listdir(tmp_path) == ["key"]


def test_repositories_that_are_done_are_remembered_only_while_it_goes_on(tmp_path):
    assert key.finished(tmp_path, "one").done == ()
    key.rotate(tmp_path)
    key.finished(tmp_path, "two")
    assert key.finished(tmp_path, "one").done == ("one", "two")
    assert key.keys(tmp_path).done == ("one", "two")
    assert key.forget(tmp_path).done == ()


def test_a_secret_has_a_digest_under_each_key(tmp_path):
    from specs.fields import Secret

    secret = Secret("s3cret")
    before = key.keys(tmp_path).digest(secret)
    begun = key.rotate(tmp_path)
    assert begun.digests(secret) == (before,)
    assert begun.digest(secret) != before


def test_keys_are_not_shown(tmp_path):
    begun = key.rotate(tmp_path)
    assert begun.current.hex() not in repr(begun)
    assert str(begun.current) not in repr(begun)
