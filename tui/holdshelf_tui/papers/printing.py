"""From a paper's facts to what is handed out: which form, which page, which name. For the command line and the screens.

A paper that nobody can read is never handed out: what does not go together is refused in a sentence before anything is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePath
from typing import get_args

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers import catalogs, sign_text
from holdshelf_tui.papers.catalogue import Format, PageSize, Paper

SUFFIXES: dict[str, Format] = {
    ".txt": "text",
    ".text": "text",
    ".pdf": "pdf",
    ".html": "html",
    ".htm": "html",
    ".csv": "csv",
}
_SUFFIX_OF: dict[Format, str] = {"text": ".txt", "pdf": ".pdf", "html": ".html", "csv": ".csv"}
FORMATS: tuple[Format, ...] = get_args(Format.__value__)
PAGE_WORDS: dict[PageSize, str] = {
    "letter": "Letter",
    "a4": "A4",
    "tabloid": "Tabloid (11 × 17 in)",
    "12x18": "12 × 18 in",
}


@dataclass(frozen=True, slots=True)
class Printed:
    """A paper, made. ``file_name``: what it is called where it needs a name."""

    paper: str
    form: Format
    file_name: str
    content: bytes


def form_of(asked: str, file: str = "", *, default: Format = "text") -> Format:
    """``asked`` with --as, else by the file's name, else ``default``. Raises BadRequest."""
    suffix = PurePath(file).suffix.lower() if file and file != "-" else ""
    by_name = SUFFIXES.get(suffix)
    if not asked:
        if suffix and by_name is None:
            raise BadRequest(f"No paper is made as {suffix[:20]!r}.", "Name the file .pdf, .txt, .html or .csv.")
        return by_name or default
    found = next((form for form in FORMATS if form == asked.lower()), None)
    if found is None:
        raise BadRequest(f"{asked[:20]!r} is not a format for papers.", f"One of: {', '.join(FORMATS)}.")
    if by_name is not None and by_name != found:
        raise BadRequest(
            f"--as {found} does not go with a file that ends in {suffix}.", "Leave --as out, or rename the file."
        )
    return found


def page_of(paper: Paper, asked: str, own: str, *, printer: bool = False) -> PageSize:
    """The page that is asked for; else the library's ``own``, but what is made larger (the sign) stays so for any place but
    a printer. Raises BadRequest."""
    wanted = asked.lower().replace(" ", "")
    is_larger = paper.pages[0] not in ("letter", "a4") and not printer
    found = next((page for page in paper.pages if page == (wanted or ("" if is_larger else own))), None)
    if found is not None:
        return found
    if wanted:
        raise BadRequest(f"{paper.title} is not made for a page {asked[:20]!r}.", f"One of: {', '.join(paper.pages)}.")
    return paper.pages[0]


def check(paper: Paper, form: Format, *, page: str = "", large: bool = False) -> None:
    """Whether such a one can be made at all. Raises BadRequest."""
    if form not in paper.formats:
        raise BadRequest(f"{paper.title} is not made as {form}.", f"One of: {', '.join(paper.formats)}.")
    if form != "pdf" and (large or page):
        raise BadRequest(f"{'Large type' if large else 'The size of a page'} is for a PDF.", "Add --as pdf.")
    if page:
        page_of(paper, page, "")


def languages_of(paper: Paper, id: str = "", signs: Iterable[str] = ()) -> list[tuple[str, str]]:
    """(what `--language` takes, how it reads) of each language that the paper can be printed in, English first. ``signs``: those
    that the policy words the sign in."""
    if not paper.translated or (id and paper.translated == "blank"):
        return [(catalogs.ENGLISH, "English")]
    known = list(catalogs.known().items())
    if not paper.two_languages:
        return known
    known += [(code, code) for code in dict.fromkeys(map(catalogs.base, signs)) if catalogs.is_signed(signs, code)]
    return known + [(f"{catalogs.ENGLISH}+{code}", f"English, {name} below it") for code, name in known[1:]]


def check_language(paper: Paper, asked: str, id: str = "", signs: Iterable[str] = ()) -> None:
    """Whether the paper is to be had in that language; '' always. ``signs``: those that the policy words the sign in. Raises
    BadRequest."""
    if not asked:
        return
    if paper.two_languages:
        sign_text.languages(asked, signs)
        return
    if catalogs.words(asked).language != catalogs.ENGLISH and len(languages_of(paper, id)) == 1:
        only = (
            "the form of one release is its record; the blank form has others."
            if paper.translated
            else "it has no other."
        )
        raise BadRequest(f"{paper.title} is printed in English: {only}", "Leave --language out.")
    if "+" in asked:
        raise BadRequest(f"{paper.title} has one language, not two.", "Print it once for each.")


def make(
    paper: Paper,
    facts: PaperFacts,
    form: Format,
    *,
    id: str = "",
    page: str = "",
    large: bool = False,
    printer: bool = False,
) -> Printed:
    """The paper's bytes. ``printer``: for one. Raises BadRequest, Conflict (a text that nobody adopted)."""
    check(paper, form, page=page, large=large)
    if form == "pdf":
        content = paper.as_pdf(facts, page_of(paper, page, facts.page, printer=printer), large=large)
    else:
        sets = {"html": paper.as_html, "csv": paper.as_csv}.get(form, paper.as_text)
        content = sets(facts).encode("utf-8", "replace")
    language = "" if facts.language in ("", paper.own_language(facts)) else facts.language
    name = " ".join(part for part in (paper.title, id, language, "in large type" if large else "") if part)
    return Printed(paper.name, form, name + _SUFFIX_OF[form], content)
