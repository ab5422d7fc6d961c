"""Every paper that can be printed: the command line and the screen go through this list, and a new paper is one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import msgspec

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.reports import types
from holdshelf_core.reports.types import PaperFacts, PrintRequest
from holdshelf_tui.papers import text
from holdshelf_tui.papers.bundle_forms import certificate_document, custody_document, receipt_document
from holdshelf_tui.papers.catalogs import ENGLISH, own_language
from holdshelf_tui.papers.checklist import checklist_document
from holdshelf_tui.papers.contact_sheet import sheet_document
from holdshelf_tui.papers.destroyed import destroyed_csv, destroyed_document
from holdshelf_tui.papers.document import Document
from holdshelf_tui.papers.hold_notice import hold_document
from holdshelf_tui.papers.policy import policy_document
from holdshelf_tui.papers.refusal import refusal_document
from holdshelf_tui.papers.release_form import release_document
from holdshelf_tui.papers.requests import requests_csv, requests_document
from holdshelf_tui.papers.sign import sign_document, sign_paper
from holdshelf_tui.papers.still_sheet import still_document
from holdshelf_tui.papers.who_looked import looked_csv, looked_document

type Group = Literal["anyone", "house", "case"]
type Needs = Literal["", "hold", "release", "look", "looks", "case", "quarter"]
type Format = Literal["text", "pdf", "html", "csv"]
type PageSize = Literal["letter", "a4", "tabloid", "12x18"]
type SetsPdf = Callable[[PaperFacts, PageSize, bool], bytes]

TEXT_AND_PDF: tuple[Format, ...] = ("text", "pdf")
LETTER_AND_A4: tuple[PageSize, ...] = ("letter", "a4")

GROUPS: dict[Group, str] = {
    "anyone": "For anyone who asks",
    "house": "For the building",
    "case": "For a hold, a release, a look",
}


@dataclass(frozen=True)
class Paper:
    """One paper: its name on the command line, who makes it, what it is made for."""

    name: str
    makes: Callable[[PaperFacts], Document]
    """May raise Conflict: the policy whose text is not the adopted one (P20)."""
    group: Group
    about: str
    """What it is, in a sentence that stands behind its title."""
    needs: Needs = ""
    """What its ID names; '' it needs none."""
    id_is_optional: bool = False
    """Without an ID it is the sheet for anybody, the blank form."""
    formats: tuple[Format, ...] = TEXT_AND_PDF
    pages: tuple[PageSize, ...] = LETTER_AND_A4
    """The first is the default."""
    sets_text: Callable[[PaperFacts], str] | None = None
    """Where text is made in another way than from the document: the sign."""
    sets_csv: Callable[[PaperFacts], str] | None = None
    """Where it can be had as a table for a spreadsheet: who looked."""
    sets_pdf: SetsPdf | None = None
    """(facts, page, large) where its PDF is set in another way: the sign."""
    translated: Literal["", "blank", "always"] = ""
    """Whether the catalogs hold it in other languages: `PaperFacts.language` says in which; ``blank``: without an ID alone."""
    two_languages: bool = False
    """It may have two, as 'en+es'."""

    @property
    def title(self) -> str:
        """What it is called on the screen."""
        return types.PAPERS[self.name]

    def request(self, id: str = "", *, on_screen: bool = False) -> PrintRequest:
        """What the service is asked for it. Stills and sheets are asked for where their pictures are: `still_sheet`,
        `contact_sheet`; who looked by `holdshelf_tui.cli.who`, which asked the log."""
        hold, release, quarter = (id if self.needs == need else "" for need in ("hold", "release", "quarter"))
        return PrintRequest(self.name, release=release, hold=hold, quarter=quarter, on_screen=on_screen)

    def speaks(self, facts: PaperFacts) -> PaperFacts:
        """The same, in English where the paper has no other language: a record, the form of one release."""
        if self.translated == "always" or (self.translated == "blank" and facts.released is None):
            return facts
        return msgspec.structs.replace(facts, language=ENGLISH)

    def own_language(self, facts: PaperFacts) -> str:
        """What it is in where nobody asks for a language: the library's first that it can be in."""
        return own_language(facts, facts.signs if self.two_languages else ())

    def as_text(self, facts: PaperFacts) -> str:
        """80 columns, inert on a terminal."""
        facts = self.speaks(facts)
        return self.sets_text(facts) if self.sets_text is not None else text.render(self.makes(facts))

    def as_pdf(self, facts: PaperFacts, page: PageSize | None = None, *, large: bool = False) -> bytes:
        """A PDF with its fonts in it; ``page``: one of ``pages``; ``large``: for eyes that need it."""
        page, facts = page or self.pages[0], self.speaks(facts)
        if self.sets_pdf is not None:
            return self.sets_pdf(facts, page, large)
        from holdshelf_tui.papers import pdf  # noqa: PLC0415 (few papers are PDFs)

        return pdf.render(self.makes(facts), page="a4" if page == "a4" else "letter", large=large)

    def as_csv(self, facts: PaperFacts) -> str:
        """A table for a spreadsheet. Raises BadRequest when there is none of it."""
        if self.sets_csv is None:
            raise BadRequest(f"{self.title} is not made as csv.", f"One of: {', '.join(self.formats)}.")
        return self.sets_csv(self.speaks(facts))

    def as_html(self, facts: PaperFacts) -> str:
        """A page that stands alone."""
        from holdshelf_tui.papers import html  # noqa: PLC0415 (few papers need it)

        return html.render(self.makes(self.speaks(facts)))


