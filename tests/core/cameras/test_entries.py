"""Cameras as configured: ids and names, the register behind them, and credentials that are kept only when right."""

from __future__ import annotations

import asyncio
import itertools
import re
import unicodedata
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.actions.state_store import StateStore
from holdshelf_core.cameras.entries import MAX_DISCOVERED, Entries
from holdshelf_core.cameras.entry_change import async_try_anew
from holdshelf_core.cameras.names import MAX_NAME_CHARS, camera_id, check_name
from holdshelf_core.clock import Clock, utc_ns
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.integration import (
    ConfigEntry,
    DiscoveredCamera,
    EntryDraft,
    EntryNotReady,
    EntryState,
    FlowError,
    RepairRegistry,
    StreamSource,
)
from holdshelf_core.integration.bus import EventBus
from holdshelf_core.policy_file.adopted import in_force
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.recorder.recorder import Target
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Register
from tests.rig.hand_clock import hand_time

NAMES = st.text(max_size=300)


class NoRecorder:
    """In the place of the recorder."""

    async def async_add(self, target: Target) -> None: ...

    async def async_remove(self, camera: str) -> None: ...


class House:
    """The root object as far as integrations need it; the recorder is left out, so a stream is only noted."""

    def __init__(self, state: Path, footage: tuple[str, ...] = ()) -> None:
        self.bus = EventBus(utc_ns)
        self.clock = Clock()
        self.repairs = RepairRegistry(self.bus, utc_ns)
        register = Register.open(state)
        self.footage = list(footage)
        store = cast(Any, SimpleNamespace(known_cameras=lambda: self.footage))
        self.entries = Entries(
            cast(Any, self), register, StateStore(register, partial(in_force, Path())), cast(Any, NoRecorder()), store
        )
        self.streams: dict[str, StreamSource | None] = {}

    def async_set_stream(self, entry: ConfigEntry[Any], source: StreamSource | None, *, reason: str = "") -> None:
        self.streams[entry.entry_id] = source

    async def add(self, address: str, name: str, **credentials: str) -> ConfigEntry[Any]:
        draft = await self.entries.async_draft(address, credentials.get("username"), credentials.get("password"))
        return await self.entries.async_add(draft, name=name, area_kind="seating", area_note="")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    yield house
    await house.entries.async_unload_all()


# --- ids and names -----------------------------------------------------------------------------------------------


@given(NAMES, st.lists(NAMES, max_size=5))
def test_an_id_is_a_safe_new_folder_name_whatever_the_camera_is_called(name: str, others: list[str]) -> None:
    taken: list[str] = []
    for other in [*others, name, name, name]:
        new = camera_id(other, taken)
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", new)
        assert len(new) <= 46
        assert new not in taken
        taken.append(new)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Café entrance", "cafe-entrance"),
        ("  Front   Tür 🚪📚", "front-tur"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "camera"),
        ("入口", "camera"),
        ("A" * 100, "a" * 40),
        ("Reading [bold]room[/bold]", "reading-bold-room-bold"),
    ],
)
def test_an_id_reads_like_the_name(name: str, wanted: str) -> None:
    assert camera_id(name, []) == wanted


@given(NAMES)
def test_a_name_is_printable_and_short_or_refused(name: str) -> None:
    try:
        clean = check_name(name)
    except BadRequest:
        return
    assert 1 <= len(clean) <= MAX_NAME_CHARS
    assert clean.isprintable()
    assert clean == " ".join(name.split())
    assert not any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Cn") for char in clean)


@pytest.mark.parametrize("name", ["", "  \n", "x" * 65, "a\x1b[31mb", "a\u202eb", "a\u200bb", "x" * 10_240, "\ud800"])
def test_a_name_that_could_trick_a_terminal_or_is_endless_is_refused(name: str) -> None:
    with pytest.raises(BadRequest, match="printable"):
        check_name(name)


@pytest.mark.parametrize("note", ["x" * 201, "a\x1b[2J", "a\nb", "\u202e"])
def test_a_note_on_an_area_is_bounded_and_printable(note: str) -> None:
    with pytest.raises(BadRequest, match="--area-note"):
        Entries(*cast(tuple[Any, Any, Any, Any, Any], (None,) * 5)).async_check(
            first_policy(), "Door", "other", note, "tcp", False
        )


# --- the register ------------------------------------------------------------------------------------------------


async def test_a_camera_is_stored_with_its_password_sealed_and_read_back_the_same(house: House, tmp_path: Path) -> None:
    entry = await house.add("rtsp://192.0.2.7/a", "Front entrance", username="viewer", password="kw8-plain-text")
    for file in tmp_path.rglob("*"):
        assert file.is_dir() or b"kw8-plain-text" not in file.read_bytes()
        assert file.stat().st_mode & 0o077 == 0, file
    later = House(tmp_path)
    await later.entries.async_load()
    (again,) = later.entries.async_all()
    assert (again.entry_id, again.title, again.unique_id) == (entry.entry_id, entry.title, entry.unique_id)
    assert again.data == entry.data
    await later.entries.async_setup_all()
    assert later.streams == {"front-entrance": house.streams["front-entrance"]}
    assert cast(StreamSource, later.streams["front-entrance"]).password == "kw8-plain-text"


