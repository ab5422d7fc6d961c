"""A loaded camera: announced at once, refreshed, and its troubles told once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from aiohttp import web

from holdshelf_core.integration import (
    ConfigEntry,
    EntryAuthFailed,
    EntryError,
    EntryNotReady,
    EntryState,
    Event,
    StreamSource,
)
from holdshelf_onvif import (
    async_setup_entry,
    async_unload_entry,
    client,
    config_flow,
    coordinator,
)
from holdshelf_onvif.diagnostics import async_get_diagnostics
from holdshelf_onvif.event import EventListener
from holdshelf_onvif.stream_trouble import StreamTrouble
from holdshelf_tui.demo.virtual_camera import VirtualCameras
from tests.onvif import soap_device
from tests.onvif.conftest import PASSWORD, QUICK, House, bare_entry, entry_of
from tests.onvif.soap_device import Profile, SoapDevice
from tests.onvif.test_with_core import quiet
from tests.rig.hand_clock import NS, HandTime, hand_time
from tests.rig.hang import HANG_S

type Entries = list[ConfigEntry[Any]]


@pytest.fixture
async def hand(monkeypatch: pytest.MonkeyPatch, device: SoapDevice) -> AsyncIterator[HandTime]:
    """The service's loop by a clock of the test's (ADR 71); the camera, which has the same time, answers in real time. Its events
    are not listened to."""
    monkeypatch.setattr(EventListener, "async_run", lambda _self: asyncio.Event().wait())
    monkeypatch.setitem(coordinator.OnvifCoordinator.__init__.__kwdefaults__, "limits", QUICK)
    async with hand_time(monkeypatch, client, coordinator, soap_device) as made:
        trouble = partial(StreamTrouble, time_s=lambda: made.clock.boot_ns() / NS)
        monkeypatch.setattr(coordinator, "StreamTrouble", trouble)
        yield made


async def set_up(house: House, device: SoapDevice, loaded: Entries) -> ConfigEntry[Any]:
    """An entry as it is after ``camera add``, with its first refresh done."""
    draft = await config_flow.async_probe(house, device.address, device.username, device.password, limits=QUICK)
    entry = entry_of(draft)
    loaded.append(entry)
    await async_setup_entry(house, entry)
    assert await house.until_told() is None
    return entry


def is_asked(entry: ConfigEntry[Any]) -> bool:
    """Whether a question is on its way to the camera, which may not have come there yet."""
    return bool(entry.runtime_data._lock.locked())


async def until_refreshed(house: House, entry: ConfigEntry[Any], hand: HandTime) -> int:
    """After how many seconds the camera was asked by itself. While it answers, no time passes."""
    told, seconds = len(house.states), 0
    while not is_asked(entry) and len(house.states) == told:
        await hand.forward(1)
        seconds += 1
        assert seconds < 3600
    await hand.until(lambda: len(house.states) > told)
    return seconds


async def test_the_known_stream_is_announced_before_the_camera_is_asked(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    draft = await config_flow.async_probe(house, device.address, device.username, device.password, limits=QUICK)
    await device.stop()
    entry = entry_of(draft)
    loaded.append(entry)
    await async_setup_entry(house, entry)
    assert [source.url for source in house.streams if source] == [f"{device.rtsp_url}/main"]
    assert house.streams[0] == StreamSource(
        f"{device.rtsp_url}/main", "admin", "mellon", codec="h264", width=1280, height=720
    )
    assert isinstance(await house.until_told(), EntryNotReady)
    assert len(house.streams) == 1, "a camera whose ONVIF is down goes on being recorded"


async def test_without_a_known_stream_the_camera_is_asked_first(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    entry = bare_entry(device)
    loaded.append(entry)
    await async_setup_entry(house, entry)
    assert house.streams[0] is not None
    assert house.streams[0].url == f"{device.rtsp_url}/main"
    assert house.stored[-1]["stream"]["url"] == f"{device.rtsp_url}/main"


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        ({"password": "other"}, EntryAuthFailed),
        ({"profiles": [Profile("a", "JPEG")]}, EntryError),
        ({"unsupported": {"GetProfiles"}}, EntryNotReady),
    ],
    ids=["wrong password", "Motion JPEG alone", "no profiles"],
)
async def test_set_up_without_a_known_stream_fails_as_core_expects(
    house: House, device: SoapDevice, trouble: dict[str, Any], error: type[Exception]
) -> None:
    entry = bare_entry(device)
    for name, value in trouble.items():
        setattr(device, name, value)
    with pytest.raises(error):
        await async_setup_entry(house, entry)
    assert house.streams == []


async def test_ipycam_is_refreshed(house: House, cameras: VirtualCameras, loaded: Entries) -> None:
    camera = cameras[1]
    entry = entry_of(await config_flow.async_probe(house, camera.onvif_address, camera.username, PASSWORD))
    loaded.append(entry)
    await async_setup_entry(house, entry)
    assert await house.until_told() is None
    assert entry.runtime_data.data.information.model == "Demo camera"
    assert house.repair("onvif_clock_skew:cam1") == (
        "The clock of the camera is off by 1 year 1 day: it is behind this server's."
    )
    assert [source.url for source in house.streams if source] == [camera.rtsp_url]


async def test_a_refresh_that_changes_nothing_stores_nothing(house: House, device: SoapDevice, loaded: Entries) -> None:
    entry = await set_up(house, device, loaded)
    assert await entry.runtime_data.async_request_refresh()
    assert house.stored == []
    assert len(house.streams) == 1
    assert house.repairs.async_all() == []


async def test_a_clock_that_is_off_is_a_repair_until_it_is_right(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    device.clock_offset = timedelta(days=367, minutes=1)
    entry = await set_up(house, device, loaded)
    (repair,) = house.repairs.async_all()
    assert (repair.issue_id, repair.condition) == ("onvif_clock_skew:cam1", "camera_clock")
    assert repair.sentence == "The clock of the camera is off by 1 year 2 days: it is ahead of this server's."
    assert repair.next_step
    device.clock_offset = timedelta(seconds=3)
    await entry.runtime_data.async_request_refresh()
    assert house.repairs.async_all() == []


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize(("seconds", "off"), [(0.0, False), (4.9, False), (5.0, False), (5.1, True), (60.0, True)])
async def test_a_clock_that_is_off_by_more_than_five_seconds_is_told(
    house: House, device: SoapDevice, loaded: Entries, hand: HandTime, seconds: float, off: bool, direction: int
) -> None:
    """A camera tells whole seconds, and is taken to be half a second on: with an own clock at half a second, exactly that."""
    hand.clock.step(0.5 - direction * (seconds % 1))
    device.clock_offset = timedelta(seconds=direction * seconds)
    await set_up(house, device, loaded)
    assert loaded[0].clock_skew_s() == pytest.approx(direction * seconds)
    assert (house.repair("onvif_clock_skew:cam1") is not None) == off


async def test_a_password_changed_at_the_camera_asks_for_a_new_one_and_is_not_tried_again(
    house: House, device: SoapDevice, loaded: Entries, hand: HandTime
) -> None:
    entry = await set_up(house, device, loaded)
    device.password = "changed"
    await until_refreshed(house, entry, hand)
    assert entry.state is EntryState.REAUTH
    asked = len(device.calls)
    await hand.forward(86_400)
    assert not is_asked(entry)
    assert len(device.calls) == asked, "all day"
    assert len(device.refused) == 1
    device.password = "mellon"
    assert await entry.runtime_data.async_request_refresh()
    assert entry.state is EntryState.LOADED


async def test_it_is_refreshed_by_itself_about_every_five_minutes(
    house: House, device: SoapDevice, loaded: Entries, hand: HandTime
) -> None:
    entry = await set_up(house, device, loaded)
    device.profiles[0].uri = "rtsp://127.0.0.1:9554/new"
    asked = device.calls.count("GetDeviceInformation")
    waits_s = [await until_refreshed(house, entry, hand) for _ in range(4)]
    assert all(270 <= wait_s <= 331 for wait_s in waits_s), waits_s
    assert device.calls.count("GetDeviceInformation") == asked + 4
    assert house.stored[-1]["stream"]["url"] == "rtsp://127.0.0.1:9554/new"


async def test_unavailable_is_logged_once_at_its_start_and_once_at_its_end(
    house: House, device: SoapDevice, loaded: Entries, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="holdshelf_onvif")
    entry = await set_up(house, device, loaded)
    await device.stop()
    for _ in range(3):
        assert not await entry.runtime_data.async_request_refresh()
    assert not entry.runtime_data.available
    assert entry.state is EntryState.RETRYING
    await device.start()
    for _ in range(2):
        assert await entry.runtime_data.async_request_refresh()
    assert entry.runtime_data.available
    assert [record.getMessage() for record in caplog.records] == [
        f"Acme Eye 3: No camera answers at 127.0.0.1:{device.port}: connection refused.",
        "Acme Eye 3: the camera answers again",
    ]
    assert house.streams[-1] is not None, "the recording was left alone"


async def test_a_stream_that_moved_is_dialed_where_it_is_now(house: House, device: SoapDevice, loaded: Entries) -> None:
    entry = await set_up(house, device, loaded)
    device.profiles[0].uri = "rtsp://127.0.0.1:9554/new"
    await entry.runtime_data.async_request_refresh()
    assert house.streams[-1] is not None
    assert house.streams[-1].url == "rtsp://127.0.0.1:9554/new"
    assert entry.data["stream"]["url"] == "rtsp://127.0.0.1:9554/new"
    assert entry.data["password"] == "mellon"
    assert house.repairs.async_all() == []


@pytest.fixture
def stream_told(house: House) -> Callable[[str, str], None]:
    """Tells what the recorder would tell of the camera's stream."""
    return lambda state, reason: house.bus.async_fire(
        "camera_state", {"camera": "cam1", "state": state, "reason": reason}
    )


