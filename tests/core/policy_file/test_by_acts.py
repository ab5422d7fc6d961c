"""The cases of other libraries' policies, each by the acts of a service under that policy: not by the rules' function."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, Refused
from holdshelf_core.cameras.commission_types import (
    CommissionApprove,
    CommissionEdit,
    CommissionStill,
    EntranceAdd,
    EntranceAttest,
)
from holdshelf_core.looks.types import PurposeOpen
from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.people.types import ReadSeats, SeatAway, SeatName
from holdshelf_core.policy.lengths import parse_length
from holdshelf_core.policy.model import Seat
from holdshelf_core.policy.schema import Case
from holdshelf_core.policy.tables import Policy
from holdshelf_core.policy_file.read import read_file
from holdshelf_core.releases.types import PaperAsk, ReleaseApprove, ReleaseOthers, ReleaseRequest, SpanRow
from tests.keys import new_key
from tests.looking import MINUTE_NS, commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service
from tests.tui.stage import entry

POLICIES = Path(__file__).parents[2] / "policies"
FIELDS = {"agency": "the police", "officer": "badge 12", "issuer": "the court", "docket": "26-1"}


class Library:
    """A service under a policy file: a holder for each role, a camera in use for each class, one that is not yet."""

    def __init__(self, file: Path, folder: Path) -> None:
        self.policy = Policy(read_file(file)[0])
        places = {one.key: one.places[0] for one in self.policy.file.camera_class}
        self.cameras = places or {"camera": next(iter(self.policy.places))}
        self.service = Service(folder / "data", mint=True)
        cameras = [entry(key, key, place) for key, place in self.cameras.items()]
        seed(self.service.data, [*commissioned(*self.cameras), *cameras])
        self.made = record(self.service.data, list(self.cameras), time.time_ns() - 30 * MINUTE_NS)
        self.people = People(self.service)
        self.clients: dict[str, Client] = {}
        self.logins: dict[str, str] = {}

    def settle(self, text: str) -> None:
        """The policy is adopted, and each of its roles has a holder with a key."""
        languages = self.policy.file.library.languages
        more = {language: f"The policy in {language}." for language in languages[1:]}
        self.service.client.act(PolicyAdopt("The policy.", "1", "2026-01-01", "enforce", PAPER, text, more))
        for number, role in enumerate(self.policy.seats):
            login = f"h{number}"
            line, fingerprint = new_key()
            asked = SeatName(role, login, f"Holder {number}", line, paper_sha256=PAPER)
            for client in (*self.clients.values(), self.service.client):
                try:
                    client.act(asked)
                    break
                except HoldshelfError as error:
                    last = error
            else:
                raise AssertionError(f"{role} is named by nobody: {last}")
            self.people.fingerprints[login] = fingerprint
            self.logins[role], self.clients[role] = login, self.people.client(login)

    # --- one case -----------------------------------------------------------------------------------------------

    def ask(self, case: Case) -> None:
        """Do what the case asks about. Raises Refused."""
        for role, away in case.away.items():
            self.clients[role].act(SeatAway(role, away=True, why="travels"))
            self.was_away(role, away)
        client = self.clients[case.who]
        consulted = [step.partition(":")[2] for step in case.given if step.startswith("consult:")]
        consents = [step.partition(":")[2] for step in case.given if step.startswith("consent:")]
        match case.act:
            case "purpose.open":
                camera = self.camera_of(case)
                start, end = self.made.start_utc_ns, self.made.start_utc_ns + MINUTE_NS // 2
                client.act(
                    PurposeOpen([camera], case.purpose, "26-1", start_utc_ns=start, end_utc_ns=end, consulted=consulted)
                )
            case "commission.approve":
                self.approve(client, consents, consulted)
            case "release.approve":
                self.release(case, client, consents)
            case _:
                raise AssertionError(f"this test knows no way to ask {case.act}")

    def was_away(self, role: str, away: str) -> None:
        """As if it had been entered so long ago."""
        length = parse_length(away)
        assert length is not None
        (row,) = (row for row in self.service.client.read(ReadSeats()) if row.seat == role and row.state == "active")
        since = time.time_ns() - length.shortest_ns
        seat = Seat(row.id, role, row.person, row.start_utc_ns, None, PAPER, "admin", away_since_utc_ns=since)
        self.service.stop()
        seed(self.service.data, [("seats", row.id, seat)])
        self.service.start()
        self.clients = {key: self.people.client(login) for key, login in self.logins.items()}

    def camera_of(self, case: Case) -> str:
        basis, purpose = self.policy.bases.get(case.basis), self.policy.look_purposes.get(case.purpose)
        classes = (basis.classes if basis is not None else ()) or (purpose.classes if purpose is not None else ())
        return case.camera or next(iter(classes), next(iter(self.cameras)))

    def approve(self, client: Client, consents: list[str], consulted: list[str]) -> None:
        place = next(iter(self.cameras.values()))
        with RtspServer([Mount("new", media="h264_bigkey")]) as server:
            assert self.service.add(server.url("new"), "New", place) == "new"
            self.service.await_recording("new")
            self.bring_into_use(client, consents, consulted)

    def bring_into_use(self, client: Client, consents: list[str], consulted: list[str]) -> None:
        entrance = client.act(EntranceAdd("Main door", "A4, English"))
        client.act(EntranceAttest(entrance.id, legible=True, lit=True))
        client.act(CommissionEdit("new", [], "a bare wall", why="new"))
        still = client.act(CommissionStill("new", True))
        seat = consents[0] if consents else ""
        client.act(CommissionApprove("new", still.sha256, False, PAPER if seat else "", seat, consulted))

    def release(self, case: Case, client: Client, consents: list[str]) -> None:
        span = SpanRow(self.camera_of(case), self.made.start_utc_ns, self.made.start_utc_ns + MINUTE_NS // 2)
        given = set(case.given)
        fields = {field: value for field, value in FIELDS.items() if field in given}
        paper = None
        if given & {"written", "scope", "judge", *FIELDS}:
            scope = [span] if "scope" in given or "written" in given else []
            paper = PaperAsk(
                PAPER if "written" in given else "",
                case.basis,
                fields.get("issuer", "somebody"),
                fields.get("docket", ""),
                fields.get("agency", ""),
                fields.get("officer", ""),
                "judge" in given,
                scope,
            )
        stated = sorted(given & {"name", "identity", "matter", "reported", "called", "at-library"})
        others = [
            one for role, one in self.clients.items() if role != case.who and self.policy.may(role, "release.request")
        ]
        asker = (others or [client])[0]
        row = asker.act(ReleaseRequest(case.basis, [span], "26-1", paper, stated=stated))
        asker.act(ReleaseOthers(row.id, seen=False))
        seat = consents[0] if consents else ""
        client.act(ReleaseApprove(row.id, PAPER if seat else "", seat))


CASES = [
    pytest.param(file, number, id=f"{file.stem}: {case.says or number}")
    for file in sorted(POLICIES.glob("*.toml"))
    for number, case in enumerate(Policy(read_file(file)[0]).file.case)
]


@pytest.mark.parametrize(("file", "number"), CASES)
def test_each_case_is_answered_by_acts_as_by_the_file(file: Path, number: int, tmp_path: Path) -> None:
    library = Library(file, tmp_path)
    case = library.policy.file.case[number]
    with library.service:
        library.settle(file.read_text())
        if case.expect == "yes":
            library.ask(case)
            return
        with pytest.raises(Refused) as refused:
            library.ask(case)
    if case.clause:
        assert f"({case.clause}" in refused.value.sentence, refused.value.sentence
