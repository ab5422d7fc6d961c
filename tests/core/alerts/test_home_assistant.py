"""In a real Home Assistant: discovery without any code there, and our integration; `make test-ha` brings it.

Soak: it needs 800 MB of packages that are not ours, and half a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.alerts import mqtt_payloads
from holdshelf_core.alerts.allowed import REASONS, Report
from holdshelf_core.alerts.mqtt import Mqtt
from holdshelf_core.alerts.types import MqttWay
from holdshelf_core.alerts.ways import Reports
from tests.core.alerts.reports import LOBBY, STACKS, broken, report
from tests.rig.four_ways import FourWays
from tests.rig.home_assistant import VARIABLE, HomeAssistant, until
from tests.rig.mosquitto import PASSWORD, WRITER, Mosquitto

INTEGRATION = Path(__file__).parents[3] / "contrib" / "home-assistant" / "custom_components" / "holdshelf"
pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(VARIABLE not in os.environ, reason="`make test-ha` brings Home Assistant and runs this"),
]
RECORDING = "binary_sensor.front_entrance_recording"
WELL = report(LOBBY, STACKS)
WAY = MqttWay("broker", "127.0.0.1", "main", title="Main library", discovery=False)


class Publisher:
    """A publisher, and a service that makes the same report every half second until it is given another one."""

    def __init__(self, broker: Mosquitto, folder: Path, **changed: object) -> None:
        way = MqttWay("broker", "127.0.0.1", "main", title="Main library", port=broker.port, ca_pem=broker.ca_pem)
        self._way = msgspec.structs.replace(way, username=WRITER, secret=PASSWORD, **changed)
        self._folder = folder
        self.report: Report | None = WELL
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Publisher:
        reports = Reports()
        self._folder.mkdir(exist_ok=True)
        self._tasks = [
            asyncio.create_task(Mqtt(self._way, self._folder / "broker.json").run(reports, lambda _health: None)),
            asyncio.create_task(self._report(reports)),
        ]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def _report(self, reports: Reports) -> None:
        while True:
            if self.report is not None:
                reports.put(self.report)
            await asyncio.sleep(0.5)


@contextlib.asynccontextmanager
async def home(folder: Path, *, integration: bool = True) -> AsyncIterator[tuple[Mosquitto, HomeAssistant]]:
    with Mosquitto(folder / "mosquitto", "main") as broker:
        async with HomeAssistant(folder / "home", INTEGRATION if integration else None) as assistant:
            await assistant.add_broker(broker)
            yield broker, assistant
        log = assistant.log()
        assert not [line for line in log.splitlines() if "ERROR" in line and "holdshelf" in line.lower()], log
        assert "custom_components/holdshelf" not in log, "a traceback"


async def add_integration(assistant: HomeAssistant, step: str) -> str:
    """Confirm what was discovered; the id of its entry."""

    async def offered() -> dict[str, Any] | None:
        flows = await assistant.ask("config_entries/flow/progress")
        return next((one for one in flows if one["handler"] == "holdshelf"), None)

    flow = await until("the recorder is discovered", offered)
    assert (flow["step_id"], flow["context"]["title_placeholders"]) == (step, {"name": "Main library"})
    done = await assistant.post(f"config/config_entries/flow/{flow['flow_id']}")
    assert (done["type"], done["title"]) == ("create_entry", "Main library")
    return str(done["result"]["entry_id"])


async def until_issues(assistant: HomeAssistant, *issues: str) -> None:
    wanted = {f"main_{one}" for one in issues}

    async def so() -> bool:
        return set(await assistant.issues()) == wanted

    await until(f"the repairs are {wanted}", so)


async def entities(assistant: HomeAssistant) -> dict[str, str]:
    """Of the recorder: entity → platform."""
    listed = await assistant.ask("config/entity_registry/list")
    return {one["entity_id"]: one["platform"] for one in listed if one["platform"] in ("mqtt", "holdshelf")}


async def test_discovery_makes_entities_without_any_code_in_home_assistant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_payloads, "EXPIRE_AFTER_S", 3)
    async with home(tmp_path, integration=False) as (broker, assistant):
        async with Publisher(broker, tmp_path / "state") as publisher:
            await assistant.until_state(RECORDING, "on")
            await assistant.until_state("sensor.main_library_oldest_footage", "2026-11-04T04:53:20+00:00")
            await assistant.until_state("sensor.main_library_free_space", "1234.6")
            await assistant.until_state("binary_sensor.main_library_problem", "off")
            publisher.report = broken()
            await assistant.until_state(RECORDING, "off")
            await assistant.until_state("sensor.front_entrance_reason", "camera_unreachable")
            await assistant.until_state("binary_sensor.main_library_problem", "on")
            await assistant.until_state("sensor.main_library_reviews_overdue", "2")
            problem = await assistant.get("states/binary_sensor.main_library_problem")
            assert problem["attributes"]["conditions"][0] == "Front entrance is not being recorded"
            publisher.report = report(LOBBY, STACKS, head="813 77e0d2")

            async def seen() -> bool:
                event = await assistant.get("states/event.main_library_log_head")
                return event["attributes"].get("head") == "813 77e0d2"

            await until("the log's new head is there", seen)
            publisher.report = report(LOBBY)

            async def removed() -> bool:
                return not [one for one in await entities(assistant) if "stacks" in one]

            await until("the other camera is gone", removed)
            publisher.report = None
            await assistant.until_state(RECORDING, "unavailable")
            publisher.report = WELL
            await assistant.until_state(RECORDING, "on")
        await assistant.until_state(RECORDING, "unavailable")


async def test_the_integration_has_entities_repairs_and_diagnostics_also_after_restarts(tmp_path: Path) -> None:
    async with home(tmp_path) as (broker, assistant):
        async with Publisher(broker, tmp_path / "state", discovery=False) as publisher:
            entry = await add_integration(assistant, "confirm")
            await assistant.until_state(RECORDING, "on")
            publisher.report = broken()
            await assistant.until_state(RECORDING, "off")
            await assistant.until_state("sensor.front_entrance_reason", "camera_unreachable")
            await until_issues(assistant, "camera_silent_lobby", "reviews_overdue")
            silent = (await assistant.issues())["main_camera_silent_lobby"]
            assert (silent["severity"], silent["translation_key"]) == ("error", "camera_silent")
            assert silent["translation_placeholders"]["camera"] == "Front entrance"
            told = (await assistant.get(f"diagnostics/config_entry/{entry}"))["data"]
            assert told["cameras"]["camera 1"]["reason"] == "camera_unreachable"
            for private in ("Front entrance", "lobby", "Main library", "Stacks"):
                assert private not in str(told), private
            health = (await assistant.asks({"type": "system_health/info"}, events=True))[0]["data"]["holdshelf"]
            assert health["info"]["recorders_heard"] == 1

            await assistant.stop()
            await assistant.start()
            await until_issues(assistant, "camera_silent_lobby", "reviews_overdue")
            await assistant.until_state(RECORDING, "off")

            await asyncio.to_thread(broker.stop)
            await assistant.until_state(RECORDING, "unavailable")
            await asyncio.to_thread(broker.start)
            await assistant.until_state(RECORDING, "off")
            publisher.report = WELL
            await assistant.until_state(RECORDING, "on")
            await until_issues(assistant)
        await until_issues(assistant, "recorder_silent")
        async with Publisher(broker, tmp_path / "state", discovery=False):
            await until_issues(assistant)
            await assistant.until_state(RECORDING, "on")


async def test_by_discovery_alone_a_real_service_has_its_unplugged_camera_off_and_on_again(tmp_path: Path) -> None:
    async with home(tmp_path, integration=False) as (broker, assistant):
        with contextlib.ExitStack() as stack:
            ways = await asyncio.to_thread(stack.enter_context, FourWays(tmp_path / "recorder", broker))
            await assistant.until_state("binary_sensor.door_recording", "on")
            ways.unplug()
            await assistant.until_state("binary_sensor.door_recording", "off")
            assert await assistant.state("sensor.door_reason") in set(REASONS) - {"recorded"}
            ways.plug_in()
            await assistant.until_state("binary_sensor.door_recording", "on")


async def test_an_unplugged_camera_is_told_there_as_by_mail_in_the_metrics_and_in_the_journal(tmp_path: Path) -> None:
    """With the real service, whose confined sender publishes: entity, repair, diagnostics and system health, and the end."""
    async with home(tmp_path) as (broker, assistant):
        ways = FourWays(tmp_path / "recorder", broker, discovery=False)
        with contextlib.ExitStack() as stack:
            await asyncio.to_thread(stack.enter_context, ways)
            entry = await add_integration(assistant, "confirm")
            await assistant.until_state("binary_sensor.door_recording", "on")
            ways.unplug()
            await assistant.until_state("binary_sensor.door_recording", "off")
            await asyncio.to_thread(ways.await_changes, False)
            silent = await until("the repair is there", lambda: repair(assistant, f"camera_silent_{ways.camera}"))
            assert (silent["severity"], silent["translation_key"]) == ("error", "camera_silent")
            assert silent["translation_placeholders"]["camera"] == "Door"
            assert await assistant.state("sensor.door_reason") in set(REASONS) - {"recorded"}
            told = (await assistant.get(f"diagnostics/config_entry/{entry}"))["data"]
            states = {number: (one["recording"], one["reason"]) for number, one in told["cameras"].items()}
            assert states["camera 2"] == (True, "recorded"), states
            assert states["camera 1"][0] is False and states["camera 1"][1] in REASONS
            kinds = {(one["kind"], one["camera"]) for one in told["recorder"]["conditions"]}
            assert ("camera_silent", "camera 1") in kinds
            for private in ("Door", "door", "Hall", "Main library"):
                assert private not in str(told), private
            health = (await assistant.asks({"type": "system_health/info"}, events=True))[0]["data"]["holdshelf"]
            assert health["info"]["recorders_heard"] == 1
            ways.plug_in()
            await assistant.until_state("binary_sensor.door_recording", "on")
            await asyncio.to_thread(ways.await_changes, False, True)

            async def gone() -> bool:
                return await repair(assistant, f"camera_silent_{ways.camera}") is None

            await until("the repair is gone", gone)
            await asyncio.to_thread(ways.service.stop)
            await until("the silent recorder is a repair", lambda: repair(assistant, "recorder_silent"))
            await asyncio.to_thread(ways.service.start)
            await assistant.until_state("binary_sensor.door_recording", "on")


async def repair(assistant: HomeAssistant, issue: str) -> dict[str, Any] | None:
    """One of ours; None while it is not there."""
    found: dict[str, Any] | None = (await assistant.issues()).get(f"main_{issue}")
    return found


async def test_discovery_and_the_integration_never_make_the_same_entity_twice(tmp_path: Path) -> None:
    async with home(tmp_path) as (broker, assistant):

        async def only(platform: str) -> None:
            async def so() -> bool:
                found = await entities(assistant)
                return len(found) == 15 and set(found.values()) == {platform}

            await until(f"all entities are of {platform}", so)
            await assistant.until_state(RECORDING, "on")

        async with Publisher(broker, tmp_path / "state"):
            await add_integration(assistant, "repairs")
            await only("mqtt")
        async with Publisher(broker, tmp_path / "state", discovery=False) as publisher:
            await only("holdshelf")
            publisher.report = broken()
            await until_issues(assistant, "camera_silent_lobby", "reviews_overdue")
        async with Publisher(broker, tmp_path / "state"):
            await only("mqtt")
            await until_issues(assistant)


async def test_a_recorder_is_chosen_by_hand_and_offered_once(tmp_path: Path) -> None:
    async with home(tmp_path) as (broker, assistant):
        begin, flows = {"handler": "holdshelf"}, "config/config_entries/flow"
        nothing = await assistant.post(flows, begin)
        assert (nothing["type"], nothing["reason"]) == ("abort", "no_devices_found")
        async with Publisher(broker, tmp_path / "state", discovery=False) as publisher:
            await add_integration(assistant, "confirm")
            await assistant.until_state(RECORDING, "on")
            assert (await assistant.post(flows, begin))["reason"] == "no_devices_found"
            (entry,) = await assistant.ask("config_entries/get", domain="holdshelf")
            publisher.report = broken()
            await until_issues(assistant, "camera_silent_lobby", "reviews_overdue")
            await assistant.delete(f"config/config_entries/entry/{entry['entry_id']}")
            assert await entities(assistant) == {} and await assistant.issues() == {}
            chosen = await assistant.post(flows, begin)
            assert chosen["step_id"] == "user", chosen
            done = await assistant.post(f"{flows}/{chosen['flow_id']}", {"id": "main"})
            assert (done["type"], done["title"]) == ("create_entry", "Main library")
            await assistant.until_state(RECORDING, "off")


async def test_nothing_malformed_breaks_anything_and_each_topic_is_warned_of_once(tmp_path: Path) -> None:
    """By whoever else may write to the broker: what is whole is shown, what is not is unavailable, and nothing goes by it."""
    well = {one.topic: json.loads(one.payload) for one in mqtt_payloads.states(WAY, broken())}
    state, camera = "holdshelf/main/state", "holdshelf/main/camera/lobby/state"
    issues = ("camera_silent_lobby", "reviews_overdue")
    async with home(tmp_path) as (broker, assistant):

        async def tell(topic: str, told: object, *, retain: bool = False) -> None:
            text = told if isinstance(told, str) else json.dumps(told)
            done = await asyncio.to_thread(broker.publish, topic, text, user=WRITER, retain=retain)
            assert done.returncode == 0, done.stderr

        async def all_is_well() -> None:
            for topic, told in well.items():
                await tell(topic, told)
            await assistant.until_state(RECORDING, "off")
            await assistant.until_state("sensor.main_library_free_space", "1234.567890123")
            await until_issues(assistant, *issues)

        marks = itertools.count(1000)
        mark_topic = "holdshelf/main/camera/stacks/state"

        async def after(topic: str, told: object) -> None:
            """Tell it, and wait until what was told after it is shown."""
            await tell(topic, told)
            mark = next(marks)
            await tell(mark_topic, {**well[mark_topic], "days_kept": mark})
            await assistant.until_state("sensor.stacks_1_north_days_kept", f"{mark}")

        about = json.loads(mqtt_payloads.about(WAY, "1").payload)
        await tell("holdshelf/main/about", about, retain=True)
        await tell("holdshelf/main/availability", "online", retain=True)
        entry = await add_integration(assistant, "confirm")
        await all_is_well()
        for text in ("", "{", "[]", "null", "[" * 5000, "x" * 2_000_000, "NaN"):
            for topic in (
                state,
                camera,
                "holdshelf/main/log_head",
                "holdshelf/main/about",
                "holdshelf/main/availability",
            ):
                if (topic, text) != ("holdshelf/main/availability", ""):
                    await after(topic, text)
        assert (
            await assistant.state(RECORDING) == "off"
            and await assistant.state("binary_sensor.main_library_problem") == "on"
        )
        for wrong in (None, "x", [1], {}, -1, 10**30, True):
            await after(state, dict.fromkeys(well[state], wrong))
            assert await assistant.state("sensor.main_library_reviews_overdue") == "unavailable"
            await after(camera, dict.fromkeys(well[camera], wrong))
            assert await assistant.state("sensor.front_entrance_reason") in ("unavailable", "unknown")
            await after("holdshelf/main/log_head", {"head": wrong})
            await after("holdshelf/main/about", {"format": 1, "id": "main", "title": wrong})
            await until_issues(assistant, *issues)
            assert (await assistant.get(f"diagnostics/config_entry/{entry}"))["data"]["online"] is True
        rows = well[state]["conditions"]
        await after(
            state, {**well[state], "conditions": [{"kind": "camera_loses"}, "x", rows[1]], "cameras": ["lobby", 3]}
        )
        await until_issues(assistant, *issues)
        problem = await assistant.get("states/binary_sensor.main_library_problem")
        assert problem["attributes"]["conditions"] == ["Hold reviews that are overdue: 2"]
        await all_is_well()
        await after("holdshelf/main/camera/é/state", well[camera])
        await tell(state, {**well[state], "conditions": rows[1:], "cameras": ["lobby"]})
        await until_issues(assistant, "reviews_overdue")
        assert await assistant.state("sensor.stacks_1_north_days_kept") is None, "its camera is no longer there"
        warned = [line for line in assistant.log().splitlines() if "is not what a recorder tells" in line]
        topics = [line.partition("holdshelf/main/")[2].split()[0] for line in warned]
        assert sorted(topics) == ["about", "availability", "camera", "camera/lobby", "log_head", "state"], warned
        await tell("holdshelf/main/about", {**about, "expire_after_s": 1}, retain=True)
        for topic in (state, camera):
            await tell(topic, well[topic])
        await assistant.until_state(RECORDING, "unavailable")
        await until_issues(assistant, "recorder_silent", "camera_silent_lobby", "reviews_overdue")


async def test_what_is_no_recorder_is_not_offered(tmp_path: Path) -> None:
    async with home(tmp_path) as (broker, assistant):
        good = json.loads(mqtt_payloads.about(WAY, "1").payload)
        for number, told in enumerate(
            ([], {}, {**good, "id": 3}, {**good, "title": None}, {**good, "format": 2}, good)
        ):
            text = json.dumps(told)
            done = await asyncio.to_thread(broker.publish, "holdshelf/main/about", text, user=WRITER, retain=True)
            assert done.returncode == 0, number
            if told is not good:
                chosen = await assistant.post("config/config_entries/flow", {"handler": "holdshelf"})
                assert (chosen["type"], chosen["reason"]) == ("abort", "no_devices_found"), told
        flow = await add_integration(assistant, "confirm")
        assert flow
        again = await assistant.post("config/config_entries/flow", {"handler": "holdshelf"})
        assert again["reason"] == "no_devices_found"
        await asyncio.to_thread(broker.stop)

        async def says_so() -> bool:
            said = await assistant.post("config/config_entries/flow", {"handler": "holdshelf"})
            return bool(said["reason"] == "mqtt_not_connected")

        await until("it says that the broker is away", says_so)
        await asyncio.to_thread(broker.start)
