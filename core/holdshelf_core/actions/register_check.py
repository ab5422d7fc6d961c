"""Compares the register with the access log: which rows differ, whom they concern, and the sentences about it. Pure.

The log is authoritative, so a row that differs was changed outside the service. A register that is merely behind the log, as
after a crash, is not a difference: a row may have the log's value at the register's last entry or later. Of a camera's row only
people's decisions are compared; the rest came from the camera.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from holdshelf_core.policy import model
from holdshelf_core.policy.listing import listed
from holdshelf_storage.access_log.rows import Logged, Rows

TABLES: dict[str, type[msgspec.Struct]] = {
    "people": model.Person,
    "seats": model.Seat,
    "appointments": model.Appointment,
    "shares": model.Share,
    "holds": model.Hold,
    "commissions": model.Commission,
    "entrances": model.Entrance,
    "flags": model.Flag,
    "releases": model.Release,
    "determinations": model.Determination,
    "reports": model.KeptReport,
    "checks": model.Check,
    "policy": model.Adopted,
    "board": model.Board,
}
CAMERA_TABLE = "entries"
RAW_TABLES = ("settings",)
"""Tables that the rules do not use: their rows are stored as they are. Set-up writes them before there is a log, and the first
entry of the log takes them in."""
PLACE_FIELDS = ("title", "area_kind", "area_note", "backfill")
"""Fields of a camera's row that people decide; the others came from the camera."""
_TOLD_ROWS = 12
_MOST_CHARS = 120

type Registered = Mapping[str, Mapping[str, list[dict[str, Any]]]]
"""All register rows by table and key; more than one per key only when something else wrote them."""


class Difference(msgspec.Struct, frozen=True):
    """One row that differs from the log. None: the row does not exist on that side."""

    table: str
    key: str
    by_log: dict[str, Any] | None
    by_register: dict[str, Any] | None


