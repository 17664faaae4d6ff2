"""SOPS files (https://getsops.io): every value encrypted by AES-256-GCM under one data key, that key by age.

A value is `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`; its path is authenticated with it. The file's `mac` is a SHA-512
over all values in their order, so that nobody without the key can add, drop or exchange one. It is always checked.
Only age recipients are supported, in one group.

In: the bytes of a YAML or JSON file, keys. Out: the tree of its values, as clear text. Raises drivers.secrets.errors.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from drivers.secrets import age
from drivers.secrets.errors import Damaged, NotForUs
from specs.structs import Struct
from specs.yaml import Node, parse

METADATA = "sops"
_TYPES = "str|int|float|bool|bytes|comment|time"
_VALUE = re.compile(rf"ENC\[AES256_GCM,data:([^,]+),iv:([^,]+),tag:([^,]+),type:(?:{_TYPES})\]")
_KEY_LENGTH = 32
_ONLY_ENCRYPTED = hashlib.sha256(b"sops").digest()
"""What the checksum begins with where it covers encrypted values only."""
_CHANGED = "it was changed without SOPS, or merged badly; edit it with `sops FILE`"


class Clear(Struct, frozen=True):
    """A value that the file holds in clear text."""

    text: str


Tree = dict[str, Any]
"""Keys to trees, lists of such, `str` for a decrypted value, Clear, or None."""


def decrypt(data: bytes, identities: list[Any], label: str) -> Tree:
    """All values of the file."""
    content = _parsed(data, label)
    metadata = content.pop(METADATA, None)
    if not isinstance(metadata, dict):
        raise Damaged(f"{label}: SOPS did not encrypt this file; run `sops --encrypt --in-place` on it, "
                      "and take the clear text out of Git's history")  # fmt: skip
    opener = _Opener(_data_key(metadata, identities, label), label)
    tree = {key: opener.walk(value, (key,)) for key, value in content.items()}
    _check(opener, tree, metadata, label)
    return tree


def _parsed(data: bytes, label: str) -> dict[str, Any]:
    if data.lstrip().startswith(b"{"):
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            raise Damaged(f"{label}: this is no JSON") from None
    else:
        parsed = parse(label, data)
        if parsed.findings:
            where = parsed.findings[0].where
            raise Damaged(f"{where}: {parsed.findings[0].what}")
        if len(parsed.documents) != 1:
            raise Damaged(f"{label}: {len(parsed.documents)} YAML documents; a file of secrets has one")
        content = _plain(parsed.documents[0])
    if not isinstance(content, dict):
        raise Damaged(f"{label}: a file of secrets is a mapping")
    return content


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [_plain(child) for child in node.value]
    return node.value


def _data_key(metadata: Mapping[str, Any], identities: list[Any], label: str) -> bytes:
    groups = metadata.get("key_groups")
    if isinstance(groups, list) and len(groups) > 1:
        raise NotForUs(f"{label}: its key is split among {len(groups)} groups, which is not supported; use one group")
    entries = metadata.get("age")
    if not entries and isinstance(groups, list) and groups and isinstance(groups[0], dict):
        entries = groups[0].get("age")
    if not isinstance(entries, list) or not entries:
        raise NotForUs(f"{label}: it has no age recipient; add one with `sops rotate --in-place --add-age age1… FILE`")
    for entry in entries:
        sealed = entry.get("enc") if isinstance(entry, dict) else None
        if not isinstance(sealed, str):
            raise Damaged(f"{label}: {_CHANGED}")
        try:
            key = age.decrypt(sealed.encode(), identities, label)
        except NotForUs:
            continue
        if len(key) != _KEY_LENGTH:
            raise Damaged(f"{label}: {_CHANGED}")
        return key
    raise NotForUs(age.unopened(label, identities))


class _Opener:
    """Opens values under one data key."""

    def __init__(self, key: bytes, label: str) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._cipher, self._label = AESGCM(key), label

    def walk(self, value: Any, path: tuple[str, ...]) -> Any:
        """The same tree with every value in clear text. Items of a list have the list's path."""
        if isinstance(value, dict):
            return {key: self.walk(child, (*path, key)) for key, child in value.items()}
        if isinstance(value, list):
            return [self.walk(child, path) for child in value]
        if isinstance(value, str) and value.startswith("ENC["):
            return self.open(value, ":".join(path) + ":")
        return None if value is None else Clear(_as_text(value))

    def open(self, sealed: str, beside: str) -> str:
        """One value; `beside` is authenticated with it."""
        from cryptography.exceptions import InvalidTag

        found = _VALUE.fullmatch(sealed)
        if found is None:
            raise Damaged(f"{self._label}: a value is no SOPS value any more; {_CHANGED}")
        try:
            data, nonce, tag = (base64.b64decode(each, validate=True) for each in found.groups())
            return self._cipher.decrypt(nonce, data + tag, beside.encode()).decode()
        except (InvalidTag, binascii.Error, ValueError):
            raise Damaged(f"{self._label}: a value does not belong where it stands; {_CHANGED}") from None


def _check(opener: _Opener, tree: Tree, metadata: Mapping[str, Any], label: str) -> None:
    only = metadata.get("mac_only_encrypted") is True
    checksum = hashlib.sha512(_ONLY_ENCRYPTED if only else b"")
    for value in _leaves(tree):
        if not only or not isinstance(value, Clear):
            checksum.update((value.text if isinstance(value, Clear) else value).encode())
    sealed, when = metadata.get("mac"), metadata.get("lastmodified")
    if not isinstance(sealed, str) or not isinstance(when, str):
        raise Damaged(f"{label}: its checksum is missing; {_CHANGED}")
    if not hmac.compare_digest(opener.open(sealed, when), checksum.hexdigest().upper()):
        raise Damaged(f"{label}: its checksum does not fit; {_CHANGED}")


def _leaves(tree: Any) -> Iterator[str | Clear]:
    if isinstance(tree, dict | list):
        for each in tree.values() if isinstance(tree, dict) else tree:
            yield from _leaves(each)
    elif tree is not None:
        yield tree


def _as_text(value: Any) -> str:
    """A clear value as the checksum takes it: Go's words for truth, numbers without exponent."""
    if isinstance(value, bool):
        return "True" if value else "False"
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f").removesuffix(".0")
    return str(value)
