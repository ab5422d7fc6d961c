"""Fetching one page from the web (P18): bounded, and never a way into a network that is not public."""

from __future__ import annotations

import gzip
import ipaddress
import zlib
from collections.abc import Iterator

import pytest

from holdshelf_core.errors import BadRequest, HoldshelfError, NotFound, Unavailable
from holdshelf_core.reports.website import MAX_BYTES, async_fetch, is_boards_page, is_public, page_of
from tests.rig.hang import HANG_S
from tests.rig.netns import NetNamespace
from tests.rig.web import Page, WebServer

TEXT = b"Rule 1. Nobody watches."
PUBLIC = "93.184.216.34"
PAGES = {
    "/": Page(TEXT),
    "/latin": Page("Sí.".encode("latin-1"), kind="text/HTML; Charset=ISO-8859-1"),
    "/packed": Page(gzip.compress(TEXT), headers={"Content-Encoding": "gzip"}),
    "/deflated": Page(zlib.compress(TEXT), headers={"Content-Encoding": "deflate"}),
    "/raw-deflated": Page(zlib.compress(TEXT, wbits=-15), headers={"Content-Encoding": "deflate"}),
    "/other-packing": Page(TEXT, headers={"Content-Encoding": "br"}),
    "/not-packed": Page(TEXT, headers={"Content-Encoding": "gzip"}),
    "/cut-packed": Page(gzip.compress(TEXT)[:-4], headers={"Content-Encoding": "gzip"}),
    "/huge": Page(endless=b"x" * 65_536),
    "/slow": Page(TEXT, hold_s=30),
    "/broken": Page(TEXT, status=500),
    "/to-root": Page.to("/"),
    "/to-itself": Page.to("/to-itself"),
    "/to-a-file": Page.to("file:///etc/passwd"),
    "/to-nowhere": Page.to(""),
    "/to-garbage": Page.to("http://[::"),
    "/to-gopher": Page.to("gopher://127.0.0.1/"),
    "/to-a-password": Page.to("http://user:secret@127.0.0.1/"),
    "/404": Page(TEXT, status=404),
}


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with WebServer(PAGES | {"/bomb": Page.bomb(MAX_BYTES * 40)}) as running:
        yield running


async def fetched(address: str, *, public_only: bool = False, time_s: float = HANG_S) -> bytes:
    return (await async_fetch(address, public_only=public_only, time_s=time_s)).raw


@pytest.mark.parametrize("path", ["/", "/packed", "/deflated", "/raw-deflated", "/to-root"])
async def test_a_page_comes_as_it_is(web: WebServer, path: str) -> None:
    assert await fetched(web.url(path)) == TEXT


async def test_what_the_server_says_of_it_is_kept(web: WebServer) -> None:
    page = await async_fetch(web.url("/latin") + "#part", public_only=False)
    assert (page.kind, page.charset, page.address) == ("text/html", "iso-8859-1", web.url("/latin"))


@pytest.mark.parametrize(
    ("path", "kind", "words"),
    [
        ("/404", NotFound, "answers 404 Not Found"),
        ("/broken", Unavailable, "answers 500"),
        ("/huge", BadRequest, "larger than 5 MB"),
        ("/bomb", BadRequest, "larger than 5 MB"),
        ("/other-packing", Unavailable, "compressed as br"),
        ("/not-packed", Unavailable, "cannot be decompressed"),
        ("/cut-packed", Unavailable, "cannot be decompressed"),
        ("/to-itself", Unavailable, "more than 5 times"),
        ("/to-a-file", BadRequest, "which is not a web page"),
        ("/to-nowhere", BadRequest, "which is not a web page"),
        ("/to-garbage", BadRequest, "which is not a web page"),
        ("/to-gopher", BadRequest, "which is not a web page"),
        ("/to-a-password", BadRequest, "which is not a web page"),
    ],
)
async def test_hostile_answers_are_bounded_and_told_in_a_sentence(
    web: WebServer, path: str, kind: type[HoldshelfError], words: str
) -> None:
    with pytest.raises(kind) as refused:
        await fetched(web.url(path))
    assert words in str(refused.value)
    assert str(refused.value).isprintable()
    assert web.asked.count("/to-itself") <= 6


async def test_a_slow_page_is_not_waited_for(web: WebServer) -> None:
    with pytest.raises(Unavailable, match="did not answer within"):
        await fetched(web.url("/slow"), time_s=0.5)


@pytest.mark.parametrize(
    "address",
    ["", "library.example", "file:///etc/passwd", "ftp://x/", "http://", "http://u:p@x/", "http://x:0/", "\n"],
)
async def test_what_is_no_address_of_a_page_is_refused(address: str) -> None:
    with pytest.raises(BadRequest):
        await fetched(address)


async def test_nobody_there_is_said_in_words() -> None:
    with pytest.raises(Unavailable, match="Connection refused"):
        await fetched("http://127.0.0.1:9/")
    with pytest.raises(Unavailable, match="no such host"):
        await fetched("http://library.invalid/")


# --- networks that are not public ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ip", "public"),
    [
        ("93.184.216.34", True),
        ("2606:4700::1111", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
        ("fd00::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("64:ff9b::7f00:1", False),
        ("2002:7f00:1::", False),
        ("ff02::1", False),
    ],
)
def test_which_addresses_are_the_internets(ip: str, public: bool) -> None:
    assert is_public(ipaddress.ip_address(ip)) is public


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "[::1]", "[::ffff:127.0.0.1]"]
)
async def test_the_service_asks_no_neighbour_however_it_is_written(web: WebServer, host: str) -> None:
    before = len(web.asked)
    with pytest.raises(HoldshelfError) as refused:
        await fetched(web.url("/", host), public_only=True)
    assert "not public" in str(refused.value) or "no page" in str(refused.value)  # aiohttp knows some for no host
    assert len(web.asked) == before


async def test_a_redirect_leads_into_no_other_host_of_the_house(web: WebServer) -> None:
    web.pages["/to-a-neighbour"] = Page.to(web.url("/", "localhost"))
    before = len(web.asked)
    with pytest.raises(BadRequest, match="not public"):
        await fetched(web.url("/to-a-neighbour"))
    assert web.asked[before:] == ["/to-a-neighbour"]


async def test_a_page_of_the_internet_is_fetched_and_leads_not_into_the_house() -> None:
    with (
        NetNamespace(addresses=[f"{PUBLIC}/24"]) as network,
        network.entered(),
        WebServer({"/": Page(TEXT)}, PUBLIC) as web,
        WebServer({"/": Page(b"secret")}) as inside,
    ):
        web.pages["/in"] = Page.to(inside.url("/"))
        assert await fetched(web.url("/"), public_only=True) == TEXT
        for public_only in (True, False):
            with pytest.raises(BadRequest, match="not public"):
                await fetched(web.url("/in"), public_only=public_only)
        assert inside.asked == []


def test_the_boards_page_is_known_however_it_is_written() -> None:
    assert page_of(" library.example/cameras ") == "https://library.example/cameras"
    assert page_of("") == ""
    for address in ("https://library.example/cameras", "http://www.Library.example/cameras/#top"):
        assert is_boards_page("library.example/cameras", address)
    assert not is_boards_page("library.example/cameras", "https://library.example/cameras/old")
    assert not is_boards_page("", "https://library.example/")
    assert not is_boards_page("library.example", "")
