"""What can be read on a posted page: HTML, plain text or PDF, as text. Whoever made it is taken for hostile.

Read as a browser would show it: what a style hides, strikes out or only a program sees is not posted. Pure but for a PDF,
which `pdftotext` reads, where it is installed, as a process with limits of its own.
"""

from __future__ import annotations

import codecs
import re
import resource
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from html.parser import HTMLParser

from holdshelf_core.api.errors import BadRequest, Unavailable
from holdshelf_tui.text.words import inert

POLICY_ID = "policy-text"
"""Id of the element that holds the policy, on a page that we made."""
READ_S = 10.0
PDF_S = 20.0
PDF_MEMORY_BYTES = 1 << 30
MAX_TEXT_BYTES = 20 << 20
_CHUNK = 1 << 16
_LOOK_EVERY = 512


def _names(words: str) -> frozenset[str]:
    return frozenset(words.split())


_BLOCKS = _names(
    "address article aside blockquote body br caption center dd details dialog div dl dt fieldset figcaption figure footer "
    "form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu nav ol p pre search section summary table tbody td "
    "tfoot th thead tr ul"
)
_UNSEEN = _names(
    "audio canvas del iframe math noscript object option s script select strike style svg template textarea title video"
)
_CLOSED_BY_ITSELF = _names("dd dt li option p td th tr")
"""Whose end is often left out: the next one of the kind ends it."""
_VOID = _names("area base br col embed hr img input link meta source track wbr")
_HIDING = re.compile(r"(?:display\s*:\s*none|visibility\s*:\s*hidden)", re.IGNORECASE)
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
_IS_HTML = re.compile(rb"<(?:!doctype\s+html|html|head|body|div|p|h[1-6]|pre|section|article|table|span|meta)\b", re.I)
_CHARSETS = re.compile(
    r"utf-?(?:8|16|16-le|16-be)|ascii|iso8859-\d{1,2}|cp125\d|koi8-[ru]|mac-roman|gb2312|gbk|gb18030|big5|shift_jis|euc_(?:jp|kr)"
)
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_DIGITS = re.compile(r"\d+")
_EDGE_LINES, _TITLE_LINES, _FEW_WORDS = 3, 5, 4
"""Of a PDF's page, at its top and bottom: where what stands on every page is looked for."""


@dataclass(frozen=True, slots=True)
class Posted:
    """``text``: what is read; ``own``: the text of the element that our own page marks, None on other pages; ``note``: a
    sentence about how it could be read, '' for none."""

    kind: str
    text: str
    own: str | None = None
    note: str = ""


def read_posted(raw: bytes, *, kind: str = "", charset: str = "", name: str = "", programs: bool = True) -> Posted:
    """What can be read in ``raw``. ``kind``, ``charset``: as a server says; ``name``: of the file, '' unknown.

    ``programs`` False: none may be started here (over SSH). Raises BadRequest, Unavailable.
    """
    sort = _sort(raw, kind, name)
    if sort == "pdf":
        return Posted("pdf", _pdf(raw, programs=programs))
    text, note = _decoded(raw, charset, html=sort == "html")
    if sort == "text":
        return Posted("text", text, note=note)
    page = _Page()
    page.read(text)
    return Posted("html", page.text, page.own, note)


def _sort(raw: bytes, kind: str, name: str) -> str:
    mark = next((codec for mark, codec in _MARKS if raw.startswith(mark)), "")
    begin = (raw[:8192].decode(mark, "replace").encode() if mark else raw[:4096]).lstrip(b"\xef\xbb\xbf\r\n\t ")
    if begin.startswith(b"%PDF-"):
        return "pdf"
    if kind in ("text/html", "application/xhtml+xml"):
        return "html"
    if kind.startswith("text/") and kind != "text/xml":
        return "text"
    if begin.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise BadRequest("That is a word processor file.", "Save it as PDF, HTML or plain text.")
    if (kind and kind not in ("application/octet-stream", "text/xml")) or b"\0" in begin:
        shown = inert(kind, len(kind))
        raise BadRequest(
            f"That is no text{f' ({shown})' if shown else ''}.", "HTML, plain text and PDF can be compared."
        )
    return "html" if name.lower().endswith((".html", ".htm", ".xhtml")) or _IS_HTML.search(begin) else "text"


# --- letters ----------------------------------------------------------------------------------------------------------


def _decoded(raw: bytes, charset: str, *, html: bool) -> tuple[str, str]:
    """As a browser decodes it: mark, server, page, and then UTF-8 or what old pages are written in. With a note."""
    for mark, codec in _MARKS:
        if raw.startswith(mark):
            return raw[len(mark) :].decode(codec, "replace"), ""
    declared = _META_CHARSET.search(raw[:4096]) if html else None
    said = _known(charset) or (_known(declared[1].decode("ascii")) if declared is not None else "")
    try:
        whole = raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252" if said in ("", "utf-8", "ascii") else said, "replace"), ""
    if said in ("", "utf-8") or whole.isascii():
        return whole, ""
    note = f"It says that its letters are {said}, and they are UTF-8: browsers may show some of them wrongly."
    return raw.decode(said, "replace"), note


def _known(charset: str) -> str:
    """Python's name of it, '' for one that no page is written in: some of Python's codecs are no letters at all."""
    try:
        name = codecs.lookup(charset).name if charset else ""
    except LookupError:
        return ""
    name = "cp1252" if name in ("iso8859-1", "ascii") else name  # as browsers do
    return name if _CHARSETS.fullmatch(name) else ""


# --- HTML -------------------------------------------------------------------------------------------------------------


