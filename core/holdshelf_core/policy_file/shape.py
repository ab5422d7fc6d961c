"""Fields of a policy file that are unknown, missing or of the wrong kind: all of them at once, each with its place.

msgspec reads the file and stops at the first one; this walks the same types when it did. What the rows mean is for ``check``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from functools import cache
from typing import Any

from msgspec import inspect

from holdshelf_core.inert import inert
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_core.policy_file.mistake import Mistake, one_of, row, shown, with_a_unit

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


_TRUE, _FALSE = ("true", "yes", "y", "on", "1"), ("false", "no", "n", "off", "0")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_ITEM = re.compile(r".* \d+")


class Decimal(float):
    """A number as it stands in the file: 3.10, which is read as 3.1. For ``tomllib``."""

    written: str

    def __new__(cls, text: str) -> Decimal:
        """Keep the text beside the number."""
        self = super().__new__(cls, text)
        self.written = text
        return self


def shape_mistakes(tables: dict[str, Any]) -> list[Mistake]:
    """Return every mistake of the fields, in the order of the tables and fields that there are."""
    return list(_of_table((), tables, _policy_file()))


@cache
def _policy_file() -> inspect.Type:
    return inspect.type_info(PolicyFile)


@cache
def row_tables() -> frozenset[str]:
    """Return the tables of which there may be several, as [[role]]."""
    kind = _policy_file()
    assert isinstance(kind, inspect.StructType)
    return frozenset(one.encode_name for one in kind.fields if isinstance(one.type, inspect.VarTupleType))


@cache
def flags() -> frozenset[str]:
    """Return the fields that are true or false."""
    return _names(lambda kind: isinstance(kind, inspect.BoolType))


@cache
def yes_or_no() -> frozenset[str]:
    """Return the fields that are "yes" or "no"."""
    return _names(lambda kind: isinstance(kind, inspect.LiteralType) and "yes" in kind.values)


@cache
def _tables_by_name() -> frozenset[str]:
    """Return the fields of rows that are tables by language or by role: ``words.en``, ``away.director``."""
    return _names(lambda kind: isinstance(kind, inspect.DictType))


def _names(fits: Callable[[inspect.Type], bool]) -> frozenset[str]:
    return frozenset(name for name, kind in _fields(_policy_file()) if fits(kind))


def _fields(kind: inspect.Type) -> Iterator[tuple[str, inspect.Type]]:
    """Every field of the file and of its tables."""
    match kind:
        case inspect.StructType():
            for field in kind.fields:
                yield field.encode_name, field.type
                yield from _fields(field.type)
        case inspect.VarTupleType():
            yield from _fields(kind.item_type)
        case inspect.UnionType():
            for one in kind.types:
                yield from _fields(one)


type _Place = tuple[str, ...]
"""The words of a place: ('role 2 ('pic')', 'rights')."""


def _mistake(place: _Place, sentence: str, step: str) -> Mistake:
    return Mistake(", ".join(place), sentence, step)


def _of_value(place: _Place, value: object, kind: inspect.Type) -> Iterator[Mistake]:
    if place[:1] == ("steps",) and len(place) == 2 and (misplaced := _of_no_act(place, value)) is not None:
        yield misplaced
        return
    kinds = kind.types if isinstance(kind, inspect.UnionType) else (kind,)
    wanted = [one for one in kinds if not isinstance(one, inspect.NoneType)]
    fitting = next((plain for one in wanted if _fits(value, plain := _plain_kind(one))), None)
    if fitting is None:
        yield from _of_another_kind(place, value, wanted)
    elif isinstance(fitting, inspect.StructType) and isinstance(value, dict):
        yield from _of_table(place, value, fitting)
    elif (
        place in (("sign",), ("words",))
        and isinstance(value, dict)
        and value
        and not any(isinstance(v, dict) for v in value.values())
    ):
        yield _mistake(
            place, "The heading names no language.", f"Write [{place[0]}.en] in its place, with the language."
        )
    elif isinstance(fitting, inspect.DictType) and isinstance(value, dict):
        for name, one in value.items():
            yield from _of_value((*place, inert(name)[:40]), one, fitting.value_type)
    elif isinstance(fitting, inspect.VarTupleType) and isinstance(value, list):
        for number, one in enumerate(value, 1):
            yield from _of_value(_numbered(place, number, one), one, fitting.item_type)
    elif isinstance(fitting, inspect.LiteralType) and value not in fitting.values:
        known = [str(one) for one in fitting.values]
        if isinstance(value, str) and (said := _plain(value.strip(), fitting)):
            yield _mistake(
                place, f"{shown(value)} is not one of those that belong here.", f"Write {_said_as(place, said)}."
            )
        elif value == "" and len(known) > 1:
            yield _mistake(place, "It is empty.", one_of(known))
        else:
            yield _mistake(
                place, f"{shown(str(value))} is not one of those that belong here.", one_of(known, str(value))
            )


def _of_no_act(place: _Place, value: object) -> Mistake | None:
    """What stands under [steps] and is of no act: a clause by itself, or a part of an act's name."""
    name = place[1]
    if name == "clause" and isinstance(value, str):
        example = f'"commission.approve" = {{ steps = ["…"], clause = {_quoted(value)} }}'
        return _mistake(place, "A clause stands beside the steps of its act.", f"Write {example}.")
    parts = [*value] if isinstance(value, dict) and "." not in name else []
    if len(parts) != 1 or parts[0] in ("steps", "clause"):
        return None
    act = _quoted(f"{name}.{parts[0]}")
    written = f"[steps.{act}]" if isinstance(value, dict) and isinstance(value[parts[0]], dict) else f"{act} = …"
    return _mistake(place, f"{shown(name)} is no act.", f"Put the name in quotes, as there is a dot in it: {written}")


