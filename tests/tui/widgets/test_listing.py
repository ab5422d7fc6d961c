"""A day, a time or a number in a list is whole at every width: half a date is another date."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from textual.content import Content

from holdshelf_tui.screens import doctor, holds, log, people, releases, shared, storage
from holdshelf_tui.widgets.listing import Columns, _cut

LONGEST = {
    "Hold": "H-2026-0001",
    "Release": "R-2026-0001",
    "Review": "! OVERDUE Sep 30",
    "Oldest": "Sep 30, 2026, 12:59 pm EST",
    "Next": "12:59 pm EST",
    "Every": "23 h 59 min",
    "When": "Sep 30, 2026, 12:59 pm EST",
    "Asked": "Sep 30",
    "To": "12:59 pm EST",
    "Until": "Sep 30, 2026",
    "Last day": "Sep 30, 2026",
    "Expires": "Sep 30, 2026",
}
FROM = {"Seat": "Sep 30, 2026", "With": "Sep 30, 12:59 pm EST", "Camera": "Wed, Sep 30, 2026, 12:59 pm EST"}
"""By the first column of its list."""
LISTS: list[tuple[str, Columns]] = [
    *((f"{pane.__name__} {part}", columns) for pane in (
        doctor.DoctorPane, holds.HoldsPane, log.LogPane, people.PeoplePane, releases.ReleasesPane, shared.SharedPane,
        storage.StoragePane,
    ) for part, columns in pane.COLUMNS.items()),
]  # fmt: skip


def row_of(columns: Columns) -> dict[str, str]:
    """One as wide as it gets: words at their most, times at their longest."""
    begins = FROM.get(next(iter(columns.widths)), "")
    times = LONGEST | {"From": begins}
    return {
        title: times.get(title, "kept to Sep 30" if title == "State" and title in columns.whole else "x" * most)
        for title, (_, most) in columns.widths.items()
    }


@pytest.mark.parametrize("width", [80, 100, 160])
@pytest.mark.parametrize(("name", "columns"), LISTS, ids=[name for name, _ in LISTS])
def test_no_list_cuts_a_time(name: str, columns: Columns, width: int) -> None:
    row = row_of(columns)
    fitted = columns.fitted(width, [list(row.values())])
    for title, text in row.items():
        if title in columns.whole:
            assert fitted[title] >= cell_len(text), title
    used = sum(fitted.values()) + len(fitted)
    assert used <= width, fitted


@pytest.mark.parametrize(("name", "columns"), LISTS, ids=[name for name, _ in LISTS])
def test_every_column_of_numbers_days_and_times_is_kept_whole(name: str, columns: Columns) -> None:
    told: Any = {*LONGEST, "From"} & set(columns.widths)
    assert told <= set(columns.whole)


@pytest.mark.parametrize(("name", "columns"), LISTS, ids=[name for name, _ in LISTS])
def test_nothing_is_cut_while_another_column_has_room(name: str, columns: Columns) -> None:
    """Each column in turn is as long as it gets, and the others say little."""
    for long, (_, most) in columns.widths.items():
        row = [
            "x" * most if title == long else "x" * min(len(title), least)
            for title, (least, _) in columns.widths.items()
        ]
        fitted = columns.fitted(78, [row])
        room = {title: fitted[title] - max(len(title), len(cell)) for title, cell in zip(fitted, row, strict=True)}
        if fitted[long] < most:
            others = {title: spare for title, spare in room.items() if title != long and spare > 0}
            assert not others, f"{long} has {fitted[long]} of {most}, beside {others}"


def test_what_is_cut_ends_with_a_word_where_little_is_lost_by_it() -> None:
    assert _cut("began the bundle of release R-2026-0001", 36).plain == "began the bundle of release …"
    styled = Content("began the bundle of release R-2026-0001").stylize("bold")
    assert _cut(styled, 36).plain == "began the bundle of release …"
    assert _cut("began the bundle of release R-2026-0001", 29).plain == "began the bundle of release …"
    assert _cut("Front entrance", 12).plain == "Front entra…", "half a name says more than a word of it"
    assert _cut("Front entrance", 14).plain == "Front entrance"
