"""How soon a camera that is unplugged is told by mail, by MQTT, in the metrics and in the journal; and that it is back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.parts.promised import Promise, promises
from bench.parts.rows import Row
from tests.rig.four_ways import WAYS, FourWays
from tests.service import wait_for

BAR_S = 30.0
WORDS = {"mail": "mail", "mqtt": "MQTT", "metric": "the metrics' file", "journal": "the journal"}


def rows(folder: Path, turns: int) -> list[Row]:
    """Each turn has a service of its own: what comes and goes is told more slowly, on purpose."""
    bars: dict[str, float | None] = {_what(way, back): BAR_S for back in (False, True) for way in WAYS}
    folders = iter([folder / str(turn) for turn in range(turns)])

    def turn(made: dict[str, Promise]) -> None:
        with FourWays(next(folders)) as ways:
            _measure(made, ways, ways.unplug, [False])
            _measure(made, ways, ways.plug_in, [False, True])

    return promises(bars, turn, turns=turns)


def _measure(made: dict[str, Promise], ways: FourWays, act: Callable[[], None], wanted: list[bool]) -> None:
    pending, began_s = set(WAYS), time.monotonic()
    act()

    def all_told() -> bool:
        changes = ways.changes()
        for way in [one for one in pending if changes[one] == wanted]:
            made[_what(way, wanted[-1])].ours.append(time.monotonic() - began_s)
            pending.remove(way)
        return not pending

    wait_for("all tell it", all_told)


def _what(way: str, back: bool) -> str:
    return f"a camera that was unplugged is back: {WORDS[way]}" if back else f"a camera is unplugged: {WORDS[way]}"
