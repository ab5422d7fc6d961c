"""Other people in a release (P6, P13): are some seen, and what is done about it? Drawing is a screen of its own."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult

from holdshelf_core.releases.types import ReleaseOthers, ReleaseRow
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.text.releases import others_line
from holdshelf_tui.widgets.fields import Choice, FormField, TextField

NONE, DRAW, UNMASKED = "none", "draw", "unmasked"


class OthersDialog(FormDialog[ReleaseRow | None]):
    """Leaves with the release as it is answered; ``draws``: instead, boxes are to be drawn."""

    title_words = "Are other people seen in it?"
    does = "Continue"
    doing = "Recording the answer"

    def __init__(self, row: ReleaseRow) -> None:
        super().__init__()
        self._row = row
        self.draws = False

    def lead(self) -> str:
        """Of which release, and what was said so far."""
        about = f"{self._row.id}: anybody besides the person or the matter that the paper names."
        return f"{about} {others_line(self._row)}"

    def fields(self) -> ComposeResult:
        """Nobody else is seen, masks are drawn, or others stay visible and the reason for that."""
        said = self._row.others
        before = NONE if said is not None and not said.seen else UNMASKED if said is not None and said.why else DRAW
        choices = [
            (DRAW, "I will look, and draw masks over others where they are seen"),
            (NONE, "nobody else is seen: I have looked"),
            (UNMASKED, "others are seen, and are not masked, because …"),
        ]
        yield FormField("Others", Choice(choices, before, id="how", rows=4))
        yield FormField(
            "Because", TextField("", "kept on record and stated in the bundle", id="why", most=300), id="why-row"
        )

    def opened(self) -> None:
        """A reason is asked for only then."""
        super().opened()
        self._show()

    @on(Choice.Changed, "#how")
    def _show(self) -> None:
        self.query_one("#why-row").display = self.query_one("#how", Choice).value == UNMASKED

    async def async_submit(self) -> ReleaseRow | None:
        """Said; or nothing yet, where it is drawn first."""
        how = self.query_one("#how", Choice).value
        if how == DRAW:
            self.draws = True
            return None
        why = self.needed("why", "Why are they not masked? It is kept on record.") if how == UNMASKED else ""
        return await self.link.act(ReleaseOthers(self._row.id, how == UNMASKED, why=why))
