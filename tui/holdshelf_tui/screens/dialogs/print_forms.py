"""Forms of the print tab: of which hold, release or quarter a paper is, and where, on which page, how large it is printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from textual.app import ComposeResult

from holdshelf_core.holds.types import HoldRow
from holdshelf_core.outbox.types import OUTBOX, PRINTER, Delivered, Printers, ReadPrinters
from holdshelf_core.releases.types import ReleaseRow
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers.catalogue import PAPERS, Format, Paper
from holdshelf_tui.papers.delivery import async_deliver, delivered_words
from holdshelf_tui.papers.printing import PAGE_WORDS, languages_of, page_of
from holdshelf_tui.screens.dialogs.doing import async_do
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.session.app import SessionApp
from holdshelf_tui.session.link import Link
from holdshelf_tui.text.time_format import moment
from holdshelf_tui.text.words import counted
from holdshelf_tui.widgets.fields import Choice, FormField, Tick

OF_A_RELEASE = ("release", "refusal", "receipt", "custody", "certificate")


class Opened(NamedTuple):
    """A paper that is read now: of which row, its text in 80 columns, and the page that the library's papers are set for."""

    paper: Paper
    id: str
    text: str
    page: str = "letter"
    facts: PaperFacts | None = None


async def async_open(link: Link, paper: Paper, id: str = "") -> Opened:
    """Asks for what stands on it, as read on a screen. Raises HoldshelfError."""
    facts = await link.act(paper.request(id, on_screen=True))
    return Opened(paper, id, paper.as_text(facts), facts.page, facts)


class HoldPaperDialog(FormDialog[Opened]):
    """Choose the hold whose notice is shown."""

    title_words = "The notice of which hold?"
    does = "Show it"
    doing = "Making the paper"

    def __init__(self, holds: Sequence[HoldRow], chosen: str = "") -> None:
        super().__init__()
        self._holds, self._chosen = list(holds), chosen

    def fields(self) -> ComposeResult:
        """All of them, the newest first."""
        rows = [
            (row.id, f"{row.id}  no. {row.reference}, {row.ground}, {counted(len(row.spans), 'camera')}")
            for row in self._holds
        ]
        yield FormField("Hold", Choice(rows, self._chosen or None, id="hold", rows=12))

    async def async_submit(self) -> Opened:
        """Return the hold's notice. Raises HoldshelfError."""
        return await async_open(self.link, PAPERS["hold"], self.query_one("#hold", Choice).value)


class ReleasePaperDialog(FormDialog[Opened]):
    """Of which release, and which paper."""

    title_words = "Which paper of which release?"
    does = "Show it"
    doing = "Making the paper"

    def __init__(self, releases: Sequence[ReleaseRow], chosen: str = "", paper: str = "") -> None:
        super().__init__()
        self._releases, self._chosen, self._paper = list(releases), chosen, paper

    def fields(self) -> ComposeResult:
        """All of them, the newest first, and their papers."""
        rows = [(row.id, f"{row.id}  {row.basis.replace('-', ' ')}, {row.state_words}") for row in self._releases]
        rows.append(("", "none: a blank form"))
        yield FormField("Release", Choice(rows, self._chosen or None, id="release", rows=7))
        papers = [(name, PAPERS[name].title) for name in OF_A_RELEASE]
        yield FormField("Paper", Choice(papers, self._paper or None, id="paper", rows=5))

    async def async_submit(self) -> Opened:
        """Return the chosen paper of the chosen release. Raises Missing where it needs one and has none, HoldshelfError."""
        paper = PAPERS[self.query_one("#paper", Choice).value]
        release = self.query_one("#release", Choice).value
        if not release and not paper.id_is_optional:
            raise Missing("release", f"{paper.title} belongs to one release: choose it.")
        return await async_open(self.link, paper, release)


class QuarterDialog(FormDialog[Opened]):
    """Choose the quarter whose report is shown."""

    title_words = "The report of which quarter?"
    does = "Show it"
    doing = "Counting"

    def __init__(self, now_utc_ns: int, chosen: str = "") -> None:
        super().__init__()
        self._now_utc_ns, self._chosen = now_utc_ns, chosen

    def fields(self) -> ComposeResult:
        """The last complete one, those before it, the running one."""
        now = moment(self._now_utc_ns)
        this = now.year * 4 + (now.month - 1) // 3
        before = [
            (f"{one // 4}-Q{one % 4 + 1}", f"{one // 4}, quarter {one % 4 + 1}")
            for one in range(this - 2, this - 6, -1)
        ]
        rows = [("", "the last complete one"), *before, ("now", "the current one, so far")]
        yield FormField("Quarter", Choice(rows, self._chosen or None, id="quarter", rows=8))

    async def async_submit(self) -> Opened:
        """Return the quarter's report. Raises HoldshelfError."""
        return await async_open(self.link, PAPERS["report"], self.query_one("#quarter", Choice).value)


