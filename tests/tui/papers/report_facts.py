"""A made-up quarter of a made-up library with any number of cameras, to try the report's paper and screen with."""

from __future__ import annotations

import hashlib

from holdshelf_core.reports import report_types as r
from holdshelf_core.reports.types import LogHead, PaperFacts, PolicyText

PLACES = (
    "Front door", "Circulation desk", "Children's room", "Parking lot north", "Parking lot south", "Book drop", "Community room",
    "Reading room", "Stacks east", "Stacks west", "Teen area", "Copy machines", "Local history", "Lobby", "Elevator", "Rear exit",
)  # fmt: skip
QUARTER_S = 92 * 86_400


def camera(number: int) -> r.CameraRow:
    """One camera; some fared worse than others."""
    name = PLACES[number % len(PLACES)] + (f" {number // len(PLACES) + 1}" if number >= len(PLACES) else "")
    gaps = [r.GapRow("service stopped", 754, 3), r.GapRow("reconnected", 40 + number * 7 % 60, 4 + number % 3)]
    state, elapsed, untold, worst = "", QUARTER_S, 0, ()
    if number % 7 == 3:
        gaps.append(r.GapRow("camera unreachable", 39_600, 2))
        worst = (r.DayRow("2026-08-14", 52_000, 86_400, 600), r.DayRow("2026-08-15", 81_000, 86_400))
    if number == 5:
        gaps.append(r.GapRow("auth refused", 7_300, 1))
        worst = (r.DayRow("2026-09-02", 79_100, 86_400),)
    if number == 10:
        state, elapsed = "added 2026-07-20", 73 * 86_400
    if number == 14:
        state, elapsed, untold = "removed 2026-09-11", 72 * 86_400, 61
    gaps.sort(key=lambda gap: -gap.seconds)
    missing = sum(gap.seconds for gap in gaps) + untold
    weeks = tuple(
        r.WeekRow(day, 7 * 86_400, 7 * 86_400 - lost, 0 if number % 7 != 3 else 600)
        for day, lost in (("2026-08-10", 39_600 if number % 7 == 3 else 12), ("2026-08-17", 0))
    )
    return r.CameraRow(
        id=f"c{number}",
        name=name,
        state=state,
        elapsed_s=elapsed,
        recorded_s=elapsed - missing,
        gaps=tuple(gaps),
        untold_s=untold,
        worst=worst,
        weeks=weeks,
        short_days=worst,
        whole_days=elapsed // 86_400 - len(worst),
        kept_days=31.2 + number * 37 % 11 / 4,
        least_days=28.4 + number * 31 % 9 / 5 if number != 10 else None,
    )


