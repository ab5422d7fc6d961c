"""What the admin does, who never sees a picture: cameras, room, checks; and bringing a camera into use with the Director."""

from __future__ import annotations

from tests.scenes.year.hand import Hand
from tests.scenes.year.house import Year
from tests.scenes.year.tasks import task

WRONG = "A camera or disk has a problem"


def goes_to(hand: Hand, step: str, tab: str) -> None:
    """By the list of what the admin does, or by the tab's number."""
    if hand.starts:
        hand.chooses(WRONG)
        hand.sees("Check everything")
        hand.chooses(step)
    else:
        hand.press(hand.number_of(tab))


def on_camera(hand: Hand, name: str, step: str = "See what must be fixed") -> None:
    """The Cameras tab, with the cursor on it."""
    goes_to(hand, step, "Cameras")
    hand.sees("cameras recording", name)
    hand.press("/")
    hand.sees("words; Enter")
    hand.type(name)
    hand.press("Enter")


@task("Add a camera by its address", "admin")
def play_add(year: Year, hand: Hand) -> None:
    """It is recorded from then on, and nobody sees it yet."""
    mount = "annex" if hand.starts else "office"
    goes_to(hand, "Add a camera", "Add")
    hand.sees("Look for cameras")
    hand.press("A")
    hand.sees("An ONVIF address")
    hand.type(year.rtsp.url(mount))
    hand.press("Enter")
    hand.sees("Try the stream")
    hand.press("Enter")
    hand.sees("Name and place it")
    hand.press("C-u")
    hand.type(mount.title())
    hand.press("Tab", "Down", "Down", "Down", "Enter")
    year.last("camera.add", outcome="done")
    assert any(row.name == mount.title() for row in year.house.client().status().cameras)


@task("Rename a camera", "admin")
def play_rename(year: Year, hand: Hand) -> None:
    """The back door is the staff door now, and once more."""
    before, after = ("Back door", "Staff door") if hand.starts else ("Staff door", "Back door")
    on_camera(hand, before)
    hand.press("e")
    hand.sees("Name", before)
    hand.press("C-u")
    hand.type(after)
    hand.press("Enter")
    year.last("camera.rename", outcome="done")
    assert year.house.service.camera("door").name == after


@task("Check a camera that is wrong", "admin")
def play_check(year: Year, hand: Hand) -> None:
    """Does it answer, does its stream play."""
    on_camera(hand, "Reading room")
    hand.press("y")
    year.last("camera.check", outcome="done")


@task("Give the recordings more room on the disk", "admin")
def play_room(year: Year, hand: Hand) -> None:
    """Two gigabytes."""
    goes_to(hand, "Give the recordings more room", "Storage")
    if not hand.starts:
        hand.sees("Set the space")
        hand.press("e")
    hand.sees("Space for footage", "GB")
    hand.press("C-u")
    hand.type("2 GB" if hand.starts else "3 GB")
    hand.press("Tab", "Tab", "Tab", "Tab")
    hand.type("a larger disk")
    hand.press("Enter")
    year.last("capacity.set", outcome="done")


@task("Examine the whole machine", "admin")
def play_doctor(year: Year, hand: Hand) -> None:
    """Each finding with what to do."""
    del year
    goes_to(hand, "Check everything", "Doctor")
    hand.sees("things to fix", "Looked at")


@task("See what waits for me, and the first day's list", "admin")
def play_first_day(year: Year, hand: Hand) -> None:
    """From an empty server to one in use."""
    del year
    if hand.starts:
        hand.press("C-p")
        hand.sees("Search for commands")
        hand.type("first day")
        hand.sees("The first day")
        hand.press("Enter")
    else:
        hand.press("1", "C-p")
        hand.sees("Search for commands")
        hand.type("first day")
        hand.sees("The first day")
        hand.press("Enter")
    hand.sees("steps are done", "Name the Library Director")


@task("Bring a camera into use: aim it, draw a mask, approve it")
def play_commission(year: Year, hand: Hand) -> None:
    """The Director, after the sign at the entrance was attested."""
    mount, name = ("study", "Study room") if hand.starts else ("hall", "Reading hall")
    year.command("dora", "entrance", "attest", year.entrance(), "--legible", "--lit")
    camera = year.house.service.add(year.rtsp.url(mount), name)
    on_tab(hand, name)
    hand.press("b")
    hand.sees(f"Bring into use: {name}", "Enter shows what it sees now")
    hand.press("Enter")
    hand.sees("with nothing hidden. Entry")
    hand.press("Down", "Enter")
    hand.sees("What is hidden")
    hand.press("Enter", "Right", "Right", "Right", "Down", "Down", "Enter")
    hand.sees("It hides")
    hand.type("public screens")
    hand.press("Enter")
    hand.sees_no_more("It hides")
    hand.press("S")
    hand.sees("Enter shows it as everyone")
    hand.press("Enter")
    hand.sees("as everyone will see it. Entry", "Enter brings it into use")
    hand.press("Enter")
    hand.sees("it shows what it should")
    hand.press("Space", "Enter")
    year.awaits("commission.approve", lambda seen: seen["outcome"] == "done")
    assert next(row for row in year.house.client().status().cameras if row.id == camera).commission == "approved"


def on_tab(hand: Hand, name: str) -> None:
    """The Cameras tab by the first screen's list or by its number, with the cursor on that camera."""
    hand.changes("Bring a camera into use", "Cameras")
    hand.sees("cameras recording")
    hand.press("/")
    hand.sees("words; Enter")
    hand.type(name)
    hand.sees(name)  # a long list had it further down
    hand.press("Enter")
