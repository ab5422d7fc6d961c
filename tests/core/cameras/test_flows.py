"""Flows by themselves: bounded, short-lived, and open for as long as somebody refuses a password."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, cast

import pytest

from holdshelf_core.cameras.flows import DEVICE, LIFE_NS, MAX_OPEN, STREAM, Flows
from holdshelf_core.errors import BadRequest, NotFound
from holdshelf_core.integration import EntryDraft, FlowError
from holdshelf_core.integration.bus import Event


class Entries:
    """As far as flows ask: every address is a stream's, and none is here."""

    def __init__(self) -> None:
        self.tried: list[tuple[str, str | None, str | None]] = []
        self.refuse = False
        self.places = [("seating", "seating area")]

    def async_resolve(self, target: str) -> tuple[str, str]:
        return target, "stream"

    def async_added_from(self, _target: str) -> None:
        return None

    def async_added_as(self, _draft: EntryDraft) -> None:
        return None

    async def async_draft(
        self, target: str, username: str | None, password: str | None, profile: str = ""
    ) -> EntryDraft:
        self.tried.append((target, username, password))
        if self.refuse:
            raise FlowError("password", "No.")
        return EntryDraft("stream", "id", "Door", {"address": target, "stream": {}}, ("a warning",))


class Time:
    """A boot clock that is set by hand."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def entries() -> Entries:
    return Entries()


@pytest.fixture
def flows(entries: Entries, time: Time) -> Flows:
    return Flows(cast(Any, entries), time)


async def play(draft: EntryDraft, transport: str) -> EntryDraft:
    return replace(draft, data={**draft.data, "transport": transport})


async def test_what_was_tried_is_kept_for_its_flow_alone_and_a_no_keeps_nothing(flows: Flows, entries: Entries) -> None:
    step = flows.async_begin("rtsp://door/1")
    with pytest.raises(BadRequest, match="not tried"):
        flows.async_tried(step.flow)
    entries.refuse = True
    with pytest.raises(FlowError) as refused:
        await flows.async_try(flows.async_get(step.flow), "a", "b", "tcp", play)
    assert refused.value.field == "password"
    with pytest.raises(BadRequest, match="not tried"):
        flows.async_tried(step.flow)
    entries.refuse = False
    place = await flows.async_try(flows.async_get(step.flow), "a", "c", "udp", play)
    assert (place.flow, place.step, place.warnings) == (step.flow, "place", ["a warning"])
    assert next(f.value for f in place.fields if f.key == "name") == "Door"
    assert flows.async_tried(step.flow).data["transport"] == "udp"
    assert flows.async_added(step.flow) is None
    with pytest.raises(NotFound):
        flows.async_tried(step.flow)


def test_flows_are_few_and_end_by_themselves(flows: Flows, time: Time) -> None:
    first = flows.async_begin("rtsp://door/first").flow
    for number in range(MAX_OPEN):
        last = flows.async_begin(f"rtsp://door/{number}").flow
    with pytest.raises(NotFound, match="finished, or were begun too long ago"):
        flows.async_get(first)
    assert flows.async_get(last).address == f"rtsp://door/{MAX_OPEN - 1}"
    time.now_ns += LIFE_NS
    with pytest.raises(NotFound):
        flows.async_get(last)


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("rtsp://viewer:mellon@door/1", "--user"),
        ("rtsp://viewer:mel/lon@door/1", "--user"),
        ("rtsp://:mellon@door/1", "--user"),
        ("http://viewer:mellon@door/onvif", "--user"),
        ("viewer:mellon@192.0.2.7", "--user"),
        ("whep+https://mellon@door/whep", "--user"),
        ("rtsp://viewer:mellon@[::1/x", "--user"),
        ("rtsp://door/1?user=viewer&password=mellon", "{password}"),
        ("rtsp://door/user=viewer_password=mellon_channel=1", "{password}"),
    ],
)
def test_a_password_in_an_address_is_refused_with_the_way_to_give_it(flows: Flows, address: str, advice: str) -> None:
    with pytest.raises(FlowError) as refused:
        flows.async_begin(address)
    assert advice in refused.value.next_step
    assert "--password-file" in refused.value.next_step
    assert refused.value.field == "address"
    assert not re.search("mel.?lon", str(refused.value))


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://door/1",
        "rtsp://door:554/x@1",
        "rtsp://viewer@door/1",
        "rtsp://door/1?user=viewer&password={password}",
        "rtsp://[::1]:554/1",
        "192.0.2.7",
        "http://door:80/onvif/device_service",
        "",
    ],
)
def test_an_address_without_a_password_is_none_to_refuse(address: str) -> None:
    Flows.async_check_address(address)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("whep://gate.lan/door/whep", "whep+https://gate.lan/door/whep"),
        ("https://gate.lan:8889/door/whep", "whep+https://gate.lan:8889/door/whep"),
        ("http://gate.lan/whep", "whep+http://gate.lan/whep"),
    ],
)
def test_a_whep_address_in_another_form_is_told_how_to_be_given(flows: Flows, typed: str, told: str) -> None:
    with pytest.raises(FlowError) as refused:
        flows.async_begin(typed)
    assert (refused.value.field, told in refused.value.next_step) == ("address", True)
    Flows.async_check_address(told)


def state(state: str, reason: str = "") -> Event:
    return Event("camera_state", {"camera": "door", "state": state, "reason": reason})


def test_a_reauth_is_open_while_device_or_stream_refuses(flows: Flows) -> None:
    flows.async_camera_state(state("dialling", "camera unreachable"))
    assert flows.async_asks("door") == ""
    flows.async_camera_state(state("dialling", "auth refused"))
    flows.async_refused("door", DEVICE, refused=True)
    assert flows.async_asks("door") == "reauth"
    flows.async_camera_state(state("recording"))
    assert flows.async_asks("door") == "reauth", "the device still refuses it"
    flows.async_refused("door", DEVICE, refused=False)
    assert flows.async_asks("door") == ""
    flows.async_refused("door", STREAM, refused=True)
    flows.async_settled("door")
    assert flows.async_asks("door") == ""


def test_an_empty_start_asks_for_the_address(flows: Flows) -> None:
    step = flows.async_begin("  ")
    assert (step.flow, step.step, [f.needed for f in step.fields]) == ("", "pick", [True])
