"""A paper in 80 columns of text: folding by columns (not letters), centring, rules, blanks to fill in; `render` for a document.

Pure. Text that people, cameras and devices wrote comes through `clean` or `clean_lines` first: a paper is also read on a
terminal, and none may be obeyed by it. Widths are counted as terminals count them, so other scripts line up.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from holdshelf_core.policy.listing import INSIDE, unbroken
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers.catalogs import ENGLISH_WORDS, Words
from holdshelf_tui.papers.catalogs import words as catalog
from holdshelf_tui.text import words as cells

WIDTH = 80
NAME_COLUMNS = 160
"""A name longer than two lines is cut: it is a mistake or an attack, and the id beside it tells which it is."""
JOINERS = "\u200c\u200d"
"""Without them Persian and the scripts of India are misspelled; they turn no text round and hide none."""
_BEGIN = re.compile(r" *(?:(?:[·•*–—-]|\(?\d{1,3}[.)]|P\d{1,2}\.|\(?[A-Za-z][.)]) +)?")
_ASIDE = {"\r": "", "\ufeff": "", "\u2028": "\n", "\u2029": "\n", "\x85": "\n", "\x0b": "\n", "\x0c": "\n"}


def clean(text: str, most: int = NAME_COLUMNS) -> str:
    """One line, inert, without spaces around it; cut at ``most`` letters."""
    return cells.inert(" ".join(text[: most * 16].split()), most).strip()


def clean_lines(text: str) -> tuple[list[str], int]:
    """(lines, number of characters left out): a long text made inert, its lines and indents kept, tabs as spaces."""
    for character, instead in _ASIDE.items():
        text = text.replace(character, instead)
    text = text.expandtabs(4)
    lines, left_out = [], 0
    for line in text.split("\n"):
        kept = line if line.isprintable() else "".join(c for c in line if c in JOINERS or cells.inert(c) == c)
        left_out += len(line) - len(kept)
        lines.append(kept.rstrip())
    return lines, left_out


def fold(text: str, *, width: int = WIDTH, first: str = "", rest: str = "") -> list[str]:
    """``text`` in lines of at most ``width`` columns, the first begun with ``first``, the others with ``rest``.

    Breaks at spaces, not between a number and its unit; a word that is longer than a line is broken where it must. Never
    returns an empty list.
    """
    lines: list[str] = []
    line = first
    begun = False
    for word in unbroken(text, INSIDE).split(" "):
        if not word:
            continue
        for piece in _pieces(word, width - max(cells.columns(first), cells.columns(rest))):
            gap = " " if begun else ""
            if begun and cells.columns(line) + len(gap) + cells.columns(piece) > width:
                lines.append(line)
                line, gap = rest, ""
            line += gap + piece
            begun = True
    lines.append(line)
    return [one.replace(INSIDE, " ") for one in lines]


def _pieces(word: str, width: int) -> list[str]:
    """A word in pieces of at most ``width`` columns; a letter stays with its combining marks."""
    if cells.columns(word) <= width:
        return [word]
    pieces, piece, used = [], "", 0
    for character in word:
        wide = cells.columns(character)
        if piece and used + wide > width and not _clings(character):
            pieces.append(piece)
            piece, used = "", 0
        piece += character
        used += wide
    return [*pieces, piece]


def _clings(character: str) -> bool:
    return bool(unicodedata.combining(character))


def fold_lines(lines: Iterable[str], *, width: int = WIDTH) -> list[str]:
    """Each line folded below where its text begins: behind its indent and bullet. A line that fits stays as it is."""
    folded: list[str] = []
    for line in lines:
        if cells.columns(line) <= width:
            folded.append(line)
            continue
        begin = begin_of(line)[: width // 2]
        folded += fold(line[len(begin) :], width=width, first=begin, rest=" " * cells.columns(begin))
    return folded


def folded(text: str, *, width: int = WIDTH) -> str:
    """`fold_lines` of a whole text."""
    return "\n".join(fold_lines(text.split("\n"), width=width))


def begin_of(line: str) -> str:
    """A line's indent and bullet or number, behind which its later lines hang."""
    match = _BEGIN.match(line)
    return match[0] if match else ""