class _Page(HTMLParser):
    """The text that is seen, a line for each block."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._unseen = ""
        self._depth = 0
        self._own: list[str] | None = None
        self._own_tag, self._own_depth, self._own_ends = "", 0, "\n"
        self.own: str | None = None
        self._ends = time.monotonic() + READ_S
        self._calls = 0

    @property
    def text(self) -> str:
        """The whole text, in one string."""
        return "".join(self._parts)

    def read(self, text: str) -> None:
        """Raises BadRequest for a page that takes too long."""
        for at in range(0, len(text), _CHUNK):
            self._look(at_once=True)
            self.feed(text[at : at + _CHUNK])
        self._look(at_once=True)
        self.close()

    def _look(self, *, at_once: bool = False) -> None:
        self._calls += 1
        if (at_once or not self._calls % _LOOK_EVERY) and time.monotonic() > self._ends:
            raise BadRequest("That page is so tangled that it cannot be read.", "Save it as plain text, and give that.")

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Begins a line, hides what follows, or neither."""
        self._look()
        if self._unseen:
            if tag != self._unseen:
                return
            if tag not in _CLOSED_BY_ITSELF:
                self._depth += 1
                return
            self._unseen = ""
        given = dict(attrs)
        hides = tag in _UNSEEN or "hidden" in given or _HIDING.search(given.get("style") or "") is not None
        if hides and tag not in _VOID:
            self._unseen, self._depth = tag, 1
            return
        if self._own is not None and tag == self._own_tag:
            self._own_depth += 1
        elif given.get("id") == POLICY_ID and self.own is None and self._own is None and tag not in _VOID:
            self._own, self._own_tag, self._own_depth = [], tag, 1
            self._own_ends = "\r\n" if given.get("data-line-ends") == "crlf" else "\n"
        if tag in _BLOCKS:
            self._parts.append("\n")
        elif tag == "q":
            self._parts.append('"')

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """`<br/>`: HTML knows no element that ends at once but the void ones."""
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Ends a line, or what is hidden."""
        self._look()
        if self._unseen:
            self._depth -= tag == self._unseen
            if not self._depth:
                self._unseen = ""
            return
        if self._own is not None and tag == self._own_tag:
            self._own_depth -= 1
            if not self._own_depth:
                self.own, self._own = "".join(self._own).replace("\n", self._own_ends), None
        if tag in _BLOCKS:
            self._parts.append("\n")
        elif tag == "q":
            self._parts.append('"')

    def handle_data(self, data: str) -> None:
        """What stands between tags."""
        self._look()
        if self._unseen:
            return
        self._parts.append(data)
        if self._own is not None:
            self._own.append(data)


# --- PDF --------------------------------------------------------------------------------------------------------------


def _pdf(raw: bytes, *, programs: bool) -> str:
    if not programs:
        raise BadRequest("A PDF cannot be read here.", "Give the page as HTML or plain text.")
    found = shutil.which("pdftotext")
    if found is None:
        raise Unavailable(
            "A PDF cannot be read on this machine: `pdftotext` is missing.",
            "Install poppler-utils, or give the text as HTML or plain text.",
        )

    with tempfile.TemporaryFile() as file:
        file.write(raw)
        file.seek(0)
        text = _run([found, "-enc", "UTF-8", "-q", "-", "-"], file.fileno())
    if not text.strip():
        raise BadRequest("That PDF holds no text that can be read.", "Is it a scan? Give the text instead.")
    return _without_edges(text)


def _run(command: list[str], stdin: int) -> str:
    """What a program prints, of bounded time, memory and length. Raises Unavailable."""

    def limits() -> None:
        for what, most in (
            (resource.RLIMIT_AS, PDF_MEMORY_BYTES),
            (resource.RLIMIT_CPU, int(PDF_S)),
            (resource.RLIMIT_FSIZE, 0),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(what, (most, most))

    env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HOME": "/nonexistent"}
    try:
        with subprocess.Popen(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=env,
            preexec_fn=limits,  # noqa: PLW1509 (no lock is taken in it)
        ) as process:
            assert process.stdout is not None
            timer = threading.Timer(PDF_S, process.kill)
            timer.start()
            try:
                raw = process.stdout.read(MAX_TEXT_BYTES)
            finally:
                timer.cancel()
                process.kill()
        return raw.decode(errors="replace")
    except OSError:
        raise Unavailable("`pdftotext` could not be run.", "Give the text as HTML or plain text.") from None


def _without_edges(text: str) -> str:
    """A PDF's pages as one text, without what stands at the edge of most (heads, feet, numbers of pages), and without a
    page's first line that only says the title again."""
    pages = [page.split("\n") for page in text.rstrip("\f\n").split("\f")]
    edges = [_edges(page) for page in pages]
    often = Counter(form for edge in edges for form in {_form(line) for line in edge.values()})
    title = {word for line in [line for line in pages[0] if line.strip()][:_TITLE_LINES] for word in line.split()}

    def stays(number: int, at: int, line: str) -> bool:
        edge = edges[number]
        if at not in edge:
            return True
        is_title = number > 0 and at == min(edge) and all(w in title or not w.isalnum() for w in line.split())
        return often[_form(line)] < max(2, len(pages) / 2) and not is_title

    return "\n".join(
        line for number, page in enumerate(pages) for at, line in enumerate(page) if stays(number, at, line)
    )


def _edges(page: list[str]) -> dict[int, str]:
    filled = [at for at, line in enumerate(page) if line.strip()]
    return {at: page[at] for at in (*filled[:_EDGE_LINES], *filled[-_EDGE_LINES:])}


def _form(line: str) -> str:
    """A line, whatever number of a page stands in it."""
    words = line.split()
    numbered = len(words) <= _FEW_WORDS or "page" in line.casefold()
    return _DIGITS.sub("#", " ".join(words)) if numbered else " ".join(words)
