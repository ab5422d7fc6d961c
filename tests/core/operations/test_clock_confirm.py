"""A person's clock confirmation, through the real service under a clock that is stepped: nothing is granted or ends by age
before it, and no right revives by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.access_log import types as types_board
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, Refused
from holdshelf_core.cameras import commission_types as types_commission
from holdshelf_core.operations import types as types_clock
from holdshelf_core.people import types as types_people
from tests.people import People, day
from tests.rig.faults import FakeClock
from tests.service import Service, wait_for

DAY_S = 86_400
REPAIR = "clock_disagreement"


@pytest.fixture
def fake() -> Iterator[FakeClock]:
    with FakeClock() as made:
        yield made


@pytest.fixture
def service(tmp_path: Path, fake: FakeClock) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True, environment=fake.environment({})) as running:
        yield running


def shown(by: Client) -> types_clock.ClockRow:
    return by.read(types_clock.ReadClock())


def confirm(by: Client, row: types_clock.ClockRow | None = None, why: str = "compared") -> types_clock.ClockConfirmed:
    row = row or shown(by)
    asked = types_clock.ClockConfirm(row.utc_ns, row.boot_ns, why)
    return by.act(asked)


def step(service: Service, fake: FakeClock, days: float) -> None:
    """Sets the wall clock; returns once the service has said so."""
    fake.step(days * DAY_S)
    wait_for("the step is a repair", lambda: REPAIR in service.repairs())


def appointments(by: Client) -> dict[str, str]:
    rows = by.read(types_people.ReadAppointments())
    return {row.id: row.state for row in rows}


def test_no_step_of_the_clock_grants_or_ends_anything_before_a_person_confirms(
    service: Service, fake: FakeClock
) -> None:
    people = People(service)
    director = people.name_director()
    short = people.appoint("sam", "Sam Roe", director, "archive", last_day=day(1))
    entrance = director.act(types_commission.EntranceAdd("Main")).id
    with pytest.raises(Conflict, match="nothing to confirm"):
        confirm(director)

    step(service, fake, 10)
    repair = service.repairs()[REPAIR]
    assert "10 days ahead" in repair.sentence
    assert "holdshelf clock confirm" in repair.next_step
    with pytest.raises(Conflict, match="clock confirm"):
        director.act(types_commission.EntranceWaive(entrance, "painted"))
    with pytest.raises(HoldshelfError, match="ended on"):
        people.client("sam")  # refused by either clock …
    fake.step(-10 * DAY_S)
    wait_for("the clocks agree", lambda: REPAIR not in service.repairs())
    people.client("sam")  # … and not for good by a clock that was wrong

    step(service, fake, 10)
    with pytest.raises(BadRequest):
        confirm(director, why=" ")
    done = confirm(director)
    assert REPAIR not in service.repairs(), "at once"
    assert abs(done.moved_ns - 10 * DAY_S * 10**9) < 60 * 10**9
    assert [words.split(":")[0] for words in done.ended] == [short]
    director.act(types_commission.EntranceWaive(entrance, "painted"))

    step(service, fake, -10)
    assert "10 days behind" in service.repairs()[REPAIR].sentence
    confirm(director)
    assert appointments(director)[short] == "ended", "the wall clock stands before its last day again"
    with pytest.raises(HoldshelfError, match="ended on"):
        people.client("sam")
    entries = director.act(types_board.LogShow(action="clock.confirm")).entries
    assert [row.entry["outcome"] for row in entries if row.entry["outcome"] != "refused"] == ["done", "done"]
    first = next(row.entry for row in entries if row.entry["outcome"] == "done")
    assert "changes" in first["commit"], "what had ended is written in the same entry"
    assert entries[-1].entry["facts"]["wall_clock"] < entries[-1].entry["facts"]["counted"]


def test_what_was_confirmed_outlives_a_crash_and_what_the_admin_confirms_is_flagged(
    service: Service, fake: FakeClock
) -> None:
    people = People(service)
    people.name_director()
    step(service, fake, 3)
    old = shown(service.client)
    assert old.doubtful
    fake.step(1 * DAY_S)
    with pytest.raises(Conflict, match="was changed after"):
        confirm(service.client, old)
    confirm(service.client, shown(service.client))
    service.kill()
    service.start()
    assert not shown(service.client).doubtful
    assert REPAIR not in service.repairs()
    flags = people.client("dora").read(types_people.ReadFlags())
    assert [(flag.kind, flag.person, flag.open) for flag in flags] == [("clock_by_admin", "admin", True)]


def test_only_the_admin_and_seats_confirm_the_time(service: Service, fake: FakeClock) -> None:
    people = People(service)
    people.appoint("sam", "Sam Roe", people.name_director(), "archive", "commission")
    sam = people.client("sam")
    step(service, fake, 1)
    with pytest.raises(Refused):
        confirm(sam)
    assert shown(sam).doubtful


def test_without_the_record_of_the_time_a_clock_that_was_set_back_is_still_seen(
    service: Service, fake: FakeClock
) -> None:
    step(service, fake, 3)
    confirm(service.client)
    service.stop()
    (service.data / "state" / "clock.json").unlink()
    fake.step(-3 * DAY_S)
    service.start()
    assert "3 days behind" in wait_for("the repair", lambda: service.repairs().get(REPAIR)).sentence
