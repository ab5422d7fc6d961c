"""What the integration for Home Assistant reads of what comes from the broker: all that a recorder tells, and nothing else.

Its module `payloads` imports nothing of Home Assistant, so it is tried here without one; what entities and repairs make of it is
in `test_home_assistant.py`, in a real one.
"""

from __future__ import annotations

import copy
import importlib.util
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.alerts import mqtt_payloads
from holdshelf_core.alerts.allowed import KINDS, SEVERITIES, Condition
from holdshelf_core.alerts.types import MqttWay
from tests.core.alerts.reports import LOBBY, STACKS, broken, report, silent

FOLDER = Path(__file__).parents[3] / "contrib" / "home-assistant" / "custom_components" / "holdshelf"
WAY = MqttWay("broker", "127.0.0.1", "main", title="Main library")


def _load() -> Any:
    spec = importlib.util.spec_from_file_location("holdshelf_ha_payloads", FOLDER / "payloads.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


payloads = _load()
ABOUT = "holdshelf/main/about"
READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    ABOUT: lambda told: payloads.about(ABOUT, told),
    "holdshelf/main/state": payloads.recorder,
    "holdshelf/main/camera/lobby/state": payloads.camera,
    "holdshelf/main/log_head": payloads.log_head,
}


def told_by_a_recorder() -> dict[str, dict[str, Any]]:
    """One good payload for each of `READERS`."""
    head = mqtt_payloads.log_head(WAY, broken())
    assert head is not None
    sent = [mqtt_payloads.about(WAY, "1.2"), *mqtt_payloads.states(WAY, broken()), head]
    return {one.topic: json.loads(one.payload) for one in sent if one.topic in READERS}


HUGE = "x" * 100_000
WRONG: tuple[Any, ...] = (
    *(
        None,
        True,
        0,
        -1,
        1.5,
        1e300,
        -1e300,
        10**30,
        "",
        "x",
        HUGE,
        "\ud800",
        "2026-13-45T99:99:99Z",
        "0001-01-01T00:00:00+14:00",
    ),
    *(
        "2026-01-01T00:00:00",
        [],
        {},
        [None],
        [[]],
        [{}],
        ["a/b"],
        ["a"] * 5000,
        [{"kind": 1}],
        [{"kind": "x"}] * 5000,
        {"a": {}},
    ),
)


