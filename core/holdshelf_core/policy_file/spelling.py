"""What a clerk types that is not TOML: the line where it begins, and how that line is written.

``tomllib`` names the place at which it gave up. A list without its end, a word processor's quote or a word without quotes began
before that, so this looks at the text again. Where nothing is recognized, its own sentence stands.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata

import msgspec

from holdshelf_core.inert import inert
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy_file.mistake import Mistake, character, shown
from holdshelf_core.policy_file.shape import flags, row_tables, yes_or_no

_CURLY = {ord(c): '"' for c in "“”„‟«»"} | {ord(c): "'" for c in "‘’‚‛"}
_AT = re.compile(r"\(at line (\d+), column (\d+)\)")
_FIELD = re.compile(r"""(?P<name>[A-Za-z0-9_."'-]{1,60})\s*=\s*(?P<value>.*)""")
_HEADING = re.compile(r"(?P<open>\[*)\s*(?P<name>[A-Za-z0-9_.\"-]{1,60})\s*(?P<close>\]*)")
_SOUND_HEADING = re.compile(r"\[[^\[\]]+\]|\[\[[^\[\]]+\]\]")
_ONE_BRACKET = re.compile(r"[ \t]*\[[ \t]*([a-z]+)[ \t]*\][ \t]*(#.*)?")
_YES_OR_NO = {"true": '"yes"', "false": '"no"'}
_MOST_LINES = 5
_LONGEST = 120


def odd_characters(text: str) -> list[Mistake]:
    """Return a mistake for each character that looks like a space, or like nothing, and is another one; with its lines."""
    if text.isascii():
        return []
    found: dict[str, list[int]] = {}
    for number, line in enumerate(_without_comments(text).split("\n"), 1):
        for char in dict.fromkeys(line):
            if not char.isprintable() and char not in "\r\t":
                found.setdefault(char, []).append(number)
    return [_odd(char, lines) for char, lines in found.items()]


def _odd(char: str, lines: list[int]) -> Mistake:
    also = f" and in {_lines(lines[1:])}" if len(lines) > 1 else ""
    step = "Type an ordinary space in its place." if unicodedata.category(char) == "Zs" else "Take it out."
    return Mistake(
        f"line {lines[0]}", f"Here{also} is {character(char)}, which cannot be told from what belongs here.", step
    )


def one_bracket(text: str) -> Mistake | None:
    """Return the one mistake of all headings such as [case] that stand for rows; None: there is none."""
    lines: dict[str, list[int]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        found = _ONE_BRACKET.fullmatch(line.rstrip("\r"))
        if found is not None and found[1] in row_tables():
            lines.setdefault(found[1], []).append(number)
    if not lines:
        return None
    said = listed([f"[{name}] in {_lines(at)}" for name, at in lines.items()])
    them = listed([f"[[{name}]]" for name in lines])
    place = "its place" if len(lines) == 1 else "their places"
    return Mistake("", f"The heading of a row has two brackets, not one: {said}.", f"Write {them} in {place}.")


def _lines(numbers: list[int]) -> str:
    """Return e.g. 'line 2' or 'lines 2 and 5'; of many the first ones."""
    more = ["others"] if len(numbers) > _MOST_LINES else []
    return f"line{'s' if len(numbers) > 1 else ''} {listed([*map(str, numbers[:_MOST_LINES]), *more])}"


def not_toml(text: str, error: tomllib.TOMLDecodeError) -> Mistake:
    """Return what is wrong with a text that is not TOML, in the line where it begins."""
    return _Text(text, str(error)).mistake()


class _Scan(msgspec.Struct):
    """What is open at the end of a text, and where its comments are."""

    open: list[int] = []
    """Where each bracket stands that is not closed."""
    comments: list[tuple[int, int]] = []


def _scan(text: str) -> _Scan:
    found, at, end = _Scan(), 0, len(text)
    while at < end:
        char = text[at]
        if char == "#":
            line_end = _or(text.find("\n", at), end)
            found.comments.append((at, line_end))
            at = line_end
            continue
        if char in "\"'":
            at = _behind_quote(text, at)
            continue
        if char in "[{":
            found.open.append(at)
        elif char in "]}" and found.open:
            found.open.pop()
        at += 1
    return found


def _behind_quote(text: str, at: int) -> int:
    """Return where a text in quotes ends: with its quote, or with its line where that is missing."""
    quote = text[at]
    if text.startswith(quote * 3, at):
        return _or(text.find(quote * 3, at + 3), len(text) - 3) + 3
    at += 1
    while at < len(text) and text[at] not in (quote, "\n"):
        at += 2 if text[at] == "\\" and quote == '"' else 1
    return at + 1


def _or(found: int, instead: int) -> int:
    return instead if found < 0 else found


def _sound(line: str) -> str:
    """Return the line where it can be advised: it is TOML, and short enough for a sentence; else ''."""
    if len(line) > _LONGEST or not line.isprintable():
        return ""
    try:
        tomllib.loads(line)
    except tomllib.TOMLDecodeError:
        return ""
    return line


def _without_comments(text: str) -> str:
    """Return the text without its comments: in them every character may stand."""
    kept, at = [], 0
    for begin, end in _scan(text).comments:
        kept.append(text[at:begin])
        at = end
    return "".join((*kept, text[at:]))


class _Text:
    """A text that is not TOML, and where reading it stopped."""

    def __init__(self, text: str, error: str) -> None:
        self._text, self._lines, self._error = text, text.split("\n"), error
        place = _AT.search(error)
        self._number = int(place[1]) if place is not None else len(self._lines)
        self._column = int(place[2]) - 1 if place is not None else len(self._lines[-1])
        self._begin = sum(len(line) + 1 for line in self._lines[: self._number - 1])
        self._at = self._begin + self._column
        line = self._lines[self._number - 1] if self._number <= len(self._lines) else ""
        self._code = _without_comments(line).strip()

    def mistake(self) -> Mistake:
        """Return the first one that is recognized, the most particular first."""
        tried = (
            self._odd_character,
            self._curly,
            self._heading,
            self._twice,
            self._open_list,
            self._no_value,
            self._no_field,
            self._open_quote,
        )
        return next((said for one in tried if (said := one()) is not None), self._unknown())

    def _unknown(self) -> Mistake:
        step = "Look at that line: a missing quote, bracket or comma is the usual cause."
        return Mistake("", f"It is not TOML: {inert(self._error)[:200]}.", step)

    def _said(self, sentence: str, step: str, number: int = 0) -> Mistake:
        return Mistake(f"line {number or self._number}", sentence, step)

    def _twice(self) -> Mistake | None:
        if "overwrite" not in self._error and "Cannot declare" not in self._error:
            return None
        if (said := one_bracket(self._text)) is not None:
            return said
        if "overwrite" in self._error:
            found = _FIELD.fullmatch(self._code)
            name = shown(found["name"] if found is not None else self._code)
            step = (
                "Where another row begins, write its heading above it, such as [[role]]; else take one of the two out."
            )
            return self._said(f"{name} appears twice below one heading.", step)
        at = [n for n, line in enumerate(self._lines, 1) if _without_comments(line).strip() == self._code]
        lines = f", in {_lines(at)}" if len(at) > 1 else ""
        sentence = f"The table {inert(self._code)[:40]} appears twice{lines}."
        return self._said(sentence, "Put its fields together below the first one, and take the other heading out.")

    def _odd_character(self) -> Mistake | None:
        odd = odd_characters(self._text)
        return next((one for one in odd if one.where == f"line {self._number}"), odd[0] if odd else None)

    def _curly(self) -> Mistake | None:
        bare = re.sub(r"""("[^"]*("|$)|'[^']*('|$))""", "", self._code)
        last = self._code.rstrip(" ,]}")[-1:]
        curly = next((char for char in f"{bare}{last}" if ord(char) in _CURLY), "")
        if not curly:
            return None
        sentence = f"{curly} is a word processor's quote, and a text in the file has straight ones."
        fixed = _sound(self._code.translate(_CURLY))
        return self._said(
            sentence,
            f"Write {fixed}." if fixed else 'Type " in its place, here and wherever else it stands for a quote.',
        )

    def _heading(self) -> Mistake | None:
        """A heading with a bracket too few or too many, or with something behind it."""
        if _scan(self._text[: self._begin]).open:
            return None
        sound = _SOUND_HEADING.match(self._code)
        if sound is not None and self._code[sound.end() :].strip("]"):
            sentence = f"Something follows the heading {inert(sound[0])[:60]}."
            return self._said(sentence, "Write it in a line of its own.")
        found = _HEADING.fullmatch(self._code)
        if found is None or not (found["open"] or found["close"]) or _SOUND_HEADING.fullmatch(self._code):
            return None
        name = found["name"]
        return self._said(
            "The brackets of the heading are not in pairs.",
            f"Write {f'[[{name}]]' if name in row_tables() else f'[{name}]'}.",
        )

    def _open_list(self) -> Mistake | None:
        """A list or a table in braces that is not closed, or an entry in it that is none."""
        opened = _scan(self._text[: self._at]).open
        if not opened or not self._error.startswith(("Unclosed", "Invalid value", "Unterminated")):
            return None
        first = self._text.count("\n", 0, opened[0]) + 1
        bracket = {"[": "]", "{": "}"}[self._text[opened[0]]]
        begins = bool(_FIELD.fullmatch(self._code) or _SOUND_HEADING.fullmatch(self._code)) and self._number > first
        at_end = not _AT.search(self._error)
        rest = self._text[self._at :].lstrip()
        closed = bracket in _without_comments(self._lines[self._number - 1][self._column :]) if not at_end else False
        if begins or at_end or (bracket == "}" and not closed):
            what, entry = ("list", "entry") if bracket == "]" else ("table in braces", "field")
            last = self._number - 1 if begins else self._number
            while last > first and not _without_comments(self._lines[last - 1]).strip():
                last -= 1
            step = f"Write {bracket} after its last {entry}, in line {last}."
            return self._said(f"The {what} that begins here has no {bracket}.", step, first)
        if rest[:1] in "\"'" or (bracket == "}" and self._error.startswith("Unclosed")):
            after = inert(rest.split("\n")[0])[:40]
            return self._said("A comma is missing between two entries.", f"Write a comma before {after}.")
        if self._code.count('"') % 2:
            return self._said("A quote is missing in a list.", 'Write " at the beginning and at the end of each entry.')
        begin = max(self._text.rfind(c, 0, self._at) for c in "[,=\n") + 1
        word = re.split(r"[,\]}#\n]", self._text[begin:])[0].strip()
        if word and '"' not in word:
            if word.lower() in _YES_OR_NO:
                return self._said(f"{shown(word)} is not written so.", f"Write {word.lower()}.")
            return self._said(f"{shown(word)} is not in quotes.", f'Write "{inert(word)[:60]}".')
        return None

    def _no_value(self) -> Mistake | None:
        """A field without a value, or with one that has no quotes."""
        found = _FIELD.fullmatch(self._code)
        if found is None or not self._error.startswith(("Invalid value", "Expected newline")):
            return None
        name, value = found["name"], found["value"]
        if not value:
            return self._said(f"{name} has no value.", f"Write {name} = and the value, or take the line out.")
        if value[0] in "\"'[{":
            return self._behind(name, value)
        lower = value.lower()
        if lower in ("true", "false"):
            said = _YES_OR_NO[lower] if name in yes_or_no() else lower
            return self._said(f"{shown(value)} is not written so.", f"Write {name} = {said}.")
        if lower in ("yes", "no") and name in flags():
            said = "true" if lower == "yes" else "false"
            return self._said(f"{shown(value)} is not true or false.", f"Write {name} = {said}.")
        if fixed := _sound(f'{name} = "{value}'):
            return self._said("The text has no quote at its beginning.", f"Write {fixed}.")
        fixed = _sound(f'{name} = "{value}"') if not set("[=") & set(value) else ""
        step = f"Write {fixed}." if fixed else "Put a text in quotes, and each field in a line of its own."
        return self._said(f"{shown(value)} is not in quotes.", step)

    def _behind(self, name: str, value: str) -> Mistake:
        """What stands behind the end of a value: the rest of a list without brackets, or another field."""
        if fixed := _sound(f"{name} = [{value.rstrip(']')}]"):
            return self._said("A list stands in brackets.", f"Write {fixed}.")
        if value[0] == "[" and value.count('"') % 2:
            return self._said("A quote is missing in a list.", 'Write " at the beginning and at the end of each entry.')
        step = 'Write each field in a line of its own, and \\" for a quote within a text.'
        return self._said("Something follows the end of the value.", step)

    def _no_field(self) -> Mistake | None:
        if not self._error.startswith("Expected '=' after"):
            return None
        found = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\s*:\s*|\s+)(.+)", self._code)
        fixed = _sound(f"{found[1]} = {found[2]}") if found is not None else ""
        if fixed:
            return self._said("A field has = between its name and its value.", f"Write {fixed}.")
        name, equals, value = self._code.partition("=")
        if not equals:
            sentence = f"{shown(self._code)} is no field, no heading and no comment."
            return self._said(sentence, "Write name = value, or begin the line with #.")
        if '"' in name and (fixed := _sound(f'"{name.replace(chr(34), "").strip()}" = {value.strip()}')):
            return self._said("The name has a quote on one side alone.", f"Write {fixed}.")
        return self._said("The name of a field has no space in it.", "Write the name as the reference has it, then =.")

    def _open_quote(self) -> Mistake | None:
        if not self._error.startswith(("Illegal character '\\n'", "Illegal character '\\r'", "Unterminated string")):
            return None
        if fixed := _sound(f'{self._code}"'):
            return self._said("The text has no quote at its end.", f"Write {fixed}.")
        return self._said("A text has no quote at its end.", 'Write " where it ends; a text is one line.')
