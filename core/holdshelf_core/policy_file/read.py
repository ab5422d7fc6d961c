"""Reads a policy file: its size, its characters, its TOML, its fields. What is wrong is told in one sentence, with its place."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.errors import BadRequest
from holdshelf_core.inert import inert
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_storage.atomic import read_all

FORMAT = 1
MAX_BYTES = 1 << 20
_PLACE = re.compile(r"\.([a-z_A-Z0-9-]+)|\[(\d+|\.\.\.)\]")
_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<place>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")
_WRONG = re.compile(r"Expected `(?P<wanted>[^`]*)`, got `(?P<got>[^`]*)`")
_NOT_ONE = re.compile(r"Invalid enum value '?(?P<value>.*?)'?$", re.DOTALL)
_FIELDS = "`holdshelf policy schema` lists the fields"
_KINDS = {
    "str": "text in quotes",
    "int": "a whole number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "float": "a number with a point",
}


def read_file(path: Path) -> tuple[PolicyFile, bytes]:
    """Return the file's tables and its bytes. Raises BadRequest."""
    try:
        # A pipe that nobody writes to would keep this waiting.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise BadRequest(f"{path} is not a file.", "Give the path of a policy file.")
            data = read_all(fd, MAX_BYTES + 1)
        finally:
            os.close(fd)
    except OSError as error:
        raise BadRequest(
            f"{path} cannot be read: {error.strerror}.",
            "Give the path of a policy file; `holdshelf policy draft` writes one.",
        ) from None
    return read_bytes(data, str(path)), data


def read_bytes(data: bytes, shown: str) -> PolicyFile:
    """Return the tables. ``shown`` names the file in sentences. Raises BadRequest."""
    if len(data) > MAX_BYTES:
        raise BadRequest(
            f"{shown} is larger than {MAX_BYTES >> 20} MB, which no policy file is.", "Give the policy file itself."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise BadRequest(f"{shown}, line {line}: this is not UTF-8 text.", "Save the file as UTF-8.") from None
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        step = "Look at that line: a missing quote, bracket or comma is the usual cause."
        if "overwrite" in str(error):
            step = "Something of that name stands before it already: the line between two rows, such as [[case]], may be missing."
        raise BadRequest(f"{shown} is not TOML: {inert(str(error))[:200]}.", step) from None
    except RecursionError:
        raise BadRequest(
            f"{shown} has lists within lists without end.", "Begin from a template: `holdshelf policy draft`."
        ) from None
    _check_format(tables, shown)
    try:
        return msgspec.convert(tables, PolicyFile)
    except msgspec.ValidationError as error:
        raise BadRequest(*_told(str(error), tables, shown)) from None
    except RecursionError:
        raise BadRequest(
            f"{shown} has lists within lists without end.", "Begin from a template: `holdshelf policy draft`."
        ) from None


def _without_end(shown: str) -> tuple[str, str]:
    return f"{shown} has lists within lists without end.", "Begin from a template: `holdshelf policy draft`."


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


def _told(said: str, tables: dict[str, Any], shown: str) -> tuple[str, str]:
    found = _AT.match(said)
    what = found["what"] if found is not None else said
    where = place_words((found["place"] if found is not None else None) or "$", tables)
    begin = f"{shown}, {where}" if where else shown
    if match := _UNKNOWN.match(what):
        name = inert(match["name"])[:40]
        return (
            f"{begin}: there is no field {name!r}.",
            "Correct its spelling, or take it out; `holdshelf policy schema` lists the fields.",
        )
    if match := _MISSING.match(what):
        return f"{begin}: the field {match['name']!r} is missing.", "Add it."
    if match := _WRONG.match(what):
        wanted, got = (_kinds(match[one]) for one in ("wanted", "got"))
        return f"{begin}: {wanted} belongs here, not {got}.", "Correct it."
    if match := _NOT_ONE.match(what):
        return (
            f"{begin}: {inert(match['value'])[:40]!r} is not one of those that belong here.",
            "`holdshelf policy schema` lists them.",
        )
    return f"{begin}: {inert(what)[:120]}.", f"Correct it; {_FIELDS}."


def _kinds(words: str) -> str:
    kinds = [_KINDS.get(one.strip(), one.strip()) for one in words.split("|") if one.strip() != "null"]
    return " or ".join(kinds)


def place_words(place: str, tables: dict[str, Any]) -> str:
    """Return a place in a clerk's words: '$.role[1].rights' is 'role 2 ("pic"), rights'."""
    words: list[str] = []
    at: Any = tables
    for name, number in _PLACE.findall(place):
        if name:
            at = at.get(name) if isinstance(at, dict) else None
            words.append(name)
            continue
        row = at[int(number)] if number.isdecimal() and isinstance(at, list) and int(number) < len(at) else None
        at = row
        if not number.isdecimal():
            continue
        key = next((row[k] for k in ("key", "id", "act") if isinstance(row, dict) and isinstance(row.get(k), str)), "")
        words[-1:] = [f"{words[-1] if words else 'row'} {int(number) + 1}" + (f" ({inert(key)[:40]!r})" if key else "")]
    return ", ".join(words)
