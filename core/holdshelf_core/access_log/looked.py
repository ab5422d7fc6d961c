"""Who looked: which entries say that somebody had something of footage, or wanted it, and what they were about.

What an action shows is declared with the action (``ActSpec.shows``); ``BESIDE`` has the entries that the service writes beside
one. An entry that names no camera itself is about what its subject is about: a share, a release, a hold, a look. A sheet with a
picture that was put into an outbox is known again by its checksum when it is fetched. Plain data; runs in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.access_log.types import LogEntryRow
from holdshelf_core.actions.registry import Action
from holdshelf_core.acts import COPIES, PICTURE_PAPERS, PICTURES, Shows
from holdshelf_core.looks import leases
from holdshelf_core.policy import model
from holdshelf_core.reports.log_counts import look_number

FETCH, DELIVER, PRINT = "outbox.fetch", "print.deliver", "print"
BESIDE: Mapping[str, Shows] = {
    leases.OPEN: Shows(PICTURES),
    "hold.archived": Shows(COPIES),
    "print.failed": Shows(COPIES, "paper", PICTURE_PAPERS),
    "release.exported": Shows(COPIES),
    "release.written": Shows(COPIES),
}
"""Entries beside an act that say that something left."""

type Public = Mapping[str, Any]
"""The public line of an entry."""


@dataclass(frozen=True, slots=True)
class About:
    """What an entry is about. ``spans``: UTC ns, half-open, the end None where it is open."""

    cameras: tuple[str, ...] = ()
    spans: tuple[tuple[int, int | None], ...] = ()
    incident: str = ""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows that a subject may name, as they were when the question was asked."""

    shares: Mapping[str, model.Share]
    releases: Mapping[str, model.Release]
    holds: Mapping[str, model.Hold]

    def about(self, subject: str) -> About | None:
        """What a share, a release or a hold is about; None for any other subject."""
        if (share := self.shares.get(subject)) is not None and share.kind != "live":
            return About((share.camera,), ((share.start_utc_ns, share.end_utc_ns),))
        if (release := self.releases.get(subject)) is not None:
            return _of_spans(release.given, release.reference)
        if (hold := self.holds.get(subject)) is not None:
            return _of_spans(hold.spans, hold.reference)
        return None


def _of_spans(spans: Iterable[model.Span | model.HoldSpan], incident: str) -> About:
    found = list(spans)
    cameras = tuple(dict.fromkeys(span.camera for span in found))
    return About(cameras, tuple((span.start_utc_ns, span.end_utc_ns) for span in found), incident)


def showing(actions: Iterable[Action]) -> dict[str, Shows]:
    """What the entries of each action show, by its name; an action that shows nothing is not in it."""
    return {**{one.name: one.spec.shows for one in actions if one.spec.shows is not None}, **BESIDE}


def shown_by(entry: Public, shows: Mapping[str, Shows]) -> str:
    """PICTURES, COPIES or MOVEMENT; '' when the entry says nothing of footage."""
    found = shows.get(str(entry.get("action", "")))
    if found is None:
        return ""
    if found.fact and str(entry.get("facts", {}).get(found.fact, "")) not in found.among:
        return ""
    return found.what


@dataclass(frozen=True, slots=True)
class Question:
    """Whose (ids), of which camera, which incident, which time; empty and None: any.

    An entry is of the time when it was written then, when it let pictures out then, or when it is about footage of then.
    """

    people: frozenset[str] = frozenset()
    camera: str = ""
    incident: str = ""
    since_utc_ns: int | None = None
    until_utc_ns: int | None = None

    def wants(self, person: str, at_utc_ns: int, lasts_ns: int, about: About) -> bool:
        """Return whether an entry belongs to the answer. ``lasts_ns``: for how long what it allows may be seen at most."""
        return (
            (not self.people or person in self.people)
            and (not self.camera or self.camera in about.cameras)
            and (not self.incident or self.incident.casefold() == about.incident.casefold())
            and (self._covers(at_utc_ns, at_utc_ns + lasts_ns) or any(self._covers(*span) for span in about.spans))
        )

    def _covers(self, start_utc_ns: int, end_utc_ns: int | None) -> bool:
        return (self.until_utc_ns is None or start_utc_ns < self.until_utc_ns) and (
            self.since_utc_ns is None or end_utc_ns is None or end_utc_ns > self.since_utc_ns
        )


