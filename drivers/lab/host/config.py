"""The configuration files of one host. Pure text: comes in what the host is, goes out name and content.

Called by host/boot.py, which writes them when the host's folder is made (`etc_libvirt`, kept over power cuts) and at
every boot (`etc`); credentials/ssh.py writes /etc/ssh (`etc_ssh`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.lab.credentials.pki import allowed_names
from drivers.lab.paths import LOCKS_IN_HOST


def etc_libvirt(uuid: str, address: str) -> dict[str, str]:
    """Files of /etc/libvirt by name."""
    return {
        "libvirtd.conf": _settings(
            {
                "listen_tls": 1,
                "listen_tcp": 0,
                "listen_addr": address,
                "tls_allowed_dn_list": allowed_names(),
                # polkit and a group `libvirt` belong to the machine; in here there is root only.
                "auth_unix_ro": "none",
                "auth_unix_rw": "none",
                "unix_sock_rw_perms": "0700",
                "keepalive_interval": 5,
                "keepalive_count": 3,
                "log_outputs": "3:file:/var/log/libvirt/libvirtd.log",
                # Machines cloned from one image have one DMI uuid, lab hosts share their machine's.
                "host_uuid": uuid,
            }
        ),
        "qemu.conf": _settings(
            {
                "user": "root",
                "group": "root",
                "remember_owner": 0,
                "security_driver": "none",
                "cgroup_controllers": [],
                "namespaces": [],
                "stdio_handler": "file",
                "migration_address": "0.0.0.0",
                # Of connections to other hosts, for peer-to-peer migration: a lost one is noticed within 8 seconds.
                "keepalive_interval": 2,
                "keepalive_count": 3,
                "vnc_listen": "127.0.0.1",
                "spice_listen": "127.0.0.1",
                "spice_tls": 1,
                "spice_tls_x509_cert_dir": "/etc/pki/qemu",
                # The host's folders are root's alone; a TPM emulator of another account could not keep its state.
                "swtpm_user": "root",
                "swtpm_group": "root",
                "lock_manager": "lockd",
            }
        ),
        # A lease by the path of a disk, in a folder that the daemons of all hosts see: no disk is written to by two
        # hosts, though the locks of the shared storage itself end at each mount, as on NFS without a lock service.
        "qemu-lockd.conf": _settings({"auto_disk_leases": 1, "file_lockspace_dir": str(LOCKS_IN_HOST)}),
        "virtlockd.conf": _settings({"log_outputs": "3:file:/var/log/libvirt/virtlockd.log"}),
    }


def etc_ssh(host_key: str, peers_key: str) -> dict[str, str]:
    """Files of /etc/ssh by name: keys only, and only keys that are known beforehand, in both directions."""
    return {
        "sshd_config": _words(
            {
                "HostKey": f"/etc/ssh/{host_key}",
                "AuthorizedKeysFile": "/etc/ssh/authorized_keys",
                "PermitRootLogin": "prohibit-password",
                "PasswordAuthentication": "no",
                "KbdInteractiveAuthentication": "no",
                "UsePAM": "no",
                "PidFile": "/run/sshd.pid",
                "MaxSessions": "50",
                "MaxStartups": "100:30:200",
                "Subsystem": "sftp internal-sftp",
            }
        ),
        "ssh_config": _words(
            {
                "IdentityFile": f"/etc/ssh/{peers_key}",
                "IdentitiesOnly": "yes",
                "BatchMode": "yes",
                "StrictHostKeyChecking": "yes",
                "GlobalKnownHostsFile": "/etc/ssh/ssh_known_hosts",
                "UserKnownHostsFile": "none",
            }
        ),
    }


ACCOUNTS = {
    "/etc/passwd": (
        "libvirt-qemu:x:64055:64055:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin",
        "sshd:x:64056:65534::/run/sshd:/usr/sbin/nologin",
    ),
    "/etc/group": ("libvirt-qemu:x:64055:",),
}
"""Debian's libvirt will not start without libvirt-qemu, whatever qemu.conf says, nor sshd without sshd. They come with
packages that the machine need not have installed."""


def etc(name: str, peers: Mapping[str, str], accounts: Mapping[str, str]) -> dict[str, str]:
    """Files of /etc by path.

    `peers` are the addresses of all hosts that this lab may ever have, by name; `accounts` what the machine has in the
    files of ACCOUNTS.
    """
    lines = ["127.0.0.1 localhost", *(f"{address} {peer}" for peer, address in peers.items())]
    return {
        "/etc/hosts": "\n".join(lines) + "\n",
        "/etc/hostname": f"{name}\n",
        **{file: _with_accounts(text, ACCOUNTS[file]) for file, text in accounts.items()},
        "/etc/resolv.conf": "# The lab has no way out: no name server, so that nobody waits for one.\n",
    }


def _with_accounts(text: str, lines: Iterable[str]) -> str:
    known = {each.partition(":")[0] for each in text.splitlines()}
    missing = [line for line in lines if line.partition(":")[0] not in known]
    return "\n".join([text.rstrip(), *missing]) + "\n"


def _words(values: Mapping[str, str]) -> str:
    """As ssh's own files have them."""
    return "".join(f"{key} {value}\n" for key, value in values.items())


def _settings(values: Mapping[str, int | str | Iterable[str]]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: int | str | Iterable[str]) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    return "[" + ", ".join(f'"{item}"' for item in value) + "]"
