"""A paper as a page: for the library's website, a screen reader, a browser's printer. It stands alone and fetches nothing.

Everything that anybody wrote is escaped; a policy in it allows neither script nor any address. The adopted text stands in
``<div id="policy-text" data-sha256="…">`` so that its tags, stripped, leave it letter for letter: `docs/papers.md`.
"""

from __future__ import annotations

import base64
import html as _html
from collections.abc import Iterable, Iterator, Sequence

from holdshelf_core.policy.listing import unbroken
from holdshelf_tui.papers import document as d
from holdshelf_tui.papers import text
from holdshelf_tui.papers.catalogs import Words
from holdshelf_tui.papers.catalogs import words as catalog
from holdshelf_tui.text.posted_policy import POLICY_ID
from holdshelf_tui.text.words import inert

_CSP = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; }
body { max-width: 44rem; margin: 2rem auto; padding: 0 1rem; line-height: 1.5;
  font-family: system-ui, -apple-system, "Segoe UI", "Noto Sans", Roboto, sans-serif; font-size: 1.0625rem; }
header { border-bottom: 3px solid; padding-bottom: .5rem; margin-bottom: 1.5rem; }
header p { margin: 0; font-weight: 700; overflow-wrap: anywhere; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .2rem 0; overflow-wrap: anywhere; }
h2 { font-size: 1.3rem; border-top: 1px solid; padding-top: .6rem; margin: 2rem 0 .6rem; }
h3 { font-size: 1.08rem; margin: 1.4rem 0 .4rem; }
p, li, td, th, dd, dt, figcaption { overflow-wrap: anywhere; }
.legend { border: 1.5px solid; padding: .3rem .6rem; font-weight: 700; text-align: center; }
.caveat { border-left: 5px solid; padding-left: .8rem; font-weight: 700; }
.lead { font-size: 1.2em; }
.small { font-size: .9em; }
blockquote { border-left: 2px solid; margin: 1rem 0; padding-left: .8rem; }
#policy-text, .verbatim { border-top: 1px solid; border-bottom: 1px solid; padding: .8rem 0; margin: 1rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
#policy-text p, .verbatim p { margin: 0 0 0 var(--hang, 0); text-indent: calc(-1 * var(--hang, 0px)); }
dl { display: grid; grid-template-columns: minmax(6rem, max-content) 1fr; gap: .15rem 1rem; }
dt { font-weight: 600; }
dd { margin: 0; grid-column: 2; }
ul { padding-left: 1.4rem; }
ul.tick { list-style: none; padding-left: 0; }
ul.tick > li { padding-left: 1.9rem; text-indent: -1.9rem; }
ul.tick ul, ul.tick p { text-indent: 0; }
li p { margin: .1rem 0; }
.box { display: inline-block; width: 1.9rem; text-indent: 0; }
.line { display: inline-block; border-bottom: 1px solid; min-width: 3rem; }
pre { overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0; border-bottom: 1px solid; }
.bar { display: inline-block; height: .8em; background: currentColor; opacity: .7; }
img { max-width: 100%; height: auto; }
footer { border-top: 1px solid; margin-top: 2.5rem; font-size: .85em; }
code { overflow-wrap: anywhere; }
@page { margin: 2cm; }
@media print { body { max-width: none; margin: 0; font-size: 11pt; color: #000; background: #fff; }
  h2, h3 { break-after: avoid; } tr, li { break-inside: avoid; } .new-page { break-before: page; } }
"""


def render(document: d.Document) -> str:
    """One page of HTML5, at its end a newline."""
    verbatim = next((block for block in _all(document.blocks) if isinstance(block, d.Verbatim) and block.sha256), None)
    library, title = _words(document.library), _words(document.title)
    marks = ""
    if verbatim is not None:
        marks = (
            f'<meta name="holdshelf-policy-version" content="{_words(verbatim.version)}">\n'
            f'<meta name="holdshelf-policy-adopted" content="{_words(verbatim.adopted_on)}">\n'
            f'<meta name="holdshelf-policy-sha256" content="{_words(verbatim.sha256)}">\n'
        )
    legend = f'<p class="legend">{_words(document.legend)}</p>\n' if document.confidential else ""
    caveats = "".join(f'<p class="caveat">{_words(caveat)}</p>\n' for caveat in document.caveats)
    rows = _rows(document.foot.rows)
    body = "\n".join(_blocks(document.blocks, catalog(document.language)))
    return (
        f'<!DOCTYPE html>\n<html lang="{_words(document.language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_CSP}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}{f' – {library}' if library else ''}</title>\n{marks}<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{legend}<header>\n{f'<p>{library}</p>' if library else ''}\n<h1>{title}</h1>\n</header>\n<main>\n"
        f"{caveats}{body}\n</main>\n<footer>\n<dl>\n{rows}\n</dl>\n</footer>\n</body>\n</html>\n"
    )


def _words(words: str) -> str:
    """One line, inert and escaped, for an element or an attribute in double quotes."""
    return _html.escape(unbroken(text.clean(words, d.MOST_LETTERS)))


def _all(blocks: Iterable[d.Block]) -> Iterator[d.Block]:
    for block in blocks:
        yield from _all(block.blocks) if isinstance(block, d.Keep) else (block,)


def _blocks(blocks: Iterable[d.Block], say: Words) -> Iterator[str]:
    """Elements; points that follow one another become one list."""
    points: list[d.Item] = []
    for block in _all(blocks):
        if points and not (isinstance(block, d.Item) and (block.box is None) == (points[0].box is None)):
            yield _list(points, say)
            points = []
        if isinstance(block, d.Item):
            points.append(block)
        else:
            yield _block(block, say)
    if points:
        yield _list(points, say)


def _block(block: d.Block, say: Words) -> str:  # noqa: PLR0912 (one kind of block a case)
    match block:
        case d.Heading(words, level):
            return f"<h{level + 1}>{_words(words)}</h{level + 1}>"
        case d.Para(words, style, language):
            marks = _lang(language)
            if style == "quote":
                return f"<blockquote{marks}><p>{_words(words)}</p></blockquote>"
            return (
                f"<p{marks}>{_words(words)}</p>"
                if style == "body"
                else f'<p class="{style}"{marks}>{_words(words)}</p>'
            )
        case d.Facts(rows):
            shown = _rows([(label, value) for label, value in rows if value.strip()])
            return f"<dl>\n{shown}\n</dl>" if shown else ""
        case d.Boxes(boxes):
            return _list([d.Item(words, ticked) for words, ticked in boxes], say)
        case d.Fields(fields):
            return f"<p>{' '.join(_field(field) for field in fields)}</p>"
        case d.Mono(lines):
            return f"<pre>{_html.escape('\n'.join(_typed(line) for line in lines))}</pre>"
        case d.Table():
            return _table(block)
        case d.Verbatim():
            return _verbatim(block)
        case d.Bars():
            return _bars(block)
        case d.Plots():
            return "\n".join(map(_bars, block.bars()))
        case d.Picture(jpeg, words):
            data = base64.b64encode(jpeg).decode()
            return f'<img src="data:image/jpeg;base64,{data}" alt="{_words(words)}">'
        case d.Pictures(pictures):
            return "\n".join(_block(picture, say) for picture in pictures)
        case d.NewPage():
            return '<div class="new-page"></div>'
        case d.Item():
            return _list([block], say)
        case d.Checks(rows):
            return _checks(rows, say)
        case d.Keep(blocks):
            return "\n".join(_blocks(blocks, say))
        case _:
            return ""


def _rows(rows: Sequence[tuple[str, str]]) -> str:
    """Terms and what is said of them; a row without a label goes on with the one above it."""
    shown = []
    for number, (label, value) in enumerate(rows):
        term = _words(label) or ("" if number else "&#160;")
        said = _words(value) or '<span class="line" style="min-width: 14rem">&#160;</span>'
        shown.append((f"<dt>{term}</dt>" if term else "") + f"<dd>{said}</dd>")
    return "\n".join(shown)


def _list(points: Sequence[d.Item], say: Words) -> str:
    if not points:
        return ""
    kind = "" if points[0].box is None else ' class="tick"'
    items = []
    for point in points:
        # the words are for a screen reader, which may pass over the sign
        box = "" if point.box is None else _box(say, ticked=point.box)
        notes = "".join(f'<p class="small">{_words(note)}</p>' for note in point.notes)
        items.append(f"<li>{box}{_words(point.words)}{notes}</li>")
    return "\n".join([f"<ul{kind}>", *items, "</ul>"])


def _box(say: Words, *, ticked: bool) -> str:
    words, sign = (say("checked:"), "☑") if ticked else (say("to check:"), "☐")
    return f'<span class="box" role="img" aria-label="{_words(words)}">{sign}</span>'


def _lang(language: str) -> str:
    """Of words that are not in the page's language."""
    return f' lang="{_words(language)}"' if language else ""


def _checks(checks: Sequence[d.Check], say: Words) -> str:
    rows = []
    for check in checks:
        known = f"<strong>{_words(check.known)}</strong>" if check.due else _words(check.known)
        box = _box(say, ticked=False)
        rows.append(
            f"<tr><td>{box}{_words(check.words)}</td><td><code>{_words(check.code)}</code></td><td>{known}</td></tr>"
        )
    return "\n".join(['<table class="tick">', "<tbody>", *rows, "</tbody>", "</table>"])


def _field(field: d.Field) -> str:
    shown = _words(field.value) or "&#160;"
    wide = max(3, min(field.columns, 80)) * 0.5
    return f'{_words(field.label)} <span class="line" style="min-width: {wide:g}rem">{shown}</span>'


def _typed(line: str) -> str:
    return "".join(c for c in line.expandtabs(4)[: d.MOST_LETTERS] if inert(c) == c)


def _table(table: d.Table) -> str:
    head = "".join(f'<th scope="col">{_words(cell)}</th>' for cell in table.head)
    rows = ["<tr>" + "".join(f"<td>{_words(cell)}</td>" for cell in row) + "</tr>" for row in table.rows]
    return "\n".join(["<table>", f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody>", "</table>"])


def _bars(bars: d.Bars) -> str:
    most = bars.most if bars.most is not None else max((value for _, value, _ in bars.rows), default=0.0)
    caption = _words(bars.title) + (f" ({_words(bars.unit)})" if bars.unit else "")
    rows = []
    for label, value, words in bars.rows:
        share = 100 * min(1.0, max(0.0, value / most)) if most > 0 else 0.0
        bar = f'<span class="bar" style="width: {share * 0.7:.1f}%"></span>'
        rows.append(f'<tr><th scope="row">{_words(label)}</th><td>{bar} {_words(words)}</td></tr>')
    return "\n".join(["<table>", f"<caption>{caption}</caption>", "<tbody>", *rows, "</tbody>", "</table>"])


def _verbatim(block: d.Verbatim) -> str:
    """Each line with text is a paragraph that ends with its own line's end, and holds the empty lines behind it."""
    marks = 'class="verbatim"'
    words = block.text
    if block.sha256:
        marks = (
            f'id="{POLICY_ID}" data-sha256="{_words(block.sha256)}" data-version="{_words(block.version)}" '
            f'data-adopted="{_words(block.adopted_on)}"'
        )
    unix = words.replace("\r\n", "\n")
    if "\r" in words and "\r" not in unix and words.count("\n") == words.count("\r"):
        # HTML has no carriage returns; where all lines end in one way, its name is enough to put them back
        words = unix
        marks += ' data-line-ends="crlf"'
    out: list[str] = []
    for line in words.splitlines(keepends=True):
        shown = _exact(line)
        if line.strip() or not out:
            hang = len(text.begin_of(line))
            out.append(f'<p style="--hang: {hang * 0.6:.1f}em">{shown}' if hang else f"<p>{shown}")
        else:
            out[-1] += shown
    marks += _lang(block.language)
    mark = "&#65279;" if words.startswith("\ufeff") else ""  # its byte order mark, which nobody sees
    return f"<div {marks}>{mark}{''.join(f'{paragraph}</p>' for paragraph in out)}</div>"


def _exact(line: str) -> str:
    """A line as it is, its own end included; what a browser must not be given is left out."""
    kept = "".join(c for c in line if c in _KEPT or c in text.JOINERS or inert(c) == c)
    return _html.escape(kept, quote=False).replace("\r", "&#13;")


_KEPT = "\n\r\t"
