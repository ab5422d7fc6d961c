"""WHEP's HTTP half against servers of every temper, and the descriptions that are exchanged: refusals in words, bounds held."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web

from holdshelf_core.integration.errors import FlowError
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.integration.reasons import WHEP_SILENT, advise
from holdshelf_core.integration.stream.config_flow import async_probe
from holdshelf_core.recorder.probe import WHEP_TIMEOUT_S
from holdshelf_core.recorder.worker import whep_http as worker_whep_http
from holdshelf_core.recorder.worker.source import READ_TIMEOUT_S, SourceError
from holdshelf_core.recorder.worker.whep import DIAL_TIMEOUT_S
from holdshelf_core.recorder.worker.whep_http import IceServer, Signalling, ice_servers_of
from holdshelf_core.recorder.worker.whep_peer import numeric_server
from holdshelf_core.recorder.worker.whep_sdp import Transport, read_answer, usable_candidate, write_offer
from tests.rig.rtsp import Mount, RtspServer

type Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@contextlib.asynccontextmanager
async def serving(handler: Handler, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        yield f"whep+{'https' if context else 'http'}://127.0.0.1:{port}/door/whep"
    finally:
        await runner.cleanup()


async def refusal(handler: Handler) -> SourceError:
    async with serving(handler) as url:
        with pytest.raises(SourceError) as refused:
            await Signalling(url, None, "token").offer("v=0")
    return refused.value


def answering(status: int, text: str = "", **headers: str) -> Handler:
    async def handler(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return handler


@pytest.mark.parametrize(
    ("status", "text", "reason", "words"),
    [
        (401, "", "auth refused", "401 Unauthorized"),
        (403, "", "auth refused", "403 Forbidden"),
        (404, "", "stream not found", "404 Not Found"),
        (405, "", "stream not found", "405"),
        (406, "only VP8 here", "not recordable", "only VP8 here"),
        (415, "", "not recordable", "neither H.264 nor H.265"),
        (400, "codecs not supported by client", "not recordable", "codecs not supported"),
        (400, "bad moon", "stale session", "bad moon"),
        (503, "\x1b[31mfull\n", "stale session", "503 Service Unavailable: [31mfull"),
    ],
)
async def test_each_refusal_has_its_own_reason_and_words(status: int, text: str, reason: str, words: str) -> None:
    error = await refusal(answering(status, text))
    assert error.reason == reason
    assert words in error.detail
    assert error.detail.isprintable()


async def test_a_closed_port_and_a_silent_server_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError) as closed:
        await Signalling("whep+http://127.0.0.1:1/whep", None, None).offer("v=0")
    assert (closed.value.reason, closed.value.detail) == ("camera unreachable", "Connection refused")
    monkeypatch.setattr(worker_whep_http, "OFFER_TIMEOUT_S", 0.5)

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:  # a byte at a time, for ever
            await response.write(b"v")
            await asyncio.sleep(0.05)

    error = await refusal(drip)
    assert (error.reason, error.detail) == ("camera unreachable", "its WHEP server did not answer in time")


def test_a_server_that_waits_ten_seconds_for_its_own_stun_servers_is_waited_for() -> None:
    """Where DNS leads nowhere, such servers answer when their own look-ups have ended: 10 s later."""
    assert worker_whep_http.OFFER_TIMEOUT_S >= 15
    assert DIAL_TIMEOUT_S > worker_whep_http.OPTIONS_TIMEOUT_S + worker_whep_http.OFFER_TIMEOUT_S + 2 * READ_TIMEOUT_S
    assert WHEP_TIMEOUT_S > DIAL_TIMEOUT_S
    source = StreamSource("whep+http://gate/door/whep")
    sentence, step = advise("camera unreachable", name="Door", detail=WHEP_SILENT, source=source)
    assert "no answer in time" in sentence and "STUN" in step and "power" not in step


async def test_an_endless_answer_is_cut_off() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"x" * 65536)

    error = await refusal(endless)
    assert error.reason == "stream not found"
    assert "longer than 64 KB" in error.detail


async def test_a_redirect_is_followed_on_the_same_host_only_and_not_for_ever() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(f"{request.path} {request.headers.get('Authorization')}")
        where = {
            "/door/whep": "/second",
            "/loop": "/loop",
            "/away": "http://localhost:1/x",
            "/file": "file:///etc/passwd",
        }
        if request.path in where:
            return web.Response(status=307, headers={"Location": where[request.path]})
        return web.Response(status=201, text="v=0\r\n", headers={"Location": "http://elsewhere.example/session"})

    async with serving(handler) as url:
        created = await Signalling(url, None, "secret").offer("v=0")
        assert seen == ["/door/whep Bearer secret", "/second Bearer secret"]
        assert created.resource is None  # nothing is ever sent to a host that was not named
        base = url.removesuffix("/door/whep")
        for path, words in (
            ("/loop", "more than 3 times"),
            ("/away", "another host, localhost"),
            ("/file", "no web address"),
        ):
            with pytest.raises(SourceError) as refused:
                await Signalling(base + path, None, "secret").offer("v=0")
            assert words in refused.value.detail


async def test_the_session_is_deleted_at_its_own_address_with_the_same_right() -> None:
    seen: list[tuple[str, str, str | None]] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append((request.method, request.path, request.headers.get("Authorization")))
        return web.Response(status=201, text="v=0\r\n", headers={"Location": "../session/7"})

    async with serving(handler) as url:
        signalling = Signalling(url, "viewer", "pass")
        created = await signalling.offer("v=0")
        assert created.resource is not None
        await signalling.delete(created.resource)
    assert [entry[:2] for entry in seen] == [("POST", "/door/whep"), ("DELETE", "/session/7")]
    assert {entry[2] for entry in seen} == {"Basic dmlld2VyOnBhc3M="}


async def test_a_pinned_certificate_is_held_to_before_anything_is_sent() -> None:
    seen: list[str] = []

    async def handler(request: web.Request) -> web.StreamResponse:
        seen.append(request.method)
        return web.Response(status=201, text="v=0\r\n")

    server = RtspServer([Mount("door", tls=True)])  # for its certificate
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.certificate_path)
        shown = hashlib.sha256(
            ssl.PEM_cert_to_DER_cert(Path(server.certificate_path).read_text().split("-----BEGIN PRIVATE")[0])
        )
    finally:
        server.close()
    async with serving(handler, context) as url:
        first = Signalling(url, None, "token")
        await first.offer("v=0")
        assert first.certificate_sha256 == shown.hexdigest()
        await Signalling(url, None, "token", first.certificate_sha256).offer("v=0")
        assert seen == ["POST", "POST"]
        with pytest.raises(SourceError) as refused:
            await Signalling(url, None, "token", "0" * 64).offer("v=0")
        assert refused.value.reason == "certificate changed"
        assert seen == ["POST", "POST"]


async def test_ice_servers_come_by_link_and_none_of_them_is_this_machine() -> None:
    link = (
        '<stun:stun.example.net>; rel="ice-server", '
        '<turn:192.0.2.5:3478?transport=udp>; rel="ice-server"; username="u"; credential="c"; credential-type="password", '
        '<https://example.net/next>; rel="next", <javascript:x>; rel="ice-server"'
    )
    assert ice_servers_of([link]) == (
        IceServer("stun:stun.example.net"),
        IceServer("turn:192.0.2.5:3478?transport=udp", "u", "c"),
    )
    async with serving(answering(204, Link=link)) as url:
        assert len(await Signalling(url, None, None).ice_servers()) == 2
    async with serving(answering(405, Link=link)) as url:
        assert await Signalling(url, None, None).ice_servers() == ()
    assert await numeric_server("turn:192.0.2.5:3478?transport=udp", near=False) == "turn:192.0.2.5:3478?transport=udp"
    assert await numeric_server("stun:127.0.0.1:22", near=False) == ""
    assert await numeric_server("stun:localhost", near=False) == ""
    assert await numeric_server("turns:192.0.2.5", near=False) == ""
    assert await numeric_server("stun:[::1]:1", near=False) == ""


# --- session descriptions ---------------------------------------------------------------------------------------------

ANSWER = """v=0
o=- 1 1 IN IP4 0.0.0.0
s=-
t=0 0
a=ice-lite
a=fingerprint:sha-256 AA:BB
m=video 9 UDP/TLS/RTP/SAVPF 96 100
a=mid:0
a=sendonly
a=ice-ufrag:abcd
a=ice-pwd:0123456789012345678901
a=setup:active
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z0IAHw==,aM44gA==
a=rtpmap:100 H264/90000
a=fmtp:100 packetization-mode=0
a=ssrc:12345 cname:x
a=candidate:1 1 udp 1 192.0.2.7 5000 typ host
a=candidate:2 1 udp 1 127.0.0.1 5000 typ host
a=candidate:3 1 udp 1 camera.local 5000 typ host
a=candidate:4 1 tcp 1 192.0.2.7 5000 typ host tcptype passive
"""


def test_an_answer_is_taken_apart() -> None:
    answer = read_answer(ANSWER.replace("\n", "\r\n"), near=False)
    assert answer.codecs == {96: "h264", 100: "h264"}
    assert answer.sets["h264"] == {b"\x67\x42\x00\x1f", b"\x68\xce\x38\x80"}
    assert answer.ssrcs == (12345,)
    assert answer.transport.lite
    assert answer.transport.candidates == ("1 1 udp 1 192.0.2.7 5000 typ host",)
    assert answer.transport.fingerprints == (("sha-256", "AA:BB"),)


@pytest.mark.parametrize(
    ("old", "new", "reason", "words"),
    [
        ("H264", "VP8", "not recordable", "it would send VP8"),
        ("H264", "AV1", "not recordable", "it would send AV1"),
        ("m=video 9", "m=video 0", "not recordable", "it has none of these"),
        ("m=video", "m=audio", "not recordable", "no video"),
        ("packetization-mode=1", "packetization-mode=2", "", ""),
        ("a=sendonly", "a=inactive", "no frames", "sends no video"),
        ("a=ice-ufrag:abcd\n", "", "stream not found", "ICE"),
        ("a=fingerprint:sha-256 AA:BB\n", "", "stream not found", "fingerprint"),
        ("v=0", "<html>", "stream not found", "no WHEP at this address"),
    ],
)
def test_an_answer_that_cannot_be_taken_is_refused_in_words(old: str, new: str, reason: str, words: str) -> None:
    body = ANSWER.replace(old, new)
    if not reason:
        assert read_answer(body, near=False).codecs == {100: "h264"}
        return
    with pytest.raises(SourceError) as refused:
        read_answer(body, near=False)
    assert refused.value.reason == reason
    assert words in refused.value.detail


def test_the_offer_asks_for_both_packetisation_modes_and_nothing_that_is_heard() -> None:
    offer = write_offer(
        Transport("abcd", "0123456789012345678901", ("1 1 udp 1 192.0.2.7 5 typ host",), (("sha-256", "AA"),))
    )
    lines = offer.split("\r\n")
    assert [line for line in lines if line.startswith("m=")] == [
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97 98 99 100 101 102 103 104"
    ]
    assert (
        sum("packetization-mode=1" in line for line in lines)
        == sum("packetization-mode=0" in line for line in lines)
        == 4
    )
    assert {line.split()[1] for line in lines if line.startswith("a=rtpmap")} == {"H264/90000", "H265/90000"}
    assert "a=recvonly" in lines


def test_candidates_lead_to_no_door_of_this_machine() -> None:
    for address, usable in (
        ("192.0.2.7", True),
        ("fe80::7", True),
        ("127.0.0.1", False),
        ("::1", False),
        ("224.0.0.1", False),
    ):
        assert usable_candidate(f"1 1 udp 1 {address} 5000 typ host", near=False) is usable
    assert usable_candidate("1 1 udp 1 127.0.0.1 5000 typ host", near=True)
    for broken in ("", "1 1 udp", "1 1 udp x 192.0.2.7 5000 typ host", "1 1 udp 1 192.0.2.7 70000 typ host"):
        assert not usable_candidate(broken, near=True)


async def test_a_lone_word_before_the_at_is_a_token_and_leaves_the_address() -> None:
    draft = await async_probe(None, "whep+https://s3cret@nvr.example/door/whep", None, None)  # type: ignore[arg-type]
    assert draft.data["stream"]["url"] == "whep+https://nvr.example/door/whep"
    assert (draft.data["password"], draft.data["stream"]["username"]) == ("s3cret", None)
    draft = await async_probe(None, "whep+http://:s3cret@nvr.example/whep", None, None)  # type: ignore[arg-type]
    assert (draft.data["password"], draft.data["stream"]["username"]) == ("s3cret", None)
    draft = await async_probe(None, "whep+http://ann:s3cret@nvr.example/whep", None, None)  # type: ignore[arg-type]
    assert (draft.data["password"], draft.data["stream"]["username"]) == ("s3cret", "ann")
    with pytest.raises(FlowError) as refused:
        await async_probe(None, "whep+https://nvr.example:0/whep", None, None)  # type: ignore[arg-type]
    assert "443" in refused.value.next_step
