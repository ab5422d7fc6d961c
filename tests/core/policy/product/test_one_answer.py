"""Any two places that answer the same question give the same answer, whatever the clocks say: rows, lists, papers, the report,
repairs, jobs and the words on screen."""

from __future__ import annotations

import copy
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot
from tzlocal import reload_localzone

from holdshelf_core.actions.caller import Caller
from holdshelf_core.api.client import Client
from holdshelf_core.api.server import ApiServer
from holdshelf_core.api.types import ReadStatus
from holdshelf_core.holds import types as holds
from holdshelf_core.holds import upkeep
from holdshelf_core.people import types as people
from holdshelf_core.policy.instants import end_words
from holdshelf_core.policy.standing import ends_to_write
from holdshelf_core.reports.types import PrintRequest
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.people import LETTERS, SEATS, SHARES, PeoplePane
from holdshelf_tui.text import holds as hold_words
from holdshelf_tui.text import people as people_words
from tests.core.policy.product.test_looks_and_holds import place
from tests.core.policy.product.test_people import letter
from tests.rig.hang import HANG_S
from tests.rules_furnished import House
from tests.rules_house import Rig
from tests.rules_machine import Template, key
from tests.rules_model import DAY_NS, HOUR_NS, MINUTE_NS
from tests.tui.stage import screen_text, settled, until, until_shown

DUE_DAYS = 3
# Minutes on both sides of a due day; hours and days; and a year, by which a clock goes wrong.
STEPS_NS = st.one_of(
    st.integers(-10, 10).map(lambda minutes: DUE_DAYS * DAY_NS + minutes * MINUTE_NS),
    st.integers(-30 * 24, 40 * 24).map(lambda hours: hours * HOUR_NS),
    st.sampled_from([0, 365 * DAY_NS, -365 * DAY_NS, 9 * DAY_NS, 20 * DAY_NS, 91 * DAY_NS]),
)
PASSED_NS = st.one_of(
    st.integers(-10, 10).map(lambda minutes: DUE_DAYS * DAY_NS + minutes * MINUTE_NS),
    st.integers(0, 120 * 24).map(lambda hours: hours * HOUR_NS),
)


