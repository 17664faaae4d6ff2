"""Fetching from servers that break off, lie, stall and lead astray: right bytes or a clear error, and nothing lost."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest

from drivers.errors import Busy, DriverError, NoSpace, Refused, Unreachable
from drivers.images.gate import Gate, kind_of
from drivers.images.rules import Rules, Stop, Wanted
from specs.structs import replace
from tests.imageserver import Request, Server, Shop, sha256

CONTENT = os.urandom(3 << 20)


def raw(server: Server, content: bytes = CONTENT, path: str = "/image.raw") -> Wanted:
    return Wanted(checksum=sha256(content), format="raw", url=server.url(path))


def test_a_file_is_fetched_verified_and_kept_for_the_next_time(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(CONTENT)
    assert shop.get(raw(server)) == CONTENT
    assert shop.get(raw(server)) == CONTENT
    assert len(server.asked) == 1
    assert shop.told[-1] == ("fetch", len(CONTENT), len(CONTENT))
    assert shop.store.known(sha256(CONTENT)) == len(CONTENT)
    assert shop.folder.stat().st_mode & 0o77 == 0


def test_sha512_is_as_good(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(CONTENT)
    checksum = f"sha512:{hashlib.sha512(CONTENT).hexdigest()}"
    assert shop.get(Wanted(checksum=checksum, format="raw", url=server.url())) == CONTENT


def test_a_transfer_that_breaks_off_goes_on_where_it_broke(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(CONTENT, upto=request.begin + (1 << 20))
    assert shop.get(raw(server)) == CONTENT
    assert [each.partition("=")[2] for each in server.asked] == ["", f"{1 << 20}-", f"{2 << 20}-"]


def test_what_came_is_kept_for_the_next_pass_if_the_server_fails_again_and_again(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(CONTENT, upto=5000)
    with pytest.raises(Unreachable, match="the 5000 bytes that came are kept"):
        shop.get(raw(server))
    assert shop.files() == {".part"}
    server.behaviour = lambda request: request.serve(CONTENT)
    assert shop.get(raw(server)) == CONTENT
    assert server.asked[-1] == "bytes=5000-"


def test_a_server_without_ranges_is_asked_for_all_of_it_again(server: Server, shop: Shop) -> None:
    shop.folder.mkdir()
    (shop.folder / f"{sha256(CONTENT).replace(':', '-')}.part").write_bytes(CONTENT[:1000])

    def whole(request: Request) -> None:
        request.head(200, Content_Length=len(CONTENT))
        request.wfile.write(CONTENT)

    server.behaviour = whole
    assert shop.get(raw(server)) == CONTENT


def test_a_partial_file_with_other_bytes_is_begun_anew_once(server: Server, shop: Shop) -> None:
    shop.folder.mkdir()
    (shop.folder / f"{sha256(CONTENT).replace(':', '-')}.part").write_bytes(b"x" * 1000)
    server.behaviour = lambda request: request.serve(CONTENT)
    assert shop.get(raw(server)) == CONTENT
    assert server.asked == ["bytes=1000-", ""]


def test_a_partial_file_that_is_complete_already_is_only_verified(server: Server, shop: Shop) -> None:
    shop.folder.mkdir()
    (shop.folder / f"{sha256(CONTENT).replace(':', '-')}.part").write_bytes(CONTENT)
    server.behaviour = lambda request: request.head(416, Content_Range=f"bytes */{len(CONTENT)}", Content_Length=0)
    assert shop.get(raw(server)) == CONTENT


def test_another_file_than_the_one_that_was_pinned_is_refused_and_not_kept(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(b"something else")
    with pytest.raises(Refused, match="fix `checksum:`"):
        shop.get(raw(server))
    assert shop.files() == set()


def short(request: Request) -> None:
    """Announces fewer bytes than the file has."""
    request.head(200, Content_Length=1000)
    request.wfile.write(CONTENT)


def wrong_range(request: Request) -> None:
    request.head(206, Content_Length=10, Content_Range="bytes 7-16/17")
    request.wfile.write(b"0123456789")


def nonsense(request: Request) -> None:
    request.wfile.write(b"\x00\xff\x00 this is no HTTP\r\n\r\n")


def endless_header(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nX: " + b"x" * (4 << 20))


def odd_chunks(request: Request) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n")


@pytest.mark.parametrize(
    ("behaviour", "error", "said"),
    [
        (short, Refused, "fix `checksum:`"),
        (wrong_range, Unreachable, "another file"),
        (nonsense, Unreachable, "fetch http"),
        (endless_header, Unreachable, "fetch http"),
        (odd_chunks, Unreachable, "fetch http"),
        (lambda request: request.head(404, Content_Length=0), DriverError, "HTTP 404 Not Found"),
        (lambda request: request.head(503, Content_Length=0), Unreachable, "HTTP 503"),
        (lambda request: request.head(200, Content_Length=1 << 50), Refused, r"images\.largest"),
        (lambda request: request.head(200, Content_Length=(256 << 30) - 1), NoSpace, "bytes free"),
        (lambda request: request.head(302, Location=request.path, Content_Length=0), Refused, "more than 10 times"),
        (lambda request: request.head(302, Location="file:///etc/passwd", Content_Length=0), Refused, "to file"),
        (lambda request: request.head(302, Location="http://[x", Content_Length=0), Refused, "no URL"),
        (lambda request: request.head(302, Location="//a:b@c/", Content_Length=0), Refused, "with a password"),
        (lambda request: request.head(200, Content_Encoding="gzip", Content_Length=4), DriverError, "fetch http"),
    ],
)  # fmt: skip
def test_a_server_that_misbehaves_gives_a_clear_error(
    behaviour: object, error: type[DriverError], said: str, server: Server, shop: Shop
) -> None:
    server.behaviour = behaviour  # type: ignore[assignment]
    with pytest.raises(error, match=said):
        shop.get(raw(server))
    assert shop.files() <= {".part"}


def test_a_server_that_stalls_is_given_up_and_what_came_is_kept(server: Server, shop: Shop) -> None:
    def stall(request: Request) -> None:
        request.head(200, Content_Length=len(CONTENT))
        request.wfile.write(CONTENT[:100])
        request.rfile.read(1)  # until the client goes

    shop.rules = replace(shop.rules, stall=0.5)
    server.behaviour = stall
    with pytest.raises(Unreachable, match="100 bytes that came are kept"):
        shop.get(raw(server))


def test_a_server_that_never_ends_is_ended(server: Server, shop: Shop) -> None:
    def endless(request: Request) -> None:
        request.head(200, Connection="close")
        while True:
            request.wfile.write(bytes(1 << 20))

    shop.rules = Rules(hosts=shop.rules.hosts, largest=8 << 20)
    server.behaviour = endless
    with pytest.raises(Refused, match="does not end"):
        shop.get(raw(server))


def test_a_stop_request_ends_a_fetch_and_keeps_what_came(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(CONTENT)
    stopped = iter([False, False])
    shop.stop = Stop(wait=lambda seconds: next(stopped, True))
    with pytest.raises(Busy, match="stopped on request"):
        shop.get(raw(server))
    shop.stop = Stop(wait=lambda seconds: False)
    assert shop.get(raw(server)) == CONTENT
    assert server.asked[-1].startswith("bytes=")


def test_a_redirect_to_this_machine_is_refused_before_anything_is_asked_there(server: Server, shop: Shop) -> None:
    shop.rules = Rules(hosts=frozenset({"localhost"}))
    server.behaviour = lambda request: request.head(302, Location=server.url("/inner"), Content_Length=0)
    with pytest.raises(Refused, match=r"images\.hosts"):
        shop.get(Wanted(checksum=sha256(CONTENT), format="raw", url=server.url(host="localhost")))
    assert len(server.asked) == 1


def test_no_server_of_this_machine_is_asked_unless_it_is_allowed(server: Server, shop: Shop) -> None:
    shop.rules = Rules()
    with pytest.raises(Refused, match=re.escape("127.0.0.1 is 127.0.0.1")):
        shop.get(raw(server))
    assert server.asked == []


def test_a_redirect_is_followed_and_a_token_in_a_url_is_not_told(server: Server, shop: Shop) -> None:
    def answer(request: Request) -> None:
        if request.path.startswith("/a"):
            request.head(302, Location="/b?token=geheim", Content_Length=0)
        else:
            request.serve(b"other")

    server.behaviour = answer
    with pytest.raises(Refused) as caught:
        shop.get(raw(server, path="/a?token=geheim"))
    assert "geheim" not in str(caught.value)
    assert shop.get(raw(server, b"other", path="/a")) == b"other"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("8.8.8.8", "outer"), ("2a00:1450:4001::1", "outer"), ("10.0.0.1", "inner"), ("192.168.1.9", "inner"),
        ("172.20.0.1", "inner"), ("100.64.0.1", "inner"), ("fd00::1", "inner"), ("127.0.0.1", "never"),
        ("127.8.8.8", "never"), ("169.254.169.254", "never"), ("::1", "never"), ("fe80::1%eth0", "never"),
        ("0.0.0.0", "never"), ("224.0.0.1", "never"), ("::ffff:127.0.0.1", "never"), ("::ffff:10.0.0.1", "inner"),
        ("nonsense", "never"),
    ],
)  # fmt: skip
def test_an_address_is_of_the_internet_of_a_private_network_or_nothing_for_images(address: str, kind: str) -> None:
    assert kind_of(address) == kind


@pytest.mark.parametrize(
    ("way", "refused"),
    [
        (("8.8.8.8", "1.1.1.1"), False),
        (("10.0.0.1", "10.0.0.2"), False),
        (("10.0.0.1", "8.8.8.8"), False),
        (("8.8.8.8", "10.0.0.1"), True),
        (("10.0.0.1", "169.254.169.254"), True),
        (("8.8.8.8", "192.168.7.7"), False),
    ],
)
def test_a_public_server_does_not_lead_into_a_private_network(way: tuple[str, str], refused: bool) -> None:
    gate = Gate("fetch", {"192.168.7.7"})
    gate.admit("first", way[0])
    if refused:
        with pytest.raises(Refused):
            gate.admit("second", way[1])
    else:
        gate.admit("second", way[1])


def test_encryption_is_not_given_up_by_a_redirect() -> None:
    gate = Gate("fetch", ())
    assert gate.follow("https://a/b/c", "d") == "https://a/b/d"
    assert gate.follow("http://a/b", "https://c/d") == "https://c/d"
    with pytest.raises(Refused, match="anybody could forge"):
        gate.follow("https://a/b", "http://a/b")


def test_unused_files_of_the_cache_go_after_a_while(server: Server, shop: Shop) -> None:
    server.behaviour = lambda request: request.serve(CONTENT)
    old = shop.path(raw(server))
    os.utime(old, (1, 1))
    shop.get(raw(server))  # used: young again
    assert old.exists()
    os.utime(old, (1, 1))
    server.behaviour = lambda request: request.serve(b"new")
    assert shop.get(raw(server, b"new")) == b"new"
    assert not old.exists()


def test_a_file_of_the_repository_is_used_in_place(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "disk.raw"
    file.write_bytes(CONTENT)
    ready = shop.store.ready(Wanted(checksum=sha256(CONTENT), format="raw", path=file), lambda *told: None)
    assert (ready.path, ready.verified) == (file, False)
