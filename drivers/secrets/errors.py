"""What can go wrong with encrypted files. No message holds a part of a secret or of a key.

SecretsError
├── KeyProblem      a key file is missing, is open to others, or holds no age key
├── NotForUs        no key of ours opens the file
├── Damaged         the file is not what it claims to be, or was changed by hand
└── NoSuchSecret    the file has no such value, or several in its place
"""

from __future__ import annotations


class SecretsError(Exception):
    """The message names the file, the cause and what to do."""


class KeyProblem(SecretsError):
    """A key file cannot be used."""


class NotForUs(SecretsError):
    """The file is encrypted for others."""


class Damaged(SecretsError):
    """The file cannot be believed."""


class NoSuchSecret(SecretsError):
    """The file has no such value."""
