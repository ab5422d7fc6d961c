"""The integration under core's own entries and register: found, added, asked for a new password, reloaded, removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.cameras.entry_change import async_try_anew
from holdshelf_core.errors import Conflict
from holdshelf_core.integration import ConfigEntry, EntryState, FlowError
from holdshelf_core.policy_file.adopted import in_force
from holdshelf_core.recorder.recorder import Target
from holdshelf_storage.register import Register
from holdshelf_tui.demo.virtual_camera import VirtualCameras
from tests.onvif.conftest import PASSWORD, House
from tests.onvif.soap_device import SoapDevice
from tests.onvif.test_client import self_signed
from tests.rig.hang import HANG_S


class NoRecorder:
    """In the place of the recorder."""

    async def async_add(self, target: Target) -> None: ...

    async def async_remove(self, camera: str) -> None: ...


class HouseWithEntries(House):
    """The root object with core's entries in it; recorder and footage are left out."""

    def __init__(self, state: Path) -> None:
        super().__init__()
        self.register = Register.open(state)
        store = cast(Any, SimpleNamespace(known_cameras=list))
        self.entries = Entries(
            self, self.register, StateStore(self.register, partial(in_force, Path())), cast(Any, NoRecorder()), store
        )

    def async_update_entry(
        self, entry: ConfigEntry[Any], *, data: dict[str, Any] | None = None, title: str | None = None
    ) -> None:
        super().async_update_entry(entry, data=data, title=title)
        self.tasks.append(asyncio.create_task(self.entries.async_save(entry)))

    def async_create_task(
        self, entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None]:
        return self.entries.async_spawn(entry, coro, name)

    def async_set_entry_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        self.entries.async_set_state(entry, error)
        self.states.append(error)
        self.changed.set()


@pytest.fixture
async def core(tmp_path: Path) -> AsyncIterator[HouseWithEntries]:
    core = HouseWithEntries(tmp_path)
    yield core
    await core.entries.async_unload_all()


async def add(core: HouseWithEntries, target: str, name: str = "Front entrance") -> ConfigEntry[Any]:
    draft = await core.entries.async_draft(target, "admin", PASSWORD)
    entry = await core.entries.async_add(draft, name=name, area_kind="entrance", area_note="")
    assert await core.until_told() is None
    return entry


async def quiet(device: SoapDevice) -> int:
    """How often it was asked, once nobody goes on asking it: its events are looked for after it was set up."""
    asked = -1
    while asked != len(device.calls):
        asked = len(device.calls)
        await asyncio.sleep(0.3)
    return asked


async def test_a_camera_is_found_added_stored_and_set_up_again(
    core: HouseWithEntries, cameras: VirtualCameras, tmp_path: Path
) -> None:
    (found,) = await core.entries.async_discover([cameras[0].probe_address], HANG_S)
    entry = await add(core, found.unique_id)
    assert (entry.entry_id, entry.unique_id, entry.state) == ("front-entrance", found.unique_id, EntryState.LOADED)
    with pytest.raises(Conflict):
        await core.entries.async_add(
            await core.entries.async_draft(found.address, "admin", PASSWORD),
            name="Again",
            area_kind="entrance",
            area_note="",
        )
    await core.entries.async_unload_all()
    assert PASSWORD not in (tmp_path / "register.json").read_text(encoding="utf-8")

    later = HouseWithEntries(tmp_path)
    await later.entries.async_load()
    await later.entries.async_setup_all()
    assert later.streams == [core.streams[0]], "dialed at once, and as before"
    assert await later.until_told() is None
    await later.entries.async_unload_all()


async def test_a_password_changed_at_the_camera_can_be_given_anew(core: HouseWithEntries, device: SoapDevice) -> None:
    entry = await add(core, device.address)
    device.password = "changed"
    await entry.runtime_data.async_request_refresh()
    assert entry.state is EntryState.REAUTH
    assert "refuses this user name or password" in (core.repair(f"entry:{entry.entry_id}") or "")
    with pytest.raises(FlowError):
        await async_try_anew(core.entries, entry, None, "guess")
    await async_try_anew(core.entries, entry, None, "changed")
    assert await core.until_told() is None
    assert entry.state is EntryState.LOADED
    assert core.repair(f"entry:{entry.entry_id}") is None
    assert core.streams[-1] is not None
    assert core.streams[-1].password == "changed"


async def test_reloading_one_camera_leaves_another_alone(core: HouseWithEntries, device: SoapDevice) -> None:
    async with SoapDevice(host="127.0.0.7", serial_number="other") as other:
        entry = await add(core, device.address)
        neighbour = await add(core, other.address, "Reading room")
        before = neighbour.runtime_data
        asked = other.calls.count("GetDeviceInformation")
        await core.entries.async_reload(entry)
        assert await core.until_told() is None
        assert neighbour.runtime_data is before
        assert other.calls.count("GetDeviceInformation") == asked
        await core.entries.async_remove(entry)
        assert await neighbour.runtime_data.async_request_refresh()


async def test_a_camera_that_is_gone_is_retrying_and_comes_back(core: HouseWithEntries, device: SoapDevice) -> None:
    entry = await add(core, device.address)
    await device.stop()
    await entry.runtime_data.async_request_refresh()
    assert entry.state is EntryState.RETRYING
    await device.start()
    await entry.runtime_data.async_request_refresh()
    assert entry.state is EntryState.LOADED


async def test_a_changed_certificate_is_a_repair_until_a_person_accepts_it(
    core: HouseWithEntries, tmp_path: Path
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    async with SoapDevice(tls=self_signed(tmp_path / "one")) as device:
        entry = await add(core, device.address)
        port, before = device.port, entry.data["certificate_sha256"]
    async with SoapDevice(tls=self_signed(tmp_path / "two"), port=port) as device:
        await entry.runtime_data.async_request_refresh()
        assert entry.state is EntryState.RETRYING
        issue = f"onvif_certificate:{entry.entry_id}"
        assert "certificate of Front entrance changed" in (core.repair(issue) or "")
        step, told_as = next((r.next_step, r.condition) for r in core.repairs.async_all() if r.issue_id == issue)
        assert told_as == "camera_certificate"
        assert f"camera check {entry.entry_id} --accept-certificate" in step
        with pytest.raises(FlowError, match="another certificate"):  # a new password alone accepts nothing
            await async_try_anew(core.entries, entry, None, "mellon")
        assert device.calls == [], "nothing is sent to it"
        await async_try_anew(core.entries, entry, None, None, accept_certificate=True)
        assert await core.until_told() is None
        assert entry.state is EntryState.LOADED
        assert core.repair(issue) is None
        assert len(entry.data["certificate_sha256"]) == 64
        assert entry.data["certificate_sha256"] != before
