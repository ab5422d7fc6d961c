"""The example of every help text works: each is run as it stands, in a library where the things that it names exist.

Only numbers that are given out here, times that were recorded here, and folders are put in their place.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from holdshelf_tui.cli.app import app
from holdshelf_tui.text.time_format import local
from tests.keys import new_key
from tests.looking import NS, commissioned, record, seed
from tests.people import People, day
from tests.service import Service
from tests.tui.cli.test_driver import Ran, commands_of
from tests.tui.desk import Desk, Library
from tests.tui.stage import entry

CAMERAS = {
    "lobby": "Lobby",
    "desk": "Desk",
    "front-entrance": "Front entrance",
    "front-door": "Front door",
    "service-desk": "Service desk",
}
DIRECTOR, MAYOR = "jroe", "bray"
TIMES = {
    "2026-11-24 14:00": 0, "2026-11-24 15:00": 60, "13:45": 0, "14:00": 0, "14:03:20": 10, "14:10": 60, "14:30": 60,
    "14:45": 80, "15:00": 60,
}  # fmt: skip
"""Where a time of an example stands in what was recorded here, in seconds from its start."""
LAST = (
    "alert remove",
    "camera rename",
    "person add-key",
    "person remove-key",
    "person remove",
    "camera remove",
    "seat end",
    "person replace-key",
)
"""What later examples would miss, the Director's own key last of all."""
READ_ONLY = {
    "init": "sets up a folder of its own",
    "screen give": "the first library's policy has no screens: tests/core/looks/test_screens.py",
    "serve": "runs until it is stopped",
    "setup": "sets up a machine: tests/house/test_deb.py",
    "restore": "needs a stopped service",
    "demo": "runs for half a minute",
    "tui": "needs a terminal",
    "camera discover": "asks a network",
    "camera add": "asks a camera that is not here",
    "camera check": "asks at a terminal",
    "camera reconfigure": "asks a camera that is not here",
    "camera replace": "asks a camera that is not here",
    "camera details": "asks a camera that is not here",
    "camera audio-off": "asks a camera that is not here",
    "camera set-time": "asks a camera that is not here",
    "camera import": "asks cameras that are not here",
    "camera stills": "shows pictures that a person looks at",
    "camera approve": "is of a list of stills that a person looked at",
    "camera put-masks": "asks a camera that is not here",
    "camera backfill": "asks a camera that is not here",
    "camera commission": "shows a picture that a person looks at",
    "policy check": "asks the web",
    "footage verify": "reads a disk that is not here",
    "look live": "asks a camera that is not here",
    "look strip": "writes a folder, which a session over SSH does not have",
    "alert add apprise": "needs a URL that is a secret, and an extra",
    "alert add heartbeat": "needs an address that is a secret",
    "backup schedule": "asks a server that is not here",
    "offsite setup": "asks a store that is not here",
    "offsite verify": "asks a store that is not here",
    "offsite list": "asks a store that is not here",
    "offsite fetch": "asks a store that is not here",
    "offsite stop": "is of a store, which nobody here has",
    "timestamp set": "asks a server that is not here",
    "timestamp now": "is of a server, which nobody here has",
    "timestamp fetch": "is of a stamp, which nothing here has",
    "timestamp verify": "is of a stamp, which nothing here has",
    "timestamp remove": "is of a server, which nobody here has",
    "witness add": "needs the key of a witness, which no example can hold",
    "witness remove": "is of a witness, which nobody here is",
    "witness policy": "is of witnesses, which nobody here is",
    "witness key": "makes a folder of its own",
    "witness trust": "is of a witness's folder, which nothing here is",
    "witness untrust": "is of a witness's folder, which nothing here is",
    "witness trusted": "is of a witness's folder, which nothing here is",
    "witness serve": "runs until it is stopped",
    "capacity set": "may be more than the disk of this machine",
    "hold archive": "writes to another disk",
    "release write": "writes to a stick",
    "release extend": "is of a request with a clock, which the first library's policy has none of",
    "release others": "its list of boxes is of one release's own times",
    "paper open": "opens what the Board has kept sealed, which nothing is here",
    "verify": "is of a bundle that another library made",
}
"""Read as a command line and not run, with the reason. Each has tests of its own."""
ENDS_OTHERWISE = {
    "status": "",
    "alert test": "is not reached",
    "backup now": "No schedule of backups is set up",
    "backup stop": "No schedule of backups is set up",
    "doctor": "",
    "clock confirm": "there is nothing to confirm",
    "log repair": "there is nothing to repair",
    "log accept": "there is nothing to accept",
    "register settle": "there is nothing to settle",
}
"""Nothing is wrong here, or it is still so: what is said then. '' its answer is its exit code."""


def examples() -> Iterator[tuple[str, str]]:
    """(command, its example), of every command of the tree."""
    waiting: list[tuple[str, Any]] = [("", commands_of(app))]
    while waiting:
        name, command = waiting.pop()
        if hasattr(command, "commands"):
            waiting += [(f"{name} {inner}".strip(), one) for inner, one in command.commands.items()]
        if not hasattr(command, "commands") or command.epilog:
            yield name, command.epilog or ""


