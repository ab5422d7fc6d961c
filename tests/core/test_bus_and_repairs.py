"""The event bus and the repairs on it: told once at the start, once at the end, whoever else fails."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.integration.bus import ANY, Event, EventBus
from holdshelf_core.integration.reasons import advise
from holdshelf_core.integration.repairs import RepairRegistry

COMMANDS = st.sampled_from(["create", "delete", "delete_camera"])
ISSUES = st.sampled_from(["silent:a", "silent:b", "volume"])


class Wall:
    """A clock that counts the times it was asked."""

    def __init__(self) -> None:
        self.now = 0

    def __call__(self) -> int:
        self.now += 1
        return self.now


def test_listeners_hear_their_events_in_order_and_any_hears_all() -> None:
    bus, heard = EventBus(Wall()), []
    bus.async_listen("gap_began", lambda event: heard.append(("one", event.data["n"])))
    bus.async_listen(ANY, lambda event: heard.append((event.type, event.data.get("n"))))
    bus.async_fire("gap_began", {"n": 1})
    bus.async_fire("segment_closed")
    bus.async_fire("gap_began", {"n": 2})
    assert heard == [("one", 1), ("gap_began", 1), ("segment_closed", None), ("one", 2), ("gap_began", 2)]


def test_an_event_carries_when_it_was_fired() -> None:
    bus, heard = EventBus(Wall()), list[Event]()
    bus.async_listen("x", heard.append)
    bus.async_fire("x")
    bus.async_fire("x")
    assert [event.at_utc_ns for event in heard] == [1, 2]


def test_a_listener_that_fails_stops_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    bus, heard = EventBus(Wall()), list[Event]()

    def broken(_event: Event) -> None:
        raise RuntimeError("broken listener")

    bus.async_listen("x", broken)
    bus.async_listen("x", heard.append)
    bus.async_fire("x")
    assert len(heard) == 1
    assert "a listener of x failed" in caplog.text


def test_unsubscribing_ends_it_also_twice_and_from_within_the_listener() -> None:
    bus, heard = EventBus(Wall()), list[Event]()

    def once(event: Event) -> None:
        heard.append(event)
        unsubscribe()

    unsubscribe = bus.async_listen("x", once)
    others = bus.async_listen("x", heard.append)
    bus.async_fire("x")
    bus.async_fire("x")
    assert len(heard) == 3, "once for `once`, twice for the other"
    unsubscribe()
    others()
    bus.async_fire("x")
    assert len(heard) == 3


@given(st.lists(st.tuples(COMMANDS, ISSUES), max_size=40))
def test_a_repair_opens_once_and_closes_once_however_often_it_is_raised(acts: list[tuple[str, str]]) -> None:
    bus, told = EventBus(Wall()), list[tuple[str, str]]()
    bus.async_listen(ANY, lambda event: told.append((event.type, event.data["issue_id"])))
    repairs, open_now = RepairRegistry(bus, Wall()), set[str]()
    for act, issue in acts:
        camera = issue.partition(":")[2] or None
        if act == "create":
            repairs.async_create(issue, camera_id=camera, sentence="It is silent.", next_step="Look.")
            open_now.add(issue)
        elif act == "delete":
            repairs.async_delete(issue)
            open_now.discard(issue)
        elif camera:
            repairs.async_delete_for_camera(camera)
            open_now.discard(issue)
        assert {repair.issue_id for repair in repairs.async_all()} == open_now
    for issue in ("silent:a", "silent:b", "volume"):
        events = [kind for kind, of in told if of == issue]
        assert events == ["repair_opened", "repair_closed"] * (len(events) // 2) + ["repair_opened"] * (len(events) % 2)


def test_a_repair_raised_again_changes_its_words_and_keeps_its_beginning() -> None:
    repairs = RepairRegistry(EventBus(Wall()), Wall())

    def raise_it(sentence: str) -> None:
        repairs.async_create("volume", camera_id=None, sentence=sentence, next_step="Mount it.")

    raise_it("The disk is missing.")
    since = repairs.async_all()[0].since_utc_ns
    raise_it("The disk is read-only.")
    (repair,) = repairs.async_all()
    assert (repair.sentence, repair.since_utc_ns) == ("The disk is read-only.", since)


def test_errors_stand_before_warnings_and_older_before_newer() -> None:
    repairs = RepairRegistry(EventBus(Wall()), Wall())
    wanted: list[tuple[str, Any]] = [("w1", "warning"), ("e1", "error"), ("w2", "warning"), ("e2", "error")]
    for issue, severity in wanted:
        repairs.async_create(issue, camera_id=None, severity=severity, sentence="x", next_step="y")
    assert [repair.issue_id for repair in repairs.async_all()] == ["e1", "e2", "w1", "w2"]


@given(st.text(max_size=60), st.text(max_size=60))
def test_every_reason_gives_a_sentence_with_the_cameras_name_and_a_next_step(reason: str, name: str) -> None:
    sentence, step = advise(reason, name=name, camera_id="front-entrance")
    assert name in sentence
    assert step


@pytest.mark.parametrize("name", ["{id}", "{0}", "50% {", "{name!r:>999999999}"])
def test_a_name_with_braces_is_only_text(name: str) -> None:
    sentence, _ = advise("camera unreachable", name=name, camera_id="x")
    assert sentence == f"{name} cannot be reached."


def test_a_repair_whose_cause_says_no_next_step_has_one_all_the_same() -> None:
    repairs = RepairRegistry(EventBus(Wall()), Wall())
    for step in ("", "  "):
        repairs.async_create("volume", camera_id=None, sentence="The disk is missing.", next_step=step)
        (repair,) = repairs.async_all()
        assert "holdshelf doctor" in repair.next_step