async def test_a_lost_key_asks_for_the_password_again_and_leaves_the_rest(house: House, tmp_path: Path) -> None:
    await house.add("rtsp://192.0.2.7/a", "Front", username="viewer", password="secret")
    await house.add("rtsp://192.0.2.8/a", "Hall")
    (tmp_path / "keys" / "register.key").unlink()
    later = House(tmp_path)
    await later.entries.async_load()
    front, hall = later.entries.async_all()
    assert (front.state, hall.state) == (EntryState.REAUTH, EntryState.UNLOADED)
    (repair,) = later.repairs.async_all()
    assert "Front" in repair.sentence
    assert "camera check front --ask-password" in repair.next_step


async def test_the_same_stream_is_not_added_twice_even_at_the_same_moment(house: House) -> None:
    added = await asyncio.gather(
        *(house.add("rtsp://192.0.2.7/a", f"Camera {number}") for number in range(4)), return_exceptions=True
    )
    (entry,) = [each for each in added if isinstance(each, ConfigEntry)]
    refused = [each for each in added if isinstance(each, Conflict)]
    assert len(refused) == 3
    assert all(repr(entry.entry_id) in str(each) for each in refused)


async def test_an_id_that_footage_bears_is_not_given_to_another_camera(tmp_path: Path) -> None:
    house = House(tmp_path, footage=("door", "door-2"))
    assert (await house.add("rtsp://192.0.2.7/a", "Door")).entry_id == "door-3"


async def test_a_removed_camera_is_gone_from_the_register_too(house: House, tmp_path: Path) -> None:
    entry = await house.add("rtsp://192.0.2.7/a", "Door")
    await house.entries.async_remove(entry)
    later = House(tmp_path)
    await later.entries.async_load()
    assert later.entries.async_all() == []
    assert house.streams == {"door": None}


async def test_what_cannot_be_written_down_is_not_done(house: House, tmp_path: Path) -> None:
    entry = await house.add("rtsp://192.0.2.7/a", "Door", username="viewer", password="right")
    data, stream = dict(entry.data), house.streams["door"]
    state = tmp_path.rename(tmp_path.with_name("away"))  # as a state disk that is gone
    try:
        for act in (house.entries.async_remove(entry), async_try_anew(house.entries, entry, None, "new")):
            with pytest.raises(StorageError):
                await act
            assert house.entries.async_all() == [entry]
            assert entry.data == data
            assert house.streams["door"] == stream
    finally:
        state.rename(tmp_path)


# --- set-up ------------------------------------------------------------------------------------------------------


