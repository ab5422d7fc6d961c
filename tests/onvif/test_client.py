"""The client against a device that checks every token and misbehaves on command."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from holdshelf_core.integration import EntryAuthFailed
from holdshelf_core.integration.errors import HoldshelfError
from holdshelf_onvif import thread
from holdshelf_onvif.client import OnvifClient
from holdshelf_onvif.const import Limits
from holdshelf_onvif.errors import (
    AnswerTooLarge,
    CameraTimeout,
    CameraUnreachable,
    NoMediaService,
    NonsenseAnswer,
    NotOnvif,
    RequestRefused,
    WrongPassword,
)
from tests.onvif.conftest import QUICK
from tests.onvif.soap_device import ENVELOPE, Profile, SoapDevice, profile_xml

DAY = timedelta(days=1)


def client_of(device: SoapDevice, password: str | None = None, limits: Limits = QUICK) -> OnvifClient:
    return OnvifClient(device.address, device.username, password or device.password, limits=limits)


async def failure(device: SoapDevice, limits: Limits = QUICK) -> HoldshelfError:
    """What asking for the device's information ends with."""
    async with client_of(device, limits=limits) as client:
        with pytest.raises(HoldshelfError) as caught:
            await client.async_device_information()
    return caught.value


async def test_it_tells_what_the_device_is(device: SoapDevice) -> None:
    async with client_of(device) as client:
        information = await client.async_device_information()
    assert information.name == "Acme Eye 3"
    assert information.serial_number == "SN-77"


@pytest.mark.parametrize(
    "offset",
    [timedelta(), 366 * DAY, -366 * DAY, timedelta(seconds=8), timedelta(hours=-11), -20_000 * DAY],
    ids=["right", "a year ahead", "a year behind", "8 s ahead", "11 h behind", "1971"],
)
async def test_a_device_whose_clock_is_off_accepts_our_tokens(device: SoapDevice, offset: timedelta) -> None:
    device.clock_offset = offset
    async with client_of(device) as client:
        clock = await client.async_clock()
        assert await client.async_profiles()
    assert clock is not None
    assert clock.skew_s == pytest.approx(offset.total_seconds(), abs=1.0)
    assert device.refused == []


async def test_without_having_read_the_clock_such_a_device_refuses(device: SoapDevice) -> None:
    """The device really checks: the test above could fail."""
    device.clock_offset = 366 * DAY
    assert isinstance(await failure(device), WrongPassword)


async def test_a_clock_set_while_we_are_connected_is_followed_at_the_next_reading(device: SoapDevice) -> None:
    async with client_of(device) as client:
        await client.async_clock()
        device.clock_offset = timedelta(hours=1)
        with pytest.raises(WrongPassword):
            await client.async_device_information()
        await client.async_clock()
        await client.async_device_information()


async def test_a_wrong_password_is_a_matter_for_reauthentication(device: SoapDevice) -> None:
    async with client_of(device, "guess") as client:
        await client.async_clock()
        with pytest.raises(EntryAuthFailed) as caught:
            await client.async_device_information()
    assert caught.value.sentence == f"The camera at 127.0.0.1:{device.port} refuses this user name or password."
    assert "guess" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refusal_by_http_status_is_a_wrong_password_too(device: SoapDevice, status: int) -> None:
    device.answers["GetDeviceInformation"] = respond(web.Response, status=status, text="<html>no</html>")
    assert isinstance(await failure(device), WrongPassword)


async def test_a_device_that_tells_no_utc_time_has_no_clock(device: SoapDevice) -> None:
    told = "<tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType></tds:SystemDateAndTime>"
    body = f"<tds:GetSystemDateAndTimeResponse>{told}</tds:GetSystemDateAndTimeResponse>"
    device.answers["GetSystemDateAndTime"] = respond(web.Response, text=ENVELOPE.format(body=body))
    async with client_of(device) as client:
        assert await client.async_clock() is None
        await client.async_device_information()