def report(number: int = 16, **changed: object) -> r.ReportPaper:
    """The third quarter of 2026."""
    root = hashlib.sha256(b"a log").hexdigest()
    fours = " ".join(root[at : at + 4] for at in range(0, 32, 4))
    spot = tuple(
        r.SpotRow(
            look=f"L-2026-{seq:06d}",
            log_seq=seq,
            at=at,
            who=who,
            mode=mode,
            purpose=purpose,
            incident=incident,
            cameras=names,
            span=span,
            pictures=pictures,
            widenings=widenings,
        )
        for seq, at, who, mode, purpose, incident, names, span, pictures, widenings in (
            (1311, "2026-07-09 10:12:40 -04:00", "Dora Reed, Library Director", "archive", "loss of or damage to property",
             "26-0311", ("Book drop",), "2026-07-08 21:45:00 -04:00 to 2026-07-08 22:15:00 -04:00", 44, 0),
            (1498, "2026-07-27 16:02:11 -04:00", "Carol Moss, Chair of the Library Board", "live",
             "someone's safety: an injury, an accident, a missing person", "26-0327", ("Children's room", "Lobby"), "", 210, 1),
            (1702, "2026-08-15 09:31:00 -04:00", "Ann Lee, designee of the Library Director", "archive",
             "whether a camera still shows what its reference picture shows", "", ("Parking lot south",),
             "2026-08-15 09:00:00 -04:00 to 2026-08-15 09:30:00 -04:00", 6, 0),
            (1874, "2026-09-02 13:20:05 -04:00", "Dora Reed, Library Director", "archive", "possible crime on library property",
             "26-0402", ("Front door", "Lobby", "Rear exit"),
             "2026-09-02 12:00:00 -04:00 to 2026-09-02 13:15:00 -04:00", None, 2),
            (2011, "2026-09-21 18:44:59 -04:00", "Ann Lee, designee of the Library Director", "break_glass", "imminent danger",
             "", ("Teen area",), "", 96, 0),
        )
    )  # fmt: skip
    made = r.ReportPaper(
        quarter="2026-Q3",
        first_day="2026-07-01",
        last_day="2026-09-30",
        zone="America/New_York",
        made_at="2026-10-01 00:02:11 -04:00",
        made_utc_ns=1_790_827_331 * 10**9,
        so_far=False,
        sha256=hashlib.sha256(b"a report").hexdigest(),
        cameras=tuple(camera(at) for at in range(number)),
        stopped_s=754,
        stopped_times=3,
        room=r.RoomRow(7_200_000_000_000, 7_190_000_000_000, 32.6, 412_000_000_000, None, 21.0),
        purposes=(
            r.CountRow("crime", "possible crime on library property", 9, "possible crime"),
            r.CountRow("violation", "possible violation of a library or town policy", 6, "violation of a policy"),
            r.CountRow("disruption", "behavior that disrupts the library's work", 4, "disruption"),
            r.CountRow(
                "restricted",
                "whether someone whose privileges were restricted or withdrawn has come",
                1,
                "restricted privileges",
            ),
            r.CountRow("safety", "someone's safety: an injury, an accident, a missing person", 3, "someone's safety"),
            r.CountRow("loss", "loss of or damage to property", 11, "loss or damage"),
            r.CountRow("legal-paper", "a legal paper or a request in an active investigation", 2, "legal paper"),
            r.CountRow(
                "camera-check", "whether a camera still shows what its reference picture shows", 16, "camera check"
            ),
            r.CountRow("imminent-danger", "imminent danger", 1),
        ),
        lookers=(
            r.LookerRow(words="Library Director", looks=28, pictures=1_204, footage_s=18_340, live_s=2_410),
            r.LookerRow(words="Chair of the Library Board", looks=3, pictures=231, footage_s=0, live_s=655),
            r.LookerRow(words="Designees of the Library Director", looks=22, pictures=377, footage_s=5_011, live_s=904),
            r.LookerRow(words="Those with whom something was shared", looks=2, pictures=31, footage_s=420, live_s=0),
        ),
        live=(r.LiveRow("Dora Reed", 2_410, 2), r.LiveRow("Ann Lee", 904, 0), r.LiveRow("Carol Moss", 655, 1)),
        widened=7,
        unclosed=1,
        unclosed_most=64,
        stills=2,
        shared_looks=2,
        refusals=(
            r.CountRow("P9", "P9", 1),
            r.CountRow("P11", "P11", 4),
            r.CountRow("P12", "P12", 2),
            r.CountRow("P13", "P13", 4),
        ),
        flags=(r.FlagCount("break_glass", 1, 1), r.FlagCount("paper_approval", 1, 0), r.FlagCount("wandering", 2, 0)),
        open_flags=1,
        oldest_flag_on="2026-09-21",
        holds=(
            r.HoldRow("investigation", 4, 2, 5, 1),
            r.HoldRow("litigation", 1, 0, 2, 0),
            r.HoldRow("violation", 3, 3, 1, 0),
        ),
        hold_ages=(
            r.CountRow("under-30", "under 30 days", 2),
            r.CountRow("30-90", "30 to 90 days", 3),
            r.CountRow("90-180", "90 to 180 days", 2),
            r.CountRow("180-365", "180 days to a year", 0),
            r.CountRow("over-year", "over a year", 1),
        ),
        lifting=1,
        grace=1,
        releases=(
            r.ReleaseRow(
                basis="search-warrant",
                words="a search warrant",
                short="search warrant",
                requested=1,
                approved=1,
                exported=1,
                refused_policy=1,
            ),
            r.ReleaseRow(basis="subpoena", words="a lawful subpoena", short="subpoena"),
            r.ReleaseRow(basis="court-order", words="a court order", short="court order"),
            r.ReleaseRow(
                basis="active-investigation",
                words="a request by law enforcement in an active investigation",
                short="active investigation",
                requested=3,
                approved=1,
                exported=1,
                withdrawn=1,
                refused_policy=1,
                refused_statute=2,
            ),
            r.ReleaseRow(
                basis="written-permission",
                words="the written permission of the person who is seen",
                short="written permission",
                requested=1,
                refused_person=1,
            ),
            r.ReleaseRow(basis="counsel", words="another basis, on counsel's paper", short="counsel's paper"),
            r.ReleaseRow(basis="emergency", words="imminent danger; the paper follows", short="emergency"),
        ),
        paper_approvals=1,
        shares=(r.ShareRow("view", 2, 1, 1, 0), r.ShareRow("sheet", 3, 2, 1, 1)),
        policy_prints=17,
        signs=r.SignsRow(attested=3, defects=1, waivers=0, entrances=3, ready=3, due=0),
        attested=(
            r.AttestedRow("board-review", "2026-01-20", "2027-01-20", "Board review held (P1)"),
            r.AttestedRow("website", "2026-09-30", "2026-12-29", "policy posted on the website (P18)"),
            r.AttestedRow("staff-notice", "2026-02-02", "2027-02-02", "staff notice given (P21)"),
            r.AttestedRow("copies", "", "", "copies of the policy at the desk (P17)"),
        ),
        people=(
            r.CountRow("appointment.make", "designees appointed", 1),
            r.CountRow("commission.approve", "cameras approved for use", 1),
        ),
        spot_looks=53,
        spot=spot,
        log=r.LogRow(
            origin="holdshelf.local/4f1d0c6a9b2e7785",
            first_size=1_204,
            first_head=f"1204:{fours}",
            last_size=2_118,
            last_head=f"2118:{fours[::-1]}",
            last_root=root,
            made_head=f"2120:{fours}",
            entries=914,
            refused=11,
            compared=("2026-Q1", "2026-Q2"),
        ),
    )
    import msgspec  # noqa: PLC0415

    return msgspec.structs.replace(made, **changed)


def facts(number: int = 16, *, library: str = "Prospect Free Public Library", **changed: object) -> PaperFacts:
    """Everything round it."""
    sha256 = hashlib.sha256(b"a policy").hexdigest()
    return PaperFacts(
        library=library,
        contact="Library Director, (203) 555-0142, director@prospectlibrary.example",
        policy_address="https://prospectlibrary.example/policies/cameras",
        policy=PolicyText("3", "2026-05-12", sha256),
        log=LogHead("holdshelf.local/4f1d0c6a9b2e7785", 2_131, "2131:bcf3 e047 e4e1 56d6 ca01 9e6c 4dc6 665a"),
        printed_at="2026-10-05 09:15 -04:00",
        report=report(number, **changed),
    )
