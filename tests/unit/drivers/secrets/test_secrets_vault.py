"""Encrypted files, made once by sops 3.11.0 and age 1.1.1 with the key beside them, which opens nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.secrets import SecretsError, Source, Vault
from drivers.secrets.errors import Damaged, KeyProblem, NoSuchSecret, NotForUs

FILES = Path(__file__).parent / "files"
SECRETS = {
    "kvm1": "s3cret",
    "kvm2/user": "fence",
    "kvm2/password": "päss: wörd\nsecond line",
    "number": "12",
    "ratio": "1.5",
}


@pytest.fixture
def key(tmp_path: Path) -> Path:
    path = tmp_path / "age.key"
    path.write_bytes((FILES / "test-key.txt").read_bytes())
    path.chmod(0o600)
    return path


@pytest.fixture
def open_it(key: Path) -> Callable[..., str]:
    """The secret `it/KEY` of a file, or of other bytes in its place."""

    def secret(file: str, name: str, data: bytes | None = None, keys: list[Path] | None = None) -> str:
        content = (FILES / file).read_bytes() if data is None else data
        source = Source(kind="age" if file.endswith(".age") else "sops", label=f"secrets/{file}", data=content)
        return Vault({"it": source}, lambda: [key] if keys is None else keys).get(f"it/{name}" if name else "it")

    return secret


@pytest.mark.parametrize("file", ["full.yaml", "only.yaml", "full.json", "many.age"])
@pytest.mark.parametrize("name", SECRETS)
def test_every_value_is_read(file: str, name: str, open_it: Callable[..., str]) -> None:
    assert open_it(file, name) == SECRETS[name]


def test_a_file_that_is_one_secret_needs_no_key(open_it: Callable[..., str]) -> None:
    assert open_it("one.age", "") == "raw secret"
    assert open_it("bin.json", "") == "raw secret\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("kvm3", "there is no `kvm3`"),
        ("kvm2/door", "there is no `door` in `kvm2`"),
        ("kvm1/user", "there is no `user` in `kvm1`"),
        ("kvm2", "is no single value"),
        ("list", "is no single value"),
        ("nothing", "is no single value"),
        ("note_unencrypted", "stands there in clear text"),
    ],
)
def test_what_is_no_secret_is_told(name: str, said: str, open_it: Callable[..., str]) -> None:
    with pytest.raises(NoSuchSecret, match=said):
        open_it("full.yaml", name)


def _swapped(text: str) -> str:
    """The encrypted values of kvm1 and of kvm2/user exchanged."""
    one, two = re.findall(r"(?:kvm1|user): (ENC\S+)", text)[:2]
    return text.replace(one, "X").replace(two, one).replace("X", two)


@pytest.mark.parametrize("file", ["full.yaml", "only.yaml"])
@pytest.mark.parametrize(
    "change",
    [
        _swapped,
        lambda text: re.sub(r"(kvm1: ENC\[AES256_GCM,data:)....", r"\1AAAA", text),
        lambda text: re.sub(r"(?m)^number: .*\n", "", text),
        lambda text: re.sub(r"(?m)^(number: .*\n)(ratio: .*\n)", r"\2\1", text),
        lambda text: text.replace("2026-11-22T", "2026-11-23T"),
        lambda text: re.sub(r"(?m)^    mac: .*\n", "", text),
        lambda text: re.sub(r"type:int", "type:str]", text),
        lambda text: re.sub(r"kvm1: ENC\S+", "kvm1: ENC[x]", text),
    ],
    ids=["swapped", "bits", "dropped", "reordered", "time", "no-mac", "type", "no-value"],
)
def test_a_file_that_was_changed_without_sops_is_not_believed(
    file: str, change: Callable[[str], str], open_it: Callable[..., str]
) -> None:
    text = (FILES / file).read_text()
    assert change(text) != text
    with pytest.raises(Damaged, match=r"secrets/.*sops|secrets/.*changed"):
        open_it(file, "kvm2/password", change(text).encode())


def test_a_clear_value_beside_is_under_the_checksum_too(open_it: Callable[..., str]) -> None:
    text = (FILES / "full.yaml").read_text()
    for before, after in (("in clear", "other"), ("count_unencrypted: 7", "count_unencrypted: 8"), ("false", "true")):
        with pytest.raises(Damaged, match="checksum"):
            open_it("full.yaml", "kvm1", text.replace(before, after).encode())


def test_a_secret_that_somebody_wrote_in_clear_is_refused_even_where_the_checksum_leaves_it_out(
    open_it: Callable[..., str],
) -> None:
    text = (FILES / "only.yaml").read_text() + "\nadded: in clear\n"
    assert open_it("only.yaml", "kvm1", text.encode()) == "s3cret"
    with pytest.raises(NoSuchSecret, match="clear text"):
        open_it("only.yaml", "added", text.encode())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"kvm1: s3cret\n", "SOPS did not encrypt this file"),
        (b"[1, 2]\n", "is a mapping"),
        (b"{", "is no JSON"),
        (b"a: b\n---\nc: d\n", "2 YAML documents"),
        (b"a: [\n", "secrets/full.yaml:"),
        (b"sops: {age: []}\n", "no age recipient"),
        (b"sops: {pgp: [{fp: x}]}\n", "no age recipient"),
        (b"sops: {key_groups: [{age: []}, {age: []}], shamir_threshold: 2}\n", "split among 2 groups"),
        (b"sops: {age: [1]}\n", "changed without SOPS"),
        (b"sops: {age: [{enc: rubbish}]}\n", "no file that age encrypted"),
        (b"", "0 YAML documents"),
        (b"\xff\xfe\x00", "secrets/full.yaml"),
    ],
)
def test_a_file_that_is_no_sops_file_says_why(data: bytes, said: str, open_it: Callable[..., str]) -> None:
    with pytest.raises(SecretsError, match=re.escape(said)) as told:
        open_it("full.yaml", "kvm1", data)
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize("file", ["full.yaml", "one.age"])
def test_without_our_key_it_says_for_whom_to_encrypt(file: str, open_it: Callable[..., str], tmp_path: Path) -> None:
    from pyrage import x25519

    other = x25519.Identity.generate()
    (tmp_path / "other.key").write_text(f"# made for this test\n{other}\n")
    (tmp_path / "other.key").chmod(0o600)
    with pytest.raises(NotForUs, match=str(other.to_public())):
        open_it(file, "", keys=[tmp_path / "other.key"])
    with pytest.raises(NotForUs, match="no age key on this machine"):
        open_it(file, "", keys=[])


def test_a_key_that_cannot_be_used_is_told_without_its_content(open_it: Callable[..., str], tmp_path: Path) -> None:
    key = tmp_path / "some.key"
    with pytest.raises(KeyProblem, match="cannot be read"):
        open_it("one.age", "", keys=[key])
    for text, said in (("", "no age key in it"), ("AGE-SECRET-KEY-1TYPO", "is no age key"), ("# only\n", "no age key")):
        key.write_text(text)
        key.chmod(0o600)
        with pytest.raises(KeyProblem, match=said) as told:
            open_it("one.age", "", keys=[key])
        assert "TYPO" not in str(told.value)
    key.chmod(0o640)
    with pytest.raises(KeyProblem, match="chmod 600"):
        open_it("one.age", "", keys=[key])


def test_an_age_file_that_is_cut_off_is_not_believed(open_it: Callable[..., str]) -> None:
    data = (FILES / "many.age").read_bytes()
    with pytest.raises(Damaged, match="cut off"):
        open_it("many.age", "kvm1", data[:-5])


def test_a_key_of_ssh_opens_what_was_encrypted_for_it(open_it: Callable[..., str], tmp_path: Path) -> None:
    import pyrage
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    made = Ed25519PrivateKey.generate()
    private = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    public = made.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    (tmp_path / "id").write_bytes(private)
    (tmp_path / "id").chmod(0o600)
    sealed = pyrage.encrypt(b"by ssh\n", [pyrage.ssh.Recipient.from_str(public.decode())])
    assert open_it("x.age", "", sealed, keys=[tmp_path / "id"]) == "by ssh"


def test_a_vault_shows_nothing_of_what_it_holds(open_it: Callable[..., str], key: Path) -> None:
    source = Source(kind="age", label="x", data=(FILES / "one.age").read_bytes())
    vault = Vault({"it": source}, lambda: [key])
    vault.get("it")
    assert "raw secret" not in repr(vault) + repr(source) + repr(json.dumps(repr(vault.__dict__["_sources"])))
