"""What the installation knows of people, holds, cameras' commissioning and the Board's settings: in memory, one truth.

The access log is that truth (an entry carries the rows it changes); the register is its view on disk, written behind in
the background with the number of the last entry that it holds. At start, younger entries are replayed. This module
must never change a row without an entry: ``apply`` is given the entry's number.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from holdshelf_core.actions import Change
from holdshelf_core.policy import model
from holdshelf_core.policy.releases import holds_in_release
from holdshelf_core.policy.state import CameraFacts, State
from holdshelf_storage.access_log import AccessLog
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

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
"""Rows that the rules do not reason about: written as they are."""
PLACE_FIELDS = ("title", "area_kind", "area_note")
"""Of a camera's row, what people decide; the rest is what the camera told."""
META, META_KEY = "meta", "log"
WRITE_BEHIND_S = 0.2
RETRY_S = 5.0

_changes = msgspec.json.Decoder(list[Change])


def row_of(struct: msgspec.Struct) -> dict[str, Any]:
    """A struct as the register keeps it."""
    row: dict[str, Any] = msgspec.to_builtins(struct)
    return row


def put(table: str, key: str, struct: msgspec.Struct) -> Change:
    """The change that writes a row."""
    return Change(table, key, row_of(struct))


class House:
    """Rows by table. Read on the loop; written by ``apply`` on the loop; the register is written in a thread."""

    def __init__(self, register: Register) -> None:
        self._register = register
        self.rows: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
        self.cameras: dict[str, CameraFacts] = {}
        self.version = 0
        """Grows with each change: who decided on an older one decides again."""
        self.applied_seq = 0
        self.problem = ""
        """Why the state is not whole; nobody has rights and nothing is erased while it is not ''."""
        self._pending: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._wake = asyncio.Event()
        self._log = ""
        self._state: State | None = None

    # --- reading ----------------------------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """What the rules reason about, now. Not to be kept over an await."""
        if self._state is None:
            rows = self.rows
            self._state = State(
                people=rows["people"],
                seats=rows["seats"],
                appointments=rows["appointments"],
                shares=rows["shares"],
                holds=rows["holds"],
                commissions=rows["commissions"],
                entrances=rows["entrances"],
                flags=rows["flags"],
                adopted=rows["policy"].get("adopted"),
                board=rows["board"].get("settings") or model.Board(),
                cameras=self.cameras,
                releases=rows["releases"],
                determinations=rows["determinations"],
                checks=rows["checks"],
                holds_in_release=holds_in_release(rows["releases"], rows["holds"]),
            )
        return self._state

    def next_id(self, table: str, prefix: str, year: int | None = None, *, also: Iterable[str] = ()) -> str:
        """An id never given before: rows are kept, so the highest number counts on. 'p4', or 'H-2026-0004' with a year.
        ``also``: ids that were given and have no row."""
        keys = (*self.rows[table], *also)
        numbers = [int(tail) for key in keys if (tail := key.rpartition("-")[2].lstrip(prefix)).isdecimal()]
        number = max(numbers, default=0) + 1
        return f"{prefix}{number}" if year is None else f"{prefix}-{year}-{number:04d}"

    # --- writing ----------------------------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change], seq: int) -> None:
        """The rows that entry ``seq`` changed; on the loop, in the order of entries."""
        for change in changes:
            self._apply(change, seq)
        self.applied_seq = max(self.applied_seq, seq)
        self._wake.set()

    def apply_unwritten(self, changes: Iterable[Change]) -> None:
        """What an entry says that waits for the log: known from here on, and not in the register before the log has it."""
        for change in changes:
            self._apply(change, 0, register=False)

    def written(self, changes: Iterable[Change], seq: int) -> None:
        """Entry ``seq`` is on disk at last: the register follows. What became of the rows meanwhile stays."""
        for change in changes:
            self._pending[change.table, change.key] = change.row
        self.applied_seq = max(self.applied_seq, seq)
        self._wake.set()

    def _apply(self, change: Change, seq: int, *, register: bool = True) -> None:
        kind = TABLES.get(change.table)
        if kind is None:
            if change.table in RAW_TABLES and register:
                self._pending[change.table, change.key] = change.row
            return
        told: dict[str, Any] | None = None
        if change.row is None:
            self.rows[change.table].pop(change.key, None)
        else:
            row = msgspec.convert(change.row, kind, strict=False)
            if isinstance(row, model.Flag) and not row.log_seq:
                # A flag names the entry that it came with, whose number nobody knew when its row was made.
                row = msgspec.structs.replace(row, log_seq=seq)
            self.rows[change.table][change.key] = row
            told = row_of(row)
        if register:
            self._pending[change.table, change.key] = told
        self._state = None
        self.version += 1

    def restart_at(self, log: AccessLog, seq: int) -> None:
        """This log has everything that is here in its entry ``seq``."""
        self.applied_seq, self._log, self.problem = seq, log.public_key.origin, ""
        self.version += 1
        self._wake.set()

    def async_set_cameras(self, cameras: Mapping[str, CameraFacts]) -> None:
        """Cameras as configured now."""
        self.cameras = dict(cameras)
        self._state = None
        self.version += 1

    def _written(self) -> tuple[int, str]:
        """Number of the last entry that the register on disk holds, and of which log; (0, '') when it holds none."""
        meta = self._register.get(META, META_KEY)
        return (int(meta["applied_seq"]), str(meta.get("log", ""))) if meta else (0, "")

    # --- start ------------------------------------------------------------------------------------------------

    def load(self, log: AccessLog) -> int:
        """Register, then younger entries. Blocks. Returns how many entries were replayed; sets ``problem``."""
        try:
            for name, kind in TABLES.items():
                for row in self._register.table(name).all():
                    self.rows[name][row["key"]] = msgspec.convert(row["row"], kind, strict=False)
        except (msgspec.ValidationError, KeyError, TypeError) as error:
            # Rows that cannot be read are not guessed at: the log has them all.
            _LOGGER.error("the register's rows cannot be read (%s); replaying the whole access log", error)
            self.rows = {name: {} for name in TABLES}
            self.applied_seq = 0
            if log.problem is not None:
                self.problem = f"The register cannot be read and the access log cannot be replayed: {log.problem}"
                return 0
        else:
            self.applied_seq = self._begin_at(log)
        if log.problem is not None and self._register.problem is not None:
            self.problem = f"The register was lost and the access log cannot be replayed: {log.problem}"
            return 0
        if self.applied_seq > log.size:
            return 0  # the log is damaged and says so; what is here is younger than it, and is kept
        if self.applied_seq == log.size:
            return 0
        return self._replay(log)

    def _begin_at(self, log: AccessLog) -> int:
        """The entry up to which the register is what the log says. A log that is not the register's gets a ``problem``."""
        seq, written_to = self._written()
        self._log = log.public_key.origin
        if not seq or log.problem is not None:
            return seq
        if written_to == self._log:
            if seq > log.size:
                log.distrust(f"The access log has {log.size} entries, and the register holds what entry {seq} said.")
            return seq
        # After damage a new log was begun: its first entry holds everything, and names the log that it follows.
        first = next(log.read(1, 1), None)
        if first is not None and written_to in str(first.public.get("facts", {}).get("before", "")):
            return 0
        log.distrust("The access log is not the one that the register belongs to, and does not name it.")
        return seq

    def _replay(self, log: AccessLog) -> int:
        replayed = 0
        try:
            for entry in log.read(self.applied_seq + 1):
                if "changes" in entry.public.get("commit", {}):
                    text = (entry.private or {}).get("changes")
                    if text is None:
                        self.problem = f"Entry {entry.seq} of the access log has lost the text of its changes."
                        return replayed
                    for change in _changes.decode(text.encode()):
                        if change.table == CAMERA_TABLE:
                            self._replay_camera(change)
                        else:
                            self._apply(change, entry.seq)
                    replayed += 1
                self.applied_seq = entry.seq
        except (StorageError, msgspec.MsgspecError) as error:
            self.problem = f"The access log cannot be replayed beyond entry {self.applied_seq}: {error}"
        return replayed

    def _replay_camera(self, change: Change) -> None:
        # A camera's row changes behind the log (its stream is asked anew, its password lies only there), so what is
        # replayed of a known one is its name and place.
        at = change.table, change.key
        known = self._pending[at] if at in self._pending else self._register.get(*at)
        if change.row is None or known is None:
            self._pending[at] = change.row
        else:
            self._pending[at] = {**known, **{f: change.row[f] for f in PLACE_FIELDS if f in change.row}}

    # --- the register, behind -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is pending; blocks, for a thread. Raises StorageError: it stays pending."""
        # The number first: what is applied in between is written without it and replayed after a crash, which changes nothing.
        seq = self.applied_seq
        pending, self._pending = self._pending, {}
        rows: list[tuple[str, str, dict[str, Any] | None]] = [(META, META_KEY, {"applied_seq": seq, "log": self._log})]
        for (table, key), row in pending.items():
            # A policy row lies whole under "row": its fields may be called anything, "key" as well.
            rows.append((table, key, {"row": row} if table in TABLES and row is not None else row))
        try:
            self._register.write(rows)
        except StorageError:
            self._pending = {**pending, **self._pending}
            raise

    async def async_write_behind(self, failed: asyncio.Event | None = None) -> None:
        """Runs until cancelled: each change is in the register within a moment of its entry."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(WRITE_BEHIND_S)
            self._wake.clear()
            try:
                await asyncio.to_thread(self.flush)
            except StorageError as error:
                _LOGGER.warning("the register waits to be written: %s", error)
                if failed is not None:
                    failed.set()
                await asyncio.sleep(RETRY_S)
                self._wake.set()
