"""What is tried again, and when: messages, heartbeats, and a way that fails in itself. By a clock of the test's (ADR 71)."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from holdshelf_core.alerts import heartbeat as heartbeat_module
from holdshelf_core.alerts import link, messages, sender, words
from holdshelf_core.alerts.allowed import Condition
from holdshelf_core.alerts.handed_on import Deliveries
from holdshelf_core.alerts.heartbeat import Heartbeat
from holdshelf_core.alerts.link import Message
from holdshelf_core.alerts.messages import MessageWay
from holdshelf_core.alerts.types import Health, HeartbeatWay, MailWay
from holdshelf_core.alerts.ways import DELIVER_S, Reports, Undelivered
from tests.core.alerts.reports import report
from tests.rig.hand_clock import NS, HandTime, hand_time

WAY = MailWay("desk", "127.0.0.1", ("it@library.example",), "recorder@library.example")
SILENT = Condition("camera_silent", "error", "lobby", 0)


@pytest.fixture
async def hand(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HandTime]:
    async with hand_time(monkeypatch, messages, heartbeat_module, sender) as made:
        yield made


class Relay:
    """A transport that notes when it is asked, and does as it is told."""

    def __init__(self, hand: HandTime) -> None:
        self._clock, self._began_ns = hand.clock, hand.clock.now_ns
        self.error: Undelivered | None = None
        self.hangs: threading.Event | None = None
        self.asked: list[tuple[float, str]] = []
        self.given_up = 0

    def deliver(self, message: Message) -> str:
        self.asked.append(((self._clock.now_ns - self._began_ns) / NS, message.id))
        if self.hangs is not None:
            self.hangs.wait()
        if self.error is not None:
            raise self.error
        return ""

    def give_up(self) -> None:
        self.given_up += 1

    @property
    def at_s(self) -> list[float]:
        return [round(at_s, 3) for at_s, _ in self.asked]


class Sent:
    """A way of messages at work."""

    def __init__(self, hand: HandTime, folder: Path) -> None:
        self.hand, self.relay, self.reports = hand, Relay(hand), Reports()
        self.way = MessageWay(WAY, self.relay, folder, UTC, hand.clock.utc_ns)
        self.told: list[Health] = []

    def report(self, *conditions: Condition) -> None:
        self.reports.put(report(conditions=conditions))

    async def forward(self, seconds: float) -> None:
        """A second at a time: the relay answers from a thread of its own, which is waited for."""
        for _ in range(round(seconds)):
            await self.hand.forward(1)
            busy = self.way._busy
            if self.relay.hangs is None and busy is not None:
                await self.hand.until(busy.done)


@asynccontextmanager
async def sending(hand: HandTime, folder: Path) -> AsyncIterator[Sent]:
    sent = Sent(hand, folder)
    task = asyncio.create_task(sent.way.run(sent.reports, sent.told.append))
    try:
        yield sent
    finally:
        if sent.relay.hangs is not None:
            sent.relay.hangs.set()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def pauses_of(at_s: list[float]) -> list[float]:
    return [round(later - earlier) for earlier, later in itertools.pairwise(at_s)]


async def test_a_message_waits_for_others_of_the_same_moments_and_then_goes_out(hand: HandTime, tmp_path: Path) -> None:
    async with sending(hand, tmp_path) as sent:
        sent.report(SILENT)
        await sent.forward(3)
        assert sent.relay.asked == []
        await sent.forward(2)
        assert sent.relay.at_s == [4]
        await sent.forward(3600)
        assert len(sent.relay.asked) == 1, "nobody reports anything new"


@pytest.mark.parametrize(
    ("refused", "pauses"),
    [
        (False, [10, 20, 40, 80, 160, 300, 300, 300]),
        (True, [10, 20, 40, 80, 160, 320, 640, 1280, 1800, 1800]),
    ],
)
async def test_a_message_is_tried_again_after_longer_and_longer_pauses_until_it_is_taken(
    hand: HandTime, tmp_path: Path, refused: bool, pauses: list[int]
) -> None:
    async with sending(hand, tmp_path) as sent:
        sent.relay.error = Undelivered("The relay is away.", refused=refused)
        sent.report(SILENT)
        await sent.forward(4 + sum(pauses))
        assert pauses_of(sent.relay.at_s) == pauses
        assert len({one for _, one in sent.relay.asked}) == 1, "with the same id"
        assert (sent.told[-1].ok, sent.told[-1].waiting) == (False, 1)
        tries = len(sent.relay.asked)
        sent.relay.error = None
        await sent.forward(pauses[-1])
        assert len(sent.relay.asked) == tries + 1
        assert (sent.told[-1].ok, sent.told[-1].waiting) == (True, 0)
        # What fails later begins with the shortest pause again.
        sent.relay.error = Undelivered("The relay is away.")
        sent.report()
        await sent.forward(60)
        assert pauses_of(sent.relay.at_s[tries + 1 :])[:2] == [10, 20]


async def test_what_waits_for_a_relay_that_is_away_is_bounded_in_number_and_in_length(
    hand: HandTime, tmp_path: Path
) -> None:
    async with sending(hand, tmp_path) as sent:
        sent.relay.error = Undelivered("The relay is away.")
        for number in range(12):
            sent.report(*(Condition("camera_silent", "error", f"c{number}-{one}", 0) for one in range(60)))
            await sent.forward(15)
        state = messages.read_state(tmp_path / "desk.json")
        assert state is not None
        texts = [one.message.text for one in state.waiting]
        assert max(map(len, texts)) > 5000
        assert len(texts) > 5 and sum(map(len, texts)) <= messages.MOST_WAITING_CHARS
        assert "c0-0 is" in texts[0] and any("c11-0 is" in text for text in texts[-2:])
        outcomes = [row.outcome for row in state.sent]
        assert outcomes and set(outcomes) == {"dropped"}
        assert sent.told[-1].waiting == len(texts)


async def test_what_waits_goes_out_as_soon_as_a_test_message_was_taken(hand: HandTime, tmp_path: Path) -> None:
    async with sending(hand, tmp_path) as sent:
        sent.relay.error = Undelivered("The relay is away.")
        sent.report(SILENT)
        await sent.forward(4 + 10 + 20 + 40)
        sent.relay.error = None
        tries = len(sent.relay.asked)
        await sent.way.test()
        await hand.until(lambda: len(sent.relay.asked) == tries + 2)
        await hand.until(lambda: sent.told[-1].waiting == 0)


async def test_a_relay_that_hangs_is_given_up_after_a_minute_and_asked_no_second_time_beside(
    hand: HandTime, tmp_path: Path
) -> None:
    async with sending(hand, tmp_path) as sent:
        sent.relay.hangs = threading.Event()
        sent.report(SILENT)
        await hand.forward(4)
        await hand.until(lambda: sent.relay.asked)
        await hand.forward(DELIVER_S - 1)
        assert (sent.relay.given_up, sent.told[-1].ok) == (0, None)
        await hand.forward(2)
        assert (sent.relay.given_up, sent.told[-1].ok) == (1, False)
        assert "was not taken within 60 s" in sent.told[-1].sentence
        await hand.forward(3600)
        assert len(sent.relay.asked) == 1, "its thread lives, so no other is begun"
        assert "is still on its way" in sent.told[-1].sentence
        hangs, sent.relay.hangs = sent.relay.hangs, None
        hangs.set()
        busy = sent.way._busy
        assert busy is not None
        await hand.until(busy.done)
        await sent.forward(300)
        assert sent.told[-1].ok is True


async def test_heartbeats_go_out_as_often_as_was_asked_and_sooner_after_one_that_failed(
    hand: HandTime, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay, told, reports = Relay(hand), list[Health](), Reports()
    way = Heartbeat(HeartbeatWay("pulse", "127.0.0.1", secret="http://127.0.0.1:1/", every_minutes=5))
    monkeypatch.setattr(way, "_ask", lambda: relay.deliver(words.test_message("pulse", "", 0, UTC)))
    task = asyncio.create_task(way.run(reports, told.append))

    async def beats(count: int) -> None:
        while len(told) < count:
            if round(hand.time()) % 10 == 0:  # the service makes a report every ten seconds
                reports.put(msgspec.structs.replace(report(), at_utc_ns=hand.clock.utc_ns()))
            await hand.forward(1)
            if way._busy is not None:
                await hand.until(way._busy.done)

    await beats(4)
    assert all(300 <= pause <= 310 for pause in pauses_of(relay.at_s)), relay.at_s
    relay.error = Undelivered("It is away.")
    await beats(8)
    assert pauses_of(relay.at_s)[3] >= 300
    assert all(30 <= pause <= 40 for pause in pauses_of(relay.at_s)[4:]), relay.at_s
    assert told[-1].ok is False
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_way_that_fails_in_itself_is_begun_anew_after_longer_and_longer_pauses(hand: HandTime) -> None:
    began: list[float] = []
    lasts_s = 0.0

    class Fails:
        async def run(self, _reports: object, _tell: object) -> None:
            began.append(hand.time())
            await asyncio.sleep(lasts_s)
            raise RuntimeError("a mistake of ours")

        async def test(self) -> None: ...

    said: list[bytes] = []
    says = SimpleNamespace(get_write_buffer_size=lambda: 0, write=said.append)
    process = sender.Sender({"desk": Fails()}, cast(Any, says), Deliveries())
    task = asyncio.create_task(process._run("desk", Fails()))
    await hand.forward(2000)
    assert pauses_of(began)[:8] == [5, 10, 20, 40, 80, 160, 300, 300]
    healths = [one.health for one in map(link.to_service.decode, said) if isinstance(one, link.Does)]
    assert len(healths) > 8 and {one.ok for one in healths} == {False}
    assert len({one.since_utc_ns for one in healths}) == 1, (
        "since the first time: it becomes a repair that the others tell"
    )
    lasts_s = sender.RESTART_CAP_S + 1
    before = len(began)
    await hand.forward(3000)
    assert pauses_of(began[before:])[1:3] == [round(lasts_s) + 5] * 2, "one that worked for long begins soon"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