@pytest.fixture(scope="module")
def house(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Holds in each of their states, some of them due, and rights of each kind, one of which lapses with a term."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        reload_localzone()
        yield from _made(Rig(tmp_path_factory.mktemp("one") / "house", template.folder, copy.copy(template.time)))
    time.tzset()
    reload_localzone()


def _made(rig: Rig) -> Iterator[House]:
    rig.start()
    made = House(rig)
    made.pass_days(40)  # so that a clock may go back and its rights have begun all the same
    made.ask("dora", letter("ann", "2027-06-30", cameras=["front"]))
    kept = [made.ask("dora", place(made, review_days=days)).id for days in (DUE_DAYS, DUE_DAYS, DUE_DAYS, 90)]
    made.ask("dora", holds.HoldLift(kept[1], "over"))
    made.ask("dora", holds.HoldLift(kept[2], "over"))
    made.ask("carl", holds.HoldApprove(kept[2]))
    made.ask("carl", letter("bob", "2027-06-30"))  # beyond the Chair's term
    made.ask("dora", letter("bob", "2027-06-30", first_day="2027-01-20"))
    yield made
    rig.close()


class At:
    """The house at other clocks: the wall clock stepped, and time passed that nobody can set."""

    def __init__(self, house: House, passed_ns: int, step_ns: int) -> None:
        self.rig, self.passed_ns, self.step_ns = house.rig, passed_ns, step_ns

    def __enter__(self) -> None:
        self.before = copy.copy(self.rig.time)
        self.rig.time.boot_ns += self.passed_ns
        self.rig.time.wall_ns += self.passed_ns + self.step_ns

    def __exit__(self, *_error: object) -> None:
        self.rig.time.wall_ns, self.rig.time.boot_ns = self.before.wall_ns, self.before.boot_ns


clocks = settings(
    max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def asked(house: House, request: Any) -> Any:
    """The answer to an act of the Director, at this machine: no session that the clocks could end."""
    caller = Caller("p1", False, -1, "local")
    return house.rig.run(house.rig.house.authorizer.async_do(request, caller))


@clocks
@given(passed_ns=PASSED_NS, step_ns=STEPS_NS)
def test_review_due_and_state_of_a_hold(house: House, passed_ns: int, step_ns: int) -> None:
    with At(house, passed_ns, step_ns):
        assume(house.may("p1", "hold.see").allowed)
        rows = {row.id: row for row in asked(house, holds.HoldListAsk(all=True)).holds}
        upkeep.async_nag(house.rig.house.authorizer)
        nagged = {one.issue_id for one in house.rig.house.repairs.async_all()}
        for key, row in rows.items():
            shown = asked(house, holds.HoldAsk(key))
            paper = asked(house, PrintRequest("hold", hold=key)).hold
            assert (shown.state, shown.overdue, shown.spans) == (row.state, row.overdue, row.spans)
            assert (paper.state, paper.is_overdue) == (row.state, row.overdue)
            assert (f"{upkeep.REVIEW_REPAIR}{key}" in nagged) == row.overdue
            assert ("OVERDUE" in hold_words.review_words(row)) == row.overdue
            assert (holds.STATE_WORDS[row.state] in hold_words.state_words(row)) or row.state == "grace"
        report = asked(house, PrintRequest("report", quarter="now")).report
        assert sum(one.overdue for one in report.holds) == sum(row.overdue for row in rows.values())
        states = [row.state for row in rows.values()]
        assert (report.lifting, report.grace) == (states.count("lifting"), states.count("grace"))
    house.rig.read_log()


@clocks
@given(passed_ns=PASSED_NS, step_ns=STEPS_NS)
def test_state_and_end_of_a_right(house: House, passed_ns: int, step_ns: int) -> None:
    with At(house, passed_ns, step_ns):
        now, state = house.rig.house.authorizer.now(), house.state
        persons = house.read(None, people.ReadPeople())
        seats = {row.id: row for row in house.read(None, people.ReadSeats())}
        letters = {row.id: row for row in house.read(None, people.ReadAppointments())}
        shares = {row.id: row for row in house.read(None, people.ReadShares())}
        roles = {role.id: role for person in persons for role in person.roles}
        assert roles.keys() == seats.keys() | letters.keys()
        for key, role in roles.items():
            row = seats.get(key) or letters[key]
            assert (role.state, role.end_utc_ns) == (row.state, row.end_utc_ns)
            assert role.state != "active" or not now.ended(role.end_utc_ns)
        for key, letter in letters.items():
            term = seats[state.appointments[key].seat]
            assert letter.state != "active" or term.state == "active"
            assert term.end_utc_ns is None or letter.end_utc_ns <= term.end_utc_ns
            assert people_words.letter_cells(letter, {})[-1] == people_words.last_day(roles[key].end_utc_ns)
        for person in persons:
            active = {role.id for role in person.roles if role.state == "active"}
            active |= {row.id for row in shares.values() if row.person == person.id and row.state == "active"}
            assert house.may(person.id, "door").allowed == bool(active)
            caller = Caller(person.id, False, -1, "local")
            assert (house.rig.run(house.rig.server._why_not(caller)) == "") == bool(active)
            assert bool(person.why_not) == (not active)
            ended = [row.end_utc_ns for row in person.roles if row.state == "ended"]
            ended += [row.expires_utc_ns for row in shares.values() if row.person == person.id]
            if " ended on " in person.why_not or " expired on " in person.why_not:
                assert any(end_words(end, now.zone) in person.why_not for end in ended if end is not None), person
            for line in people_words.person_lines(person)[1 : 1 + len(person.roles)]:
                assert any(people_words.until_words(role.end_utc_ns) in line for role in person.roles)
        for end in ends_to_write(state, now):
            row = seats.get(end.key) or letters.get(end.key) or shares[end.key]
            assert row.state == "ended"
            said = row.expires_utc_ns if end.table == "shares" else row.end_utc_ns
            assert end.row.ended_utc_ns == said


@clocks
@given(passed_ns=PASSED_NS, step_ns=STEPS_NS)
def test_days_that_are_kept(house: House, passed_ns: int, step_ns: int) -> None:
    with At(house, passed_ns, step_ns):
        assume(house.may("p1", "report.see").allowed)
        report, status = asked(house, PrintRequest("report", quarter="now")).report, house.read(None, ReadStatus())
        room, disk = report.room, status.disk
        assert room.forecast_days == disk.days_forecast
        assert room.stops_days == asked(house, holds.HoldListAsk()).recording_stops_days
        assert room.floor_days == disk.floor_days
        told = {row.id: row.kept_days for row in report.cameras}
        for camera in status.cameras:
            # A clock that is behind its own footage says that it is not known; of a quarter that is over, its end is told.
            if told.get(camera.id) is not None and report.so_far:
                assert told[camera.id] == pytest.approx(camera.days_kept, abs=0.011)
    house.rig.read_log()


ON_SCREEN = [
    (0, 0),
    (DUE_DAYS * DAY_NS - MINUTE_NS, 0),
    (DUE_DAYS * DAY_NS + MINUTE_NS, 0),
    (DUE_DAYS * DAY_NS - MINUTE_NS, 3 * MINUTE_NS),  # due by the clock on the wall alone
    (9 * DAY_NS, 0),
    (100 * DAY_NS, -2 * MINUTE_NS),
    (HOUR_NS, 9 * DAY_NS),  # clocks that disagree
]
"""(time that passed, by how much the clock was set beside it)."""


@pytest.mark.parametrize(("passed_ns", "step_ns"), ON_SCREEN)
def test_what_a_screen_shows(house: House, passed_ns: int, step_ns: int) -> None:
    with At(house, passed_ns, step_ns):
        house.rig.run(_on_screen(house))
    house.rig.read_log()


async def _on_screen(house: House) -> None:
    """The Director's tabs, over the real socket, against what the service answers to others at the same clocks."""
    holdshelf = house.rig.house
    server = ApiServer(holdshelf.frame, holdshelf.authorizer, holdshelf.logins)
    await server.async_start()
    try:
        token, _ = server.tokens.mint("p1", key(0)[1], "192.0.2.7", os.getuid())
        app = HoldshelfApp(Client(house.rig.data.data, token=token, timeout_s=HANG_S))
        async with app.run_test(size=(140, 40)) as pilot:
            await _holds_on_screen(house, pilot)
            await _ends_on_screen(house, pilot)
            await _days_on_screen(house, pilot)
    finally:
        await server.async_stop()


async def _tab(pilot: Pilot[Any], name: str) -> Pane:
    home = await settled(pilot)
    pane = await home.go(name)
    assert pane is not None
    await pane.async_loaded()
    return pane


def _lines(pilot: Pilot[Any], *words: str) -> list[str]:
    """Those of the screen on which all of these stand."""
    return [line for line in screen_text(pilot).splitlines() if all(word in line for word in words)]


async def _asked(house: House, request: Any) -> Any:
    return await house.rig.house.authorizer.async_do(request, Caller("p1", False, -1, "local"))


async def _read(house: House, request: Any) -> Any:
    return await house.rig.house.authorizer.async_read(request, Caller("p1", False, -1, "local"))


async def _holds_on_screen(house: House, pilot: Pilot[Any]) -> None:
    rows = (await _asked(house, holds.HoldListAsk())).holds
    assert rows
    await _tab(pilot, "holds")
    await until_shown(pilot, *(row.id for row in rows))
    for row in rows:
        (line, *_) = _lines(pilot, row.id)
        assert hold_words.short_state_words(row) in line, line
        assert ("! due" in line) == (row.overdue and row.state == "active"), line


async def _ends_on_screen(house: House, pilot: Pilot[Any]) -> None:
    pane = await _tab(pilot, "people")
    assert isinstance(pane, PeoplePane)
    for part, request, cells in (
        (SEATS, people.ReadSeats(), people_words.seat_cells),
        (LETTERS, people.ReadAppointments(), lambda row: people_words.letter_cells(row, {})),
        (SHARES, people.ReadShares(), lambda row: people_words.share_cells(row, {})),
    ):
        pane.choose(part)
        rows = await _read(house, request)
        assert rows
        for row in rows:
            state, end = cells(row)[2 if part == SEATS else 3], cells(row)[-1]
            await until(pilot, f"{row.name}, {state}, {end}", lambda: _lines(pilot, row.name, state, end))  # noqa: B023


async def _days_on_screen(house: House, pilot: Pilot[Any]) -> None:
    cameras = (await _read(house, ReadStatus())).cameras
    assert cameras
    await _tab(pilot, "cameras")
    for camera in cameras:
        days = f"{camera.days_kept:.1f}"
        await until(pilot, f"{camera.name}, {days}", lambda: _lines(pilot, camera.name, days))  # noqa: B023
