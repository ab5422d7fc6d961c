"""A camera, hold, release, share or look that is not yours is refused as one that does not exist: by every act and every view.

For each act of the registry two requests go out that differ in one id, once of something that is there and is another's, once of
something that is not: sentence, clause, status and next step are the same to the byte, and so is what the log says was refused.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.access_log import types as types_board
from holdshelf_core.acts import ADMIN
from holdshelf_core.api.client import Client
from holdshelf_core.errors import NotFound, Refused
from holdshelf_core.holds import types as types_holds
from holdshelf_core.looks import types as types_looks
from holdshelf_core.people import types as types_people
from holdshelf_core.policy import model
from tests.bundles import spans_of
from tests.every_act import every_act
from tests.looking import MINUTE_NS, Recorded, commissioned, record, seed
from tests.people import People
from tests.rig.hang import HANG_S
from tests.service import Service

ACTIONS = {action.name: action for action in every_act().all()}
PAPER = hashlib.sha256(b"a paper").hexdigest()
WHO = ("dee", "lou", "sue")
"""A designee with every right over one camera; one who may only look at it; somebody with whom a minute of it is shared."""


@dataclass(frozen=True)
class House:
    service: Service
    path: Path
    tokens: dict[str, str]
    made: Recorded
    director: Client
    there: dict[str, str]
    """Of each field: the id of something that is there and is not theirs."""

    def ask(self, who: str, method: str, url: str, body: dict[str, Any] | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("holdshelf", timeout=HANG_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(HANG_S)
        connection.sock.connect(str(self.path))
        try:
            raw = None if body is None else json.dumps(body).encode()
            connection.request(method, url, raw, {"Authorization": f"Bearer {self.tokens[who]}"})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


NOWHERE = {
    "camera": "nowhere",
    "hold": "H-2026-0999",
    "release": "R-2026-0999",
    "share": "s999",
    "grant": "L-2026-099999",
    "flag": "f999",
    "person": "nobody",
    "path": "bundles/R-2026-0999/README.txt",
    "appointment.end": "a999",
    "share.end": "s999",
    "counsel.end": "c999",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    runtime = Path(tempfile.mkdtemp(prefix="hs-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        service = Service(tmp_path_factory.mktemp("uniform") / "data", mint=True)
        made = record(service.data, ["door", "hall"])
        spans, at = tuple(spans_of(made, "hall")), made.end_utc_ns
        paper = model.Paper(PAPER, "search-warrant", "Superior Court", signed_by_judge=True, scope=spans)
        release = model.Release("R-2026-0001", "search-warrant", "26-1", spans, spans, "p1", at, "approved", paper)
        seed(service.data, [*commissioned("door", "hall"), ("releases", release.id, release)])
        with service:
            people = People(service)
            director = people.name_director()
            people.appoint("dee", "Dee Park", director, *model.RIGHTS, cameras=["door"])
            people.appoint("lou", "Lou Lane", director, "live", "archive", cameras=["door"])
            other = people.appoint("oli", "Oli Other", director, "archive", cameras=["hall"])
            people.enrol("sue", "Sue Hill", director)
            span = types_holds.SpanAsk("hall", made.start_utc_ns, made.start_utc_ns + MINUTE_NS)
            asked = types_holds.HoldPlace("investigation", "26-1", [span])
            hold = director.act(asked)
            shares = {}
            for camera, person in (("door", "sue"), ("hall", "oli")):
                share = types_people.ShareMake(
                    camera, made.start_utc_ns, made.start_utc_ns + MINUTE_NS, "safety", person, confidentiality=True
                )
                shares[person] = director.act(share).id
            look = types_looks.PurposeOpen(
                ["hall"], "crime", "26-1", start_utc_ns=made.start_utc_ns, end_utc_ns=made.end_utc_ns
            )
            opened = director.act(look)
            tokens = {who: service.open_session(who, people.fingerprints[who])["token"] for who in WHO}
            (path,) = (runtime / "holdshelf").glob("*.sock")
            there = {
                "camera": "hall",
                "hold": hold.id,
                "release": release.id,
                "share": shares["oli"],
                "grant": opened.id,
                "flag": "f1",
                "person": "oli",
                "path": f"bundles/{release.id}/README.txt",
                "appointment.end": other,
                "share.end": shares["oli"],
                "counsel.end": "c1",
            }
            yield House(service, path, tokens, made, director, there)
    shutil.rmtree(runtime)


def usual(house: House, name: str) -> dict[str, Any]:
    """A request of that act which would pass its first checks, without what it is about."""
    made = house.made
    every: dict[str, Any] = {
        "why": "because",
        "note": "a note",
        "ground": "investigation",
        "reference": "26-1",
        "incident": "26-1",
        "purpose": "safety" if name == "share.make" else "crime",
        "basis": "search-warrant",
        "last_day": "2027-01-31",
        "paper_sha256": PAPER,
        "confidentiality": True,
        "start_utc_ns": made.start_utc_ns,
        "end_utc_ns": made.start_utc_ns + MINUTE_NS,
        "at_utc_ns": made.start_utc_ns,
        "rights": ["archive"],
        "area_kind": "seating",
        "masks": [],
        "folder": "/nonexistent/folder",
        "days": 3,
        "key": "",
        "given_to": "",
        "kind": "view",
        "paper": {"print.facts": "hold"}.get(name),
        "camera": "door",
        "cameras": ["door"],
        "spans": [span("door", made)],
        "codes": ["door.reference=yes"],
        "person": "sue",
        "grant": NOWHERE["grant"],
    }
    fields = {field.name: field for field in msgspec.structs.fields(ACTIONS[name].request)}
    return {key: value for key, value in every.items() if key in fields and value is not None}


def span(camera: str, made: Recorded) -> dict[str, Any]:
    return {"camera": camera, "start_utc_ns": made.start_utc_ns, "end_utc_ns": made.start_utc_ns + MINUTE_NS}


def pairs(house: House, name: str) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(what differs, the request about something of somebody else's, the same about nothing)."""
    fields = {field.name for field in msgspec.structs.fields(ACTIONS[name].request)}
    base = usual(house, name)

    def one(field: str, make: Any, key: str = "") -> tuple[str, dict[str, Any], dict[str, Any]]:
        ids = key or field
        return field, {**base, field: make(house.there[ids])}, {**base, field: make(NOWHERE[ids])}

    for field in ("camera", "hold", "release", "share", "grant", "flag", "path"):
        if field in fields:
            yield one(field, str)
    if "person" in fields and name not in ("share.make", "log.show"):
        yield one("person", str)
    if "cameras" in fields:
        yield one("cameras", lambda camera: [camera], "camera")
        yield one("cameras", lambda camera: ["door", camera], "camera")
    if "spans" in fields:
        yield one("spans", lambda camera: [span(camera, house.made)], "camera")
    if "codes" in fields:
        yield one("codes", lambda camera: [f"{camera}.reference=yes"], "camera")
    if name in NOWHERE:
        yield one("id", str, name)
    if name == "print.facts":
        for paper, field in (("release", "release"), ("certificate", "release"), ("still", "share")):
            what, yours, none = one(field, str)
            yield f"{paper} {what}", {**yours, "paper": paper}, {**none, "paper": paper}


