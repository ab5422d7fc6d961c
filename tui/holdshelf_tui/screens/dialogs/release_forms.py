"""Footage that is asked for from outside (P13): the request, its paper, and the second person's word.

A gate's no is an answer, not a mistake: it is kept under its number, and the form leaves with it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from holdshelf_core.api.errors import BadRequest, Refused
from holdshelf_core.api.types import CameraRow
from holdshelf_core.holds.types import SpanAsk
from holdshelf_core.people.board_types import Choices
from holdshelf_core.policy.governing import own_board
from holdshelf_core.releases.types import (
    PaperAsk,
    ReleaseAmend,
    ReleaseApprove,
    ReleaseExtend,
    ReleaseRefuse,
    ReleaseRequest,
    ReleaseRow,
    ReleaseWithdraw,
    SpanRow,
)
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing, in_words
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.screens.dialogs.span_form import SpanForm
from holdshelf_tui.text.releases import answer_words, others_line, stopped_release
from holdshelf_tui.text.time_off_loop import async_end, async_start
from holdshelf_tui.text.time_span import typed_day
from holdshelf_tui.widgets.fields import Choice, FormField, Picks, TextField, Tick

ACT = "release.approve"
ANY_CAMERA = "*"
SHOWN_S = 0.1
"""Fields that came up have their places by then."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """``row`` when the gates passed it; else ``release`` was stopped, and ``sentence`` says why."""

    release: str
    row: ReleaseRow | None = None
    sentence: str = ""


def stopped(error: Refused) -> Outcome | None:
    """The no of a gate, which is kept under its number; None: the act itself was refused."""
    release = stopped_release(error)
    return Outcome(release, sentence=in_words(error)) if release else None


# --- the paper ------------------------------------------------------------------------------------------------------


SAID = ("issuer", "docket", "agency", "officer")
"""Of what a basis needs, what is typed."""


def paper_fields(cameras: Sequence[CameraRow], *, same: bool) -> Iterator[Widget]:
    """What the paper says. ``same``: it may name exactly what is asked for."""
    choices = [(ANY_CAMERA, "any camera"), *((camera.id, camera.name) for camera in cameras)]
    yield paper_field()
    yield FormField("Issued by", TextField("", "the court, or who signed", id="issuer", most=120))
    yield FormField("Docket or case", TextField("", "its number, never a name", id="docket", most=60))
    yield FormField("Agency", TextField("", "who asks, e.g., Trumbull Police", id="agency", most=120))
    yield FormField("Officer", TextField("", "name and badge number", id="officer", most=120))
    yield FormField("", Tick("a judge signed it", id="judge"))
    yield FormField("Its last day", TextField("", "blank: it names none", id="lapses", most=40))
    if same:
        yield FormField("", Tick("it names exactly the cameras and times above", id="same"))
    yield FormField("It names", Picks(choices, id="scope-cameras", rows=4), id="scope-row")
    yield FormField("", TextField("", "from when, as it reads", id="scope-from", most=80), id="scope-from-row")
    yield FormField("", TextField("", "to when", id="scope-to", most=80), id="scope-to-row")
    yield FormField("", Tick("it asks for the original, nothing hidden", id="original"))


def typed_or_missing(form: FormDialog[Outcome], field: str) -> str:
    """A typed day as the service takes it, '' when left out. Raises Missing."""
    typed = form.text(field)
    try:
        return typed_day(typed, time.time_ns()) if typed else ""
    except BadRequest as error:
        raise Missing(field, error.sentence, error.next_step) from None


async def async_paper(form: FormDialog[Outcome], kind: str, same: Sequence[SpanAsk]) -> PaperAsk:
    """The paper as it is filled in. ``same``: what is asked for, where it names exactly that. Raises Missing."""
    last_day = typed_or_missing(form, "lapses")
    if same:
        scope = [SpanRow(one.camera, one.start_utc_ns, one.end_utc_ns or one.start_utc_ns) for one in same]
    else:
        scope = await _async_scope(form)
    return PaperAsk(
        sha256_of(form.text("paper")),
        kind,
        form.text("issuer"),
        form.text("docket"),
        form.text("agency"),
        form.text("officer"),
        form.query_one("#judge", Tick).value,
        scope,
        last_day,
        form.query_one("#original", Tick).value,
    )


async def _async_scope(form: FormDialog[Outcome]) -> list[SpanRow]:
    cameras = form.query_one("#scope-cameras", Picks).selected
    if not cameras:
        raise Missing("scope-cameras", "Which cameras does the paper name? Check them with Space.")
    begins = form.text("scope-from")
    ends = form.text("scope-to")
    now_utc_ns = time.time_ns()
    try:
        start_utc_ns = await async_start(begins, now_utc_ns)
    except BadRequest as error:
        raise Missing("scope-from", error.sentence, error.next_step) from None
    try:
        end_utc_ns = await async_end(ends, start_utc_ns, now_utc_ns)
    except BadRequest as error:
        raise Missing("scope-to", error.sentence, error.next_step) from None
    named = [""] if ANY_CAMERA in cameras else cameras
    return [SpanRow(camera, start_utc_ns, end_utc_ns) for camera in named]


# --- forms ----------------------------------------------------------------------------------------------------------


class RequestDialog(SpanForm[Outcome]):
    """Ask both gates. ``spans``: from the marks, [] to type them."""

    title_words = "Request for footage from outside"
    does = "Check whether it may be released"
    doing = "Checking whether it may be released"
    until_lifted: ClassVar[bool] = False

    def fields(self) -> ComposeResult:
        """Basis, number, what, and the paper when it is here."""
        yield FormField("On the basis of", Choice(self.link.policy.bases, id="basis", rows=7))
        yield FormField("Danger", TextField("", "what the danger is", id="why", most=300), id="why-row")
        yield FormField("Number", TextField("", "case or incident number, never a name", id="reference", most=60))
        yield from self.span_fields()
        yield FormField("Received", TextField("", "blank: today", id="received", most=40), id="received-row")
        yield FormField("Known", Picks(self.link.policy.stated, id="stated", rows=3), id="stated-row")
        yield FormField("", Tick("the paper is here", id="has-paper"))
        yield from paper_fields(self._cameras, same=True)

    def opened(self) -> None:
        """What belongs to a paper is asked for only when there is one."""
        super().opened()
        self._show()

    @on(Tick.Changed)
    @on(Choice.Changed, "#basis")
    def _show(self) -> None:
        has_paper = self.query_one("#has-paper", Tick).value
        same = self.query_one("#same", Tick).value
        said = self._said()
        for field in ("paper", "issuer", "docket", "agency", "officer", "judge", "lapses", "same", "original"):
            row = self.query_one(f"#{field}").parent
            if row is not None and isinstance(row.parent, FormField):
                row.parent.display = has_paper or field in said
        for name in ("scope-row", "scope-from-row", "scope-to-row"):
            self.query_one(f"#{name}").display = has_paper and not same
        if has_paper:
            # What has come up lies below: bring it into sight.
            self.set_timer(SHOWN_S, self._bring_up)
        policy, basis = self.link.policy, self.query_one("#basis", Choice).value
        self.query_one("#why-row").display = policy.is_urgent(basis)
        self.query_one("#received-row").display = basis in policy.timed
        asked = policy.needs.get(basis, [])
        self.query_one("#stated-row").display = any(need in asked for need, _ in policy.stated)

    def _said(self) -> list[str]:
        """What is written down as it is said, on a basis that takes no paper."""
        policy, basis = self.link.policy, self.query_one("#basis", Choice).value
        return [need for need in policy.needs.get(basis, []) if need in SAID] if policy.is_spoken(basis) else []

    def _bring_up(self) -> None:
        self.query_one("#fields").scroll_to_widget(self.query_one("#has-paper"), top=True, animate=False)

    async def async_submit(self) -> Outcome:
        """Asked; a no is kept under its number, too."""
        spans = await self.async_spans()
        basis = self.query_one("#basis", Choice).value
        paper = None
        if self.query_one("#has-paper", Tick).value:
            paper = await async_paper(self, basis, spans if self.query_one("#same", Tick).value else [])
        rows = [SpanRow(one.camera, one.start_utc_ns, one.end_utc_ns or one.start_utc_ns) for one in spans]
        if paper is None and self._said():
            issuer, docket, agency, officer = map(self.text, SAID)
            paper = PaperAsk("", basis, issuer, docket, agency, officer, False, rows)
        stated = self.query_one("#stated", Picks).selected if self.query_one("#stated-row").display else []
        received = typed_or_missing(self, "received")
        asked = ReleaseRequest(basis, rows, self.text("reference"), paper, self.text("why"), stated, received)
        try:
            row = await self.link.act(asked)
        except Refused as error:
            if (outcome := stopped(error)) is not None:
                return outcome
            raise
        return Outcome(row.id, row)


class PaperDialog(FormDialog[Outcome]):
    """Add the paper that was missing, or that follows an emergency."""

    title_words = "The paper is here"
    does = "Check again whether it may be released"
    doing = "Checking whether it may be released"

    def __init__(self, row: ReleaseRow, cameras: Sequence[CameraRow]) -> None:
        super().__init__()
        self._row, self._cameras = row, list(cameras)

    def lead(self) -> str:
        return f"{self._row.id}: {self._row.basis_words}."

    def fields(self) -> ComposeResult:
        """What it is, and what it says."""
        kinds = [basis for basis in self.link.policy.bases if not self.link.policy.is_urgent(basis[0])]
        yield FormField("It is", Choice(kinds, self._row.basis, id="kind", rows=4))
        yield from paper_fields(self._cameras, same=True)

    @on(Tick.Changed, "#same")
    def _show(self) -> None:
        same = self.query_one("#same", Tick).value
        for name in ("scope-row", "scope-from-row", "scope-to-row"):
            self.query_one(f"#{name}").display = not same

    async def async_submit(self) -> Outcome:
        """Have the request checked again with the paper. Raises Missing, HoldshelfError."""
        asked_for = [SpanAsk(span.camera, span.start_utc_ns, span.end_utc_ns) for span in self._row.given]
        same = self.query_one("#same", Tick).value
        paper = await async_paper(self, self.query_one("#kind", Choice).value, asked_for if same else [])
        return await async_amend(self, ReleaseAmend(self._row.id, paper))


async def async_amend(form: FormDialog[Outcome], asked: ReleaseAmend) -> Outcome:
    """Ask the gates again. A gate's no is an outcome. Raises HoldshelfError."""
    try:
        row = await form.link.act(asked)
    except Refused as error:
        if (outcome := stopped(error)) is not None:
            return outcome
        raise
    return Outcome(row.id, row)


