"""Files that hold cameras, and files that hold their logins: CSV with a line of column names, or TOML with a table for each.

A row keeps the line on which it begins, and what is wrong with it: the other rows of the file are good all the same.
"""

from __future__ import annotations

import csv
import io
import os
import re
import stat
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.cameras.types import CameraSettings
from holdshelf_tui.text.did_you_mean import did_you_mean
from holdshelf_tui.text.words import inert

MOST_BYTES = 1 << 20
YES, NO = "yes", "no"
_TICKS = {YES: True, "true": True, NO: False, "false": False, "": False}


@dataclass(frozen=True, slots=True)
class Table:
    """What a file holds. ``name``: of a TOML table; ``hint``: what to do instead with columns that belong elsewhere."""

    what: str
    name: str
    columns: tuple[str, ...]
    needed: tuple[str, ...]
    elsewhere: frozenset[str] = frozenset()
    hint: str = ""


CAMERAS = Table(
    "The camera file",
    "camera",
    ("name", "address", "area", "area_note", "transport", "profile", "not_private"),
    ("name", "address", "area"),
    frozenset(("user", "username", "user_name", "login", "password", "passwd", "pass", "pwd", "secret")),
    "User names and passwords go into a file of their own (columns camera, user, password; mode 600): --secrets FILE.",
)
SECRETS = Table("The secrets file", "secret", ("camera", "user", "password"), ("camera",))


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong: with ``column`` ('' the whole line), and what to do."""

    column: str
    sentence: str
    instead: str = ""


@dataclass(slots=True)
class Row:
    """One row: the line on which it begins, its values by column, and what is wrong with it."""

    line: int
    values: dict[str, str]
    problems: list[Problem] = field(default_factory=list)

    def settings(self) -> CameraSettings:
        """As a camera to add."""
        said = self.values
        area = "-".join(said.get("area", "").lower().replace("_", " ").replace("-", " ").split())
        questioned = _TICKS.get(said.get("not_private", "").lower(), False)
        return CameraSettings(
            name=said.get("name", ""),
            address=said.get("address", ""),
            area_kind=area,
            area_note=said.get("area_note", ""),
            transport=said.get("transport", "").lower() or "tcp",
            profile=said.get("profile", ""),
            questioned=questioned,
        )


def secret_text(file: Path) -> str:
    """The text of a file that only its owner may read. Raises BadRequest."""
    try:
        with file.open("rb") as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if mode & 0o077:
                raise BadRequest(
                    f"Other accounts may read the secrets file {file} (its mode is {stat.S_IMODE(mode):o}).",
                    f"Make it private first: `chmod 600 {file}`.",
                )
            raw = opened.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise BadRequest(
                f"The secrets file {file} is larger than {MOST_BYTES} bytes.", "Check that it is the right file."
            )
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise BadRequest(f"The secrets file {file} cannot be read: {error.strerror}.", "Check its name.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"The secrets file {file} is not a text file.", "Save it as UTF-8 text.") from None


def rows_of(text: str, table: Table) -> list[Row]:
    """The rows of a file, in its order. Raises BadRequest when it cannot be read as a whole."""
    rows = list(_toml(text, table) if _is_toml(text) else _csv(text, table))
    if not rows:
        raise BadRequest(f"{table.what} holds no {table.name}.", f"Columns: {', '.join(table.columns)}.")
    for row in rows:
        told = {problem.column for problem in row.problems}
        missing = [column for column in table.needed if not row.values.get(column) and column not in told]
        row.problems += [Problem(column, f"{column} is missing.", "Fill it in.") for column in missing]
        tick = row.values.get("not_private", "")
        if tick.lower() not in _TICKS:
            row.problems.append(
                Problem("not_private", f"{inert(tick, 40)!r} is neither yes nor no.", "Write yes or no.")
            )
    return rows


def _is_toml(text: str) -> bool:
    first = next((line.strip() for line in text.splitlines() if line.strip() and not line.strip().startswith("#")), "")
    return first.startswith("[")


def _checked(column: str, line: int, table: Table) -> str:
    """A column's name. Raises BadRequest for one that the file must not have."""
    name = column.strip().lower().replace(" ", "_").replace("-", "_")
    if name in table.columns:
        return name
    where = f"{table.what}, line {line}: "
    if name in table.elsewhere:
        raise BadRequest(f"{where}the column {inert(column, 40)!r} does not belong here.", table.hint)
    meant = did_you_mean(name, ((known, known) for known in table.columns))
    raise BadRequest(
        f"{where}{inert(column, 40)!r} is not the name of a column.",
        f"{meant} Columns: {', '.join(table.columns)}.".strip(),
    )


