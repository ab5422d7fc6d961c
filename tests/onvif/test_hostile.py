"""What a hostile or broken camera answers is bounded, refused and told in one sentence."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from holdshelf_onvif.client import OnvifClient
from holdshelf_onvif.const import Limits
from holdshelf_onvif.errors import AnswerTooLarge, CameraTimeout, NonsenseAnswer
from tests.onvif.asking import client_of, failure, respond
from tests.onvif.soap_device import ENVELOPE, Profile, SoapDevice, profile_xml
from tests.rig.hang import HANG_S

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
    error = await failure(device)
    assert isinstance(error, NonsenseAnswer), repr(error)
    assert error.sentence.startswith(
        f"Asked for its make and model, the camera at 127.0.0.1:{device.port} sent something that cannot be read ("
    )
    assert "root:" not in str(error)
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
    error = await failure(device, Limits(connect_s=HANG_S, answer_s=HANG_S, answer_max_bytes=1_048_576))
    assert isinstance(error, AnswerTooLarge)
    assert "sent more than 1 MB, which was refused" in error.sentence
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
    async with asyncio.timeout(HANG_S):
        error = await failure(device, Limits(connect_s=HANG_S, answer_s=1))
    assert isinstance(error, CameraTimeout)
    assert error.sentence == f"The camera at 127.0.0.1:{device.port} did not tell its make and model within 1 second."


async def test_one_byte_a_second_of_headers_ends_there_too() -> None:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while not writer.is_closing():
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.2)

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        limits = Limits(connect_s=HANG_S, answer_s=1)
        async with OnvifClient(f"http://127.0.0.1:{port}/onvif/device_service", "a", "b", limits=limits) as client:
            with pytest.raises(CameraTimeout):
                await client.async_clock()
        server.close()
