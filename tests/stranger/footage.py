"""Footage, ledger and shelf, read as docs/disk-format.md describes them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mp4_boxes import NotAsDescribed, read_video

type Say = Callable[[str], None]

NS = 1_000_000_000
DAY = re.compile(r"-?\d{4,}-\d\d-\d\d")
CLOSED = re.compile(r"(\d{10,18})_(\d\d)(\d\d)(\d\d)\.(\d{3})Z\.mp4")
OPEN = re.compile(r"(\d{10,18})\.mp4")
SEAM_NS = NS
"""What a stream's clock may have drifted within a run: so far may what follows lie from what went before."""


@dataclass
class Segment:
    """A line of kind `segment`, with the checksum of its `hash` line, and whether the file is there."""

    camera: str
    day: str
    line: dict[str, Any]
    sha256: str | None
    is_there: bool = False

    @property
    def seq(self) -> int:
        return int(self.line["seq"])

    @property
    def span(self) -> tuple[int, int]:
        start = self.line["start_utc_ns"]
        return start, start + self.line["duration_ns"]

    @property
    def recovered(self) -> dict[str, Any] | None:
        """Where it was recovered from, if it was."""
        found: dict[str, Any] | None = self.line.get("from_camera")
        return found

    @property
    def written(self) -> tuple[int, int]:
        """When it came to the disk: while it was recorded, or when it was fetched from the camera."""
        if self.recovered is None:
            return self.span
        return self.recovered["fetched_utc_ns"], self.recovered["fetched_utc_ns"]

    def over_for(self, clock: dict[str, Any]) -> int:
        """For how many ns it had been on the disk, by a `clock.json`: by boottime within one boot, which no set clock moves."""
        if self.line["boot"] and self.line["boot"] == clock.get("boot"):
            return int(clock["boot_ns"] - self.line["start_boot_ns"] - self.line["duration_ns"])
        return int(clock["utc_ns"] - max(self.span[1], self.written[1]))

    def was_over_before(self, other: Segment, ns: int) -> bool:
        """Whether it came to the disk so long before another: by boottime within one boot, which no set clock moves."""
        if self.line["boot"] and self.line["boot"] == other.line["boot"]:
            end = self.line["start_boot_ns"] + self.line["duration_ns"]
            return bool(end + ns < other.line["start_boot_ns"])
        return self.written[1] + ns < other.written[0]

    @property
    def path(self) -> str:
        return f"footage/{self.camera}/{self.day}/{self.line['name']}"


@dataclass
class Piece:
    """A stretch of a camera's time: a segment, or a gap with its end."""

    number: int
    what: str
    reason: str
    boot: str
    start_boot_ns: int
    start_utc_ns: int
    length_ns: int
    end_utc_ns: int
    end_boot: str = ""
    end_boot_ns: int = 0
    is_open: bool = False


