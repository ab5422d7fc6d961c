"""Fields of a policy file that are unknown, missing or of the wrong kind: all of them at once, each with its place.

msgspec reads the file and stops at the first one; this walks the same types when it did. What the rows mean is for ``check``.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time
from functools import cache
from typing import Any

from msgspec import inspect

from holdshelf_core.inert import inert
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_core.policy_file.mistake import Mistake, one_of, row, shown

_KINDS = ((bool, "true or false"), (int, "a whole number"), (float, "a number with a point"), (str, "text in quotes"))
_DAYS = ((datetime, "a date and time"), (date, "a date"), (time, "a time of day"))
_WANTED: dict[type[inspect.Type], str] = {
    inspect.StrType: "text in quotes",
    inspect.IntType: "a whole number",
    inspect.BoolType: "true or false",
    inspect.VarTupleType: "a list",
    inspect.StructType: "a table",
    inspect.DictType: "a table",
}


def shape_mistakes(tables: dict[str, Any]) -> list[Mistake]:
    """Return every mistake of the fields, in the order of the tables and fields that there are."""
    return list(_of_table((), tables, _policy_file()))


@cache
def _policy_file() -> inspect.Type:
    return inspect.type_info(PolicyFile)


type _Place = tuple[str, ...]
"""The words of a place: ('role 2 ('pic')', 'rights')."""


def _mistake(place: _Place, sentence: str, step: str) -> Mistake:
    return Mistake(", ".join(place), sentence, step)


def _of_value(place: _Place, value: object, kind: inspect.Type) -> Iterator[Mistake]:
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    wanted = [one for one in kinds if not isinstance(one, inspect.NoneType)]
    fitting = next((one for one in wanted if _fits(value, one)), None)
    if fitting is None:
        yield from _of_another_kind(place, value, wanted)
    elif isinstance(fitting, inspect.StructType) and isinstance(value, dict):
        yield from _of_table(place, value, fitting)
    elif isinstance(fitting, inspect.DictType) and isinstance(value, dict):
        for name, one in value.items():
            yield from _of_value((*place, inert(name)[:40]), one, fitting.value_type)
    elif isinstance(fitting, inspect.VarTupleType) and isinstance(value, list):
        for number, one in enumerate(value, 1):
            yield from _of_value(_numbered(place, number, one), one, fitting.item_type)
    elif isinstance(fitting, inspect.LiteralType) and value not in fitting.values:
        known = [str(one) for one in fitting.values]
        if value == "" and len(known) > 1:
            yield _mistake(place, "It is empty.", one_of(known))
        else:
            yield _mistake(
                place, f"{shown(str(value))} is not one of those that belong here.", one_of(known, str(value))
            )


def _fits(value: object, kind: inspect.Type) -> bool:
    """Whether it is of that kind, whatever is in it."""
    match kind:
        case inspect.StrType():
            return isinstance(value, str)
        case inspect.BoolType():
            return isinstance(value, bool)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.LiteralType():
            return any(type(value) is type(one) for one in kind.values)
        case inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
    return False


def _of_table(place: _Place, table: dict[str, Any], kind: inspect.Type) -> Iterator[Mistake]:
    assert isinstance(kind, inspect.StructType)
    fields = {field.encode_name: field for field in kind.fields}
    for name in table:
        if name not in fields:
            yield _unknown(place, name, list(fields))
    for name, field in fields.items():
        if name in table:
            yield from _of_value((*place, name), table[name], field.type)
        elif field.required:
            what = "field" if place else "table"
            yield _mistake(place, f"The {what} {name!r} is missing.", _add(place, name, field.type))


def _unknown(place: _Place, name: str, fields: list[str]) -> Mistake:
    what = "field" if place else "table"
    return _mistake(place, f"There is no {what} {shown(name)}.", one_of(fields, name))


def _add(place: _Place, name: str, kind: inspect.Type) -> str:
    if isinstance(kind, inspect.StructType):
        return f"Add {name} = {{ … }}." if place else f"Add a table [{name}]."
    return f"Add {_example(name, kind)}."


def _example(name: str, kind: inspect.Type) -> str:
    """How a field of that kind is written."""
    match kind:
        case inspect.DictType(value_type=inspect.StrType()):
            return f'{name}.en = "…"'
        case inspect.VarTupleType():
            return f'{name} = ["…"]'
        case inspect.IntType() | inspect.UnionType():
            return f"{name} = 10"
        case inspect.LiteralType(values=values):
            return " or ".join(f'{name} = "{one}"' if isinstance(one, str) else f"{name} = {one}" for one in values)
    return f'{name} = "…"'


def _numbered(place: _Place, number: int, value: object) -> _Place:
    """The place of one of a list: a row is named by its key."""
    keys = (value.get(name) for name in ("key", "id", "act")) if isinstance(value, dict) else ()
    key = next((one for one in keys if isinstance(one, str)), "")
    return (*place[:-1], row(place[-1], number, key))


def _of_another_kind(place: _Place, value: object, wanted: list[inspect.Type]) -> Iterator[Mistake]:
    words = listed(dict.fromkeys(_words_of(one) for one in wanted), "or")
    yield _mistake(
        place, f"{words[0].upper()}{words[1:]} belongs here, not {_kind_of(value)}.", _step(place, value, wanted)
    )


def _words_of(kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType):
        return "a whole number" if isinstance(kind.values[0], int) else "text in quotes"
    return _WANTED.get(type(kind), "something else")


def _kind_of(value: object) -> str:
    if isinstance(value, list):
        return "a list of tables" if value and isinstance(value[0], dict) else "a list"
    if isinstance(value, dict):
        return "a table"
    return next((words for kind, words in (*_KINDS, *_DAYS) if isinstance(value, kind)), "something else")


def _step(place: _Place, value: object, wanted: list[inspect.Type]) -> str:
    name, kind = (place[-1] if place else ""), wanted[0]
    by_language = isinstance(kind, inspect.DictType) and isinstance(kind.value_type, inspect.StrType)
    if isinstance(kind, inspect.VarTupleType) and isinstance(kind.item_type, inspect.StructType):
        return (
            f"Write [[{name}]] above each row, with two brackets."
            if isinstance(value, dict)
            else "Write rows: see a template."
        )
    if isinstance(kind, inspect.StrType) and isinstance(value, dict):
        return f'It is one text, the same in each language: write {name} = "…".'
    if isinstance(value, dict) and (dotted := _dotted(name, value)) and not by_language:
        return f"Put the name in quotes, as there is a dot in it: {dotted} = …"
    if by_language and isinstance(value, str):
        return f"Write it by language: {name}.en = {_quoted(value)}."
    if isinstance(kind, inspect.VarTupleType):
        return f"Put it in brackets: {name} = [{_quoted(value) if isinstance(value, str) else '…'}]."
    if isinstance(kind, inspect.StrType | inspect.LiteralType) and not isinstance(value, dict | list):
        plain = _plain(value, kind)
        return f"Write {plain}." if name.endswith(tuple("0123456789")) else f"Write {name} = {plain}."
    if isinstance(kind, inspect.StructType) and isinstance(value, list) and len(place) == 1:
        return f"There is one of it: write [{name}], with one bracket."
    return f"Write {_example(name, kind)}."


def _dotted(name: str, value: dict[str, Any]) -> str:
    """The name whose dots were read as tables within tables: '"release.approve"'; '' where it has none."""
    words, at = [name], value
    while isinstance(at, dict) and len(at) == 1:
        inner, at = next(iter(at.items()))
        words.append(inner)
    return f'"{inert(".".join(words))[:60]}"' if len(words) > 1 and not isinstance(at, dict) else ""


def _plain(value: object, kind: inspect.Type) -> str:
    if isinstance(kind, inspect.LiteralType) and isinstance(kind.values[0], int):
        return f"{value}" if str(value) in map(str, kind.values) else str(kind.values[0])
    if isinstance(value, bool):
        return '"…"'
    return _quoted(str(value))


def _quoted(text: str) -> str:
    said = inert(text)
    return f'"{said if len(said) <= 40 else said[:40] + "…"}"'
