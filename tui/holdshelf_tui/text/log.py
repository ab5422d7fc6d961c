"""Entries of the access log as people say them: who did what, at what, why, and what came of it; and the raw line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import time

from holdshelf_core.access_log.types import LogEntryRow, LogRows, at_utc_ns, instant
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.listing import listed
from holdshelf_core.reports.types import PAPERS
from holdshelf_tui.text.log_sentences import SENTENCES, Sentence
from holdshelf_tui.text.time_format import date_words, iso_day, moment, short_date, told_clock, when
from holdshelf_tui.text.words import inert, size

FAMILIES = (
    ("", "all acts"),
    ("purpose", "purposes of looks"),
    ("break_glass", "looks in an emergency"),
    ("hold", "holds"),
    ("release", "releases"),
    ("share", "shares"),
    ("person", "people and their keys"),
    ("seat", "seats"),
    ("appointment", "letters of appointment"),
    ("commission", "cameras commissioned"),
    ("camera", "cameras added and changed"),
    ("entrance", "entrances and signs"),
    ("checklist", "the checklist's checkmarks"),
    ("door", "log-ins"),
    ("log", "the log itself"),
    ("print", "papers read and printed"),
    ("outbox", "what was fetched"),
    ("paper", "papers brought to the desk"),
)
_LABELS = {"incident": "Number", "mode": "Pictures", "seat": "As", "subject": "About", "via": "Came by"}
_BYTES = frozenset(("budget", "budget_before", "bytes", "size"))
_TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z", re.ASCII)
_DAYS = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_OPTIONAL = re.compile(r"\[([^\]]*)\]")
_FIELD = re.compile(r"\{([a-z_.]+)\}")
_COUNTED = re.compile(r"\{f\.([a-z_]+)\}( \]?)([a-z]+s)\b")
_ONE = {"entries": "entry"}
_MOST_CHARS = 160
"""Of one thing that somebody typed, in a sentence."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the log calls by ids: cameras and people; and purposes in words."""

    of: Mapping[str, str] = field(default_factory=dict)
    purposes: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def in_answer(cls, answer: LogRows) -> Names:
        """Those that came with entries."""
        return cls(answer.names, answer.purposes)

    def __getitem__(self, id: str) -> str:
        """Return the name, or the id where no name is known."""
        return self.of.get(id) or id


# --- who ----------------------------------------------------------------------------------------------------------------


def who_words(row: LogEntryRow, names: Names) -> str:
    """A name; for the admin, whom the log shows in its public form, from the list of people."""
    person = str(row.entry.get("person", ""))
    known = row.texts.get("name") or names.of.get(person)
    return known or {"admin": "the admin", "service": "Holdshelf itself"}.get(person, person or "nobody")


def role_words(row: LogEntryRow, names: Names) -> str:
    """'Library Director', 'designee of the Library Director', 'the admin'; '' for none."""
    seat = str(row.entry.get("seat", ""))
    if seat.startswith("designee of "):
        return re.sub(
            r"[a-z][a-z0-9-]*", lambda word: f"the {names.of[word[0]]}" if word[0] in names.of else word[0], seat
        )
    if seat == "share":
        return "with whom it was shared"
    if seat == "admin" and row.texts.get("name"):
        return "the admin"
    return names.of.get(seat, "")


# --- what ---------------------------------------------------------------------------------------------------------------


def kind_of(row: LogEntryRow) -> str:
    """The action, or the kind of it that has a sentence of its own: 'look.open live'."""
    entry = row.entry
    action, facts = str(entry.get("action", "")), entry.get("facts", {})
    kind = {
        "hold.list": "refresh" if facts.get("refresh") else "",
        "log.show": "looks" if facts.get("of") == "looks" else "",
        "look.open": "live" if entry.get("mode") == "live" else "share" if facts.get("kind") == "share" else "",
        "outbox.fetch": str(facts.get("kind", "")),
        "print.facts": "read" if facts.get("read_on") else "",
        "purpose.open": "live" if entry.get("mode") == "live" else "",
        "release.list": "refresh" if facts.get("refresh") else "",
        "seat.away": "back" if facts.get("away") is False else "",
    }.get(action, "")
    return f"{action} {kind}" if f"{action} {kind}" in SENTENCES else action


def sentence_of(row: LogEntryRow) -> Sentence:
    """The words of its action. One that this version does not know is said by its name."""
    known = SENTENCES.get(kind_of(row))
    unknown = str(row.entry.get("action", "")).replace(".", " ").replace("_", " ")
    return known or Sentence("did", "do", f"“{inert(unknown, 60)}”[ at {{cameras}}][, {{span}}][, no. {{incident}}]")


def refused(row: LogEntryRow) -> bool:
    """Whether it did not happen."""
    return str(row.entry.get("outcome", "done")) not in ("done", "queued", "")