def without_ids(raw: bytes, house: House) -> bytes:
    for known in (*house.there.values(), *NOWHERE.values()):
        raw = raw.replace(known.encode(), b"ID")
    return raw


def entry_kinds(house: House, after: int) -> list[tuple[Any, ...]]:
    rows = house.director.act(types_board.LogShow(first=after + 1)).entries
    keys = ("action", "outcome", "person", "seat", "clause", "subject")
    return [tuple(row.entry.get(key) for key in keys[:-1]) for row in rows if row.entry["action"] != "log.show"]


def last_seq(house: House) -> int:
    return int(house.director.read(types_board.ReadHead()).size)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_act_on_what_is_anothers_is_refused_as_on_what_is_not_there(house: House, name: str, who: str) -> None:
    for what, yours, none in pairs(house, name):
        seq = last_seq(house)
        there = house.ask(who, "POST", f"/actions/{name}", yours)
        first = entry_kinds(house, seq)
        seq = last_seq(house)
        nowhere = house.ask(who, "POST", f"/actions/{name}", none)
        assert without_ids(there[1], house) == without_ids(nowhere[1], house), (what, there, nowhere)
        assert there[0] == nowhere[0] >= 400, (what, there)
        assert first == entry_kinds(house, seq), what


VIEWS = (
    "/footage?camera={camera}",
    "/gaps?camera={camera}",
    "/coverage?camera={camera}",
    "/pictures/still?grant={grant}&camera={camera}&at_utc_ns=1",
    "/pictures/live?grant={grant}&camera={camera}",
    "/diagnostics?camera={camera}",
    "/rules/may?person={person}&action=look.archive&cameras={camera}",
    "/outbox/read?handle={grant}&offset=0&length=1",
)
ALSO_HELD = "/rules/also-held"
IDS = {"camera", "cameras", "spans", "person", "hold", "release", "share", "grant", "look", "flag"}


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("url", VIEWS)
def test_a_view_of_what_is_anothers_is_refused_as_of_what_is_not_there(house: House, url: str, who: str) -> None:
    there = house.ask(who, "GET", url.format(**house.there))
    nowhere = house.ask(who, "GET", url.format(**NOWHERE))
    assert there[0] == nowhere[0] >= 400, (there, nowhere)
    assert without_ids(there[1], house) == without_ids(nowhere[1], house)


@pytest.mark.parametrize("who", WHO)
def test_what_else_keeps_footage_of_anothers_camera_is_answered_as_of_one_that_is_not_there(
    house: House, who: str
) -> None:
    there = house.ask(who, "POST", ALSO_HELD, {"spans": [span("hall", house.made)]})
    nowhere = house.ask(who, "POST", ALSO_HELD, {"spans": [span("nowhere", house.made)]})
    assert there == nowhere == (200, b"[]")


def test_each_view_that_is_asked_by_an_id_is_asked_here() -> None:
    asked = {url.partition("?")[0] for url in VIEWS} | {ALSO_HELD}
    for read in every_act().reads:
        fields = {field.name for field in msgspec.structs.fields(read)}
        for_people = read.spec.permission not in (None, ADMIN)
        assert read.spec.path in asked or not (for_people and fields & IDS), read.spec


@pytest.mark.parametrize("who", WHO)
def test_no_list_names_what_is_anothers(house: House, who: str) -> None:
    for view in ("/status", "/footage", "/gaps", *(f"/rules/{name}" for name in ("commissions", "looks", "exports"))):
        _status, raw = house.ask(who, "GET", view)
        assert b"hall" not in raw.lower(), view
        assert house.there["hold"].encode() not in raw
    for name in ("hold.list", "release.list"):
        _status, raw = house.ask(who, "POST", f"/actions/{name}", {})
        assert b"hall" not in raw.lower(), name
        assert house.there["hold"].encode() not in raw


def test_whoever_may_see_it_is_still_told_what_there_is(house: House) -> None:
    with pytest.raises(Refused, match="There is no hold 'H-2026-0999'"):
        house.director.act(types_holds.HoldAsk("H-2026-0999"))
    span_ = types_holds.SpanAsk("nowhere", 0, None)
    with pytest.raises(NotFound, match="There is no camera 'nowhere'"):
        house.director.act(types_holds.HoldPlace("investigation", "26-1", [span_]))
