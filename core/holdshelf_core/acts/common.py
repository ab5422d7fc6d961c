"""What the acts share: checking words and paper hashes, days and terms, and finding people and cameras by what was typed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from tzlocal import get_localzone

from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.policy import model
from holdshelf_core.policy.state import State

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf

NS = 1_000_000_000
DAY_NS = 86_400 * NS
MAX_WORDS_CHARS = 500
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_LOGIN = re.compile(r"[a-z][a-z0-9._-]{0,31}", re.ASCII)
_PERSON_ID = re.compile(r"p\d+", re.ASCII)


def words(text: str, what: str, *, needed: bool = False, most: int = MAX_WORDS_CHARS) -> str:
    """One line of a person's words, without control or format characters. Raises BadRequest."""
    clean = " ".join(
        "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co", "Cn") or c.isspace()).split()
    )
    if needed and not clean:
        raise BadRequest(f"{what} is missing.", "Say it in a few words.")
    if len(clean) > most:
        raise BadRequest(f"{what} has {len(clean)} characters, more than {most}.", "Say it shorter.")
    return clean


def paper(sha256: str, what: str, *, needed: bool = True) -> str:
    """The SHA-256 of a signed paper's scan. Raises BadRequest."""
    clean = sha256.strip().lower()
    if not clean and not needed:
        return ""
    if not _SHA256.fullmatch(clean):
        raise BadRequest(
            f"{what} needs the SHA-256 of its scan.", "Give the file with --paper, or the output of `sha256sum FILE`."
        )
    return clean


def login_name(login: str) -> str:
    """A login as the register keeps it. Raises BadRequest."""
    clean = login.strip().lower()
    if clean in model.SEATS or clean in ("admin", "service", "root"):
        raise BadRequest(f"{clean!r} is a seat's name or reserved, and no person's login.", "Choose another login.")
    if _PERSON_ID.fullmatch(clean):
        raise BadRequest(
            f"{clean!r} has the form of a person's id, and would be taken for that person.", "Choose another login."
        )
    if not _LOGIN.fullmatch(clean):
        raise BadRequest(
            "A login begins with a letter and has at most 32 of a–z, 0–9, dot, hyphen and underscore.",
            "Choose another login.",
        )
    return clean


def find_person(state: State, typed: str) -> model.Person:
    """By id, login, or the name of a seat that somebody holds now. Raises NotFound."""
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
    """The id of whom ``find_person`` finds; what was typed when it finds nobody (the handler says so then)."""
    try:
        return find_person(state, typed).id
    except NotFound:
        return typed


def find_row[T](rows: dict[str, T], key: str, what: str) -> T:
    """A row by its id. Raises NotFound."""
    row = rows.get(key)
    if row is None:
        raise NotFound(f"There is no {what} {key[:40]!r}.", f"Known: {', '.join(sorted(rows)[-20:]) or 'none yet'}.")
    return row


def camera_ids(holdshelf: Holdshelf, typed: Iterable[str]) -> tuple[str, ...]:
    """Ids of cameras given by id or exact name, removed ones by id while footage of them is kept. Raises NotFound, Conflict."""
    known: Iterable[str] | None = None
    found: list[str] = []
    for one in typed:
        try:
            camera = holdshelf.entries.async_get(one).entry_id
        except (NotFound, Conflict):
            known = known if known is not None else holdshelf.known_footage_cameras()
            if one not in known:
                raise
            camera = one
        if camera not in found:
            found.append(camera)
    return tuple(found)


def camera_scope(state: State, typed: Iterable[str]) -> tuple[str, ...]:
    """Ids for what the policy is asked about; what names no camera here stays as typed (the handler says so then)."""
    by_name = {camera.name: camera.id for camera in state.cameras.values()}
    return tuple(one if one in state.cameras else by_name.get(one, one) for one in typed)


def day_start_utc_ns(day: str, what: str) -> int:
    """First instant of a local day 'YYYY-MM-DD', or an instant 'YYYY-MM-DDTHH:MM'. Raises BadRequest."""
    return _local(day, what, 0)


def day_end_utc_ns(day: str, what: str) -> int:
    """First instant after a local last day 'YYYY-MM-DD'; an instant with a time of day is itself. Raises BadRequest."""
    return _local(day, what, 1)


def _local(text: str, what: str, days: int) -> int:
    zone = get_localzone()
    try:
        if len(text.strip()) == 10:
            moment = datetime.combine(date.fromisoformat(text.strip()) + timedelta(days=days), time(), zone)
        else:
            moment = datetime.fromisoformat(text.strip())
            moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        return int(moment.timestamp()) * NS
    except (ValueError, OverflowError):
        raise BadRequest(
            f"{what} {text[:30]!r} is not a date.", "Give it as YYYY-MM-DD, or YYYY-MM-DD HH:MM."
        ) from None
