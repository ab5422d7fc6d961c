"""A service under another library's policy file, and the cases of that file as what people type."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.people.types import PersonAdd, ReadSeats, SeatAway, SeatName
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.model import Seat
from holdshelf_core.policy.schema import Case
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.read import read_file
from tests.keys import new_key
from tests.looking import MINUTE_NS, commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service
from tests.tui.cli.test_driver import in_session
from tests.tui.stage import entry

POLICIES = Path(__file__).parent / "policies"
STATED = {"name", "identity", "matter", "reported", "called", "at-library"}
FIELDS = {"agency": "the police", "officer": "badge 12", "issuer": "the court", "docket": "26-1"}
CASES = [
    pytest.param(file, number, id=f"{file.stem}: {case.says or number}")
    for file in sorted(POLICIES.glob("*.toml"))
    for number, case in enumerate(Policy(read_file(file)[0]).file.case)
]


class No(Exception):
    """A command ended with 1; what it said."""


def typed(utc_ns: int) -> str:
    """As it may be typed."""
    return datetime.fromtimestamp(utc_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S+00:00")


def steps(case: Case, kind: str) -> list[str]:
    """The roles whose consent or advice the case has."""
    return [step.partition(":")[2] for step in case.given if step.startswith(f"{kind}:")]


class PolicyLibrary:
    """A holder for each role, a camera in use for each class, and one that is not yet."""

    def __init__(self, file: Path, folder: Path, *, older_ns: Sequence[int] = ()) -> None:
        """``older_ns``: how long ago more was recorded, the oldest first."""
        self.text = file.read_text()
        self.policy = Policy(read_file(file)[0])
        places = {one.key: one.places[0] for one in self.policy.file.camera_class}
        self.cameras = places or {"camera": next(iter(self.policy.places))}
        self.service = Service(folder / "data", mint=True)
        cameras = [entry(key, key, place) for key, place in self.cameras.items()]
        seed(self.service.data, [*commissioned(*self.cameras), *cameras])
        for age_ns in older_ns:
            record(self.service.data, list(self.cameras), time.time_ns() - age_ns)
        made = record(self.service.data, list(self.cameras), time.time_ns() - 30 * MINUTE_NS)
        self.span = (made.start_utc_ns, made.start_utc_ns + MINUTE_NS // 2)
        self.people = People(self.service)
        self.logins: dict[str, str] = {}

    def settle(self) -> None:
        """The policy is adopted, and each of its roles has a holder with a key."""
        languages = self.policy.file.library.languages
        more = {language: f"The policy in {language}." for language in languages[1:]}
        self.service.client.act(PolicyAdopt("The policy.", "1", "2026-01-01", "enforce", PAPER, self.text, more))
        clients: list[Client] = [self.service.client]
        for number, role in enumerate(self.policy.seats):
            login = f"h{number}"
            line, fingerprint = new_key()
            asked = SeatName(role, login, f"Holder {number}", line, paper_sha256=PAPER)
            for client in reversed(clients):
                try:
                    client.act(asked)
                    break
                except HoldshelfError as error:
                    last = error
            else:
                raise AssertionError(f"{role} is named by nobody: {last}")
            self.people.fingerprints[login] = fingerprint
            self.logins[role] = login
            clients.append(self.people.client(login))

    def enroll(self, login: str) -> None:
        """Somebody with a key and nothing else, to be asked as a role of that name."""
        line, self.people.fingerprints[login] = new_key()
        self.service.client.act(PersonAdd(login, login.title(), line))
        self.logins[login] = login

    # --- what is typed ------------------------------------------------------------------------------------------

    def command(self, role: str, *words: str, paper: bool = False) -> Any:
        """The answer to one command of whoever holds the role. Raises No with what it said on standard error."""
        return json.loads(self.run(role, *words, "--json", paper=paper).stdout)

    def run(self, role: str, *words: str, paper: bool = False) -> subprocess.CompletedProcess[bytes]:
        """One command in a session of whoever holds the role; ``paper``: with a signed one. Raises No."""
        login = self.logins[role]
        opened = self.service.open_session(login, self.people.fingerprints[login])
        more, given = (("--paper", "-"), b"a signed paper") if paper else ((), b"")
        done = in_session(opened["token"], self.service.data, *words, *more, stdin=given)
        self.service.end_session(opened["session"])
        if done.returncode:
            raise No(done.stderr.decode())
        return done

    def ask(self, case: Case) -> None:
        """Type what the case asks about. Raises No."""
        self.be_away(case)
        consents = ["--seat", *found[:1]] if (found := steps(case, "consent")) else []
        consulted = [word for role in steps(case, "consult") for word in ("--consulted", role)]
        match case.act:
            case "purpose.open":
                start, end = map(typed, self.span)
                self.command(
                    case.who, "look", "open", "--camera", self.camera_of(case), "--purpose", case.purpose,
                    "--incident", "26-1", "--from", start, "--to", end, *consulted,
                )  # fmt: skip
            case "commission.approve":
                with self.new_camera(case.who):
                    seen = self.still(case.who)
                    self.command(
                        case.who, "camera", "commission", "new", "--approve", "--seen", seen, *consents, *consulted,
                        paper=bool(consents),
                    )  # fmt: skip
            case "release.approve":
                release = self.request(case)
                self.command(case.who, "release", "approve", release, *consents, paper=bool(consents))
            case _:
                raise AssertionError(f"this library knows no way to ask {case.act}")

    def be_away(self, case: Case) -> None:
        """Whoever the case has away is entered as that, for so long."""
        for role, away in case.away.items():
            self.people.client(self.logins[role]).act(SeatAway(role, away=True, why="travels"))
            self._was_away(role, away)

    def _was_away(self, role: str, away: str) -> None:
        """As if it had been entered so long ago."""
        length = parse_length(away)
        assert length is not None
        (row,) = (row for row in self.service.client.read(ReadSeats()) if row.seat == role and row.state == "active")
        since = time.time_ns() - length.shortest_ns
        seat = Seat(row.id, role, row.person, row.start_utc_ns, None, PAPER, "admin", away_since_utc_ns=since)
        self.service.stop()
        seed(self.service.data, [("seats", row.id, seat)])
        self.service.start()

    def camera_of(self, case: Case) -> str:
        basis, purpose = self.policy.bases.get(case.basis), self.policy.look_purposes.get(case.purpose)
        classes = (basis.classes if basis is not None else ()) or (purpose.classes if purpose is not None else ())
        return case.camera or next(iter(classes), next(iter(self.cameras)))

    @contextlib.contextmanager
    def new_camera(self, who: str) -> Iterator[None]:
        """A camera that records, with all that its approval takes but the approval."""
        with RtspServer([Mount("new", media="h264_bigkey")]) as server:
            assert self.service.add(server.url("new"), "New", next(iter(self.cameras.values()))) == "new"
            self.service.await_recording("new")
            entrance = self.command(who, "entrance", "add", "Main door", "--sign", "A4, English")
            self.command(who, "entrance", "attest", str(entrance["id"]), "--legible", "--lit")
            self.command(who, "camera", "commission", "new", "--no-masks", "a bare wall", "--why", "new")
            yield

    def still(self, who: str) -> str:
        """Look at the new camera's still; its hash."""
        said = self.run(who, "camera", "commission", "new", "--still", "-").stderr.decode()
        return said.partition("hash ")[2].partition(",")[0]

    def who_requests(self, case: Case) -> str:
        """The role whose holder writes it down: another one than decides, where one may."""
        others = [role for role in self.logins if role != case.who and self.policy.may(role, "release.request")]
        return (others or [case.who])[0]

    def request(self, case: Case) -> str:
        """Write down what somebody asks for; the release's number."""
        camera, start, end = self.camera_of(case), *map(typed, self.span)
        words = ["--basis", case.basis, "--camera", camera, "--from", start, "--to", end, "--incident", "26-1"]
        words += [word for need in sorted(STATED & set(case.given)) for word in ("--stated", need)]
        words += [word for field in FIELDS if field in case.given for word in (f"--{field}", FIELDS[field])]
        paper = "written" in case.given
        words += ["--scope", f"{camera},{start},{end}"] if paper else []
        words += ["--judge"] if "judge" in case.given else []
        who = self.who_requests(case)
        release = str(self.command(who, "release", "request", *words, paper=paper)["id"])
        self.command(who, "release", "others", release, "--none")
        return release