def _plain_kind(kind: inspect.Type) -> inspect.Type:
    """Return a kind without what the schema says beside it."""
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _is_length(kind: inspect.Type) -> bool:
    """Whether it is a length of time: the only kind of which the schema says more."""
    return isinstance(kind, inspect.Metadata)


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
        case inspect.Metadata(extra_json_schema={"examples": [example, *_]}):
            return f'{name} = "{example}"'
        case inspect.DictType(value_type=inspect.Metadata(extra_json_schema={"examples": [example, *_]})):
            return f'{name}.ROLE = "{example}"'
        case inspect.StructType():
            return _as_table(name, kind, "")
        case inspect.BoolType():
            return f"{name} = true or {name} = false"
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
    kind = _plain_kind(kind)
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
    name, kind = _written(place), _plain_kind(wanted[0])
    top = place[-1] if len(place) == 1 else ""
    if isinstance(value, dict):
        return _instead_of_a_table(name, value, kind, top)
    match kind:
        case inspect.StructType() if top:
            return _heading(top, value)
        case inspect.StructType():
            return _written_as_a_table(name, kind, value)
        case inspect.DictType() if isinstance(value, str) and value.strip():
            return _by_language_or_role(name, kind, value)
        case inspect.VarTupleType(item_type=inspect.StructType()):
            return f"Write [[{top}]] above the fields of each row."
        case inspect.VarTupleType():
            return f"Put it in brackets: {name} = [{_as_list(place, value)}]."
        case inspect.BoolType():
            return _true_or_false(name, value)
    return _one_value(place, value, wanted[0])


def _heading(table: str, value: object) -> str:
    if _ITEM.fullmatch(table):
        return f"Write [[{table.rpartition(' ')[0]}]] above the fields of each row."
    if isinstance(value, list):
        return f"There is one of it: write [{table}], with one bracket."
    return f"Write [{table}] above its fields."


def _by_language_or_role(name: str, kind: inspect.DictType, value: str) -> str:
    if not _is_length(kind.value_type):
        return f"Write it by language: {name}.en = {_quoted(value)}."
    whose, length = _without_length(value)
    return f"Write {f'{name}.{_key(whose)} = {_quoted(length)}' if whose and length else _example(name, kind)}."


def _one_value(place: _Place, value: object, kind: inspect.Type) -> str:
    """The step for a number or a text that is written in another way."""
    name, plain_kind = _written(place), _plain_kind(kind)
    if _is_length(kind) and isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return with_a_unit(str(value), name)
    if isinstance(plain_kind, inspect.IntType) and re.fullmatch(r"\d{1,9}(\.0+)?", str(value)):
        return f"Write {name} = {int(float(str(value)))}."
    of_text = isinstance(plain_kind, inspect.StrType | inspect.LiteralType) and not isinstance(value, list)
    plain = _plain(value, plain_kind) if of_text else ""
    return f"Write {_said_as(place, plain) if plain else _example(name, kind)}."


def _said_as(place: _Place, said: str) -> str:
    name = _written(place)
    return f"{name} = {said}" if name else said


def _instead_of_a_table(name: str, value: dict[str, Any], kind: inspect.Type, top: str) -> str:
    if isinstance(kind, inspect.VarTupleType) and isinstance(kind.item_type, inspect.StructType):
        return f"Write [[{top}]] above each row, with two brackets."
    if isinstance(kind, inspect.StrType):
        return f'It is one text, the same in each language: write {name} = "…".'
    if dotted := _dotted(name, value):
        return f"Put the name in quotes, as there is a dot in it: {dotted} = …"
    return f"Write {_example(name, kind)}."


