"""What the access log answers, and what is handed out of it."""

from __future__ import annotations

from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task


def asks_who(hand: Hand) -> None:
    """The form of the question."""
    if hand.starts:
        hand.chooses("Who looked?")
    else:
        hand.press(hand.number_of("Log"), "q")
    hand.sees("Pictures that were seen")


@task("Who looked at the front entrance, and when", most=6)
def play_who(year: Year, hand: Hand) -> None:
    """Of one camera, at any time."""
    asks_who(hand)
    hand.press("Enter")
    hand.sees("Who looked: Front entrance", "that is all of it")
    year.last("log.show", outcome="done")


@task("Who looked at the front entrance on a day", most=6)
def play_who_on_a_day(year: Year, hand: Hand) -> None:
    """The front entrance, today."""
    asks_who(hand)
    hand.press("Tab")
    hand.type("today")
    hand.press("Enter")
    hand.sees("Who looked: Front entrance", "that is all of it")
    year.last("log.show", outcome="done")


def reads_log(hand: Hand) -> None:
    """The Log tab, with its entries: from the first screen by leaving the question open."""
    if hand.starts:
        asks_who(hand)
        hand.press("Escape")
    else:
        hand.press(hand.number_of("Log"))
    hand.sees("Newest first")


@task("A copy of the log for a freedom-of-information request", most=6)
def play_foi(year: Year, hand: Hand) -> None:
    """All of it in its public form, in the outbox."""
    reads_log(hand)
    hand.press("f")
    hand.sees("Take a copy of the access log", "public form")
    hand.press("Enter")
    hand.sees("The copy is in your outbox", "Entries 1 to")
    year.last("outbox.log", outcome="done")


@task("Verify that nothing in the log was changed")
def play_verify(year: Year, hand: Hand) -> None:
    """All of it, against no older line."""
    reads_log(hand)
    hand.press("y")
    hand.sees("Older line")
    hand.press("Enter")
    year.awaits("log.verify", lambda seen: seen["outcome"] == "done")


@task("Compare the log with a head from paper")
def play_compare(year: Year, hand: Hand) -> None:
    """The line that was written down when the paper was printed."""
    head = year.short_head()
    if hand.starts:
        hand.press("F2")
        hand.sees("Compare with an older one")
        hand.press(*["BTab"] * (2 if "Waiting for you" in hand.screen() else 1), "Enter")
    else:
        reads_log(hand)
        hand.press("y")
    hand.sees("Older line")
    hand.type(head)
    hand.press("Enter")
    hand.sees("The log is intact", "continues from the line that you kept")
    year.last("log.verify", outcome="done")
