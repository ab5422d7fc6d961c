"""`print report`: a quarter of the library's cameras for its Board: a first page, one page of plots, the tables behind it.

Every figure is the service's (api.paper_report; docs/report.md tells where each is from); here they are only put into
words. It names seats and designees, and no patron.
"""

from __future__ import annotations

from collections.abc import Iterable

from holdshelf_core.policy.governing import english, own_board
from holdshelf_core.reports.report_types import ReportPaper
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import frame
from holdshelf_tui.papers.report_plots import plots
from holdshelf_tui.papers.report_sections import looks, sections
from holdshelf_tui.papers.report_words import (
    attested_words,
    day_words,
    many,
    percent,
    short_day,
    span_of_days,
    time_words,
)
from holdshelf_tui.papers.text import clean
from holdshelf_tui.text.time_format import quarter_words


def report_document(facts: PaperFacts) -> d.Document:
    """The report as a paper; a sheet that says so where there is none."""
    report = facts.report
    if report is None:
        return frame.document(facts, "Quarterly report", [d.Para("No report was made for this print.", "caveat")])
    return frame.document(
        facts,
        f"Quarterly report, {quarter_words(report.quarter)}{' so far' if report.so_far else ''}",
        [
            *_opening(report, facts),
            *looks(report),
            d.NewPage(),
            plots(report),
            *sections(report, facts),
        ],
        confidential=True,
        one_page=True,
        caveats=[clean(caveat, 400) for caveat in report.caveats],
    )


def _opening(report: ReportPaper, facts: PaperFacts) -> Iterable[d.Block]:
    span = span_of_days(report.first_day, report.last_day)
    whom = own_board("For the Board of the library.", english(facts.board))
    so_far = f", as far as it had come by {clean(report.made_at, 40)}" if report.so_far else ""
    lead = f"{span}{so_far}. {whom}"
    yield d.Para(lead, "lead")
    yield d.Facts(_glance(report))
    waiting = list(_waiting(report))
    yield d.Heading("What needs attention", 2)
    if waiting:
        yield from (d.Item(words) for words in waiting)
    else:
        yield d.Para("Nothing: every review is done, every sign is in order, no paper is overdue.")
    yield d.Para(
        f"Made {clean(report.made_at, 40)}, in the library's own time ({clean(report.zone, 40)}). Acts are those of the "
        "quarter. What is overdue, unreviewed or not back is as of the day this was made.",
        "small",
    )


def _glance(report: ReportPaper) -> list[tuple[str, str]]:
    elapsed, recorded = sum(c.elapsed_s for c in report.cameras), sum(c.recorded_s for c in report.cameras)
    looks = sum(row.looks for row in report.lookers)
    pictures = sum(row.pictures for row in report.lookers)
    live = sum(row.live_s for row in report.lookers)
    kept, overdue = sum(row.kept for row in report.holds), sum(row.overdue for row in report.holds)
    releases, refused = sum(r.requested for r in report.releases), sum(r.refused for r in report.releases)
    rows = []
    if elapsed:
        rows.append(
            ("Recorded", f"{percent(recorded / elapsed)} of the time, over {many(len(report.cameras), 'camera')}")
        )
    rows += [
        ("Days kept", _kept_words(report)),
        (
            "Looks",
            f"{many(looks, 'look')}, {many(pictures, 'picture')}, {f'live for {time_words(live)}' if live else 'nothing live'}"
            if looks
            else ("nobody looked" if report.log.last_size else "not known"),
        ),
        ("Holds in force", f"{kept:,}" + (f", the review of {overdue} overdue" if overdue else "")),
        (
            "Releases",
            f"{many(releases, 'request')}, {sum(r.exported for r in report.releases)} handed out; "
            f"refused {'once' if refused == 1 else f'{refused:,} times'}"
            if releases or refused
            else "nobody asked for recordings",
        ),
        (
            "Signs",
            f"{report.signs.ready} of {many(report.signs.entrances, 'entrance')} in order"
            if report.signs.entrances
            else "",
        ),
        (
            "Copies of the policy",
            f"{report.policy_prints:,} printed (nobody is asked who wants one)"
            if report.policy_prints or report.log.last_size
            else "not known",
        ),
        ("Access log", f"grew from {report.log.first_size:,} to {report.log.last_size:,} entries"),
    ]
    return rows


def _kept_words(report: ReportPaper) -> str:
    days = [camera.kept_days for camera in report.cameras if camera.kept_days is not None]
    if not days:
        return "not known"
    least, most = min(days), max(days)
    words = f"{least:.0f}" if f"{least:.0f}" == f"{most:.0f}" else f"{least:.0f} to {most:.0f}"
    words += " days at the end" if not report.so_far else " days now"
    if report.room is not None and report.room.forecast_days is not None:
        words += f"; about {report.room.forecast_days:.0f} at the rate of {short_day(report.made_at[:10])}"
    return words


def _waiting(report: ReportPaper) -> Iterable[str]:
    if report.open_flags:
        oldest = f", the oldest of {day_words(report.oldest_flag_on)}" if report.oldest_flag_on else ""
        yield f"{many(report.open_flags, 'flagged act')} not reviewed{oldest}"
    overdue = sum(row.overdue for row in report.holds)
    if overdue:
        yield f"{many(overdue, 'hold')} whose review is overdue (P16); kept until someone says otherwise"
    if report.lifting:
        yield f"{many(report.lifting, 'lift')} of a hold waiting for a second person's approval (P16)"
    if report.requests is not None and report.requests.overdue:
        yield f"{many(report.requests.overdue, 'request')} for footage whose answer is overdue (P13)"
    if report.late_papers:
        yield f"{many(report.late_papers, 'emergency release')} whose paper did not follow in time (P13)"
    if report.signs.due:
        yield f"{many(report.signs.due, 'sign')} to be checked (P3)"
    for share in report.shares:
        if share.overdue:
            yield f"{many(share.overdue, 'printed still')} not back by the day on it (P14)"
    never = [attested_words(row) for row in report.attested if not row.done_on]
    if never:
        yield f"Never attested: {'; '.join(never)}"
    room = report.room
    if room is not None and room.stops_days is not None and room.stops_days < 60:
        yield f"Held footage will have filled the disk in about {room.stops_days:.0f} days; recording would stop (P15)"
