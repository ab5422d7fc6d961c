"""The quarterly report of a house in which real acts were done: its figures against those counted in the log's files."""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.access_log import types as types_register
from holdshelf_core.actions.caller import Caller
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.cameras import types as types_commission
from holdshelf_core.holds import types as types_holds
from holdshelf_core.looks import types as types_looks
from holdshelf_core.people import types as types_people
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.releases import types as releases
from holdshelf_core.reports.report_types import ReadReports, ReportPaper
from holdshelf_core.reports.types import PaperFacts, PrintRequest
from holdshelf_storage.access_log.checkpoint import parse_note
from holdshelf_storage.access_log.merkle import verify_consistency
from tests.rules_furnished import House, furnish
from tests.rules_house import Rig
from tests.rules_machine import PAPER

NS = 10**9
MINUTE_NS, DAY_NS = 60 * NS, 86_400 * NS
OCTOBER, JANUARY = "2026-10-01", "2027-01-01"
"""The fourth quarter in UTC, the zone of these tests, as days of the log."""


class ReportedHouse(House):
    """A house whose report is read."""

    def report(self, quarter: str = "now", login: str | None = "dora") -> ReportPaper:
        facts: PaperFacts = self.done(login, "print.facts", PrintRequest("report", quarter=quarter))
        assert facts.report is not None
        return facts.report

    def look(self, login: str, purpose: str, pictures: int, **more: Any) -> str:
        """A look of the minute before last, and so many pictures of it."""
        now = self.rig.time.wall_ns
        asked = types_looks.PurposeOpen(
            ["front"], purpose, more.pop("incident", "26-1"), start_utc_ns=now - 3 * MINUTE_NS, end_utc_ns=now, **more
        )
        grant: str = self.done(login, "purpose.open", asked).id
        for number in range(pictures):
            ask = types_looks.StillAsk(grant, "front", self.first_utc_ns + number * NS)
            self.done(login, "look.still", ask)
        return grant

    @property
    def first_utc_ns(self) -> int:
        """A moment that was recorded and that every look here spans."""
        return self.rig.time.wall_ns - 2 * MINUTE_NS

    def log(self, *actions: str, outcome: str = "done") -> list[dict[str, Any]]:
        """Entries of the quarter, as they lie on disk."""
        return [
            entry
            for entry in self.rig.read_log()
            if entry["action"] in actions and entry["outcome"] == outcome and OCTOBER <= entry["at"][:10] < JANUARY
        ]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return furnish(tmp_path_factory.mktemp("furnished"))


@pytest.fixture
def house(template: Any, tmp_path: Path) -> Iterator[ReportedHouse]:
    rig = Rig(tmp_path / "house", template.folder, copy.copy(template.time))
    rig.start()
    yield ReportedHouse(rig)
    rig.close()


def counts(rows: Any) -> dict[str, int]:
    return {row.id: row.count for row in rows if row.count}


def test_p12_looks_by_purpose_office_and_pictures_are_those_in_the_log(house: ReportedHouse) -> None:
    for login, purpose, pictures in (
        ("dora", "loss", 3),
        ("dora", "crime", 1),
        ("ann", "camera-check", 2),
        ("carl", "loss", 0),
    ):
        grant = house.look(login, purpose, pictures)
        house.done(login, "purpose.close", types_looks.GrantAsk(grant))
    refused = house.act("ann", "purpose.open", types_looks.PurposeOpen(["front"], "general monitoring", "26-2"))
    assert refused.kind == "refused"
    glass = house.done("carl", "break_glass", types_looks.BreakGlass(["hall"], "somebody lies on the floor"))
    house.done("carl", "look.live", types_looks.LiveAsk(glass.id, "hall"))
    house.rig.time.run(NS)
    house.done("carl", "look.live", types_looks.LiveAsk(glass.id, "hall"))
    house.done("carl", "purpose.close", types_looks.GrantAsk(glass.id))

    report = house.report()
    opened = house.log("purpose.open", "break_glass")
    assert counts(report.purposes) == Counter(e["purpose"] for e in opened)
    assert counts(report.purposes) == {"loss": 2, "crime": 1, "camera-check": 1, "imminent-danger": 1}
    assert {row.id for row in report.purposes} >= set(first_policy().look_purposes), (
        "a purpose that nobody had is told as none"
    )
    by_office = {row.words: (row.looks, row.pictures) for row in report.lookers}
    assert by_office == {
        "Library Director": (2, 4),
        "Chair of the Library Board": (2, 2),
        "Designees of the Library Director": (1, 2),
    }
    assert sum(pictures for _, pictures in by_office.values()) == sum(
        e["facts"].get("pictures", 0) for e in house.log("look.close")
    )
    (live,) = report.live
    assert (live.name, live.live_s) == (house.rig.house.state_store.state.people["p2"].name, 1)
    assert counts(report.refusals) == Counter(e["clause"] for e in _refused(house))
    assert [(flag.kind, flag.raised, flag.open) for flag in report.flags if flag.kind == "break_glass"] == [
        ("break_glass", 1, 1)
    ]
    assert report.so_far
    assert report.sha256 == ""