@dataclass
class Erased:
    """What the ledger says: for each number, when its intent was written; and what it says of a `done`."""

    at_utc_ns: dict[tuple[str, int], int] = field(default_factory=dict)
    reasons: dict[tuple[str, int], str] = field(default_factory=dict)
    certain: set[tuple[str, int]] = field(default_factory=set)
    abandoned: set[tuple[str, int]] = field(default_factory=set)
    order: list[tuple[int, list[tuple[str, int]]]] = field(default_factory=list)
    days: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Of each camera, what remains of its days that have gone: two of one day, where a clock came back to it."""


def lines_of(path: Path, say: Say, what: str, *, crashed: bool = False) -> list[dict[str, Any]]:
    """The whole lines of a `.jsonl` file; a torn one behind the last is worth a word only when nothing crashed."""
    *lines, torn = path.read_bytes().split(b"\n")
    if torn and not crashed:
        say(f"{what} ends in a torn line.")
    found = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            say(f"{what} has a line that cannot be read.")
    return found


def read_ledger(state: Path, say: Say, *, crashed: bool = False) -> Erased:
    """What was erased, in the order of writing."""
    erased = Erased()
    months = sorted((state / "ledger").glob("*.jsonl"))
    for path in months:
        begun: dict[str, dict[str, Any]] = {}
        for line in lines_of(path, say, f"ledger/{path.name}", crashed=crashed):
            kind = line.get("kind")
            if kind == "intent":
                begun[line["id"]] = line
                named = [(part["camera"], seq) for part in line["days"] for seq in part["seqs"]]
                erased.order.append((line["at_utc_ns"], named))
                for one in named:
                    erased.at_utc_ns.setdefault(one, line["at_utc_ns"])
                    erased.reasons[one] = line["reason"]
            elif kind == "abandon":
                erased.abandoned.add((line["camera"], line["seq"]))
            elif kind == "done" and line["id"] in begun:
                kept = set(line.get("kept", ()))
                intent = begun.pop(line["id"])
                for part in intent["days"]:
                    for seq in part["seqs"]:
                        if seq in kept:  # a hold came between
                            if erased.at_utc_ns.get((part["camera"], seq)) == intent["at_utc_ns"]:
                                erased.at_utc_ns.pop((part["camera"], seq), None)
                        else:
                            erased.certain.add((part["camera"], seq))
                kept_here = {(part["camera"], seq) for part in intent["days"] for seq in part["seqs"] if seq in kept}
                for at, named in erased.order:
                    if at == intent["at_utc_ns"]:
                        named[:] = [one for one in named if one not in kept_here]
            elif kind == "day":
                erased.days.setdefault(line["camera"], []).append(line)
    return erased


class Camera:
    """One camera's folder."""

    def __init__(self, media: Path, name: str, say: Say, *, deep: bool, crashed: bool) -> None:
        self.name = name
        self.segments: list[Segment] = []
        self.pieces: list[Piece] = []
        self.numbers: list[int] = []
        self.open_bytes = 0
        self._folder = media / "footage" / name
        self._say, self._deep, self._crashed = say, deep, crashed
        for day in sorted(path.name for path in self._folder.iterdir() if DAY.fullmatch(path.name)):
            self._read_day(day)
        self._read_open()

    # -- a day ------------------------------------------------------------------------------------------------------

    def _read_day(self, day: str) -> None:
        folder, shown = self._folder / day, f"footage/{self.name}/{day}"
        if not (folder / "journal.jsonl").exists():
            self._say(f"{shown} has no journal.")
            return
        lines = lines_of(folder / "journal.jsonl", self._say, f"{shown}/journal.jsonl", crashed=self._crashed)
        hashes = {line["seq"]: line["sha256"] for line in lines if line["kind"] == "hash"}
        here = {path.name for path in folder.iterdir() if CLOSED.fullmatch(path.name)}
        told: dict[str, Segment] = {}
        for line in lines:
            if line["kind"] == "segment":
                segment = Segment(self.name, day, line, line["sha256"] or hashes.get(line["seq"]))
                segment.is_there = line["name"] in here
                if line["name"] in told:
                    self._say(f"{segment.path} has two lines.")
                told[line["name"]] = segment
                self.segments.append(segment)
                self.numbers.append(segment.seq)
                self._check_line(segment)
        for name in sorted(here - set(told)):
            self._say(f"{shown}/{name} has no line in its journal.")
        self._read_gaps(lines)
        self._check_sums(folder, shown, told)
        for segment in told.values():
            if segment.recovered is not None:
                self._check_recovered_line(segment)
            if segment.is_there:
                self._check_file(segment, folder / segment.line["name"])

    def _check_line(self, segment: Segment) -> None:
        line = segment.line
        start = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=line["start_utc_ns"] // 1000)  # noqa: DTZ001
        wanted = f"{line['seq']:010d}_{start:%H%M%S}.{line['start_utc_ns'] // 1_000_000 % 1000:03d}Z.mp4"
        if line["name"] != wanted or f"{start:%Y-%m-%d}" != segment.day:
            self._say(f"{segment.path} is not named by the instant at which its line says that it began.")
        if line["audio_tracks"] != 0:
            self._say(f"{segment.path} has sound, says its line.")

    def _check_recovered_line(self, segment: Segment) -> None:
        """It has no place in the order of recording, and says where it is from."""
        line, of = segment.line, segment.recovered
        assert of is not None
        if line["boot"] or line["start_boot_ns"]:
            self._say(f"{segment.path} was recovered from the camera, and claims a boottime.")
        if segment.span[1] > of["fetched_utc_ns"] + NS and of["fetched_utc_ns"]:
            self._say(f"{segment.path} was fetched before it was taken.")

    def check_recovered(self, gone: list[dict[str, Any]]) -> None:
        """What was recovered lies in gaps, and no time of it twice."""
        gaps = [(one.start_utc_ns, one.end_utc_ns) for one in self.pieces if one.reason and not one.is_open]
        gaps += [(start, end) for line in gone for start, end, _ in line.get("gap_spans", ())]
        gaps += [(start, end) for line in gone for start, end in line.get("recovered", ())]
        reached = 0
        numbers = {one.number for one in self.pieces if one.reason}
        for segment in sorted((s for s in self.segments if s.recovered is not None), key=lambda s: s.span):
            start, end = segment.span
            if start < reached - NS // 100:
                self._say(f"{segment.path} was recovered, and so was part of its time before.")
            at, reached = start, max(reached, end)
            for begin, until in sorted(gaps):
                if begin <= at + NS // 100 and until > at:
                    at = until
            if at < end - NS // 100:
                self._say(f"{segment.path} was recovered from the camera for a time in which there is no gap.")
            if segment.recovered is not None and segment.recovered["gap"] not in numbers and not gone:
                self._say(f"{segment.path} was recovered for gap {segment.recovered['gap']}, which is in no journal.")

    def _check_file(self, segment: Segment, path: Path) -> None:
        data, line = path.read_bytes(), segment.line
        try:
            video = read_video(data)
        except NotAsDescribed as error:
            self._say(f"{segment.path} does not open: {error}.")
            return
        if video.tracks != ["vide"]:
            self._say(f"{segment.path} has the tracks {video.tracks}, not one of video.")
        if path.stat().st_mode & 0o777 != 0o400:
            self._say(f"{segment.path} may be written: its mode is {path.stat().st_mode & 0o777:o}.")
        if len(data) != line["bytes"]:
            self._say(f"{segment.path} has {len(data)} bytes, not {line['bytes']}.")
        if video.frames != line["frames"]:
            self._say(f"{segment.path} has {video.frames} frames, not {line['frames']}.")
        if segment.sha256 is None and not line["recovered"]:  # a recovered one gets it later, by a `hash` line
            self._say(f"{segment.path} has no checksum.")
        if self._deep and segment.sha256 is not None and hashlib.sha256(data).hexdigest() != segment.sha256:
            self._say(f"{segment.path} is not what was recorded: its checksum differs.")
        said = video.comment
        if line["boot"] and (said.get("seq"), said.get("camera")) != (line["seq"], self.name):
            self._say(f"{segment.path} says of itself that it is {said.get('seq')} of {said.get('camera')}.")

    def _check_sums(self, folder: Path, shown: str, told: dict[str, Segment]) -> None:
        path = folder / "SHA256SUMS"
        listed: dict[str, str] = {}
        for line in (path.read_text() if path.exists() else "").splitlines():
            digest, _, name = line.partition("  ")
            if name in listed:
                self._say(f"{shown}/SHA256SUMS lists {name} twice.")
            listed[name] = digest
        known = {name: segment.sha256 for name, segment in told.items() if segment.sha256}
        if not self._crashed and listed != known:
            wrong = sorted(name for name in {*listed, *known} if listed.get(name) != known.get(name))
            self._say(f"{shown}/SHA256SUMS is not what the journal says of {', '.join(wrong[:3])}.")

    def _read_gaps(self, lines: list[dict[str, Any]]) -> None:
        ends: dict[int, dict[str, Any]] = {}
        for line in lines:
            if line["kind"] == "gap_end":
                ends.setdefault(line["gap"], line)
        for line in lines:
            if line["kind"] == "segment":
                start, end = line["start_utc_ns"], line["start_utc_ns"] + line["duration_ns"]
                piece = Piece(
                    line["seq"], line["name"], "", line["boot"], line["start_boot_ns"], start, end - start, end
                )
            elif line["kind"] == "gap":
                piece = self._gap(line, ends.get(line["gap"]))
                self.numbers.append(piece.number)
            else:
                continue
            self.pieces.append(piece)

    def _gap(self, line: dict[str, Any], end: dict[str, Any] | None) -> Piece:
        shown = f"Gap {line['gap']} of {self.name}"
        if not line["reason"]:
            self._say(f"{shown} has no reason.")
        start, boot, start_boot = line["start_utc_ns"], line["boot"], line["start_boot_ns"]
        if end is None:
            return Piece(line["gap"], shown, line["reason"], boot, start_boot, start, 0, start, is_open=True)
        if end["elapsed_ns"] < 0:
            self._say(f"{shown} ({line['reason']}) ends {-end['elapsed_ns'] / NS:.2f} s before it starts.")
        if boot and end["boot"] == boot and abs(end["end_boot_ns"] - start_boot - end["elapsed_ns"]) > NS:
            self._say(f"{shown} ({line['reason']}) is not as long as it says.")
        return Piece(
            line["gap"], shown, line["reason"], boot, start_boot, start, end["elapsed_ns"], end["end_utc_ns"],
            end["boot"], end["end_boot_ns"],
        )  # fmt: skip

    def _read_open(self) -> None:
        folder = self._folder / "open"
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            self.open_bytes += path.stat().st_blocks * 512
            if not OPEN.fullmatch(path.name):
                self._say(f"footage/{self.name}/open/{path.name} is a stranger's file.")
            elif not self._crashed:
                self._say(f"footage/{self.name}/open/{path.name} was left behind.")

    # -- time -------------------------------------------------------------------------------------------------------

    def check_time(self, gone: list[dict[str, Any]]) -> None:
        """recorded + gaps = elapsed, with no overlap: by boottime within a boot, in the order of time."""
        boots: dict[str, list[Piece]] = {}
        for piece in self.pieces:
            if piece.boot:
                boots.setdefault(piece.boot, []).append(piece)
        for pieces in boots.values():
            pieces.sort(key=lambda one: (one.start_boot_ns, one.start_boot_ns + one.length_ns, one.number))
            reached: int | None = None
            last: Piece | None = None
            off = 0
            for position, piece in enumerate(pieces):
                if reached is not None and last is not None:
                    off += self._check_seam(last, piece, reached, gone)
                end = piece.start_boot_ns + piece.length_ns
                if piece.is_open:
                    # Its end could not be written: it ended where the next began.
                    later = [
                        one.start_boot_ns for one in pieces[position + 1 :] if one.start_boot_ns >= piece.start_boot_ns
                    ]
                    end = later[0] if later else piece.start_boot_ns
                if reached is None or end >= reached:
                    reached, last = end, piece
            if off > SEAM_NS:
                self._say(f"{self.name}: over this boot, {off / NS:.2f} s in all are told twice or by nothing.")

    def _check_seam(self, last: Piece, piece: Piece, reached: int, gone: list[dict[str, Any]]) -> int:
        """How far the two lie apart or over one another, where that is too little to be told by itself."""
        apart = piece.start_boot_ns - reached
        if apart < -SEAM_NS:
            self._say(f"{self.name}: {_shown(piece)} begins {-apart / NS:.2f} s before the end of {_shown(last)}.")
            return 0
        if apart <= SEAM_NS:
            return abs(apart)
        if not is_excused(last, piece, gone):
            between = f"{_shown(last)} and {_shown(piece)}"
            self._say(f"{self.name}: {apart / NS:.2f} s between {between} are told by nothing.")
        return 0


def _shown(piece: Piece) -> str:
    return f"{piece.what} ({piece.reason})" if piece.reason else piece.what


def is_excused(last: Piece, piece: Piece, gone: list[dict[str, Any]]) -> bool:
    """The days between are gone, and the ledger tells of them. Their first file may be numbered before `last`: a spare is
    numbered before its first frame."""
    low, high = sorted((last.number, piece.number))
    return any(line["first_seq"] is None or (line["first_seq"] <= high and low <= line["last_seq"]) for line in gone)


def stored(cameras: list[Camera]) -> Iterator[Segment]:
    """All segments whose files are there."""
    for camera in cameras:
        yield from (segment for segment in camera.segments if segment.is_there)
