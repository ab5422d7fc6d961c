"""Whatever a client sends, the service answers with one sentence: no 500, no traceback in its journal, for any route or act.

The service is real, and so are those who ask: the admin, the Director and a designee. Requests are made from the acts' own types,
 so that they get past the first check, and from what no client of ours would ever send.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_core.buffer import types as buffer_types
from holdshelf_core.cameras import commission_types as types_commission
from holdshelf_core.cameras import flow_types as types_flow
from holdshelf_core.cameras import types as camera_types
from holdshelf_core.holds import types as types_holds
from holdshelf_core.outbox.types import CloseFetch
from tests.every_act import every_act
from tests.people import People
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, faults_in
from tests.test_decoding import HOSTILE_BODIES

REGISTRY = every_act()
ACTIONS = {action.name: action for action in REGISTRY.all()}
# What reaches out of the machine by its nature gets no address made up here.
DIALS = {"target", "address", "url", "addresses", "ranges"}

HUGE = [2**63 - 1, -(2**63), 2**63, 2**64, 10**30, -(10**400), 0, -1, 1]
ODD_TEXTS = [
    "",
    "\0",
    "a\0b",
    "\x1b[2J",
    "\u202e",
    "x" * 5000,
    "../../etc",
    "/",
    "NaN",
    "0000-00-00",
    "2026-13-45T99:99",
    "p1",
    "s1",
]
TEXTS = st.one_of(st.text(max_size=40), st.sampled_from(ODD_TEXTS))
NOW_NS = time.time_ns()
# What a field of that name may hold, so that a request gets further than to its first check.
LIKELY = {
    "camera": ["door"],
    "cameras": ["door"],
    "hold": ["H-2026-0001"],
    "release": ["R-2026-0001"],
    "person": ["dee", "p2"],
    "seat": ["chair", "mayor", "s9"],
    "entrance": ["e1", "Main"],
    "ground": ["investigation"],
    "purpose": ["incident", "safety"],
    "incident": ["26-114"],
    "reference": ["26-114"],
    "basis": ["court_order", "warrant", "subpoena", "permission"],
    "paper_sha256": ["0" * 64],
    "sha256": ["0" * 64],
    "last_day": ["2027-01-31", "9999-12-31", "0001-01-01"],
    "start": ["2026-11-27", "9999-12-31"],
    "end": ["2027-11-27", "9999-12-31"],
    "setting": ["grace_days", "library"],
    "area_kind": ["seating"],
    "id": ["e1", "a1", "f1"],
    "flag": ["f1"],
    "why": ["because"],
    "name": ["Somebody"],
    "login": ["newone"],
    "start_utc_ns": [NOW_NS - 60 * 10**9],
    "end_utc_ns": [NOW_NS, None],
    "at_utc_ns": [NOW_NS],
    "review_days": [30],
    "max_width": [320],
}
NUMBERS = st.one_of(st.integers(), st.sampled_from(HUGE))
JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


def of_type(kind: Any) -> st.SearchStrategy[Any]:
    """Values that a field of that type takes, as JSON has them."""
    info = msgspec.inspect.type_info(kind) if not isinstance(kind, msgspec.inspect.Type) else kind
    match info:
        case msgspec.inspect.StructType(fields=fields):
            return st.fixed_dictionaries(
                {f.encode_name: of_field(f) for f in fields if f.required},
                optional={f.encode_name: of_field(f) for f in fields if not f.required},
            )
        case msgspec.inspect.UnionType(types=types):
            return st.one_of([of_type(one) for one in types])
        case msgspec.inspect.ListType(item_type=item) | msgspec.inspect.VarTupleType(item_type=item):
            return st.lists(of_type(item), max_size=3)
        case msgspec.inspect.DictType(value_type=value):
            return st.dictionaries(TEXTS, of_type(value), max_size=3)
        case msgspec.inspect.BoolType():
            return st.booleans()
        case msgspec.inspect.IntType():
            return NUMBERS
        case msgspec.inspect.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case msgspec.inspect.NoneType():
            return st.none()
        case msgspec.inspect.BytesType():
            return st.sampled_from(["", "QUJD", "!", "////"])
        case msgspec.inspect.StrType():
            return TEXTS
        case _:
            return JUNK


def of_field(field: msgspec.inspect.Field) -> st.SearchStrategy[Any]:
    if field.encode_name in DIALS:
        return st.sampled_from(
            ["", "\0", "rtsp://", "rtsp://127.0.0.1:1/x", "[::1", "http://127.0.0.1:99999/", "x" * 3000, 7]
        )
    usual = LIKELY.get(field.encode_name)
    odd = of_type(field.type)
    if usual is None:
        return odd
    likely = st.sampled_from(usual)
    if isinstance(field.type, msgspec.inspect.ListType):
        return st.one_of(odd, st.lists(likely, max_size=2), likely)
    return st.one_of(likely, likely, odd)


def bodies(kind: type[msgspec.Struct]) -> st.SearchStrategy[bytes]:
    """Mostly of the right type; else JSON of another, or no JSON at all."""
    typed = of_type(kind).map(lambda value: json.dumps(value).encode())
    junk = JUNK.map(lambda value: json.dumps(value).encode())
    return st.one_of(typed, typed, typed, junk, st.binary(max_size=60), st.sampled_from(HOSTILE_BODIES))


class Asker:
    """Speaks HTTP with none of our own client's manners, on a line that is kept while it can be."""

    def __init__(self, path: Path, service: Service, tokens: list[str | None]) -> None:
        self.path, self.service, self.tokens = path, service, tokens

    def ask(self, who: int, method: str, url: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("holdshelf", timeout=HANG_S)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(HANG_S)
        connection.sock.connect(str(self.path))
        token = self.tokens[who]
        try:
            connection.request(method, url, body, {"Authorization": f"Bearer {token}"} if token else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def check(self, who: int, method: str, url: str, body: bytes | None = None) -> None:
        status, raw = self.ask(who, method, url, body)
        assert status != 500, (method, url, body, raw, self.service.log()[-3000:])
        if status >= 400:
            refusal = json.loads(raw)
            assert refusal["sentence"]
            assert "Traceback" not in raw.decode()


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    runtime = Path(tempfile.mkdtemp(prefix="hs-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        with (
            RtspServer([Mount("door", media="h264_100k")]) as server,
            Service(tmp_path_factory.mktemp("fuzz") / "data", mint=True) as service,
        ):
            people = People(service)
            director = people.name_director()
            people.appoint("dee", "Dee Park", director, "archive", "hold", "release")
            tokens = [None, *(service.open_session(who, people.fingerprints[who])["token"] for who in ("dora", "dee"))]
            camera = service.add(server.url("door"), "Door")
            assert camera == "door"
            director.act(types_commission.EntranceAdd("Main"))
            director.act(types_holds.HoldPlace("investigation", "26-1", [types_holds.SpanAsk(camera, 0, None)]))
            (path,) = (runtime / "holdshelf").glob("*.sock")
            yield Asker(path, service, tokens)
            assert faults_in(service.log()) == []
    shutil.rmtree(runtime)


many = settings(
    max_examples=int(os.environ.get("HOLDSHELF_FUZZ", "10")),
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    database=None,
)
WHO = st.integers(0, 2)


# Last: whoever is asked about may be gone afterwards.
ENDS = ("person.", "seat.", "appointment.", "camera.re", "log.repair")


@pytest.mark.parametrize("name", sorted(ACTIONS, key=lambda name: (name.startswith(ENDS), name)))
def test_an_act_answers_whatever_it_is_asked(asker: Asker, name: str) -> None:
    @many
    @given(who=WHO, body=bodies(ACTIONS[name].request))
    def ask(who: int, body: bytes) -> None:
        asker.check(who, "POST", f"/actions/{name}", body)

    ask()


QUERY_NAMES = [
    "camera",
    "start_utc_ns",
    "end_utc_ns",
    "person",
    "action",
    "cameras",
    "purpose",
    "target",
    "at_utc_ns",
    "rights",
]
QUERY_NAMES += ["grant", "max_width", "after_utc_ns", "handle", "offset", "length"]
QUERIES = st.dictionaries(
    st.sampled_from(QUERY_NAMES) | TEXTS,
    st.one_of(TEXTS, NUMBERS.map(str), st.sampled_from(["look.archive", "hold.place", "log.see", "%ff", "١"])),
    max_size=6,
)
PATHS = [
    *sorted(read.spec.path for read in REGISTRY.reads if read.spec.path.startswith("/rules/")),
    "/status",
    "/footage",
    "/gaps",
    "/jobs",
    "/doctor",
    "/flows",
]
PATHS += ["/diagnostics", "/outbox", "/outbox/read", "/printers", "/pictures/still", "/pictures/live"]


@pytest.mark.parametrize("path", PATHS)
def test_a_view_answers_whatever_its_query_holds(asker: Asker, path: str) -> None:
    @many
    @given(who=WHO, query=QUERIES, raw=st.booleans())
    def ask(who: int, query: dict[str, str], raw: bool) -> None:
        asked = "&".join(f"{quote(k)}={v if raw and v == '%ff' else quote(v)}" for k, v in query.items())
        asker.check(who, "GET", f"{path}?{asked}"[:8000])

    ask()


@pytest.mark.parametrize("path", ["/verify", "/flow", "/discover", "/outbox/close"])
def test_a_route_answers_whatever_its_body_is(asker: Asker, path: str) -> None:
    kinds: dict[str, type[msgspec.Struct]] = {
        "/verify": buffer_types.VerifyRequest,
        "/flow": types_flow.FlowStart,
        "/discover": camera_types.DiscoverRequest,
        "/outbox/close": CloseFetch,
    }

    @many
    @given(who=WHO, body=bodies(kinds[path]))
    def ask(who: int, body: bytes) -> None:
        if path == "/discover" and b'"timeout_s"' not in body and who == 0 and b"addresses" not in body:
            return  # a search of the network by the admin: no request is odd about it
        asker.check(who, "POST", path, body)

    ask()


@many
@given(who=WHO, path=st.text(max_size=30), method=st.sampled_from(["GET", "POST", "PUT", "HEAD", "PATCH", "DELETE"]))
def test_a_path_that_nobody_knows_is_answered(asker: Asker, who: int, path: str, method: str) -> None:
    for start in ("/", "/actions/", "/rules/", "/pictures/"):
        status, raw = asker.ask(who, method, start + quote(path, safe="/"), b"{}")
        assert status != 500, (method, path, raw)


@pytest.mark.parametrize(
    "url",
    [b"/rules/%ff%fe", b"/actions/%00", b"/footage?camera=%ff", b"/pictures/\xff\xfe", b"/%", b"/rules/%ed%a0%80"],
)
def test_a_path_that_is_no_text_is_answered(asker: Asker, url: bytes) -> None:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(HANG_S)
    link.connect(str(asker.path))
    link.sendall(b"GET " + url + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = b""
    while part := link.recv(65536):
        answer += part
    link.close()
    assert answer[9:10] == b"4" or answer.startswith(b"HTTP/1.1 200"), answer


@pytest.mark.parametrize(
    "header",
    [
        b"Authorization: Bearer \xff\xfe",
        b"Authorization: \xff",
        b"Authorization: Bearer " + b"x" * 7000,
        b"Content-Type: \xff",
        b"Host: \xff",
    ],
)
def test_a_header_that_is_no_text_is_answered(asker: Asker, header: bytes) -> None:
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(HANG_S)
    link.connect(str(asker.path))
    link.sendall(b"GET /status HTTP/1.1\r\n" + header + b"\r\nConnection: close\r\n\r\n")
    answer = b""
    while part := link.recv(65536):
        answer += part
    link.close()
    assert answer[9:10] == b"4" or answer.startswith(b"HTTP/1.1 200"), answer
