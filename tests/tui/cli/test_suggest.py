"""A name that nothing has, as it is typed: the command asks what was meant, and names nothing that the caller cannot list."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from holdshelf_core.people import types
from tests.people import PAPER, day
from tests.tui.desk import Desk, Library, opened
from tests.tui.stage import entry

SPAN = ("--from", "2h ago", "--to", "1h ago")
HOLD = ("hold", "place", "--ground", "investigation", "--incident", "26-1", *SPAN)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    folder = tmp_path_factory.mktemp("suggest")
    with opened(folder, [entry("lobby", "Lobby"), entry("desk", "Desk")]) as made:
        director = made.people.client("dora")
        made.people.enrol("lou", "Lou Bay")
        asked = types.AppointmentMake("lou", ["archive", "hold"], day(30), PAPER, cameras=["lobby"])
        director.act(asked)
        yield made


@pytest.fixture
def desk(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(library, capsys, monkeypatch)


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("camera", "check", "loby"), "'lobby'"),
        (("camera", "rename", "desc", "Desk 2"), "'desk'"),
        (("camera", "remove", "Loby", "--yes"), "'lobby'"),
        (("person", "remove", "carll", "--why", "left"), "'carl'"),
        (("camera", "lst"), "'list'"),
        (("camra", "list"), "'camera'"),
    ],
)
def test_the_admin_is_asked_what_was_meant(desk: Desk, words: tuple[str, ...], meant: str) -> None:
    assert f"Did you mean {meant}?" in desk.admin(*words).refusal()


def test_a_seat_is_asked_too(desk: Desk) -> None:
    assert "Did you mean 'lobby'?" in desk.person("dora", *HOLD, "--camera", "lobbby").refusal()
    assert "Did you mean 'desk'?" in desk.person("dora", "camera", "commission", "dessk").refusal()
    assert "Did you mean 'director'?" in desk.person("dora", "seat", "end", "directr", "--why", "term").refusal()


def test_a_hold_is_suggested_by_its_number(desk: Desk) -> None:
    made = desk.person("dora", *HOLD, "--camera", "lobby", "--json").json()["id"]
    typed = made.replace("H-", "h-")
    assert f"Did you mean {made!r}?" in desk.person("dora", "hold", "review", typed, "--note", "x").refusal()


def test_a_refusal_of_a_hold_that_there_is_lists_no_holds(desk: Desk) -> None:
    made = desk.person("dora", *HOLD, "--camera", "desk", "--json").json()["id"]

    def entries() -> int:
        return len(desk.admin("log", "show", "--action", "hold.list", "--json").json()["entries"])

    before = entries()
    assert "Did you mean" not in desk.person("carl", "hold", "approve", made).refusal()
    assert entries() == before


def test_what_may_not_be_seen_is_not_suggested(desk: Desk) -> None:
    # There is a desk; lou's letter is for the lobby alone.
    for typed in ("desc", "dessk", "desk "):
        told = desk.person("lou", *HOLD, "--camera", typed).refusal()
        assert "Did you mean" not in told and "'desk'" not in told and " desk" not in told, told
    assert "Did you mean 'lobby'?" in desk.person("lou", *HOLD, "--camera", "loby").refusal()


def test_a_name_that_is_right_gets_no_question(desk: Desk) -> None:
    told = desk.person("lou", "seat", "end", "director", "--why", "term").refusal()
    assert "Did you mean" not in told, told
    assert "Did you mean" not in desk.person("lou", "camera", "commission", "lobby", "--no-masks", "none").refusal()
