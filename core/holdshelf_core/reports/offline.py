"""A paper's facts without a service, from the files on disk: nobody at the desk is refused because the service is down.

Only reads: nothing is set aside, repaired, migrated or written. What cannot be read is left out, and the paper says so.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.paths import DataPaths
from holdshelf_core.policy import date_forms, model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_core.policy_file.adopted import in_force
from holdshelf_core.reports.checklist_facts import with_checklist
from holdshelf_core.reports.paper_facts import CameraSource, paper_facts
from holdshelf_core.reports.types import PaperFacts
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import LAST_GOOD, REGISTER, parse_register

MAX_POLICY_BYTES = 4 << 20
MAX_HEAD_BYTES = 64 << 10
NO_SERVICE = "Printed while the service was not running: from its files, as they were last written."
NO_REGISTER = "The library's records could not be read here: its name, contact and adopted policy are missing."
NO_TEXT = "A policy is adopted here, but its text could not be read: what follows is not that text."
NO_FILE = "The policy file that the Board adopted could not be read: what follows names nothing of it."

type Rows = dict[str, dict[str, Any]]


def read_offline(data: Path, now_utc_ns: int | None = None) -> PaperFacts:
    """Return what is known about the library without its service. Never raises for missing or unreadable files."""
    state = DataPaths(data).state
    now_utc_ns = time.time_ns() if now_utc_ns is None else now_utc_ns
    now = Now(now_utc_ns, now_utc_ns)
    tables = _tables(state)
    caveats = [NO_SERVICE] if tables is not None else [NO_REGISTER]
    rows = {name: _keyed(table) for name, table in (tables or {}).items()}
    adopted = adopted_row = _one(rows, "policy", "adopted", model.Adopted)
    texts: dict[str, str] = {}
    if adopted is not None:
        read = {sha256: _policy_text(state, sha256) for sha256 in (adopted.sha256, *adopted.texts.values())}
        texts = {sha256: text for sha256, text in read.items() if text is not None}
        if adopted.sha256 not in texts:
            caveats.append(NO_TEXT)
            adopted = None
    head = _read(state / "access" / "head", MAX_HEAD_BYTES)
    cameras = [_camera(row) for row in rows.get("entries", {}).values()]
    found = in_force(state, adopted_row.file_sha256 if adopted_row is not None else "")
    policy = found.policy
    date_forms.use(policy.date_form)
    caveats += [NO_FILE] if found.problem else []
    rules = State(
        policy=policy,
        people=_all(rows, "people", model.Person),
        commissions=_all(rows, "commissions", model.Commission),
        entrances=_all(rows, "entrances", model.Entrance),
        checks=_all(rows, "checks", model.Check),
        adopted=adopted_row,
        board=policy.bounded(_one(rows, "board", "settings", model.Board) or policy.board),
        cameras={c.id: CameraFacts(c.id, c.name, c.area_kind, c.area_note) for c in cameras},
    )
    facts = paper_facts(
        policy=policy,
        board=rules.board,
        adopted=adopted,
        texts=texts,
        cameras=cameras,
        commissions=rules.commissions,
        entrances=rules.entrances.values(),
        people=rules.people,
        head=head.decode(errors="replace") if head else "",
        now=now,
        determinations=_all(rows, "determinations", model.Determination).values(),
        caveats=tuple(caveats),
    )
    return with_checklist(facts, rules, now)


def _tables(state: Path) -> dict[str, dict[str, Any]] | None:
    """Return the register's tables, or those before its last change; None when neither can be read."""
    for name in (REGISTER, LAST_GOOD):
        raw = _read(state / name, None)
        try:
            if raw is not None:
                return parse_register(raw, str(state / name))[0]
        except StorageError:
            continue
    return None


def _read(path: Path, most: int | None) -> bytes | None:
    try:
        with path.open("rb") as file:
            raw = file.read() if most is None else file.read(most + 1)
    except OSError:
        return None
    return None if most is not None and len(raw) > most else raw


def _policy_text(state: Path, sha256: str) -> str | None:
    if not sha256.isalnum():  # it becomes part of a file name
        return None
    raw = _read(state / "policy" / f"{sha256}.txt", MAX_POLICY_BYTES)
    try:
        return None if raw is None else raw.decode()
    except UnicodeDecodeError:
        return None


def _keyed(table: dict[str, Any]) -> Rows:
    """Return rows by key. Policy rows are stored whole under "row" (``StateStore.flush``); camera entries as they are."""
    found: Rows = {}
    for number, row in table.items():
        if isinstance(row, dict):
            inner = row.get("row")
            plain = inner if isinstance(inner, dict) else {k: v for k, v in row.items() if k != "key"}
            found[str(row.get("key", number))] = plain
    return found


def _one[T: msgspec.Struct](rows: dict[str, Rows], table: str, key: str, kind: type[T]) -> T | None:
    try:
        row = rows.get(table, {}).get(key)
        return None if row is None else msgspec.convert(row, kind)
    except msgspec.ValidationError:
        return None


def _all[T: msgspec.Struct](rows: dict[str, Rows], table: str, kind: type[T]) -> dict[str, T]:
    found = {}
    for key, row in rows.get(table, {}).items():
        try:
            found[key] = msgspec.convert(row, kind)
        except msgspec.ValidationError:
            continue
    return found


def _camera(row: dict[str, Any]) -> CameraSource:
    return CameraSource(
        str(row.get("entry_id", "")),
        str(row.get("title", "")),
        str(row.get("area_kind", "")),
        str(row.get("area_note", "")),
    )
