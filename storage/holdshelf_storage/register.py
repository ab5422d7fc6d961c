"""STATE/register.json: what the installation knows now (cameras, people, holds), as TinyDB on our own storage.

Resident in memory; written whole, atomically, by `commit`, which callers run off the event loop. One line of JSON:

    {"schema":1,"sha256":"…","tables":{"entries":{"1":{…}},…}}

`sha256` is that of the bytes of `tables`: a register that was damaged is not believed. It is then set aside as
register.corrupt-….json, the last good copy (register.last.json) is taken, and `Register.problem` says so: whoever
grants rights or erases must look at it first. Secrets are encrypted with a key beside it: a copied register alone
gives no password away. This module knows no table; it must never log what it stores.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from tinydb import TinyDB, where
from tinydb.storages import Storage
from tinydb.table import Table

from holdshelf_storage.atomic import fsync_dir, make_dir, read_all, write_atomic
from holdshelf_storage.errors import (
    FormatNewer,
    RegisterCorrupt,
    SecretLost,
    StorageError,
    from_os_error,
    translating,
)
from holdshelf_storage.volume.journal import UNREADABLE
from holdshelf_storage.volume.reserve import Reserve

SCHEMA = 1
REGISTER = "register.json"
LAST_GOOD = "register.last.json"
KEY = "keys/register.key"

Tables = dict[str, dict[str, Any]]
Migration = Callable[[Tables], Tables]
MIGRATIONS: dict[int, Migration] = {}
"""By schema: converts tables of that schema to the next."""


class _File(msgspec.Struct):
    schema: int
    sha256: str
    tables: msgspec.Raw


class _AnyVersion(msgspec.Struct):
    schema: int


class _Resident(Storage):
    """TinyDB's storage, in memory. Counts changes, so that `commit` knows whether there is anything to write."""

    def __init__(self, tables: Tables) -> None:
        self.tables: Tables = tables
        self.changes = 0

    def read(self) -> Tables | None:
        return self.tables

    def write(self, data: Any) -> None:
        self.tables = data
        self.changes += 1


