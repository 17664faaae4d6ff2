"""Encrypted files: SOPS files and files that age encrypted, opened with age keys of this machine, in memory only.

`Vault` is all that others use; reconciler/sources builds one for a pass. pyrage and cryptography are imported when the
first secret is needed.

    identities.py   the private keys of this machine
    age.py          what age encrypted as a whole
    sops.py         what SOPS encrypted value by value, with its checksum over all of them
    vault.py        sources by name, `NAME/KEY`, each file opened once
"""

from drivers.secrets.errors import SecretsError
from drivers.secrets.vault import Source, Vault

__all__ = ["SecretsError", "Source", "Vault"]
