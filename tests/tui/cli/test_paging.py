"""Lists by the page: each hold and each entry once, in an order that stays, with the command for the next page in one line."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.holds.types import HoldAsk, HoldList, HoldListAsk, HoldPlace, SpanAsk
from holdshelf_core.people import types
from holdshelf_core.policy import model
from tests.looking import MINUTE_NS, NS
from tests.people import PAPER, day
from tests.rig.hang import HANG_S
from tests.tui.desk import Desk, Library, opened

DAY_NS = 86_400 * NS
MANY = 130
BEGAN_UTC_NS = 1_780_000_000 * NS


def hold(number: int) -> model.Hold:
    """Of each ten one is lifted, one is at the desk; two in all are overdue, and one waits to be lifted: all among the oldest."""
    camera = "desk" if number % 10 == 3 else "lobby"
    at = BEGAN_UTC_NS + (number // 2) * MINUTE_NS  # two at a time at the same moment
    review = at + DAY_NS if number in (5, 7) else at + 5000 * DAY_NS
    row = model.Hold(
        f"H-2026-{number:04d}", "violation", f"26-{number}", (model.HoldSpan(camera, at, at + NS),), "p1", at, review
    )
    if number % 10 == 1:
        return model.Hold(**{**_fields(row), "state": "lifted", "lifted_utc_ns": at + DAY_NS, "version": 4})
    return model.Hold(**{**_fields(row), "state": "lifting", "lift_by": "p9"}) if number == 9 else row


def _fields(row: model.Hold) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


HOLDS = [hold(number) for number in range(1, MANY + 1)]
IN_FORCE = [row.id for row in HOLDS if row.state != "lifted"]
WAITING = ["H-2026-0005", "H-2026-0007", "H-2026-0009"]


FLAGS = [
    model.Flag("f1", "wandering", 1, "p1", BEGAN_UTC_NS, 1, ("p9",), "reviewed"),
    model.Flag("f2", "wandering", 1, "p1", BEGAN_UTC_NS, 1),
]
ROWS = [*(("holds", row.id, row) for row in HOLDS), *(("flags", row.id, row) for row in FLAGS)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with opened(tmp_path_factory.mktemp("paging"), ROWS) as made:
        made.people.enrol("lou", "Lou Bay")
        asked = types.AppointmentMake("lou", ["archive", "hold"], day(30), PAPER, cameras=["desk"])
        client(made, "dora").act(asked)
        yield made


@pytest.fixture
def desk(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(library, capsys, monkeypatch)


def client(library: Library, login: str) -> Client:
    """In the session of that person's commands: nobody has many at a time."""
    return Client(library.service.data, token=library.token(login), timeout_s=HANG_S)


def typed_on(desk: Desk, *words: str) -> list[str]:
    """What each page says, by following the command that each prints for the next one."""
    pages = []
    for _ in range(50):
        done = desk.person("dora", *words)
        assert done.code == 0, done.err
        pages.append(done.out)
        found = re.search(r"Older ones: `holdshelf ([^`]*)`", done.out)
        if found is None:
            return pages
        words = tuple(shlex.split(found[1]))
    raise AssertionError("the pages do not end")


def pages_of(library: Library, login: str, **asked: Any) -> list[HoldList]:
    """All pages of a list, as that person is answered."""
    asks, before, pages = client(library, login), "", []
    while not pages or before:
        pages.append(asks.act(HoldListAsk(before=before, **asked)))
        before = pages[-1].next
        assert len(pages) < 100
    return pages


def ids(page: HoldList) -> list[str]:
    return [row.id for row in page.holds]


def test_the_pages_of_the_holds_have_each_once_in_the_order_of_placing(library: Library) -> None:
    first, *rest = pages_of(library, "dora", most=20)
    assert {page.total for page in (first, *rest)} == {len(IN_FORCE)}
    assert ids(first) == WAITING + IN_FORCE[-20:], "those that wait for somebody come first, however old they are"
    assert first.waiting == 3
    listed = [one for page in reversed(rest) for one in ids(page)] + IN_FORCE[-20:]
    assert listed == IN_FORCE
    assert [len(page.holds) for page in rest] == [20, 20, 20, 20, len(IN_FORCE) - 100]
    everything = pages_of(library, "dora", most=50, all=True)
    assert [len(page.holds) for page in everything] == [53, 50, 30] and everything[0].total == MANY