class LookedSearch:
    """Takes entries from the newest to the oldest, and keeps those that answer the question.

    ``opening``: returns the public line of an entry, to find what a look was about; None when there is none.
    """

    def __init__(self, asked: Question, rows: Rows, opening: Callable[[int], Public | None], most: int) -> None:
        self._asked, self._rows, self._opening, self._most = asked, rows, opening, most
        self._found: list[tuple[int, LogEntryRow]] = []
        """A heap by number: a sheet that was fetched is kept late, so the oldest one is not always the last that came."""
        self._prints: dict[str, list[tuple[LogEntryRow, int]]] = {}
        """Fetched papers, by checksum, until it is known whether there was a picture on them."""
        self.left_out = 0
        """Entries that answer it, too, and are older than the ``most`` that are kept."""

    def take(self, row: LogEntryRow, shows: str) -> None:
        """Keep an entry if it belongs to the answer."""
        entry = row.entry
        about, at_utc_ns = self._about(entry), times.parse_rfc3339(entry["at"])
        facts = entry.get("facts", {})
        if entry["action"] == FETCH and facts.get("kind") == PRINT:
            self._prints.setdefault(str(facts.get("sha256", "")), []).append((row, at_utc_ns))
            return
        self._keep(row, shows, about, at_utc_ns)
        if entry["action"] == DELIVER and facts.get("sha256"):
            for fetched, fetched_utc_ns in self._prints.pop(str(facts["sha256"]), ()):
                self._keep(fetched, COPIES, about, fetched_utc_ns)

    def rows(self) -> list[LogEntryRow]:
        """Return the answer, the oldest first."""
        return [row for _, row in sorted(self._found)]

    def _keep(self, row: LogEntryRow, shows: str, about: About, at_utc_ns: int) -> None:
        # Pictures of a look just before midnight are seen on the next day.
        lasts_ns = max(1, int(row.entry.get("facts", {}).get("most_s", 0)) * times.NS)
        if not self._asked.wants(str(row.entry.get("person", "")), at_utc_ns, lasts_ns, about):
            return
        ends = [end for _, end in about.spans if end is not None]
        told = msgspec.structs.replace(
            row,
            shows=shows,
            cameras=list(about.cameras),
            start_utc_ns=min((start for start, _ in about.spans), default=None),
            end_utc_ns=max(ends) if about.spans and len(ends) == len(about.spans) else None,
            incident=about.incident,
        )
        heappush(self._found, (row.seq, told))
        if len(self._found) > self._most:
            heappop(self._found)
            self.left_out += 1

    def _about(self, entry: Public) -> About:
        own = about_of(entry)
        subject = str(entry.get("subject", "") or entry.get("facts", {}).get("share", ""))
        if own.cameras and own.spans and own.incident:
            return own
        more = self._rows.about(subject)
        if more is None and not own.cameras and (number := look_number(subject)):
            opened = self._opening(number)
            more = about_of(opened) if opened is not None else None
        if more is None:
            return own
        return About(own.cameras or more.cameras, own.spans or more.spans, own.incident or more.incident)


def about_of(entry: Public) -> About:
    """Return what an entry itself says that it is about."""
    spans: tuple[tuple[int, int | None], ...] = ()
    if entry.get("start"):
        start = times.parse_rfc3339(str(entry["start"]))
        end = times.parse_rfc3339(str(entry["end"])) if entry.get("end") else None
        # Where there is no end, it is one picture; only a hold may keep on and on.
        is_open = end is None and str(entry.get("subject", "")).startswith("H-")
        spans = ((start, end if end is not None or is_open else start + 1),)
    return About(tuple(map(str, entry.get("cameras", ()))), spans, str(entry.get("incident", "")))
