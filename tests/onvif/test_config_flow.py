"""Adding a camera: found, tried with credentials, its best profile picked."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web

from holdshelf_core.integration import EntryDraft, FlowError, StreamSource
from holdshelf_onvif import config_flow
from holdshelf_onvif.const import Limits
from holdshelf_tui.demo.virtual_camera import VirtualCameras
from tests.onvif.conftest import PASSWORD, QUICK, House
from tests.onvif.responder import Responder, answer, match
from tests.onvif.soap_device import Profile, SoapDevice
from tests.rig.hang import HANG_S


async def probe(device: SoapDevice, password: str | None = None, limits: Limits = QUICK) -> EntryDraft:
    return await config_flow.async_probe(
        House(), device.address, device.username, password or device.password, limits=limits
    )


async def refusal(device: SoapDevice, **arguments: Any) -> FlowError:
    with pytest.raises(FlowError) as caught:
        await probe(device, **arguments)
    return caught.value


async def test_ipycam_can_be_added(house: House, cameras: VirtualCameras) -> None:
    camera = cameras[0]
    draft = await config_flow.async_probe(house, camera.onvif_address, camera.username, PASSWORD)
    assert (draft.domain, draft.unique_id, draft.title) == ("onvif", camera.unique_id, "Front entrance")
    source = StreamSource.from_dict(draft.data["stream"], draft.data["password"])
    assert source == StreamSource(camera.rtsp_url, "admin", PASSWORD, "tcp", "h264", 640, 360)
    assert draft.warnings == ()
    json.dumps(draft.data)


async def test_ipycam_with_a_clock_a_year_behind_can_be_added_with_a_warning(
    house: House, cameras: VirtualCameras
) -> None:
    camera = cameras[1]
    draft = await config_flow.async_probe(house, camera.onvif_address, camera.username, PASSWORD)
    assert draft.unique_id == camera.unique_id
    (warning,) = draft.warnings
    assert warning.startswith("The camera's clock is off by 1 year 1 day: it is behind this server's.")


async def test_ipycam_refuses_a_wrong_password(house: House, cameras: VirtualCameras) -> None:
    with pytest.raises(FlowError) as caught:
        await config_flow.async_probe(house, cameras[0].onvif_address, "admin", "guess")
    assert caught.value.field == "password"


async def test_what_discovery_showed_is_what_is_added(house: House, cameras: VirtualCameras) -> None:
    found = await config_flow.async_discover(house, probe_addresses=[cameras[0].probe_address], timeout_s=HANG_S)
    draft = await config_flow.async_probe(house, found[0].address, "admin", PASSWORD)
    assert (draft.unique_id, draft.title) == (found[0].unique_id, found[0].name)


async def test_discovery_is_remembered_even_where_a_probe_of_its_own_would_not_reach(device: SoapDevice) -> None:
    with Responder(lambda m: [answer(m, match("from-discovery", xaddrs=device.address))]) as responder:
        await config_flow.async_discover(House(), probe_addresses=[responder.address], timeout_s=HANG_S)
    assert (await probe(device)).unique_id == "from-discovery"


async def test_another_device_on_the_same_host_does_not_lend_its_identity() -> None:
    neighbour = lambda m: [answer(m, match("neighbour", xaddrs="http://127.0.0.5:1/onvif"))]  # noqa: E731
    async with SoapDevice(host="127.0.0.5", endpoint="urn:uuid:MINE") as device:
        with Responder(neighbour, host="127.0.0.5", port=3702) as responder:
            assert (await probe(device)).unique_id == "mine"
            assert responder.probes


async def test_without_discovery_the_endpoint_that_it_tells_is_its_identity(device: SoapDevice) -> None:
    device.endpoint = "urn:uuid:0F0F-AA"
    assert (await probe(device)).unique_id == "0f0f-aa"


async def test_without_an_endpoint_maker_and_serial_number_are(device: SoapDevice) -> None:
    draft = await probe(device)
    assert (draft.unique_id, draft.title) == ("acme-sn-77", "Acme Eye 3")


async def test_with_neither_it_is_known_by_its_address_and_that_is_told(device: SoapDevice) -> None:
    device.serial_number = ""
    draft = await probe(device)
    assert draft.unique_id == f"onvif-127.0.0.1:{device.port}"
    assert "known by its address alone" in draft.warnings[0]


async def test_the_higher_h265_profile_wins_over_the_lower_h264_one(device: SoapDevice) -> None:
    device.profiles = [
        Profile("low", "H264", 1280, 720),
        Profile("high", "H265", 2560, 1440),
        Profile("higher, but not recordable", "JPEG", 3840, 2160),
    ]
    draft = await probe(device)
    assert draft.data["profile"] == "high"
    assert (draft.data["stream"]["codec"], draft.data["stream"]["width"]) == ("hevc", 2560)


async def test_of_two_equal_sizes_the_one_with_more_frames_wins(device: SoapDevice) -> None:
    device.profiles = [Profile("slow", frame_rate=5), Profile("fast", frame_rate=25), Profile("other", frame_rate=25)]
    assert (await probe(device)).data["profile"] == "fast"


async def test_a_camera_with_motion_jpeg_alone_is_refused_in_words(device: SoapDevice) -> None:
    device.profiles = [Profile("a", "JPEG", 1920, 1080), Profile("b", "")]
    error = await refusal(device)
    assert str(error) == (
        f"The camera at 127.0.0.1:{device.port} offers no H.264 or H.265 video, only Motion JPEG. "
        "Choose H.264 or H.265 for its main stream at the camera's own page."
    )


async def test_a_camera_that_offers_sound_is_added_with_a_warning(device: SoapDevice) -> None:
    device.profiles = [Profile("main", sound=True)]
    (warning,) = (await probe(device)).warnings
    assert warning.startswith("The camera offers sound")


@pytest.mark.parametrize("days", [367, -367])
async def test_a_camera_whose_clock_is_a_year_off_is_added_with_a_warning(device: SoapDevice, days: int) -> None:
    device.clock_offset = timedelta(days=days, hours=1)
    (warning,) = (await probe(device)).warnings
    direction = "ahead of" if days > 0 else "behind"
    assert f"off by 1 year 2 days: it is {direction} this server's" in warning


async def test_a_camera_that_does_not_tell_its_time_is_added_with_a_warning(device: SoapDevice) -> None:
    device.unsupported = {"GetSystemDateAndTime"}
    assert "does not tell its time" in (await probe(device)).warnings[0]


async def test_no_stored_address_holds_the_password(device: SoapDevice) -> None:
    device.profiles = [Profile("main", uri=f"rtsp://admin:{device.password}@127.0.0.1/live")]
    data = (await probe(device)).data
    assert data.pop("password") == device.password
    assert device.password not in json.dumps(data)


async def test_a_wrong_password_is_told_for_its_field(device: SoapDevice) -> None:
    assert (await refusal(device, password="guess")).field == "password"


async def test_an_unreachable_address_is_told_for_its_field(device: SoapDevice) -> None:
    await device.stop()
    error = await refusal(device)
    assert (error.field, error.sentence) == (
        "address",
        f"No camera answers at 127.0.0.1:{device.port}: connection refused.",
    )
    assert error.next_step


async def test_a_web_page_is_told_as_no_onvif_camera(device: SoapDevice) -> None:
    async def page(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html><body>Welcome</body></html>", content_type="text/html")

    device.answers |= {"GetSystemDateAndTime": page}
    device.answers |= {"GetDeviceInformation": page}
    assert "is not an ONVIF camera (it sends a web page)" in (await refusal(device)).sentence
