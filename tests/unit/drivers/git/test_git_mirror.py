"""Following a branch elsewhere, with honest and with hostile remotes."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from drivers.errors import Denied, DriverError, Missing, Refused, Unreachable
from drivers.git.mirror import Credentials, Follow, is_remote


def follow(made, tmp_path: Path, ref: str = "main") -> Follow:
    return Follow(str(made.root), ref, tmp_path / "mirror")


def test_the_first_fetch_brings_the_files(made, tmp_path):
    made.write("a.yaml", "a: 1\n")
    head = made.commit()
    followed = follow(made, tmp_path)
    fetched = followed.fetch()
    assert (fetched.commit, fetched.before, fetched.forced, fetched.changed) == (head, "", False, True)
    assert followed.repository.tree(fetched.commit).read("a.yaml") == b"a: 1\n"


def test_a_push_is_seen_and_no_push_is_no_change(made, tmp_path):
    first = made.commit()
    followed = follow(made, tmp_path)
    followed.fetch()
    assert not followed.fetch().changed
    second = made.commit()
    fetched = follow(made, tmp_path).fetch()
    assert (fetched.commit, fetched.before, fetched.forced) == (second, first, False)


def test_a_forced_push_is_told_and_the_old_commit_can_still_be_compared(made, tmp_path):
    base = made.commit("base")
    old = made.commit("old")
    followed = follow(made, tmp_path)
    followed.fetch()
    made.git("reset", "--quiet", "--hard", base)
    new = made.commit("new")
    fetched = followed.fetch()
    assert (fetched.commit, fetched.before, fetched.forced) == (new, old, True)
    assert followed.repository.merge_base(old, new) == base


def test_a_branch_is_meant_before_a_tag_of_the_same_name(made, tmp_path):
    made.commit("tagged")
    made.git("tag", "main")
    head = made.commit("branch")
    assert follow(made, tmp_path).fetch().commit == head


def test_a_tag_can_be_followed(made, tmp_path):
    tagged = made.commit()
    made.git("tag", "-a", "v1", "-m", "v1")
    made.commit()
    assert follow(made, tmp_path, "v1").fetch().commit == tagged


def test_hooks_of_the_machine_are_not_put_into_the_copy_nor_run(made, tmp_path):
    made.commit()
    hooks = tmp_path / "template" / "hooks"
    hooks.mkdir(parents=True)
    trap = hooks / "reference-transaction"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    config = tmp_path / "home" / ".gitconfig"
    config.write_text(f"{config.read_text()}[init]\n\ttemplateDir = {hooks.parent}\n[core]\n\thooksPath = {hooks}\n")
    follow(made, tmp_path).fetch()
    assert not (tmp_path / "sprung").exists()
    assert not (tmp_path / "mirror" / "hooks").exists()


@pytest.mark.parametrize(
    "url",
    [
        "ext::sh -c touch% /tmp/sprung",
        "fd::17",
        "git://example.org/x",
        "http://example.org/x",
        "ftp://example.org/x",
        "https::https://example.org/x",
        "--upload-pack=touch /tmp/sprung",
        "ssh://-oProxyCommand=touch/x",
        "ssh://user@-oProxyCommand=touch/x",
        "-oProxyCommand=x:y",
        "https://example.org/x\nhttps://example.org/y",
        "",
    ],
)
def test_urls_that_could_run_something_are_refused(tmp_path, url):
    with pytest.raises(Refused):
        Follow(url, "main", tmp_path / "mirror")
    assert not (tmp_path / "mirror").exists()


def test_a_url_with_a_password_is_refused_without_repeating_it(tmp_path):
    with pytest.raises(Refused, match="token file") as refused:
        Follow("https://ann:s3cret@example.org/x", "main", tmp_path / "mirror")
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("ref", ["--all", "a b", "a..b", "a:b", "x~1", "*", "a/", "x.lock", "@{-1}", ""])
def test_names_that_are_no_branch_are_refused(made, tmp_path, ref):
    with pytest.raises(Refused, match="not a valid name"):
        follow(made, tmp_path, ref)


def test_an_alias_in_the_users_configuration_cannot_bring_a_protocol_back(made, tmp_path):
    config = tmp_path / "home" / ".gitconfig"
    rewrite = f'[url "ext::sh -c touch% {tmp_path}/sprung "]\n\tinsteadOf = {made.root}\n'
    config.write_text(config.read_text() + rewrite + '[protocol "ext"]\n\tallow = always\n')
    made.commit()
    with pytest.raises(Refused, match="only local paths"):
        follow(made, tmp_path).fetch()
    assert not (tmp_path / "sprung").exists()


def test_a_branch_that_is_not_there_is_missing(made, tmp_path):
    made.commit()
    with pytest.raises(Missing, match="no branch or tag `other`"):
        follow(made, tmp_path, "other").fetch()


def test_a_branch_that_vanishes_leaves_the_copy_as_it_was(made, tmp_path):
    head = made.commit()
    followed = follow(made, tmp_path)
    followed.fetch()
    made.git("branch", "-m", "main", "renamed")
    with pytest.raises(Missing):
        followed.fetch()
    assert followed.repository.resolve("refs/gitvirt/followed") == head


def test_a_repository_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(Missing):
        Follow(str(tmp_path / "nothing"), "main", tmp_path / "mirror").fetch()


def test_nobody_listening_is_unreachable(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(Unreachable):
        Follow(f"https://127.0.0.1:{port}/x.git", "main", tmp_path / "mirror").fetch()


def test_a_server_that_never_answers_ends_at_the_timeout(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/x.git"
        with pytest.raises(Unreachable, match=r"no end within 0\.5 s"):
            Follow(url, "main", tmp_path / "mirror", timeout=0.5).fetch()


def test_a_token_file_that_cannot_be_read_is_named(tmp_path):
    credentials = Credentials(token_file=str(tmp_path / "token"))
    with pytest.raises(Denied, match="token"):
        Follow("https://example.org/x", "main", tmp_path / "mirror", credentials)


def test_a_broken_copy_is_an_error_and_no_traceback(made, tmp_path):
    made.commit()
    followed = follow(made, tmp_path)
    followed.fetch()
    (tmp_path / "mirror" / "HEAD").write_text("rubbish")
    with pytest.raises(DriverError):
        followed.fetch()


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("https://example.org/x", True),
        ("git@example.org:team/x.git", True),
        ("ext::sh", True),
        (".", False),
        ("/srv/x", False),
        ("prod/stage", False),
    ],
)
def test_urls_are_told_from_paths(text, remote):
    assert is_remote(text) is remote


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """A program called ssh that writes down its arguments and fails with the words that are given."""

    def say(words: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        program = folder / "ssh"
        program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\necho "{words}" >&2\nexit 255\n')
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        return tmp_path / "asked"

    return say


@pytest.mark.parametrize(
    ("words", "error", "advice"),
    [
        ("Host key verification failed.", Denied, "known_hosts"),
        ("git@example.org: Permission denied (publickey).", Denied, "credentials"),
        ("ssh: connect to host example.org port 22: Connection refused", Unreachable, "refused"),
        ("ssh: Could not resolve hostname example.org: Name or service not known", Unreachable, "resolve"),
    ],
)
def test_what_ssh_says_is_understood(ssh, tmp_path, words, error, advice):
    ssh(words)
    with pytest.raises(error, match=advice):
        Follow("git@example.org:team/x.git", "main", tmp_path / "mirror").fetch()


def test_ssh_never_asks_and_uses_the_files_that_the_settings_name(ssh, tmp_path):
    asked = ssh("Connection refused")
    credentials = Credentials(keyfile="/keys/my key", known_hosts="/keys/known_hosts")
    with pytest.raises(Unreachable):
        Follow("ssh://git@example.org:2222/x.git", "main", tmp_path / "mirror", credentials).fetch()
    arguments = asked.read_text().splitlines()
    assert {"-oBatchMode=yes", "-oStrictHostKeyChecking=yes", "-oIdentitiesOnly=yes"} <= set(arguments)
    assert arguments[arguments.index("-i") + 1] == "/keys/my key"
    assert "-oUserKnownHostsFile=/keys/known_hosts" in arguments
    assert arguments[arguments.index("-p") + 1] == "2222"
    assert "git@example.org" in arguments
