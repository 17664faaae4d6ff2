"""The contract of Pools and Volumes, with two hosts on one directory."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

import pytest

from drivers.base import NewPool, NewVolume
from drivers.errors import Conflict, DriverError, Missing, Refused
from tests.contract.twin import MIB, Twin, id_of


def pool_beside(twin: Twin, name: str, build: bool = True) -> NewPool:
    """A pool on a directory of its own, beside the shared one."""
    return NewPool(name=name, uuid=id_of(name), path=f"{posixpath.dirname(twin.path)}/{name}", build=build)


def marker(twin: Twin, name: str) -> NewVolume:
    return NewVolume(pool=twin.pool, name=name, capacity=0, format="raw")


# Pools.


def test_a_pool_is_defined_built_and_started_as_often_as_one_likes(twin: Twin, name: str) -> None:
    new = pool_beside(twin, name)
    for _ in range(2):
        twin.host.pools.define(new)
        seen = twin.seen_pool(name=name)
        assert (seen.uuid, seen.path, seen.type, seen.active, seen.autostart) == (new.uuid, new.path, "dir", True, True)
        assert (seen.volumes, seen.problem) == ({}, "")
        assert 0 < seen.available <= seen.capacity
    twin.host.pools.active(name, False)
    assert (twin.seen_pool(name=name).active, twin.seen_pool(name=name).volumes) == (False, {})
    twin.host.pools.define(new)
    assert twin.seen_pool(name=name).active


def test_a_missing_directory_is_only_built_when_asked(twin: Twin, name: str) -> None:
    with pytest.raises(DriverError):
        twin.host.pools.define(pool_beside(twin, name, build=False))
    twin.host.pools.define(pool_beside(twin, name))
    assert twin.seen_pool(name=name).active


def test_a_taken_name_uuid_or_directory_is_a_conflict(twin: Twin, name: str) -> None:
    new = pool_beside(twin, name)
    twin.host.pools.define(new)
    others = (
        NewPool(name=name, uuid=id_of("else"), path=new.path + "-2"),
        NewPool(name=name + "-2", uuid=new.uuid, path=new.path + "-2"),
        NewPool(name=name + "-2", uuid=id_of("else"), path=new.path),
        NewPool(name=name, uuid=new.uuid, path=new.path + "-2"),
    )
    for other in others:
        with pytest.raises(Conflict):
            twin.host.pools.define(other)
    assert twin.seen_pool(name=name).path == new.path


def test_undefining_a_pool_keeps_its_files(twin: Twin, name: str) -> None:
    new = pool_beside(twin, name)
    twin.host.pools.define(new)
    twin.host.volumes.create(NewVolume(pool=name, name="kept", capacity=MIB))
    twin.host.pools.undefine(name)
    assert twin.host.reader.pool(name) is None
    twin.host.pools.undefine(name)
    twin.host.pools.define(new)
    assert list(twin.seen_pool(name=name).volumes) == ["kept"]


def test_a_vanished_directory_is_a_problem_of_its_pool_alone(twin: Twin, name: str) -> None:
    new = pool_beside(twin, name)
    twin.host.pools.define(new)
    twin.vanish(new.path)
    seen = {each.name: each for each in twin.host.reader.read().pools}
    assert (seen[name].active, seen[name].volumes) == (False, {})
    assert seen[name].problem
    assert (seen[twin.pool].active, seen[twin.pool].problem) == (True, "")
    twin.host.pools.define(new)
    assert twin.seen_pool(name=name).active


def test_a_pool_that_is_not_there_is_missing_and_an_inactive_one_is_of_no_use(twin: Twin, name: str) -> None:
    volume = NewVolume(pool=name, name="x", capacity=MIB)
    for call in (lambda: twin.host.pools.active(name, True), lambda: twin.host.pools.refresh(name)):
        with pytest.raises(Missing):
            call()
    with pytest.raises(Missing):
        twin.host.volumes.create(volume)
    twin.host.pools.define(pool_beside(twin, name))
    twin.host.pools.active(name, False)
    with pytest.raises(Conflict):
        twin.host.volumes.create(volume)


# Volumes.


@pytest.mark.parametrize("form", ["raw", "qcow2"])
def test_a_new_volume_is_thin_and_empty(twin: Twin, name: str, form: str) -> None:
    made = twin.host.volumes.create(NewVolume(pool=twin.pool, name=name, capacity=1 << 30, format=form))
    assert (made.name, made.path, made.capacity, made.format) == (name, f"{twin.path}/{name}", 1 << 30, form)
    assert made.allocation < 4 * MIB
    assert twin.seen_pool().volumes[name] == made


def test_a_name_is_taken_once_whichever_host_asks(twin: Twin, name: str) -> None:
    twin.host.volumes.create(marker(twin, name))
    for host in (twin.host, twin.second):
        for new in (marker(twin, name), NewVolume(pool=twin.pool, name=name, capacity=MIB)):
            with pytest.raises(Conflict):
                host.volumes.create(new)
    assert twin.seen_pool().volumes[name].capacity == 0


def test_another_host_sees_a_new_volume_when_it_looks(twin: Twin, name: str) -> None:
    twin.host.volumes.create(marker(twin, name))
    assert name in twin.seen_pool(twin.second).volumes
    twin.second.volumes.delete(twin.pool, name)
    assert name not in twin.seen_pool().volumes


def test_a_volume_that_only_another_host_has_seen_is_used_all_the_same(twin: Twin, name: str) -> None:
    twin.seen_pool(twin.second)
    twin.host.volumes.create(NewVolume(pool=twin.pool, name=name, capacity=MIB))
    twin.second.volumes.grow(twin.pool, name, 2 * MIB)
    copy = NewVolume(pool=twin.pool, name=name + "-copy", copy_of=name)
    twin.host.volumes.create(NewVolume(pool=twin.pool, name=name + "-two", capacity=MIB))
    assert twin.second.volumes.create(copy).capacity == 2 * MIB
    twin.second.volumes.delete(twin.pool, name + "-two")
    assert name + "-two" not in twin.seen_pool().volumes


def test_deleting_is_satisfied_when_the_volume_is_gone(twin: Twin, name: str) -> None:
    twin.host.volumes.create(marker(twin, name))
    for _ in range(2):
        twin.host.volumes.delete(twin.pool, name)
        assert name not in twin.seen_pool().volumes


def test_a_linked_clone_keeps_its_backing_file(twin: Twin, name: str) -> None:
    base = twin.volume(name + "-base")
    clone = NewVolume(pool=twin.pool, name=name, backing=base)
    made = twin.host.volumes.create(clone)
    assert (made.capacity, made.backing, made.format) == (16 * MIB, base, "qcow2")
    larger = NewVolume(pool=twin.pool, name=name + "-larger", capacity=64 * MIB, backing=base)
    assert twin.host.volumes.create(larger).capacity == 64 * MIB
    twin.host.volumes.delete(twin.pool, name + "-base")
    assert twin.seen_pool().volumes[name].backing == base


def test_a_linked_clone_is_never_smaller_than_what_it_begins_with(twin: Twin, name: str) -> None:
    base = twin.volume(name + "-base")
    smaller = NewVolume(pool=twin.pool, name=name, capacity=8 * MIB, backing=base)
    with pytest.raises(Refused, match="does not fit"):
        twin.host.volumes.create(smaller)
    assert name not in twin.host.volumes.names(twin.pool, refresh=True)


def test_it_is_not_either_where_only_another_host_has_seen_that(twin: Twin, name: str) -> None:
    twin.seen_pool(twin.second)
    base = twin.volume(name + "-base")
    smaller = NewVolume(pool=twin.pool, name=name, capacity=8 * MIB, backing=base)
    with pytest.raises(Refused, match="does not fit"):
        twin.second.volumes.create(smaller)
    assert name not in twin.second.volumes.names(twin.pool, refresh=True)


def test_a_clone_of_what_is_not_there_fails_and_leaves_nothing(twin: Twin, name: str) -> None:
    with pytest.raises(DriverError):
        twin.host.volumes.create(NewVolume(pool=twin.pool, name=name, backing=f"{twin.path}/nothing"))
    with pytest.raises(Missing):
        twin.host.volumes.create(NewVolume(pool=twin.pool, name=name, copy_of="nothing"))
    assert name not in twin.seen_pool().volumes


def test_a_full_copy_has_the_content(twin: Twin, name: str) -> None:
    content = b"some content " * 1000
    twin.host.pools.define(NewPool(name=name, uuid=id_of(name), path=f"{twin.own}/{name}"))
    twin.host.volumes.upload(name, "source", iter([content]), len(content))
    copy = NewVolume(pool=name, name="copy", copy_of="source", format="raw")
    assert twin.host.volumes.create(copy).capacity >= len(content)
    assert b"".join(twin.host.volumes.download(name, "copy")).rstrip(b"\0") == content


def test_a_full_copy_may_be_larger_and_lie_in_another_pool(twin: Twin, name: str) -> None:
    twin.volume(name, MIB)
    twin.host.pools.define(NewPool(name=name, uuid=id_of(name), path=f"{twin.own}/{name}"))
    for pool in (twin.pool, name):
        larger = NewVolume(pool=pool, name="larger-" + name, capacity=8 * MIB, copy_of=name, copy_pool=twin.pool)
        made = twin.host.volumes.create(larger)
        assert (made.capacity, made.backing, made.format) == (8 * MIB, "", "qcow2")
        assert twin.seen_pool(name=pool).volumes[made.name] == made


def test_a_volume_grows_and_never_shrinks(twin: Twin, name: str) -> None:
    for form in ("raw", "qcow2"):
        each = f"{name}.{form}"
        twin.volume(each, MIB, format=form)
        for _ in range(2):
            twin.host.volumes.grow(twin.pool, each, 2 * MIB)
        with pytest.raises(Refused):
            twin.host.volumes.grow(twin.pool, each, MIB)
        assert twin.seen_pool().volumes[each].capacity == 2 * MIB
    with pytest.raises(Missing):
        twin.host.volumes.grow(twin.pool, "nothing", MIB)


def test_what_was_uploaded_is_downloaded(twin: Twin, name: str) -> None:
    content = bytes(range(256)) * 4096 + b"the end"
    chunks = [content[:1000], content[1000:700_000], content[700_000:]]
    for _ in range(2):
        twin.host.volumes.upload(twin.pool, name, iter(chunks), len(content))
        assert b"".join(twin.host.volumes.download(twin.pool, name))[: len(content)] == content
        assert twin.seen_pool().volumes[name].capacity >= len(content)


def test_an_uploaded_qcow2_image_is_one(twin: Twin, name: str) -> None:
    image = twin.guest_image()
    twin.host.volumes.upload(twin.pool, name, iter([image]), len(image))
    seen = twin.seen_pool().volumes[name]
    assert (seen.format, seen.backing) == ("qcow2", "")
    assert seen.capacity >= 16 * MIB


@pytest.mark.parametrize("size", [10, 1000])
def test_an_upload_of_another_length_than_announced_is_refused(twin: Twin, name: str, size: int) -> None:
    with pytest.raises(Refused):
        twin.host.volumes.upload(twin.pool, name, iter([b"x" * 100]), size)


def test_an_upload_whose_source_breaks_off_breaks_off(twin: Twin, name: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x" * 100
        raise RuntimeError("the source broke off")

    with pytest.raises(RuntimeError, match="broke off"):
        twin.host.volumes.upload(twin.pool, name, chunks(), 1000)
    twin.host.volumes.delete(twin.pool, name)
    twin.host.volumes.upload(twin.pool, name, iter([b"x" * 1000]), 1000)
    assert b"".join(twin.host.volumes.download(twin.pool, name)).rstrip(b"\0") == b"x" * 1000


def test_downloading_what_is_not_there_is_missing(twin: Twin) -> None:
    with pytest.raises(Missing):
        next(twin.host.volumes.download(twin.pool, "nothing"))