def test_a_hold_that_is_placed_meanwhile_moves_no_page(library: Library) -> None:
    dora = client(library, "dora")
    first = dora.act(HoldListAsk(most=20))
    before = dora.act(HoldListAsk(most=20, before=first.next))
    start = library.recorded.start_utc_ns
    placed = dora.act(HoldPlace("violation", "26-900", [SpanAsk("lobby", start, start + NS)]))
    again = dora.act(HoldListAsk(most=20, before=first.next))
    assert ids(again) == ids(before) and again.total == before.total + 1
    assert ids(dora.act(HoldListAsk(most=20)))[-1] == placed.id
    IN_FORCE.append(placed.id)


def test_a_designee_is_told_of_the_holds_of_the_letters_cameras_and_of_no_others(library: Library) -> None:
    lou = client(library, "lou")
    may = []
    for row in HOLDS:
        try:
            may.append(lou.act(HoldAsk(row.id)).id)
        except HoldshelfError:
            assert any(span.camera != "desk" for span in row.spans)
    pages = pages_of(library, "lou", most=5, all=True)
    assert [one for page in reversed(pages) for one in ids(page)] == may
    assert {page.total for page in pages} == {len(may)} == {MANY // 10}
    refused = []
    for before in ("H-2026-0004", "H-1999-0004"):  # one that is there, and one that is not
        with pytest.raises(HoldshelfError) as caught:
            lou.act(HoldListAsk(before=before))
        refused.append(caught.value.sentence.replace(before, ""))
    assert refused[0] == refused[1]


def test_only_those_that_wait_are_one_short_page(library: Library) -> None:
    page = client(library, "dora").act(HoldListAsk(most=0))
    assert (ids(page), page.next, page.total) == (WAITING, "", len(IN_FORCE))
    assert page.held_bytes >= 0


def test_of_the_flags_only_those_that_wait_may_be_asked_for(library: Library) -> None:
    dora = client(library, "dora")
    every, waiting = (
        {row.id: row.open for row in dora.read(types.ReadFlags(only_open=only))} for only in (False, True)
    )
    assert every["f1"] is False and waiting == {key: open_ for key, open_ in every.items() if open_} and "f2" in waiting


@pytest.mark.parametrize("most", [-1, 1001])
def test_a_page_has_its_bounds(library: Library, most: int) -> None:
    with pytest.raises(HoldshelfError, match="at most 1000 holds"):
        client(library, "dora").act(HoldListAsk(most=most))


def test_a_person_pages_through_the_holds_by_what_is_printed(desk: Desk) -> None:
    pages = typed_on(desk, "hold", "list", "--most", "40")
    told = [re.findall(r"^(H-\d{4}-\d{4})", page, re.MULTILINE) for page in pages]
    assert sorted({one for page in told for one in page}) == sorted(IN_FORCE)
    assert f"43 of {len(IN_FORCE)} holds" in pages[0]
    assert "`holdshelf hold list --most 40 --before H-2026-" in pages[0]
    assert [len(page) for page in told[1:]] == [40, len(IN_FORCE) - 80]
    due = desk.person("dora", "hold", "list", "--due")
    assert re.findall(r"^(H-\d{4}-\d{4})", due.out, re.MULTILINE) == WAITING and "OVERDUE" in due.out
    json = desk.person("dora", "hold", "list", "--json").json()
    assert json["total"] == len(IN_FORCE) and json["next"] == json["holds"][3]["id"]
    assert "Leave --before out." in desk.person("dora", "hold", "list", "--due", "--before", "H-2026-0004").refusal()
    assert "No older holds." in desk.person("dora", "hold", "list", "--before", "H-2026-0001").out


def test_a_person_pages_through_the_log_by_what_is_printed(desk: Desk) -> None:
    for _ in range(7):
        desk.person("sam", "hold", "list", "--due")
    pages = typed_on(desk, "log", "show", "--person", "sam", "--action", "hold.list", "--most", "3")
    told = [[int(one) for one in re.findall(r"^ *(\d+)  ", page, re.MULTILINE)] for page in pages]
    numbers = [one for page in reversed(told) for one in page]
    assert numbers == sorted(set(numbers)) and len(numbers) == 7
    assert [len(page) for page in told] == [3, 3, 1]
    asked = "`holdshelf log show --person sam --action hold.list --most 3 --before "
    assert f"{asked}{told[0][0]}`" in pages[0]
    assert "No entry matches" in desk.person("dora", "log", "show", "--before", "1").out
    row = desk.person("dora", "log", "show", "--before", str(told[0][0]), "--most", "1", "--json").json()
    assert [one["seq"] for one in row["entries"]] == [told[0][0] - 1]
