"""The way of a camera into use (P3 to P8) as steps: what is done, what is left, and what each of them says. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from holdshelf_core.cameras.commission_types import CommissionRow, EntranceRow
from holdshelf_tui.screens.dialogs.entrance import sign_words

SIGNS, PLACE, AIM, MASKS, LOOK, APPROVE = "signs", "place", "aim", "masks", "look", "approve"
STEPS = {
    SIGNS: "Signs at the entrances",
    PLACE: "What it looks at",
    AIM: "Aim it",
    MASKS: "Draw what is hidden",
    LOOK: "See the masked picture",
    APPROVE: "Approve it for use",
}


@dataclass(frozen=True, slots=True)
class Way:
    """How far it has come. ``unkept``: something is drawn that is not kept; ``aimed``, ``looked``: seen in this visit."""

    row: CommissionRow
    entrances: Sequence[EntranceRow]
    unkept: bool = False
    aimed: bool = False
    looked: bool = False

    @property
    def in_use(self) -> bool:
        """Whether it has come to its end."""
        return self.row.state == "approved"

    def done(self, step: str) -> bool:
        """Whether that one needs nothing more."""
        row = self.row
        if self.in_use:
            return True
        return {
            SIGNS: bool(self.entrances) and all(entrance.ready for entrance in self.entrances),
            PLACE: row.is_placed,
            AIM: self.aimed or bool(row.masks or row.no_masks_why),
            MASKS: bool(row.masks or row.no_masks_why) and not self.unkept,
            LOOK: self.looked,
            APPROVE: False,
        }[step]

    @property
    def next_step(self) -> str:
        """The first one that is left."""
        return next((step for step in STEPS if not self.done(step)), SIGNS)

    def titles(self) -> list[str]:
        """The steps, numbered and ticked."""
        return [f"{'✓' if self.done(step) else '○'} {n} {words}" for n, (step, words) in enumerate(STEPS.items(), 1)]

    def hint(self, step: str) -> list[str]:
        """What stands beside it."""
        return {
            SIGNS: self._signs,
            PLACE: self._place,
            AIM: lambda: self._picture(
                "Enter shows what it sees now, with nothing hidden. This goes into the access log; the picture is not saved."
            ),
            MASKS: self._masks,
            LOOK: lambda: self._picture("Enter shows it as everyone will see it. Approve the camera by this picture."),
            APPROVE: self._approve,
        }[step]()

    def _signs(self) -> list[str]:
        if not self.entrances:
            return ["No entrance is registered yet."]
        unready = [f"▲ {entrance.name}: {sign_words(entrance)}" for entrance in self.entrances if not entrance.ready]
        return unready or ["All signs are attested or waived."]

    def _place(self) -> list[str]:
        row = self.row
        note = f" ({row.area_note})" if row.area_note else ""
        beyond = "It may see beyond library property." if row.exterior else "It sees only library property."
        return [f"{row.area_words or 'not known'}{note}.", beyond]

    def _picture(self, words: str) -> list[str]:
        return ["It is in use: look at it under Live or Timeline, for a purpose."] if self.in_use else [words]

    def _masks(self) -> list[str]:
        if self.unkept:
            return ["▲ What you drew is not saved yet."]
        if self.in_use:
            return [
                "Changing what is hidden takes the camera out of use until it is approved again.",
                *hidden_words(self.row),
            ]
        return hidden_words(self.row) or ["Hide screens, desks and shelves where anything could be read."]

    def _approve(self) -> list[str]:
        row = self.row
        if self.in_use:
            return [f"Approved by {row.approved_by}." if row.approved_by else "Approved."]
        cautions = [f"▲ {sentence}" for sentence in row.cautions]
        if row.lacking:
            return [f"▲ {sentence}" for sentence in row.lacking]
        return ["Enter brings it into use." if self.looked else "▲ First look at the masked picture.", *cautions]


def hidden_words(row: CommissionRow) -> list[str]:
    """What is hidden, or why nothing is; [] while nobody has said."""
    if row.masks:
        return [f"Hidden: {'; '.join(mask.why or 'without a reason' for mask in row.masks)}."]
    return [f"Nothing is hidden: {row.no_masks_why}."] if row.no_masks_why else []


def drawing_hint(corners: int, *, shape: bool, unkept: bool) -> list[str]:
    """What the keys do next, while something is drawn."""
    if shape and corners >= 3:
        return ["Enter on the first or the last corner closes the shape.", "Backspace removes a corner."]
    if shape:
        return ["A shape: Enter sets its corners, one after the other around it."]
    if corners:
        return ["Move to the opposite corner, and press Enter.", "Backspace removes the corner."]
    begin = ["Arrows move, Enter sets a corner; two make a rectangle."]
    return [*begin, "▲ Not saved yet: S saves the masks." if unkept else "Tab goes to the list."]
