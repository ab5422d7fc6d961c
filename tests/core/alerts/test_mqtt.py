"""The publisher, against a real mosquitto that it may only write to, and against brokers that are none."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import resource
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.alerts import mqtt, mqtt_wire
from holdshelf_core.alerts.allowed import Report
from holdshelf_core.alerts.mqtt import Mqtt
from holdshelf_core.alerts.types import Health, MqttWay
from holdshelf_core.alerts.ways import Reports, Undelivered
from tests.core.alerts.reports import LOBBY, STACKS, broken, report, silent
from tests.rig.hang import HANG_S
from tests.rig.mosquitto import PASSWORD, STRANGER, WRITER, Listener, Mosquitto

BASE = "holdshelf/main"
ROOT = "homeassistant/device/holdshelf_main"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "LET_GO_S", 0.0)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mosquitto]:
    with Mosquitto(tmp_path_factory.mktemp("mosquitto"), "main") as started:
        yield started


def way_to(broker: Mosquitto, **changed: object) -> MqttWay:
    way = MqttWay(
        "broker", "127.0.0.1", "main", port=broker.port, ca_pem=broker.ca_pem, username=WRITER, secret=PASSWORD
    )
    return msgspec.structs.replace(way, **changed)


class Running:
    """A publisher at work. ``put`` gives it a report; ``health`` waits for what it tells of itself."""

    def __init__(self, way: MqttWay, folder: Path) -> None:
        self.reports = Reports()
        self.told: asyncio.Queue[Health] = asyncio.Queue()
        self.task = asyncio.create_task(Mqtt(way, folder / "broker.json").run(self.reports, self.told.put_nowait))

    def put(self, *reports: Report) -> None:
        for one in reports:
            self.reports.put(one)

    async def health(self, *, ok: bool) -> Health:
        async with asyncio.timeout(HANG_S):
            while True:
                health = await self.told.get()
                if health.ok is ok:
                    return health


@contextlib.asynccontextmanager
async def running(way: MqttWay, folder: Path) -> AsyncIterator[Running]:
    publisher = Running(way, folder)
    try:
        yield publisher
    finally:
        publisher.task.cancel()
        async with asyncio.timeout(HANG_S):
            await asyncio.wait({publisher.task})


async def until(listener: Listener, topic: str, text: str | None = None) -> str:
    return (await asyncio.to_thread(listener.until, topic, text)).text


async def test_a_report_arrives_by_tls_and_a_camera_that_falls_silent_with_the_next(
    broker: Mosquitto, tmp_path: Path
) -> None:
    with broker.listen() as listener:
        async with running(way_to(broker), tmp_path) as publisher:
            publisher.put(report(LOBBY, STACKS))
            assert json.loads(await until(listener, f"{BASE}/about"))["id"] == "main"
            await until(listener, f"{ROOT}/camera_lobby/config", "Front entrance")
            await until(listener, f"{BASE}/availability", "online")
            assert json.loads(await until(listener, f"{BASE}/camera/lobby/state"))["recording"] is True
            assert (await publisher.health(ok=True)).sentence == ""
            publisher.put(broken())
            assert json.loads(await until(listener, f"{BASE}/log_head"))["head"] == "812 3fa9c1"
            lobby = json.loads(await until(listener, f"{BASE}/camera/lobby/state"))
            assert (lobby["recording"], lobby["reason"]) == (False, "camera_unreachable")
            publisher.put(report(LOBBY, head="813 77e0d2"))
            assert json.loads(await until(listener, f"{BASE}/log_head"))["head"] == "813 77e0d2", "none between"
        await until(listener, f"{BASE}/availability", "offline")
        topics = [heard.topic for heard in listener.heard]
        assert topics.count(f"{ROOT}/recorder/config") == 1, "discovery did not change"


async def test_a_camera_that_is_renamed_is_announced_anew_and_one_that_is_removed_is_taken_back(
    broker: Mosquitto, tmp_path: Path
) -> None:
    renamed = msgspec.structs.replace(LOBBY, name="Lobby, left")
    async with running(way_to(broker), tmp_path) as publisher:
        publisher.put(report(LOBBY, STACKS))
        await publisher.health(ok=True)
        with broker.listen() as listener:
            await until(listener, f"{ROOT}/camera_stacks/config", "Stacks")
            publisher.put(report(renamed, STACKS))
            await until(listener, f"{ROOT}/camera_lobby/config", "Lobby, left")
            publisher.put(report(renamed))
            assert await until(listener, f"{ROOT}/camera_stacks/config") == ""
    # The other one is removed while no publisher runs: the next one knows what was announced.
    async with running(way_to(broker), tmp_path) as publisher:
        with broker.listen() as listener:
            publisher.put(report())
            assert await until(listener, f"{ROOT}/camera_lobby/config", "Lobby, left")
            assert await until(listener, f"{ROOT}/camera_lobby/config") == ""
    # And with discovery off, the recorder goes, too.
    async with running(way_to(broker, discovery=False), tmp_path) as publisher:
        publisher.put(report(LOBBY))
        await publisher.health(ok=True)
        with broker.listen() as listener:
            assert json.loads(await until(listener, f"{BASE}/about"))["discovery"] is False
            publisher.put(report(LOBBY))
            await until(listener, f"{BASE}/camera/lobby/state")
            assert [one for one in listener.heard if one.topic.startswith("homeassistant/")] == []


async def test_a_publisher_that_dies_is_offline_by_its_last_will(broker: Mosquitto, tmp_path: Path) -> None:
    way = way_to(broker)
    link = await mqtt.Link.open(way, client_id="holdshelf-main", will=mqtt.availability(way, mqtt.OFFLINE))
    await link.publish([mqtt.availability(way, mqtt.ONLINE)])
    with broker.listen() as listener:
        await until(listener, f"{BASE}/availability", "online")
        link._writer.transport.abort()  # as the kernel does when a process dies
        await until(listener, f"{BASE}/availability", "offline")
        await link.close()
    with broker.listen() as listener:
        assert await until(listener, f"{BASE}/availability") == "offline", "kept for whoever asks later"


async def test_after_a_restart_of_the_broker_all_is_there_again(
    broker: Mosquitto, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "PAUSE_FIRST_S", 0.1)
    async with running(way_to(broker), tmp_path) as publisher:
        publisher.put(report(LOBBY))
        await publisher.health(ok=True)
        broker.stop()
        failed = await publisher.health(ok=False)
        assert failed.sentence == f"The MQTT broker 127.0.0.1:{broker.port} hung up."
        publisher.put(report(LOBBY))
        broker.start()
        with broker.listen() as listener:
            async with asyncio.timeout(HANG_S):
                while publisher.told.empty() or not publisher.told.get_nowait().ok:
                    publisher.put(report(silent(LOBBY)))
                    await asyncio.sleep(0.2)
            assert json.loads(await until(listener, f"{BASE}/camera/lobby/state"))["recording"] is False
            assert f"{ROOT}/camera_lobby/config" in [heard.topic for heard in listener.heard]


async def test_a_broker_that_commands_is_not_heard_since_nothing_is_subscribed_to(
    broker: Mosquitto, tmp_path: Path
) -> None:
    """Nor can the reader write where the recorder does."""
    async with running(way_to(broker), tmp_path) as publisher:
        publisher.put(report(LOBBY))
        await publisher.health(ok=True)
        assert broker.publish("homeassistant/status", "online").returncode == 0
        for topic in (f"{BASE}/state", f"{BASE}/command", f"{ROOT}/recorder/config"):
            assert "Not authorized" in broker.publish(topic, "OFF").stderr
        with broker.listen() as listener:
            publisher.put(report(LOBBY))
            await until(listener, f"{BASE}/camera/lobby/state")
        assert publisher.told.empty(), "the connection did not notice"
    subscribed = [
        line for line in (broker.folder / "log").read_text().splitlines() if "holdshelf-main" in line and "SUBS" in line
    ]
    assert subscribed == []


async def test_a_test_logs_in_writes_and_leaves_the_connection_at_work_alone(broker: Mosquitto, tmp_path: Path) -> None:
    async with running(way_to(broker), tmp_path) as publisher:
        publisher.put(report(LOBBY))
        await publisher.health(ok=True)
        await Mqtt(way_to(broker), tmp_path / "broker.json").test()
        with broker.listen() as listener:
            publisher.put(report(LOBBY))
            await until(listener, f"{BASE}/camera/lobby/state")
        assert publisher.told.empty()


async def test_what_a_real_broker_refuses_is_told_in_our_words(broker: Mosquitto, tmp_path: Path) -> None:
    where = f"The MQTT broker 127.0.0.1:{broker.port}"
    wrong = f"The MQTT broker 127.0.0.1:{broker.wrong_port} shows a certificate that is not trusted: "
    cases = {
        f"{where} refuses the user name or password.": {"secret": "wrong"},
        f"{where} does not let this user write holdshelf/main/# and {ROOT}/#.": {"username": STRANGER},
        f"{where} shows a certificate that is not trusted: it is signed by itself": {"ca_pem": ""},
        f"{wrong}it is for another address.": {"port": broker.wrong_port, "ca_pem": broker.other_ca_pem},
        f"The MQTT broker 127.0.0.1:{broker.plain_port} ": {"port": broker.plain_port},
        "The MQTT broker 127.0.0.1:1 is not running": {"port": 1},
        "The network does not know the name": {"host": "broker.invalid"},
    }
    for sentence, changed in cases.items():
        with pytest.raises(Undelivered) as raised:
            await Mqtt(way_to(broker, **changed), tmp_path / "broker.json").test()
        assert raised.value.sentence.startswith(sentence), raised.value.sentence
        assert "Shelf-4" not in raised.value.sentence


ACCEPTED = b"\x20\x03\x00\x00\x00"
type Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def _silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """It accepts, and acknowledges nothing."""
    writer.write(ACCEPTED)
    await reader.read()


def _sending(first: bytes, endless: bytes) -> Answer:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(first)
        while not endless:
            if not await reader.read(1000):
                return
        while True:
            writer.write(endless)
            await writer.drain()

    return answer


HOSTILE: dict[str, tuple[Answer, str]] = {
    "silent": (_silent, "does not answer."),
    "deaf": (_deaf, "does not acknowledge what it is sent."),
    "a message of 256 MB": (
        _sending(ACCEPTED + b"\x30\xff\xff\xff\x7f\0\x01a", bytes(1_000_000)),
        "sent what was not asked for, which was not read.",
    ),
    "a CONNACK of 256 MB": (_sending(b"\x20\xff\xff\xff\x7f", bytes(1_000_000)), "does not answer as an MQTT broker."),
    "messages without end": (
        _sending(ACCEPTED, b"\x34\x06\0\x01a\0\x01b" * 1000),
        "sent what was not asked for, which was not read.",
    ),
    "answers to no ping": (_sending(ACCEPTED, b"\xd0\0" * 10_000), "sent what was not asked for, which was not read."),
    "acknowledgements of nothing": (
        _sending(ACCEPTED, b"\x40\x02\xff\xff" * 10_000),
        "sent what was not asked for, which was not read.",
    ),
    "MQTT 3": (_sending(b"\x20\x02\0\x01", b""), "does not speak MQTT 5."),
    "a web server": (_sending(b"HTTP/1.1 400 Bad Request\r\n\r\n", b"x" * 1000), "does not answer as an MQTT broker."),
    "a message at once": (_sending(b"\x30\x04\0\x01ab", b""), "does not answer as an MQTT broker."),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_broker_holds_up_nothing_and_takes_no_memory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Those that say nothing are waited for; the others speak at once, as the machine has time.
    for limit in ("CONNECT_S", "ANSWER_S"):
        monkeypatch.setattr(mqtt, limit, 0.5 if name in ("silent", "deaf") else 20.0)
    answer, sentence = HOSTILE[name]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await answer(reader, writer)
        writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    way = MqttWay("broker", "127.0.0.1", "main", port=port, security="none")
    async with running(way, tmp_path) as publisher:
        publisher.put(report(*(msgspec.structs.replace(LOBBY, id=f"camera-{one}") for one in range(100))))
        told = await publisher.health(ok=False)
    assert told.sentence == f"The MQTT broker 127.0.0.1:{port} {sentence}"
    # The server's own buffers are in this process, too.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 16_000
    server.close()


async def test_a_broker_that_takes_one_message_at_a_time_gets_them_so(tmp_path: Path) -> None:
    """Receive Maximum 1, and a keep-alive of its own."""
    alone: list[bool] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(await _head(reader))
        writer.write(b"\x20\x09\x00\x00\x06\x21\x00\x01\x13\x00\x0a")
        for _ in range(3):
            body = await reader.readexactly(await _head(reader))
            number = 2 + int.from_bytes(body[:2])
            try:
                async with asyncio.timeout(0.1):
                    await reader.read(1)
                alone.append(False)
            except TimeoutError:
                alone.append(True)
            writer.write(b"\x40\x02" + body[number : number + 2])
        await reader.read()

    async def _head(reader: asyncio.StreamReader) -> int:
        await reader.readexactly(1)
        length = shift = 0
        while True:
            byte = (await reader.readexactly(1))[0]
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return length

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    way = MqttWay("broker", "127.0.0.1", "main", port=server.sockets[0].getsockname()[1], security="none")
    link = await mqtt.Link.open(way, client_id="one", will=None)
    assert link.ping_s == 5.0
    await link.publish([mqtt.availability(way, mqtt.ONLINE)] * 3)
    assert alone == [True] * 3
    await link.close()
    server.close()


def test_an_answer_of_random_bytes_is_read_or_refused_and_never_more() -> None:
    chance = random.Random(58)
    for _ in range(3000):
        body = b"\0\0" + chance.randbytes(chance.randrange(40))
        for read in (mqtt_wire.accepted, mqtt_wire.acknowledged):
            with contextlib.suppress(mqtt_wire.WireError):
                read(body)


def test_a_pause_doubles_up_to_half_a_minute() -> None:
    pauses = mqtt._pauses()
    assert [next(pauses) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]


async def test_stopping_does_not_wait_for_a_log_in_that_is_not_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt, "CONNECT_S", 3600)

    async def serve(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()

    came = asyncio.Event()
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    way = MqttWay("broker", "127.0.0.1", "main", port=server.sockets[0].getsockname()[1], security="none")
    async with running(way, tmp_path) as publisher:
        publisher.put(report(LOBBY))
        await came.wait()
    server.close()


async def test_a_way_that_leaves_takes_back_all_that_the_broker_keeps(broker: Mosquitto, tmp_path: Path) -> None:
    way = Mqtt(way_to(broker), tmp_path / "broker.json")
    reports = Reports()
    running_ = asyncio.create_task(way.run(reports, lambda _health: None))
    with broker.listen() as listener:
        reports.put(report(LOBBY))
        await until(listener, f"{BASE}/camera/lobby/state")
    await way.leave()
    with broker.listen() as listener:
        broker.publish("homeassistant/status", "marker")
        await until(listener, "homeassistant/status")
        kept = [heard.topic for heard in listener.heard if heard.retained]
    assert [topic for topic in kept if "main" in topic] == []
    reports.put(report(LOBBY))  # which nobody tells
    running_.cancel()
    await asyncio.wait({running_})
