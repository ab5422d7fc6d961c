"""Reads a policy file: its size, its characters, its TOML, its fields. What is wrong is told in one sentence, with its place."""

from __future__ import annotations

import os
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.inert import inert
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_core.policy_file.mistake import Mistake
from holdshelf_core.policy_file.shape import Decimal, row_tables, shape_mistakes
from holdshelf_core.policy_file.spelling import not_toml, one_bracket
from holdshelf_storage.atomic import read_all

FORMAT = 1
MAX_BYTES = 512 << 10
"""Fifty times what a library writes; `policy lint` checks it within a second, whatever is in it (bench/rules.py)."""
_OTHER_KINDS = {
    b"PK\x03\x04": "a word processor's document (.docx, .odt) or another packed file",
    b"\xd0\xcf\x11\xe0": "a word processor's document (.doc)",
    b"{\\rtf": "a word processor's document (.rtf)",
    b"%PDF": "a PDF",
}
"""How files begin that are handed in for a policy file: the adopted text instead of it, or one that was saved as it."""


class Misshapen(BadRequest):
    """Fields that are unknown, missing or of the wrong kind: the first one as the sentence, all of them in ``mistakes``."""

    def __init__(self, shown: str, mistakes: list[Mistake]) -> None:
        first = mistakes[0]
        more = len(mistakes) - 1
        also = (
            f" There {'is' if more == 1 else 'are'} {more} more; `holdshelf policy lint` lists all of them."
            if more
            else ""
        )
        place = f"{shown}, {first.where}" if first.where else shown
        super().__init__(f"{place}: {first.sentence}", f"{first.step}{also}")
        self.mistakes = mistakes


def read_file(path: Path) -> tuple[PolicyFile, bytes]:
    """Return the file's tables and its bytes. Raises BadRequest."""
    data = read_data(path)
    return read_bytes(data, str(path)), data


def read_data(path: Path) -> bytes:
    """Return the file's bytes, and one more than is allowed of a larger one. Raises BadRequest."""
    try:
        # A pipe that nobody writes to would keep this waiting.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BadRequest(f"{path} is not a file.", "Give the path of a policy file.")
            return read_all(fd, MAX_BYTES + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise BadRequest(
            f"{path} cannot be read: {error.strerror}.",
            "Give the path of a policy file; `holdshelf policy draft` writes one.",
        ) from None


def text_of(data: bytes) -> str:
    """Return the file's text. Raises UnicodeDecodeError."""
    return data.decode("utf-8-sig")


def read_bytes(data: bytes, shown: str) -> PolicyFile:
    """Return the tables. ``shown`` names the file in sentences. Raises BadRequest."""
    for begin, kind in _OTHER_KINDS.items():
        if data.startswith(begin):
            step = "In the program that wrote it, save it as plain text, UTF-8, with a name that ends in .toml."
            raise BadRequest(f"{shown} is {kind}, not plain text.", step)
    if len(data) > MAX_BYTES:
        raise BadRequest(
            f"{shown} is larger than {MAX_BYTES >> 10} KB, which no policy file is.", "Give the policy file itself."
        )
    try:
        text = text_of(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRequest(f"{shown}, line {line}: this is not UTF-8 text.", "Save the file as UTF-8.") from None
    try:
        tables = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise _told(shown, not_toml(text, error)) from None
    except RecursionError:
        raise BadRequest(
            f"{shown} has lists within lists without end.", "Begin from a template: `holdshelf policy draft`."
        ) from None
    _check_format(tables, shown)
    try:
        return msgspec.convert(tables, PolicyFile)
    except msgspec.ValidationError as error:
        unseen = Mistake("", f"{inert(str(error))[:120]}.", "Correct it; `holdshelf policy schema` lists the fields.")
        raise Misshapen(shown, _misshapen(text, tables) or [unseen]) from None
    except RecursionError:
        raise BadRequest(
            f"{shown} has lists within lists without end.", "Begin from a template: `holdshelf policy draft`."
        ) from None


def _misshapen(text: str, tables: dict[str, Any]) -> list[Mistake]:
    """Return every mistake of the fields; rows with one bracket are one of them, however many tables it is about."""
    rows = [name for name in row_tables() if isinstance(tables.get(name), dict)]
    said = one_bracket(text) if rows else None
    if said is None:
        return shape_mistakes(tables)
    return [said, *shape_mistakes({name: table for name, table in tables.items() if name not in rows})]


def _told(shown: str, mistake: Mistake) -> BadRequest:
    place = f"{shown}, {mistake.where}" if mistake.where else shown
    return BadRequest(f"{place}: {mistake.sentence}", mistake.step)


def _check_format(tables: dict[str, Any], shown: str) -> None:
    said = tables.get("format")
    if said is None:
        raise BadRequest(f"{shown} does not say its format.", f"Write `format = {FORMAT}` in its first line.")
    if not isinstance(said, int) or isinstance(said, bool) or said < 1:
        raise BadRequest(f"{shown}: the format is a number.", f"Write `format = {FORMAT}`.")
    if said > FORMAT:
        raise BadRequest(
            f"{shown} has format {said}; this version of Holdshelf knows formats up to {FORMAT}.",
            "Update Holdshelf first.",
        )