def centered(text: str, *, width: int = WIDTH) -> list[str]:
    """``text`` folded to three quarters of the width, each line in the middle."""
    return [(" " * ((width - cells.columns(line)) // 2) + line).rstrip() for line in fold(text, width=width * 3 // 4)]


def rule(character: str = "-") -> str:
    """A line over the whole width."""
    return character * WIDTH


def box(words: str, *, ticked: bool = False) -> str:
    """'[ ] words', to be ticked with a pen; ``ticked``: the register knows."""
    return f"[{'x' if ticked else ' '}] {words}"


def blank(label: str, columns: int) -> str:
    """'label ______', ``columns`` of line to write on."""
    return f"{label} {'_' * columns}"


def boxes(items: Sequence[str], *, indent: str = "  ") -> list[str]:
    """Things to tick or fill in beside one another, three spaces apart, as many as fit in a line."""
    lines: list[str] = []
    line = indent
    for item in items:
        gap = "" if line == indent else "   "
        if line != indent and cells.columns(line + gap + item) > WIDTH:
            lines.append(line)
            line, gap = indent, ""
        line += gap + item
    return [*lines, line]


def library_name(name: str, say: Words = ENGLISH_WORDS) -> str:
    """The library's name, or a place to write it."""
    return clean(name) or f"____________________ ({say('name of the library')})"


def foot(rows: Sequence[tuple[str, str]]) -> list[str]:
    """The bottom of each paper: a rule, and labels with what they say, '' a place to write it."""
    lines = [rule()]
    for label, value in rows:
        begin = f"{_words(label)}:" if label else ""
        if cells.columns(begin) > 11:
            lines += fold(begin)
            begin = ""
        lines += fold(_words(value) or "_" * 28, first=begin + " " * (12 - cells.columns(begin)), rest=" " * 12)
    return lines


def paper(lines: Iterable[str]) -> str:
    """The lines as one text, no spaces at their ends, one newline at the end."""
    return "\n".join(line.rstrip() for line in lines).rstrip("\n") + "\n"


# --- a document ---------------------------------------------------------------------------------------------------


def render(document: d.Document) -> str:
    """The paper in 80 columns. Whatever its blocks hold, no terminal obeys it."""
    lines = [
        rule("="),
        *centered(library_name(document.library, catalog(document.language))),
        *centered(_words(document.title)),
        rule("="),
    ]
    if document.confidential:
        lines += fold(document.legend)
    for caveat in document.caveats:
        lines += fold(_words(caveat), first="! ", rest="  ")
    before: d.Block | None = None
    for block in _flat(document.blocks):
        if _apart(before, block) and lines[-1]:
            lines.append("")
        lines += _block(block)
        before = block
    lines += ["", *foot(document.foot.rows)]
    return paper(lines)


def lines(blocks: Iterable[d.Block]) -> list[str]:
    """Blocks in 80 columns, without a paper's head and foot."""
    found: list[str] = []
    before: d.Block | None = None
    for block in _flat(blocks):
        if _apart(before, block) and found and found[-1]:
            found.append("")
        found += _block(block)
        before = block
    return found


def _flat(blocks: Iterable[d.Block]) -> Iterator[d.Block]:
    for block in blocks:
        if isinstance(block, d.Keep):
            yield from _flat(block.blocks)
        elif isinstance(block, d.Plots):
            yield from block.bars()
        elif not isinstance(block, d.NewPage):
            yield block


def _words(words: str) -> str:
    return clean(words, d.MOST_LETTERS)


def _apart(before: d.Block | None, block: d.Block) -> bool:
    """Whether an empty line stands between the two."""
    marks = (d.Item, d.Boxes, d.Fields, d.Checks)
    if isinstance(before, d.Heading):
        return before.level == 1 and not isinstance(block, d.Heading)
    return not (isinstance(before, marks) and isinstance(block, marks))


def _block(block: d.Block) -> list[str]:  # noqa: PLR0912 (one kind of block a case)
    match block:
        case d.Heading(words, level):
            return _heading(_words(words), level)
        case d.Para(words, style):
            begin = {"caveat": "! ", "quote": "    "}.get(style, "")
            return fold(_words(words), first=begin, rest=" " * len(begin))
        case d.Facts(rows):
            return _facts([(_words(label), _words(value)) for label, value in rows if value.strip()])
        case d.Item():
            return _item(block)
        case d.Boxes(marks):
            return _beside([box(_words(words), ticked=ticked) for words, ticked in marks])
        case d.Fields(fields):
            return _beside([_field(field) for field in fields])
        case d.Checks(checks):
            return _checks(checks)
        case d.Mono(typed):
            return [piece for line in typed for piece in mono(line)]
        case d.Table():
            return _table(block)
        case d.Verbatim(words):
            return [rule(), "", *fold_lines(trimmed(words)), "", rule()]
        case d.Bars():
            return _bars(block)
        case d.Picture(_, words):
            return fold(f"[Picture: {_words(words)}]", rest=" ")
        case d.Pictures(pictures):
            return [line for one in pictures for line in fold(f"[Picture: {_words(one.words)}]", rest=" ")]
        case _:  # what only a page knows
            return []


def trimmed(words: str) -> list[str]:
    """A text's lines without the empty ones at its beginning and end."""
    lines, _ = clean_lines(words)
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def mono(line: str, *, width: int = WIDTH, indent: int = 4) -> list[str]:
    """One typewritten line; one that is too long goes on behind a mark that no checksum or command contains."""
    shown = "".join(c for c in line.expandtabs(4) if cells.inert(c) == c)[: d.MOST_LETTERS].rstrip()
    for begin in (" " * indent, ""):
        if cells.columns(begin + shown) <= width:
            return [begin + shown]
    pieces = _pieces(shown, width - indent - 2)
    return [f"{' ' * indent}{'' if at == 0 else '→ '}{piece}" for at, piece in enumerate(pieces)]


def _heading(words: str, level: int) -> list[str]:
    if level == 1:
        return [rule(), *fold(words), rule()]
    lines = fold(words)
    return [*lines, "-" * max(map(cells.columns, lines))]


def _facts(rows: Sequence[tuple[str, str]]) -> list[str]:
    most = min(24, max((cells.columns(label) for label, _ in rows), default=0)) + 3
    lines = []
    for label, value in rows:
        begin = f"{label}:" if label else ""
        if cells.columns(begin) > most - 2:
            lines += fold(begin)
            begin = ""
        if " " not in value and WIDTH - most < cells.columns(value) <= WIDTH - 4:
            # a checksum is not cut in two where it fits in a line of its own
            lines += [begin, f"    {value}"] if begin else [f"    {value}"]
            continue
        lines += fold(value, first=begin + " " * (most - cells.columns(begin)), rest=" " * most)
    return lines


def _item(item: d.Item) -> list[str]:
    begin = "  - " if item.box is None else "  " + box("", ticked=item.box)
    lines = fold(_words(item.words), first=begin, rest=" " * len(begin))
    for note in item.notes:
        lines += fold(_words(note), first=" " * len(begin), rest=" " * (len(begin) + 2))
    return lines


_LEAST_CHECK = 24
"""Columns that a tick's words keep beside a long code."""


def _checks(checks: Sequence[d.Check]) -> list[str]:
    """Box and words, code, what is known: three columns, the middle one never folded where it fits: it is typed."""
    rows = [(_words(check.words), _words(check.code), _words(check.known)) for check in checks]
    known = min(28, max((cells.columns(row[2]) for row in rows), default=0))
    most = max(24, WIDTH - 2 - 4 - 2 - _LEAST_CHECK - (known + 2 if known else 0))
    code = max((wide for row in rows if (wide := cells.columns(row[1])) <= most), default=0)
    room = WIDTH - 2 - 4 - (code + 2 if code else 0) - (known + 2 if known else 0)
    lines = []
    for words, typed, told in rows:
        alone = cells.columns(typed) > code
        columns = [
            (cell, wide) for cell, wide in ((words, room), ("" if alone else typed, code), (told, known)) if wide
        ]
        parts = [fold(cell, width=wide) for cell, wide in columns]
        for number, line in enumerate(_beside_one_another(parts, [wide for _, wide in columns])):
            lines.append(("  " + box("") if number == 0 else " " * 6) + line)
        if alone:
            lines += mono(typed, indent=6)
    return lines


def _field(field: d.Field) -> str:
    label = _words(field.label)
    if field.value:
        return f"{label}: {_words(field.value)}"
    room = WIDTH - 3 - cells.columns(label)
    return blank(label, max(8, min(field.columns, room)))


def _beside(items: Sequence[str]) -> list[str]:
    lines: list[str] = []
    for line in boxes(items):
        lines += [line] if cells.columns(line) <= WIDTH else fold(line, first="  ", rest="      ")
    return lines


def _table(table: d.Table) -> list[str]:
    """Columns of at least eight; where they do not fit, a row becomes labels and values."""
    head = [_words(cell) for cell in table.head]
    rows = [[_words(cell) for cell in row] for row in table.rows]
    room = WIDTH - 2 * (len(head) - 1)
    needs = [max(map(cells.columns, column), default=0) for column in zip(head, *rows, strict=True)]
    if len(head) * 8 > room:
        return [line for row in rows for line in (*_facts(list(zip(head, row, strict=True))), "")][:-1]
    if sum(needs) > room and table.shares:
        needs = [max(8, room * share // sum(table.shares)) for share in table.shares]
    while sum(needs) > room:
        needs[needs.index(max(needs))] -= 1
    lines = _row(head, needs)
    lines.append("  ".join("-" * wide for wide in needs))
    for row in rows:
        lines += _row(row, needs)
    return lines


def _row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    return _beside_one_another([fold(cell, width=wide) for cell, wide in zip(row, widths, strict=True)], widths)


def _beside_one_another(parts: Sequence[Sequence[str]], widths: Sequence[int]) -> list[str]:
    lines = []
    for at in range(max(map(len, parts))):
        line = [part[at] if at < len(part) else "" for part in parts]
        padded = (cell + " " * (wide - cells.columns(cell)) for cell, wide in zip(line, widths, strict=True))
        lines.append("  ".join(padded).rstrip())
    return lines


def _bars(bars: d.Bars) -> list[str]:
    most = bars.most if bars.most is not None else max((value for _, value, _ in bars.rows), default=0.0)
    labels = [_words(label) for label, _, _ in bars.rows]
    side = min(28, max(map(cells.columns, labels), default=0))
    beside = min(22, max((cells.columns(_words(words)) for _, _, words in bars.rows), default=0))
    room = WIDTH - side - beside - 4
    lines = fold(_words(bars.title) + (f" ({_words(bars.unit)})" if bars.unit else ""))
    for label, (_, value, words) in zip(labels, bars.rows, strict=True):
        share = min(1.0, max(0.0, value / most)) if most > 0 else 0.0
        bar = "█" * max(round(share * room), 1 if value > 0 else 0)
        first, *rest = fold(label, width=max(side, 1))
        lines += fold(
            _words(words), first=f"{first}{' ' * (side - cells.columns(first))} |{bar} ", rest=" " * (side + 2)
        )
        lines += rest
    return lines
