"""A root object with core's own bus, repairs and clock, that notes what the integration asks of the service."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import pytest

from holdshelf_core.clock import Clock, utc_ns
from holdshelf_core.integration import (
    ConfigEntry,
    EntryAuthFailed,
    EntryDraft,
    EntryState,
    Holdshelf,
    RepairRegistry,
    StreamSource,
)
from holdshelf_core.integration.bus import EventBus
from holdshelf_onvif import DOMAIN, async_unload_entry, config_flow, event
from holdshelf_onvif.const import Limits
from holdshelf_tui.demo.virtual_camera import CameraSpec, VirtualCameras
from tests.onvif.soap_device import SoapDevice
from tests.rig.faults import environment_with_clock_off_by
from tests.rig.hang import HANG_S

PASSWORD = "mellon"
QUICK = Limits(connect_s=HANG_S, answer_s=HANG_S)
"""For answers that come at once: the time is the machine's."""


class House:
    """What ``holdshelf_core.integration.Holdshelf`` promises, with the recorder left out."""

    def __init__(self) -> None:
        self.bus = EventBus(utc_ns)
        self.clock = Clock()
        self.repairs = RepairRegistry(self.bus, utc_ns)
        self.streams: list[StreamSource | None] = []
        self.stored: list[dict[str, Any]] = []
        self.states: list[Exception | None] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.changed = asyncio.Event()
        self.reason = ""

    def async_set_stream(self, _entry: ConfigEntry[Any], source: StreamSource | None, *, reason: str = "") -> None:
        self.reason = reason
        if not self.streams or self.streams[-1] != source:
            self.streams.append(source)

    def async_update_entry(
        self, entry: ConfigEntry[Any], *, data: dict[str, Any] | None = None, title: str | None = None
    ) -> None:
        if data is not None:
            entry.data = data
            self.stored.append(data)
        entry.title = title or entry.title

    async def async_add_executor_job[T](self, func: Callable[..., T], *args: Any) -> T:
        return await asyncio.to_thread(func, *args)

    def async_create_task(
        self, _entry: ConfigEntry[Any], coro: Coroutine[Any, Any, None], name: str
    ) -> asyncio.Task[None]:
        task = asyncio.create_task(coro, name=name)
        self.tasks.append(task)
        return task

    def async_set_entry_state(self, entry: ConfigEntry[Any], error: Exception | None) -> None:
        away = EntryState.REAUTH if isinstance(error, EntryAuthFailed) else EntryState.RETRYING
        entry.state = EntryState.LOADED if error is None else away
        entry.reason = str(error or "")
        self.states.append(error)
        self.changed.set()

    async def until_told(self) -> Exception | None:
        """Wait for the next word on how the entry fares."""
        self.changed.clear()
        async with asyncio.timeout(HANG_S):
            await self.changed.wait()
        return self.states[-1]

    def repair(self, issue_id: str) -> str | None:
        """The sentence of an open repair."""
        return next((r.sentence for r in self.repairs.async_all() if r.issue_id == issue_id), None)

    def told_as(self, issue_id: str) -> str | None:
        """The condition of an open repair, as alerts tell it."""
        return next((r.condition for r in self.repairs.async_all() if r.issue_id == issue_id), None)


def entry_of(draft: EntryDraft, entry_id: str = "cam1") -> ConfigEntry[Any]:
    """The entry that core makes of a draft."""
    return ConfigEntry(entry_id, draft.domain, draft.unique_id, draft.title, "entrance", "", dict(draft.data))


def bare_entry(device: SoapDevice, **data: Any) -> ConfigEntry[Any]:
    """An entry without a known stream."""
    stored = {"address": device.address, "username": device.username, "password": device.password, **data}
    return ConfigEntry("cam1", DOMAIN, "uuid-1", "Front entrance", "entrance", "", stored)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    _: Holdshelf = house  # it is what the integration is promised
    yield house
    for task in house.tasks:
        task.cancel()
    await asyncio.gather(*house.tasks, return_exceptions=True)


@pytest.fixture
async def loaded(house: House) -> AsyncIterator[list[ConfigEntry[Any]]]:
    """Entries put in here are unloaded at the end."""
    entries: list[ConfigEntry[Any]] = []
    yield entries
    for entry in entries:
        await async_unload_entry(house, entry)


@pytest.fixture
async def device(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SoapDevice]:
    """It answers no WS-Discovery, and waiting a second for that each time would only be slow."""
    monkeypatch.setattr(config_flow, "_WHO_TIMEOUT_S", 0.1)
    async with SoapDevice() as device:
        yield device


@pytest.fixture(autouse=True)
def given_back_at_leisure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A subscription is not kept because the machine was busy for a second."""
    monkeypatch.setattr(event, "UNSUBSCRIBE_S", HANG_S)


@pytest.fixture(autouse=True)
def nobody_remembered() -> Iterator[None]:
    """A search of one test is not known to the next."""
    config_flow._remembered.clear()
    yield
    config_flow._remembered.clear()


@pytest.fixture(autouse=True)
async def no_thread_left() -> AsyncIterator[None]:
    """Whoever used the ONVIF thread gave it back."""
    yield
    for _ in range(int(HANG_S / 0.02)):
        if not any(t.name == "holdshelf-onvif" for t in threading.enumerate()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("the ONVIF thread was left running")


@pytest.fixture(scope="session")
def cameras() -> Iterator[VirtualCameras]:
    """ipycam: one camera with the right time, one whose clock is a year behind. Both ask for a password."""
    behind = environment_with_clock_off_by("-366d")
    specs = [CameraSpec("Front entrance", 41), CameraSpec("Reading room", 42, environment=behind)]
    with VirtualCameras(specs, password=PASSWORD) as cameras:
        yield cameras
