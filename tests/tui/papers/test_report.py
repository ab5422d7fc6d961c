"""The quarterly report as a paper: its pages, its plots measured as they are drawn, and what it says of a poor quarter."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from holdshelf_core.reports.report_types import (
    CameraRow,
    CountRow,
    DayRow,
    LogRow,
    ReleaseRow,
    ReportPaper,
    RequestCounts,
)
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import pdf, text
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.report import report_document
from holdshelf_tui.papers.report_plots import plots
from holdshelf_tui.papers.report_words import moment_words, percent, span_words, time_words
from holdshelf_tui.text.time_format import quarter_words
from tests.tui.papers.report_facts import facts, report
from tests.tui.papers.sheets import bars, outside, overlapping, pages_of, read

LONG = "The Honorable Eleanor Prudence Featherstonehaugh Free Library"
HOSTILE = "\x1b[31mfront\x1b[0m \u202egnol yrev\u202c <b>desk</b> " + "z" * 200
SCRIPTS = "Βιβλιοθήκη · Библиотека · 図書館 · مكتبة"


def words_of(page: str) -> str:
    return " ".join(page.split())


def test_sixteen_cameras_take_five_pages_and_one_of_them_is_plots(tmp_path: Path) -> None:
    made = pdf.render(report_document(facts(16, library=LONG)))
    sheet = read(made, tmp_path)
    assert not outside(sheet)
    assert not overlapping(sheet)
    pages = pages_of(made, tmp_path)
    assert len(pages) == 5
    assert len(LONG) >= 60
    for title in (
        "Days of footage kept",
        "Time recorded",
        "Looks, by purpose",
        "Holds in force, by age",
        "Releases refused",
    ):
        assert [title in page for page in pages] == [False, True, False, False, False], title
    assert "Peer spot check" in pages[3]
    assert all("Confidential library record (P21)" in page for page in pages)


@pytest.mark.parametrize(("cameras", "page"), [(0, "letter"), (16, "a4"), (70, "letter")])
def test_every_word_lies_within_the_margins_and_on_no_other(tmp_path: Path, cameras: int, page: pdf.Page) -> None:
    sheet = read(pdf.render(report_document(facts(cameras, library=LONG)), page=page), tmp_path)
    assert len(sheet.pages) <= 6
    assert not outside(sheet)
    assert not overlapping(sheet)


def test_the_plots_of_forty_cameras_are_one_page_and_of_more_the_lowest_are_shown(tmp_path: Path) -> None:
    pages = pages_of(pdf.render(report_document(facts(40))), tmp_path)
    assert "Releases refused, by basis" in pages[1]
    assert pages[1].count("Front door") == 6, "each of three twice"
    many = facts(70)
    assert many.report is not None
    panel = plots(many.report).columns[1][0]
    shown = {label for label, _, _ in panel.rows}
    worst = sorted(many.report.cameras, key=lambda camera: camera.share)[:40]
    assert len(panel.rows) == 40
    assert shown == {camera.name for camera in worst}
    assert "the 40 lowest of 70 cameras" in panel.note


def test_bars_have_the_words_of_this_policy_whatever_the_keys_of_its_rows() -> None:
    own = facts(
        1,
        purposes=(
            CountRow("crime", "a crime", 3),
            CountRow("loss", "loss of or damage to property", 1, "loss or damage"),
        ),
        releases=(
            ReleaseRow(basis="emergency", words="the emergency services", refused_policy=2),
            ReleaseRow(basis="order", words="an order of a court or of a judge", short="court order", refused_policy=1),
        ),
    )
    assert own.report is not None
    panels = [panel for column in plots(own.report).columns for panel in column]
    said = [label for panel in panels for label, _, _ in panel.rows]
    assert {"a crime", "loss or damage", "the emergency services", "court order"} <= set(said)
    assert "possible crime" not in said and "emergency" not in said


def test_large_type_sets_plots_as_bar_charts(tmp_path: Path) -> None:
    sheet = read(pdf.render(report_document(facts(16)), large=True), tmp_path)
    assert not outside(sheet)
    assert not overlapping(sheet)


def test_every_axis_begins_at_nothing_and_lengths_are_as_the_values(tmp_path: Path) -> None:
    """As they are drawn: the bars of one plot begin at one place, and twice the value is twice the length."""
    values = (1.0, 2.0, 3.0, 0.0, 12.0)
    rows = tuple((f"row {value:g}", value, f"{value:g}") for value in values)
    made = pdf.render(_paper(d.Plots([[d.Panel("A plot", rows)], [d.Panel("Another", rows, most=24.0)]])))
    drawn = bars(made, tmp_path)
    assert len(drawn) == 8, "nothing is no bar"
    for plot in (drawn[::2], drawn[1::2]):
        begin, scale = plot[0].left, plot[-1].width / 12
        assert begin > 0
        assert [bar.left for bar in plot] == pytest.approx([begin] * 4, abs=1.5)
        assert [bar.width / scale for bar in plot] == pytest.approx([1, 2, 3, 12], abs=0.1)


def test_a_frame_shows_what_a_bar_lacks(tmp_path: Path) -> None:
    panel = d.Panel("Recorded", (("one", 50.0, ""),), most=100.0, framed=True)
    (bar,) = bars(pdf.render(_paper(d.Plots([[panel]]))), tmp_path)
    frame = max(bar.dark)
    assert frame == pytest.approx(bar.left + bar.width * 2, abs=3)


def test_a_notch_stands_at_its_own_value(tmp_path: Path) -> None:
    panel = d.Panel("Days", (("one", 40.0, ""),), notches=(30.0,), mark=(20.0, "floor 20"))
    (bar,) = bars(pdf.render(_paper(d.Plots([[panel]]))), tmp_path)
    notch = sum(bar.light) / len(bar.light)
    assert notch == pytest.approx(bar.left + bar.width * 30 / 40, abs=2)
    floor = [x for x in bar.dark if bar.left + 8 < x < notch - 12]
    assert sum(floor) / len(floor) == pytest.approx(bar.left + bar.width * 20 / 40, abs=2), "the floor, a broken line"


def _paper(block: d.Block) -> d.Document:
    return d.Document("Library", "Plots", [block], d.Foot((), ""))


def test_on_a_terminal_it_has_80_columns_and_the_same_bars() -> None:
    words = PAPERS["report"].as_text(facts(40))
    assert max(map(len, words.splitlines())) <= 80
    assert "Days of footage kept, by camera (P15)" in words
    (line,) = [line for line in words.splitlines() if line.startswith("loss or damage")]
    (most,) = [line for line in words.splitlines() if line.startswith("camera check ")]
    assert line.count("█") == round(most.count("█") * 11 / 16)


def test_names_of_cameras_and_people_are_inert_and_in_any_script(tmp_path: Path) -> None:
    made = report(3)
    cameras = tuple(
        msgspec.structs.replace(camera, name=name)
        for camera, name in zip(made.cameras, (HOSTILE, SCRIPTS, ""), strict=True)
    )
    spot = tuple(msgspec.structs.replace(row, who=HOSTILE, cameras=(SCRIPTS,)) for row in made.spot)
    hostile = facts(3, cameras=cameras, spot=spot, caveats=(HOSTILE,), live=())
    words = text.render(report_document(hostile))
    assert "\x1b" not in words
    assert "\u202e" not in words
    sheet = read(pdf.render(report_document(hostile)), tmp_path)
    assert not outside(sheet)
    assert "Библиотека" in " ".join(word.words for word in sheet.words)


def test_an_empty_quarter_says_so_in_words() -> None:
    empty = ReportPaper(
        quarter="2026-Q2", first_day="2026-04-01", last_day="2026-06-30", zone="UTC", made_at="2026-07-01 00:01:00 +00:00",
        made_utc_ns=0, so_far=False, purposes=(CountRow("loss", "loss of or damage to property", 0),),
        log=LogRow(first_size=12, last_size=12),
    )  # fmt: skip
    words = words_of(text.render(report_document(msgspec.structs.replace(facts(), report=empty))))
    for said in (
        "Nobody looked at a picture in this quarter.",
        "Nobody asked for recordings in this quarter.",
        "Nothing was on hold in this quarter.",
        "No camera was in use in this quarter.",
        "No look was opened in this quarter, so there is none to judge.",
        "made for this printing and is not kept",
        "Nothing: every review is done",
    ):
        assert said in words, said
    assert "No report was made for this print." in text.render(
        report_document(msgspec.structs.replace(facts(), report=None))
    )


def test_of_a_quarter_before_the_log_nobody_says_that_nobody_looked() -> None:
    before = ReportPaper(
        quarter="2026-Q2", first_day="2026-04-01", last_day="2026-06-30", zone="UTC", made_at="2026-07-01 00:01:00 +00:00",
        made_utc_ns=0, so_far=False,
    )  # fmt: skip
    words = words_of(text.render(report_document(msgspec.structs.replace(facts(), report=before))))
    assert "Looks: not known" in words
    assert "Copies of the policy: not known" in words
    assert "No look was opened" not in words
    assert "Nothing is known of looks" in words
    assert "obody looked" not in words
    assert words.count("no camera in use |") == 2  # a plot without a bar is no plot


def test_what_could_not_be_read_stands_at_the_top(tmp_path: Path) -> None:
    told = (
        "The access log was found damaged and was started again on 2026-08-02: the "
        "88 entries of the one before are not counted here."
    )
    pages = pages_of(pdf.render(report_document(facts(4, caveats=(told,), so_far=True))), tmp_path)
    assert told in words_of(pages[0])
    assert "third quarter of 2026 so far" in pages[0]


def test_a_camera_of_which_nothing_could_be_read_is_not_called_well() -> None:
    unread = CameraRow(id="c1", name="Front door")
    words = words_of(text.render(report_document(facts(1, cameras=(unread,)))))
    assert "not known" in words
    assert "all of it recorded" not in words


def test_words() -> None:
    assert [time_words(s) for s in (0, 1, 59, 60, 3_599, 3_600, 5_400, 172_799, 172_800, 187_200)] == [
        *("none", "1 s", "59 s", "1 min", "1 h", "1 h", "1 h 30 min", "2 d", "2 d", "2 d 4 h")
    ]
    assert [percent(share) for share in (1.0, 0.999999, 0.5, 1e-9, 0.0)] == [
        *("100%", "99.99%", "50.00%", "0.01%", "0.00%")
    ]
    assert quarter_words("2026-Q4") == "fourth quarter of 2026"
    assert moment_words("2026-11-24 14:00:05 -05:00") == "Nov 24, 2:00 pm"
    assert (
        span_words("2026-11-24 23:50:00 -05:00", "2026-11-25 00:10:00 -05:00") == "Nov 24, 11:50 pm to Nov 25, 12:10 am"
    )
    both = ("2026-11-01 01:30:00 -04:00", "2026-11-01 01:30:00 -05:00")
    assert span_words(*both) == " to ".join(both), "an hour lies between"


def test_p10_weeks_that_missed_an_hour_have_a_row_and_the_others_a_sentence() -> None:
    text = words_of(PAPERS["report"].as_text(facts(16)))
    assert "Aug 10 99.18% 20 min 22 h 3 min Parking lot north, 11 h" in text, text
    assert "1 other week missed nothing." in text


def test_p10_days_that_are_not_whole_have_a_row_by_camera_and_the_others_are_counted() -> None:
    text = words_of(PAPERS["report"].as_text(facts(16)))
    assert "Parking lot north 90 of 92 Aug 14 60.18% (10 min recovered later), Aug 15 93.75%" in text, text
    assert "Book drop 91 of 92 Sep 2 91.55%" in text
    assert "The other 13 cameras: each day recorded to 99.9% or more." in text
    whole = words_of(PAPERS["report"].as_text(facts(3)))
    assert "3 cameras: each day recorded to 99.9% or more." in whole and "Whole days" not in whole


def test_p10_of_very_many_days_the_first_stand_there_and_the_least_of_the_others() -> None:
    days = tuple(DayRow(f"2026-08-{day:02}", 86_400 - 600 * day, 86_400) for day in range(1, 32))
    one = CameraRow(
        id="c1", name="Front door", elapsed_s=92 * 86_400, recorded_s=91 * 86_400, short_days=days, whole_days=61
    )
    text = words_of(PAPERS["report"].as_text(facts(1, cameras=(one,))))
    assert "Front door 61 of 92 Aug 1 99.30%, Aug 2 98.61%," in text, text
    assert "Aug 14 90.27%, and 17 more days to Aug 31, the least 78.47%" in text
    assert "Aug 15 " not in text.partition("Peer spot check")[0]


def test_p10_a_report_that_was_kept_before_days_were_counted_says_nothing_of_them() -> None:
    one = CameraRow(id="c1", name="Front door", elapsed_s=9, recorded_s=9)
    text = words_of(PAPERS["report"].as_text(facts(1, cameras=(one,))))
    assert "99.9%" not in text


def test_p13_late_and_overdue_answers_are_told_and_older_reports_say_nothing_of_them() -> None:
    asked = RequestCounts(received=9, in_time=5, late=2, refused=3, withdrawn=1, open=4, overdue=1)
    text = words_of(PAPERS["report"].as_text(facts(2, requests=asked)))
    assert "Requests received: 9. Answered in time: 5, late: 2; of these 3 refused. Withdrawn: 1." in text
    assert "Still open at the end: 4, of these overdue: 1." in text
    assert "1 request for footage whose answer is overdue (P13)" in text
    assert "Requests received" not in words_of(PAPERS["report"].as_text(facts(2, requests=None)))