def each_change(told: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The payload with each field missing, and with each wrong value in its place; of a condition's fields, too."""
    for field in told:
        yield field, {key: value for key, value in told.items() if key != field}
        for wrong in WRONG:
            yield field, {**told, field: wrong}
    for number, row in enumerate(told.get("conditions", [])):
        for _field, changed in each_change(row):
            rows = list(told["conditions"])
            rows[number] = changed
            yield "conditions", {**told, "conditions": rows}


def can_be_shown(fields: dict[str, Any]) -> None:
    """As entities, repairs and diagnostics take it."""
    for one in fields.get("conditions", ()):
        assert {"kind", "severity", "camera", "name", "count", "words"} <= set(one)
        assert all(isinstance(one[key], str) for key in ("kind", "severity", "camera", "name", "words"))
    for value in fields.values():
        assert len(str(value)) < 2000 or isinstance(value, list)
    json.dumps(fields, default=lambda at: at.isoformat()).encode()


@pytest.mark.parametrize("topic", READERS)
def test_all_that_a_recorder_tells_is_read_and_nothing_of_it_is_bad(topic: str) -> None:
    told = told_by_a_recorder()[topic]
    fields, bad = READERS[topic](told)
    assert bad == ()
    assert fields and set(fields) == set(told) - {"at", "event_type"} | set(fields) & {"at"}
    can_be_shown(fields)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("severity", SEVERITIES)
def test_each_condition_that_there_is_can_be_read(kind: str, severity: str) -> None:
    rows = (Condition(kind, severity, "lobby", 0, 3), Condition(kind, severity, "", 0))
    sent = mqtt_payloads.states(WAY, report(silent(LOBBY), STACKS, conditions=rows))[0]
    fields, bad = payloads.recorder(payloads.read(sent.payload.decode()))
    assert bad == () and [(one["kind"], one["camera"]) for one in fields["conditions"]] == [(kind, "lobby"), (kind, "")]


@pytest.mark.parametrize("topic", READERS)
def test_whatever_a_field_is_the_others_are_read_and_it_alone_is_named(topic: str) -> None:
    told = told_by_a_recorder()[topic]
    whole = READERS[topic](told).fields
    tried = 0
    for field, changed in each_change(told):
        fields, bad = READERS[topic](copy.deepcopy(changed))
        assert set(bad) <= {field}, (field, str(changed.get(field))[:100])
        assert {key: fields.get(key) for key in whole if key != field} == {
            key: whole[key] for key in whole if key != field
        }
        can_be_shown(fields)
        tried += 1
    assert tried > 20
    if topic.endswith("/main/state"):
        assert payloads.recorder({**told, "conditions": [*told["conditions"], {"kind": "x"}]}) == (
            whole,
            ("conditions",),
        )
        assert payloads.recorder({**told, "newer": 1}) == (whole, ())


def test_two_fields_at_once_and_none_at_all() -> None:
    rng = random.Random(17)
    for topic, told in told_by_a_recorder().items():
        for _ in range(500):
            changed = {key: rng.choice(WRONG) if rng.random() < 0.4 else value for key, value in told.items()}
            can_be_shown(READERS[topic](changed).fields)
        assert READERS[topic]({}).fields in ({}, {"conditions": []})


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "{",
        "null",
        "1",
        "[]",
        '"x"',
        "NaN",
        '{"a": NaN}',
        '{"a": Infinity}',
        "[" * 100_000,
        '{"a":' * 100_000,
        b"{}",
        None,
        "\x00",
    ],
)
def test_what_is_no_object_is_none(payload: object) -> None:
    assert payloads.read(payload) is None


def test_what_is_longer_than_any_recorder_tells_is_not_even_parsed() -> None:
    assert payloads.read('{"a": "' + "x" * 1_000 + '"}') is not None
    assert payloads.read('{"a": "' + "x" * payloads.MOST_CHARACTERS + '"}') is None
    most = payloads.MOST_CAMERAS
    cameras = [
        mqtt_payloads.CameraState(f"camera-{n}", "N" * 60, True, True, "recorded", 1, None, 1) for n in range(most)
    ]
    rows = tuple(Condition("camera_silent", "error", one.id, 0) for one in cameras)
    sent = mqtt_payloads.states(WAY, report(*cameras, conditions=rows))[0].payload.decode()
    told = payloads.read(sent)
    assert told is not None and payloads.recorder(told).bad == (), f"{len(sent)} characters"


def test_a_recorder_is_one_only_under_its_own_topic_and_in_a_form_that_is_understood() -> None:
    told = told_by_a_recorder()[ABOUT]
    assert not payloads.NEEDED & set(payloads.about(ABOUT, told).bad)
    for topic, changed in (
        ("holdshelf/other/about", told),
        ("holdshelf/a/b/about", {**told, "id": "a/b"}),
        (ABOUT, {**told, "format": 2}),
        (ABOUT, {**told, "title": ""}),
        (ABOUT, {**told, "discovery": "no"}),
        (ABOUT, {}),
    ):
        assert payloads.NEEDED & set(payloads.about(topic, changed).bad), (topic, changed)
    assert not payloads.NEEDED & set(payloads.about(ABOUT, {**told, "version": 3, "expire_after_s": -1}).bad)


@pytest.mark.parametrize(
    ("topic", "camera"),
    [
        ("holdshelf/main/camera/lobby/state", "lobby"),
        ("holdshelf/main/camera//state", None),
        (f"holdshelf/main/camera/{'x' * 101}/state", None),
        ("holdshelf/main/camera/é/state", None),
        ("holdshelf/main/state", None),
    ],
)
def test_a_camera_is_named_by_its_topic(topic: str, camera: str | None) -> None:
    assert payloads.camera_of(topic) == camera