async def test_an_open_device_is_asked_without_a_token(device: SoapDevice) -> None:
    seen: list[str] = []

    async def note(request: web.Request) -> web.StreamResponse:
        seen.append(await request.text())
        return device.soap(device._GetServices(""))

    device.answers["GetServices"] = note
    async with OnvifClient(device.address, None, None, limits=QUICK) as client:
        with pytest.raises(WrongPassword):  # this one is not open
            await client.async_profiles()
    assert "UsernameToken" not in seen[0]


async def test_profiles_come_with_codec_size_and_sound(device: SoapDevice) -> None:
    device.profiles = [
        Profile("a", "H264", 1280, 720, sound=True),
        Profile("b", "H265", 3840, 2160, 25),
        Profile("c", "JPEG", 640, 480),
        Profile("d", ""),
        Profile("e", "H264", -1, 720),
    ]
    async with client_of(device) as client:
        profiles = await client.async_profiles()
    assert [(p.token, p.codec, p.width, p.height, p.offers_sound, p.recordable) for p in profiles] == [
        ("a", "h264", 1280, 720, True, True),
        ("b", "hevc", 3840, 2160, False, True),
        ("c", "mjpeg", 640, 480, False, False),
        ("d", "", 0, 0, False, False),
        ("e", "h264", 0, 720, False, False),
    ]


async def test_the_stream_address_comes_without_credentials(device: SoapDevice) -> None:
    device.profiles = [Profile("main", uri="rtsp://admin:mellon@127.0.0.1:8554/ch1?subtype=0")]
    async with client_of(device) as client:
        (profile,) = await client.async_profiles()
        assert await client.async_stream_uri(profile) == "rtsp://127.0.0.1:8554/ch1?subtype=0"


async def test_a_device_without_getservices_is_asked_for_its_capabilities(device: SoapDevice) -> None:
    device.unsupported = {"GetServices"}
    async with client_of(device) as client:
        assert len(await client.async_profiles()) == 2
    assert "GetCapabilities" in device.calls


async def test_a_device_that_names_another_host_for_its_media_service_is_asked_itself(device: SoapDevice) -> None:
    async with SoapDevice(host="127.0.0.9") as other:
        device.media_xaddr = f"http://127.0.0.9:{other.port}/onvif/media_service"
        async with client_of(device) as client:
            assert len(await client.async_profiles()) == 2
    assert other.calls == []


def respond(kind: type[web.Response], **arguments: object):  # type: ignore[no-untyped-def]
    async def handler(_request: web.Request) -> web.StreamResponse:
        return kind(**arguments)  # type: ignore[arg-type]

    return handler


async def test_nobody_there_is_told_as_unreachable() -> None:
    async with OnvifClient("http://127.0.0.1:9/onvif/device_service", "a", "b", limits=QUICK) as client:
        with pytest.raises(CameraUnreachable) as caught:
            await client.async_clock()
    assert caught.value.sentence == "No camera answers at 127.0.0.1:9: connection refused."


async def test_a_device_that_hangs_up_is_unreachable(device: SoapDevice) -> None:
    async def hang_up(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    device.answers["GetDeviceInformation"] = hang_up
    assert "it hung up" in str(await failure(device))


async def test_something_that_speaks_no_http_is_not_a_camera() -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_10.0\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with OnvifClient(f"http://127.0.0.1:{port}/onvif/device_service", "a", "b", limits=QUICK) as client:
            with pytest.raises(NotOnvif, match="it does not speak HTTP"):
                await client.async_clock()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"status": 404, "text": "gone"}, "HTTP status 404"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:9/"}}, "HTTP status 302"),
        ({"status": 200, "text": "<!DOCTYPE html><html><body>Log in</body></html>"}, "it sends a web page"),
        ({"status": 500}, "HTTP status 500"),
    ],
    ids=["404", "redirect", "web page", "empty 500"],
)
async def test_a_web_server_is_not_a_camera(device: SoapDevice, answer: dict[str, object], words: str) -> None:
    device.answers["GetDeviceInformation"] = respond(web.Response, **answer)
    error = await failure(device)
    assert isinstance(error, NotOnvif)
    assert words in error.sentence


