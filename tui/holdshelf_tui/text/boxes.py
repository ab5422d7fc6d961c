"""Boxes over other people (P13) as a list that a spreadsheet can hold: one line for each key point."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence

from holdshelf_core.api.boxes import KeyPoint, MovingBox
from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.text.time_format import moment
from holdshelf_tui.text.time_parse import parse
from holdshelf_tui.text.words import inert

COLUMNS = ("box", "camera", "at", "left", "top", "right", "bottom")
MAX_LINES = 2_000
_PERCENT = re.compile(r"(\d{1,3})(?:\.(\d{1,2}))?%?", re.ASCII)
_HELP = (
    "Its columns are "
    + ",".join(COLUMNS)
    + ": the sides in percent of the picture; lines with the same box belong together."
)


def boxes_csv(boxes: Sequence[MovingBox]) -> str:
    """All key points, with the columns' names on top."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, box in enumerate(boxes, 1):
        for point in box.points:
            at = moment(point.at_utc_ns).isoformat(" ", "milliseconds")
            sides = [f"{side / 100:g}" for side in (point.left, point.top, point.right, point.bottom)]
            writer.writerow([number, box.camera, at, *sides])
    return out.getvalue()


def parse_boxes(text: str, now_utc_ns: int) -> list[MovingBox]:
    """What `boxes_csv` wrote, or somebody typed. Raises BadRequest, which names the line."""
    # Any program's line ends, also the lone CR that Excel on a Mac may write.
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        rows = list(reader)
    except csv.Error:
        raise BadRequest(f"Line {reader.line_num} of the boxes cannot be read as columns.", _HELP) from None
    found: dict[tuple[str, str], list[KeyPoint]] = {}
    for line, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (not found and tuple(cell.lower() for cell in cells) == COLUMNS):
            continue
        if line > MAX_LINES:
            raise BadRequest(f"The list of boxes has more than {MAX_LINES} lines.", "Use fewer key points.")
        if len(cells) != len(COLUMNS) or not cells[0] or not cells[1]:
            raise BadRequest(f"Line {line} of the boxes does not have the {len(COLUMNS)} columns.", _HELP)
        try:
            at_utc_ns = parse(cells[2], now_utc_ns).only()
        except BadRequest as error:
            raise BadRequest(f"Line {line} of the boxes: {error.sentence}", error.next_step) from None
        sides = [_side(cell, line) for cell in cells[3:]]
        found.setdefault((cells[0], cells[1]), []).append(KeyPoint(at_utc_ns, *sides))
    if not found:
        raise BadRequest("The list of boxes is empty.", _HELP)
    return [
        MovingBox(camera, tuple(sorted(points, key=lambda point: point.at_utc_ns)))
        for (_, camera), points in found.items()
    ]


def _side(cell: str, line: int) -> int:
    """Return a percentage in hundredths: '12.5' → 1250. Raises BadRequest, which names the ``line``."""
    match = _PERCENT.fullmatch(cell)
    side = int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match is not None else -1
    if not 0 <= side <= 10_000:
        raise BadRequest(f"Line {line} of the boxes: {inert(cell, 20)!r} is no percentage from 0 to 100.", _HELP)
    return side
