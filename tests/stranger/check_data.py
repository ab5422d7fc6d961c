"""A stranger's checker of a whole installation: `python3 check_data.py DATA`, with the service stopped or on a copy.

It was written from docs/disk-format.md and docs/access-log.md, and imports nothing of Holdshelf: only Python and the
`cryptography` package. Each violation is one sentence on a line of its own; exit 1 when there is any.

    --quick           do not read every byte of every file (checksums are not compared)
    --crashed         as a power cut left it: torn last lines, files in `open` and lists that lag behind are no violation
    --witness FILE    what somebody outside kept: {"head":"…"}, {"picture":{…}}, {"held":{…}}, {"recording":{…}}, one JSON
                      object a line: a signed head; a picture that was seen; what a hold was said to keep; a moment of boottime at
                      which a camera was seen to be recorded
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from bisect import bisect_right
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from access_log import AccessLog, utc_ns
from footage import CLOSED, DAY, Camera, Erased, Segment, is_excused, lines_of, read_ledger, stored
from keeping import check_age

NS = 1_000_000_000
SHELVED_AFTER_NS = 240 * NS
"""Second names are made each minute: what was closed this long before the service last lived has them."""
SEQUENCE = re.compile(r"(\d{20})\n")
FOREVER = 2**63
LATE_NS = 30 * NS


class Checker:
    """One installation. `violations` are sentences."""

    def __init__(self, data: Path, *, deep: bool = True, crashed: bool = False) -> None:
        self.violations: list[str] = []
        self._state, self._media = data / "state", data / "media"
        self._deep, self._crashed = deep, crashed

    def say(self, sentence: str) -> None:
        self.violations.append(sentence)

    def run(self, witness: list[dict[str, Any]]) -> str:
        """Checks everything; returns what there was to check, in a sentence."""
        log = AccessLog(self._state, self.say, crashed=self._crashed)
        tables = log.check_register(self._state / "register.json")
        log.check_roots()
        log.check_policies()
        log.check_looks()
        erased = read_ledger(self._state, self.say, crashed=self._crashed)
        folders = sorted(path for path in (self._media / "footage").iterdir() if path.is_dir())
        cameras = [Camera(self._media, path.name, self.say, deep=self._deep, crashed=self._crashed) for path in folders]
        self._check_volume(log)
        log.check_seen(self._media / "log-seen")
        self._check_numbers(cameras)
        self._check_erased(cameras, erased)
        self._check_order(cameras, erased, log)
        for camera in cameras:
            gone = erased.days.get(camera.name, [])
            camera.check_time(gone)
            camera.check_recovered(gone)
        self._check_holds(cameras, erased, log)
        self._check_age(cameras, erased, log, tables)
        self._check_budget(cameras, tables)
        self._check_stills(log)
        self._check_witness(witness, log, cameras, erased)
        segments = sum(1 for _ in stored(cameras))
        gaps = sum(1 for camera in cameras for piece in camera.pieces if piece.reason)
        return (
            f"{len(log.entries)} entries of the log, {len(cameras)} cameras, {segments} segments, {gaps} gaps, "
            f"{len(erased.at_utc_ns)} segments erased."
        )

    # -- the volume -----------------------------------------------------------------------------------------------------

    def _check_volume(self, log: AccessLog) -> None:
        sides = [json.loads((root / "volume.json").read_text()) for root in (self._state, self._media)]
        if sides[0]["volume"] != sides[1]["volume"] or [side["side"] for side in sides] != ["state", "media"]:
            self.say("STATE and MEDIA do not belong together.")
        if log.volume and sides[1]["volume"] != log.volume:
            self.say(
                f"This is volume {sides[1]['volume']}, and entry {log.volume_seq} of the log leads to {log.volume}: what was "
                "anchored counts for nothing here."
            )

    def _check_numbers(self, cameras: list[Camera]) -> None:
        numbers = sorted(number for camera in cameras for number in camera.numbers)
        for one, other in pairwise(numbers):
            if one == other:
                self.say(f"The number {one} was given twice.")
        try:
            mark = SEQUENCE.fullmatch((self._media / "sequence").read_text())
        except OSError:
            return  # numbering goes on after the highest in use
        if mark is not None and numbers and numbers[-1] >= int(mark.group(1)):
            self.say(f"The number {numbers[-1]} is in use, and the mark stands at {int(mark.group(1))}.")

    # -- what was erased --------------------------------------------------------------------------------------------------

    def _check_erased(self, cameras: list[Camera], erased: Erased) -> None:
        for camera in cameras:
            for segment in camera.segments:
                at = (camera.name, segment.seq)
                if not segment.is_there and at not in erased.at_utc_ns and not self._in_open(segment):
                    self.say(f"{segment.path} is missing: no line of the ledger says that it was erased.")
                if segment.is_there and at in erased.certain and at in erased.at_utc_ns:
                    self.say(f"{segment.path} is there, and the ledger says that it was erased.")

    def _in_open(self, segment: Segment) -> bool:
        """Closed by its line and not renamed yet: a crash came between."""
        name = f"{segment.seq:010d}.mp4"
        return self._crashed and (self._media / "footage" / segment.camera / "open" / name).exists()

    def _check_order(self, cameras: list[Camera], erased: Erased, log: AccessLog) -> None:
        """The lowest number that is not on hold goes first: nothing lower was left when a higher one went."""
        held = _ever_held(log)
        left = [s for s in stored(cameras) if not _touches(held.get(s.camera, []), s.span)]
        left.sort(key=lambda segment: segment.seq)
        numbers = [segment.seq for segment in left]
        lines = {(s.camera, s.seq): s for camera in cameras for s in camera.segments}
        asked: set[tuple[str, int]] = set()
        for _, named in erased.order:
            asked.update(named)
            for at in named:
                gone = lines.get(at)
                # What was recovered from a camera goes by the time that it shows.
                is_told = gone is not None and gone.recovered is None
                for segment in left[: bisect_right(numbers, at[1])] if is_told else ():
                    if (segment.camera, segment.seq) in asked:
                        continue  # an intent names many, camera by camera: it goes next, after a crash with the next start
                    # A spare is numbered a quarter of a minute before its first frame, and a file may be closed late.
                    if gone is not None and segment.was_over_before(gone, LATE_NS):
                        self.say(f"{segment.path} is there, and {gone.path}, which is younger, was erased before it.")
                        return

    def _check_age(self, cameras: list[Camera], erased: Erased, log: AccessLog, tables: dict[str, Any]) -> None:
        rows = [row for (table, _), row in log.rows().items() if table == "holds" and row is not None]
        lived = self._clock()["utc_ns"]
        held: dict[str, list[tuple[int, int]]] = {}
        for row in rows:
            if row["state"] != "lifted" or (row.get("lifted_utc_ns") or 0) + SHELVED_AFTER_NS > lived:
                for span in row["spans"]:
                    held.setdefault(span["camera"], []).append(_span(span))

        def is_held(segment: Segment) -> bool:
            return _touches(held.get(segment.camera, []), segment.span)

        segments = (segment for camera in cameras for segment in camera.segments)
        check_age(self._state, tables, segments, erased, is_held, self.say)

    # -- holds ------------------------------------------------------------------------------------------------------------

    def _check_holds(self, cameras: list[Camera], erased: Erased, log: AccessLog) -> None:
        rows = {key: row for (table, key), row in log.rows().items() if table == "holds" and row is not None}
        by_camera = {camera.name: camera for camera in cameras}
        clock = self._clock()
        for hold, row in sorted(rows.items()):
            if row["state"] == "lifted":
                continue
            copied = bool(row.get("copies"))
            asked = [(seq, one) for seq, one in log.holds() if one["id"] == hold]
            for span in row["spans"]:
                camera = by_camera.get(span["camera"])
                if camera is None:
                    continue
                since = next(seq for seq, one in asked if _covers(one, span))
                for segment in camera.segments:
                    if not _touches([_span(span)], segment.span):
                        continue
                    shelved = self._media / "shelf" / hold / segment.camera / segment.day / segment.line["name"]
                    if not segment.is_there and not shelved.exists():
                        self._check_gone(hold, segment, erased, log, since, copied=copied)
                    elif segment.is_there and not copied:
                        self._check_shelved(hold, segment, shelved, clock, log, since)

    def _check_gone(
        self, hold: str, segment: Segment, erased: Erased, log: AccessLog, since: int, *, copied: bool
    ) -> None:
        """Nothing goes that is on hold: it must have gone before, by the ledger's word, or lie in an archive."""
        if copied:
            return
        at = erased.at_utc_ns.get((segment.camera, segment.seq))
        placed = utc_ns(log.entries[since - 1]["at"])
        # The clock may have been set back before: then what the ledger wrote by the faster clock came before, too.
        latest = max(utc_ns(entry["at"]) for entry in log.entries[:since])
        if at is None or at > max(placed, latest) + 2 * NS:
            self.say(f"{segment.path} is on hold ({hold}) and gone.")

    def _check_shelved(
        self, hold: str, segment: Segment, shelved: Path, clock: dict[str, Any], log: AccessLog, since: int
    ) -> None:
        if shelved.exists():
            own = self._media / segment.path
            if not own.samefile(shelved) and own.read_bytes() != shelved.read_bytes():
                self.say(f"{segment.path} and its second name under {hold} are two files that differ.")
            return
        placed = utc_ns(log.entries[since - 1]["at"])
        if not self._crashed and min(segment.over_for(clock), clock["utc_ns"] - placed) > SHELVED_AFTER_NS:
            self.say(f"{segment.path} is on hold ({hold}) and has no second name on the shelf.")

    def _clock(self) -> dict[str, Any]:
        """When the service last lived, by both clocks."""
        try:
            found: dict[str, Any] = json.loads((self._state / "clock.json").read_text())
            return found | {"utc_ns": int(found["utc_ns"])}
        except (OSError, ValueError, KeyError):
            return {"utc_ns": 0}

    # -- room, pictures, witnesses ------------------------------------------------------------------------------------------

    def _check_budget(self, cameras: list[Camera], tables: dict[str, Any]) -> None:
        budget = next((row["bytes"] for row in tables.get("settings", {}).values() if row["key"] == "budget"), None)
        if budget is None:
            return
        used = {segment.path: segment.line["allocated_bytes"] for segment in stored(cameras)}
        for path in (self._media / "shelf").rglob("*.mp4"):
            _, camera, day, name = path.relative_to(self._media / "shelf").parts
            if CLOSED.fullmatch(name) and DAY.fullmatch(day) and f"footage/{camera}/{day}/{name}" not in used:
                used[f"footage/{camera}/{day}/{name}"] = path.stat().st_blocks * 512
        total = sum(used.values()) + sum(camera.open_bytes for camera in cameras)
        if total > budget:
            self.say(f"Footage takes {total} bytes, and the budget is {budget}.")

    def _check_stills(self, log: AccessLog) -> None:
        for about in (self._media / "outbox").glob("*/stills/.*.json"):
            facts = json.loads(about.read_text())
            log.check_picture(f"outbox/{about.parent.parent.name}/{about.name}", facts["seq"], facts["camera"])

    def _check_witness(
        self, witness: list[dict[str, Any]], log: AccessLog, cameras: list[Camera], erased: Erased
    ) -> None:
        there = {camera.name: camera for camera in cameras}
        state = {key: row for (table, key), row in log.rows().items() if table == "holds" and row is not None}
        for line in witness:
            if "head" in line:
                log.check_note(line["head"], "A head that was kept outside")
            if "picture" in line:
                seen = line["picture"]
                log.check_picture(f"A picture of {seen['camera']}", seen["seq"], seen["camera"])
            if "recording" in line:
                self._check_recorded(line["recording"], there, erased)
            if "held" in line:
                self._check_promised(line["held"], there, state)

    def _check_recorded(self, seen: dict[str, Any], cameras: dict[str, Camera], erased: Erased) -> None:
        """A moment at which a camera was recorded lies in a segment, of which at least the line is there."""
        camera, at = cameras.get(seen["camera"]), seen["boot_ns"]
        lines = [one for one in (camera.pieces if camera else ()) if one.boot == seen["boot"]]
        if not lines or min(one.start_boot_ns for one in lines) > at:
            return  # that day has gone
        before = max((one for one in lines if one.start_boot_ns <= at), key=lambda one: one.start_boot_ns)
        after = min((one for one in lines if one.start_boot_ns > at), key=lambda one: one.start_boot_ns, default=None)
        gone = erased.days.get(seen["camera"], [])
        if after is not None and is_excused(before, after, gone):
            return  # so has that one, and an earlier one by the clock of then has not
        if not any(not one.reason and one.start_boot_ns <= at <= one.start_boot_ns + one.length_ns for one in lines):
            self.say(
                f"{seen['camera']} was recorded at {at / NS:.2f} s of boottime, and nothing of that moment is there."
            )

    def _check_promised(self, held: dict[str, Any], cameras: dict[str, Camera], rows: dict[str, Any]) -> None:
        """What somebody was told that a hold keeps is kept."""
        row = rows.get(held["hold"])
        if row is None:
            self.say(f"{held['hold']} was placed, by what was answered, and the log knows nothing of it.")
            return
        if row["state"] == "lifted" or row.get("copies"):
            return
        camera = cameras.get(held["camera"])
        kept = sorted(s.span for s in (camera.segments if camera else ()) if s.is_there)
        for start, end in held["recorded"]:
            reached = start
            for begin, until in kept:
                if begin <= reached + NS and until > reached:
                    reached = until
            if reached < end - NS:
                self.say(
                    f"{held['hold']} kept {held['camera']} from {start} to {end}, by what was answered; "
                    f"{(end - reached) / NS:.2f} s of it are gone."
                )


