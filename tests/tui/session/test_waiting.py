"""What waits for whom, and holds in words: pure, from rows."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.holds.types import CoverageRow, HoldRow, SpanAsk
from holdshelf_core.people.types import FlagRow
from holdshelf_core.releases.types import ReleaseRow
from holdshelf_tui.session.link import Who
from holdshelf_tui.session.waiting import flag_duties, hold_duties, release_duties, room_duties
from holdshelf_tui.text.holds import found, review_words, state_words, stops_words
from holdshelf_tui.text.time_format import clock, when
from tests.tui.sitting import designee, seat

S = 1_000_000_000
DAY = 86_400 * S
AT = 1_795_615_200 * S
HOLD = HoldRow(
    "H-1",
    "violation",
    "26-1",
    [SpanAsk("lobby", AT, AT + 60 * S)],
    "p1",
    AT,
    AT + 90 * DAY,
    overdue=False,
    shelved=True,
    held_bytes=10,
)


def with_(**changes: object) -> HoldRow:
    return msgspec.structs.replace(HOLD, **changes)


def test_a_lift_waits_for_another_seat_than_the_askers() -> None:
    lifting = with_(state="lifting", lift_by="p1", lift_by_name="Dora")
    assert [duty.key for duty in hold_duties([lifting], seat("p2"))] == ["H-1"]
    assert not hold_duties([lifting], seat("p1"))
    assert not hold_duties([lifting], designee("hold"))


def test_p15_that_holds_will_fill_the_disk_waits_for_a_seat() -> None:
    (duty,) = room_duties(20, seat("p1"))
    assert duty.tab == "holds" and "Recording stops in about 20 days" in duty.words
    assert (
        not room_duties(20, designee("hold")) and not room_duties(None, seat("p1")) and not room_duties(90, seat("p1"))
    )


def test_p16_an_overdue_review_waits_for_whoever_may_hold() -> None:
    late = with_(overdue=True)
    (duty,) = hold_duties([late], designee("hold"))
    assert "H-1, no. 26-1, is OVERDUE since" in duty.words and duty.tab == "holds"
    assert not hold_duties([late], designee("live")) and not hold_duties([HOLD], seat("p2"))
    assert review_words(late).startswith("OVERDUE") and not review_words(HOLD).startswith("OVERDUE")


def test_a_flag_waits_for_neither_its_person_nor_who_reviewed_it() -> None:
    flag = FlagRow("f1", "break_glass", 9, "p1", "Dora", AT, 2, ["p3"], "", True)
    assert len(flag_duties([flag], seat("p2"), now_utc_ns=AT)) == 1
    assert not any(flag_duties([flag], seat(person), now_utc_ns=AT) for person in ("p1", "p3"))
    assert not flag_duties([msgspec.structs.replace(flag, open=False)], seat("p2"), now_utc_ns=AT)


def test_a_review_says_whose_doing_it_is_and_of_when() -> None:
    def words(kind: str, now_utc_ns: int = AT) -> str:
        flag = FlagRow("f1", kind, 9, "p1", "Dora Reed", AT, 2, [], "", True)
        return flag_duties([flag], seat("p2"), now_utc_ns=now_utc_ns)[0].words

    at = clock(AT, seconds=False)
    assert words("break_glass") == f"Review Dora Reed's imminent-danger look of {at}"
    assert words("break_glass", AT + 2 * DAY) == f"Review Dora Reed's imminent-danger look of {when(AT)}"
    paper = FlagRow("f1", "paper_approval", 9, "p1", "Dora Reed", AT, 1, [], "H-2026-0001, on paper of the Mayor", True)
    (duty,) = flag_duties([paper], seat("p2"), now_utc_ns=AT)
    assert duty.words == f"Review Dora Reed's approval on signed paper of {at}: H-2026-0001, on paper of the Mayor"
    assert words("key_by_admin") == f"Review a key that the admin installed: Dora Reed, {at}"


def release(number: int = 1, **changes: Any) -> ReleaseRow:
    row = ReleaseRow(
        f"R-{number}", "requested", "police", "a request by the police", "26-7", [], [], "p1", "Dora Reed", AT, None, "",
        [], [], "", None, "", "", None, "", [], 1, None, "", received_on="2026-11-20",
    )  # fmt: skip
    return msgspec.structs.replace(row, **changes)


def due(rows: list[ReleaseRow], who: Who, **more: bool) -> list[str]:
    return [duty.words for duty in release_duties(rows, who, now_utc_ns=AT, **more)]


def test_an_answer_that_is_due_waits_for_who_decides_and_for_who_asked() -> None:
    late = release(due_utc_ns=AT - DAY, overdue=True, needs_others=True)
    for who in (seat("p2", "release.see", "release.approve"), seat("p1", "release.see")):
        (words, *_) = [one for one in due([late], who) if "OVERDUE" in one]
        assert words.startswith("R-1, no. 26-7: OVERDUE: to be answered by Nov")
    assert due([late], seat("p2", "release.see", "hold.place")) == [], "a role that decides nothing of it"
    assert due([release(due_utc_ns=AT + 9 * DAY, state="stopped")], seat("p2")) == [], "not yet"


def test_a_request_waits_for_who_decides() -> None:
    asks = "Dora Reed requests the release R-1, no. 26-7: approve or refuse"
    assert due([release()], seat("p2", "release.approve")) == [asks]
    (words,) = due([release(needs_others=True)], seat("p2", "release.approve"))
    assert words.endswith("R-1, no. 26-7: see whether others are in it, then approve or refuse")
    assert due([release()], seat("p2", "release.see")) == []
    assert due([release()], seat("p1", "release.approve")) == []
    assert due([release()], seat("p1", "release.approve"), takes_another=False) == [asks], "one who asks may approve"


def test_what_was_found_is_said_to_the_second() -> None:
    parts = [
        CoverageRow("lobby", "erased", AT, AT + 61 * S),
        CoverageRow("lobby", "recorded", AT + 61 * S, AT + 130 * S),
        CoverageRow("lobby", "gap", AT + 130 * S, AT + 135 * S, "camera unreachable"),
    ]
    said = " ".join(found(with_(coverage=parts)))
    assert "1 min 09 s are kept" in said and "1 min 01 s were already gone" in said
    assert "5 s were never recorded (1 gap: camera unreachable)" in said
    assert "from now on" in " ".join(found(with_(spans=[SpanAsk("lobby", AT, None)])))


def test_grace_and_forecast_are_said_with_their_day() -> None:
    assert state_words(with_(state="grace", grace_end_utc_ns=AT + 7 * DAY)).startswith("lifted; kept until Dec")
    assert stops_words(None) == "" and "within a day" in stops_words(0.4) and "about 9 days" in stops_words(9.2)
