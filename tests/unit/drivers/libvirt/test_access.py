"""Access → the URI that libvirt opens."""

import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from drivers.errors import Refused
from drivers.libvirt.access import LOCAL_ONLY, Access, is_side_by_side, uri

KEY, HOSTS, PKI = Path("/keys/my key"), Path("/keys/known%hosts"), Path("/etc/gitvirt/pki/prod")


def parameters(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(text).query, keep_blank_values=True).items()}


@pytest.mark.parametrize("local", ["qemu:///system", "qemu+unix:///system?socket=/run/x", "test:///default"])
def test_a_local_uri_stays_as_it_is(local: str) -> None:
    assert uri("h", Access(uri=local, keyfile=KEY, known_hosts=HOSTS, pki=PKI)) == local


def test_tls_gets_the_folder_of_its_certificates() -> None:
    found = uri("h", Access(uri="qemu+tls://kvm1.example/system", pki=PKI))
    assert parameters(found) == {"pkipath": str(PKI)}
    assert uri("h", Access(uri="qemu+tls://kvm1.example/system")) == "qemu+tls://kvm1.example/system"


@pytest.mark.parametrize("transport", ["libssh", "libssh2"])
def test_libssh_verifies_the_host_key_against_our_file(transport: str) -> None:
    found = uri("h", Access(uri=f"qemu+{transport}://root@kvm1/system", keyfile=KEY, known_hosts=HOSTS))
    assert parameters(found) == {
        "keyfile": str(KEY),
        "known_hosts": str(HOSTS),
        "known_hosts_verify": "normal",
        "sshauth": "privkey",
    }


def test_ssh_runs_a_wrapper_that_passes_our_options_before_those_of_libvirt(tmp_path: Path) -> None:
    found = parameters(uri("h", Access(uri="qemu+ssh://root@kvm1/system", keyfile=KEY, known_hosts=HOSTS)))
    assert found.keys() == {"command", "no_tty"}
    fake = tmp_path / "ssh"
    fake.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    fake.chmod(0o700)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    words = subprocess.run(
        [found["command"], "-T", "root@kvm1"], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert words[-2:] == ["-T", "root@kvm1"]
    assert words[0:-2:2] == ["-o"] * (len(words[:-2]) // 2)
    options = words[1:-2:2]
    assert {"StrictHostKeyChecking=yes", "BatchMode=yes", "IdentitiesOnly=yes"} <= set(options)
    assert 'IdentityFile="/keys/my key"' in options
    assert 'UserKnownHostsFile="/keys/known%%hosts"' in options


def test_one_wrapper_serves_all_hosts_with_the_same_files_and_no_other() -> None:
    first, again = (uri("h", Access(uri=f"qemu+ssh://{name}/system", keyfile=KEY)) for name in ("a", "b"))
    other = uri("h", Access(uri="qemu+ssh://a/system", keyfile=Path("/keys/other")))
    assert parameters(first)["command"] == parameters(again)["command"] != parameters(other)["command"]


@pytest.mark.parametrize("name", sorted(LOCAL_ONLY))
@pytest.mark.parametrize("transport", ["tls", "ssh", "libssh"])
def test_a_uri_that_decides_what_runs_or_is_verified_here_is_refused(name: str, transport: str) -> None:
    with pytest.raises(Refused, match=name):
        uri("h", Access(uri=f"qemu+{transport}://kvm1/system?socket=/x&{name}=1"))


def test_other_parameters_of_the_uri_stay() -> None:
    found = uri("h", Access(uri="qemu+tls://kvm1/system?mode=legacy&proxy=netcat", pki=PKI))
    assert parameters(found) == {"mode": "legacy", "proxy": "netcat", "pkipath": str(PKI)}


@pytest.mark.parametrize(
    ("uri", "client", "safe"),
    [
        ("qemu+tls://kvm1/system", 9_000_000, False),
        ("qemu+tls://kvm1/system", 10_003_000, True),
        ("qemu+ssh://kvm1/system", 11_003_000, True),
        ("qemu:///system", 10_002_000, False),
        ("qemu+libssh://kvm1/system", 11_003_000, False),
        ("test:///default", 9_000_000, True),
    ],
)
def test_calls_go_side_by_side_only_where_libvirt_s_client_bears_it(uri: str, client: int, safe: bool) -> None:
    assert is_side_by_side(Access(uri=uri), client) is safe