class AgainDialog(FormDialog[Outcome]):
    """Trim the request to its paper, or ask as it is: after counsel's word."""

    title_words = "Check again whether it may be released"
    does = "Check again"
    doing = "Checking whether it may be released"

    def __init__(self, row: ReleaseRow) -> None:
        super().__init__()
        self._row = row

    def fields(self) -> ComposeResult:
        choices = [
            *([("trim", "trimmed to what its paper names")] if self._row.paper is not None else []),
            ("as-is", own_board("unchanged: counsel has made a determination, or the Board changed a setting")),
        ]
        yield FormField("Check it", Choice(choices, id="how"))

    async def async_submit(self) -> Outcome:
        """Have the request checked again, trimmed to its paper or as it is. Raises HoldshelfError."""
        trim = self.query_one("#how", Choice).value == "trim"
        return await async_amend(self, ReleaseAmend(self._row.id, trim=trim))


class ExtendDialog(FormDialog[Outcome]):
    """More time for the answer, once and as its basis allows."""

    title_words = "More time for the answer"
    does = "Give it more time"
    doing = "Giving it more time"

    def __init__(self, row: ReleaseRow) -> None:
        super().__init__()
        self._row = row

    def lead(self) -> str:
        return f"{self._row.id}. {answer_words(self._row)} It can be given more time once; whoever asked is told why."

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "e.g., three hours to look through", id="why", most=200))

    async def async_submit(self) -> Outcome:
        """Give it more time. Raises Missing, HoldshelfError."""
        row = await self.link.act(ReleaseExtend(self._row.id, self.needed("why", "Why does it take longer?")))
        return Outcome(row.id, row)


