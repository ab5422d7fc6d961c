"""Every paper that can be printed: the command line and the screen go through this list, and a new paper is one line here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from holdshelf_core.api.paper_types import PaperFacts, PrintRequest
from holdshelf_tui.papers import text
from holdshelf_tui.papers.bundle_forms import certificate_document, custody_document, receipt_document
from holdshelf_tui.papers.checklist import checklist_document
from holdshelf_tui.papers.document import Document
from holdshelf_tui.papers.hold_notice import hold_document
from holdshelf_tui.papers.policy import policy_document
from holdshelf_tui.papers.refusal import refusal_document
from holdshelf_tui.papers.release_form import release_document
from holdshelf_tui.papers.sign import sign_document, sign_paper
from holdshelf_tui.papers.still_sheet import still_document

type Needs = Literal["", "hold", "release", "look", "quarter"]
type Format = Literal["text", "pdf", "html"]
type PageSize = Literal["letter", "a4", "tabloid", "12x18"]
type SetsPdf = Callable[[PaperFacts, PageSize, bool], bytes]

TEXT_AND_PDF: tuple[Format, ...] = ("text", "pdf")
LETTER_AND_A4: tuple[PageSize, ...] = ("letter", "a4")


@dataclass(frozen=True)
class Paper:
    """One paper: its name on the command line, its title on the screen, who makes it, what it is made for."""

    name: str
    title: str
    makes: Callable[[PaperFacts], Document]
    """May raise Conflict: the policy whose text is not the adopted one (P20)."""
    needs: Needs = ""
    """What its ID names; '' it needs none."""
    id_is_optional: bool = False
    """Without an ID it is the sheet for anybody, the blank form."""
    formats: tuple[Format, ...] = TEXT_AND_PDF
    pages: tuple[PageSize, ...] = LETTER_AND_A4
    """The first is the default."""
    sets_text: Callable[[PaperFacts], str] | None = None
    """Where text is made in another way than from the document: the sign."""
    sets_pdf: SetsPdf | None = None
    """(facts, page, large) where its PDF is set in another way: the sign."""

    def request(self, id: str = "", *, on_screen: bool = False) -> PrintRequest:
        """What the service is asked for it. A still is asked for by `holdshelf_tui.cli.still_sheet`, which has its picture."""
        hold, release, quarter = (id if self.needs == need else "" for need in ("hold", "release", "quarter"))
        return PrintRequest(self.name, release=release, hold=hold, quarter=quarter, on_screen=on_screen)

    def as_text(self, facts: PaperFacts) -> str:
        """80 columns, inert on a terminal."""
        return self.sets_text(facts) if self.sets_text is not None else text.render(self.makes(facts))

    def as_pdf(self, facts: PaperFacts, page: PageSize | None = None, *, large: bool = False) -> bytes:
        """A PDF with its fonts in it; ``page``: one of ``pages``; ``large``: for eyes that need it."""
        page = page or self.pages[0]
        if self.sets_pdf is not None:
            return self.sets_pdf(facts, page, large)
        from holdshelf_tui.papers import pdf  # noqa: PLC0415 (it brings fpdf along)

        return pdf.render(self.makes(facts), page="a4" if page == "a4" else "letter", large=large)

    def as_html(self, facts: PaperFacts) -> str:
        """A page that stands alone."""
        from holdshelf_tui.papers import html  # noqa: PLC0415 (few papers need it)

        return html.render(self.makes(facts))


def _sign_pdf(facts: PaperFacts, page: PageSize, _large: bool) -> bytes:
    from holdshelf_tui.papers.sign_pdf import sign_pdf  # noqa: PLC0415 (it brings fpdf along)

    return sign_pdf(facts, page)


def _report_document(facts: PaperFacts) -> Document:
    from holdshelf_tui.papers.report import report_document  # noqa: PLC0415 (it brings textual along)

    return report_document(facts)


PAPERS: dict[str, Paper] = {
    paper.name: paper
    for paper in (
        Paper("policy", "Policy", policy_document, formats=("text", "pdf", "html")),
        Paper("checklist", "Checklist", checklist_document),
        Paper(
            "sign",
            "Sign for an entrance",
            sign_document,
            pages=("12x18", "tabloid", "letter", "a4"),
            sets_text=sign_paper,
            sets_pdf=_sign_pdf,
        ),
        Paper("refusal", "What we need", refusal_document, needs="release", id_is_optional=True),
        Paper("hold", "Hold notice", hold_document, needs="hold"),
        Paper("release", "Release form", release_document, needs="release", id_is_optional=True),
        Paper("receipt", "Receipt of a release", receipt_document, needs="release"),
        Paper("custody", "Chain of custody", custody_document, needs="release"),
        Paper("certificate", "Certificate", certificate_document, needs="release"),
        Paper("still", "Still picture", still_document, needs="look", formats=("pdf",)),
        Paper("report", "Quarterly report", _report_document, needs="quarter", id_is_optional=True),
    )
}
