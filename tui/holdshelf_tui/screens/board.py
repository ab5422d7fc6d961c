"""The Board's part of the tab of people: the library's name, the adopted policy, each setting, and what can be done to it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from holdshelf_core.people.board_types import AdoptedRow, BoardSetting
from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.reports.website_types import PolicyChecked, PostedAsk
from holdshelf_tui.papers.text import folded
from holdshelf_tui.screens.dialogs.board_forms import AdoptDialog, BoardSetDialog, StatuteDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.dialogs.sheet import SheetDialog
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.text.board import (
    NOT_SET,
    adopted_words,
    label,
    policy_words,
    setting_words,
    statute_words,
    verdict_words,
)
from holdshelf_tui.text.posted import Compared, compare
from holdshelf_tui.text.posted_policy import read_posted
from holdshelf_tui.text.words import inert

POLICY, STATUTE = "policy", "statute"
MOST_SHOWN = 12
_FIRST = ("library", "contact", "policy_address")
"""Settings that stand before the policy; the others follow it."""


@dataclass(frozen=True, slots=True)
class BoardLine:
    """A line of the list. ``setting`` None: of the policy, which is adopted and not set."""

    id: str
    words: str
    value: str
    default: str
    more: tuple[str, ...]
    """What stands below the list: what it decides, in full, and how it stands."""
    setting: BoardSetting | None = None

    @property
    def cells(self) -> Sequence[str]:
        """What it is, how it stands, how it would stand if nobody had decided."""
        return (self.words, self.value, self.default)


def _setting_line(row: BoardSetting) -> BoardLine:
    value, default = setting_words(row.key, row.value), setting_words(row.key, row.default)
    more = f"{row.what[:1].upper()}{row.what[1:]}: {value}."
    return BoardLine(row.key, label(row.key) or row.what, value, "" if row.default == "" else default, (more,), row)


def board_lines(settings: Iterable[BoardSetting], adopted: AdoptedRow) -> dict[str, BoardLine]:
    """All of them by id, what papers need first."""
    lines = {row.key: _setting_line(row) for row in settings}
    sha256 = (f"SHA-256 of its text: {adopted.sha256}",) if adopted.sha256 else ()
    policy = (
        BoardLine(
            POLICY,
            renumbered("The adopted policy (P17, P20)"),
            f"version {adopted.version}" if adopted.sha256 else NOT_SET,
            "",
            (f"The library's own text, printed word for word: {policy_words(adopted)}.", *sha256),
        ),
        BoardLine(
            STATUTE,
            renumbered("The statute, for releases (P13)"),
            statute_words(adopted).partition(":")[0].partition(",")[0],
            "enforced",
            (f"Where only the policy lets footage out, the statute is {statute_words(adopted)}.",),
        ),
    )
    first = [lines.pop(key) for key in _FIRST if key in lines]
    return {line.id: line for line in (*first, *policy, *lines.values())}


async def async_set(pane: Pane, setting: BoardSetting) -> None:
    """One setting. To be awaited in a worker."""
    done = await pane.app.push_screen_wait(BoardSetDialog(setting))
    if done is not None:
        pane.load_soon()
        await pane.app.push_screen_wait(MessageDialog("Set", f"It is set. Entry {done.seq} of the access log."))


async def async_adopt(pane: Pane, before: AdoptedRow, *, statute_only: bool = False) -> None:
    """A text, or how the statute is treated under the one in force. To be awaited in a worker."""
    row: AdoptedRow | None = await pane.app.push_screen_wait(
        StatuteDialog(before) if statute_only else AdoptDialog(before)
    )
    if row is not None:
        pane.load_soon()
        warned = [f"▲ {row.warning}"] if row.warning else []
        await pane.app.push_screen_wait(SheetDialog("In force", folded("\n\n".join([*adopted_words(row), *warned]))))


async def async_check_posted(pane: Pane, adopted: AdoptedRow) -> None:
    """Compare the page that the Board named with the adopted text, and write it down (P18). To be awaited in a worker."""
    page = await pane.async_do("Fetching the page", pane.link.act(PostedAsk()))
    if page is None:
        return

    def look() -> tuple[Compared, str]:
        # A session may start no program; a page that is a PDF is refused with a sentence.
        posted = read_posted(page.content, kind=page.kind, charset=page.charset, name="", programs=False)
        compared = compare(adopted.text, adopted.sha256, posted, page.content)
        return compared, hashlib.sha256(page.content).hexdigest()

    looked = await pane.async_do("Comparing", asyncio.to_thread(look))
    if looked is None:
        return
    result, sha256 = looked
    asked = PolicyChecked(adopted.sha256, sha256, result.verdict, len(result.differences), page.asked)
    row = await pane.async_do("Recording it", pane.link.act(asked))
    if row is None:
        return
    counts = "The checklist counts it." if row.counts else f"The checklist does not count it: {row.why_not}"
    lines = [verdict_words(inert(page.address, 200), result.verdict, len(result.differences), policy_words(adopted))]
    lines += [f"Entry {row.seq} of the access log. {inert(counts, 400)}", ""]
    for one in result.differences[:MOST_SHOWN]:
        lines += [f"- {inert(one.adopted, 400)}", f"+ {inert(one.posted, 400)}", ""]
    await pane.app.push_screen_wait(SheetDialog("The posted policy", "\n".join(lines)))