class DecideReleaseDialog(FormDialog[Outcome]):
    """The word of who approves: a second person, unless none is needed. ``own``: who sits here asked for it."""

    title_words = "A release waits for approval"
    does = "Decide"
    doing = "Recording the decision"

    def __init__(self, row: ReleaseRow, *, own: bool, decides: bool) -> None:
        super().__init__()
        self._row, self._own, self._decides = row, own, decides

    def lead(self) -> str:
        """Who asks for what."""
        row = self._row
        return (
            f"{row.id}, on {row.basis_words}, requested by {row.requested_by_name}."
            + (f" Caution: {row.caution}" if row.caution else "")
            + (f" {others_line(row)}" if row.others is not None or row.needs_others else "")
        )

    def fields(self) -> ComposeResult:
        """Which word, whose paper, why."""
        row = self._row
        choices = []
        if row.state == "requested" and self._decides:
            whole = row.paper is not None and row.paper.original
            if not self._own or ACT in self.link.policy.alone:
                covered = (
                    "what its paper covers" if row.paper is not None and row.paper.sha256 else "what was requested"
                )
                choices.append(("approve", f"I approve: release {covered}"))
                choices += [("original", "I approve, and the original is released: nothing hidden")] if whole else []
            if self._signers():
                choices.append(("paper", "another seat approves, on a signed paper"))
                choices += (
                    [("paper-original", "the same, and the original is released: nothing hidden")] if whole else []
                )
        if self._decides:
            choices.append(("refuse", "no: it is not released"))
        if self._own:
            choices.append(("withdraw", "I withdraw my request"))
        yield FormField("Decision", Choice(choices, id="word"))
        yield FormField(
            "Signed by",
            Choice(self._signers(), self.link.policy.for_the_board, id="seat"),
            id="seat-row",
        )
        paper = paper_field()
        paper.id = "paper-row"
        yield paper
        if consults := self.link.policy.consulted_for(row.basis):
            yield FormField("Consulted", Picks(consults, id="consulted", rows=3), hint="Where it was not said before.")
        yield FormField("Why or note", TextField("", "required to refuse", id="note", most=300))

    def _signers(self) -> Choices:
        return self.link.policy.signers(ACT, self._row.basis)

    def opened(self) -> None:
        """What a paper needs is asked for only then."""
        super().opened()
        self._show()

    @on(Choice.Changed, "#word")
    def _show(self) -> None:
        by_paper = self.query_one("#word", Choice).value.startswith("paper")
        self.query_one("#seat-row").display = by_paper
        self.query_one("#paper-row").display = by_paper

    async def async_submit(self) -> Outcome:
        """Decided. Both gates are asked once more before a yes."""
        word, key = self.query_one("#word", Choice).value, self._row.id
        if word in ("refuse", "withdraw"):
            why = self.needed("note", "Why? A few words are enough.")
            end = ReleaseRefuse if word == "refuse" else ReleaseWithdraw
            row = await self.link.act(end(key, why))
            return Outcome(row.id, row)
        by_paper = word.startswith("paper")
        asked = ReleaseApprove(
            key,
            sha256_of(self.text("paper")) if by_paper else "",
            self.query_one("#seat", Choice).value if by_paper else "",
            self.text("note"),
            word.endswith("original"),
            self.query_one("#consulted", Picks).selected if self.query("#consulted") else [],
        )
        try:
            row = await self.link.act(asked)
        except Refused as error:
            if (outcome := stopped(error)) is not None:
                return outcome
            raise
        return Outcome(row.id, row)
