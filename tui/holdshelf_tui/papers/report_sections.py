"""The quarterly report's sections behind its plots: looks, releases, holds, cameras, the house, the spot check, the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdshelf_core.policy.governing import english, own_board
from holdshelf_core.policy.listing import listed
from holdshelf_core.reports.report_types import CameraRow, DayRow, ReportPaper, SpotRow, WeekRow
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.report_words import (
    attested_words,
    day_words,
    many,
    moment_words,
    percent,
    refused_words,
    short_day,
    span_words,
    time_words,
)
from holdshelf_tui.papers.text import clean
from holdshelf_tui.text.flags import flag_words

MINUTE_S, HOUR_S = 60, 3600
BAD_DAY = 0.99
DAYS_SHOWN = 14
"""Of one camera: two weeks. `print report --json` has all."""


def sections(report: ReportPaper, facts: PaperFacts) -> Iterable[d.Block]:
    """All that stands behind the plots, in its order."""
    yield d.Keep(list(_out(report)))
    yield d.Keep(list(_holds(report)))
    yield from _recording(report, facts.keeps_at_most)
    yield from _rest(report)
    yield from _spot_check(report)
    yield from _log(report, english(facts.board))


def looks(report: ReportPaper) -> Iterable[d.Block]:
    """Who looked at how much, and what a second person is to look at."""
    yield d.Heading("Looks (P9, P12)")
    if report.lookers:
        yield d.Table(
            ("Office", "Looks", "Pictures", "Of recordings", "Live"),
            [
                (
                    clean(row.words, 120),
                    f"{row.looks:,}",
                    f"{row.pictures:,}",
                    time_words(row.footage_s),
                    time_words(row.live_s),
                )
                for row in report.lookers
            ],
            shares=(46, 10, 12, 16, 16),
        )
    elif not report.log.last_size:
        yield d.Para("Nothing is known of looks: the access log had no entry by the quarter's end.")
        return
    else:
        yield d.Para("Nobody looked at a picture in this quarter.")
    yield d.Para(" ".join(_look_words(report)))
    if report.live:
        shown = [
            f"{clean(row.name, 60)} {time_words(row.live_s)}"
            + (f" ({many(row.renewals, 'renewal')})" if row.renewals else "")
            for row in report.live
        ]
        yield d.Para(f"Live, by person: {'; '.join(shown)}.")
    if report.flags:
        told = [
            f"{flag_words(clean(row.kind, 40))}: {row.raised:,}"
            + (f" ({row.open:,} not reviewed yet)" if row.open else "")
            for row in report.flags
        ]
        yield d.Para(f"Flagged for a second person: {'; '.join(told)}.")
    if report.refusals:
        told = [f"{clean(row.words, 30)} {row.count:,}" for row in report.refusals]
        yield d.Para(
            f"Refusals of any act, by the clause cited: {', '.join(told)}; including log-ins of people without a right."
        )


def _look_words(report: ReportPaper) -> Iterable[str]:
    danger = next((row.count for row in report.purposes if row.id == "imminent-danger"), 0)
    yield f"Of these, {many(danger, 'look')} in imminent danger." if danger else "No look in imminent danger."
    yield (f"Looks were widened {many(report.widened, 'time')}." if report.widened else "No look was widened.")
    if report.shared_looks:
        yield f"Shares were opened {many(report.shared_looks, 'time')}."
    if report.stills:
        yield f"{many(report.stills, 'still').capitalize()} shown while cameras were commissioned."
    if report.unclosed:
        yield (
            f"For {many(report.unclosed, 'stretch', 'stretches')} of at most a minute the count of pictures is missing: unknown, "
            f"at most {report.unclosed_most:,} more."
        )


def _out(report: ReportPaper) -> Iterable[d.Block]:
    yield d.Heading("Releases and refusals (P13)")
    rows = [
        row for row in report.releases if row.requested or row.approved or row.exported or row.withdrawn or row.refused
    ]
    if rows:
        yield d.Table(
            ("On", "Asked", "Approved", "Given out", "Refused", "Withdrawn"),
            [
                (
                    clean(row.words, 120),
                    f"{row.requested:,}",
                    f"{row.approved:,}",
                    f"{row.exported:,}",
                    refused_words(row),
                    f"{row.withdrawn:,}",
                )
                for row in rows
            ],
            shares=(34, 8, 11, 11, 23, 13),
        )
    else:
        yield d.Para("Nobody asked for recordings in this quarter.")
    if (asked := report.requests) is not None:
        yield d.Para(
            f"Requests received: {asked.received:,}. Answered in time: {asked.in_time:,}, late: {asked.late:,}; of these "
            f"{asked.refused:,} refused. Withdrawn: {asked.withdrawn:,}. Still open {'now' if report.so_far else 'at the end'}: "
            f"{asked.open:,}, of these overdue: {asked.overdue:,}."
        )
    late = f", {report.late_papers} without the paper that was due" if report.late_papers else ""
    yield d.Para(
        f"Emergency releases: {report.emergencies or 'none'}{late}. "
        f"Approvals on signed paper, of releases and lifts: {report.paper_approvals or 'none'}."
    )


def _holds(report: ReportPaper) -> Iterable[d.Block]:
    yield d.Heading("Holds (P16)")
    if any(row.placed or row.lifted or row.kept for row in report.holds):
        when = "now" if report.so_far else "at the end"
        yield d.Table(
            ("Ground", "Placed", "Let go", f"In force {when}", "Review overdue"),
            [
                (clean(row.ground, 40), f"{row.placed:,}", f"{row.lifted:,}", f"{row.kept:,}", f"{row.overdue:,}")
                for row in report.holds
            ],
            shares=(32, 14, 14, 22, 18),
        )
    else:
        yield d.Para("Nothing was on hold in this quarter.")
    if report.lifting or report.grace:
        yield d.Para(
            f"Lifts waiting for a second person's approval: {report.lifting or 'none'}. In the grace period after a lift: "
            f"{report.grace or 'none'}."
        )


def _recording(report: ReportPaper, keeps_at_most: str) -> Iterable[d.Block]:
    yield d.Heading("Recording, camera by camera (P10, P15)")
    if not report.cameras:
        yield d.Para("No camera was in use in this quarter.")
        return
    told = [camera for camera in report.cameras if _is_worth_a_row(camera)]
    if told:
        yield d.Table(
            ("Camera", "Recorded", "Missing", "mostly", "Worst day", "Days kept"),
            [
                (
                    _camera_words(camera),
                    percent(camera.share) if camera.elapsed_s else "not known",
                    *_missing(camera),
                    _worst(camera),
                    _days(camera),
                )
                for camera in told
            ],
            shares=(28, 11, 13, 21, 14, 13),
        )
    others = [camera for camera in report.cameras if camera not in told]
    if others:
        most = max(camera.elapsed_s - camera.recorded_s for camera in others)
        who = f"{'The other ' if told else ''}{many(len(others), 'camera')}"
        yield d.Para(
            f"{who}: in use all the time, and none missed more than {time_words(most)}."
            if most > 0
            else f"{who}: in use all the time, and all of it recorded."
        )
    yield from _weeks(report)
    yield from _short_days(report)
    if reasons := _reasons(report):
        yield d.Para(f"Missing over all cameras, by reason: {reasons}.")
    notes = []
    if report.stopped_times:
        notes.append(
            f"The recording service itself was stopped {many(report.stopped_times, 'time')}, "
            f"{time_words(report.stopped_s)} in all."
        )
    summed = sum(camera.summed_days for camera in report.cameras)
    if summed:
        notes.append(f"Of {many(summed, 'camera day')} that are gone, only the totals are known, and are counted here.")
    lost = [camera for camera in report.cameras if camera.missing_s]
    if lost:
        said = ", ".join(f"{clean(camera.name, 60)} {time_words(camera.missing_s)}" for camera in lost)
        notes.append(f"MISSING, recorded and not erased on schedule: {said}.")
    room = report.room
    if room is not None:
        held = f", of which {_gb(room.held_bytes)} on hold" if room.held_bytes else ""
        notes.append(f"Footage may take {_gb(room.budget_bytes)} and took {_gb(room.used_bytes)}{held}.")
        if room.floor_days is not None:
            notes.append(f"The library wishes to keep {room.floor_days:g} days at least.")
    when = f"once it is older than {clean(keeps_at_most, 40)}, and sooner " if keeps_at_most else ""
    notes.append(
        f"Footage is erased on schedule, oldest first, {when}when the disk needs the space; days kept in brackets are the least "
        "of the quarter."
    )
    yield d.Para(" ".join(notes), "small")


def _weeks(report: ReportPaper) -> Iterable[d.Block]:
    """Whether each week is really there, of all cameras; those that are need no row."""
    weeks: dict[str, list[tuple[CameraRow, WeekRow]]] = {}
    for camera in report.cameras:
        for week in camera.weeks:
            weeks.setdefault(week.first_day, []).append((camera, week))
    rows = [_week(first_day, weeks[first_day]) for first_day in sorted(weeks) if _missed_s(weeks[first_day]) >= HOUR_S]
    if rows:
        heads = ("Week from", "Recorded", "recovered later", "Missing", "the most of")
        yield d.Table(heads, rows, shares=(14, 13, 19, 14, 40))
    if whole := len(weeks) - len(rows):
        most = max(missed for of in weeks.values() if (missed := _missed_s(of)) < HOUR_S)
        least = f"missed {time_words(most)} at most, over all cameras" if most else "missed nothing"
        which = many(whole, "other week", "other weeks") if rows else many(whole, "week")
        yield d.Para(f"{which.capitalize()} {least}.")


def _missed_s(weeks: Iterable[tuple[CameraRow, WeekRow]]) -> int:
    return sum(week.elapsed_s - week.recorded_s for _, week in weeks)


def _week(first_day: str, weeks: Sequence[tuple[CameraRow, WeekRow]]) -> tuple[str, ...]:
    elapsed_s, missed_s = sum(week.elapsed_s for _, week in weeks), _missed_s(weeks)
    camera, worst = max(weeks, key=lambda one: one[1].elapsed_s - one[1].recorded_s)
    return (
        short_day(first_day),
        percent((elapsed_s - missed_s) / elapsed_s),
        time_words(sum(week.recovered_s for _, week in weeks)),
        time_words(missed_s),
        f"{clean(camera.name, 60)}, {time_words(worst.elapsed_s - worst.recorded_s)}",
    )


def _short_days(report: ReportPaper) -> Iterable[d.Block]:
    """Camera by camera, each day that lacks a part that shows; of the others their number."""
    counted = [(camera, camera.whole_days) for camera in report.cameras if camera.whole_days is not None]
    if not counted:
        return
    short = [(camera, whole) for camera, whole in counted if camera.short_days]
    if short:
        yield d.Table(
            ("Camera", "Whole days", "Days recorded to less than 99.9%"),
            [
                (clean(camera.name, 80), f"{whole} of {whole + len(camera.short_days)}", _day_list(camera.short_days))
                for camera, whole in short
            ],
            shares=(28, 15, 57),
        )
    if others := len(counted) - len(short):
        which = f"{'The other ' if short else ''}{many(others, 'camera')}"
        yield d.Para(f"{which}: each day recorded to 99.9% or more.")


def _day_list(days: Sequence[DayRow]) -> str:
    """'Aug 14 60.18%, Aug 15 93.75% (10 min recovered later)'; of very many the first, and the least of the others."""
    shown = []
    for day in days[:DAYS_SHOWN]:
        later = f" ({time_words(day.recovered_s)} recovered later)" if day.recovered_s else ""
        shown.append(f"{short_day(day.day)} {percent(_share(day))}{later}")
    if rest := days[DAYS_SHOWN:]:
        shown.append(
            f"and {many(len(rest), 'more day')} to {short_day(rest[-1].day)}, the least {percent(min(map(_share, rest)))}"
        )
    return ", ".join(shown)


def _share(day: DayRow) -> float:
    """Rounded down, as `holdshelf coverage` does: a day that is not whole does not read 99.90%."""
    return day.recorded_s * 10_000 // max(1, day.elapsed_s) / 10_000


def _is_worth_a_row(camera: CameraRow) -> bool:
    """An hour is missing, a day lacks a part that shows, nothing is known, or it came or went: the plots say the rest."""
    missing = camera.elapsed_s - camera.recorded_s
    bad_day = any(day.recorded_s < BAD_DAY * day.elapsed_s for day in camera.worst)
    return bool(
        camera.state
        or not camera.elapsed_s
        or missing >= HOUR_S
        or camera.untold_s >= MINUTE_S
        or bad_day
        or camera.missing_s
    )


def _reasons(report: ReportPaper) -> str:
    """'camera unreachable 22 h (4 times), …', the longest first."""
    seconds: dict[str, int] = {}
    times: dict[str, int] = {}
    for camera in report.cameras:
        for gap in camera.gaps:
            seconds[gap.reason] = seconds.get(gap.reason, 0) + gap.seconds
            times[gap.reason] = times.get(gap.reason, 0) + gap.times
        if camera.untold_s:
            seconds["nothing on record"] = seconds.get("nothing on record", 0) + camera.untold_s
    order = sorted((reason for reason, total in seconds.items() if total), key=lambda reason: -seconds[reason])
    return ", ".join(
        f"{clean(reason, 60)} {time_words(seconds[reason])}"
        + (f" ({many(times[reason], 'time')})" if times.get(reason) else "")
        for reason in order
    )


def _camera_words(camera: CameraRow) -> str:
    state = " (" + ", ".join(_state(part) for part in camera.state.split(", ")) + ")" if camera.state else ""
    return f"{clean(camera.name, 80)}{state}"


def _state(part: str) -> str:
    word, _, day = part.partition(" ")
    return f"{word} {short_day(day)}"


def _missing(camera: CameraRow) -> tuple[str, str]:
    """How long, and the reason of most of it."""
    missing = [(gap.seconds, clean(gap.reason, 60)) for gap in camera.gaps if gap.seconds]
    if camera.untold_s:
        missing.append((camera.untold_s, "nothing on record"))
    if not missing:
        return "none", ""
    return time_words(sum(seconds for seconds, _ in missing)), max(missing)[1]


def _worst(camera: CameraRow) -> str:
    if not camera.worst:
        return ""
    day = camera.worst[0]
    return f"{short_day(day.day)}, {day.recorded_s * 100 // max(1, day.elapsed_s)}%"


def _days(camera: CameraRow) -> str:
    if camera.kept_days is None:
        return "not known"
    return f"{camera.kept_days:.1f}" + (f" ({camera.least_days:.1f})" if camera.least_days is not None else "")


def _gb(number: int | None) -> str:
    return f"{(number or 0) / 1e12:.2f} TB" if (number or 0) >= 1e12 else f"{(number or 0) / 1e9:.1f} GB"


def _rest(report: ReportPaper) -> Iterable[d.Block]:
    yield d.Heading("Sharing, signs, people, the house (P3, P11, P14, P17, P18)")
    rows: list[tuple[str, str]] = []
    for share in report.shares:
        if share.kind == "live":
            rows.append(("Screens", f"{share.made:,} given, {share.ended:,} ended, {share.open:,} open"))
        elif share.kind == "view":
            rows.append(("Shared to view", f"{share.made:,} given, {share.ended:,} ended, {share.open:,} open"))
        else:
            late = f", {share.overdue:,} of these not back by their day" if share.overdue else ""
            rows.append(
                ("Printed stills", f"{share.made:,} given, {share.ended:,} came back, {share.open:,} out{late}")
            )
    signs = report.signs
    rows += [
        (
            "Signs at entrances",
            f"{many(signs.attested, 'time')} found in order, {many(signs.defects, 'time')} with a defect; "
            f"{many(signs.waivers, 'waiver')}; {signs.ready} of {signs.entrances} in order now",
        ),
        ("Seats and settings", listed([f"{row.words}: {row.count}" for row in report.people]) or "no change"),
    ]
    done = [f"{attested_words(row)} {day_words(row.done_on)}" for row in report.attested if row.done_on]
    never = [attested_words(row) for row in report.attested if not row.done_on]
    rows += [("Attested last", "; ".join(done)), ("Never attested", "; ".join(never))]
    yield d.Facts(rows)


def _spot_check(report: ReportPaper) -> Iterable[d.Block]:
    yield d.Heading("Peer spot check (P12)")
    if not report.spot:
        known = "No look was opened in this quarter, so there is none to judge."
        yield d.Para(known if report.log.last_size else "Nothing is known of looks, so there is none to judge.")
        return
    yield d.Para(
        f"{many(len(report.spot), 'look').capitalize()} of {report.spot_looks:,}, drawn by the access log's last head of the "
        "quarter and by nobody's choice. A peer who did not look says whether each was for a legitimate purpose and no wider "
        "than it needed to be.",
        "small",
    )
    yield d.Table(
        ("Look", "Who, and for what purpose", "What was seen", "Judged by"),
        [(clean(row.look, 30), _spot_why(row), _spot_seen(row), "_" * 12) for row in report.spot],
        shares=(15, 37, 30, 18),
    )


def _spot_why(row: SpotRow) -> str:
    number = f", no. {clean(row.incident, 60)}" if row.incident else ""
    return f"{moment_words(clean(row.at, 40))}, {clean(row.who, 160)}: {clean(row.purpose, 100)}{number}"


def _spot_seen(row: SpotRow) -> str:
    what = {"live": "live", "break_glass": "live at once"}.get(row.mode, "recordings")
    start, _, end = clean(row.span, 80).partition(" to ")
    if start and end:
        what = span_words(start, end)
    pictures = "number of pictures not known" if row.pictures is None else many(row.pictures, "picture")
    wider = f", widened {many(row.widenings, 'time')}" if row.widenings else ""
    return f"{listed([clean(name, 60) for name in row.cameras])}: {what}; {pictures}{wider}"


def _log(report: ReportPaper, board: str) -> Iterable[d.Block]:
    log = report.log
    rows = [
        ("Before the quarter", clean(log.first_head, 80)),
        ("At its end" if not report.so_far else "Now", clean(log.last_head, 80)),
        ("When this was made", clean(log.made_head, 80) if log.made_head != log.last_head else ""),
        (
            "Compared",
            f"the heads on the reports for {listed(list(log.compared))} match this log" if log.compared else "",
        ),
        ("This report", "is kept as it was made" if report.sha256 else "was made for this printing and is not kept"),
        ("its SHA-256", clean(report.sha256, 64)),
    ]
    yield d.Keep(
        [
            d.Heading("The access log (P21)"),
            d.Para(
                f"The log grew from {log.first_size:,} to {log.last_size:,} entries; {many(log.entries, 'entry', 'entries')} "
                f"of the quarter are counted here, {log.refused:,} of them refusals. Whoever keeps these lines can prove later "
                "that nothing before them was changed: “log verify --against FILE”, with these lines in the file."
            ),
            d.Facts(rows),
        ]
    )
    yield d.Keep(
        [
            d.Fields([d.Field(own_board("laid before the Board on", board), 16), d.Field("by", 28)]),
            d.Fields([d.Field("spot check done on", 16), d.Field("by", 34)]),
        ]
    )
