"""Whoever has somebody's public key learns nothing with it: not whether it is enrolled, not which names there are."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tui.ssh.door_rig import DoorHouse
from tests.tui.ssh.forger import Forger, forge

PK_OK = 60
ASKED, MOST_ASKED = 8, 60


class Ear:
    """Hears what asyncssh takes for an answer to a log-in of its own."""

    def __init__(self, hear: Callable[[int, bytes], None]) -> None:
        self._hear = hear

    def process_packet(self, kind: int, _number: int, packet: Any) -> bool:
        self._hear(kind, packet.get_remaining_payload())
        return True

    def log_received_packet(self, *_given: Any) -> None:
        """Not logged."""

    def cancel(self) -> None:
        """Nothing is under way."""


async def answer(house: DoorHouse, login: str, key: Path) -> tuple[int, bytes, float]:
    """What the door says when it is asked whether that key would do for that name: packet, contents, and after how long."""
    heard: list[tuple[int, bytes, float]] = []

    def script(forger: Forger) -> None:
        began_s = time.perf_counter()

        def hear(kind: int, body: bytes) -> None:
            heard.append((kind, body, time.perf_counter() - began_s))
            forger.abort()

        forger._auth = Ear(hear)  # type: ignore[assignment]
        forger.offer(login, key)

    await forge(house.port, script)
    (said,) = heard
    return said


async def refusal(house: DoorHouse, login: str, key: Path) -> list[int]:
    """The kinds of packets after a signature that is not the key's."""
    forger = await forge(house.port, lambda forger: forger.sign(login, key, spoil=True))
    return forger.heard


async def test_an_enrolled_key_is_answered_as_any_other_for_every_name(house: DoorHouse) -> None:
    house.enrol("uma", "Uma")
    said = set()
    for login in ("uma", "dora", "director", "admin", "no-such-name"):
        for name in ("uma", "nobody"):
            kind, body, _ = await answer(house, login, house.new_key(name))
            said.add((kind, len(body)))
    assert {kind for kind, _ in said} == {PK_OK}
    assert len(said) == 1


async def test_a_signature_that_is_not_the_keys_is_refused_alike(house: DoorHouse) -> None:
    said = set()
    for login, key in (("uma", "uma"), ("uma", "nobody"), ("no-such-name", "uma"), ("no-such-name", "nobody")):
        said.add(tuple(await refusal(house, login, house.new_key(key))))
    assert len(said) == 1, said


@pytest.mark.alone  # it compares times
async def test_how_long_the_answer_takes_does_not_tell_either(house: DoorHouse) -> None:
    """Nothing is looked up before a signature. The quickest of each: what a busy machine adds, it adds to both."""
    took: dict[str, list[float]] = {"uma": [], "nobody": []}

    def are_alike() -> bool:
        enrolled, unknown = (min(times) for times in took.values())
        return abs(enrolled - unknown) < max(0.01, min(enrolled, unknown))

    for number in range(MOST_ASKED):
        for name, times in took.items():
            times.append((await answer(house, "uma", house.new_key(name)))[2])
        if number >= ASKED and are_alike():
            break
    assert are_alike(), took


def test_whose_name_a_key_does_not_go_with_is_told_alike_for_names_that_are_there_and_that_are_not(
    house: DoorHouse,
) -> None:
    said = {house.run(login, "holds", key="uma").err.replace(login, "NAME") for login in ("dora", "no-such-name")}
    (words,) = {"".join(line for line in text.splitlines() if "Holdshelf:" in line) for text in said}
    assert "does not belong to 'NAME'" in words
