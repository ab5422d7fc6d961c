"""What a year takes, as a table of docs/keys.md: `make soak T=tests/scenes/year` plays it and prints the table; with
HOLDSHELF_SAVE_KEYS=1 the document has it, too, unless something was not played."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from tests.scenes.year.all_tasks import ALL
from tests.scenes.year.tasks import Count, Task

PAGE = Path(__file__).resolve().parents[3] / "docs" / "keys.md"
SAVES = "HOLDSHELF_SAVE_KEYS"
WHO = {
    "dora": "Director",
    "carl": "Chair",
    "sam": "designee",
    "new": "designee",
    "gus": "guest",
    "admin": "admin",
}
_HEAD = ("Task", "Who", "From the first screen", "From the tabs", "Bound")
_ROWS = re.compile(r"(?<=<!-- table -->\n).*(?=<!-- end -->)", re.DOTALL)

type Counts = Mapping[tuple[str, bool], Count]
"""By a task's name and whether it began at the first screen."""


def table(counts: Counts) -> str:
    """Markdown; '–' where it was not played."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|---" * len(_HEAD) + "|"]
    for one in ALL:
        ways = [_way(one, counts, starts=starts) for starts in (True, False)]
        cells = (one.words, WHO[one.login], *ways, str(one.most or ""))
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _way(one: Task, counts: Counts, *, starts: bool) -> str:
    if not starts and one.start_only:
        return one.start_only
    return str(counts.get((one.name, starts), "–"))


def save(counts: Counts) -> None:
    """Into the document, with the day."""
    played = f"Played on {datetime.now().astimezone().date().isoformat()}.\n\n{table(counts)}"
    PAGE.write_text(_ROWS.sub(lambda _: played, PAGE.read_text()))


def is_whole(counts: Counts) -> bool:
    """Each task was played by each of its ways."""
    return all((one.name, starts) in counts for one in ALL for starts in (True, False) if starts or not one.start_only)
