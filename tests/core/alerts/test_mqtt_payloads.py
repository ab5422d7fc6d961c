"""What is published by MQTT: topics, payloads, discovery; each value from the report, and nothing else."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from holdshelf_core.alerts import mqtt_payloads
from holdshelf_core.alerts.allowed import KINDS, REASONS, RECORDER_ID, CameraState, Condition
from holdshelf_core.alerts.mqtt_payloads import Message
from holdshelf_core.alerts.types import MqttWay
from tests.core.alerts.reports import LOBBY, STACKS, broken, report, silent

WAY = MqttWay("broker", "mqtt.example", "main", title="Main library")


def read(message: Message | None) -> Any:
    assert message is not None
    return json.loads(message.payload)


def by_topic(messages: list[Message]) -> dict[str, Any]:
    return {message.topic: read(message) for message in messages}


def test_nothing_is_told_of_movement_or_of_who_manages_the_recorder() -> None:
    """A camera's rate, and the password and address of the broker, stay."""
    way = msgspec.structs.replace(WAY, username="somebody", secret="Shelf-4!")
    messages = [*mqtt_payloads.states(way, broken()), *mqtt_payloads.discovery(way, broken())]
    sent = b"".join(one.payload for one in [*messages, mqtt_payloads.about(way, "1")]).decode()
    assert not re.search(r"250000|somebody|Shelf-4|mqtt\.example", sent)


def test_a_camera_that_falls_silent_is_off_with_its_reason_and_the_recorder_has_a_problem() -> None:
    sent = by_topic(mqtt_payloads.states(WAY, broken()))
    lobby, stacks = (sent[f"holdshelf/main/camera/{name}/state"] for name in ("lobby", "stacks"))
    assert lobby == {
        "name": "Front entrance",
        "recording": False,
        "connected": False,
        "reason": "camera_unreachable",
        "days_kept": 14.3,
    }
    assert (stacks["recording"], stacks["reason"]) == (True, "recorded")
    recorder = sent["holdshelf/main/state"]
    assert recorder["problem"] is True and recorder["reviews_overdue"] == 2
    assert [one["words"] for one in recorder["conditions"]] == [
        "Front entrance is not being recorded",
        "Hold reviews that are overdue: 2",
    ]
    assert recorder["conditions"][0]["since"].endswith("Z")


def test_states_are_not_kept_by_the_broker_and_discovery_is() -> None:
    assert not any(one.retain for one in mqtt_payloads.states(WAY, broken()))
    assert all(one.retain for one in mqtt_payloads.discovery(WAY, broken()))


def test_the_recorder_is_a_device_and_each_camera_one_behind_it() -> None:
    sent = by_topic(mqtt_payloads.discovery(WAY, broken()))
    root = "homeassistant/device/holdshelf_main"
    assert set(sent) == {f"{root}/recorder/config", f"{root}/camera_lobby/config", f"{root}/camera_stacks/config"}
    recorder, lobby = sent[f"{root}/recorder/config"], sent[f"{root}/camera_lobby/config"]
    assert recorder["device"]["name"] == "Main library"
    assert set(recorder["components"]) == {
        *("problem", "days_kept", "days_forecast", "oldest", "free", "reviews_overdue", "log_head"),
    }
    assert lobby["device"] == {
        "identifiers": ["holdshelf_main_camera_lobby"],
        "name": "Front entrance",
        "manufacturer": "Holdshelf",
        "model": "Camera",
        "via_device": "holdshelf_main",
    }
    assert set(lobby["components"]) == {"recording", "connected", "reason", "days_kept"}
    ids = [one["unique_id"] for device in sent.values() for one in device["components"].values()]
    assert len(ids) == len(set(ids)) == 15


def test_each_entity_reads_a_field_that_is_sent_and_shows_silence() -> None:
    """No entity takes a command, and each expires, but the event, which has no value."""
    state = by_topic(mqtt_payloads.states(WAY, broken()))
    for device in by_topic(mqtt_payloads.discovery(WAY, broken())).values():
        assert device["availability_topic"] == "holdshelf/main/availability"
        assert "command" not in json.dumps(device)
        for key, one in device["components"].items():
            if one["platform"] == "event":
                assert one["state_topic"] == "holdshelf/main/log_head" and "expire_after" not in one
                continue
            assert one["expire_after"] == mqtt_payloads.EXPIRE_AFTER_S, key
            fields = re.findall(r"value_json\.(\w+)", one["value_template"])
            assert fields and set(fields) <= set(state[device["state_topic"]]), key


def test_each_reason_that_a_camera_can_have_is_an_option() -> None:
    """Home Assistant ignores a value that it was not told of."""
    cameras = [CameraState("a", "A", reason == "recorded", False, reason, 0, None, 0) for reason in REASONS]
    assert {read(mqtt_payloads.states(WAY, report(one))[1])["reason"] for one in cameras} == set(REASONS)
    (device,) = [read(one) for one in mqtt_payloads.discovery(WAY, report(cameras[0])) if "camera_a" in one.topic]
    assert device["components"]["reason"]["options"] == list(REASONS)


@pytest.mark.parametrize("kind", KINDS)
def test_every_condition_of_the_allow_list_can_be_told(kind: str) -> None:
    one = Condition(kind, "error", "lobby", 0, 3)
    told = read(mqtt_payloads.states(WAY, report(silent(LOBBY), conditions=(one,)))[0])
    assert told["conditions"][0]["kind"] == kind
    assert "{" not in told["conditions"][0]["words"]


def test_where_discovery_is_off_nothing_is_announced_and_about_says_so() -> None:
    way = msgspec.structs.replace(WAY, discovery=False)
    assert mqtt_payloads.discovery(way, broken()) == []
    assert read(mqtt_payloads.about(way, "1"))["discovery"] is False


def test_a_log_that_cannot_be_read_has_no_head_and_a_camera_without_footage_no_oldest() -> None:
    assert mqtt_payloads.log_head(WAY, report(head="")) is None
    empty = msgspec.structs.replace(report(STACKS), oldest_utc_ns=None, days_forecast=None)
    told = read(mqtt_payloads.states(WAY, empty)[0])
    assert told["oldest"] is None and told["days_forecast"] is None


def test_an_id_that_would_be_a_topic_of_its_own_is_not_published() -> None:
    bad = CameraState("a/#", "A", True, True, "recorded", 1, None, 1)
    assert len(mqtt_payloads.states(WAY, report(bad))) == 1
    assert not RECORDER_ID.fullmatch("a/b") and not RECORDER_ID.fullmatch("+")