class Register:
    """The register of one state folder. `open` it; call `commit` (or `put`, `remove`) to have changes on disk.

    Tables are changed under `lock`, or by one thread alone. `commit` may be called from any thread; one writes at a
    time, and a call returns only when all changes made before it are on disk.
    """

    def __init__(self, state: Path, tables: Tables, *, schema: int, problem: RegisterCorrupt | None) -> None:
        self.problem = problem
        """Why the register is not the one last written; None when it is."""
        self.schema = schema
        self.lock = threading.RLock()
        self._state = state
        self._path = state / REGISTER
        self._resident = _Resident(tables)
        self._database = TinyDB(storage=lambda: self._resident)
        self._reserve = Reserve(state)
        self._write_lock = threading.RLock()  # taken before `lock`, never after it
        self._written = 0
        self._fernet: Any = None

    @classmethod
    def open(
        cls, state: Path, *, schema: int = SCHEMA, migrations: Mapping[int, Migration] | None = None
    ) -> "Register":
        """Reads the register, or begins an empty one where there is none; migrates an older schema.

        A corrupt one is set aside and named in `problem`; the last good copy is taken, or, if that is corrupt as well,
        nothing. Raises FormatNewer (nothing was changed), DiskWriteError.
        """
        state = Path(state)
        migrations = MIGRATIONS if migrations is None else migrations
        path, last = state / REGISTER, state / LAST_GOOD
        problem: RegisterCorrupt | None = None
        try:
            found = _read(path, schema)
        except RegisterCorrupt as error:
            aside = _set_aside(path)
            problem = RegisterCorrupt(f"{error} It was set aside as {aside.name}.")
            found = None
        if found is None and (problem is not None or last.exists()):
            problem = problem or RegisterCorrupt(f"{path} is gone.")
            try:
                found = _read(last, schema)
            except RegisterCorrupt as error:
                _set_aside(last)
                problem = RegisterCorrupt(f"{problem} {error} No copy of it can be read.")
            else:
                problem = RegisterCorrupt(f"{problem} The copy before the last change is in use.")
        if problem is None and found is None and (lost := sorted(state.glob("register*.corrupt-*"))):
            problem = RegisterCorrupt(f"{path} is gone and {lost[-1].name} was set aside; restore it from a copy.")
        tables, version = found if found is not None else ({}, schema)
        register = cls(state, _migrated(tables, version, schema, migrations), schema=schema, problem=problem)
        if version != schema or problem is not None:
            register._resident.changes += 1
        return register

    def table(self, name: str) -> Table:
        """A TinyDB table. Changes are in memory until `commit`."""
        return self._database.table(name)

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """The row that `put` wrote under `key`; None when there is none."""
        with self.lock:
            found = self.table(table).search(where("key") == key)
        if not found:
            return None
        row: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(dict(found[0])))
        del row["key"]
        return row

    def put(self, table: str, key: str, row: Mapping[str, Any]) -> None:
        """Writes `row` under `key`, replacing what was there; on disk when it returns. Raises as `commit`: not done then."""
        with self._write_lock, self.transaction():
            rows = self.table(table)
            rows.remove(where("key") == key)
            rows.insert(msgspec.json.decode(msgspec.json.encode({**row, "key": key})))  # no share in the caller's dicts
            self.commit()

    def remove(self, table: str, key: str) -> bool:
        """Removes the row under `key`; False when there was none. On disk when it returns. Raises as `commit`: not done then."""
        with self._write_lock, self.transaction():
            removed = self.table(table).remove(where("key") == key)
            self.commit()
        return bool(removed)

    def write(self, rows: Iterable[tuple[str, str, Mapping[str, Any] | None]]) -> None:
        """Writes many rows, (table, key, row or None to remove), as one change. Raises as `commit`: none is done then."""
        by_table: dict[str, dict[str, Mapping[str, Any] | None]] = {}
        for table, key, row in rows:
            by_table.setdefault(table, {})[key] = row
        with self._write_lock, self.transaction():
            for name, changed in by_table.items():
                table_ = self.table(name)
                table_.remove(where("key").test(changed.__contains__))
                table_.insert_multiple(
                    msgspec.json.decode(msgspec.json.encode({**row, "key": key}))
                    for key, row in changed.items()
                    if row is not None
                )
            self.commit()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Changes inside the block happen all, or, after an exception, not at all. In memory: `commit` follows."""
        with self.lock:
            before = msgspec.json.encode(self._resident.tables)
            try:
                yield
            except BaseException:
                self._resident.tables = msgspec.json.decode(before)
                for name in self._database.tables():
                    self._database.table(name).clear_cache()
                raise

    def commit(self) -> None:
        """Writes all changes made so far; for a thread. Does nothing when there are none.

        Raises DiskFull (after the reserve was spent), SyncFailed, DiskWriteError: the file is then unchanged, the changes stay in
        memory, and the next commit writes them.
        """
        with self._write_lock:
            with self.lock:
                changes = self._resident.changes
                if changes == self._written and self._path.exists():
                    return
                tables = msgspec.json.encode(self._resident.tables)
            data = b'{"schema":%d,"sha256":"%s","tables":%s}\n' % (
                self.schema,
                hashlib.sha256(tables).hexdigest().encode(),
                tables,
            )
            self._reserve.spend_on(lambda: write_atomic(self._path, data, keep_last=LAST_GOOD))
            self._written = changes

    def encrypt(self, secret: str) -> str:
        """A token that only STATE/keys/register.key decrypts. The key is created at first use. Raises StorageError."""
        token: bytes = self._cipher(make=True).encrypt(secret.encode())
        return token.decode("ascii")

    def decrypt(self, token: str) -> str:
        """The secret that `encrypt` was given. Raises SecretLost when key and token do not belong together."""
        from cryptography.fernet import InvalidToken  # noqa: PLC0415 - slow to import, and rarely needed

        try:
            secret: bytes = self._cipher(make=False).decrypt(token.encode("ascii", "replace"))
            return secret.decode()
        except (InvalidToken, UnicodeDecodeError) as error:
            raise SecretLost(
                f"A stored password does not open with {self._state / KEY}; restore it or give the password again."
            ) from error

    def _cipher(self, *, make: bool) -> Any:
        from cryptography.fernet import Fernet  # noqa: PLC0415 - slow to import, and rarely needed

        with self.lock:
            if self._fernet is None:
                path = self._state / KEY
                key = _read_bytes(path)
                if key is None and not make:
                    raise SecretLost(f"{path} is missing; restore it or give the passwords again.")
                if key is None:
                    key = Fernet.generate_key()
                    make_dir(path.parent)
                    write_atomic(path, key)
                try:
                    self._fernet = Fernet(key)
                except ValueError as error:
                    raise SecretLost(f"{path} is damaged; restore it or give the passwords again.") from error
            return self._fernet


def _migrated(tables: Tables, version: int, schema: int, migrations: Mapping[int, Migration]) -> Tables:
    while version < schema:
        if version not in migrations:
            raise StorageError(f"The register has schema {version}, which this Holdshelf can no longer read.")
        try:
            tables = migrations[version](tables)
        except Exception as error:
            raise StorageError(
                f"The register could not be brought from schema {version} to the next; report this."
            ) from error
        version += 1
    return tables


def parse_register(data: bytes, shown: str) -> tuple[Tables, int]:
    """(tables, schema) of a register's bytes, as they are: nothing is migrated. Raises RegisterCorrupt, FormatNewer."""
    return _parse(data, shown, SCHEMA)


def _read(path: Path, schema: int) -> tuple[Tables, int] | None:
    """(tables, schema) of a register; None when there is none. Raises RegisterCorrupt, FormatNewer, DiskWriteError."""
    data = _read_bytes(path)
    return None if data is None else _parse(data, str(path), schema)


def _parse(data: bytes, shown: str, schema: int) -> tuple[Tables, int]:
    try:
        if msgspec.json.decode(data, type=_AnyVersion).schema > schema:
            raise FormatNewer(f"{shown} was written by a newer Holdshelf; install that version to use it.")
        file = msgspec.json.decode(data, type=_File)
        if hashlib.sha256(bytes(file.tables)).hexdigest() != file.sha256:
            raise RegisterCorrupt(f"{shown} was changed or damaged: its checksum is wrong.")
        return msgspec.json.decode(file.tables, type=dict[str, dict[str, dict[str, Any]]]), file.schema
    except UNREADABLE as error:
        raise RegisterCorrupt(f"{shown} cannot be read as a register.") from error


def _read_bytes(path: Path) -> bytes | None:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise from_os_error(error, f"{path} could not be read") from error
    try:
        with translating(f"{path} could not be read"):
            return read_all(fd)
    finally:
        os.close(fd)


def _set_aside(path: Path) -> Path:
    """Renames an unreadable file, keeping it for a repair."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    number = 0
    while True:
        aside = path.with_name(f"{path.stem.split('.')[0]}.corrupt-{stamp}{f'-{number}' if number else ''}.json")
        if not aside.exists():
            break
        number += 1
    with translating(f"{path} could not be set aside"):
        path.rename(aside)
    fsync_dir(path.parent)
    return aside
