"""Holds after the first day: more, reviewed, lifted by two, on one sheet."""

from __future__ import annotations

from tests.scenes.year.finding import TWO_PM
from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task


def chooses_hold(hand: Hand, hold: str) -> None:
    """The cursor on it, on the Holds tab."""
    hand.changes("Keep more under a hold", "Holds")
    hand.press("/")
    hand.sees("words; Enter")
    hand.type(hold)
    hand.sees(hold)
    hand.press("Enter")


@task("Keep more under a hold")
def play_extend(year: Year, hand: Hand) -> None:
    """The service desk, too."""
    hold = year.places_hold()
    chooses_hold(hand, hold)
    hand.press("e")
    hand.sees("Keep more under this hold", hold)
    hand.press("Down", "Space", "Tab")
    hand.type(TWO_PM)
    hand.press("Tab")
    hand.type("2 min")
    hand.press("Tab", "Tab")
    hand.type("she came back by the desk")
    hand.press("Enter")
    hand.sees(f"Hold {hold}")
    year.last("hold.extend", outcome="done", subject=hold)
    assert {span["camera"] for span in year.hold(hold)["spans"]} == {"lobby", "desk"}


@task("Review a hold that is due")
def play_review(year: Year, hand: Hand) -> None:
    """It is still needed: what waits leads to the very hold."""
    due = [row["id"] for row in year.asked("dora", "hold", "list")["holds"] if row["overdue"]]
    if hand.starts:
        hand.press("F2")
        hand.sees("Today", f"Review of {due[0]}")
        hand.press("Enter")
        hand.sees("Ask to lift", due[0])
    else:
        chooses_hold(hand, due[0])
    hand.press("v")
    hand.sees("Review a hold", due[0])
    hand.type("trial in March")
    hand.press("Enter")
    year.awaits("hold.review", lambda seen: seen["outcome"] == "done" and seen["subject"] == due[0])
    assert not year.hold(due[0])["overdue"]


@task("Ask for a hold to be lifted")
def play_lift(year: Year, hand: Hand) -> None:
    """It takes another seat's word from here."""
    hold = year.places_hold()
    chooses_hold(hand, hold)
    hand.press("l")
    hand.sees("Ask for a hold to be lifted", hold)
    hand.type("case closed")
    hand.press("Enter")
    year.awaits("hold.lift", lambda seen: seen["outcome"] == "done" and seen["subject"] == hold)
    assert year.hold(hold)["state"] == "lifting"
    year.command("carl", "hold", "approve", hold)


@task("Approve a lift that the Director asked for", "carl")
def play_approve_lift(year: Year, hand: Hand) -> None:
    """The Chair's word, by what waits or on the tab."""
    hold = year.places_hold()
    year.command("dora", "hold", "lift", hold, "--why", "case closed")
    if hand.starts:
        hand.press("F2")
        hand.sees("Today", f"asks to lift {hold}")
        hand.press(*["Down"] * hand.lines_above(f"asks to lift {hold}", "asks to lift"), "Enter")
        hand.sees("Decide", hold)
    else:
        chooses_hold(hand, hold)
    hand.press("a")
    hand.sees("I approve: lift it", hold)
    hand.press("Enter")
    year.awaits("hold.approve", lambda seen: seen["outcome"] == "done" and seen["subject"] == hold)
    assert year.hold(hold)["state"] == "grace"


@task("Print the pictures of a hold on one sheet")
def play_contact_sheet(year: Year, hand: Hand) -> None:
    """Twelve stills, logged as shown and printed."""
    hold = year.places_hold()
    chooses_hold(hand, hold)
    hand.press("G")
    hand.sees("A contact sheet", hold)
    hand.press("Enter")
    hand.sees("outbox", seconds=90)
    year.awaits("print.deliver", lambda seen: (seen["outcome"], seen["subject"]) == ("done", hold))
