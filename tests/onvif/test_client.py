"""The client against a device that checks every token and misbehaves on command."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from zeep.wsdl.bindings import soap

from holdshelf_core.integration import EntryAuthFailed
from holdshelf_onvif import thread
from holdshelf_onvif.client import OnvifClient
from holdshelf_onvif.const import Limits
from holdshelf_onvif.errors import (
    CameraUnreachable,
    NoMediaService,
    NotOnvif,
    RequestRefused,
    WrongPassword,
)
from tests.onvif.asking import client_of, failure, respond
from tests.onvif.conftest import QUICK
from tests.onvif.soap_device import ENVELOPE, Profile, SoapDevice, profile_xml
from tests.rig.hang import HANG_S

DAY = timedelta(days=1)


async def test_it_tells_what_the_device_is(device: SoapDevice) -> None:
    async with client_of(device) as client:
        information = await client.async_device_information()
    assert information.name == "Acme Eye 3"
    assert information.serial_number == "SN-77"


@pytest.mark.parametrize(
    "offset",
    [timedelta(), 366 * DAY, -366 * DAY, timedelta(seconds=80), timedelta(hours=-11), -20_000 * DAY],
    ids=["right", "a year ahead", "a year behind", "80 s ahead", "11 h behind", "1971"],
)
async def test_a_device_whose_clock_is_off_accepts_our_tokens(device: SoapDevice, offset: timedelta) -> None:
    device.clock_offset = offset
    async with client_of(device) as client:
        clock = await client.async_clock()
        assert await client.async_profiles()
    assert clock is not None
    assert clock.skew_s == pytest.approx(offset.total_seconds(), abs=30)
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
    assert error.sentence == f"The camera at 127.0.0.1:{device.port} refuses to tell its make and model: Busy31m."


async def test_the_services_loop_goes_on_while_a_large_answer_is_parsed(
    device: SoapDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = "".join(profile_xml(Profile(f"p{i}", name="n" * 60)) for i in range(1_200))
    body = ENVELOPE.format(body=f"<trt:GetProfilesResponse>{many}</trt:GetProfilesResponse>").encode()
    device.answers["GetProfiles"] = respond(web.Response, body=body)
    parse, begun, went_on = soap.parse_xml, threading.Event(), threading.Event()

    def parse_once_the_loop_went_on(*words: Any, **more: Any) -> Any:
        begun.set()
        assert went_on.wait(HANG_S), "the service's loop stands still"
        return parse(*words, **more)

    async with client_of(device) as client:
        await client.async_device_information()
        monkeypatch.setattr(soap, "parse_xml", parse_once_the_loop_went_on)
        asking = asyncio.create_task(client.async_profiles())
        assert await asyncio.to_thread(begun.wait, HANG_S)
        went_on.set()
        assert len(await asking) == 256  # and no more, whatever it tells


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
    asking = asyncio.create_task(held.run(asyncio.sleep(HANG_S)))
    await asyncio.sleep(0)
    async with asyncio.timeout(HANG_S):
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
        limits = Limits(answer_s=HANG_S)
        async with OnvifClient(f"http://127.0.0.1:{port}/onvif/device_service", "a", "b", limits=limits) as client:
            asking = asyncio.create_task(client.async_clock())
            async with asyncio.timeout(HANG_S):
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