async def test_a_device_without_media_service_is_no_camera(device: SoapDevice) -> None:
    device.answers["GetServices"] = respond(
        web.Response, text=ENVELOPE.format(body="<tds:GetServicesResponse></tds:GetServicesResponse>")
    )
    device.answers["GetCapabilities"] = respond(
        web.Response,
        text=ENVELOPE.format(body="<tds:GetCapabilitiesResponse><tds:Capabilities/></tds:GetCapabilitiesResponse>"),
    )
    async with client_of(device) as client:
        with pytest.raises(NoMediaService, match="offers no video"):
            await client.async_profiles()


async def test_a_refused_operation_is_told_in_the_cameras_words_made_harmless(device: SoapDevice) -> None:
    fault = (
        "<s:Fault><s:Code><s:Value>s:Receiver</s:Value></s:Code><s:Reason>"
        '<s:Text xml:lang="en">Busy\u202e&#x9b;31m</s:Text></s:Reason></s:Fault>'
    )
    device.answers["GetDeviceInformation"] = respond(web.Response, status=500, text=ENVELOPE.format(body=fault))
    error = await failure(device)
    assert isinstance(error, RequestRefused)
    assert error.sentence == f"The camera at 127.0.0.1:{device.port} refuses what it is: Busy31m."


ANSWER = "GetDeviceInformationResponse"
BOMB = (
    '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{i} "{f"&a{i - 1 if i else ''};" * 10}">' for i in range(9))
    + "]>"
    + ENVELOPE.format(body=f"<tds:{ANSWER}><tds:Model>&a8;</tds:Model></tds:{ANSWER}>")[38:]
)
FILE_ENTITY = BOMB.replace('<!ENTITY a "aaaaaaaaaa">', '<!ENTITY a SYSTEM "file:///etc/passwd">')


@pytest.mark.parametrize(
    "text",
    [
        BOMB,
        FILE_ENTITY,
        BOMB.encode("utf-16").decode("latin-1"),
        '<?xml version="1.0" encoding="UTF-7"?>+ADwAIQ-DOCTYPE',
        "hello",
        "<a><b></a>",
        "<" * 3_000,
        ENVELOPE.format(body="<tds:Other/>"),
        ENVELOPE.format(body=""),
        ENVELOPE.format(body="<x>" * 5_000 + "</x>" * 5_000),
        ENVELOPE.format(body="<tds:GetDeviceInformationResponse/>" + "<x/>" * 70_000),
        "<s:Envelope/>",
        ENVELOPE.replace("2003/05", "1999/01").format(body="<tds:GetDeviceInformationResponse/>"),
    ],
    ids=[
        "entity bomb",
        "entity that reads a file",
        "bomb in UTF-16",
        "UTF-7",
        "text",
        "broken XML",
        "brackets",
        "another answer",
        "empty body",
        "5,000 deep",
        "70,000 elements",
        "no body",
        "unknown envelope",
    ],
)
async def test_nonsense_is_one_clear_sentence(device: SoapDevice, text: str) -> None:
    device.answers["GetDeviceInformation"] = respond(web.Response, body=text.encode("latin-1"))
    started = time.monotonic()
    error = await failure(device)
    assert isinstance(error, NonsenseAnswer), repr(error)
    assert error.sentence.startswith(f"The camera at 127.0.0.1:{device.port} answered what it is with something")
    assert "root:" not in str(error)
    assert time.monotonic() - started < 1.5
    async with client_of(device) as client:
        assert await client.async_profiles()  # and the next answer is read as ever


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (BOMB.encode(), "XML with a document type, which can hide a bomb"),
        (FILE_ENTITY.encode(), "XML with a document type, which can hide a bomb"),
        (BOMB.encode("utf-16-le"), "an unusual character encoding"),
        (BOMB.replace("?>", ' encoding="IBM037"?>', 1).encode(), "an unusual character encoding"),
    ],
    ids=["entity bomb", "entity that reads a file", "bomb in UTF-16", "EBCDIC"],
)
async def test_hostile_xml_is_refused_before_it_is_parsed(device: SoapDevice, body: bytes, why: str) -> None:
    device.answers["GetDeviceInformation"] = respond(web.Response, body=body)
    assert f"({why})" in (await failure(device)).sentence