EXAMPLES = dict(examples())


def words_of(example: str) -> list[str]:
    """The words of the command alone, as a shell takes them apart."""
    line = re.split(r"\s(?:>|\|\||\|)\s", example.removeprefix("Example: holdshelf "))[0]
    return shlex.split(line)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_it_is_a_whole_command_line(name: str) -> None:
    example = EXAMPLES[name]
    assert example.startswith("Example: holdshelf "), f"{name} has no example"
    assert "…" not in example or "SHA256:…" in example, "it is whole"
    command, called, words, context = commands_of(app), "holdshelf", words_of(example), None
    while True:  # each word and option is read, and none that is needed is missing
        context = command.make_context(called, words, parent=context)
        if not hasattr(command, "commands"):
            break
        called, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
    assert name == "print" or context.command_path == f"holdshelf {name}"


class Helped(Library):
    """What the examples speak of: the Director Jane Roe, the Chair Mary Lee without a key, the Mayor Bo Ray; cameras, papers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.service = Service(folder / "data", mint=True)
        in_use = commissioned(*(camera for camera in CAMERAS if camera != "service-desk"))
        seed(self.service.data, [*in_use, *(entry(camera, name) for camera, name in CAMERAS.items())])
        self.recorded = record(self.service.data, list(CAMERAS))
        self.paper = folder / "letter.pdf"
        for name in ("letter", "minutes", "opinion", "warrant", "order"):
            (folder / f"{name}.pdf").write_bytes(b"a signed paper")
        (folder / "policy.txt").write_text("Rule 1. Nobody watches.\n")
        Image.new("RGB", (64, 48), "white").save(folder / "warrant.jpg")
        self._tokens: dict[str, str] = {}

    def open(self) -> None:
        self.service.start()
        self.people = People(self.service)
        for name in ("jroe", "sroe", "bray", "new", "it-office"):
            line, self.people.fingerprints[name] = new_key()
            (self.folder / f"{name}.pub").write_text(line)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Helped]:
    made = Helped(tmp_path_factory.mktemp("examples"))
    try:
        made.open()
        yield made
    finally:
        made.service.close_door()
        made.service.close()


class Typist:
    """Types an example, as whoever may: the Director, the admin, the Mayor."""

    def __init__(self, desk: Desk, library: Helped) -> None:
        self.desk, self.library = desk, library
        self.made: dict[str, str] = {}
        """In place of a number in an example: the one that was given out here."""
        self.done: set[str] = set()
        self.failed: list[str] = []

    def run(self, login: str, *words: str) -> Ran:
        return self.desk.admin(*words) if not login else self.desk.person(login, *words)

    def well(self, login: str, *words: str) -> Any:
        ran = self.run(login, *words, "--json")
        assert ran.code == 0, (words, ran)
        return ran.json()

    def type(self, name: str, *, by: str | None = None) -> Ran:
        self.done.add(name)
        words = self.in_place(words_of(EXAMPLES[name]))
        answers = []
        for login in (DIRECTOR, "", MAYOR) if by is None else (by,):
            # A file of the server is none of a session's; standard output is.
            ran = self.run(login, *(_for_session(words) if login else words))
            if ran.code == 0 or (name in ENDS_OTHERWISE and ENDS_OTHERWISE[name] in ran.err):
                return ran
            answers.append(ran.err)
        self.failed.append(f"{shlex.join(words)}: {answers}")
        return ran

    def in_place(self, words: list[str]) -> list[str]:
        start, now = self.library.recorded.start_utc_ns, datetime.now().astimezone()
        places = {old: local(start + at * NS) for old, at in TIMES.items()}
        places |= {"2026-12-31": day(30), "2027-06-30": day(200), "2026-12-01 12:00": f"{day(3)} 12:00"}
        places |= {"/srv/holdshelf": str(self.library.service.data), "2026-Q4": f"{now.year}-Q{(now.month + 2) // 3}"}
        places |= {f"/{folder}/": f"{self.library.folder}/" for folder in ("mnt", "media")}
        places |= {f"{letter}-2026-": f"{letter}-{now.year}-" for letter in "HRDV"}
        for known in (self.made, places):
            # In one pass, the longest first: 14:00 may stand within the time that another one became.
            olds = re.compile("|".join(map(re.escape, sorted(known, key=len, reverse=True))) or "(?!)")
            words = [olds.sub(lambda found, known=known: known[found[0]], word) for word in words]
        return words


def _for_session(words: list[str]) -> list[str]:
    """A file of the server is none of a session's: what would go there goes to the outbox."""
    found = list(words)
    for at, word in enumerate(words[:-1]):
        if word in ("-o", "--file"):
            found[at : at + 2] = ["--file", "-"] if "receipt" in words[:2] and words[0] == "release" else ["--outbox"]
    return found


