"""Vault: the declared sources of secrets by name; `{secret: NAME/KEY}` → its text. Each file is opened once.

Made by reconciler/sources with the files of one revision. Raises drivers.secrets.errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from drivers.secrets import age, identities, sops
from drivers.secrets.errors import Damaged, NoSuchSecret
from specs.structs import Struct
from specs.yaml import Node, parse


class Source(Struct, frozen=True, kw_only=True):
    """One encrypted file: what encrypted it, its path for messages, its bytes."""

    kind: Literal["sops", "age"]
    label: str
    data: bytes

    def __repr__(self) -> str:
        return f"Source({self.kind}, {self.label})"  # `age` may be given what was not encrypted


class Vault:
    """`keys` tells the files with our private keys, asked for at the first secret."""

    def __init__(self, sources: Mapping[str, Source], keys: Callable[[], Iterable[Path]]) -> None:
        self._sources, self._keys = sources, keys
        self._identities: list[Any] | None = None
        self._opened: dict[str, Any] = {}

    def get(self, reference: str) -> str:
        """The secret of `NAME/KEY`, or of `NAME` where a file is one secret."""
        name, _, path = reference.partition("/")
        if name not in self._sources:
            raise NoSuchSecret(f"there is no source of secrets `{name}`; the Repository names them in `secrets:`")
        source = self._sources[name]
        if source.kind == "age" and not path:
            return self._open(source.label, lambda: self._text(source)).rstrip("\n")  # type: ignore[no-any-return]
        tree = self._open(f"{source.label}/", lambda: self._tree(source))
        keys = path.split("/") if path else ["data"]  # SOPS keeps a file that is no YAML as this one value
        return _found(tree, keys, source.label)

    def _open(self, key: str, how: Callable[[], Any]) -> Any:
        if key not in self._opened:
            self._opened[key] = how()
        return self._opened[key]

    def _own(self) -> list[Any]:
        if self._identities is None:
            self._identities = identities.load(self._keys())
        return self._identities

    def _text(self, source: Source) -> str:
        try:
            return age.decrypt(source.data, self._own(), source.label).decode()
        except UnicodeDecodeError:
            raise Damaged(f"{source.label}: what is in it is no text in UTF-8") from None

    def _tree(self, source: Source) -> Any:
        if source.kind == "sops":
            return sops.decrypt(source.data, self._own(), source.label)
        parsed = parse(source.label, self._text(source).encode())
        if parsed.findings or len(parsed.documents) != 1:  # what is wrong in it would tell what is in it
            raise Damaged(f"{source.label}: what is in it is no YAML, so it has no keys; write the name alone")
        return _plain(parsed.documents[0])


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {key: _plain(child) for key, child in node.value.items()}
    return None if node.value is None or isinstance(node.value, list) else _text(node.value)


def _text(value: object) -> str:
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _found(tree: Any, keys: list[str], label: str) -> str:
    path = "/".join(keys)
    for at, key in enumerate(keys):
        if not isinstance(tree, dict) or key not in tree:
            before = "/".join(keys[:at])
            raise NoSuchSecret(f"{label}: there is no `{key}`" + (f" in `{before}`" if before else ""))
        tree = tree[key]
    if isinstance(tree, sops.Clear):
        raise NoSuchSecret(f"{label}: `{path}` stands there in clear text, so it is no secret; have SOPS encrypt it")
    if not isinstance(tree, str):
        raise NoSuchSecret(f"{label}: `{path}` is no single value")
    return tree
