"""Something happened: find it, look, keep it."""

from __future__ import annotations

from tests.looking import NS
from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year, yesterday_ns
from tests.scenes.year.tasks import task

FIND = "Something happened"
TWO_PM = "yesterday 2 pm"


def to_two_pm(hand: Hand) -> None:
    """The timeline stands there."""
    hand.goes(FIND, "Timeline")
    if not hand.starts:
        hand.press("t")
    hand.sees("Go to a time")
    hand.type(TWO_PM)
    hand.sees("2:00 pm E")
    hand.press("Enter")
    hand.sees(*(["When was it?", "2:00 pm"] if hand.starts else ["2:00 pm"]))


def looks(year: Year, hand: Hand, number: str) -> None:
    """Pictures of that time, for a stated purpose."""
    to_two_pm(hand)
    hand.press("Enter" if hand.starts else "o")
    hand.sees("Why are you looking?")
    hand.press("Tab")
    hand.type(number)
    hand.press("Enter")
    hand.sees(" · until ")
    del year


@task("Find what happened yesterday at 2 pm, and look for a stated purpose")
def play_look(year: Year, hand: Hand) -> None:
    """A look at the front entrance at that time, and pictures that were seen."""
    number = year.number()
    looks(year, hand, number)
    entry = year.last("purpose.open", outcome="done", incident=number)
    assert entry["cameras"] == ["lobby"]
    year.awaits("look.open", lambda seen: seen["cameras"] == ["lobby"])


@task("Place a hold after a phone call", most=20)
def play_hold(year: Year, hand: Hand) -> None:
    """On the front entrance, twenty minutes from 2 pm, with the caller's number."""
    number = year.number()
    if hand.starts:
        to_two_pm(hand)
        hand.press("Down", "Enter")
        hand.sees("Place a hold", "2026-")
        hand.press("Tab")
        hand.type(number)
        hand.press("Tab", "Space", "Tab", "Tab")
    else:
        hand.press("H")
        hand.sees("Place a hold")
        hand.press("Tab")
        hand.type(number)
        hand.press("Tab", "Space", "Tab")
        hand.type(TWO_PM)
        hand.press("Tab")
    hand.type("20 min")
    hand.press("Enter")
    hand.sees_either("is placed", "Press Enter to place yours")
    if "Press Enter to place yours" in hand.screen():  # the one that was placed by the other way
        hand.press("Enter")
    hand.sees("is placed", f"no. {number}")
    hand.press("Enter")
    entry = year.last("hold.place", outcome="done", incident=number)
    hold = year.hold(entry["subject"])
    start = yesterday_ns(14)
    assert [c["camera"] for c in hold["spans"]] == ["lobby"], hold
    assert (hold["spans"][0]["start_utc_ns"], hold["spans"][0]["end_utc_ns"]) == (start, start + 20 * 60 * NS)


@task("Widen a look to another camera")
def play_widen(year: Year, hand: Hand) -> None:
    """The service desk at the same time, under the same number."""
    number = year.number()
    looks(year, hand, number)
    hand.press("c")
    hand.sees("is outside your look")
    hand.press("o")
    hand.sees("Service desk", "Widen")
    hand.press("Enter")
    entry = year.awaits("purpose.widen", lambda seen: seen.get("incident") == number)
    assert "desk" in entry["cameras"], entry
    hand.sees(" · until ")


@task("See four cameras side by side")
def play_four(year: Year, hand: Hand) -> None:
    """The same instant of all four, one look."""
    number = year.number()
    looks(year, hand, number)
    hand.press("|")
    hand.sees("Cameras side by side")
    hand.press("Down", "Space", "Down", "Space", "Down", "Space", "Enter")
    hand.sees("Stacks", "Back door", "Service desk", " · until ")
    entry = year.awaits("purpose.widen", lambda seen: seen.get("incident") == number)
    assert set(entry["cameras"]) == {"lobby", "desk", "stacks", "door"}, entry
    year.awaits("look.open", lambda seen: seen["cameras"] == ["door"])


@task("Step to where something moves next")
def play_step(year: Year, hand: Hand) -> None:
    """From 2:00:00 to 2:00:05."""
    to_two_pm(hand)
    if hand.starts:
        hand.press("2")
    hand.sees("2:00:00 pm")
    hand.press("n")
    hand.sees("2:00:05 pm")
    year.last("activity.see", cameras=["lobby"])


@task("Print a still for the reference desk")
def play_still(year: Year, hand: Hand) -> None:
    """Numbered, view only, into the outbox."""
    looks(year, hand, year.number())
    hand.sees_picture()
    hand.press("p")
    hand.sees("A still on paper, view only")
    hand.type("reference desk")
    hand.press("Enter")
    hand.sees("outbox")
    entry = year.last("share.make", outcome="done")
    assert entry["cameras"] == ["lobby"]
    year.awaits("print.deliver", lambda seen: seen["outcome"] == "done")


@task("Look at once, in imminent danger")
def play_danger(year: Year, hand: Hand) -> None:
    """The reading room, live and the last minutes; flagged for two others to review."""
    if hand.starts:
        hand.chooses("Somebody is in danger")
    else:
        hand.press("!")
    hand.sees("The danger", "goes on record")
    hand.type("a child is missing")
    hand.press("Tab", "Space", "Enter")
    entry = year.awaits("break_glass", lambda seen: seen["outcome"] == "done")
    assert entry["cameras"] == ["lobby"]
