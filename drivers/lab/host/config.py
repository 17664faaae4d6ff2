"""The configuration files of one host. Pure text: comes in what the host is, goes out name and content.

Called by host/boot.py, which writes them when the host's folder is made (`etc_libvirt`, kept over power cuts) and at
every boot (`etc`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.lab.pki import allowed_names


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
                "vnc_listen": "127.0.0.1",
                "spice_listen": "127.0.0.1",
                # The host's folders are root's alone; a TPM emulator of another account could not keep its state.
                "swtpm_user": "root",
                "swtpm_group": "root",
            }
        ),
    }


QEMU_ACCOUNTS = {
    "/etc/passwd": "libvirt-qemu:x:64055:64055:Libvirt Qemu:/var/lib/libvirt:/usr/sbin/nologin",
    "/etc/group": "libvirt-qemu:x:64055:",
}
"""Debian's libvirt will not start without these, whatever qemu.conf says; they come with libvirt-daemon-system only."""


def etc(name: str, peers: Mapping[str, str], accounts: Mapping[str, str]) -> dict[str, str]:
    """Files of /etc by path.

    `peers` are the addresses of all hosts that this lab may ever have, by name; `accounts` what the machine has in the
    files of QEMU_ACCOUNTS.
    """
    lines = ["127.0.0.1 localhost", *(f"{address} {peer}" for peer, address in peers.items())]
    return {
        "/etc/hosts": "\n".join(lines) + "\n",
        "/etc/hostname": f"{name}\n",
        **{file: _with_account(text, QEMU_ACCOUNTS[file]) for file, text in accounts.items()},
        "/etc/resolv.conf": "# The lab has no way out: no name server, so that nobody waits for one.\n",
    }


def _with_account(text: str, line: str) -> str:
    known = any(each.startswith(line.partition(":")[0] + ":") for each in text.splitlines())
    return text if known else f"{text.rstrip()}\n{line}\n"


def _settings(values: Mapping[str, int | str | Iterable[str]]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in values.items())


def _value(value: int | str | Iterable[str]) -> str:
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    return "[" + ", ".join(f'"{item}"' for item in value) + "]"
