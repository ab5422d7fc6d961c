"""Papers that are printed: each from the first screen's list and from the Print tab, into the outbox."""

from __future__ import annotations

from collections.abc import Callable

from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task

PAPERS = {
    "policy": ("Print the policy", "Policy"),
    "sign": ("Print the sign", "Sign"),
    "refusal": ("Print the sheet “What we need”", "What we need"),
    "checklist": ("Print the checklist", "Checklist"),
    "report": ("Print the quarterly report", "Report"),
}


def prints(paper: str) -> Callable[[Year, Hand], None]:
    """Into the outbox, as a PDF."""
    line, tab = PAPERS[paper]

    def play(year: Year, hand: Hand) -> None:
        if hand.starts:
            hand.chooses("Print")
            hand.sees("Print the policy")
            hand.chooses(line)
        else:
            hand.press(hand.number_of("Print"))
            hand.sees("By command")
            hand.press(*["Right"] * list(PAPERS).index(paper))
        hand.sees("By command", f"print {paper}", tab)
        hand.press("f")
        hand.sees("In your outbox")
        entry = year.last("print.deliver", outcome="done")
        assert entry["facts"]["paper"] == paper, entry

    play.__name__ = f"play_print_{paper}"
    return play


for one in PAPERS:
    task(PAPERS[one][0])(prints(one))
