"""The cameras' table at 80 columns: whole units alone, and a space between figures."""

from __future__ import annotations

import pytest

from holdshelf_core.api.types import CameraRow, GapRow
from holdshelf_tui.screens.cameras import CamerasPane, camera_cells
from holdshelf_tui.text.cameras import kept_words

S = 1_000_000_000
AT = 1_795_615_200 * S
WIDTHS = CamerasPane.COLUMNS[""].fitted(78)


def camera(recorded_s: float, gap_s: float = 0.0, days_kept: float = 29.9) -> CameraRow:
    gap = GapRow("c", AT, AT + 1, gap_s, "camera unreachable")
    return CameraRow(
        "c", "Front entrance", "lobby", "stream", "", "loaded", "recording", "", "", "h264", 640, 360, recorded_s, AT,
        days_kept, 9, 540_700, 0.0, gap, 1,
    )  # fmt: skip


@pytest.mark.parametrize("seconds", [4, 59 * 60 + 23, 47 * 3600 + 59 * 60, 100 * 86_400])
def test_what_is_recorded_keeps_a_space_from_the_days(seconds: float) -> None:
    cells = dict(zip(WIDTHS, camera_cells(camera(seconds), WIDTHS), strict=True))
    assert len(cells["Recorded"].plain) <= WIDTHS["Recorded"]
    assert cells["Recorded"].plain.split()[-1] in ("s", "min", "h", "days")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(34, "34 s"), (64, "1 min"), (59 * 60 + 2, "59 min"), (30 * 3600, "30 h"), (10**6, "11.6 days")],
)
def test_the_last_gap_is_told_with_its_unit(seconds: float, words: str) -> None:
    told = camera_cells(camera(1, seconds), WIDTHS)[-1].plain
    assert len(told) <= WIDTHS["Last gap"] + 1 and (told.endswith(words) or len(words) > 6), told


def test_less_than_a_day_is_not_told_as_no_days() -> None:
    assert kept_words(camera(1, days_kept=0.04)).startswith("1 s recorded, 540.7 kB, since")
    assert "recorded in 29.9 days" in kept_words(camera(1))
