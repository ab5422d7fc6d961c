"""What the installation knows about people, holds, camera commissioning and the Board's settings: in memory, one source of
truth.

The access log is authoritative (an entry contains the rows it changes). The register is its view on disk, written in the
background with the number of the last entry that it includes. At start the rows are rebuilt from the log's entries, proven by its
signed head, and compared with the register: people whom a differing row concerns have no rights until that is settled. This
module must never change a row without an entry: ``apply`` requires the entry's number.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from holdshelf_core.actions.register_check import (
    CAMERA_TABLE,
    PLACE_FIELDS,
    RAW_TABLES,
    TABLES,
    Difference,
    concerned,
    differences,
    registered_rows,
)
from holdshelf_core.actions.registry import Change
from holdshelf_core.policy import date_forms, doubt, governing, model, numbering
from holdshelf_core.policy.releases import holds_in_release
from holdshelf_core.policy.state import ByPerson, CameraFacts, State, by_person
from holdshelf_core.policy_file.adopted import InForce
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.rows import RowChange, Rows, encoded_rows
from holdshelf_storage.errors import LogBroken, StorageError
from holdshelf_storage.register import Register, Tables

_LOGGER = logging.getLogger(__name__)

_CAMERA_FIELDS = {"entry_id", "domain", "unique_id", "title", "area_kind"}
META, META_KEY = "meta", "log"
_as_logged = msgspec.json.Decoder(list[RowChange]).decode
WRITE_BEHIND_S = 0.2
RETRY_S = 5.0


def row_of(struct: msgspec.Struct) -> dict[str, Any]:
    """Return a struct as a register row."""
    row: dict[str, Any] = msgspec.to_builtins(struct)
    return row


def row_changes(changes: Iterable[Change]) -> list[RowChange]:
    """Return the changes as they read back from the log, as a replay will find them."""
    return _as_logged(msgspec.json.encode(list(changes)))


def put(table: str, key: str, struct: msgspec.Struct) -> Change:
    """Return the change that writes a row."""
    return Change(table, key, row_of(struct))


class StateStore:
    """Rows by table. Read on the loop; changed by ``apply`` on the loop; the register is written in a thread."""

    def __init__(self, register: Register, in_force: Callable[[str], InForce]) -> None:
        """``in_force``: the policy file of a SHA-256, '' for the one that comes with Holdshelf; it is asked once for each."""
        self._register = register
        self._in_force = in_force
        self._policies: dict[str, InForce] = {}
        self.rows: dict[str, dict[str, Any]] = {name: {} for name in TABLES}
        self.cameras: dict[str, CameraFacts] = {}
        self.version = 0
        """Incremented by each change: a decision made on an older version is made again."""
        self.applied_seq = 0
        self.problem = ""
        """Why the state is incomplete; unless '', nobody has rights and nothing is erased."""
        self.by_log: Rows | None = None
        """The rows that the log's entries produce; None while the log cannot say."""
        self.differences: list[Difference] = []
        """Register rows that differ from the log: people concerned have no rights, and nothing is erased."""
        self.root_seq = 0
        """The last entry that records a root over the rows, where a replay can begin."""
        self.stating_root = False
        self.root_tried = 0
        """Entries in the log at the last attempt, so that a root that cannot be stored is not retried each second."""
        self._pending: dict[tuple[str, str], dict[str, Any] | None] = {}
        self._unstored: dict[str, int] = {}
        """Cameras whose entry is on disk, and whose row is still being written."""
        self._wake = asyncio.Event()
        self._log = ""
        self._state: State | None = None
        self._grouped: ByPerson | None = None
        """Kept while none of these rows change: there may be thousands, and most acts write other rows."""
        self._flushing = threading.Lock()
        self._limited = ""
        self._suspended: frozenset[str] = frozenset()

    @property
    def in_doubt(self) -> bool:
        """Return whether the rows may not be the latest decisions: footage they would release is kept then."""
        return bool(self.problem or self.differences or self.state.limited)

    # --- reading ----------------------------------------------------------------------------------------------

    @property
    def policy(self) -> InForce:
        """Return the policy in force, by the adopted row."""
        adopted = self.rows["policy"].get("adopted")
        sha256 = adopted.file_sha256 if adopted is not None else ""
        if sha256 not in self._policies:
            # At a start, and after an adoption: read once, and kept as long as the service runs.
            self._policies[sha256] = self._in_force(sha256)
        return self._policies[sha256]

    @property
    def state(self) -> State:
        """Return the current state for the rules. Do not keep it across an await."""
        if self._state is None:
            rows = self.rows
            if self._grouped is None:
                self._grouped = by_person(rows["seats"], rows["appointments"], rows["shares"])
            policy = self.policy.policy
            board = policy.bounded(rows["board"].get("settings") or policy.board)
            policy = policy.under(board)
            date_forms.use(policy.date_form)
            numbering.use(policy.numbers)
            governing.use(policy.board_word)
            self._state = State(
                policy=policy,
                people=rows["people"],
                seats=rows["seats"],
                appointments=rows["appointments"],
                shares=rows["shares"],
                holds=rows["holds"],
                commissions=rows["commissions"],
                entrances=rows["entrances"],
                flags=rows["flags"],
                adopted=rows["policy"].get("adopted"),
                board=board,
                cameras=self.cameras,
                releases=rows["releases"],
                determinations=rows["determinations"],
                checks=rows["checks"],
                holds_in_release=holds_in_release(rows["releases"], rows["holds"]),
                suspended=self._suspended,
                limited=self._limited or doubt.sentence(rows["flags"]),
                grouped=self._grouped,
            )
        return self._state

    def next_id(self, table: str, prefix: str, year: int | None = None, *, also: Iterable[str] = ()) -> str:
        """Return a new id: 'p4', or 'H-2026-0004' with a year. Rows are never deleted, so it is one above the highest number.
        ``also``: ids in use that have no row."""
        keys = (*self.rows[table], *also)
        numbers = [int(tail) for key in keys if (tail := key.rpartition("-")[2].lstrip(prefix)).isdecimal()]
        number = max(numbers, default=0) + 1
        return f"{prefix}{number}" if year is None else f"{prefix}-{year}-{number:04d}"

    # --- writing ----------------------------------------------------------------------------------------------

    def apply(self, changes: Iterable[Change], seq: int) -> None:
        """Apply the rows that entry ``seq`` changed; on the loop, in the order of entries."""
        changes = list(changes)
        self._follow_log(changes, seq)
        for change in changes:
            self._apply(change, seq)
        self.applied_seq = max(self.applied_seq, seq)
        self._wake.set()

    def apply_unwritten(self, changes: Iterable[Change]) -> None:
        """Apply changes whose entry waits for the log: effective at once, but not in the register until the log has them."""
        for change in changes:
            self._apply(change, 0, register=False)

    def written(self, changes: Iterable[Change], seq: int) -> None:
        """Entry ``seq`` is now on disk: write its rows to the register, without undoing later changes."""
        changes = list(changes)
        self._follow_log(changes, seq)
        for change in changes:
            row = change.row
            if change.table == "flags" and row is not None and not row.get("log_seq"):
                row = {**row, "log_seq": seq}
                known = self.rows["flags"].get(change.key)
                if known is not None and not known.log_seq:
                    self.rows["flags"][change.key] = msgspec.structs.replace(known, log_seq=seq)
            self._pending[change.table, change.key] = row
        self.applied_seq = max(self.applied_seq, seq)
        self._wake.set()

    def _follow_log(self, changes: list[Change], seq: int) -> None:
        if self.by_log is not None:
            self.by_log.apply(row_changes(changes), seq)
        for change in changes:
            if change.table == CAMERA_TABLE:
                self._unstored[change.key] = seq

    def camera_stored(self, camera: str) -> None:
        """Note that the register now has this camera's row as logged, or its previous one if that could not be stored."""
        self._unstored.pop(camera, None)

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
                # A flag contains the number of its entry, which was unknown when its row was made.
                row = msgspec.structs.replace(row, log_seq=seq)
            self.rows[change.table][change.key] = row
            told = row_of(row)
        if register:
            self._pending[change.table, change.key] = told
        self._state = None
        if change.table in ByPerson._fields:
            self._grouped = None
        self.version += 1

    def restart_at(self, log: AccessLog, seq: int, by_log: Rows) -> None:
        """Switch to this new log, whose entry ``seq`` contains the whole state."""
        self.applied_seq, self._log, self.problem = seq, log.public_key.origin, ""
        self.by_log, self.root_seq, self._limited = by_log, 0, ""
        self._unstored.clear()
        self._set_differences([])
        self._wake.set()

    def _set_differences(self, found: list[Difference]) -> None:
        self.differences = found
        self._suspended = concerned(found, self.by_log) if self.by_log is not None else frozenset()
        self._state = None
        self.version += 1

    def async_limit(self, why: str) -> None:
        """Allow only holds from now on, for this reason; '' returns to what the log's rows say."""
        if why != self._limited:
            self._limited, self._state = why, None
            self.version += 1

    def settling(self) -> list[Change]:
        """Return the changes that set every differing row to what the log says."""
        by_log = self.by_log
        if by_log is None:
            return []
        said = [(one, by_log.get(one.table, one.key)) for one in self.differences]
        return [Change(one.table, one.key, logged.row if logged is not None else None) for one, logged in said]

    def settled(self, changes: Iterable[Change], seq: int) -> None:
        """The entry that settles the differences is on disk: update the register and restore everyone's rights."""
        for change in changes:
            if change.table == CAMERA_TABLE:
                self.camera_stored(change.key)
                self._write_camera(change)
        self._set_differences([])
        self._wake.set()

    def async_set_cameras(self, cameras: Mapping[str, CameraFacts]) -> None:
        """Set the cameras as currently configured."""
        self.cameras = dict(cameras)
        self._state = None
        self.version += 1

    def _written(self) -> tuple[int, str]:
        """Return the number of the last entry in the register on disk, and its log; (0, '') if none."""
        meta = self._register.get(META, META_KEY)
        seq = meta.get("applied_seq") if meta else None
        return (seq, str((meta or {}).get("log", ""))) if isinstance(seq, int) and seq > 0 else (0, "")

    # --- start ------------------------------------------------------------------------------------------------

    def load(self, log: AccessLog) -> int:
        """Load the rows from the log and compare the register. Blocks. Returns how many rows the register lacks.

        Sets ``problem``, ``differences``. With a damaged log, the register is used as it is.
        """
        lost = self._register.problem is not None
        mark = self._up_to(log)
        if log.problem is None:
            try:
                by_log = log.rows(mark)
                self._take(by_log)
                self.root_seq = by_log.root_seq
            except LogBroken as error:
                log.distrust(str(error))
            except StorageError as error:
                self.problem = f"The access log cannot be read: {error}"
                return 0
            except msgspec.MsgspecError as error:
                self.problem = f"The access log has a row that cannot be read: {error}"
                return 0
            else:
                return self._hold_against(by_log, log.size)
        self._limited = (
            "The access log is damaged, so nothing proves what the register says about people and their rights."
        )
        if lost:
            self.problem = f"The register was lost and the access log cannot be replayed: {log.problem}"
            return 0
        self._grouped = None
        try:
            for name, kind in TABLES.items():
                for row in self._register.table(name).all():
                    self.rows[name][row["key"]] = msgspec.convert(row["row"], kind, strict=False)
        except (msgspec.ValidationError, KeyError, TypeError) as error:
            self.rows = {name: {} for name in TABLES}
            self.problem = f"The register cannot be read ({error}) and the access log cannot be replayed: {log.problem}"
        return 0

    def _up_to(self, log: AccessLog) -> int | None:
        """Return the entry up to which the register matches the log; None: it belongs to the previous log.

        Sets ``problem`` when the log is not the register's.
        """
        seq, written_to = self._written()
        self._log = log.public_key.origin
        self.applied_seq = seq
        if not seq or log.problem is not None:
            return 0
        if written_to == self._log:
            if seq > log.size:
                log.distrust(f"The access log has {log.size} entries, and the register holds what entry {seq} said.")
            return seq
        # A new log begun after damage holds everything in its first entry, and names the log that it follows.
        try:
            first = next(log.read(1, 1), None)
        except StorageError as error:
            log.distrust(f"The access log's first entry cannot be read: {error}")
            return seq
        if first is not None and written_to and written_to in str(first.public.get("facts", {}).get("before", "")):
            return None
        log.distrust("The access log is not the one that the register belongs to, and does not name it.")
        return seq

    def _take(self, by_log: Rows) -> None:
        """Replace the rows in memory with the log's. Raises MsgspecError."""
        self._grouped = None
        self.rows = {name: {} for name in TABLES}
        for name, kind in TABLES.items():
            for key, logged in by_log.tables.get(name, {}).items():
                row = msgspec.convert(logged.row, kind, strict=False)
                if isinstance(row, model.Flag) and not row.log_seq:
                    row = msgspec.structs.replace(row, log_seq=logged.seq)
                self.rows[name][key] = row
        self.by_log = by_log
        self._state = None

    def _hold_against(self, by_log: Rows, size: int) -> int:
        """Compare with the register. Differing rows are kept until somebody settles them; missing ones are written in the
        background."""
        tables = {name: self._register.table(name).all() for name in (*TABLES, CAMERA_TABLE, *RAW_TABLES)}
        here = registered_rows(tables)
        # The first entry of this log holds everything that the previous log said.
        self._set_differences(differences(here, by_log) if by_log.mark is not None else [])
        gone = {key for (name, key), said in by_log.later.items() if name == CAMERA_TABLE and said[-1] is None}
        by_log.mark, by_log.later = None, {}
        left = {(one.table, one.key) for one in self.differences}
        for name in (*TABLES, *RAW_TABLES):
            ours = here.get(name, {})
            extra = ours.keys() if name in TABLES else ()
            for key in {*by_log.tables.get(name, {}), *extra}:
                said = row_of(self.rows[name][key]) if name in TABLES and key in self.rows[name] else None
                if name in RAW_TABLES:
                    said = by_log.tables[name][key].row
                if (name, key) not in left and ours.get(key, []) != ([] if said is None else [said]):
                    self._pending[name, key] = said
        for key, logged in by_log.tables.get(CAMERA_TABLE, {}).items():
            if (CAMERA_TABLE, key) not in left or key not in here[CAMERA_TABLE]:
                self._write_camera(Change(CAMERA_TABLE, key, logged.row))
        for key in here[CAMERA_TABLE]:
            # Removed in the background only if the log says it is gone. All others are reported to a person.
            if (CAMERA_TABLE, key) not in left and key in gone:
                self._pending[CAMERA_TABLE, key] = None
        self.applied_seq = size
        return len(self._pending)

    def _write_camera(self, change: Change) -> None:
        # A camera's row changes without the log (its stream is queried again, its password exists only there), so only name and
        # place of a known camera are written.
        at = change.table, change.key
        known = self._pending[at] if at in self._pending else self._register.get(*at)
        if change.row is None or known is None:
            self._pending[at] = change.row
        elif any(known.get(name, "") != change.row[name] for name in PLACE_FIELDS if name in change.row):
            self._pending[at] = {**known, **{f: change.row[f] for f in PLACE_FIELDS if f in change.row}}

    def camera_rows(self, stored: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Return the camera rows that apply: where people's decisions differ, the log's values.

        A camera unknown to the log is still recorded, but nobody may view it.
        """
        differing = {one.key for one in self.differences if one.table == CAMERA_TABLE}
        rows: dict[str, dict[str, Any]] = {}
        for stored_row in stored:
            key, row = str(stored_row.get("key")), dict(stored_row)
            logged = self.by_log.get(CAMERA_TABLE, key) if self.by_log is not None else None
            said = logged.row if logged is not None else {}
            if key in differing:
                row.update({name: said[name] for name in PLACE_FIELDS if name in said})
            if row.get("entry_id") != key or not isinstance(row.get("data"), dict) or not row.keys() >= _CAMERA_FIELDS:
                _LOGGER.error("the register's row of camera %.60r cannot be read", key)
                row = dict(said)
            if row:
                rows.setdefault(key, row)
        return list(rows.values())

    def stored(self, table: str) -> dict[str, dict[str, Any]]:
        """Return the effective rows of a table that the rules do not use."""
        rows = {
            str(row["key"]): {k: v for k, v in row.items() if k != "key"} for row in self._register.table(table).all()
        }
        if self.by_log is not None:
            rows.update({key: logged.row for key, logged in self.by_log.tables.get(table, {}).items()})
        return rows

    def setting(self, key: str) -> dict[str, Any] | None:
        """Return the log's value of a setting that differs; None: the register's applies."""
        if self.by_log is None or not any((one.table, one.key) == ("settings", key) for one in self.differences):
            return None
        logged = self.by_log.get("settings", key)
        return logged.row if logged is not None else {}

    def check_file(self, tables: Tables, by_log: Rows) -> None:
        """Compare the register file, read before the log, with the rows that all entries produce. On the loop.

        Rows in memory were proven at start and change only through entries; the file may have been edited since.
        """
        here = registered_rows({name: list(rows.values()) for name, rows in tables.items()})
        found = {(one.table, one.key): one for one in self.differences}
        found.update({(one.table, one.key): one for one in differences(here, by_log)})
        if list(found.values()) != self.differences:
            self._set_differences(list(found.values()))

    # --- roots ------------------------------------------------------------------------------------------------

    def root(self) -> tuple[str, bytes] | None:
        """Return (root over the log's rows, those rows encoded); None while they are not known."""
        return (self.by_log.root(), encoded_rows(self.by_log)) if self.by_log is not None else None

    # --- the register, behind -----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Write what is pending; blocks, for a thread. Raises StorageError, and it stays pending."""
        with self._flushing:
            self._flush()

    def _flush(self) -> None:
        # The number first: a change applied meanwhile is written without its number, and replayed harmlessly after a crash.
        seq = min([self.applied_seq, *(began - 1 for began in self._unstored.values())])
        pending, self._pending = self._pending, {}
        rows: list[tuple[str, str, dict[str, Any] | None]] = [(META, META_KEY, {"applied_seq": seq, "log": self._log})]
        for (table, key), row in pending.items():
            # A policy row is stored whole under "row": its fields may have any name, even "key".
            rows.append((table, key, {"row": row} if table in TABLES and row is not None else row))
        try:
            self._register.write(rows)
        except StorageError:
            self._pending = {**pending, **self._pending}
            raise

    async def async_write_behind(self, failed: asyncio.Event | None = None) -> None:
        """Until canceled: write each change to the register shortly after its entry."""
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
