"""What a camera says that it has recorded itself: Recording Search and Replay, from the standard's WSDL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from holdshelf_core.clock import utc_ns
from holdshelf_core.integration import ConfigEntry
from holdshelf_core.integration.errors import HoldshelfError
from holdshelf_onvif import replay
from holdshelf_onvif.const import Limits
from tests.onvif.conftest import House, bare_entry
from tests.rig.hang import HANG_S
from tests.rig.onvif_device import OnvifDevice, Profile

NS = 1_000_000_000
PATIENT = Limits(connect_s=HANG_S, answer_s=HANG_S)
"""Descriptions of four services are loaded first, which takes a moment on a busy machine."""


def known(device: OnvifDevice) -> ConfigEntry[Any]:
    return bare_entry(device, serial_number="SN-77")


def card(device: OnvifDevice, since: timedelta, until: timedelta, url: str = "rtsp://127.0.0.1:8554/replay") -> None:
    """What it has recorded, from so long ago until so long ago, by its own clock."""
    device.card = lambda: (device.now() - since, device.now() - until, url)


async def test_it_is_told_in_our_time_whatever_the_camera_takes_for_its_own(house: House) -> None:
    async with OnvifDevice(clock_offset=timedelta(hours=3, microseconds=370_000), search_rounds=2) as device:
        card(device, timedelta(minutes=10), timedelta(0))
        now_ns = utc_ns()
        found = await replay.async_recorded(house, known(device), now_ns - 900 * NS, now_ns - 60 * NS, limits=PATIENT)
        assert found is not None
        assert abs(found.offset_ns - 10_800_370_000_000) < NS // 4, "its clock tells whole seconds"
        assert abs(found.start_utc_ns - (now_ns - 600 * NS)) < 20 * NS
        assert found.end_utc_ns == now_ns - 60 * NS
        assert (found.source.url, found.source.username) == ("rtsp://127.0.0.1:8554/replay", "admin")
        assert device.calls.count("GetRecordingSearchResults") == 2
        assert "EndSearch" in device.calls


@pytest.mark.parametrize("url", ["rtsp://192.0.2.9:8554/replay", "rtsp://0.0.0.0:8554/replay"])
async def test_a_replay_is_dialed_on_the_host_that_was_dialed(house: House, url: str) -> None:
    async with OnvifDevice() as device:
        card(device, timedelta(minutes=10), timedelta(0), url)
        now_ns = utc_ns()
        found = await replay.async_recorded(house, known(device), now_ns - 60 * NS, now_ns - 30 * NS, limits=PATIENT)
        assert found is not None
        assert found.source.url == "rtsp://127.0.0.1:8554/replay"


async def test_what_it_has_not_is_nothing(house: House) -> None:
    async with OnvifDevice() as device:
        now_ns = utc_ns()
        assert await replay.async_recorded(house, known(device), now_ns - 60 * NS, now_ns, limits=PATIENT) is None
        assert "FindRecordings" not in device.calls, "it has no card"
        card(device, timedelta(minutes=1), timedelta(0))
        before = now_ns - 3600 * NS, now_ns - 3000 * NS
        assert await replay.async_recorded(house, known(device), *before, limits=PATIENT) is None
        device.unsupported = {"FindRecordings"}
        with pytest.raises(HoldshelfError, match="its recordings"):
            await replay.async_recorded(house, known(device), now_ns - 30 * NS, now_ns, limits=PATIENT)


async def test_a_recording_of_another_lens_is_never_taken_for_ours(house: House) -> None:
    """Of a device with several, the recording jobs tell which recording is whose; where nothing tells, none is taken."""
    lenses = [Profile("main", "H265", channel="a"), Profile("side", "H265", channel="b")]
    async with OnvifDevice(profiles=[], profiles2=lenses, cards_of=("side", "main")) as device:
        card(device, timedelta(minutes=10), timedelta(0))
        entry = bare_entry(device, serial_number="SN-77", profile="main")
        span = utc_ns() - 60 * NS, utc_ns() - 30 * NS
        found = await replay.async_recorded(house, entry, *span, limits=PATIENT)
        assert found is not None
        assert found.source.url.endswith("/replay1"), "the second recording"
        device.has_jobs = False
        assert await replay.async_recorded(house, entry, *span, limits=PATIENT) is None


async def test_absurd_times_and_addresses_of_a_card_are_no_ones_trouble(house: House) -> None:
    async with OnvifDevice() as device:
        now_ns = utc_ns()
        device.card = lambda: (datetime(9999, 12, 31, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC), "file:///etc/passwd")
        assert await replay.async_recorded(house, known(device), now_ns - 30 * NS, now_ns, limits=PATIENT) is None
        card(device, timedelta(minutes=1), timedelta(0), "file:///etc/passwd")
        with pytest.raises(HoldshelfError):
            await replay.async_recorded(house, known(device), now_ns - 30 * NS, now_ns, limits=PATIENT)