def what_words(row: LogEntryRow, names: Names) -> str:
    """'looked at pictures of Front entrance, Nov 27, 11:30–11:31 am, purpose: …, no. 26-1234: 12 pictures'."""
    words, outcome = sentence_of(row), str(row.entry.get("outcome", ""))
    rest = _filled(own_board(words.rest), row, names)
    came_of = f": {row.came_of}" if row.came_of else ""
    if not refused(row):
        late = "; written down later, because the log could not be written then" if outcome == "queued" else ""
        return f"{_joined(words.did, rest)}{came_of}{late}"
    clause = f" ({row.entry['clause']})" if row.entry.get("clause") else ""
    asked = ", ".join(row.texts[key] for key in ("cameras_asked", "subject_asked") if row.texts.get(key))
    asked = f" (asked for: {inert(asked, _MOST_CHARS)})" if asked else ""
    end = {"refused": f", and was refused{clause}", "failed": ", which failed"}.get(outcome, f": {outcome}")
    return f"tried to {_joined(words.do, rest)}{asked}{end}"


def _joined(verb: str, rest: str) -> str:
    return f"{verb}{rest if rest[:1] in ',;:' else ' ' + rest}".rstrip()


def sentence(row: LogEntryRow, names: Names) -> str:
    """'Dora Reed, Library Director, looked at …: 12 pictures.'"""
    who, role = who_words(row, names), role_words(row, names)
    who = {"Holdshelf itself": "Holdshelf", "the admin": "The admin"}.get(who, who)
    return inert(f"{who}, {role}, {what_words(row, names)}." if role else f"{who} {what_words(row, names)}.", 900)


def at(row: LogEntryRow) -> int:
    """When it was written, UTC ns; 0 where it does not say."""
    return at_utc_ns(row.entry) or 0


