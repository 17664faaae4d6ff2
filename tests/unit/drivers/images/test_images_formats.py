"""What an image file really is, whether it is sound, and that every format becomes the one that is wanted."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from drivers.errors import DriverError, Refused
from drivers.images.qcow2 import Unsound
from drivers.images.rules import Rules, Stop, Wanted
from drivers.images.sniff import plain_format, sniff
from drivers.images.unpack import unpack
from tests.imageserver import Server, Shop, sha256

DISK = b"boot sector".ljust(70_000, b"\xa5") + bytes(300_000) + os.urandom(50_000)
DISK = DISK.ljust(-(-len(DISK) // 65536) * 65536, b"\0")
qemu = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="needs qemu-img (qemu-utils)")

MADE = {
    "raw": ["raw"],
    "qcow2": ["qcow2"],
    "qcow2 compressed": ["-c", "qcow2"],
    "qcow2 zstd": ["-c", "qcow2", "-o", "compression_type=zstd"],
    "qcow2 v2": ["qcow2", "-o", "compat=0.10"],
    "qcow2 wide": ["qcow2", "-o", "extended_l2=on,cluster_size=64k"],
    "vmdk": ["vmdk"],
    "vmdk stream": ["vmdk", "-o", "subformat=streamOptimized"],
    "vdi": ["vdi"],
    "vhdx": ["vhdx"],
    "vhd": ["vpc", "-o", "force_size=on"],
    "vhd fixed": ["vpc", "-o", "subformat=fixed,force_size=on"],
}
PACK: dict[str, Callable[[bytes], bytes]] = {
    "xz": lzma.compress,
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def make(folder: Path, kind: str, content: bytes = DISK) -> Path:
    """The disk in a format that qemu-img writes."""
    source, target = folder / "source.img", folder / f"{kind.replace(' ', '-')}.img"
    source.write_bytes(content)
    words = MADE[kind]
    at = 1 if words[0] == "-c" else 0
    argv = ["qemu-img", "convert", "-f", "raw", *words[:at], "-O", words[at], *words[at + 1 :], source, target]
    subprocess.run(argv, check=True, timeout=60)
    return target


def content_of(path: Path, kind: str) -> bytes:
    """The bytes of a disk image, as qemu reads them."""
    plain = path.with_suffix(".plain")
    subprocess.run(["qemu-img", "convert", "-f", kind, "-O", "raw", path, plain], check=True, timeout=60)
    return plain.read_bytes()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The same disk in every format."""
    folder = tmp_path_factory.mktemp("made")
    return {kind: make(folder, kind).read_bytes() for kind in MADE}


