"""What a person may have done at a camera itself."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from holdshelf_core.integration import ConfigEntry
from holdshelf_core.integration.errors import HoldshelfError
from holdshelf_onvif import control
from tests.onvif.conftest import QUICK, House, bare_entry
from tests.rig.onvif_device import OnvifDevice, Profile

SQUARE = ((0.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.5))
TRIANGLE = ((0.1, 0.2), (0.9, 0.2), (0.5, 0.8))


def known(device: OnvifDevice) -> ConfigEntry[Any]:
    return bare_entry(device, serial_number="SN-77")


async def test_details_name_make_sound_and_masks_and_no_host(house: House) -> None:
    async with OnvifDevice(profiles2=[Profile("main", "H265", sound=True)]) as device:
        told = await control.async_details(house, known(device), limits=QUICK)
        assert told["device"]["model"] == "Eye 3"
        sounds = {p["token"]: p["sound"] for p in told["profiles"]}
        assert sounds == {"main": "MP4A-LATM", "sub": ""}
        assert told["masks"] == []
        text = json.dumps(told)
        for secret in (device.host, device.password, device.serial_number):
            assert secret not in text


@pytest.mark.parametrize("media2", [True, False], ids=["Media2", "Media"])
async def test_sound_is_switched_off_at_the_camera_in_every_stream(house: House, media2: bool) -> None:
    loud = [Profile("main", "H265" if media2 else "H264", sound=True), Profile("sub", sound=True), Profile("third")]
    given = {"profiles2": loud, "profiles": []} if media2 else {"profiles": loud}
    async with OnvifDevice(**given) as device:
        assert await control.async_sound_off(house, known(device), limits=QUICK) == (2, 0)
        assert not any(profile.sound for profile in loud)
        assert await control.async_sound_off(house, known(device), limits=QUICK) == (0, 0)


async def test_a_camera_that_keeps_its_sound_says_so(house: House) -> None:
    unsupported = {"RemoveAudioEncoderConfiguration"}
    async with OnvifDevice(profiles=[Profile("main", sound=True)], unsupported=unsupported) as device:
        with pytest.raises(HoldshelfError, match="refuses"):
            await control.async_sound_off(house, known(device), limits=QUICK)


async def test_the_clock_is_set_on_request(house: House) -> None:
    async with OnvifDevice(clock_offset=timedelta(days=-366)) as device:
        before, after = await control.async_set_time(house, known(device), limits=QUICK)
        assert before == pytest.approx(-366 * 86_400, abs=30)
        assert after == pytest.approx(0, abs=30)
        assert len(device.set_clocks) == 1


async def test_masks_are_put_read_and_replaced_and_foreign_ones_stay(house: House) -> None:
    async with OnvifDevice(profiles2=[Profile("main")]) as device:
        entry = known(device)
        device._CreateMask('<Point x="0" y="0"/>')  # somebody's own
        assert await control.async_put_masks(house, entry, [SQUARE], limits=QUICK) == 1
        assert await control.async_put_masks(house, entry, [TRIANGLE, SQUARE], limits=QUICK) == 2
        assert sorted(device.masks) == ["mask1", "mask3", "mask4"]
        told = await control.async_details(house, entry, limits=QUICK)
        corners = {mask["token"]: [tuple(c) for c in mask["corners"]] for mask in told["masks"]}
        assert corners["mask4"] == list(SQUARE)
        assert corners["mask3"] == list(TRIANGLE)


async def test_a_camera_that_covers_rectangles_only_covers_no_less_than_was_drawn(house: House) -> None:
    async with OnvifDevice(profiles2=[Profile("main")], rectangles=True) as device:
        entry = known(device)
        await control.async_put_masks(house, entry, [TRIANGLE], limits=QUICK)
        (mask,) = (await control.async_details(house, entry, limits=QUICK))["masks"]
        assert [tuple(c) for c in mask["corners"]] == [(0.1, 0.2), (0.9, 0.2), (0.9, 0.8), (0.1, 0.8)]


@pytest.mark.parametrize("given", [{"profiles2": None}, {"profiles2": [Profile("main")], "max_masks": 1}])
async def test_masks_that_it_cannot_cover_are_refused_in_words(house: House, given: dict[str, Any]) -> None:
    async with OnvifDevice(**given) as device:
        with pytest.raises(HoldshelfError, match=r"does not offer|at most, and 2 are drawn"):
            await control.async_put_masks(house, known(device), [SQUARE, TRIANGLE], limits=QUICK)
        assert device.masks == {}
