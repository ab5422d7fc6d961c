"""A device that answers in a camera's place: told, and never recorded under the camera's name."""

from __future__ import annotations

from typing import Any

import pytest

from holdshelf_core.integration import ANOTHER_CAMERA, ConfigEntry, reasons
from holdshelf_onvif import async_setup_entry, async_unload_entry, config_flow
from holdshelf_onvif.errors import AnotherCamera
from tests.onvif.conftest import QUICK, House, entry_of
from tests.onvif.soap_device import SoapDevice

type Entries = list[ConfigEntry[Any]]
ISSUE = "onvif_identity:cam1"


@pytest.fixture
async def entry(house: House, device: SoapDevice, loaded: Entries) -> ConfigEntry[Any]:
    """A camera that was added and is well."""
    draft = await config_flow.async_probe(house, device.address, device.username, device.password, limits=QUICK)
    one = entry_of(draft)
    loaded.append(one)
    await async_setup_entry(house, one)
    assert await house.until_told() is None
    return one


async def test_another_serial_number_ends_the_recording_and_is_a_repair(
    house: House, device: SoapDevice, entry: ConfigEntry[Any]
) -> None:
    own = device.serial_number
    device.serial_number = "SN-\u202e666\x7f"
    assert not await entry.runtime_data.async_request_refresh()
    assert isinstance(entry.runtime_data.error, AnotherCamera)
    assert (house.streams[-1], house.reason) == (None, ANOTHER_CAMERA)
    assert f"(serial number SN-666, not {own})" in house.repair(ISSUE)
    assert house.told_as(ISSUE) == "camera_identity"
    sentence, step = reasons.advise(ANOTHER_CAMERA, name="Door", camera_id="door")
    assert sentence.startswith("Another device answers at the address of Door")
    assert step
    # Nothing of what the stranger tells is taken over.
    assert entry.data["serial_number"] == own
    assert entry.data["stream"]["url"].startswith(device.rtsp_url)

    device.serial_number = own
    assert await entry.runtime_data.async_request_refresh()
    assert house.streams[-1] is not None
    assert "other_serial_number" not in entry.data
    assert ISSUE not in {repair.issue_id for repair in house.repairs.async_all()}


async def test_after_a_restart_the_stranger_is_not_recorded_either(
    house: House, device: SoapDevice, entry: ConfigEntry[Any], loaded: Entries
) -> None:
    device.serial_number = "SN-666"
    assert not await entry.runtime_data.async_request_refresh()
    await async_unload_entry(house, entry)
    house.streams.clear()
    await async_setup_entry(house, entry)
    assert isinstance(await house.until_told(), AnotherCamera)
    assert [stream for stream in house.streams if stream is not None] == []
    assert house.reason == ANOTHER_CAMERA


@pytest.mark.parametrize("told", ["sn77", "SN:77", ""], ids=["another spelling", "colons", "none any more"])
async def test_the_same_number_in_another_spelling_is_the_same_camera(
    house: House, device: SoapDevice, entry: ConfigEntry[Any], told: str
) -> None:
    device.serial_number = told
    assert await entry.runtime_data.async_request_refresh()
    assert len(house.streams) == 1
    assert house.repairs.async_all() == []