async def test_a_stream_that_is_not_found_is_asked_about_until_the_camera_names_another(
    house: House, device: SoapDevice, loaded: Entries, hand: HandTime, stream_told: Callable[[str, str], None]
) -> None:
    """Seen: it stayed "not found" for 4 min 16 s, while the camera told the new address."""
    entry = await set_up(house, device, loaded)
    await hand.forward(3)
    stream_told("recording", "")
    stream_told("away", "stream not found")
    for number in range(1, 4):
        assert await house.until_told() is None, "asked at once, and then every three seconds"
        if number == 2:
            device.profiles[0].uri = "rtsp://127.0.0.1:9554/renamed"
        asked = device.calls.count("GetDeviceInformation")
        await hand.forward(2.9)
        assert not is_asked(entry)
        assert device.calls.count("GetDeviceInformation") == asked == number + 2  # it was added, and set up
        await hand.forward(0.1)
    assert await house.until_told() is None
    assert house.streams[-1] is not None
    assert house.streams[-1].url.endswith("/renamed")
    stream_told("recording", "")
    asked = len(device.calls)
    stream_told("away", "disk full")
    await hand.forward(200)
    assert not is_asked(entry)
    assert len(device.calls) == asked, "no trouble that a camera could know about"


async def test_a_connected_camera_is_asked_for_a_key_frame_and_with_it_for_its_certificates(
    house: House, device: SoapDevice, loaded: Entries, hand: HandTime, stream_told: Callable[[str, str], None]
) -> None:
    """A camera that signs its pictures sends its certificates once, and again when it is asked (ONVIF Media Signing)."""
    entry = await set_up(house, device, loaded)
    stream_told("recording", "")
    await hand.until(lambda: device.key_frames and not is_asked(entry))
    profile = coordinator.loaded_coordinator(entry).data.profile  # type: ignore[union-attr]
    assert device.key_frames == [profile.token]
    for _ in range(6):
        await hand.forward(4.9)
        stream_told("away", "no frames")
        stream_told("recording", "")
        await hand.settled()
        assert not is_asked(entry)
        assert len(device.key_frames) == 1, "a stream that comes and goes is not asked each time"
    await hand.forward(0.6)
    stream_told("recording", "")
    await hand.until(lambda: len(device.key_frames) == 2)


