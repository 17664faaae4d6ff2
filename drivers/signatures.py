"""Signatures of files with SSH keys, as Git and OpenSSH know them. Drives `ssh-keygen -Y`.

In: content, a key, an allowed-signers file, and a namespace, which says what a signature is for. Out: an armoured
signature; who made one. Called by reconciler/observe/recorded.py.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

_PATIENCE = 60
_LARGEST_SIGNATURE = 64 * 1024


class SignatureFailed(Exception):
    """Not signed, or not by somebody who may; the text says what is wrong, without a file name."""


def sign(content: bytes, key: Path, namespace: str) -> bytes:
    """The signature of `content` with that private key, or with the public key of one that an agent holds.

    Raises SignatureFailed.
    """
    return _ssh_keygen(["-Y", "sign", "-f", str(key), "-n", namespace], content)


def signer(content: bytes, signature: bytes, signers: Path, namespace: str) -> str:
    """The principal of `signers` who signed `content` for `namespace`. Raises SignatureFailed."""
    if len(signature) > _LARGEST_SIGNATURE:
        raise SignatureFailed("the signature is larger than any signature")
    if not signers.is_file():
        raise SignatureFailed(f"there is no file {signers} that says who may sign")
    with tempfile.NamedTemporaryFile(suffix=".sig") as file:
        file.write(signature)
        file.flush()
        named = ["-f", str(signers), "-s", file.name, "-n", namespace]
        found = _ssh_keygen(["-Y", "find-principals", *named], b"", f"no signer in {signers} has made it")
        principal = found.decode(errors="replace").splitlines()[0] if found.strip() else ""
        _ssh_keygen(["-Y", "verify", "-I", principal, *named], content)
    return principal


def _ssh_keygen(words: list[str], content: bytes, otherwise: str = "") -> bytes:
    # Nobody is there to be asked for a passphrase: a locked key fails at once.
    environment = {**os.environ, "SSH_ASKPASS_REQUIRE": "force", "SSH_ASKPASS": "/bin/false", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["ssh-keygen", *words], input=content, capture_output=True, env=environment, timeout=_PATIENCE, check=False
        )
    except FileNotFoundError as error:
        raise SignatureFailed("the program ssh-keygen is not on this machine (Debian: openssh-client)") from error
    except subprocess.TimeoutExpired as error:
        raise SignatureFailed(f"ssh-keygen has not ended within {_PATIENCE} s") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise SignatureFailed(otherwise or (said[-1] if said else f"ssh-keygen ended with {done.returncode}"))
    return done.stdout
