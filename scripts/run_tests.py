"""Run all tests, then run again, alone, those that failed; the second run decides.

First those that may run beside one another, then, in one process, those that are marked `alone`.

    python scripts/run_tests.py [--workers N] [FOLDER_OR_FILE …]

Why a second run: docs/adr/0069. Only failed tests (pytest's exit code 1) get one. An error of collection or of usage, an
interrupt, and more than `MOST_AGAIN` failures are red at once. The last line is `unstable: N`, with the names of the tests
that passed only when they ran alone.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

MOST_AGAIN = 30
"""With more failures than this, bad luck is no explanation."""
FAILED = 1
"""pytest's exit code for tests that ran and failed."""
NONE = 5
"""pytest's exit code where there was no test to run."""
LAST_FAILED = Path(".pytest_cache/v/cache/lastfailed")
"""Where pytest keeps the names of failed tests, below the folder that it was started in."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", default="4")
    parser.add_argument("targets", nargs="*")
    asked = parser.parse_args()
    # Each file in one process, the longest first (tests/order.py). --cache-clear: of an earlier run nothing counts, while the
    # second lane's process keeps what failed in the first.
    spread = ("-n", asked.workers, "--dist", "loadfile", "--no-loadscope-reorder", "--cache-clear")
    codes = []
    for lane in (("-m", "not soak and not alone", *spread), ("-m", "alone and not soak")):
        codes.append(_pytest(*lane, *asked.targets))
        if codes[-1] not in {0, FAILED, NONE} or _is_red_at_once():
            return codes[-1]
    if FAILED not in codes:
        return NONE if set(codes) == {NONE} else _say([])
    first = _failed()
    print(f"\nFailed tests that run again, alone: {len(first)}", flush=True)
    again = _pytest("-m", "not soak", "--last-failed", "--last-failed-no-failures", "none", *asked.targets)
    _say([name for name in first if name not in _failed()] if again in {0, FAILED} else [])
    return again


def _pytest(*words: str) -> int:
    return subprocess.run([sys.executable, "-m", "pytest", *words], check=False).returncode


def _is_red_at_once() -> bool:
    """Say why, where what failed so far is nothing that a second run could mend."""
    failed = _failed()
    if broken := [name for name in failed if "::" not in name]:
        print(f"Not collected: {', '.join(broken)}", file=sys.stderr)
    elif len(failed) > MOST_AGAIN:
        print(f"{len(failed)} tests failed, more than the {MOST_AGAIN} that run again.", file=sys.stderr)
    return bool(broken) or len(failed) > MOST_AGAIN


def _failed() -> list[str]:
    """Names of the tests that failed in their newest run; none where there is no such list."""
    try:
        return sorted(json.loads(LAST_FAILED.read_bytes()))
    except FileNotFoundError:
        return []


def _say(unstable: list[str]) -> int:
    print(f"unstable: {len(unstable)}")
    for name in unstable:
        print(f"  {name}")
    sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