@qemu
@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("wanted", ["qcow2", "raw"])
def test_every_format_becomes_what_is_wanted_with_the_same_bytes(
    kind: str, wanted: str, made: dict[str, bytes], shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "image.bin"
    file.write_bytes(made[kind])
    path = shop.path(Wanted(checksum=sha256(made[kind]), format=wanted, path=file))
    assert sniff(path).format == wanted
    assert content_of(path, wanted)[: len(DISK)] == DISK
    in_place = kind.split()[0] == wanted
    assert (path == file) == in_place
    assert shop.path(Wanted(checksum=sha256(made[kind]), format=wanted, path=file)) == path
    assert plain_format(file) == ("raw" if kind == "raw" else "qcow2")


@qemu
@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("kind", ["raw", "qcow2", "vmdk"])
def test_compressed_images_come_over_http(
    packing: str, kind: str, made: dict[str, bytes], shop: Shop, server: Server, tmp_path: Path
) -> None:
    packed = PACK[packing](made[kind])
    server.behaviour = lambda request: request.serve(packed)
    path = shop.path(Wanted(checksum=sha256(packed), format="qcow2", url=server.url(f"/i.{packing}")))
    assert shop.files() == {".source", ".qcow2"}
    assert content_of(path, "qcow2")[: len(DISK)] == DISK


def iso() -> bytes:
    from reconciler.apply import seed

    return seed.iso({"readme": "hello"}, "tools")


def test_an_iso_stays_as_it_is_and_nothing_else_passes_for_one(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "x.iso"
    file.write_bytes(iso())
    assert shop.path(Wanted(checksum=sha256(iso()), format="raw", iso=True, path=file)) == file
    file.write_bytes(DISK)
    with pytest.raises(Refused, match="no ISO image"):
        shop.path(Wanted(checksum=sha256(DISK), format="raw", iso=True, path=file))


def patched(data: bytes, *changes: tuple[int, str, int]) -> bytes:
    """The bytes with numbers written over them: (offset, struct format, value)."""
    found = bytearray(data)
    for offset, form, value in changes:
        struct.pack_into(form, found, offset, value)
    return bytes(found)


HOSTILE: dict[str, tuple[str, Callable[[bytes], bytes], str]] = {
    "backing file": ("qcow2", lambda data: patched(data, (8, ">Q", 512), (16, ">I", 11)), "backing file"),
    "data file": ("qcow2", lambda data: patched(data, (72, ">Q", 4)), "another file"),
    "corrupt": ("qcow2", lambda data: patched(data, (72, ">Q", 2)), "corrupt"),
    "unknown feature": ("qcow2", lambda data: patched(data, (72, ">Q", 1 << 40)), "not known here"),
    "encrypted": ("qcow2", lambda data: patched(data, (32, ">I", 2)), "encrypted"),
    "huge L1": ("qcow2", lambda data: patched(data, (36, ">I", 0xFFFFFFFF)), "L1 table"),
    "L1 beyond the end": ("qcow2", lambda data: patched(data, (40, ">Q", 1 << 60)), "cut off"),
    "small L1": ("qcow2", lambda data: patched(data, (24, ">Q", 1 << 50)), "L1 table"),
    "huge clusters": ("qcow2", lambda data: patched(data, (20, ">I", 60)), "clusters"),
    "huge refcounts": ("qcow2", lambda data: patched(data, (56, ">I", 0xFFFFFFF)), "refcount"),
    "version": ("qcow2", lambda data: patched(data, (4, ">I", 9)), "version 9"),
    "truncated qcow2": ("qcow2", lambda data: data[: len(data) // 2], "cut off"),
    "truncated header": ("qcow2", lambda data: data[:60], "within its qcow2 header"),
    "huge disk": ("qcow2", lambda data: patched(data, (24, ">Q", 1 << 39), (36, ">I", 1 << 11)), r"images\.largest"),
    "vmdk elsewhere": ("vmdk", lambda data: patched(data, (12, "<Q", 0)), "in other files"),
    "vmdk parent": ("vmdk", lambda data: data.replace(b"parentCID=ffffffff", b"parentCID=00000001"), "parent"),
    "vmdk hint": ("vmdk", lambda data: data.replace(b"createType=", b'parentFileNameHint="/x"\ncreateType='), "parent"),
    "vmdk type": ("vmdk", lambda data: data.replace(b"monolithicSparse", b"twoGbMaxExtentSp"), "of type"),
    "vmdk footer": ("vmdk", lambda data: patched(data, (56, "<Q", (1 << 64) - 1)), "no footer"),
    "vdi difference": ("vdi", lambda data: patched(data, (0x4C, "<I", 4)), "only a part"),
    "vhd difference": ("vhd fixed", lambda data: patched(data, (len(data) - 512 + 60, ">I", 4)), "only a part"),
    "truncated vdi": ("vdi", lambda data: data[:300], "within its VDI header"),
    "truncated vhdx": ("vhdx", lambda data: data[:70000], "qemu-img"),
}  # fmt: skip


@qemu
@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_leads_elsewhere_or_is_damaged_is_refused_in_words(
    name: str, made: dict[str, bytes], shop: Shop, tmp_path: Path
) -> None:
    kind, harm, said = HOSTILE[name]
    data = harm(made[kind])
    file = tmp_path / "image.bin"
    file.write_bytes(data)
    with pytest.raises(Refused, match=said):
        shop.path(Wanted(checksum=sha256(data), format="qcow2", path=file))
    assert shop.files() == set()


def archive(folder: Path) -> bytes:
    with zipfile.ZipFile(folder / "x.zip", "w") as out:
        out.writestr("disk.vmdk", "x")
    return (folder / "x.zip").read_bytes()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>Not here", "HTML page"),
        (b'# Disk DescriptorFile\nRW 1 FLAT "/etc/shadow" 0', "names other files"),
        (b"QED\0" + bytes(600), "QED"),
        (b"LUKS\xba\xbe" + bytes(600), "LUKS"),
        (b"x" * 257 + b"ustar" + bytes(300), "tar archive"),
        (b"version https://git-lfs.github.com/spec/v1", "git lfs pull"),
        (archive, "zip archive"),
        (lambda folder: gzip.compress(gzip.compress(b"x" * 9000)), "compressed twice"),
        (lambda folder: gzip.compress(b"x" * 9000)[:-20], "damaged or cut off"),
        (lambda folder: lzma.compress(b"x" * 9000)[:-20], "damaged or cut off"),
        (lambda folder: bz2.compress(b"x" * 9000)[:-20], "damaged or cut off"),
        (lambda folder: zstandard.compress(os.urandom(9000))[:-20], "damaged or cut off"),
        (lambda folder: gzip.compress(os.urandom(9000)).replace(b"\x1f\x8b\x08\x00", b"\x1f\x8b\x08\xff"), "damaged"),
    ],
)
def test_what_is_no_disk_image_is_refused_in_words(content: object, said: str, shop: Shop, tmp_path: Path) -> None:
    data = content if isinstance(content, bytes) else content(tmp_path)  # type: ignore[operator]
    file = tmp_path / "image.qcow2"
    file.write_bytes(data)
    with pytest.raises(Refused, match=said):
        shop.path(Wanted(checksum=sha256(data), format="qcow2", path=file))


@pytest.mark.parametrize("packing", PACK)
def test_a_bomb_is_stopped_at_the_bound(packing: str, shop: Shop, tmp_path: Path) -> None:
    data = PACK[packing](bytes(64 << 20))
    file = tmp_path / "bomb"
    file.write_bytes(data)
    shop.rules = Rules(largest=16 << 20)
    with pytest.raises(Refused, match=r"images\.largest"):
        shop.path(Wanted(checksum=sha256(data), format="raw", path=file))
    assert shop.files() == set()


@pytest.mark.parametrize("packing", PACK)
def test_streams_in_a_row_are_one_image_with_holes_for_zeros(packing: str, tmp_path: Path) -> None:
    data = os.urandom(100_000) + bytes(8 << 20)
    source, target = tmp_path / "packed", tmp_path / "plain"
    source.write_bytes(PACK[packing](data) + PACK[packing](b"more"))
    unpack(source, target, packing, (Rules(), Stop(wait=lambda seconds: False), lambda *told: None))
    assert target.read_bytes() == data + b"more"
    assert target.stat().st_blocks * 512 < 2 << 20


@qemu
def test_another_checksum_than_that_of_the_file_is_refused_before_anything_is_made(
    made: dict[str, bytes], shop: Shop, tmp_path: Path
) -> None:
    file = tmp_path / "disk.vmdk"
    file.write_bytes(made["vmdk"])
    with pytest.raises(Refused, match="fix `checksum:`"):
        shop.path(Wanted(checksum=sha256(b"other"), format="qcow2", path=file))
    assert shop.files() == set()


HEADS = [
    b"QFI\xfb" + bytes(3) + b"\x03", b"QFI\xfb" + bytes(3) + b"\x02", b"KDMV\x01\0\0\0", b"vhdxfile", b"conectix",
    bytes(64) + b"\x7f\x10\xda\xbe", b"\xfd7zXZ\x00", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"BZh9", b"# Disk", b"",
]  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(head=st.sampled_from(HEADS), tail=st.binary(max_size=2000), zeros=st.integers(0, 5000))
@example(head=b"conectix", tail=b"", zeros=0)
def test_any_bytes_are_a_format_or_unsound(head: bytes, tail: bytes, zeros: int, tmp_path: Path) -> None:
    file = tmp_path / "any"
    file.write_bytes(head + tail + bytes(zeros))
    with contextlib.suppress(Unsound):
        assert sniff(file).capacity >= 0
    assert plain_format(file) in ("raw", "qcow2")


@qemu
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(MADE)),
    harm=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), min_size=1, max_size=8),
    cut=st.one_of(st.none(), st.integers(0, 70_000)),
)
def test_a_harmed_header_is_a_format_or_unsound(
    kind: str, harm: list[tuple[int, int]], cut: int | None, made: dict[str, bytes], tmp_path: Path
) -> None:
    data = bytearray(made[kind])
    for offset, value in harm:
        data[offset % len(data)] = value
    file = tmp_path / "any"
    file.write_bytes(bytes(data[:cut]))
    with contextlib.suppress(Unsound):
        assert sniff(file).capacity >= 0


@qemu
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["vmdk", "vmdk stream", "vdi", "vhdx", "vhd", "qcow2"]),
    harm=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    cut=st.one_of(st.none(), st.integers(0, 70_000)),
)
def test_a_harmed_file_becomes_an_image_or_an_error_of_ours(
    kind: str, harm: list[tuple[int, int]], cut: int | None, made: dict[str, bytes], tmp_path: Path
) -> None:
    data = bytearray(made[kind])
    for offset, value in harm:
        data[offset % len(data)] = value
    data = data[:cut]
    shop = Shop(tmp_path / "cache", rules=Rules(largest=1 << 30))
    file = tmp_path / "any"
    file.write_bytes(bytes(data))
    with contextlib.suppress(DriverError):
        assert shop.path(Wanted(checksum=sha256(bytes(data)), format="raw", path=file)).is_file()
    assert shop.files() <= {".raw"}