def _written(place: _Place) -> str:
    """The name of a field as it is written in its row: '"hold.lift"', 'words.en'; '' for one of a list."""
    if not place or _ITEM.fullmatch(place[-1]):
        return ""
    # Under a heading that names the language, as [sign.en], the field's own name is all.
    by_name = len(place) > 2 and place[0] not in ("words", "sign", "setting") and not _ITEM.match(place[-2])
    inner = place[-2:] if by_name and place[-2] in _tables_by_name() else place[-1:]
    return ".".join(map(_key, inner))


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else _quoted(name)


def _as_list(place: _Place, value: object) -> str:
    """One text as a list: of several names where commas stand between them, but for the sentences of a sign."""
    if isinstance(value, str) and place[0] != "sign":
        return ", ".join(_quoted(part.strip()) for part in value.split(",") if part.strip()) or '"…"'
    return _quoted(_text_of(value)) if not isinstance(value, bool) else '"…"'


def _without_length(text: str) -> tuple[str, str]:
    """What a text says before a length of time at its end, and that length: ('director', '73 hours')."""
    words = text.split()
    for at in range(len(words)):
        if parse_length(" ".join(words[at:])) is not None:
            before = [word for word in words[:at] if word not in ("after", "for")]
            return " ".join(before).rstrip(":,="), " ".join(words[at:])
    return " ".join(words), ""


def _written_as_a_table(name: str, kind: inspect.StructType, value: object) -> str:
    given = value[0] if isinstance(value, list) and len(value) == 1 else value
    plain = _as_table(name, kind, given)
    spans = [field for field in kind.fields if _is_length(field.type) and not field.required]
    first = next(iter(kind.fields), None)
    if first is None or _is_length(first.type) or not spans or f"{spans[0].encode_name} = " in plain:
        return f"Write {plain}."
    # Whoever wrote a name alone has not seen that a time can stand beside it.
    return (
        f"Write {plain}, or with a time {plain.removesuffix(' }')}, {_example(spans[0].encode_name, spans[0].type)} }}."
    )


def _as_table(name: str, kind: inspect.StructType, value: object) -> str:
    """A table in braces with what is required in it, and what was given in its place."""
    text, length = _without_length(value) if isinstance(value, str) else ("", "")
    fields = []
    for field in kind.fields:
        inner = field.encode_name
        if _is_length(field.type) and length:
            fields.append(f"{inner} = {_quoted(length)}")
            length = ""
        elif not field.required:
            continue
        elif isinstance(field.type, inspect.DictType):
            fields.append(f"{inner}.en = {_quoted(text or '…')}")
            text = ""
        elif isinstance(field.type, inspect.StrType):
            fields.append(f"{inner} = {_quoted(text or '…')}")
            text = ""
        elif isinstance(value, int) and not isinstance(value, bool):
            fields.append(f"{inner} = {value}")
        else:
            fields.append(_example(inner, field.type))
    return f"{name} = {{ {', '.join(fields)} }}"


def _true_or_false(name: str, value: object) -> str:
    said = str(value).strip().lower()
    word = "true" if said in _TRUE else "false" if said in _FALSE else ""
    return f"Write {name} = {word}." if word else f"Write {name} = true or {name} = false."


def _dotted(name: str, value: dict[str, Any]) -> str:
    """The name whose dots were read as tables within tables: '"release.approve"'; '' where it has none."""
    words, at = [name], value
    while isinstance(at, dict) and len(at) == 1:
        inner, at = next(iter(at.items()))
        words.append(inner)
    return f'"{inert(".".join(words))[:60]}"' if len(words) > 1 and not isinstance(at, dict) else ""


def _plain(value: object, kind: inspect.Type) -> str:
    """A value as the text that belongs there; '' where it says nothing of it."""
    if isinstance(kind, inspect.LiteralType):
        values, said = list(map(str, kind.values)), _text_of(value).lower()
        answers = {"true": "yes", "false": "no"}
        said = answers.get(said, said) if "yes" in values else said
        if said not in values:
            return ""
        return said if isinstance(kind.values[0], int) else _quoted(said)
    return "" if isinstance(value, bool) else _quoted(_text_of(value))


def _text_of(value: object) -> str:
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value.written if isinstance(value, Decimal) else str(value)


def _quoted(text: str) -> str:
    said = inert(text)
    return f'"{said if len(said) <= 40 else said[:40] + "…"}"'
