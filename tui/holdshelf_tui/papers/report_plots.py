"""The page of plots of a quarterly report: days kept, looks by purpose, time recorded, holds by age, refusals."""

from __future__ import annotations

from collections.abc import Sequence

from holdshelf_core.reports.report_types import CameraRow, ReportPaper
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.report_words import percent, refused_words
from holdshelf_tui.papers.text import clean

HOUR_S = 3600
MOST_PLOTTED = 40
"""Cameras in one plot; of more, those that kept and recorded least are shown."""
_LABEL_LETTERS = 40
_NO_CAMERA = (("no camera in use", 0.0, ""),)


def plots(report: ReportPaper) -> d.Plots:
    """Days kept, looks by purpose; recorded time, holds by age, refusals by basis. Every axis begins at nothing."""
    return d.Plots(
        (
            (_days_panel(report), _purposes_panel(report)),
            (_uptime_panel(report), _ages_panel(report), _refusals_panel(report)),
        )
    )


def _picked(cameras: Sequence[CameraRow], worth: Sequence[float]) -> tuple[list[CameraRow], str]:
    """Those that are plotted, in the report's order, and what is said of the rest."""
    if len(cameras) <= MOST_PLOTTED:
        return list(cameras), ""
    order = sorted(range(len(cameras)), key=lambda at: worth[at])[:MOST_PLOTTED]
    return [cameras[at] for at in sorted(order)], f"the {MOST_PLOTTED} lowest of {len(cameras)} cameras"


def _days_panel(report: ReportPaper) -> d.Panel:
    worth = [camera.kept_days if camera.kept_days is not None else -1.0 for camera in report.cameras]
    cameras, rest = _picked(report.cameras, worth)
    note = "at the quarter's end" if not report.so_far else "now"
    if any(camera.least_days is not None for camera in cameras):
        note += "; notch or brackets: its least"
    floor = report.room.floor_days if report.room is not None else None
    return d.Panel(
        "Days of footage kept, by camera (P15)",
        tuple(
            (clean(c.name, 60), c.kept_days or 0.0, f"{c.kept_days:.1f}" if c.kept_days is not None else "not known")
            for c in cameras
        )
        or _NO_CAMERA,
        note="; ".join(part for part in (note, rest) if part),
        notches=tuple(camera.least_days for camera in cameras),
        mark=(floor, f"floor {floor:g}") if floor is not None else None,
    )


def _uptime_panel(report: ReportPaper) -> d.Panel:
    cameras, rest = _picked(report.cameras, [camera.share for camera in report.cameras])
    return d.Panel(
        "Time recorded, by camera (P10)",
        tuple((clean(c.name, 60), c.share * 100 if c.elapsed_s else 0.0, _recorded_words(c)) for c in cameras)
        or _NO_CAMERA,
        note="; ".join(part for part in ("of the time in use (the frame); hours missing", rest) if part),
        most=100.0,
        framed=bool(cameras),
    )


def _purposes_panel(report: ReportPaper) -> d.Panel:
    return d.Panel(
        "Looks, by purpose (P12)",
        tuple(
            (clean(row.short or row.words, _LABEL_LETTERS), float(row.count), f"{row.count:,}")
            for row in report.purposes
        ),
        note="looks that were opened in the quarter",
    )


def _ages_panel(report: ReportPaper) -> d.Panel:
    return d.Panel(
        "Holds in force, by age (P16)",
        tuple((row.words, float(row.count), f"{row.count:,}") for row in report.hold_ages),
        note="at the end of the quarter" if not report.so_far else "now",
    )


def _refusals_panel(report: ReportPaper) -> d.Panel:
    rows = [row for row in report.releases if row.refused]
    return d.Panel(
        "Releases refused, by basis (P13)",
        tuple((clean(row.short or row.words, _LABEL_LETTERS), float(row.refused), refused_words(row)) for row in rows)
        or (("nothing was refused", 0.0, "0"),),
        note="every refusal counts: the policy's, the statute's, a person's",
    )


def _recorded_words(camera: CameraRow) -> str:
    if not camera.elapsed_s:
        return "not known"
    missing = camera.elapsed_s - camera.recorded_s
    return percent(camera.share) + (f" ({round(missing / HOUR_S):,} h)" if missing >= HOUR_S else "")
