"""People: enrolled, appointed, ended, shared with; and who comes for the first time."""

from __future__ import annotations

from tests.scenes.year.finding import TWO_PM, looks
from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task


def turns_to(hand: Hand, part: int, shows: str, step: str = "") -> None:
    """The People tab, so many lists to the right; ``step``: or there by the first screen's list."""
    if step and hand.starts:
        hand.changes(step, "People")
    else:
        hand.press(hand.number_of("People"))
        hand.sees("enrolled")
        hand.press(*["Right"] * part)
    hand.sees(shows)


@task("Log in for the first time and read the welcome", "new", start_only="it stands before the first screen")
def play_first_time(year: Year, hand: Hand) -> None:
    """Nina, whom the Director appointed an hour ago."""
    hand.sees("Welcome to Holdshelf", "Nina Falk")
    hand.press("Enter")
    hand.sees_no_more("Welcome to Holdshelf")
    hand.sees("What do you need?")
    year.last("door.login", outcome="done")


@task("Enroll a person with their key")
def play_enroll(year: Year, hand: Hand) -> None:
    """Iris Bell or Ivy Bell; her public key is pasted."""
    name, login = ("Iris Bell", "iris") if hand.starts else ("Ivy Bell", "ivy")
    hand.changes("Enroll a person", "People")
    if not hand.starts:
        hand.sees("enrolled")
        hand.press("i")
    hand.sees("This gives no right yet", "Logs in as")
    hand.type(name)
    hand.press("Tab")
    hand.type(login)
    hand.press("Tab")
    hand.paste(year.house.public(login).strip())
    hand.press("Enter")
    hand.sees_no_more("This gives no right yet")
    year.awaits("person.add", lambda seen: seen["outcome"] == "done")
    assert any(row["login"] == login and row["keys"] for row in year.asked("dora", "person", "list"))


@task("Appoint a designee by a letter")
def play_appoint(year: Year, hand: Hand) -> None:
    """Ina Lund or Ada Lund, who may look at recordings and place holds; the letter's scan was sent."""
    login, name = ("ina", "Ina Lund") if hand.starts else ("ada", "Ada Lund")
    year.house.enrol(login, name)
    year.sends("dora", "letter.pdf")
    turns_to(hand, 2, "letter", "Appoint a designee")
    if not hand.starts:
        hand.press("g")
    hand.sees("Only cameras", name)
    hand.press(*["Down"] * hand.lines_above(name, "○ ", "● "))
    hand.press("Tab", "Down", "Space", "Down", "Space", "Tab", "Tab", "Tab")
    hand.type("in 90 days")
    hand.press("Tab", "Tab", "Tab", "Enter")
    hand.sees("The paper:")
    hand.press("Enter")
    year.awaits("appointment.make", lambda seen: seen["outcome"] == "done")
    (row,) = (one for one in year.asked("dora", "person", "list") if one["login"] == login)
    assert set(row["roles"][0]["rights"]) == {"archive", "hold"}, row


@task("End an appointment")
def play_end_appointment(year: Year, hand: Hand) -> None:
    """Otto Kern or Olga Kern leaves the staff."""
    login, name = ("otto", "Otto") if hand.starts else ("olga", "Olga")
    year.house.enrol(login, f"{name} Kern")
    appointment = year.house.appoint(login, "hold")
    turns_to(hand, 2, f"{name} Kern", "End an appointment")
    hand.press("/")
    hand.sees("words; Enter")
    hand.type(name)
    hand.press("Enter", "d")
    hand.sees("Why")
    hand.type("left the staff")
    hand.press("Enter")
    year.awaits("appointment.end", lambda seen: (seen["outcome"], seen["subject"]) == ("done", appointment))


@task("Share what was found with somebody, view only")
def play_share(year: Year, hand: Hand) -> None:
    """What is seen after 2 pm, with Gus: from the look, or on the People tab."""
    if hand.starts:
        looks(year, hand, year.number())
        hand.press("n")
        hand.sees("2:00:05 pm")
        hand.press("]", "s")
    else:
        turns_to(hand, 3, "share")
        hand.press("s")
    hand.sees("Explained", "Gus Hale")
    hand.press(*["Down"] * hand.lines_above("Gus Hale", "○ ", "● "))
    hand.press("Tab", "Tab", "Tab")
    if hand.starts:
        hand.press("Tab", "Tab", "Tab")
    else:
        hand.press("Space", "Tab")
        hand.type(TWO_PM)
        hand.press("Tab")
        hand.type("1 min")
        hand.press("Tab")
    hand.press("Tab", "Space", "Enter")
    entry = year.awaits("share.make", lambda seen: seen["outcome"] == "done")
    assert entry["cameras"] == ["lobby"]


@task("See what was shared with me, and until when", "gus")
def play_guest(year: Year, hand: Hand) -> None:
    """A guest is told until when, and sees pictures."""
    if hand.starts:
        hand.press("Enter")
    else:
        hand.press(hand.number_of("Shared with me"))
    hand.sees("Front entrance", "Until")
    hand.press("Enter")
    year.awaits("share.open", lambda seen: seen["outcome"] == "done")


@task("Change a setting of the Board: days until a hold's review")
def play_board(year: Year, hand: Hand) -> None:
    """Sixty days in place of ninety, then fifty: stricter, so that a seat may."""
    days = 60 if hand.starts else 50
    turns_to(hand, 4, "What the Board decides", "Change what the Board decides")
    hand.press("/")
    hand.type("review")
    hand.press("Enter", "Enter")
    hand.sees("New value")
    hand.press("BSpace", "BSpace")
    hand.type(str(days))
    hand.press("Tab")
    hand.type("Board meeting")
    hand.press("Enter")
    year.awaits("board.set", lambda seen: seen["outcome"] == "done")
    assert {row["key"]: row["value"] for row in year.asked("dora", "board", "show")}["review_days"] == days