async def test_a_camera_that_knows_no_key_frames_on_request_is_recorded_all_the_same(
    house: House, device: SoapDevice, loaded: Entries, stream_told: Callable[[str, str], None]
) -> None:
    device.unsupported.add("SetSynchronizationPoint")
    entry = await set_up(house, device, loaded)
    stream_told("recording", "")
    async with asyncio.timeout(HANG_S):
        while "SetSynchronizationPoint" not in device.calls:
            await asyncio.sleep(0.05)
    await quiet(device)
    assert coordinator.loaded_coordinator(entry).available  # type: ignore[union-attr]
    assert house.repairs.async_all() == []
    assert house.streams[-1] is not None


def asked_at_s(state: str, reason: str, seconds: int) -> list[int]:
    """When a camera is asked whose stream is told every second to be in such a state."""
    now_s = 0
    trouble = StreamTrouble("cam1", lambda: now_s)
    asked: list[int] = []
    for now_s in range(seconds):
        trouble.async_note(Event("camera_state", {"camera": "cam1", "state": state, "reason": reason}))
        if trouble.due_in_s() <= 0:
            asked.append(now_s)
            trouble.async_asking()
    return asked


def test_queries_about_a_stream_are_limited_and_a_refused_password_is_asked_about_once() -> None:
    """One that answers may tell the new address at any time; one that is away answers nothing."""
    away = asked_at_s("dialling", "camera unreachable", 600)
    assert away[:4] == [3, 6, 9, 12]
    assert 40 < len(away) < 65
    moved = asked_at_s("dialling", "stream moved", 7200)
    assert moved[:1200] == list(range(3, 3603, 3))
    assert 1200 + 230 < len(moved) < 1200 + 260
    assert asked_at_s("away", "auth refused", 600) == [3], "a camera may lock its account after a few failed logins"
    assert asked_at_s("recording", "", 600) == []


