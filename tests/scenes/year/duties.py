"""What a second person does, and what is walked past: flags, signs, the checklist; and a designee's hold."""

from __future__ import annotations

from tests.scenes.year.finding import FIND, TWO_PM
from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task


def goes_by_f2(hand: Hand, waits: str) -> None:
    """What waits, and on to the thing itself."""
    hand.press("F2")
    hand.sees("Today", waits)
    lines = hand.lines(waits).split("\n")
    first = next(at for at, line in enumerate(lines) if "Waiting for you" in line) + 1
    hand.press(*["Down"] * (next(at for at, line in enumerate(lines) if waits in line) - first), "Enter")


@task("Review a look that a designee opened in imminent danger", "carl")
def play_flag(year: Year, hand: Hand) -> None:
    """One of the two reviews that it takes."""
    year.command("sam", "look", "open", "--break-glass", "--camera", "lobby", "--note", "smoke")
    if hand.starts:
        goes_by_f2(hand, "Sam Roe's imminent-danger look")
    else:
        hand.press(hand.number_of("Log"))
        hand.sees("Newest first")
        hand.press("Right")
    hand.sees("0 of 2", "Sam Roe")
    hand.press("v")
    hand.sees("Review an act", "Sam Roe")
    hand.type("it was a real emergency")
    hand.press("Enter")
    year.last("flag.review", outcome="done")


@task("Attest the sign at an entrance")
def play_sign(year: Year, hand: Hand) -> None:
    """It is up and lit."""
    entrance = year.entrance()
    if hand.starts:
        goes_by_f2(hand, "nobody has attested it yet")
    else:
        hand.press(hand.number_of("Print"))
        hand.sees("By command")
        hand.press("Right", "Right", "Right")
        hand.sees("Attest", "Add entrance")
        hand.press("v")
    hand.sees("A sign was looked at", "not attested")
    hand.press("Tab", "Space", "Tab", "Space", "Enter")
    year.last("entrance.attest", outcome="done", subject=entrance)


@task("Enter a tick of the checklist")
def play_checklist(year: Year, hand: Hand) -> None:
    """The service desk's camera was walked past."""
    if hand.starts:
        hand.chooses("Print")
        hand.sees("Print the policy")
        hand.chooses("Print the checklist")
    else:
        hand.press(hand.number_of("Print"))
        hand.sees("By command")
        hand.press("Right", "Right", "Right")
    hand.sees("Enter checkmarks", "Attest")
    hand.press("e")
    hand.sees("Enter opens a form", "Front entrance (lobby)")
    hand.press(*["Down"] * hand.lines_above("(lobby)", "│ ▲ ", "│ ✓ ", less="is due. Enter"), "Enter")
    hand.sees("Seen")
    hand.press("Space", "Enter")
    year.last("checklist.enter", outcome="done")


@task("Place a hold as a designee", "sam", most=20)
def play_designees_hold(year: Year, hand: Hand) -> None:
    """By the letter's right."""
    number = year.number()
    if hand.starts:
        hand.chooses(FIND)
        hand.sees("Go to a time")
        hand.type(TWO_PM)
        hand.press("Enter")
        hand.sees("When was it?", "2:00 pm")
        hand.press("Down", "Enter")
        hand.sees("Place a hold", "2026-")
        hand.press("Tab")
        hand.type(number)
        hand.press("Tab", "Down", "Space", "Tab", "Tab")
    else:
        hand.press("H")
        hand.sees("Place a hold", "Review in")
        hand.press("Tab")
        hand.type(number)
        hand.press("Tab", "Down", "Space", "Tab")
        hand.type(TWO_PM)
        hand.press("Tab")
    hand.type("5 min")
    hand.press("Enter")
    hand.sees_either("is placed", "Press Enter to place yours")
    if "Press Enter to place yours" in hand.screen():  # the one that was placed by the other way
        hand.press("Enter")
    hand.sees("is placed", f"no. {number}")
    hand.press("Enter")
    year.last("hold.place", outcome="done", incident=number)