def _stripped(column: str, value: str) -> str:
    """A value without the spaces around it, which a password may have."""
    return value if column == "password" else value.strip()


def _csv(text: str, table: Table) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, skipinitialspace=True)
    heads: list[str] | None = None
    begins = 1
    try:
        for cells in reader:
            line, begins = begins, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if heads is None:
                heads = _heads(cells, line, table)
                continue
            row = Row(line, {head: _stripped(head, cell) for head, cell in zip(heads, cells, strict=False)})
            if any(cell.strip() for cell in cells[len(heads) :]):
                row.problems.append(
                    Problem(
                        "",
                        f"This line has {len(cells)} values for {len(heads)} columns.",
                        'Put a value that contains a comma in quotes: "a, b".',
                    )
                )
            yield row
    except csv.Error as error:
        raise BadRequest(
            f"{table.what}, line {reader.line_num}, is not CSV: {inert(str(error), 120)}.",
            "Check the quotes there.",
        ) from None


def _heads(cells: Sequence[str], line: int, table: Table) -> list[str]:
    heads = [_checked(cell, line, table) for cell in cells]
    twice = next((head for head in heads if heads.count(head) > 1), "")
    missing = [column for column in table.needed if column not in heads]
    if twice:
        raise BadRequest(f"{table.what}, line {line}: the column {twice!r} appears twice.", "Leave one out.")
    if missing:
        raise BadRequest(
            f"{table.what}, line {line}: the column {missing[0]!r} is missing.",
            f"The first line names the columns: {', '.join(table.columns)}.",
        )
    return heads


def _toml(text: str, table: Table) -> Iterator[Row]:
    try:
        read = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRequest(f"{table.what} is not TOML: {inert(str(error), 160)}.", "Correct it there.") from None
    other = next((key for key in read if key != table.name), "")
    found = read.get(table.name)
    if other or not isinstance(found, list):
        raise BadRequest(
            f"{table.what} has {inert(other, 40)!r} where only [[{table.name}]] belongs."
            if other
            else f"{table.what} has no [[{table.name}]].",
            f"Write [[{table.name}]] above the lines of each.",
        )
    mark = re.compile(rf"\s*\[\[\s*{table.name}\s*\]\]")
    lines = [number for number, line in enumerate(text.splitlines(), 1) if mark.match(line)]
    for number, said in enumerate(found):
        line = lines[number] if len(lines) == len(found) else number + 1
        yield _of_toml(said, line, table)


def _of_toml(said: Mapping[str, object], line: int, table: Table) -> Row:
    row = Row(line, {})
    for key, value in said.items():
        column = _checked(key, line, table)
        if isinstance(value, bool):
            row.values[column] = YES if value else NO
        elif isinstance(value, str):
            row.values[column] = _stripped(column, value)
        else:
            row.problems.append(Problem(column, f"{column} is not a text.", "Put it in quotes."))
    return row


# --- writing ---------------------------------------------------------------------------------------------------------


def as_values(camera: CameraSettings) -> dict[str, str]:
    """A camera's columns."""
    tick = YES if camera.questioned else ""
    said = (camera.name, camera.address, camera.area_kind, camera.area_note, camera.transport, camera.profile, tick)
    return dict(zip(CAMERAS.columns, said, strict=True))


def as_csv(cameras: Iterable[CameraSettings]) -> str:
    """CSV with the columns' names first."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, CAMERAS.columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(as_values(camera) for camera in cameras)
    return out.getvalue()


def as_toml(cameras: Iterable[CameraSettings]) -> str:
    """A [[camera]] for each, without what is empty."""
    tables = []
    for camera in cameras:
        lines = [f"{column} = {_quoted(value)}" for column, value in as_values(camera).items() if value]
        tables.append("\n".join(["[[camera]]", *lines]))
    return "\n\n".join(tables) + "\n"


def _quoted(text: str) -> str:
    """A TOML basic string."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c >= " " and c != "\x7f" else f"\\u{ord(c):04x}" for c in escaped) + '"'
