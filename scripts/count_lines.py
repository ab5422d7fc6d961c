"""Counts the lines of the product by room, now or beside an earlier commit.

    python scripts/count_lines.py             as it is
    python scripts/count_lines.py COMMIT      beside that commit

Counted is each line of each Python and Typst file of the four packages; tests, bench and scripts are not.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter

PACKAGES = ("core", "onvif", "storage", "tui")
COUNTED = (".py", ".typ")


def git(*words: str) -> bytes:
    """What git says. Raises CalledProcessError."""
    return subprocess.run(["git", *words], check=True, capture_output=True).stdout


def room_of(path: str) -> str:
    """``core/holdshelf_core/holds/book.py`` is counted under ``core/holds``; a module of a root under ``core``."""
    package, _, *rest = path.split("/")
    return f"{package}/{rest[0]}" if len(rest) > 1 else package


def lines_by_room(commit: str) -> Counter[str]:
    """Lines of every counted file of that commit; '' is the index."""
    listed = git("ls-tree", "-r", "--name-only", commit, *PACKAGES) if commit else git("ls-files", *PACKAGES)
    paths = [path for path in listed.decode().splitlines() if path.endswith(COUNTED)]
    found: Counter[str] = Counter()
    for path in paths:
        found[room_of(path)] += git("show", f"{commit}:{path}").count(b"\n")
    return found


def main() -> None:
    """Prints a table."""
    commit = sys.argv[1] if len(sys.argv) > 1 else ""
    now, before = lines_by_room(""), lines_by_room(commit) if commit else Counter()
    for room in sorted({*now, *before}):
        print(f"{room:24} {before[room]:7} {now[room]:7}" if commit else f"{room:24} {now[room]:7}")
    totals = f"{before.total():7} {now.total():7}  {now.total() - before.total():+}" if commit else f"{now.total():7}"
    print(f"{'all':24} {totals}")


if __name__ == "__main__":
    main()