def _refused(house: ReportedHouse) -> list[dict[str, Any]]:
    return [e for e in house.rig.read_log() if e["outcome"] == "refused" and OCTOBER <= e["at"][:10] < JANUARY]


def test_p12_a_lease_that_was_never_closed_is_told_as_unknown(house: ReportedHouse) -> None:
    grant = house.look("dora", "loss", 2)
    house.rig.crash()
    house.sessions.clear()
    report = house.report()
    assert (report.unclosed, report.unclosed_most) == (1, 64)
    (spot,) = [row for row in report.spot if row.look == grant]
    assert spot.pictures is None


def test_numbers_have_the_year_of_the_recorders_clock_as_the_report_has(house: ReportedHouse) -> None:
    """Whatever year it is on the machine of these tests: once before the turn of the year, once behind it."""
    for year in (2026, 2027):
        now = house.rig.time.wall_ns
        span = types_holds.SpanAsk("front", now - 2 * MINUTE_NS, now - MINUTE_NS)
        hold = house.done("dora", "hold.place", types_holds.HoldPlace("violation", "26-3", [span], review_days=5))
        look = house.look("dora", "loss", 0)
        assert (hold.id[:7], look[:7]) == (f"H-{year}-", f"L-{year}-")
        assert look in [row.look for row in house.report().spot]
        house.rig.time.run(60 * DAY_NS)
        house.sessions.clear()


def test_p13_refusals_are_counted_by_basis_and_by_whose_they_were(house: ReportedHouse) -> None:
    now = house.rig.time.wall_ns
    span = releases.SpanRow("front", now - 2 * MINUTE_NS, now - MINUTE_NS)
    oral = house.act("dora", "release.request", releases.ReleaseRequest("active-investigation", [span], "26-7"))
    assert oral.kind == "refused"
    again = house.act("dora", "release.request", releases.ReleaseRequest("active-investigation", [span], "26-7"))
    assert again.kind == "refused"
    letter = releases.PaperAsk(
        hashlib.sha256(b"letter").hexdigest(), "active-investigation", "Prospect Police", "26-7", "Prospect Police", "badge 12",
        scope=[span],
    )  # fmt: skip
    by_law = house.act(
        "dora", "release.request", releases.ReleaseRequest("active-investigation", [span], "26-7", letter)
    )
    assert by_law.kind == "refused"
    warrant = releases.PaperAsk(
        hashlib.sha256(b"warrant").hexdigest(),
        "search-warrant",
        "Superior Court",
        "CR-1",
        signed_by_judge=True,
        scope=[span],
    )
    asked = house.done("dora", "release.request", releases.ReleaseRequest("search-warrant", [span], "26-8", warrant))
    house.done("carl", "release.refuse", releases.ReleaseEnd(asked.id, "another time"))
    again = house.done("dora", "release.request", releases.ReleaseRequest("search-warrant", [span], "26-9", warrant))
    house.done("dora", "release.others", releases.ReleaseOthers(again.id, seen=False))
    house.done("carl", "release.approve", releases.ReleaseApprove(again.id))

    by_basis = {row.basis: row for row in house.report().releases}
    police, court = by_basis["active-investigation"], by_basis["search-warrant"]
    assert (police.requested, police.refused_policy, police.refused_statute, police.refused_person) == (3, 2, 1, 0)
    assert (court.requested, court.approved, court.refused_person, court.refused_policy) == (2, 1, 1, 0)
    gates = Counter(e["facts"].get("gate") for e in house.log("release.request", outcome="refused"))
    assert gates == {1: police.refused_policy, 2: police.refused_statute}
    assert "26-7" not in str(house.report().releases), "no case is told of"