def _span(span: dict[str, Any]) -> tuple[int, int]:
    return span["start_utc_ns"], FOREVER if span["end_utc_ns"] is None else span["end_utc_ns"]


def _touches(spans: list[tuple[int, int]], span: tuple[int, int]) -> bool:
    return any(start < span[1] and end > span[0] for start, end in spans)


def _covers(row: dict[str, Any], span: dict[str, Any]) -> bool:
    """Whether a version of a hold keeps this span already (an open end was closed since)."""
    start, end = _span(span)
    return any(
        one["camera"] == span["camera"] and _span(one)[0] <= start and _span(one)[1] >= end for one in row["spans"]
    )


def _ever_held(log: AccessLog) -> dict[str, list[tuple[int, int]]]:
    found: dict[str, list[tuple[int, int]]] = {}
    for _, row in log.holds():
        for span in row["spans"]:
            found.setdefault(span["camera"], []).append(_span(span))
    return found


def main() -> int:
    """Prints each violation; exit 1 when there is one."""
    asked = argparse.ArgumentParser(description="Checks a Holdshelf installation by its documents alone.")
    asked.add_argument("data", type=Path)
    asked.add_argument("--quick", action="store_true")
    asked.add_argument("--crashed", action="store_true")
    asked.add_argument("--witness", type=Path)
    chosen = asked.parse_args()
    checker = Checker(chosen.data, deep=not chosen.quick, crashed=chosen.crashed)
    witness = lines_of(chosen.witness, checker.say, "The witness's file") if chosen.witness else []
    told = checker.run(witness)
    for sentence in checker.violations:
        print(sentence)
    print(f"{told} {len(checker.violations) or 'No'} violation{'' if len(checker.violations) == 1 else 's'}.")
    return 1 if checker.violations else 0


if __name__ == "__main__":
    sys.exit(main())