async def test_a_camera_that_is_not_ready_is_set_up_again_after_longer_and_longer_pauses_until_it_is(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[float] = []

    class Away:
        is_ready = False

        async def async_setup_entry(self, *_given: object) -> None:
            tried.append(hand.time())
            if not self.is_ready:
                raise EntryNotReady("No camera answers.")

        async def async_unload_entry(self, *_given: object) -> None: ...

    entry, away = await house.add("rtsp://192.0.2.7/a", "Door"), Away()
    monkeypatch.setattr(house.entries, "_integration", lambda _domain: away)
    async with hand_time(monkeypatch) as hand:
        await house.entries.async_reload(entry)
        await hand.forward(3600)
        assert entry.state is EntryState.RETRYING
        waits = [later - earlier for earlier, later in itertools.pairwise(tried)]
        usual_s = [5, 10, 20, 40, 80, 160, *[300] * 20]
        assert all(0.8 * usual <= wait <= 1.2 * usual for wait, usual in zip(waits, usual_s, strict=False)), waits
        assert len(waits) > 12
        assert len({round(wait) for wait in waits[6:]}) > 1, "cameras behind one switch do not come back in step"
        away.is_ready = True
        await hand.forward(1.2 * 300)
        assert entry.state is EntryState.LOADED
        tries = len(tried)
        await hand.forward(3600)
        assert len(tried) == tries
        await house.entries.async_unload_all()


async def test_a_camera_that_was_let_go_is_not_tried_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0

    class Away:
        async def async_setup_entry(self, *_given: object) -> None:
            nonlocal tried
            tried += 1
            raise EntryNotReady("No camera answers.")

        async def async_unload_entry(self, *_given: object) -> None: ...

    entry = await house.add("rtsp://192.0.2.7/a", "Door")
    monkeypatch.setattr(house.entries, "_integration", lambda _domain: Away())
    async with hand_time(monkeypatch) as hand:
        await house.entries.async_reload(entry)
        await hand.forward(60)
        before = tried
        await house.entries.async_remove(entry)
        await hand.forward(86_400)
        assert tried == before > 3


# --- finding -----------------------------------------------------------------------------------------------------


async def test_a_camera_is_found_by_id_or_name_and_an_ambiguous_name_names_the_ids(house: House) -> None:
    first = await house.add("rtsp://192.0.2.7/a", "Door")
    assert house.entries.async_get("Door") is house.entries.async_get("door") is first
    second = await house.add("rtsp://192.0.2.8/a", "Side")
    second.title = "Door"  # as in a register that was edited by hand
    assert house.entries.async_get("side") is second
    with pytest.raises(Conflict, match=r"Several cameras are named 'Door'.*door, side"):
        house.entries.async_get("Door")
    with pytest.raises(NotFound, match=r"There is no camera 'nosuch'. Known: door, side."):
        house.entries.async_get("nosuch")


@pytest.mark.parametrize("name", ["Door", " door", "DOOR", "Ｄｏｏｒ"])
async def test_two_cameras_are_not_called_the_same(house: House, name: str) -> None:
    await house.add("rtsp://192.0.2.7/a", "Door")
    with pytest.raises(Conflict, match=r"already named 'Door' \(door\)"):
        await house.add("rtsp://192.0.2.8/a", name)
    assert [entry.title for entry in house.entries.async_all()] == ["Door"]


async def test_what_a_search_finds_is_remembered_up_to_a_bound(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    class Flood:
        def __init__(self, first: int) -> None:
            self.config_flow = self
            self.first = first

        async def async_discover(self, *_: object, **__: object) -> list[DiscoveredCamera]:
            numbers = range(self.first, self.first + MAX_DISCOVERED)
            return [DiscoveredCamera("onvif", f"u{n}", f"Camera {n}", f"http://192.0.2.7:{n}/") for n in numbers]

    for first in (0, 10, 20):
        monkeypatch.setattr("holdshelf_core.cameras.entries.integrations", lambda first=first: {"onvif": Flood(first)})
        assert len(await house.entries.async_discover(None, 1)) == MAX_DISCOVERED
    assert len(house.entries._discovered) == MAX_DISCOVERED
    assert "u19" not in house.entries._discovered
    assert "u20" in house.entries._discovered


@given(st.text(max_size=20_000))
def test_an_unknown_camera_is_refused_in_a_bounded_line_of_inert_text(name: str) -> None:
    entries = Entries(*cast(tuple[Any, Any, Any, Any, Any], (None,) * 5))
    with pytest.raises(NotFound) as refused:
        entries.async_get(name)
    assert len(str(refused.value)) < 1000
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("", "is not an address"),
        ("   ", "is not an address"),
        ("rtsp://[::1", "is not an address"),
        ("http://[::1", "is not an address"),
        ("9ea3125b", "neither a discovered camera nor an address"),
        ("ftp://192.0.2.7/a", "neither a discovered camera nor an address"),
        ("rtsp://", "is not a stream address"),
        ("rtsp://192.0.2.7:99999/a", "port"),
    ],
)
async def test_what_is_no_address_is_refused_before_anything_is_dialed(house: House, target: str, words: str) -> None:
    with pytest.raises((BadRequest, NotFound), match=words) as refused:
        await house.entries.async_draft(target, None, None)
    assert cast(Any, refused.value).next_step or words == "port"


# --- new credentials ---------------------------------------------------------------------------------------------


async def test_a_wrong_new_password_changes_nothing_in_memory_or_on_disk(house: House, tmp_path: Path) -> None:
    entry = await house.add("rtsp://192.0.2.7/a", "Door", username="viewer", password="right")
    data, register = dict(entry.data), (tmp_path / "register.json").read_bytes()

    async def refuse(_draft: EntryDraft) -> EntryDraft:
        raise FlowError("password", "192.0.2.7 refuses this user name or password.")

    with pytest.raises(FlowError):
        await async_try_anew(house.entries, entry, None, "wrong", refuse)
    assert entry.data == data
    assert (tmp_path / "register.json").read_bytes() == register
    assert cast(StreamSource, house.streams["door"]).password == "right"


async def test_a_right_one_is_kept_with_all_that_was_not_given(house: House) -> None:
    entry = await house.add("rtsp://192.0.2.7/a", "Door", username="viewer", password="old")
    tried: list[StreamSource] = []

    async def play(draft: EntryDraft) -> EntryDraft:
        stream = {**draft.data["stream"], "transport": "udp"}
        tried.append(StreamSource.from_dict(stream, draft.data["password"]))
        return replace(draft, data={**draft.data, "stream": stream})

    await async_try_anew(house.entries, entry, None, "new", play)
    await async_try_anew(house.entries, entry, "other", None, play)
    assert [(each.username, each.password) for each in tried] == [("viewer", "new"), ("other", "new")]
    dialed = cast(StreamSource, house.streams["door"])
    assert (dialed.username, dialed.password, dialed.transport) == ("other", "new", "udp")