def test_p16_holds_by_ground_and_age(house: ReportedHouse) -> None:
    before = Counter(row.ground for row in house.rig.house.state_store.state.holds.values())
    now = house.rig.time.wall_ns
    for ground in ("litigation", "violation", "violation"):
        span = types_holds.SpanAsk("front", now - 2 * MINUTE_NS, now - MINUTE_NS)
        house.done("dora", "hold.place", types_holds.HoldPlace(ground, "26-3", [span], review_days=5))
    house.rig.time.run(8 * DAY_NS)
    house.sessions.clear()
    report = house.report()
    wanted = before + Counter({"litigation": 1, "violation": 2})
    assert {row.ground: row.placed for row in report.holds if row.placed} == dict(wanted)
    assert {row.ground: row.overdue for row in report.holds if row.overdue} == {"litigation": 1, "violation": 2}
    assert counts(report.hold_ages) == {"under-30": sum(wanted.values())}
    house.rig.time.run(60 * DAY_NS)
    house.sessions.clear()
    assert counts(house.report("2026-Q4").hold_ages)["30-90"] == sum(wanted.values())


def test_p11_the_report_is_for_the_seats(house: ReportedHouse) -> None:
    for login, clause, words in (
        (None, "P21", "The admin of this server may not see the quarterly report"),
        ("ann", "P21", "not a designee"),
        ("bob", "P14", "for viewing only"),
    ):
        outcome = house.act(login, "print.facts", PrintRequest("report", quarter="now"))
        assert outcome.kind == "refused", login
        assert words in str(outcome.error)
        (entry,) = outcome.entries[-1:]
        assert (entry["action"], entry["outcome"], entry["clause"]) == ("print.facts", "refused", clause)
    assert house.act("dora", "print.facts", PrintRequest("report", quarter="2026-Q5")).kind == "wrong"
    assert house.act("dora", "print.facts", PrintRequest("report", quarter="2027-Q1")).kind == "wrong"
    outcome = house.act("carl", "print.facts", PrintRequest("report", quarter="now"))
    assert outcome.entries[-1]["facts"] == {"paper": "report", "quarter": "2026-Q4"}


def test_p21_no_report_leaves_while_the_log_cannot_be_written(house: ReportedHouse) -> None:
    house.who("dora")
    house.rig.log_fault = "sync"
    assert house.act("dora", "print.facts", PrintRequest("report", quarter="now")).kind == "unavailable"
    house.rig.log_fault = ""
    assert house.act("dora", "print.facts", PrintRequest("report", quarter="now")).kind == "done"


def test_p17_the_prints_of_the_policy_are_a_number(house: ReportedHouse) -> None:
    for login, on_screen in (("bob", False), (None, False), ("dora", True)):
        house.act(login, "print.facts", PrintRequest("policy", on_screen=on_screen))
    assert house.report().policy_prints == 2


def test_the_report_names_no_patron_and_holds_no_free_text(house: ReportedHouse) -> None:
    now = house.rig.time.wall_ns
    house.done(
        "dora",
        "purpose.open",
        types_looks.PurposeOpen(["front"], "loss", "26-1", "Jane Roe lost a bag", at_utc_ns=now - 2 * MINUTE_NS),
    )
    share = types_people.ShareMake(
        "front", now - 2 * MINUTE_NS, now - MINUTE_NS, "find out who Jane Roe is", given_to="Max Mole", kind="sheet"
    )
    house.done("dora", "share.make", share)
    text = msgspec.json.encode(house.report()).decode()
    assert "Roe" not in text
    assert "Mole" not in text
    assert [(row.kind, row.made, row.open) for row in house.report().shares] == [("view", 1, 1), ("sheet", 1, 1)]


def test_p12_the_spot_check_is_drawn_by_the_head_and_by_nobody(house: ReportedHouse) -> None:
    for number in range(9):
        house.done(
            "dora", "purpose.close", types_looks.GrantAsk(house.look("dora", "loss", 0, incident=f"26-{number}"))
        )
    report = house.report()
    root = bytes.fromhex(report.log.last_root)
    opened = house.log("purpose.open", "break_glass")
    lots = sorted(opened, key=lambda e: hashlib.sha256(root + str(e["seq"]).encode()).digest())[:5]
    assert [row.log_seq for row in report.spot] == sorted(e["seq"] for e in lots)
    assert report.spot_looks == len(opened) == 9
    assert {row.incident for row in report.spot} == {e["incident"] for e in lots}
    assert all(row.cameras == ("Front",) and row.who == "Dora Reed, Library Director" for row in report.spot)


# --- kept -----------------------------------------------------------------------------------------------------------


def to_next_quarter(house: ReportedHouse) -> None:
    house.rig.time.run(38 * DAY_NS)
    house.sessions.clear()


def keep(house: ReportedHouse) -> str:
    said: str = house.rig.run(house.rig.house.jobs.run["report"]())  # type: ignore[attr-defined]
    house.rig.read_log()
    return said