def raw(row: LogEntryRow) -> str:
    """The public line, byte for byte as it lies in the log (RFC 8785; an entry has no fractions)."""
    return json.dumps(row.entry, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# --- the parts of a sentence ----------------------------------------------------------------------------------------------


def _filled(rest: str, row: LogEntryRow, names: Names) -> str:
    def value(found: re.Match[str]) -> str:
        return _part(found[1], row, names)

    def optional(found: re.Match[str]) -> str:
        wanted = _FIELD.findall(found[1])
        return _FIELD.sub(value, found[1]) if all(_part(one, row, names) for one in wanted) else ""

    def counted(found: re.Match[str]) -> str:
        name, between, many = found.groups()
        noun = _ONE.get(many, many[:-1]) if _fact(row, name) == "1" else many
        return f"{{f.{name}}}{between}{noun}"

    rest = _COUNTED.sub(counted, rest)
    filled = _FIELD.sub(lambda found: value(found) or "one that is not named here", _OPTIONAL.sub(optional, rest))
    return filled.strip() if filled[:1] == " " else filled


def _part(name: str, row: LogEntryRow, names: Names) -> str:
    """One thing that an entry is about, in words; '' where it does not say."""
    facts = row.entry.get("facts", {})
    if name.startswith("f."):
        return fact_words(name[2:], facts.get(name[2:]), names)
    if name.startswith("t."):
        return inert(row.texts.get(name[2:], ""), _MOST_CHARS)
    return inert(_PARTS[name](row, names), 4 * _MOST_CHARS)


def _cameras(row: LogEntryRow, names: Names) -> str:
    return listed([names[str(one)] for one in (row.entry.get("cameras") or row.cameras)])


def _subject(row: LogEntryRow) -> str:
    return str(row.entry.get("subject", ""))


def _fact(row: LogEntryRow, name: str) -> str:
    return str(row.entry.get("facts", {}).get(name, ""))


def _purpose(row: LogEntryRow, names: Names) -> str:
    purpose = str(row.entry.get("purpose", ""))
    return names.purposes.get(purpose, purpose)


def _first(row: LogEntryRow, *texts: str, otherwise: str = "") -> str:
    """The first private text that is known, in the order given; else what else is known."""
    return next((row.texts[text] for text in texts if row.texts.get(text)), otherwise)


_PARTS: dict[str, Callable[[LogEntryRow, Names], str]] = {
    "cameras": _cameras,
    "camera": lambda row, names: (
        _cameras(row, names) or names[_subject(row)] or _first(row, "camera_name", "asked_for")
    ),
    "entrance": lambda row, _: _first(row, "entrance", otherwise=_subject(row) or _first(row, "asked_for")),
    "holder": lambda row, names: _first(row, "subject_name", otherwise=names[_fact(row, "holder")]),
    "paper": lambda row, names: PAPERS.get(_fact(row, "paper")) or fact_words("paper", _fact(row, "paper"), names),
    "incident": lambda row, _: str(row.entry.get("incident", "") or row.incident),
    "public": lambda row, _: "in the public form" if _fact(row, "public") == "True" else "with names and notes",
    "purpose": _purpose,
    "span": lambda row, _: span_of(row),
    "subject": lambda row, _: _subject(row),
    "subject_name": lambda row, names: _first(
        row, "subject_name", otherwise=names[_fact(row, "designee") or _subject(row)] or _first(row, "asked_for")
    ),
    "value": lambda row, names: _first(row, "value", otherwise=fact_words("value", _fact(row, "value"), names)),
    "with": lambda row, names: names[_fact(row, "with")],
}
"""What a sentence may name beside facts and private texts."""


def fact_words(name: str, value: object, names: Names) -> str:
    """A fact as people say it: sizes, local times, days, lists, words without underscores; '' for nothing."""
    if value in (None, "", []):
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return size(value) if name in _BYTES else str(value)
    if isinstance(value, list):
        return listed([fact_words(name, one, names) for one in value])
    if isinstance(value, dict):
        if "camera" in value and "start" in value:
            end = str(value.get("end", ""))
            until = (
                span_words(_ns(value["start"]), _ns(end))
                if _TIMES.fullmatch(end)
                else f"until lifted, from {when(_ns(value['start']))}"
            )
            return f"{names[str(value['camera'])]}, {until}"
        return "; ".join(f"{key.replace('_', ' ')} {fact_words(key, one, names)}" for key, one in value.items())
    text = str(value)
    if name == "cameras" and text == "*":
        return "all cameras"
    if _TIMES.fullmatch(text):
        return when(_ns(text))
    if _DAYS.fullmatch(text):
        return iso_day(text)
    return inert(names.of.get(text) or text.replace("_", " "), _MOST_CHARS)


def _ns(text: object) -> int:
    return instant(str(text))


def span_of(row: LogEntryRow) -> str:
    """The footage that an entry is about: 'Nov 27, 11:30–11:31 am'; '' where it says none."""
    entry = row.entry
    start, end = entry.get("start"), entry.get("end")
    if not start and row.start_utc_ns is not None:
        return span_words(row.start_utc_ns, row.end_utc_ns)
    if not start:
        return ""
    return span_words(_ns(start), _ns(end) if end else None)


def span_words(start_utc_ns: int, end_utc_ns: int | None) -> str:
    """'Nov 27, 2026, 11:30–11:31 am', with seconds where there are some; without an end one moment."""
    first = told_clock(start_utc_ns, seconds=_has_seconds(start_utc_ns))
    if end_utc_ns is None or end_utc_ns - start_utc_ns <= 1:
        return f"{date_words(start_utc_ns)}, {told_clock(start_utc_ns)}"
    last = told_clock(end_utc_ns, seconds=_has_seconds(end_utc_ns))
    begins, ends = moment(start_utc_ns), moment(end_utc_ns)
    if begins.time() == ends.time() == time():  # whole days
        last_ns = end_utc_ns - 1
        is_one = moment(last_ns).date() == begins.date()
        return date_words(start_utc_ns) if is_one else f"{short_date(start_utc_ns)}–{date_words(last_ns)}"
    if begins.date() != ends.date():
        year = "" if begins.year == ends.year else f", {begins.year}"
        return f"{short_date(start_utc_ns)}{year}, {first}–{date_words(end_utc_ns)}, {last}"
    if first[-3:] == last[-3:] and first[-2:] in ("am", "pm"):
        first = first[:-3]
    return f"{date_words(start_utc_ns)}, {first}–{last}"


def _has_seconds(utc_ns: int) -> bool:
    return utc_ns // 1_000_000_000 % 60 != 0


# --- everything else ------------------------------------------------------------------------------------------------------


def details(row: LogEntryRow, names: Names) -> list[tuple[str, str]]:
    """(label, text) of what the entry says beside its sentence."""
    entry = row.entry
    told = [("Written", when(at(row), seconds=True))]
    told += [("Cameras", listed([names[str(one)] for one in entry["cameras"]]))] if entry.get("cameras") else []
    told += [("Footage", span_of(row))] if entry.get("start") else []
    for key in ("purpose", "incident", "mode", "subject", "clause", "seat", "session", "via", "policy", "policy_file"):
        if entry.get(key):
            words = {"purpose": _purpose(row, names), "seat": role_words(row, names)}.get(key) or names[str(entry[key])]
            told.append((_LABELS.get(key, _label(key)), words))
    told += [(_label(key), fact_words(key, value, names)) for key, value in entry.get("facts", {}).items()]
    told += [(_label(key), text) for key, text in row.texts.items() if key != "name"]
    told.append(("Act", f"{entry.get('action', '')} ({entry.get('outcome', '')})"))
    return [(label, text) for label, text in told if text]


def _label(key: str) -> str:
    return key.replace("_", " ").capitalize()