async def test_what_the_stream_itself_showed_is_not_overwritten_by_what_the_camera_tells(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    """Else the recorder would dial anew because a camera tells 1080 lines and sends 1088."""
    entry = await set_up(house, device, loaded)
    entry.data["stream"] |= {"codec": "hevc", "height": 728}
    house.streams.clear()
    await entry.runtime_data.async_request_refresh()
    assert house.streams[-1] is not None
    assert (house.streams[-1].codec, house.streams[-1].height) == ("hevc", 728)
    assert house.stored == []


async def test_a_udp_choice_survives_a_refresh(house: House, device: SoapDevice, loaded: Entries) -> None:
    entry = await set_up(house, device, loaded)
    entry.data["stream"] |= {"transport": "udp"}
    await entry.runtime_data.async_request_refresh()
    assert house.streams[-1] is not None
    assert house.streams[-1].transport == "udp"


async def test_a_profile_that_is_gone_is_replaced_and_told_until_it_is_back(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    entry = await set_up(house, device, loaded)
    main = device.profiles.pop(0)
    await entry.runtime_data.async_request_refresh()
    assert house.streams[-1] is not None
    assert house.streams[-1].url.endswith("/sub")
    assert house.repair("onvif_profile:cam1") == (
        "The stream that was chosen when the camera was added is gone; sub, H.264 640×360 is recorded in its place."
    )
    assert house.told_as("onvif_profile:cam1") == "camera_profile"
    device.profiles.append(main)
    await entry.runtime_data.async_request_refresh()
    assert house.streams[-1].url.endswith("/main")
    assert house.repairs.async_all() == []


async def test_a_name_that_the_device_chose_is_quoted_in_a_command_to_paste(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    entry = await set_up(house, device, loaded)
    device.profiles = [Profile("main$(reboot); x", uri=device.profiles[0].uri or "rtsp://127.0.0.1/other")]
    await entry.runtime_data.async_request_refresh()
    (repair,) = house.repairs.async_all()
    assert "--profile 'main$(reboot); x'`" in repair.next_step


async def test_a_profile_added_later_does_not_replace_the_chosen_one(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    entry = await set_up(house, device, loaded)
    device.profiles.append(Profile("larger", width=3840, height=2160))
    await entry.runtime_data.async_request_refresh()
    assert len(house.streams) == 1


async def test_a_camera_switched_to_motion_jpeg_is_a_repair_and_its_last_stream_is_still_dialed(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    entry = await set_up(house, device, loaded)
    for profile in device.profiles:
        profile.encoding = "JPEG"
    assert not await entry.runtime_data.async_request_refresh()
    assert len(house.streams) == 1
    assert "only Motion JPEG" in (house.repair("onvif_profile:cam1") or "")
    assert house.told_as("onvif_profile:cam1") == "camera_profile"
    assert entry.state is EntryState.RETRYING


async def test_unloading_withdraws_the_stream(house: House, device: SoapDevice, loaded: Entries) -> None:
    entry = await set_up(house, device, loaded)
    loaded.clear()
    await async_unload_entry(house, entry)
    assert house.streams[-1] is None


async def test_unloading_what_never_loaded_does_no_harm(house: House, device: SoapDevice) -> None:
    entry = bare_entry(device)
    await device.stop()
    with pytest.raises(EntryNotReady):
        await async_setup_entry(house, entry)
    await async_unload_entry(house, entry)


async def test_core_can_ask_how_far_the_clock_is_off(house: House, device: SoapDevice, loaded: Entries) -> None:
    entry = await set_up(house, device, loaded)
    device.clock_offset = timedelta(hours=-2)
    device.password = "changed"
    await entry.runtime_data.async_request_refresh()
    assert entry.clock_skew_s() == pytest.approx(-7200, abs=30)


async def test_unloading_in_the_middle_of_a_refresh_is_quiet_and_leaves_nothing(
    house: House, device: SoapDevice, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await asyncio.Event().wait()
        return web.Response()

    entry = await set_up(house, device, [])
    told = len(house.states)
    device.answers["GetProfiles"] = hang
    refreshing = asyncio.create_task(entry.runtime_data.async_request_refresh())
    await asked.wait()
    async with asyncio.timeout(HANG_S):
        await async_unload_entry(house, entry)
        assert await refreshing is False
        assert await entry.runtime_data.async_request_refresh() is False
    assert len(house.states) == told
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert all(task.done() for task in house.tasks)


async def test_one_camera_that_hangs_does_not_hold_up_another(
    house: House, device: SoapDevice, loaded: Entries
) -> None:
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def hang(_request: web.Request) -> web.StreamResponse:
        asked.set()
        await let_go.wait()
        return web.Response()

    async with SoapDevice(host="127.0.0.6", serial_number="other") as other:
        well = await set_up(house, other, loaded)
        entry = bare_entry(device)
        device.answers["GetProfiles"] = hang
        hanging = coordinator.OnvifCoordinator(house, entry, limits=QUICK)
        try:
            slow = asyncio.create_task(hanging.async_request_refresh())
            await asked.wait()
            assert await well.runtime_data.async_request_refresh()
            assert not slow.done()
            let_go.set()
            assert not await slow
        finally:
            await hanging.async_shutdown()


async def test_diagnostics_hold_no_secret_and_no_host(house: House, device: SoapDevice, loaded: Entries) -> None:
    device.profiles[0].uri = "rtsp://127.0.0.1:8554/live?password=mellon"
    entry = await set_up(house, device, loaded)
    device.serial_number = "SN-78, another device now"
    await entry.runtime_data.async_request_refresh()
    await device.stop()
    await entry.runtime_data.async_request_refresh()
    told = await async_get_diagnostics(house, entry)
    text = json.dumps(told)
    assert told["device"]["model"] == "Eye 3"
    assert told["profiles"][0]["width"] == 1280
    assert told["error"].startswith("No camera answers at **REDACTED**")
    for secret in ("mellon", "admin", "127.0.0.1", str(device.port), "SN-7"):
        assert secret not in text, secret


async def test_diagnostics_of_an_entry_that_is_not_loaded_are_told_too(house: House, device: SoapDevice) -> None:
    told = await async_get_diagnostics(house, bare_entry(device))
    assert told["entry"]["data"]["address"] == "**REDACTED**"