def test_the_report_is_kept_on_the_first_day_and_shown_again_as_it_was(house: ReportedHouse) -> None:
    house.done("dora", "purpose.close", types_looks.GrantAsk(house.look("dora", "loss", 2)))
    assert "no report is due" in keep(house)
    to_next_quarter(house)
    assert "was made and kept" in keep(house)
    (entry,) = [e for e in house.rig.read_log() if e["action"] == "report.kept"]
    file = house.rig.data.state / "reports" / "2026-Q4.json"
    raw = file.read_bytes()
    assert entry["facts"]["quarter"] == "2026-Q4"
    assert entry["facts"]["sha256"] == hashlib.sha256(raw).hexdigest()
    assert file.stat().st_mode & 0o777 == 0o600
    assert "is kept" in keep(house)
    assert len([e for e in house.rig.read_log() if e["action"] == "report.kept"]) == 1

    house.rig.time.run(9 * DAY_NS)
    house.look("carl", "crime", 0)
    shown = house.report("", login="carl")
    assert shown.sha256 == entry["facts"]["sha256"]
    assert counts(shown.purposes) == {"loss": 1}
    assert msgspec.structs.replace(shown, sha256="") == msgspec.json.decode(raw, type=ReportPaper)
    assert not shown.so_far
    # After the register was lost, the log knows of it.
    house.rig.crash(lambda data: (data.state / "register.json").write_bytes(b"{"))
    house.sessions.clear()
    assert house.report("2026-Q4", login="carl").sha256 == shown.sha256


def test_a_kept_report_that_was_changed_is_not_shown_as_what_it_was(house: ReportedHouse) -> None:
    house.done("dora", "purpose.close", types_looks.GrantAsk(house.look("dora", "loss", 0)))
    to_next_quarter(house)
    keep(house)
    file = house.rig.data.state / "reports" / "2026-Q4.json"
    row = json.loads(file.read_bytes())
    row["policy_prints"] = 99
    file.write_bytes(json.dumps(row).encode())
    shown = house.report("", login="carl")
    assert shown.policy_prints == 0
    assert shown.sha256 == ""
    assert "is gone or was changed" in shown.caveats[0]


def test_it_waits_for_each_seat_until_that_one_has_seen_it(house: ReportedHouse) -> None:
    house.done("dora", "purpose.close", types_looks.GrantAsk(house.look("dora", "loss", 0)))
    to_next_quarter(house)
    keep(house)

    def waits(person: str) -> bool:
        caller = Caller(person, False, -1, "ssh")
        listed = house.rig.run(house.rig.house.authorizer.async_read(ReadReports(), caller))
        assert listed.running == "2027-Q1"
        return not listed.reports[0].read

    assert waits("p1")
    assert waits("p2")
    house.report("", login="carl")
    assert waits("p1")
    assert not waits("p2")
    assert house.rig.house.authorizer.may_read(ReadReports, Caller("p1", False, -1, "ssh"))
    assert not house.rig.house.authorizer.may_read(ReadReports, Caller("p3", False, -1, "ssh"))


def test_the_heads_at_both_ends_prove_that_the_log_only_grew(house: ReportedHouse) -> None:
    house.done("dora", "purpose.close", types_looks.GrantAsk(house.look("dora", "loss", 0)))
    to_next_quarter(house)
    keep(house)
    house.look("carl", "loss", 0)
    report = house.report("", login="carl")
    log = house.rig.house.log
    first = house.log("camera.add")[0]["seq"]
    assert (report.log.first_size, first) == (0, 1), "the log begins in this quarter"
    head = parse_note(log.head()).head
    proof = log.consistency_proof(report.log.last_size, head.size)
    assert verify_consistency(report.log.last_size, bytes.fromhex(report.log.last_root), head.size, head.root, proof)
    assert report.log.entries == len([e for e in house.rig.read_log() if OCTOBER <= e["at"][:10] < JANUARY])
    # The next report compares its log with the head that was kept.
    assert house.report("now", login="carl").log.compared == ("2026-Q4",)


# --- what must be said ------------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_is_said(house: ReportedHouse) -> None:
    house.rig.time.run(DAY_NS)
    house.look("dora", "loss", 0)
    house.rig.time.wall_ns -= 3_600 * NS
    house.sessions.clear()
    house.look("dora", "crime", 0, incident="26-9")
    report = house.report()
    assert report.log.steps == 1
    assert any("set back once" in caveat for caveat in report.caveats)
    assert counts(report.purposes) == {"loss": 1, "crime": 1}


