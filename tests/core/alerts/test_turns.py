"""Deliveries by Apprise take turns, of all ways together. By a clock of the test's (ADR 71)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from holdshelf_core.alerts import link, turns
from holdshelf_core.alerts.turns import HURRIED, NOT_IN_TURN, SHARED_S, STILL, WAITS_S, Turns
from holdshelf_core.alerts.types import AppriseWay
from holdshelf_core.alerts.ways import DELIVER_S, NOT_TAKEN
from holdshelf_core.processes.online_link import Ready
from tests.core.alerts.test_by_apprise import MESSAGE
from tests.rig.hand_clock import HandTime, hand_time

DONE = ""


@dataclass
class Services:
    """What stands behind the ways: a delivery lasts until it is answered."""

    began: list[str] = field(default_factory=list)
    under_way: dict[str, asyncio.Future[str]] = field(default_factory=dict)
    slow_to_end: asyncio.Event | None = None

    async def deliver(self, task: link.Task, confined: Callable[[Ready], None]) -> link.Delivered:
        assert not self.under_way, "one at a time"
        name = task.way.name
        self.began.append(name)
        self.under_way[name] = asyncio.get_running_loop().create_future()
        confined(Ready(6, True))
        try:
            return link.Delivered(task.number, await self.under_way[name])
        finally:
            if self.slow_to_end is not None:
                await self.slow_to_end.wait()
            del self.under_way[name]

    def answer(self, name: str, sentence: str = DONE) -> None:
        self.under_way[name].set_result(sentence)


@dataclass
class Stage:
    hand: HandTime
    services: Services
    turns: Turns
    answers: list[tuple[int, str]]

    def ask(self, *names: str) -> None:
        """The way's number is that in its name."""
        for name in names:
            self.turns.ask(link.Task(AppriseWay(name, "json", secret="json://x"), int(name[1:]), MESSAGE))

    async def answered(self, name: str, sentence: str = DONE) -> None:
        await self.hand.settled()
        self.services.answer(name, sentence)
        await self.hand.settled()


@pytest.fixture
async def stage(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    services = Services()
    monkeypatch.setattr(turns, "async_deliver", services.deliver)
    answers: list[tuple[int, str]] = []
    async with hand_time(monkeypatch) as hand:
        made = Turns(lambda delivered: answers.append((delivered.number, delivered.sentence)))
        yield Stage(hand, services, made, answers)
        if services.slow_to_end is not None:
            services.slow_to_end.set()
        if left := made.leave():
            await asyncio.wait(left)


async def test_one_is_delivered_at_a_time_and_each_way_has_one_message_at_most(stage: Stage) -> None:
    stage.ask("w1", "w2", "w3")
    stage.ask("w1", "w2")
    assert stage.answers == [(1, STILL), (2, STILL)]
    await stage.answered("w1")
    await stage.answered("w2")
    await stage.answered("w3")
    assert stage.services.began == ["w1", "w2", "w3"]
    assert stage.answers[2:] == [(1, DONE), (2, DONE), (3, DONE)]
    stage.ask("w1")
    await stage.answered("w1")
    assert stage.turns.ready == Ready(6, True)


async def test_one_that_hangs_alone_has_a_minute_and_while_others_wait_a_third_of_it(stage: Stage) -> None:
    stage.ask("w1")
    await stage.hand.forward(DELIVER_S - 1)
    assert stage.answers == []
    await stage.hand.forward(2)
    assert stage.answers == [(1, NOT_TAKEN)]
    stage.ask("w1")
    await stage.hand.settled()
    stage.ask("w2")
    await stage.hand.forward(SHARED_S - 1)
    assert stage.services.began == ["w1", "w1"]
    await stage.hand.forward(2)
    assert stage.answers[1:] == [(1, HURRIED)] and stage.services.began[2:] == ["w2"]
    # Asked for while one hangs for long already: that one has had its time.
    await stage.hand.forward(SHARED_S + 5)
    stage.ask("w3")
    await stage.hand.settled()
    assert stage.services.began[3:] == ["w3"] and stage.answers[2:] == [(2, HURRIED)]


async def test_a_way_that_works_goes_before_those_that_failed(stage: Stage) -> None:
    stage.ask("w1", "w2")
    await stage.answered("w1", "It is away.")
    await stage.answered("w2", "It is away.")
    stage.ask("w1", "w2", "w3")
    await stage.hand.settled()
    assert stage.services.began[2:] == ["w3"], "asked for last"
    await stage.answered("w3")
    await stage.answered("w1")
    await stage.answered("w2")
    stage.ask("w2", "w1")
    await stage.answered("w2")
    await stage.answered("w1")
    assert stage.services.began[3:] == ["w1", "w2", "w2", "w1"]


async def test_one_whose_turn_came_too_late_is_not_begun_and_none_lasts_longer_than_the_sender_waits(
    stage: Stage,
) -> None:
    stage.ask("w1", "w2", "w3", "w4")
    began = stage.hand.time()
    ended: dict[int, float] = {}
    while len(stage.answers) < 4:
        await stage.hand.forward(0.5)
        for number, _ in stage.answers:
            ended.setdefault(number, stage.hand.time() - began)
    assert stage.answers == [(1, HURRIED), (2, HURRIED), (3, HURRIED), (4, NOT_IN_TURN)]
    assert stage.services.began == ["w1", "w2", "w3"]
    assert max(ended.values()) <= DELIVER_S + 1 and WAITS_S + SHARED_S <= DELIVER_S


async def test_none_begins_before_what_was_left_has_ended(stage: Stage) -> None:
    stage.services.slow_to_end = asyncio.Event()
    stage.ask("w1", "w2")
    await stage.hand.settled()
    left = stage.turns.leave()
    stage.ask("w1")
    await stage.hand.settled()
    assert stage.services.began == ["w1"] and stage.answers == []
    stage.services.slow_to_end.set()
    await asyncio.wait(left)
    await stage.answered("w1")
    assert stage.services.began == ["w1", "w1"] and stage.answers == [(1, DONE)], "what waited is forgotten"
