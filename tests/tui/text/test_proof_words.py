"""What `holdshelf verify` says of a bundle, in the singular, too."""

from __future__ import annotations

import pytest

from holdshelf_core.releases.types import Anchored, Report
from holdshelf_tui.text.proof import report_lines


@pytest.mark.parametrize(
    ("files", "framed", "told"),
    [
        (1, 0, "1 file of footage that it was made from is one that the access log anchored by"),
        (1, 1, "1 file of footage and its frames are those that the access log anchored by"),
        (2, 0, "2 files of footage that it was made from are those that the access log anchored by"),
        (2, 2, "2 files of footage and their frames are those that the access log anchored by"),
        (2, 1, "2 files of footage, and the frames of 1 of them, are those that the access log anchored by"),
    ],
)
def test_one_file_is_told_as_one(files: int, framed: int, told: str) -> None:
    report = Report(
        bundle="B", release="R-2026-0001", files=files, anchored=Anchored(bool(framed), files, framed, 1, "9:ab")
    )
    first, *_, last = report_lines(report, here=True)
    assert last.startswith(told)
    assert ("1 file (0 B) is as it was signed." in first) == (files == 1)