def test_entries_of_a_clock_that_was_ahead_are_counted_where_they_say_and_told(house: ReportedHouse) -> None:
    house.rig.time.wall_ns += 60 * DAY_NS
    house.done(None, "print.facts", PrintRequest("policy"))
    house.rig.time.wall_ns -= 60 * DAY_NS
    house.done(None, "print.facts", PrintRequest("policy"))
    report = house.report()
    assert report.policy_prints == 1
    assert report.log.astray >= 1
    assert any("are dated in another" in caveat for caveat in report.caveats)
    assert (
        any("clocks of this machine disagree" in caveat for caveat in report.caveats)
        == house.rig.house.authorizer.now().doubtful
    )


def test_a_restored_backup_is_said(house: ReportedHouse) -> None:
    gate = house.rig.house.authorizer
    house.rig.run(gate.async_service_entry("backup.restored", LogForm(facts={"entries": 3, "newer": 2})))
    assert any("A backup was restored on 2026-11-25" in caveat for caveat in house.report().caveats)


def test_acts_go_on_while_a_report_is_counted(house: ReportedHouse) -> None:
    """A hold that is placed meanwhile neither waits for the report nor breaks it."""
    at = house.rig.time.wall_ns
    span = types_holds.SpanAsk("front", at - 2 * MINUTE_NS, at - MINUTE_NS)
    place = types_holds.HoldPlace("violation", "26-5", [span])
    dora, carl = house.who("dora"), house.who("carl")

    async def both() -> tuple[Any, Any]:
        rig = house.rig
        counting = asyncio.create_task(rig.async_act("print.facts", dora, PrintRequest("report", quarter="now")))
        await asyncio.sleep(0)
        held = await rig.async_act("hold.place", carl, place)
        over = counting.done()
        return held, (over, await counting)

    held, (over, facts) = house.rig.run(both())
    assert held.id
    assert not over, "the hold did not wait"
    assert facts.report.quarter == "2026-Q4"


def test_a_log_that_was_begun_anew_is_said(house: ReportedHouse) -> None:
    house.done("dora", "purpose.close", types_looks.GrantAsk(house.look("dora", "loss", 0)))

    def break_it(data: Any) -> None:
        month = next((data.state / "access").glob("*.jsonl"))
        month.write_bytes(month.read_bytes().replace(b'"purpose":"loss"', b'"purpose":"crim"', 1))

    size = house.rig.house.log.size
    house.rig.crash(break_it)
    house.sessions.clear()
    assert house.rig.run(house.rig.house.jobs.run["access log"]())  # type: ignore[attr-defined]
    from holdshelf_core.access_log.types import LogRepair  # noqa: PLC0415

    house.done(None, "log.repair", LogRepair("a byte had changed"))
    # Nothing proves whom the register names, so nobody gets a report before the Board has spoken.
    refused = house.act("dora", "print.facts", PrintRequest("report", quarter="now"))
    assert refused.kind == "refused", refused
    assert "nothing proves" in refused.error.sentence
    house.done(None, "log.accept", types_register.LogAccept(PAPER, "compared with the paper"))
    report = house.report()
    assert counts(report.purposes) == {}
    told = [caveat for caveat in report.caveats if "found damaged and was started again" in caveat]
    assert len(told) == 1
    assert str(size) in told[0]


def test_a_camera_that_went_is_in_the_report_with_its_name(house: ReportedHouse) -> None:
    house.done("dora", "camera.retire", types_commission.CameraRemove("hall", "it broke"))
    house.rig.time.run(DAY_NS)
    house.sessions.clear()
    report = house.report()
    (hall,) = [row for row in report.cameras if row.id == "hall"]
    assert hall.name == "Hall"
    assert hall.state.startswith("added ") or hall.state.startswith("removed ")
    assert "removed 2026-11-25" in hall.state
    (front,) = [row for row in report.cameras if row.id == "front"]
    assert front.elapsed_s > hall.elapsed_s
    for row in report.cameras:
        told = row.recorded_s + sum(gap.seconds for gap in row.gaps) + row.untold_s
        assert row.elapsed_s - 5 <= told <= row.elapsed_s


def test_a_quarter_in_which_nothing_was_is_told_as_that(house: ReportedHouse) -> None:
    house.rig.time.run(130 * DAY_NS)
    house.sessions.clear()
    report = house.report("", login="dora")
    assert report.quarter == "2027-Q1"
    assert report.log.entries == 0
    assert report.log.first_head == report.log.last_head
    assert report.spot == ()
    assert not report.lookers
    early = house.report("2026-Q2", login="dora")
    assert any("after this quarter" in caveat for caveat in early.caveats)
    assert early.cameras == ()
