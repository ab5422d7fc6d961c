"""A broker as a way of the real service: set up, tested, told by the confined sender, removed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.alerts.types import AlertRemove, AlertSet, HeartbeatWay, MqttWay, ReadAlerts
from tests.core.alerts.test_sending import sender_pid
from tests.rig.mosquitto import PASSWORD, WRITER, Mosquitto
from tests.rig.processes import memory_bytes
from tests.service import HoldshelfError, Service, faults_in
from tests.tui.cli.test_driver import Ran, run


@dataclass
class Stage:
    service: Service
    broker: Mosquitto


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("mqtt")
    with ExitStack() as stack:
        broker = stack.enter_context(Mosquitto(folder / "mosquitto", "main"))
        yield Stage(stack.enter_context(Service(folder / "data")), broker)


def way_to(broker: Mosquitto, **changed: object) -> MqttWay:
    way = MqttWay("home", "127.0.0.1", "main", port=broker.port, ca_pem=broker.ca_pem, username=WRITER, secret=PASSWORD)
    return msgspec.structs.replace(way, **changed)


def test_a_service_tells_its_state_to_the_broker_and_removing_the_way_takes_all_back(
    stage: Stage, tmp_path: Path
) -> None:
    service, broker = stage.service, stage.broker
    ca, discovered = tmp_path / "ca.pem", "homeassistant/device/holdshelf_main/recorder/config"
    ca.write_text(broker.ca_pem)

    def alert(*words: str | Path) -> Ran:
        return run("alert", *words, "--data", service.data, env={"BROKER_PASSWORD": PASSWORD})

    there = ("--host", "127.0.0.1", "--port", str(broker.port), "--ca", ca, "--id", "main")
    with broker.listen() as listener:
        added = alert("add", "mqtt", "home", *there, "--user", WRITER, "--password-env", "BROKER_PASSWORD")
        assert f"home tells MQTT, 127.0.0.1:{broker.port}, holdshelf/main. Entry " in added.out, added
        tested = alert("test", "home")
        assert tested.code == 0, tested
        assert json.loads(listener.until(discovered, "Holdshelf").text)
        assert json.loads(listener.until("holdshelf/main/state").text)["cameras"] == []
        assert memory_bytes(sender_pid(service)) < 40 << 20
        entry = service.act(LogShow(action="alert.set")).entries[0].entry
        assert entry["facts"] == {"way": "mqtt", "discovery": "on"}
        assert PASSWORD not in msgspec.json.encode(service.client.read(ReadAlerts())).decode()
        changed = alert("change", "home", "--no-discovery", "--title", "Main library")
        assert changed.code == 0, changed
        assert listener.until(discovered).text == ""
        assert json.loads(listener.until("holdshelf/main/about").text)["title"] == "Main library"
        assert "which decides who hears of it" in alert("change", "home", "--quiet", "22:00-07:00").refusal()
        assert "it has no --every" in alert("change", "home", "--every", "2").refusal()
        assert service.act(AlertRemove("home")).sentence == "home is removed"
        assert listener.until("holdshelf/main/about").text == ""
        service.act(AlertSet(HeartbeatWay("pulse", secret="http://127.0.0.1:9/ping"), new=True))
        for options in (("--host", "mqtt.example", "--every", "2"), ("--quiet", "22:00-07:00"), ("--title", "x")):
            assert "only --every and its address" in alert("change", "pulse", *options).refusal()
        assert "every 1 to 1440 minutes" in alert("change", "pulse", "--every", "0").refusal()
        assert alert("change", "pulse", "--every", "7").code == 0
        assert next(row.way for row in service.client.read(ReadAlerts()) if row.way.name == "pulse").every_minutes == 7
    assert faults_in(service.log()) == []


def test_a_way_that_moves_leaves_nothing_at_the_old_broker_or_says_what_it_leaves(stage: Stage, tmp_path: Path) -> None:
    """Here and there are two brokers, by two names of this machine."""
    service, here = stage.service, stage.broker
    place = "homeassistant/device/holdshelf_main/recorder/config"
    with Mosquitto(tmp_path / "there", "main") as there:
        plain = way_to(here, name="moves", security="none", ca_pem="", port=here.plain_port)
        with here.listen() as heard_here, there.listen() as heard_there:
            service.act(AlertSet(plain, new=True))
            heard_here.until(place, "Holdshelf")
            moved = msgspec.structs.replace(plain, host="localhost", port=there.plain_port)
            done = service.act(AlertSet(moved))
            assert done.sentence == f"moves tells MQTT, localhost:{there.plain_port}, holdshelf/main"
            heard_there.until(place, "Holdshelf")
            heard_there.until("holdshelf/main/state")
        assert kept_by(here) == set()
        assert kept_by(there) == {"holdshelf/main/about", "holdshelf/main/availability", place}
        there.give_password(WRITER, "changed meanwhile")
        done = service.act(AlertSet(plain))
        assert "refuses the user name or password" in done.sentence and "holdshelf/main/about" in done.sentence
        there.give_password(WRITER, PASSWORD)
        # As docs/home-assistant.md says.
        page = (Path(__file__).parents[3] / "docs" / "home-assistant.md").read_text()
        commands = [line for line in page.splitlines() if line.startswith("mosquitto_pub ") and "CAMERA" not in line]
        login = f"-h 127.0.0.1 -p {there.plain_port} -u {WRITER} -P '{PASSWORD}'"
        for command in commands:
            subprocess.run(command.replace("-h OLD-BROKER -u USER -P PASSWORD", login), shell=True, check=True)
        assert kept_by(there) == set()
        service.act(AlertRemove("moves"))
    assert faults_in(service.log()) == []


def kept_by(broker: Mosquitto) -> set[str]:
    """The topics of which a broker keeps something."""
    with broker.listen() as listener:
        broker.publish("homeassistant/status", "marker")
        listener.until("homeassistant/status")
    return {heard.topic for heard in listener.heard if heard.retained}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"host": "mqtt.example", "security": "none"}, "is allowed to this machine only"),
        ({"id": "a/#"}, "cannot be the recorder's id"),
        ({"ca_pem": "-----BEGIN"}, "contains no certificate"),
        ({"secret": ""}, "needs a password"),
    ],
)
def test_settings_of_a_broker_that_cannot_work_are_refused_with_a_sentence(
    stage: Stage, changed: dict[str, object], words: str
) -> None:
    with pytest.raises(HoldshelfError, match=words):
        stage.service.act(AlertSet(way_to(stage.broker, **changed), new=True))