@pytest.mark.parametrize("width", ["9" * 5000, "many", "-1", "", "99999"])
async def test_a_size_that_is_none_costs_that_profile_alone(
    device: SoapDevice, caplog: pytest.LogCaptureFixture, width: str
) -> None:
    broken = profile_xml(Profile("broken")).replace(">1280<", f">{width}<")
    body = f"<trt:GetProfilesResponse>{broken}{profile_xml(Profile('whole'))}</trt:GetProfilesResponse>"
    device.answers["GetProfiles"] = respond(web.Response, text=ENVELOPE.format(body=body))
    async with client_of(device) as client:
        profiles = await client.async_profiles()
    assert [(p.token, p.recordable) for p in profiles] == [("broken", False), ("whole", True)]
    assert caplog.text == ""


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "http://127.0.0.1/x", "rtsp://", "rtsp://a b/", "x" * 9_000, ""])
async def test_a_stream_address_of_another_kind_is_nonsense(device: SoapDevice, uri: str) -> None:
    device.profiles = [Profile("main", uri=uri or " ")]
    async with client_of(device) as client:
        (profile,) = await client.async_profiles()
        with pytest.raises(NonsenseAnswer):
            await client.async_stream_uri(profile)


@pytest.mark.parametrize("announced", [True, False], ids=["with a length", "endless"])
async def test_an_answer_over_the_limit_is_dropped_unread(device: SoapDevice, announced: bool) -> None:
    sent = 0

    async def pour(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        if announced:
            response.content_length = 10_000_000_000
        await response.prepare(request)
        while True:
            await response.write(b" " * 65_536)
            sent += 65_536

    device.answers["GetDeviceInformation"] = pour
    error = await failure(device, Limits(connect_s=1, answer_s=5, answer_max_bytes=1_048_576))
    assert isinstance(error, AnswerTooLarge)
    assert "with more than 1 MB, which was refused" in error.sentence
    assert sent < 40_000_000


async def test_compressed_answers_are_refused(device: SoapDevice) -> None:
    async def squeeze(request: web.Request) -> web.StreamResponse:
        response = device.soap(device._GetDeviceInformation(""))
        response.enable_compression(web.ContentCoding.gzip)
        return response

    device.answers["GetDeviceInformation"] = squeeze
    assert "compressed data" in str(await failure(device))
    assert device.accept_encoding == "identity"


async def test_one_byte_a_second_ends_at_the_time_limit(device: SoapDevice) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b"<")
            await asyncio.sleep(0.2)

    device.answers["GetDeviceInformation"] = trickle
    started = time.monotonic()
    error = await failure(device, Limits(connect_s=1, answer_s=1))
    assert isinstance(error, CameraTimeout)
    assert error.sentence == f"The camera at 127.0.0.1:{device.port} did not answer what it is within 1 seconds."
    assert time.monotonic() - started < 2


async def test_one_byte_a_second_of_headers_ends_there_too() -> None:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.2)

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        limits = Limits(connect_s=1, answer_s=1)
        async with OnvifClient(f"http://127.0.0.1:{port}/onvif/device_service", "a", "b", limits=limits) as client:
            with pytest.raises(CameraTimeout):
                await client.async_clock()
        server.close()


