"""Local settings: merging, names in URIs, and what is said when something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import settings
from reconciler.errors import SettingsError


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.delenv("GITVIRT_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = tmp_path / "gitvirt"
    (folder / "settings.d").mkdir(parents=True)
    return folder


def test_without_any_file_there_are_defaults(config, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    found = settings.load()
    assert found.state_folder == Path("/home/ann/.local/state/gitvirt")
    assert (found.timeouts.connect, found.concurrency.host, found.files) == (10, 8, ())


def test_files_beside_the_main_one_are_merged_in_order(config):
    (config / "settings.yaml").write_text("state: /srv/a\npki: {acme: {path: /a}}\ntimeouts: {connect: 5s}\n")
    (config / "settings.d" / "lab.yaml").write_text("pki: {lab: {path: /b}}\n")
    (config / "settings.d" / "zz.yaml").write_text("state: /srv/z\ntimeouts: {call: 1m}\n")
    found = settings.load()
    assert {name: each.path for name, each in found.pki.items()} == {"acme": "/a", "lab": "/b"}
    assert (found.state, found.timeouts.connect, found.timeouts.call) == ("/srv/z", 5, 60)


def test_the_file_that_the_variable_names_is_read_and_must_exist(config, tmp_path, monkeypatch):
    monkeypatch.setenv("GITVIRT_CONFIG", str(tmp_path / "own.yaml"))
    with pytest.raises(SettingsError, match=r"own\.yaml: there is no such file \(named by GITVIRT_CONFIG\)"):
        settings.load()
    (tmp_path / "own.yaml").write_text("state: /srv/own\n")
    assert settings.load().state == "/srv/own"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pki: {lab: {path: relative}}", r"settings\.yaml:1:13 pki\.lab\.path: must be an absolute path"),
        ("state: /a\nstaet: /b", r"settings\.yaml:2:1 staet: unknown setting"),
        ("timeouts: {connect: 5}", r"`5` is not a duration"),
        ("timeouts: {connect: 0s}", r"timeouts\.connect: .*greater than or equal to 1"),
        ("concurrency: {host: many}", r"concurrency\.host: .*integer"),
        ("pki: {lab: }", r"pki\.lab: .*Pki"),
        ("- a", "must be a mapping"),
        ("a: [", "settings.yaml"),
        ("state: /a\n---\nstate: /b", "2 documents"),
        ("files: [x]", "files: unknown setting"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(config, text, said):
    (config / "settings.yaml").write_text(text)
    with pytest.raises(SettingsError, match=said):
        settings.load()


def test_all_faults_are_told_at_once(config):
    (config / "settings.yaml").write_text("one: 1\ntwo: 2\n")
    with pytest.raises(SettingsError, match=r"one: unknown setting\n.*two: unknown setting"):
        settings.load()


def test_a_file_that_everybody_can_write_is_refused(config):
    (config / "settings.yaml").write_text("state: /a\n")
    (config / "settings.yaml").chmod(0o666)
    with pytest.raises(SettingsError, match="chmod o-w"):
        settings.load()


@pytest.fixture
def named(config):
    (config / "settings.yaml").write_text(
        "pki: {lab: {path: /pki}}\nssh: {ops: {keyfile: /k, known_hosts: /kh}, hosts: {known_hosts: /other}}\n"
    )
    return settings.load()


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("qemu:///system", ("qemu:///system", None, None, None)),
        ("qemu+tls://kvm1/system?pkipath=lab", ("qemu+tls://kvm1/system", "/pki", None, None)),
        ("qemu+ssh://root@kvm1/system?keyfile=ops", ("qemu+ssh://root@kvm1/system", None, "/k", "/kh")),
        (
            "qemu+ssh://kvm1/system?keyfile=ops&known_hosts=hosts",
            ("qemu+ssh://kvm1/system", None, "/k", "/other"),
        ),
        ("qemu+ssh://[::1]:2222/system?known_hosts=hosts", ("qemu+ssh://[::1]:2222/system", None, None, "/other")),
    ],
)
def test_names_in_a_uri_become_paths(named, uri, expected):
    found = named.access(uri)
    paths = (str(each) if each else None for each in (found.pki, found.keyfile, found.known_hosts))
    assert (found.uri, *paths) == expected


def test_a_name_that_no_setting_has_is_told_with_the_known_ones_and_the_file(named):
    with pytest.raises(SettingsError, match=r"`prod` is not in `pki:`.*known: lab.*settings\.yaml"):
        named.access("qemu+tls://kvm1/system?pkipath=prod")


def test_a_name_is_never_taken_as_a_path(named):
    with pytest.raises(SettingsError):
        named.access("qemu+tls://kvm1/system?pkipath=/etc")


@pytest.mark.parametrize(
    ("url", "username"),
    [
        ("https://git.acme.lan/team/x", "bot"),
        ("https://git.acme.lan/team/secret/x", "other"),
        ("https://git.acme.lan", "bot"),
        ("https://git.acme.lan.evil.org/x", None),
        ("https://git.acme.lan/team/secret-not/x", "bot"),
        ("ssh://git.acme.lan/x", None),
    ],
)
def test_a_login_is_used_only_for_urls_below_its_own(config, url, username):
    (config / "settings.yaml").write_text(
        "git:\n  a: {url: 'https://git.acme.lan', username: bot}\n"
        "  b: {url: 'https://git.acme.lan/team/secret/', username: other}\n"
    )
    found = settings.load().git_login(url)
    assert (found.username if found else None) == username
