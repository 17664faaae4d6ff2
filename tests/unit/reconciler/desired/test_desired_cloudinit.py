"""What a guest is told at its first boot: the files of its medium, their determinism, and what is kept of secrets."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pycdlib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.apply.seed import iso, medium
from reconciler.desired import cloudinit
from reconciler.desired.wanted import Seed
from specs.fields import Secret
from specs.load import load
from specs.tree import Folder

HEAD = (
    "apiVersion: gitvirt/v1\nkind: Repository\nmetadata: {name: x}\n"
    "spec: {id: 6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10, secrets: {ops: {sops: ops.yaml}}}\n---\n"
    "apiVersion: gitvirt/v1\nkind: Network\nmetadata: {name: lan}\nspec: {type: isolated}\n---\n"
    "apiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {name: web}\n"
)
UUID = "0b0e4f0e-0000-4000-8000-000000000001"
MACS = {"lan": "52:54:00:00:00:01", "san": "52:54:00:00:00:02"}


def made(folder: Path, spec: Any, secret: str = "s3cret", **files: str) -> Seed:
    """The medium of a VM with that spec, whose secrets are all the same."""
    for name, text in {"ops.yaml": "sops: {}\n", **files}.items():
        (folder / name).write_text(text)
    base = {"cpu": 1, "memory": "64MiB", "nics": ["lan", {"name": "san", "network": "lan"}]}
    (folder / "gitvirt.yaml").write_text(HEAD + "spec: " + json.dumps({**base, **spec}) + "\n")
    catalog = load(Folder(folder))
    (vm,) = catalog.of("VirtualMachine")
    found = cloudinit.seed(vm, catalog, lambda ref, where: Secret(secret))
    assert found is not None
    return found


def files(folder: Path, spec: Any, **options: Any) -> dict[str, Any]:
    """Its files, read as YAML 1.1 as cloud-init reads them, those of cloud-config and of metadata."""
    texts = cloudinit.final(made(folder, {"cloudInit": spec}, **options), UUID, MACS)
    return {name: old_yaml(text) for name, text in texts.items()}


def old_yaml(text: str) -> Any:
    reader = YAML(typ="safe", pure=True)
    reader.version = (1, 1)
    return reader.load(text)


def read_back(image: bytes) -> tuple[str, dict[str, str]]:
    """The volume label of an ISO image, and its files by their long names."""
    disc = pycdlib.PyCdlib()
    disc.open_fp(io.BytesIO(image))
    found = {}
    for child in disc.list_children(joliet_path="/"):
        name = child.file_identifier().decode("utf-16-be")
        if child.is_file():
            out = io.BytesIO()
            disc.get_file_from_iso_fp(out, joliet_path=f"/{name}")
            found[name.removesuffix(";1")] = out.getvalue().decode()
    label = disc.pvd.volume_identifier.decode().strip()
    disc.close()
    return label, found


def test_users_have_what_cloud_init_calls_them(tmp_path: Path) -> None:
    user = {
        "name": "admin", "gecos": "Ada", "groups": ["adm", "sudo"], "primaryGroup": "staff", "uid": 1500,
        "home": "/h/a", "system": False, "sshKeys": ["ssh-ed25519 AAAA a@b"], "sudo": True, "shell": "/bin/bash",
        "passwordHash": {"secret": "ops/admin"}, "lockPassword": False,
    }  # fmt: skip
    data = files(tmp_path, {"users": [user, "plain"], "defaultUser": True})["user-data"]
    assert data["users"] == [
        "default",
        {
            "name": "admin", "gecos": "Ada", "groups": ["adm", "sudo"], "primary_group": "staff", "uid": 1500,
            "homedir": "/h/a", "system": False, "ssh_authorized_keys": ["ssh-ed25519 AAAA a@b"],
            "sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "passwd": "s3cret", "lock_passwd": False,
        },
        {"name": "plain"},
    ]  # fmt: skip


def test_the_rest_has_cloud_inits_names_too(tmp_path: Path) -> None:
    spec = {
        "hostname": "web", "fqdn": "web.acme.lan", "timezone": "Europe/Vienna", "locale": "de_AT.UTF-8",
        "sshPasswordLogin": False, "packageUpdate": True, "packageUpgrade": False, "packages": ["nginx", "yes"],
        "bootCommands": ["true"], "runCommands": ["echo 12:30", "no"],
        "writeFiles": [
            {"path": "/etc/motd", "file": "motd", "mode": "644", "owner": "root:adm", "append": True, "defer": True},
            {"path": "/etc/token", "content": {"secret": "ops/token"}}, {"path": "/etc/on", "content": "on"},
            {"path": "/etc/empty"},
        ],
    }  # fmt: skip
    found = files(tmp_path, spec, motd="Welcome\n\ttab ü\n")
    assert found["user-data"] == {
        "hostname": "web", "fqdn": "web.acme.lan", "timezone": "Europe/Vienna", "locale": "de_AT.UTF-8",
        "ssh_pwauth": False, "package_update": True, "package_upgrade": False, "packages": ["nginx", "yes"],
        "bootcmd": ["true"], "runcmd": ["echo 12:30", "no"],
        "write_files": [
            {"path": "/etc/motd", "content": "Welcome\n\ttab ü\n", "permissions": "0644", "owner": "root:adm",
             "append": True, "defer": True},
            {"path": "/etc/token", "content": "s3cret"}, {"path": "/etc/on", "content": "on"},
            {"path": "/etc/empty", "content": ""},
        ],
    }  # fmt: skip
    assert found["meta-data"] == {"instance-id": f"gitvirt-{UUID}", "local-hostname": "web"}


def test_nics_are_matched_by_mac_and_those_that_are_not_named_ask_dhcp(tmp_path: Path) -> None:
    lan = {
        "addresses": ["192.168.150.20/24", "fd00::20/64"], "gateway": "192.168.150.1", "gateway6": "fd00::1",
        "dns": ["192.168.150.1"], "search": ["acme.lan"], "mtu": 1400, "acceptRa": False,
        "routes": [{"to": "10.0.0.0/8", "via": "192.168.150.2", "metric": 50}],
    }  # fmt: skip
    assert files(tmp_path, {"network": {"lan": lan}})["network-config"] == {
        "version": 2,
        "ethernets": {
            "lan": {
                "match": {"macaddress": MACS["lan"]},
                "dhcp4": False,
                "addresses": ["192.168.150.20/24", "fd00::20/64"],
                "routes": [
                    {"to": "0.0.0.0/0", "via": "192.168.150.1"},
                    {"to": "::/0", "via": "fd00::1"},
                    {"to": "10.0.0.0/8", "via": "192.168.150.2", "metric": 50},
                ],
                "nameservers": {"addresses": ["192.168.150.1"], "search": ["acme.lan"]},
                "mtu": 1400,
                "accept-ra": False,
            },
            "san": {"match": {"macaddress": MACS["san"]}, "dhcp4": True, "optional": True},
        },
    }


@pytest.mark.parametrize("nic", ["dhcp", {"mode": "dhcp"}, {}])
def test_a_nic_by_dhcp_is_written_shortly(nic: Any, tmp_path: Path) -> None:
    found = files(tmp_path, {"network": {"lan": nic, "san": "off"}})["network-config"]["ethernets"]
    assert found["lan"] == {"match": {"macaddress": MACS["lan"]}, "dhcp4": True}
    assert found["san"] == {"match": {"macaddress": MACS["san"]}, "dhcp4": False, "optional": True}


@pytest.mark.parametrize(
    "config",
    [
        {"version": 1, "config": [{"type": "physical", "name": "eth0", "subnets": [{"type": "dhcp"}]}]},
        {"version": 2, "ethernets": {"eth0": {"dhcp4": True}}},
        {"network": {"version": 2, "ethernets": {}}},
    ],
)
def test_network_config_of_both_versions_is_handed_on(config: Any, tmp_path: Path) -> None:
    assert files(tmp_path, {"networkConfig": config})["network-config"] == config


def test_user_data_and_vendor_data_are_handed_on_as_they_are(tmp_path: Path) -> None:
    script = "#!/bin/sh\necho ü  \n"
    spec = {"cloudInit": {"userData": {"file": "run.sh"}, "vendorData": "#cloud-config\na: b"}}
    texts = cloudinit.final(made(tmp_path, spec, **{"run.sh": script}), UUID, MACS)
    assert texts["user-data"] == script
    assert texts["vendor-data"] == "#cloud-config\na: b"
    assert sorted(texts) == ["meta-data", "user-data", "vendor-data"]


def test_an_answer_file_has_both_of_its_names(tmp_path: Path) -> None:
    answer = "<unattend/>"
    seed = made(tmp_path, {"sysprep": answer})
    label, found = read_back(iso(cloudinit.final(seed, UUID, MACS), seed.label))
    assert label == "UNATTEND"
    assert found == {"Autounattend.xml": answer, "Unattend.xml": answer}


def test_the_image_holds_the_files_byte_for_byte(tmp_path: Path) -> None:
    seed = made(tmp_path, {"cloudInit": {"runCommands": ["echo ü"], "network": {}, "vendorData": "#!/bin/sh\n"}})
    texts = cloudinit.final(seed, UUID, MACS)
    label, found = read_back(iso(texts, seed.label))
    assert label == "cidata"
    assert found == texts
    assert sorted(found) == ["meta-data", "network-config", "user-data", "vendor-data"]


def test_ignition_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    config = {
        "ignition": {"version": "3.4.0"},
        "storage": {"files": [{"path": "/a", "contents": {"source": "data:,ü"}}]},
    }
    found = []
    for spec in ({"config": config}, json.dumps(config, indent=2), {"file": "c.ign"}):
        seed = made(tmp_path, {"ignition": spec}, **{"c.ign": json.dumps(config, indent=4)})
        found.append(medium(cloudinit.final(seed, UUID, MACS), seed.label))
    hidden = made(tmp_path, {"ignition": {"secret": "ops/ignition"}}, secret=json.dumps(config))
    found.append(medium(cloudinit.final(hidden, UUID, MACS), hidden.label))
    assert len(set(found)) == 1
    assert json.loads(found[0]) == config
    assert len(found[0]) % 512 == 0
    assert hidden.hidden
    assert not seed.hidden


def test_a_secret_that_is_no_ignition_config_is_told_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(cloudinit.NotIgnition, match=r"gitvirt.yaml:\d+:\d+: the secret ops/x is no JSON") as told:
        made(tmp_path, {"ignition": {"secret": "ops/x"}}, secret="s3cret")
    assert "s3cret" not in str(told.value)


def test_only_what_holds_a_secret_is_hidden_and_what_is_remembered_follows_every_part(tmp_path: Path) -> None:
    plain = made(tmp_path, {"cloudInit": {"timezone": "UTC"}})
    assert not plain.hidden
    assert isinstance(plain.declaration, str)
    secret = {"cloudInit": {"writeFiles": [{"path": "/t", "content": {"secret": "ops/token"}}]}}
    one, two = made(tmp_path, secret, "s3cret-1"), made(tmp_path, secret, "s3cret-2")
    assert one.hidden
    assert isinstance(one.declaration, Secret)
    assert one.declaration != two.declaration
    assert one.declaration == made(tmp_path, secret, "s3cret-1").declaration
    assert "s3cret" not in repr(one)


WORDS = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f"), min_size=1, max_size=12
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    packages=st.lists(WORDS, max_size=4),
    commands=st.lists(WORDS.filter(str.strip), max_size=4),
    content=st.text(
        st.characters(max_codepoint=0xFFFD, exclude_categories=["Cs", "Cc"], include_characters="\n\t\x85"), max_size=80
    ),
)
def test_whatever_is_written_is_what_cloud_init_reads_and_twice_the_same_bytes(
    packages: list[str], commands: list[str], content: str, tmp_path: Path
) -> None:
    spec = {"packages": packages, "runCommands": commands, "writeFiles": [{"path": "/f", "content": content}]}
    seed = made(tmp_path, {"cloudInit": spec})
    texts = cloudinit.final(seed, UUID, MACS)
    data = old_yaml(texts["user-data"])
    assert data["packages"] == packages
    assert data["runcmd"] == commands
    assert data["write_files"] == [{"path": "/f", "content": content}]
    again = made(tmp_path, {"cloudInit": dict(reversed(spec.items()))})
    assert cloudinit.final(again, UUID, MACS) == texts
    assert again.declaration == seed.declaration