class PrintDialog(FormDialog[tuple[str | None, Delivered]]):
    """Where a paper goes, on which page, how large, in which language.

    Answers the printer (None: the outbox) and what came of it.
    """

    title_words = "Print"
    does = "Print it"
    doing = "Printing"

    def __init__(self, opened: Opened, printers: Printers, *, outbox: bool) -> None:
        super().__init__()
        self._paper, self._of, self._printers, self._outbox = opened.paper, opened.id, printers, outbox
        self._given = given(opened)
        self._own_language = opened.paper.own_language(opened.facts) if opened.facts is not None else None
        self._signs = opened.facts.signs if opened.facts is not None else {}
        # A sign is larger than most printers' paper.
        self._own_page = page_of(opened.paper, "", opened.page, printer=bool(printers.printers))

    def lead(self) -> str:
        """Which paper, and why there is no printer."""
        title = f"{self._paper.title} {self._of}".strip()
        return title if self._printers.printers else f"{title}. {self._printers.problem}"

    def fields(self) -> ComposeResult:
        """Where, page, type, language."""
        yield where_field(self._printers, outbox=self._outbox)
        pages = [(page, PAGE_WORDS[page]) for page in self._paper.pages]
        yield FormField("Page", Choice(pages, self._own_page, id="page", rows=4))
        if self._paper.sets_pdf is None:  # a sign's letters are as large as its page lets them be
            yield FormField("", Tick("large type", id="large"))
        if len(languages := self.languages()) > 1:
            yield FormField("Language", Choice(languages, self._own_language, id="language", rows=4))

    def languages(self) -> list[tuple[str, str]]:
        """(what is asked for, how it reads), with those that the policy words the sign in."""
        return languages_of(self._paper, self._of, self._signs)

    async def async_submit(self) -> tuple[str | None, Delivered]:
        """Deliver the paper; return the printer (None: the outbox) and what came of it. Raises Missing, HoldshelfError."""
        where = self.query_one("#where", Choice).value
        if not where:
            raise Missing(
                "where",
                "There is no printer, and the admin has no outbox.",
                "Print it to a file with the `print` command.",
            )
        printer = printer_of(where)
        large = any(tick.value for tick in self.query("#large").results(Tick))
        page = self.query_one("#page", Choice).value
        language = next((choice.value for choice in self.query("#language").results(Choice)), "")
        done = await async_deliver(
            self.link, self._paper, self._of, printer, page=page, large=large, given=self._given, language=language
        )
        return printer, done


def where_field(printers: Printers, *, outbox: bool = True) -> FormField:
    """Where a paper goes (`printer_of` its value): to a printer, the default one first, or into one's outbox."""
    places = [
        (f"{PRINTER}:{row.name}", f"Printer {row.name}{' (the default)' if row.is_default else ''}")
        for row in sorted(printers.printers, key=lambda row: not row.is_default)
    ]
    if outbox:
        places.append((OUTBOX, "My outbox, to fetch with WinSCP or sftp"))
    return FormField("Where", Choice(places, id="where", rows=6))


def printer_of(where: str) -> str | None:
    """The printer of that name; None: one's outbox."""
    return None if where == OUTBOX else where.removeprefix(f"{PRINTER}:")


def given(opened: Opened) -> PaperFacts | None:
    """What stands on a paper that is made of an answer (who looked); None: the service is asked anew."""
    return opened.facts if opened.paper.needs == "looks" else None


async def async_to_outbox(app: SessionApp, opened: Opened, form: Format = "pdf") -> None:
    """Puts it there and says how to fetch it. To be awaited in a worker."""
    delivers = async_deliver(app.link, opened.paper, opened.id, None, form=form, given=given(opened))
    done = await async_do(app, "Making the PDF" if form == "pdf" else "Making the table", delivers)
    if done is not None:
        await app.push_screen_wait(MessageDialog(*delivered_words(app.who, None, done)))


async def async_print(app: SessionApp, opened: Opened) -> None:
    """Asks where it goes, and says what came of it. To be awaited in a worker."""
    printers = await async_do(app, "Getting the printers", app.link.read(ReadPrinters()))
    if printers is None:
        return
    form = PrintDialog(opened, printers, outbox=not app.who.admin)
    answer = await app.push_screen_wait(form)
    if answer is not None:
        await app.push_screen_wait(MessageDialog(*delivered_words(app.who, *answer)))