def test_every_example_does_what_it_says(
    library: Helped, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(library.folder)
    typist = Typist(Desk(library, capsys, monkeypatch), library)
    for step in (_people, _house, _releases, _holds, _looks, _outbox):
        step(typist)
    rest = set(EXAMPLES) - typist.done - set(READ_ONLY)
    for name in sorted(rest - set(LAST)):
        typist.type(name)
    typist.made["SHA256:…"] = library.people.fingerprints["new"]
    for name in LAST:
        typist.type(name)
    assert not typist.failed, "\n".join(typist.failed)
    assert typist.done | set(READ_ONLY) == set(EXAMPLES)


def _people(typist: Typist) -> None:
    typist.type("seat name", by="")
    typist.type("person add", by="")
    typist.well("", "person", "add", "mlee", "--name", "Mary Lee")
    typist.well("", "person", "add", "bray", "--name", "Bo Ray", "--key", "bray.pub")
    for seat, login in (("chair", "mlee"), ("mayor", "bray")):
        typist.well(DIRECTOR, "seat", "name", seat, "--person", login, "--paper", "letter.pdf")
    letter = ("appointment", "make", "sroe", "--right", "live", "--until", day(9), "--paper", "letter.pdf")
    typist.made["a3"] = typist.well(DIRECTOR, *letter)["id"]
    typist.made["f2"] = next(row["id"] for row in typist.well(MAYOR, "flag", "list") if row["open"])
    typist.type("appointment make")
    typist.type("flag review")
    typist.type("policy adopt")


def _house(typist: Typist) -> None:
    for name in ("entrance add", "entrance list", "entrance attest"):
        typist.type(name)
    for number in ("e2", "e3"):
        typist.well(DIRECTOR, "entrance", "add", f"Door {number}")
    typist.type("checklist enter")
    (typist.library.folder / "head-of-october.txt").write_text(typist.run("", "log", "head").out)
    (typist.library.folder / "usb").mkdir()
    fingerprints = typist.library.people.fingerprints
    typist.type("door admin-key add", by="")
    typist.made["SHA256:…"] = fingerprints["it-office"]
    typist.type("door admin-key remove", by="")


def _holds(typist: Typist) -> None:
    start, end = (local(typist.library.recorded.start_utc_ns + at * NS) for at in (0, 30))
    place = ("hold", "place", "--ground", "investigation", "--incident", "26-1", "--camera", "front-door")
    typist.made["H-2026-0001"] = typist.well(DIRECTOR, *place, "--from", start, "--to", end)["id"]
    for name in ("hold place", "hold extend", "hold review", "print hold", "print sheet", "hold lift", "hold approve"):
        typist.type(name, by=DIRECTOR)


def _looks(typist: Typist) -> None:
    start, end = (local(typist.library.recorded.start_utc_ns + at * NS) for at in (0, 60))
    look = ("look", "open", "--purpose", "crime", "--incident", "26-9", "--camera", "lobby")
    typist.made["L-2026-000123"] = typist.well(DIRECTOR, *look, "--from", start, "--to", end)["id"]
    for name in ("look widen", "look list", "print still", "look close"):
        typist.type(name, by=DIRECTOR)
    typist.made["L-2026-000123"] = typist.well(DIRECTOR, *look, "--live")["id"]
    typist.type("look renew", by=DIRECTOR)
    typist.type("share make", by=DIRECTOR)
    shared = typist.well(DIRECTOR, "share", "list")
    typist.made["V-2026-0001"] = next(row["id"] for row in shared if row["kind"] == "view")


def _releases(typist: Typist) -> None:
    number = 0

    def asked(*more: str, **changed: str) -> None:
        """Ask anew, as the example does but for that; from now on the examples speak of it."""
        nonlocal number
        number += 1
        words = typist.in_place(words_of(EXAMPLES["release request"]))
        for old, new in changed.items():
            words[words.index(f"--{old}") + 1] = new
        typist.run(DIRECTOR, *words, *more)
        typist.made["R-2026-0001"] = typist.in_place([f"R-2026-{number:04}"])[0]

    def types(*names: str, by: str = DIRECTOR) -> None:
        for name in names:
            typist.type(name, by=by)

    typist.done.add("release request")
    asked()
    types("release show", "release list", "release hold", "print release")
    typist.well(DIRECTOR, "release", "others", typist.made["R-2026-0001"], "--none")
    types("release approve", "release export")
    types("release receipt", "print receipt", "print custody", "print certificate")
    asked()
    types("release withdraw")
    asked()
    types("release refuse", by=MAYOR)
    types("print refusal")
    asked(scope=typist.in_place(["lobby,14:00,14:03:20"])[0])
    types("release trim")
    asked("--kind", "search-warrant", basis="court-order")
    types("release paper")
    asked("--agency", "Prospect Police", "--officer", "badge 12", basis="active-investigation")
    types("counsel record", "release again", "counsel end")


def _outbox(typist: Typist) -> None:
    typist.well(DIRECTOR, "print", "policy", "--outbox")
    rows = typist.well(DIRECTOR, "outbox", "list")["rows"]
    typist.made["2026-11-25 Policy.pdf"] = next(row["path"] for row in rows if "Policy" in row["path"])
