"""Helpers that handlers share: checking text and paper hashes, days and terms, and finding people and cameras by typed names."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Protocol

from tzlocal import get_localzone

from holdshelf_core import times
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.integration.entry import ConfigEntry
from holdshelf_core.policy import model
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.times import NS

MAX_WORDS_CHARS = 500
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)
_PERSON_ID = re.compile(r"p\d+", re.ASCII)


class KnownCameras(Protocol):
    """Configured cameras, and removed ones with footage left. Protocol of ``cameras.entries.Entries`` for rooms below it."""

    def async_all(self) -> list[ConfigEntry[Any]]:
        """Return every entry, in the order in which they were added."""

    def async_get(self, entry_id: str) -> ConfigEntry[Any]:
        """Return an entry by its id or exact name. Raises NotFound, or Conflict when several have that name."""

    def known_footage_cameras(self) -> list[str]:
        """Return the ids of all cameras that have or had footage. Blocks."""


def words(text: str, what: str, *, needed: bool = False, most: int = MAX_WORDS_CHARS) -> str:
    """Return one line of typed text, without control or format characters. Raises BadRequest."""
    clean = " ".join(
        "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn") or c.isspace()).split()
    )
    if needed and not clean:
        raise BadRequest(f"{what} is missing.", "Describe it in a few words.")
    if len(clean) > most:
        raise BadRequest(f"{what} has {len(clean)} characters, more than {most}.", "Make it shorter.")
    return clean


def paper(sha256: str, what: str, *, needed: bool = True) -> str:
    """Check and return the SHA-256 of a signed paper's scan. Raises BadRequest."""
    clean = sha256.strip().lower()
    if not clean and not needed:
        return ""
    if not _SHA256.fullmatch(clean):
        raise BadRequest(
            f"{what} needs the SHA-256 of its scan.", "Give the file with --paper, or the output of `sha256sum FILE`."
        )
    return clean


def login_name(login: str, policy: Policy) -> str:
    """Return a login as the register stores it. Raises BadRequest."""
    clean = login.strip().lower()
    if clean in policy.roles or clean in ("admin", "service", "root"):
        raise BadRequest(f"{clean!r} is reserved and cannot be a person's login.", "Choose another login.")
    if _PERSON_ID.fullmatch(clean):
        raise BadRequest(f"{clean!r} looks like a person's id, so it cannot be a login.", "Choose another login.")
    if not _LOGIN.fullmatch(clean):
        raise BadRequest(
            "A login starts with a letter and has at most 32 characters: a–z, 0–9, dot, hyphen and underscore.",
            "Choose another login.",
        )
    return clean


def find_person(state: State, typed: str) -> model.Person:
    """Find a person by id, login, or the name of a seat that somebody holds now. Raises NotFound."""
    person = state.people.get(typed)
    if person is not None:
        return person
    named = [p for p in state.people.values() if p.login == typed.strip().lower() and p.left_utc_ns is None]
    if named:
        return named[0]
    held = sorted(
        (s for s in state.seats.values() if s.key == typed and s.ended_utc_ns is None), key=lambda s: s.start_utc_ns
    )
    if held:
        return state.people[held[-1].person]
    known = ", ".join(sorted(p.login for p in state.people.values() if p.left_utc_ns is None)) or "nobody yet"
    raise NotFound(f"There is no person {typed[:40]!r}.", f"Known: {known}.")


def person_id(state: State, typed: str) -> str:
    """Return the id of the person that ``find_person`` finds, or the typed text when there is none (the handler reports that)."""
    try:
        return find_person(state, typed).id
    except NotFound:
        return typed


def find_row[T](rows: dict[str, T], key: str, what: str) -> T:
    """Return a row by its id. Raises NotFound."""
    row = rows.get(key)
    if row is None:
        raise NotFound(f"There is no {what} {key[:40]!r}.", f"Known: {', '.join(sorted(rows)[-20:]) or 'none yet'}.")
    return row


def camera_ids(cameras: KnownCameras, typed: Iterable[str]) -> tuple[str, ...]:
    """Return ids of cameras given by id or exact name; removed ones by id while footage of them is kept. Raises NotFound,
    Conflict."""
    known: Iterable[str] | None = None
    found: list[str] = []
    for one in typed:
        try:
            camera = cameras.async_get(one).entry_id
        except (NotFound, Conflict):
            known = known if known is not None else cameras.known_footage_cameras()
            if one not in known:
                raise
            camera = one
        if camera not in found:
            found.append(camera)
    return tuple(found)


def camera_scope(state: State, typed: Iterable[str]) -> tuple[str, ...]:
    """Return camera ids for the policy's scope; text that names no camera stays as typed (the handler reports that)."""
    by_name = {camera.name: camera.id for camera in state.cameras.values()}
    return tuple(one if one in state.cameras else by_name.get(one, one) for one in typed)


def day_start_utc_ns(day: str, what: str) -> int:
    """Return the start of a local day 'YYYY-MM-DD', or the time 'YYYY-MM-DDTHH:MM', in UTC ns. Raises BadRequest."""
    return _local(day, what, 0)


def day_end_utc_ns(day: str, what: str) -> int:
    """Return the end of a local last day 'YYYY-MM-DD', or the time 'YYYY-MM-DDTHH:MM', in UTC ns. Raises BadRequest."""
    return _local(day, what, 1)


def _local(text: str, what: str, days: int) -> int:
    zone, text = get_localzone(), text.strip()
    try:
        if len(text) == 10:
            moment = datetime.combine(date.fromisoformat(text) + timedelta(days=days), time(), zone)
        else:
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                moment = _shown_once(moment, zone)
        return int(moment.timestamp()) * NS
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{what} {text[:30]!r} is not a date.", "Give it as YYYY-MM-DD, or YYYY-MM-DD HH:MM."
        ) from None


def _shown_once(local: datetime, zone: tzinfo) -> datetime:
    """Return the instant. Raises BadRequest for a time that the clocks show twice, or never."""
    found = times.local_instants(local.date(), local.time(), zone)
    if len(found) > 1:
        raise times.shown_twice(f"{local:%H:%M}", f"{local:%Y-%m-%d}", found[0], found[1])
    return found[0]


def check_span(start_utc_ns: int, end_utc_ns: int, whose: str = "The span") -> None:
    """Raise BadRequest for a span that is empty or ends before it starts; ``whose`` begins the sentence."""
    if end_utc_ns <= start_utc_ns:
        raise BadRequest(f"{whose} ends before it starts.", "Swap the two times.")