async def test_the_services_loop_goes_on_while_a_large_answer_is_parsed(device: SoapDevice) -> None:
    many = "".join(profile_xml(Profile(f"p{i}", name="n" * 60)) for i in range(1_800))
    body = ENVELOPE.format(body=f"<trt:GetProfilesResponse>{many}</trt:GetProfilesResponse>").encode()
    device.answers["GetProfiles"] = respond(web.Response, body=body)
    worst_s = 0.0

    async def watch() -> None:
        nonlocal worst_s
        while True:
            started = time.monotonic()
            await asyncio.sleep(0.005)
            worst_s = max(worst_s, time.monotonic() - started - 0.005)

    async with client_of(device, limits=Limits(answer_s=20)) as client:
        await client.async_device_information()
        watcher = asyncio.create_task(watch())
        started = time.monotonic()
        profiles = await client.async_profiles()
        took_s = time.monotonic() - started
        watcher.cancel()
    assert len(profiles) == 256  # and no more, whatever it tells
    assert took_s > 0.05, "too quick to show anything"
    assert worst_s < took_s / 2


async def test_one_thread_serves_all_clients_and_ends_with_the_last(device: SoapDevice) -> None:
    clients = [client_of(device) for _ in range(4)]
    for client in clients:
        client.open()
    await asyncio.gather(*(client.async_device_information() for client in clients))
    assert [t.name for t in threading.enumerate()].count("holdshelf-onvif") == 1
    for client in clients:
        await client.async_close()
        await client.async_close()
    assert not any(t.name == "holdshelf-onvif" for t in threading.enumerate())


async def test_a_question_under_way_when_the_thread_ends_is_told_as_broken() -> None:
    held = thread.acquire()
    asking = asyncio.create_task(held.run(asyncio.sleep(30)))
    await asyncio.sleep(0)
    async with asyncio.timeout(2):
        await thread.async_release()
        with pytest.raises(ConnectionAbortedError):
            await asking


async def test_a_cancelled_question_hangs_up() -> None:
    arrived, gone = asyncio.Event(), asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        arrived.set()
        while await reader.read(4096):
            pass
        gone.set()
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        limits = Limits(answer_s=30)
        async with OnvifClient(f"http://127.0.0.1:{port}/onvif/device_service", "a", "b", limits=limits) as client:
            asking = asyncio.create_task(client.async_clock())
            async with asyncio.timeout(5):
                await arrived.wait()
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
                await gone.wait()


async def test_the_library_leaves_logging_and_proxies_as_they_were(
    device: SoapDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    async with client_of(device) as client:
        await client.async_device_information()  # not through that proxy
    assert os.environ["http_proxy"] == "http://127.0.0.1:9"
    assert (root.handlers, root.level) == (handlers, level)


async def test_neither_password_nor_token_is_ever_logged(device: SoapDevice, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with client_of(device) as client:
        await client.async_clock()
        await client.async_profiles()
    assert device.password not in caplog.text
    assert "UsernameToken" not in caplog.text


async def test_a_camera_that_signs_its_own_certificate_is_asked_by_https(tmp_path: Path) -> None:
    async with SoapDevice(tls=self_signed(tmp_path)) as device, client_of(device) as client:
        assert device.address.startswith("https://")
        await client.async_clock()
        assert len(await client.async_profiles()) == 2


async def test_https_where_there_is_none_is_told_as_unreachable(device: SoapDevice) -> None:
    address = device.address.replace("http:", "https:")
    async with OnvifClient(address, "admin", "mellon", limits=QUICK) as client:
        with pytest.raises(CameraUnreachable, match="its TLS cannot be understood"):
            await client.async_clock()


def self_signed(folder: Path) -> ssl.SSLContext:
    """A server's context with a certificate made for this test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - DAY)
        .not_valid_after(now + DAY)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "camera.pem"
    plain = serialization.NoEncryption()
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    return context
