"""At the desk, by terminal: a gate says no, the footage is held and the sheet handed out, and nothing is typed twice."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from holdshelf_core.holds.types import HoldListAsk
from holdshelf_tui.text.time_format import local
from tests.looking import NS
from tests.tui.cli.test_driver import Terminal
from tests.tui.desk import Library, opened


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with opened(tmp_path_factory.mktemp("desk")) as running:
        yield running


def at_the_desk(library: Library, *words: str) -> Terminal:
    """The Director types that at a terminal."""
    reading, writing = os.pipe()
    os.write(writing, library.token("dora").encode())
    os.close(writing)
    os.set_inheritable(reading, True)
    env = {"HOLDSHELF_DATA": str(library.service.data), "HOLDSHELF_TOKEN_FD": str(reading), "COLUMNS": "100"}
    return Terminal(*words, env=env)


def asked(library: Library, *more: str) -> list[str]:
    start, end = (local(library.recorded.start_utc_ns + at * NS) for at in (0, 30))
    words = ["release", "request", "--basis", "active-investigation", "--camera", "lobby", "--from", start, "--to", end]
    return [*words, *more]


def holds(library: Library) -> list[str]:
    service = library.service.as_person("dora", library.people.fingerprints["dora"])
    return [hold.reference for hold in service.act(HoldListAsk()).holds]


def test_scene_6_the_desk_holds_it_and_hands_out_the_sheet_in_one_command(library: Library) -> None:
    with at_the_desk(library, *asked(library)) as terminal:
        terminal.expect("a verbal request")
        terminal.answer(r"Hold it now\? \[Y/n\]", "")
        terminal.answer("Case or incident number", "26-31")
        terminal.expect(r"H-\d{4}-0001 is placed")
        terminal.answer("Where to", "")
        terminal.expect("on the agency's letterhead")
        assert terminal.end() == 1, "it is refused all the same"
    assert holds(library) == ["26-31"]


def test_scene_28_who_places_the_same_hold_is_asked_before(library: Library) -> None:
    start, end = (local(library.recorded.start_utc_ns + at * NS) for at in (5, 10))
    words = (
        "hold",
        "place",
        "--ground",
        "violation",
        "--reference",
        "26-32",
        "--camera",
        "lobby",
        "--from",
        start,
        "--to",
        end,
    )
    before = holds(library)
    with at_the_desk(library, *words) as terminal:
        terminal.expect("no. 26-31, placed by Dora Reed")
        terminal.answer(r"Place yours beside it\? \[Y/n\]", "n")
        assert terminal.end() == 0
    assert holds(library) == before


def test_what_is_held_is_not_offered_again_and_a_no_is_a_no(library: Library) -> None:
    with at_the_desk(library, *asked(library, "--reference", "26-31")) as terminal:
        terminal.answer("Where to", "n")
        terminal.expect("Later: `holdshelf print refusal R-")
        assert "Hold it now" not in terminal.screen
        assert terminal.end() == 1
    assert holds(library) == ["26-31"]
