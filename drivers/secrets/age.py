"""Files that age encrypted as a whole, binary or armored."""

from __future__ import annotations

from typing import Any

from drivers.secrets.errors import Damaged, NotForUs

_HEADS = (b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----")


def decrypt(data: bytes, identities: list[Any], label: str) -> bytes:
    """The content. `label` names the file in messages. Raises NotForUs or Damaged."""
    from pyrage import DecryptError
    from pyrage import decrypt as open_it

    if not data.lstrip().startswith(_HEADS):
        fix = "encrypt it with `age -r age1… -o FILE`, and take the clear text out of Git's history"
        raise Damaged(f"{label}: this is no file that age encrypted; {fix}")
    try:
        return bytes(open_it(data, identities))
    except DecryptError as error:
        if "No matching keys" in str(error):
            raise NotForUs(unopened(label, identities)) from None
        raise Damaged(f"{label}: age cannot read it: {error}; it is cut off or was changed") from None


def unopened(label: str, identities: list[Any]) -> str:
    """The message for a file that none of our keys opens."""
    if not identities:
        return f"{label}: there is no age key on this machine; name its file in `age_keys:` of the local settings"
    ours = ", ".join(str(each.to_public()) for each in identities if hasattr(each, "to_public"))
    return f"{label}: none of our {len(identities)} age keys opens it; encrypt it for {ours or 'our ssh key'} too"
