"""The lab's certificates: one authority, one client, one for each host, one for the BMCs. Drives `openssl`.

A host's certificate serves as libvirt's server certificate, as its client certificate towards the other hosts
(peer-to-peer migration) and for QEMU's own TLS. Private keys are 0600 in folders of 0700. Called by lab.py.
"""

from __future__ import annotations

import os
import shutil
from ipaddress import IPv4Address
from pathlib import Path

from drivers.lab.command import run

ORGANISATION = "gitvirt-lab"
CLIENT = "client"
VALID_DAYS = 3650

# libvirt refuses certificates without keyEncipherment, though an elliptic-curve key never does that.
_AUTHORITY_EXTENSIONS = """\
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_LEAF_EXTENSIONS = """\
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def allowed_names() -> list[str]:
    """Who may talk to a host's libvirtd: patterns as in tls_allowed_dn_list."""
    return [f"O={ORGANISATION},CN={CLIENT}", f"O={ORGANISATION},CN=kvm*"]


def ensure_authority(authority: Path) -> None:
    if not (authority / "cacert.pem").exists():
        _issue(authority, "ca", "authority", _AUTHORITY_EXTENSIONS, signer=None)


def ensure_client(authority: Path, client: Path) -> None:
    """The folder behind `pkipath`: cacert.pem, clientcert.pem, clientkey.pem."""
    if not (client / "clientcert.pem").exists():
        _issue(client, "client", CLIENT, _LEAF_EXTENSIONS, signer=authority)
        shutil.copyfile(authority / "cacert.pem", client / "cacert.pem")


def ensure_bmc(authority: Path, folder: Path, address: IPv4Address) -> None:
    """bmccert.pem and bmckey.pem, for the address at which all BMCs listen."""
    if not (folder / "bmccert.pem").exists():
        _issue(folder, "bmc", "bmc", f"{_LEAF_EXTENSIONS}subjectAltName = IP:{address}\n", signer=authority)


def ensure_host(authority: Path, pki: Path, name: str, address: IPv4Address) -> None:
    """Fill what will be the host's /etc/pki."""
    if (pki / "libvirt" / "servercert.pem").exists():
        return
    extensions = f"{_LEAF_EXTENSIONS}subjectAltName = DNS:{name}, IP:{address}\n"
    _issue(pki, "host", name, extensions, signer=authority)
    certificate, key, ca = pki / "hostcert.pem", pki / "hostkey.pem", authority / "cacert.pem"
    wanted = {
        "CA/cacert.pem": ca,
        "libvirt/clientcert.pem": certificate,
        "libvirt/private/clientkey.pem": key,
        "libvirt/private/serverkey.pem": key,
        "qemu/ca-cert.pem": ca,
        "qemu/server-cert.pem": certificate,
        "qemu/server-key.pem": key,
        "qemu/client-cert.pem": certificate,
        "qemu/client-key.pem": key,
        # Last: its presence says that the folder is complete.
        "libvirt/servercert.pem": certificate,
    }
    for relative, source in wanted.items():
        target = pki / relative
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(source, target)


def _issue(folder: Path, stem: str, common_name: str, extensions: str, *, signer: Path | None) -> None:
    """Write `<stem>cert.pem` and `<stem>key.pem`; a folder with a certificate always has its key."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    config = folder / f".{stem}.cnf"
    config.write_text(
        f"[req]\ndistinguished_name = name\nx509_extensions = extensions\nprompt = no\n"
        f"[name]\nO = {ORGANISATION}\nCN = {common_name}\n[extensions]\n{extensions}",
        encoding="utf-8",
    )
    draft, key = folder / f".{stem}cert.new", folder / f"{stem}key.pem"
    signed: list[str | Path] = ["-CA", signer / "cacert.pem", "-CAkey", signer / "cakey.pem"] if signer else []
    run(
        [
            *["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"],
            *["-days", str(VALID_DAYS), "-config", config, "-keyout", key, "-out", draft, *signed],
        ]
    )
    os.chmod(key, 0o600)
    config.unlink()
    draft.replace(folder / f"{stem}cert.pem")
