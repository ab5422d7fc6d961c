"""Somebody from outside asks: requests, other people in the picture, the second person, what leaves."""

from __future__ import annotations

from tests.scenes.year.finding import TWO_PM
from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task

DESK = "An officer or a paper is here"
REQUEST = "Request for footage from outside"


def fills_request(hand: Hand, number: str) -> None:
    """A search warrant for the front entrance, whose scan was sent."""
    hand.sees(REQUEST)
    hand.press("Tab")
    hand.type(number)
    hand.press("Tab", "Space", "Tab")
    hand.type(TWO_PM)
    hand.press("Tab")
    hand.type("1 min")
    hand.press("Tab", "Space")
    hand.sees("The paper I sent")
    hand.press("Tab", "Tab", "Enter")
    hand.sees("The paper:")
    hand.press("Tab", "Tab")
    hand.type("Superior Court")
    hand.press("Tab")
    hand.type("CR-26-77")
    hand.press("Tab")
    hand.type("Trumbull Police")
    hand.press("Tab")
    hand.type("Roe, badge 12")
    hand.press("Tab", "Space", "Tab", "Tab", "Space", "Enter")


@task("Write down what an officer with a warrant asks for")
def play_request(year: Year, hand: Hand) -> None:
    """Both gates pass, and it waits for the second person."""
    number = year.number()
    year.sends("dora", "warrant.pdf")
    if hand.starts:
        hand.chooses(DESK)
        hand.sees("What we need")
        hand.press("0")
        hand.sees("Write down what they ask for")
        hand.press("Enter")
    else:
        hand.press(hand.number_of("Releases"))
        hand.sees("Signing key")
        hand.press("r")
    fills_request(hand, number)
    entry = year.last("release.request", outcome="done", incident=number)
    assert year.release(entry["subject"])["state"] == "requested"
    hand.sees(entry["subject"])
    year.withdraws(entry["subject"])


@task("Say that nobody else is seen in a release")
def play_others(year: Year, hand: Hand) -> None:
    """By what waits, or on the tab."""
    release = year.requests()
    goes_to_release(hand, release, f"seen in {release}")
    hand.press("I")
    hand.sees("nobody else is seen", release)
    hand.press("Down", "Enter")
    year.last("release.others", outcome="done", subject=release)
    year.withdraws(release)


@task("Approve a release that the Director asked for", "carl")
def play_approve_release(year: Year, hand: Hand) -> None:
    """The Chair's word."""
    release = year.requests()
    year.command("dora", "release", "others", release, "--none")
    goes_to_release(hand, release, f"requests the release {release}")
    hand.press("a")
    hand.sees("Why or note", release)
    hand.press("Enter")
    year.last("release.approve", outcome="done", subject=release)
    assert year.release(release)["state"] == "approved"
    year.withdraws(release)


@task("Refuse a release", "carl")
def play_refuse_release(year: Year, hand: Hand) -> None:
    """With the reason for it."""
    release = year.requests()
    goes_to_release(hand, release, f"requests the release {release}")
    hand.press("a")
    hand.sees("Why or note", release)
    hand.press(*["Down"] * hand.lines_above("it is not released", "○ ", "● "), "Tab")
    hand.type("the paper names another day")
    hand.press("Enter")
    year.last("release.refuse", outcome="done", subject=release)
    assert year.release(release)["state"] == "refused"


@task("Make the bundle of an approved release, and fetch it by sftp")
def play_export(year: Year, hand: Hand) -> None:
    """It lies in the outbox, and comes whole."""
    release = year.requests()
    year.command("dora", "release", "others", release, "--none")
    year.command("carl", "release", "approve", release)
    if hand.starts:
        hand.chooses(DESK)
        hand.sees("What we need")
        hand.press("0")
        hand.sees("make the bundle")
        hand.press("Down", "Down", "Enter")
        hand.sees("Make the bundle", "Signing key")
    else:
        hand.press(hand.number_of("Releases"), "/")
        hand.sees("words; Enter")
        hand.type(release)
        hand.press("Enter", "m")
    hand.sees(release, "outbox")
    hand.press("Enter")
    year.awaits("release.exported", lambda seen: seen["subject"] == release)
    assert year.fetches("dora", f"/bundles/{release}*.zip")


def goes_to_release(hand: Hand, release: str, waits: str) -> None:
    """The cursor on it, on the Releases tab."""
    if hand.starts:
        hand.press("F2")
        hand.sees("Today", waits)
        hand.press(*["Down"] * hand.lines_above(waits, "R-2026-", "H-2026-", "flag"), "Enter")
        hand.sees("Signing key", release)
    else:
        hand.press(hand.number_of("Releases"), "/")
        hand.sees("words; Enter")
        hand.type(release)
        hand.press("Enter")
        hand.sees(release)
