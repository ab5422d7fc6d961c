"""What is done when the access log, the register or the state behind them is not what it was: looked at, and gone on from.

Each act is flagged, and a second person reviews it.
"""

from __future__ import annotations

from textual.app import ComposeResult

from holdshelf_core.access_log.types import LogAccept, LogRepair, RegisterCheck, RegisterChecked, RegisterSettle
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.screens.dialogs.form import FormDialog
from holdshelf_tui.screens.dialogs.paper import paper_field, sha256_of
from holdshelf_tui.text.words import counted
from holdshelf_tui.widgets.fields import Choice, FormField, TextField

CHECK, SETTLE, REPAIR, ACCEPT = "check", "settle", "repair", "accept"
CHOICES = (
    (CHECK, "compare the register with the access log; nothing is changed"),
    (SETTLE, "make the register match the access log"),
    (REPAIR, "set a damaged log aside, unchanged, and begin a new one that names it"),
    (ACCEPT, "go on with an older state, on the Board's signed paper"),
)


class MendDialog(FormDialog[tuple[str, str]]):
    """Leaves with a title and what came of it. ``admin``: only the admin accepts an older state."""

    title_words = "Repair the access log or the register"
    does = "Do it"
    doing = "Looking at the record"

    def __init__(self, *, admin: bool) -> None:
        super().__init__()
        self._admin = admin

    def lead(self) -> str:
        """When this is needed."""
        return (
            "Use this when files of the service were damaged, or changed by something else. "
            "A second person reviews what you do here."
        )

    def fields(self) -> ComposeResult:
        """What, why, and the Board's paper."""
        choices = [(key, own_board(words)) for key, words in CHOICES]
        yield FormField("Do this", Choice(choices if self._admin else choices[:-1], id="what", rows=8))
        yield FormField("Why", TextField("", "what happened, as far as you know; goes on record", id="why", most=300))
        if self._admin:
            yield paper_field(own_board("Board's paper"), needed=False)

    async def async_submit(self) -> tuple[str, str]:
        """Looked at, or done."""
        what = self.query_one("#what", Choice).value
        if what == CHECK:
            return "The register and the access log", checked_words(await self.link.act(RegisterCheck()))
        why = self.needed("why", "What happened? A few words are enough.")
        if what == SETTLE:
            settled = await self.link.act(RegisterSettle(why))
            rows = "\n".join(f"  {words}" for words in settled.rows)
            done = f"{counted(len(settled.rows), 'row')} set to what the access log says. Entry {settled.seq}."
            return "Settled", f"{done}\n{rows}"
        if what == REPAIR:
            await self.link.act(LogRepair(why))
            return "A new log", "A new access log continues from here. The old one is kept beside it, unchanged."
        accepted = await self.link.act(LogAccept(sha256_of(self.text("paper")), why))
        return "Accepted", f"{accepted.words} Entry {accepted.seq}; a second person reviews it as {accepted.flag}."


def checked_words(found: RegisterChecked) -> str:
    """What was compared, and each place where they differ."""
    lines = [*found.problems]
    for row in found.rows:
        lines.append(f"{row.words}:")
        lines += [f"  {one.field}: the log says {one.by_log}, the register {one.by_register}" for one in row.fields]
    differ = (
        f"{counted(len(found.rows), 'row')} of the register differ from them"
        if found.rows
        else "the register agrees with them"
    )
    return "\n".join([f"{counted(found.entries, 'entry', 'entries')} read; {differ}.", *lines])
