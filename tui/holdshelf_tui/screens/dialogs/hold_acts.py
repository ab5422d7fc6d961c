"""What is done to a hold: reviewed, asked to be lifted, and the second person's word on a lift (P16)."""

from __future__ import annotations

from collections.abc import Sequence

from textual import on
from textual.app import ComposeResult

from holdshelf_core.holds.types import HoldApprove, HoldLift, HoldReview, HoldRow
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.dialogs.form import FormDialog, Missing
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.text.holds import review_words
from holdshelf_tui.text.time_format import when
from holdshelf_tui.widgets.fields import Choice, FormField, TextField

ACT = "hold.lift"
SECOND_FIRST = "A second person must approve it. Then comes a grace period"
APPROVE, PAPER, REFUSE = "approve", "paper", "refuse"


class ReviewDialog(FormDialog[HoldRow]):
    """Still needed: when it is looked at next."""

    title_words = "Review a hold"
    does = "Still needed"
    doing = "Recording the review"

    def __init__(self, hold: HoldRow) -> None:
        super().__init__()
        self._hold = hold

    def lead(self) -> str:
        """Which one, and since when it waits."""
        due = review_words(self._hold)
        return f"{self._hold.id}, no. {self._hold.reference}. Review {'is ' if self._hold.overdue else 'by '}{due}."

    def fields(self) -> ComposeResult:
        """What was found, and the next one."""
        yield FormField("Finding", TextField("", "e.g., trial in March", id="note", most=500))
        yield FormField(
            "Next review in", TextField("", own_board("days; blank: as the Board set it"), id="days", most=10)
        )

    async def async_submit(self) -> HoldRow:
        """Enter the review; its next one comes in so many days, or as the Board set it. Raises Missing, HoldshelfError."""
        note = self.needed("note", "What did the review find? A few words are enough.")
        typed = self.text("days").removesuffix("days").strip()
        if typed and not typed.isdecimal():
            raise Missing("days", "In how many days is the next review?", "Type a number, e.g., 90.")
        asked = HoldReview(self._hold.id, note, int(typed) if typed else None)
        return await self.link.act(asked)


class LiftDialog(FormDialog[HoldRow]):
    """Ask for it to be lifted. Nothing is erased by that."""

    title_words = "Ask for a hold to be lifted"
    does = "Ask for it"
    doing = "Asking for the lift"

    def __init__(self, hold: HoldRow) -> None:
        super().__init__()
        self._hold = hold

    def lead(self) -> str:
        """What becomes of it."""
        named = f"{self._hold.id}, no. {self._hold.reference}."
        comes = "A grace period comes first" if ACT in self.link.policy.alone else SECOND_FIRST
        return (
            f"{named} {comes}, when the lift can be undone. Only after that is the footage erased on schedule, like all "
            "footage of its age."
        )

    def fields(self) -> ComposeResult:
        yield FormField("Why", TextField("", "e.g., case closed, letter of Nov 3", id="why", most=500))

    async def async_submit(self) -> HoldRow:
        """Ask for the lift, for the reason that was typed. Raises Missing, HoldshelfError."""
        why = self.needed("why", "Why is the hold no longer needed? A few words are enough.")
        return await self.link.act(HoldLift(self._hold.id, why))


class DecideDialog(FormDialog[HoldRow]):
    """The word on a lift: a second person's on screen, another seat's on signed paper, or no.

    ``own_asking``: who sits here asked for it, so their own word does not count, unless it takes no second person any more.
    """

    title_words = "A lift waits for approval"
    does = "Decide"
    doing = "Recording the decision"

    def __init__(self, hold: HoldRow, *, own_asking: bool) -> None:
        super().__init__()
        self._hold, self._own = hold, own_asking

    def lead(self) -> str:
        """Who asks for what, and why."""
        hold = self._hold
        if hold.state == "grace":
            until = when(hold.grace_end_utc_ns)
            return (
                f"{hold.id}, no. {hold.reference}, is lifted, and its footage is kept "
                f"until {until}. Until then the lift can be undone."
            )
        asker = hold.lift_by_name or "Somebody"
        lead = f"{asker} asks to lift {hold.id}, no. {hold.reference}{f': {why}' if (why := hold.lift_why.rstrip('.')) else ''}."
        return lead + (
            " You cannot decide this; another seat must. You can enter a paper that they signed."
            if not self._may_approve
            else ""
        )

    @property
    def _may_approve(self) -> bool:
        return not self._own or ACT in self.link.policy.alone

    def fields(self) -> ComposeResult:
        """Which word; for a paper, whose."""
        choices: Sequence[tuple[str, str]]
        if self._hold.state == "grace":
            choices = [(REFUSE, "undo the lift: the hold stays in force")]
        else:
            choices = [
                *([(APPROVE, "I approve: lift it, after the grace period")] if self._may_approve else []),
                *([(PAPER, "another seat approves, on a signed paper")] if self.link.policy.signers(ACT) else []),
                (REFUSE, "no: the hold stays in force"),
            ]
        yield FormField("Decision", Choice(choices, id="word"))
        yield FormField(
            "Signed by",
            Choice(self.link.policy.signers(ACT), self.link.policy.for_the_board, id="seat"),
            id="seat-row",
        )
        paper = paper_field()
        paper.id = "paper-row"
        yield paper
        yield FormField("Note", TextField("", "optional", id="note", most=500))

    def opened(self) -> None:
        """What a paper needs is asked for only then."""
        super().opened()
        self._show()

    @on(Choice.Changed, "#word")
    def _show(self) -> None:
        by_paper = self.query_one("#word", Choice).value == PAPER
        self.query_one("#seat-row").display = by_paper
        self.query_one("#paper-row").display = by_paper

    async def async_submit(self) -> HoldRow:
        """Approve or refuse the lift; by another seat's signed paper, with its SHA-256. Raises HoldshelfError."""
        word, note = self.query_one("#word", Choice).value, self.text("note")
        if word == PAPER:
            seat = self.query_one("#seat", Choice).value
            asked = HoldApprove(self._hold.id, sha256_of(self.text("paper")), seat, note=note)
        else:
            asked = HoldApprove(self._hold.id, refuse=word == REFUSE, note=note)
        return await self.link.act(asked)