def _sign_pdf(facts: PaperFacts, page: PageSize, _large: bool) -> bytes:
    from holdshelf_tui.papers.sign_pdf import sign_pdf  # noqa: PLC0415 (few papers are PDFs)

    return sign_pdf(facts, page)


def _report_document(facts: PaperFacts) -> Document:
    from holdshelf_tui.papers.report import report_document  # noqa: PLC0415 (it brings textual along)

    return report_document(facts)


PAPERS: dict[str, Paper] = {
    paper.name: paper
    for paper in (
        Paper(
            "policy",
            policy_document,
            "anyone",
            "The adopted text. No name is asked for.",
            formats=("text", "pdf", "html"),
            translated="always",
        ),
        Paper("checklist", checklist_document, "house", "What to check at each entrance and camera."),
        Paper(
            "sign",
            sign_document,
            "anyone",
            "The notice at an entrance.",
            pages=("12x18", "tabloid", "letter", "a4"),
            sets_text=sign_paper,
            sets_pdf=_sign_pdf,
            translated="always",
            two_languages=True,
        ),
        Paper(
            "refusal",
            refusal_document,
            "anyone",
            "For someone who asks for footage: what the library needs first.",
            needs="release",
            id_is_optional=True,
            translated="always",
        ),
        Paper("hold", hold_document, "case", "What is kept, why, and until when.", needs="hold"),
        Paper(
            "release",
            release_document,
            "case",
            "To request, approve and hand over footage.",
            needs="release",
            id_is_optional=True,
            translated="blank",
        ),
        Paper(
            "receipt",
            receipt_document,
            "case",
            "The key's fingerprint, for the officer.",
            needs="release",
        ),
        Paper(
            "custody",
            custody_document,
            "case",
            "To be signed by each person who takes the recording.",
            needs="release",
        ),
        Paper(
            "certificate",
            certificate_document,
            "case",
            "What goes to a court with a bundle.",
            needs="release",
        ),
        Paper(
            "still",
            still_document,
            "case",
            "A picture with its legend, to be returned.",
            needs="look",
            formats=("pdf",),
        ),
        Paper(
            "sheet",
            sheet_document,
            "case",
            "Up to 24 pictures of a hold or a release on one sheet.",
            needs="case",
            formats=("pdf",),
        ),
        Paper(
            "report",
            _report_document,
            "house",
            "For the Board: what was kept, viewed and released.",
            needs="quarter",
            id_is_optional=True,
        ),
        Paper(
            "destroyed",
            destroyed_document,
            "house",
            "What was destroyed in a quarter, when, and by which rule.",
            needs="quarter",
            id_is_optional=True,
            formats=("text", "pdf", "csv"),
            sets_csv=destroyed_csv,
        ),
        Paper(
            "requests",
            requests_document,
            "house",
            "Who asked for footage in a quarter, on what basis, and how it was answered.",
            needs="quarter",
            id_is_optional=True,
            formats=("text", "pdf", "csv"),
            sets_csv=requests_csv,
            translated="always",
        ),
        Paper(
            "who",
            looked_document,
            "case",
            "Who saw a camera's pictures or took a copy, of a day or an incident.",
            needs="looks",
            formats=("text", "pdf", "csv"),
            sets_csv=looked_csv,
        ),
    )
}
