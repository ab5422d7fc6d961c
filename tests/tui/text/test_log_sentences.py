"""Each entry of the access log reads as a sentence, whatever it holds and however much of it is known."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest

from holdshelf_core.access_log.types import LogEntryRow
from holdshelf_core.times import parse_rfc3339, rfc3339
from holdshelf_tui.text.log import Names, details, fact_words, kind_of, raw, role_words, sentence, span_words
from holdshelf_tui.text.log_sentences import SENTENCES
from tests.house.test_action_list import PAGE

AT = parse_rfc3339("2026-11-27T16:30:00.000000000Z")
NAMES = Names(
    {"p1": "Dora Reed", "p3": "Sam Roe", "lobby": "Front entrance", "director": "Library Director"},
    {"violation": "possible violation of a policy"},
)
SAMPLES: dict[str, Any] = {
    "asked": [{"camera": "lobby", "start": rfc3339(AT), "end": rfc3339(AT + 60_000_000_000)}],
    "bytes": 1_500_000,
    "designee": "p3",
    "gates": [{"gate": 1, "passed": True, "said": "It may."}],
    "holder": "p3",
    "made": rfc3339(AT),
    "rights": ["archive", "hold"],
    "until": rfc3339(AT),
    "with": "p3",
}
PUBLIC = {"seq": 7, "at": rfc3339(AT), "person": "p1", "seat": "director", "via": "ssh", "outcome": "done"}
ABOUT = {
    "cameras": ["lobby"], "start": rfc3339(AT), "end": rfc3339(AT + 60_000_000_000), "purpose": "violation",
    "incident": "26-1234", "mode": "archive", "subject": "H-2026-0001",
}  # fmt: skip


def documented() -> dict[str, tuple[list[str], list[str]]]:
    """Action → the names of its facts and of its private texts, as the page lists them."""
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.*) \| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    return {
        name: (re.findall(r"`([a-z_0-9]+)`", facts), re.findall(r"`([a-z_0-9]+)`", texts))
        for name, facts, texts in rows
    }


def row(action: str, *, known: str = "all", outcome: str = "done") -> LogEntryRow:
    """An entry with all that it may hold, only its public part, or nothing."""
    facts, texts = documented()[action]
    entry: dict[str, Any] = {**PUBLIC, "action": action, "outcome": outcome}
    entry |= {"clause": "P12"} if outcome == "refused" else {}
    if known != "nothing":
        entry |= {**ABOUT, "facts": {name: SAMPLES.get(name, f"some_{name}") for name in facts}}
    private = {name: f"typed {name.replace('_', ' ')}" for name in texts} if known == "all" else {}
    return LogEntryRow(7, entry, {**private, "name": "Dora Reed"} if known == "all" else private)


@pytest.mark.parametrize("action", sorted(documented()))
def test_every_action_reads_as_a_sentence(action: str) -> None:
    for known in ("all", "public", "nothing"):
        said = sentence(row(action, known=known), NAMES)
        assert said.startswith("Dora Reed, Library Director, ") and said.endswith("."), said
        assert not re.search(r"[\[\]{}_]|\d{4}-\d\d-\d\dT|\d{9}|  |None| ,|\.\.$|:\.$", said), said
        no = sentence(row(action, known=known, outcome="refused"), NAMES)
        assert " tried to " in no and "and was refused (P12)." in no, no


def test_a_sentence_uses_only_what_the_action_holds() -> None:
    """A fact that was renamed would be left out of its sentence without a word."""
    for key, words in SENTENCES.items():
        facts, texts = documented()[key.split(" ")[0]]
        used = re.findall(r"\{([ft])\.([a-z_0-9]+)\}", words.rest)
        assert {name for kind, name in used if kind == "f"} <= set(facts), key
        assert {name for kind, name in used if kind == "t"} <= set(texts), key


def test_a_look_reads_as_people_say_it() -> None:
    entry = {**PUBLIC, **ABOUT, "action": "look.open", "subject": "L-2026-000005", "facts": {"kind": "look"}}
    look = LogEntryRow(7, entry, {"name": "Dora Reed"}, came_of="12 pictures")
    span = span_words(AT, AT + 60_000_000_000)
    assert sentence(look, NAMES) == (
        f"Dora Reed, Library Director, looked at pictures of Front entrance, {span}, purpose: possible violation of a policy, "
        "no. 26-1234: 12 pictures."
    )
    assert re.fullmatch(r"Nov 27, 2026, \d+:30–\d+:31 [ap]m", span), span
    assert kind_of(LogEntryRow(7, {**entry, "mode": "live"}, {})) == "look.open live"


def test_a_span_says_seconds_days_and_one_moment() -> None:
    minute = 60_000_000_000
    assert re.fullmatch(r"Nov 27, 2026, \d+:30–\d+:30:05 [ap]m", span_words(AT, AT + minute // 12))
    assert re.fullmatch(r"Nov 27, 2026, \d+:30:00 [ap]m", span_words(AT, None))
    midnight = int(datetime(2026, 11, 27).astimezone().timestamp()) * 1_000_000_000
    assert span_words(midnight, midnight + 1440 * minute) == "Nov 27, 2026"
    assert span_words(midnight, midnight + 2 * 1440 * minute) == "Nov 27–Nov 28, 2026"
    assert re.fullmatch(r"Nov 27, \d+:30 [ap]m–Nov 29, 2026, \d+:30 [ap]m", span_words(AT, AT + 2 * 1440 * minute))


def test_roles_are_said_as_people_call_them() -> None:
    def role(seat: str) -> str:
        names = Names({"director": "Library Director", "chair": "Chair of the Library Board"})
        return role_words(LogEntryRow(7, {**PUBLIC, "seat": seat}, {"name": "root"}), names)

    assert (
        role("designee of director and chair") == "designee of the Library Director and the Chair of the Library Board"
    )
    assert role("share") == "with whom it was shared" and role("admin") == "the admin" and role("") == ""


def test_an_action_of_a_later_version_is_said_by_its_name() -> None:
    said = sentence(LogEntryRow(7, {**PUBLIC, "action": "camera.sing", "cameras": ["lobby"]}, {}), NAMES)
    assert said == "Dora Reed, Library Director, did “camera sing” at Front entrance."


def test_the_raw_line_is_the_one_in_the_log() -> None:
    entry = {**PUBLIC, "action": "log.show", "facts": {"of": "ü"}}
    line = raw(LogEntryRow(7, entry, {"note": "x"}))
    assert json.loads(line) == entry and line.startswith('{"action":"log.show","at":') and "ü" in line


def test_facts_read_as_people_say_them() -> None:
    assert fact_words("bytes", 1_500_000, NAMES) == "1.5 MB"
    assert fact_words("with", "p3", NAMES) == "Sam Roe"
    assert fact_words("from", "2026-11-24", NAMES) == "Nov 24, 2026"
    assert fact_words("cameras", ["*"], NAMES) == "all cameras"
    assert "Front entrance, Nov 27, 2026" in fact_words("asked", SAMPLES["asked"], NAMES)
    assert ("Number", "26-1234") in details(row("look.open"), NAMES)


def test_one_is_not_many_and_papers_have_their_titles() -> None:
    def said(action: str, facts: dict[str, Any]) -> str:
        return sentence(
            LogEntryRow(7, {**PUBLIC, "action": action, "subject": "R-2026-0001", "facts": facts}, {}), NAMES
        )

    assert said("look.close", {"pictures": 1}).endswith(": 1 picture.")
    assert said("look.close", {"pictures": 21}).endswith(": 21 pictures.")
    assert said("log.older", {"missing": 1}).endswith("missing: 1 entry.")
    assert said("outbox.remove", {"files": 1}).endswith("removed 1 file from the outbox.")
    assert "the paper “Release form” for R-2026-0001" in said("print.facts", {"paper": "release"})


def test_a_field_without_anything_in_it_is_left_out() -> None:
    entry = {**PUBLIC, "action": "seat.name", "facts": {"paper": "", "keys": []}}
    assert {"Paper", "Keys"}.isdisjoint(label for label, _ in details(LogEntryRow(7, entry, {"note": ""}), NAMES))
