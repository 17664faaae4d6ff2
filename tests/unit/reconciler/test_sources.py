"""What the YAML may read from outside of itself, and what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler import sources
from reconciler.desired.resolve import resolve
from reconciler.errors import ReconcilerError
from reconciler.settings import Settings
from specs.catalog import Catalog
from specs.load import load
from specs.resource import Location
from specs.tree import Folder

HEAD = (
    "apiVersion: gitvirt/v1\nkind: Repository\nmetadata: {name: x}\nspec: {id: 6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10}\n"
)
IMAGE = "---\napiVersion: gitvirt/v1\nkind: Image\nmetadata: {name: i}\nspec: {file: %s}\n"
VM = (
    "---\napiVersion: gitvirt/v1\nkind: VirtualMachine\nmetadata: {name: web}\n"
    "spec: {cpu: 1, memory: 96MiB, graphics: {type: vnc, password: %s}}\n"
)
POOL = "---\napiVersion: gitvirt/v1\nkind: StorageDomain\nmetadata: {name: s}\nspec: {type: local, path: /srv}\n"


def catalog(folder: Path, *documents: str) -> Catalog:
    (folder / "gitvirt.yaml").write_text(HEAD + POOL + "".join(documents))
    return load(Folder(folder))


def settings(folder: Path, **values: object) -> Settings:
    return Settings(state=str(folder / "state"), **values)  # type: ignore[arg-type]


def secret(folder: Path, text: str, **values: object) -> str:
    """The console password of the VM, revealed."""
    found = catalog(folder, VM % text)
    (vm,) = found.of("VirtualMachine")
    reveal = sources.read(found, folder, settings(folder, **values)).reveal
    return str(reveal(vm.spec.graphics.password, Location("gitvirt.yaml", 1, 1)).reveal())


def test_a_secret_in_a_file_of_the_repository_is_read(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret\n")
    assert secret(tmp_path, "{file: password}") == "s3cret"


def test_a_secret_outside_of_the_repository_is_refused_unless_its_folder_is_allowed(tmp_path: Path) -> None:
    repository, other = tmp_path / "repository", tmp_path / "other"
    repository.mkdir()
    other.mkdir()
    (other / "password").write_text("s3cret")
    with pytest.raises(sources.SourceError, match="outside"):
        secret(repository, f"{{file: {other}/password}}")
    assert secret(repository, f"{{file: {other}/password}}", folders=(str(other),)) == "s3cret"


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read: No such file"), (b"caf\xe9", "is no text in UTF-8"), (b"x" * 70_000, "is too large")],
)
def test_a_secret_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    with pytest.raises(sources.SourceError, match=rf"^gitvirt\.yaml:1:1: .*password {said}"):
        secret(tmp_path, "{file: password}")


def test_every_vm_without_its_secret_is_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("s3cret")
    vms = [VM.replace("web", each) % f"{{file: {file}}}" for each, file in (("a", "x"), ("b", "password"), ("c", "y"))]
    found = catalog(tmp_path, *vms)
    with pytest.raises(ReconcilerError, match=r"gitvirt\.yaml:14:53: .*file x .*\ngitvirt\.yaml:24:53: .*file y"):
        resolve(found, "r1", sources.read(found, tmp_path, settings(tmp_path)))


def test_a_link_does_not_lead_out(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (tmp_path / "password").write_text("s3cret")
    found = catalog(repository, VM % "{file: link}")
    (repository / "link").symlink_to(tmp_path / "password")
    (vm,) = found.of("VirtualMachine")
    reveal = sources.read(found, repository, settings(repository)).reveal
    with pytest.raises(sources.SourceError, match="outside"):
        reveal(vm.spec.graphics.password, Location("gitvirt.yaml", 1, 1))


def test_only_variables_for_secrets_are_read_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://top:secret@db/")
    monkeypatch.setenv("GITVIRT_SECRET_VNC", "s3cret")
    assert secret(tmp_path, "{env: GITVIRT_SECRET_VNC}") == "s3cret"
    with pytest.raises(sources.SourceError, match="not for repositories"):
        secret(tmp_path, "{env: DATABASE_URL}")
    assert secret(tmp_path, "{env: DATABASE_URL}", environment=("DATABASE_URL",)).startswith("postgres")


def test_a_missing_variable_is_named_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(sources.SourceError, match=r"gitvirt\.yaml:1:1.*GITVIRT_SECRET_NONE"):
        secret(tmp_path, "{env: GITVIRT_SECRET_NONE}")


def test_an_image_without_checksum_gets_that_of_its_file_and_follows_it(tmp_path: Path) -> None:
    (tmp_path / "disk.qcow2").write_bytes(b"QFI\xfb one")
    found = catalog(tmp_path, IMAGE % "disk.qcow2")
    first = sources.read(found, tmp_path, settings(tmp_path)).files["disk.qcow2"]
    assert (first.size, first.format) == (8, "qcow2")
    (tmp_path / "disk.qcow2").write_bytes(b"raw, and longer")
    second = sources.read(found, tmp_path, settings(tmp_path)).files["disk.qcow2"]
    assert second.format == "raw"
    assert second.sha256 != first.sha256


def test_of_an_image_behind_a_url_only_the_cache_of_this_machine_is_asked(tmp_path: Path) -> None:
    checksum = f"sha256:{'a' * 64}"
    url = "https://images.invalid/debian.qcow2"
    found = catalog(tmp_path, IMAGE.replace("{file: %s}", f"{{url: '{url}', checksum: '{checksum}'}}"))
    assert sources.read(found, tmp_path, settings(tmp_path)).files == {}
    cache = tmp_path / "state" / "images"
    cache.mkdir(parents=True)
    (cache / f"{checksum.replace(':', '-')}.source").write_bytes(b"x" * 5000)
    facts = sources.read(found, tmp_path, settings(tmp_path)).files[url]
    assert (facts.size, facts.format) == (5000, "qcow2")


@pytest.mark.parametrize(
    ("spec", "volume"),
    [
        ("url: 'https://x/a.raw.xz'", "qcow2"),
        ("url: 'https://x/a.ISO?token=1'", "raw"),
        ("url: 'https://x/a.img', type: iso", "raw"),
        ("url: 'https://x/a.qcow2', format: raw", "raw"),
        ("file: a.vmdk", "qcow2"),
        ("file: a.raw", "raw"),
        ("file: a.img", "raw"),
    ],
)
@pytest.mark.parametrize("checksum", [f"sha256:{'ab' * 32}", f"sha512:{'ab' * 64}"])
def test_an_images_volume_is_named_before_anything_is_fetched(
    spec: str, volume: str, checksum: str, tmp_path: Path
) -> None:
    found = catalog(tmp_path, IMAGE.replace("{file: %s}", f"{{{spec}, checksum: '{checksum}'}}"))
    wanted = resolve(found, "r1", sources.read(found, tmp_path, settings(tmp_path)))
    assert wanted.images["i"].volume == f"gv-img-{'ab' * 8}.{volume}"
