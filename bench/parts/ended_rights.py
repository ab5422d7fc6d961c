"""How long a right that ended is still good for, by each way in: P11 says five seconds at most.

Times are those of the access log: from the entry that says that the right ended until the way is closed.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.parts.promised import Promise, promised, promises
from bench.parts.rows import Row
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.people import types
from holdshelf_storage.access_log.lines import time_ns
from tests.rig.hang import HANG_S
from tests.rig.shown import Shown
from tests.scenes.rig import Library, library
from tests.scenes.test_revoked import Heard, look, request, shown, still
from tests.service import wait_for
from tests.tui.ssh.door_rig import HOME_SHOWS, DoorHouse, door_house
from tests.tui.ssh.outbox_rig import Slow, lay

NS = 1_000_000_000
BAR_S = 5.0
SIZE = (100, 30)
SLACK_S = 5
"""So long before a term ends it is said that it does."""
BIG_BYTES = 48 << 20
"""At two megabytes a second it is under way until the right ends."""
SCREEN = "  an open screen is closed"
COMMAND = "  a command that waits is ended"
FETCH = "  a fetch over SFTP is ended"
STREAM = "a letter of appointment ends: a stream of events (API) is ended"
PICTURE = "  no picture of an open look comes any more"
SESSION = "  the session is refused"
RELEASE = "  a release that waits for approval is cancelled"


class Ending(threading.Thread):
    """Waits for something to end, and notes when it did."""

    def __init__(self, await_end: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._await_end = await_end
        self.ended_utc_ns = 0
        self.start()

    def run(self) -> None:
        self._await_end()
        self.ended_utc_ns = time.time_ns()

    def after_s(self, utc_ns: int) -> float:
        """How long after that time it ended."""
        self.join(2 * HANG_S)
        if not self.ended_utc_ns:
            raise AssertionError("it did not end")
        return max(0.0, (self.ended_utc_ns - utc_ns) / NS)


def rows(folder: Path, turns: int) -> list[Row]:
    """Through the API and over SSH, each on a house of its own."""
    (folder / "door").mkdir()
    (folder / "api").mkdir()
    house = library(folder / "api")
    try:
        house.people.name("chair", "carl", "Carl Moss", house.director)
        found = promises(
            dict.fromkeys((STREAM, PICTURE, SESSION, RELEASE), BAR_S),
            lambda made: _sessions(house, made, len(made[STREAM].ours)),
            turns=turns,
        )
    finally:
        house.service.__exit__()
    with door_house(folder / "door") as door:
        found += promises(
            dict.fromkeys((SCREEN, COMMAND, FETCH), BAR_S),
            lambda made: _letters(door, made, len(made[SCREEN].ours)),
            turns=turns,
        )
        ways: dict[str, Callable[[DoorHouse, Promise, int], None]] = {
            "a person is removed: an open screen is closed": _remove_person,
            "a person's key is replaced: an open screen is closed": _replace_key,
            "an admin's key is removed: an open screen is closed": _remove_admins_key,
        }
        for what, end in ways.items():
            found.append(promised(what, BAR_S, lambda made, end=end: end(door, made, len(made.ours)), turns=turns))
        found.append(
            promised("a term ends at its minute: an open screen is closed", BAR_S, lambda made: _end_term(door, made))
        )
    return found


def _entry_utc_ns(house: DoorHouse, action: str) -> int:
    """When the newest entry of that action was made."""
    return time_ns(house.log_entries(action)[-1]["at"])


def _ends_well(house: DoorHouse, *words: str, stdin: bytes = b"") -> None:
    done = house.run("dora", *words, stdin=stdin)
    if done.code:
        raise AssertionError(done.said)


def drained(screen: Shown) -> None:
    """Until the client has ended: what it writes meanwhile is taken."""
    while screen.read():
        pass


def _letters(house: DoorHouse, made: dict[str, Promise], turn: int) -> None:
    """One person by three ways at a time."""
    login = f"ned{turn}"
    person = house.enrol(login, f"Ned Fox {turn}")
    letter = house.appoint(login, "release")
    lay(house, person, "big.txt", b"x" * BIG_BYTES)
    with Shown(house.ssh(login, "-tt"), SIZE) as screen:
        screen.until(HOME_SHOWS)
        # It waits for a paper on its standard input, which stays open.
        command = subprocess.Popen(
            [*house.ssh(login), "paper send -"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        slow = Slow(house, login, "big.txt")
        wait_for("all three are inside", lambda: len(house.children()) == 3)
        endings = {
            SCREEN: Ending(lambda: drained(screen)),
            COMMAND: Ending(command.wait),
            FETCH: Ending(slow.process.wait),
        }
        _all_go_on(endings)
        _ends_well(house, "appointment", "end", letter, "--why", "over")
        over_utc_ns = _entry_utc_ns(house, "appointment.end")
        for what, ending in endings.items():
            made[what].ours.append(ending.after_s(over_utc_ns))
        slow.end()
        if command.stdin is not None:
            command.stdin.close()
    house.await_no_children()


@contextlib.contextmanager
def _open_screen(house: DoorHouse, made: Promise, login: str, key: str = "") -> Iterator[list[int]]:
    """The block puts in when the right ended; then it is measured when the screen was closed."""
    with Shown(house.ssh(login, "-tt", key=key), SIZE) as screen:
        screen.until(HOME_SHOWS)
        ending = Ending(lambda: drained(screen))
        over_utc_ns: list[int] = []
        yield over_utc_ns
        made.ours.append(ending.after_s(over_utc_ns[0]))
    house.await_no_children()


def _remove_person(house: DoorHouse, made: Promise, turn: int) -> None:
    login = f"gone{turn}"
    house.enrol(login, login)
    house.appoint(login, "hold")
    with _open_screen(house, made, login) as over_utc_ns:
        _ends_well(house, "person", "remove", login, "--why", "left")
        over_utc_ns.append(_entry_utc_ns(house, "person.remove"))


def _replace_key(house: DoorHouse, made: Promise, turn: int) -> None:
    login = f"lost{turn}"
    house.enrol(login, login)
    house.appoint(login, "hold")
    other = house.public(f"{login}-new").encode()
    with _open_screen(house, made, login) as over_utc_ns:
        _ends_well(house, "person", "replace-key", login, "--key", "-", stdin=other)
        over_utc_ns.append(_entry_utc_ns(house, "person.key"))


def _remove_admins_key(house: DoorHouse, made: Promise, turn: int) -> None:
    key = f"it{turn}"
    house.client().act(types.AdminKeyAdd(house.public(key)))
    with _open_screen(house, made, "admin", key) as over_utc_ns:
        house.client().act(types.AdminKeyRemove(house.fingerprint(key)))
        over_utc_ns.append(_entry_utc_ns(house, "door.admin_key.remove"))


def _end_term(house: DoorHouse, made: Promise) -> None:
    """Once: terms end at full minutes, and the next one is waited for."""
    house.enrol("carl", "Carl Moss")
    _ends_well(house, "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
    with _open_screen(house, made, "carl") as over_utc_ns:
        minute = int(time.time() + SLACK_S) // 60 + 1
        at = time.strftime("%Y-%m-%d %H:%M", time.localtime(minute * 60))
        _ends_well(house, "seat", "end", "chair", "--at", at, "--why", "the term is over")
        over_utc_ns.append(minute * 60 * NS)


def _sessions(house: Library, made: dict[str, Promise], turn: int) -> None:
    """A session without a door: its stream, its look, its requests, and what it had asked for."""
    login = f"sam{turn}"
    letter = house.people.appoint(login, f"Sam Roe {turn}", house.director, "archive", "release")
    client = house.new_desk(login).client
    heard = Heard(client)
    grant = look(client, house)
    still(client, grant, house)
    queued = request(client, house)
    endings = {
        STREAM: Ending(heard.join),
        PICTURE: Ending(lambda: _refused(lambda: still(client, grant, house))),
        SESSION: Ending(lambda: _refused(lambda: client.read(types.ReadMe()))),
        RELEASE: Ending(
            lambda: wait_for("it is cancelled", lambda: shown(house.director, queued.id).state == "cancelled")
        ),
    }
    _all_go_on(endings)
    house.director.act(types.AppointmentEnd(letter, "left the team"))
    over_utc_ns = time_ns(house.entries("appointment.end")[-1]["at"])
    for what, ending in endings.items():
        made[what].ours.append(ending.after_s(over_utc_ns))


def _all_go_on(endings: dict[str, Ending]) -> None:
    """Else nothing would be measured."""
    if over := [what for what, ending in endings.items() if not ending.is_alive()]:
        raise AssertionError(f"it had ended before: {over}")


def _refused(ask: Callable[[], object]) -> None:
    """Until the service refuses it."""

    def refusal() -> str:
        try:
            ask()
        except HoldshelfError as error:
            return str(error)
        return ""

    wait_for("a refusal", refusal)