def registered_rows(tables: Mapping[str, Iterable[Mapping[str, Any]]]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Group the register file's rows by table and key. Rows of policy tables are stored whole under "row"."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for name in (*TABLES, CAMERA_TABLE, *RAW_TABLES):
        rows = found.setdefault(name, {})
        for stored in tables.get(name, ()):
            plain = dict(stored)
            key = str(plain.pop("key", ""))
            row = plain.get("row") if name in TABLES else plain
            rows.setdefault(key, []).append(row if isinstance(row, dict) else plain)
    return found


def normal(table: str, logged: Logged) -> dict[str, Any] | None:
    """Return a policy table's row with all fields; None when it is invalid. A flag without a number came with its own entry."""
    try:
        row = msgspec.convert(logged.row, TABLES[table], strict=False)
    except (msgspec.ValidationError, TypeError, ValueError, OverflowError):
        return None
    if isinstance(row, model.Flag) and not row.log_seq:
        row = msgspec.structs.replace(row, log_seq=logged.seq)
    plain: dict[str, Any] = msgspec.to_builtins(row)
    return plain


def _comparable(table: str, logged: Logged | None) -> dict[str, Any] | None:
    if logged is None:
        return None
    if table in TABLES:
        known = normal(table, logged)
        # A field that no version knows was added by somebody else, and must be reported.
        return {"unreadable": logged.row} if known is None or logged.row.keys() - known.keys() else known
    if table == CAMERA_TABLE:
        return {name: logged.row.get(name, "") for name in PLACE_FIELDS}
    return logged.row


def differences(registered: Registered, rows: Rows) -> list[Difference]:
    """Return the rows where register and log differ. ``rows.mark``: the entry that the register claims to be up to date with."""
    found = []
    for table in (*TABLES, CAMERA_TABLE, *RAW_TABLES):
        here, there = registered.get(table, {}), rows.tables.get(table, {})
        keys = {*there, *(key for name, key in rows.later if name == table)}
        if table not in RAW_TABLES or rows.seq:
            keys |= here.keys()
        for key in sorted(keys):
            said = rows.later.get((table, key)) or [rows.get(table, key)]
            ours = here.get(key, [])
            if table == CAMERA_TABLE and key not in there and _began_anew(rows, key):
                continue
            if len(ours) == 1 and table != CAMERA_TABLE and any(one is not None and one.row == ours[0] for one in said):
                continue  # as nearly all are; saves comparing every field
            mine = _comparable(table, Logged(ours[-1], 0)) if ours else None
            if len(ours) <= 1 and any(_comparable(table, one) == mine or _same_flag(table, one, ours) for one in said):
                continue
            found.append(Difference(table, key, _comparable(table, rows.get(table, key)), mine))
    return found


def _began_anew(rows: Rows, camera: str) -> bool:
    """Return whether the log knows a camera as in use but has no row of it, as after a new log begun by an older version."""
    known = rows.get("commissions", camera)
    return known is not None and known.row.get("state") != "retired" and not rows.later.get((CAMERA_TABLE, camera))


def _same_flag(table: str, logged: Logged | None, ours: list[dict[str, Any]]) -> bool:
    """Return whether a flag differs only by its number, which the register never got, as its entry waited for the log."""
    if table != "flags" or logged is None or not ours or ours[0].get("log_seq"):
        return False
    return _comparable(table, logged) == _comparable(table, Logged(ours[0], logged.seq))


def _both(one: Difference) -> list[dict[str, Any]]:
    return [row.get("unreadable", row) for row in (one.by_log, one.by_register) if row]


def concerned(found: Iterable[Difference], rows: Rows) -> frozenset[str]:
    """Return the ids of everyone whom one of these rows concerns, by the log or by the register."""
    people: set[str] = set()
    for one in found:
        if one.table == "people":
            people.add(one.key)
        for row in _both(one):
            if one.table in ("seats", "appointments", "shares") and isinstance(person := row.get("person"), str):
                people.add(person)
        if one.table == "seats":
            letters = rows.tables.get("appointments", {}).values()
            people |= {str(letter.row.get("person")) for letter in letters if letter.row.get("seat") == one.key}
    return frozenset(people - {""})


def row_words(one: Difference, rows: Rows) -> str:
    """Return e.g. 'people p1 (Dora Reed)': table, key and subject; no other text."""
    name = ""
    for row in _both(one):
        person = one.key if one.table == "people" else str(row.get("person", ""))
        known = rows.get("people", person)
        told = known.row.get("name") if known is not None else row.get("name") if one.table == "people" else ""
        name = name or str(told or (row.get("title", "") if one.table == CAMERA_TABLE else ""))[:60]
    table = "cameras" if one.table == CAMERA_TABLE else one.table
    return f"{table} {one.key[:40]}" + (f" ({name})" if name else "")


def sentence(found: list[Difference], rows: Rows) -> str:
    """Return the repair's sentence."""
    named = [row_words(one, rows) for one in found[:_TOLD_ROWS]]
    more = [f"{len(found) - _TOLD_ROWS} more"] if len(found) > _TOLD_ROWS else []
    what = "A row of the register is" if len(found) == 1 else f"{len(found)} rows of the register are"
    return (
        f"{what} not what the access log says: {listed([*named, *more])}. "
        "Until that is settled, the people concerned have no rights and nothing is erased."
    )


NEXT_STEP = (
    "Find out who changed STATE/register.json. `holdshelf register check` shows what differs; "
    "`holdshelf register settle --why …` makes it what the access log says."
)


class FieldDifference(msgspec.Struct, frozen=True):
    """One field, in text short enough for a line."""

    field: str
    by_log: str
    by_register: str


def fields(one: Difference) -> Iterator[FieldDifference]:
    """Yield the fields that differ; a single one for a row that exists on one side only."""
    log, register = one.by_log, one.by_register
    if log is None or register is None or "unreadable" in log or "unreadable" in register:
        yield FieldDifference("the row", _short(log), _short(register))
        return
    if log == register:
        yield FieldDifference("the row", "once", "more than once")
    for name in sorted({*log, *register}):
        if log.get(name) != register.get(name):
            yield FieldDifference(name, _short(log.get(name)), _short(register.get(name)))


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _MOST_CHARS else text[: _MOST_CHARS - 1] + "…"
