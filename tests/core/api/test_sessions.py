"""People at the local socket: sessions of the SSH door and accounts of this machine. The service is real.

Nobody becomes somebody by what a request says of itself, and nobody stays one when the right behind it ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import queue
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.api.client import Client, Events
from holdshelf_core.api.errors import HoldshelfError, NotPermitted, Refused
from holdshelf_core.api.session_types import EventRow
from holdshelf_core.buffer import types as buffer_types
from holdshelf_core.cameras import types as camera_types
from holdshelf_core.cameras.types import CameraRemove
from holdshelf_core.people.types import (
    AppointmentEnd,
    AppointmentMake,
    Done,
    PersonAdd,
    PersonKey,
    PersonRemove,
    SeatName,
)
from tests.keys import new_key
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, faults_in, wait_for

# A right that ended is over within 10 s (the design's bound); the rest is the machine's.
PAPER = "ab" * 32
ACCOUNT = "daemon"
needs_root = pytest.mark.skipif(
    os.geteuid() != 0 and "CI" not in os.environ, reason="only root may become another user"
)


class House:
    """A service with two cameras and a Director who came in over SSH."""

    def __init__(self, service: Service, runtime: Path, server: RtspServer) -> None:
        self.service = service
        self.runtime = runtime
        self.cameras = [service.add(server.url(name), name.title()) for name in ("door", "desk")]
        self.line, self.fingerprint = new_key()
        service.client.act(SeatName("director", "ada", "Ada Archer", self.line))
        self.director = service.as_person("director", self.fingerprint)

    @property
    def socket(self) -> Path:
        (found,) = (self.runtime / "holdshelf").glob("*.sock")
        return found

    @contextlib.contextmanager
    def open_to_all(self) -> Iterator[None]:
        """The socket's file permissions let every account through: only the service's own word stands then."""
        folder, path = self.socket.parent, self.socket
        for what, mode in ((self.runtime, 0o755), (folder, 0o755), (path, 0o666)):
            what.chmod(mode)
        try:
            yield
        finally:
            path.chmod(0o660)
            folder.chmod(0o750)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    runtime = Path(tempfile.mkdtemp(prefix="hs-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_RUNTIME_DIR", str(runtime))
        with (
            RtspServer([Mount("door", media="h264_100k"), Mount("desk", media="h264_100k")]) as server,
            Service(tmp_path_factory.mktemp("sessions") / "data", mint=True) as service,
        ):
            yield House(service, runtime, server)
    shutil.rmtree(runtime)


@pytest.fixture(autouse=True)
def _service_is_unharmed(house: House) -> Iterator[None]:
    yield
    assert house.service.client.status().pid == house.service.pid
    assert faults_in(house.service.log()) == []


def me(client: Client) -> dict[str, Any]:
    return client.get("/rules/me", dict[str, Any])


def refused(ask: Callable[[], object]) -> HoldshelfError:
    with pytest.raises(HoldshelfError) as caught:
        ask()
    return caught.value


class Listener:
    """Reads a stream of events in a thread."""

    def __init__(self, client: Client) -> None:
        self._events: Events = client.events()
        self._heard: queue.Queue[EventRow | None] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.until("hello")

    def _read(self) -> None:
        with contextlib.suppress(HoldshelfError):
            for event in self._events:
                self._heard.put(event)
        self._heard.put(None)

    def until(self, kind: str) -> EventRow:
        while True:
            event = self._heard.get(timeout=HANG_S)
            assert event is not None, f"the stream ended without {kind}"
            if event.type == kind:
                return event

    def close(self) -> None:
        self._events.close()


# --- who is who ----------------------------------------------------------------------------------------------------


def test_a_session_is_its_person_and_the_socket_alone_is_the_admin(house: House) -> None:
    assert "Ada" in json.dumps(me(house.director))
    assert "as the admin" in refused(lambda: me(house.service.client)).sentence


def test_an_action_that_does_not_exist_is_said_so(house: House) -> None:
    error = refused(lambda: house.director.post("/actions/no.such", None, Done))
    assert error.status == 404
    assert "no.such" in error.sentence


@pytest.mark.parametrize(
    "token", ["", "x", "a" * 43, "Bearer", "é".encode().decode("latin-1"), "' OR 1=1", "a" * 4000], ids=repr
)
def test_a_bad_token_is_refused_and_never_falls_back_to_the_account_even_roots(house: House, token: str) -> None:
    error = refused(lambda: Client(house.service.data, token=token).status())
    assert error.status == 401
    assert "session" in error.sentence
    assert (
        refused(lambda: Client(house.service.data, token=token).post("/actions/person.add", None, dict)).status == 401
    )


_RAW = """
import os, pwd, socket, sys
if sys.argv[3]:
    account = pwd.getpwnam(sys.argv[3])
    os.setgroups([]); os.setgid(account.pw_gid); os.setuid(account.pw_uid)
link = socket.socket(socket.AF_UNIX)
link.connect(sys.argv[1])
link.settimeout(60)
link.sendall(sys.argv[2].encode())
while more := link.recv(65536):
    print(more.decode(), end="", flush=True)
"""


def as_text(request: str, *headers: str) -> str:
    return "\r\n".join([f"{request} HTTP/1.1", "Host: x", "Connection: close", "Content-Length: 0", *headers, "", ""])


def raw(house: House, *headers: str, request: str = "GET /rules/me", account: str | None = None) -> str:
    """The bare answer to a request with these headers, from this account or another."""
    asked = subprocess.run(
        [sys.executable, "-c", _RAW, str(house.socket), as_text(request, *headers), account or ""],
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_S,
    )
    return asked.stdout


FORGED = [
    "X-Forwarded-User: director",
    "X-Remote-User: root",
    "X-Forwarded-For: 127.0.0.1",
    "X-Person: p1",
    "X-Holdshelf-Person: p1",
    "Cookie: session=s-1; token=p1",
    "From: ada",
    "Forwarded: for=root",
]


@needs_root
@pytest.mark.parametrize("header", FORGED)
def test_no_header_makes_another_account_somebody(house: House, header: str) -> None:
    with house.open_to_all():
        answer = raw(house, header, account=ACCOUNT)
    assert answer.startswith("HTTP/1.1 403 ")
    assert "may not administer" in answer


@pytest.mark.parametrize(
    "headers",
    [
        ["Authorization: Basic cm9vdDpyb290"],
        ["Authorization: "],
        ["Authorization: Bearer"],
        ["Authorization: Bearer x", "Authorization: Bearer y"],
        ["authorization: bearer  "],
        ["Authorization: Admin root"],
    ],
    ids=repr,
)
def test_a_header_that_claims_an_identity_and_proves_none_is_refused(house: House, headers: list[str]) -> None:
    assert raw(house, *headers).startswith("HTTP/1.1 401 ")


@needs_root
def test_a_stolen_token_is_worth_nothing_to_another_account(house: House) -> None:
    token = house.service.open_session("director", house.fingerprint)
    with house.open_to_all():
        answer = raw(house, f"Authorization: Bearer {token['token']}", account=ACCOUNT)
    assert answer.startswith("HTTP/1.1 401 ")
    assert "Ada" not in answer
    house.service.end_session(token["session"])


def test_a_token_is_found_in_no_file_no_log_and_no_answer(house: House) -> None:
    opened = house.service.open_session("director", house.fingerprint)
    client = Client(house.service.data, token=opened["token"])
    me(client)
    refused(lambda: client.get("/jobs", list[Any]))
    for root, _folders, files in os.walk(house.service.data):
        for name in files:
            assert opened["token"].encode() not in (Path(root) / name).read_bytes()
    assert opened["token"] not in house.service.log()
    assert opened["token"] not in json.dumps([me(client), house.service.client.get("/rules/people", Any)])
    house.service.end_session(opened["session"])


# --- what a person may see -----------------------------------------------------------------------------------------


def appoint(house: House, login: str, cameras: list[str]) -> str:
    """The Director's letter for a person, for these cameras; its id."""
    last_day = time.strftime("%Y-%m-%d", time.localtime(time.time() + 30 * 86_400))
    letter = AppointmentMake(login, ["live", "archive"], last_day, PAPER, cameras=cameras)
    return house.director.act(letter).id


def designee(house: House, login: str, cameras: list[str]) -> Client:
    """Somebody whom the Director lets look at these cameras."""
    line, fingerprint = new_key()
    house.director.act(PersonAdd(login, login.title(), line))
    appoint(house, login, cameras)
    return house.service.as_person(login, fingerprint)


def test_the_director_sees_how_cameras_fare_and_not_where_they_are(house: House) -> None:
    house.service.await_recording(*house.cameras)
    as_admin, as_director = house.service.client.status(), house.director.status()
    assert all("127.0.0.1" in row.address for row in as_admin.cameras)
    assert [row.id for row in as_director.cameras] == [row.id for row in as_admin.cameras]
    assert all(row.state == "recording" for row in as_director.cameras)
    assert "127.0.0.1" not in repr(as_director)
    assert str(house.service.data) not in repr(as_director)
    rows = house.director.read(buffer_types.ReadFootage())
    assert rows
    assert not [row.file for row in rows if row.file]
    assert "127.0.0.1" not in repr(house.director.read(buffer_types.ReadGaps()))


def test_a_designee_sees_the_cameras_of_the_letter_and_no_other(house: House) -> None:
    door, desk = house.cameras
    client = designee(house, "dee", [door])
    house.service.await_recording(door, desk)
    assert [row.id for row in client.status().cameras] == [door]
    assert {row.camera for row in client.read(buffer_types.ReadFootage())} == {door}
    assert {row.camera for row in client.read(buffer_types.ReadGaps())} <= {door}
    for path in ("/footage", "/gaps"):
        error = refused(lambda path=path: client.get(path, Any, camera=desk))
        assert (error.status, error.__class__) == (403, Refused)


def test_a_person_sees_no_path_no_process_and_nothing_of_the_machines_keeping(house: House) -> None:
    seen = house.director.get("/status", dict[str, Any])
    assert seen["pid"] == 0
    assert seen["worker_pids"] == []
    assert str(house.service.data) not in json.dumps(seen)
    for path in ("/jobs", "/doctor"):
        error = refused(lambda path=path: house.director.get(path, Any))
        assert isinstance(error, Refused)
        assert (error.status, error.clause) == (403, "P11")
    assert refused(lambda: house.director.post("/verify", None, Any)).status == 403
    asked = camera_types.AddRequest("rtsp://192.0.2.7/a", "Door", "seating")
    assert refused(lambda: house.director.act(asked)).status == 403
    assert refused(lambda: house.director.act(CameraRemove("door"))).status == 403
    assert refused(lambda: house.director.post("/discover", None, Any)).status == 403


# --- how a session ends --------------------------------------------------------------------------------------------


def enrol(house: House, login: str, seat: str) -> tuple[str, str]:
    """(person id, fingerprint) of a new person with a seat."""
    line, fingerprint = new_key()
    person = house.director.act(PersonAdd(login, login.title(), line)).id
    house.director.act(SeatName(seat, login, paper_sha256=PAPER))
    return person, fingerprint


def test_a_key_that_is_taken_away_ends_its_session_and_its_stream(house: House) -> None:
    person, fingerprint = enrol(house, "chip", "chair")
    opened = house.service.open_session("chip", fingerprint)
    client = Client(house.service.data, token=opened["token"])
    listener = Listener(client)
    new_line, new_fingerprint = new_key()
    house.director.act(PersonKey(person, new_line, replace=True, paper_sha256=PAPER))
    last = listener.until("end")
    assert "key" in last.data["reason"]
    assert "key" in house.service.await_gone(opened["session"])
    assert refused(client.status).status == 401
    me(house.service.as_person("chip", new_fingerprint))


def test_a_person_who_is_removed_is_out_at_once_with_the_reason(house: House) -> None:
    person, fingerprint = enrol(house, "mo", "mayor")
    opened = house.service.open_session("mo", fingerprint)
    client = Client(house.service.data, token=opened["token"])
    assert "Mo" in json.dumps(me(client))
    listener = Listener(client)
    house.director.act(PersonRemove(person, "left office"))
    assert listener.until("end").data["reason"]
    assert house.service.await_gone(opened["session"])
    assert refused(client.status).status == 401
    with pytest.raises(HoldshelfError):
        house.service.as_person("mo", fingerprint)


def test_the_end_of_one_session_leaves_the_persons_others(house: House) -> None:
    first = house.service.open_session("director", house.fingerprint)
    second = house.service.open_session("director", house.fingerprint)
    house.service.end_session(first["session"])
    assert refused(Client(house.service.data, token=first["token"]).status).status == 401
    assert "Ada" in json.dumps(me(Client(house.service.data, token=second["token"])))
    house.service.end_session(second["session"])


def test_what_a_session_did_not_take_of_its_answer_in_time_it_does_not_get(house: House) -> None:
    opened = house.service.open_session("director", house.fingerprint)
    link = socket.socket(socket.AF_UNIX)
    link.connect(str(house.socket))
    link.settimeout(HANG_S)
    link.sendall(f"GET /rules/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {opened['token']}\r\n\r\n".encode())
    assert link.recv(65536).startswith(b"HTTP/1.1 200 ")
    house.service.end_session(opened["session"])
    assert link.recv(65536) == b""
    link.close()


def test_a_person_has_at_most_eight_sessions(house: House) -> None:
    opened = []
    with pytest.raises(HoldshelfError, match="8 sessions"):
        for _ in range(9):
            opened.append(house.service.open_session("director", house.fingerprint))
    for session in opened:
        house.service.end_session(session["session"])
    house.service.end_session(house.service.open_session("director", house.fingerprint)["session"])


def test_an_unknown_key_and_anothers_name_are_refused(house: House) -> None:
    with pytest.raises(HoldshelfError, match="not enrolled here"):
        house.service.as_person("director", "SHA256:nobody")
    with pytest.raises(HoldshelfError, match="does not belong"):
        house.service.as_person("root", house.fingerprint)


# --- events --------------------------------------------------------------------------------------------------------


def test_a_person_hears_that_the_house_changed_and_not_what(house: House) -> None:
    listener = Listener(house.director)
    line, _fingerprint = new_key()
    house.director.act(PersonAdd("secretive", "Secret Name", line))
    heard = listener.until("house_changed")
    assert heard.data == {"tables": ["people"]}
    listener.close()


def test_too_many_streams_of_one_session_are_refused(house: House) -> None:
    opened = house.service.open_session("director", house.fingerprint)
    client = Client(house.service.data, token=opened["token"])
    listeners = [Listener(client) for _ in range(8)]
    assert "Too many streams" in refused(client.events).sentence
    house.service.end_session(opened["session"])
    for listener in listeners:
        assert listener.until("end").data["reason"]
    assert refused(client.events).status == 401


# --- accounts of this machine --------------------------------------------------------------------------------------


@needs_root
def test_an_account_of_this_machine_is_its_person_by_the_kernels_word_as_long_as_the_right_lasts(house: House) -> None:
    assert pwd.getpwnam(ACCOUNT).pw_uid not in (0, os.getuid())
    line, _ = new_key()
    house.director.act(PersonAdd("desk", "Dana Desk", line, account=ACCOUNT))
    with house.open_to_all():
        before = raw(house, account=ACCOUNT)
        appointment = appoint(house, "desk", house.cameras[:1])
        during = raw(house, account=ACCOUNT)
        managing = raw(house, account=ACCOUNT, request="POST /discover")
        listening = subprocess.Popen(
            [sys.executable, "-c", _RAW, str(house.socket), as_text("GET /events"), ACCOUNT], stdout=subprocess.PIPE
        )
        assert listening.stdout is not None
        while b"hello" not in listening.stdout.readline():
            pass
        house.director.act(AppointmentEnd(appointment, "no longer needed"))
        heard = listening.stdout.read().decode()
        listening.wait(HANG_S)
        after = raw(house, account=ACCOUNT)
    assert before.startswith("HTTP/1.1 403 ")
    assert "may not administer" not in before
    assert during.startswith("HTTP/1.1 200 ")
    assert "Dana" in during
    assert managing.startswith("HTTP/1.1 403 ")
    assert "event: end" in heard
    assert after.startswith("HTTP/1.1 403 ")


# --- processes of a session ----------------------------------------------------------------------------------------

_CHILD = """
import os, sys
from pathlib import Path
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError
try:
    first = Client(Path(sys.argv[1]))
    print(first.get("/rules/me", dict))
    assert "HOLDSHELF_TOKEN_FD" not in os.environ
    print(Client(Path(sys.argv[1])).get("/rules/me", dict))
    os.read(int(sys.argv[2]), 1)
except HoldshelfError as error:
    print("refused:", error)
except OSError as error:
    print("closed")
"""


def child(house: House, token: str | None) -> str:
    reading, writing = os.pipe()
    os.write(writing, (token or "").encode())
    os.close(writing)
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(house.service.data), str(reading)],
        env={**os.environ, "HOLDSHELF_TOKEN_FD": str(reading)},
        pass_fds=(reading,),
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_S,
    )
    os.close(reading)
    return done.stdout


def test_a_process_that_was_handed_a_token_speaks_with_it_and_can_read_it_once(house: House) -> None:
    opened = house.service.open_session("director", house.fingerprint)
    said = child(house, opened["token"]).splitlines()
    assert all("Ada" in line for line in said[:2])
    assert said[2] == "closed"
    house.service.end_session(opened["session"])


def test_a_process_whose_token_cannot_be_read_is_nobody_although_root_runs_it(house: House) -> None:
    assert "refused: This session's token cannot be read" in child(house, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOLDSHELF_TOKEN_FD", "9999")
        for _ in range(2):
            with pytest.raises(NotPermitted):
                Client(house.service.data)


# --- last: the door and the service go -----------------------------------------------------------------------------


def test_when_the_door_is_gone_and_after_a_restart_no_old_token_is_good(house: House) -> None:
    service = house.service
    old = service.open_session("director", house.fingerprint)
    client = Client(service.data, token=old["token"])
    listener = Listener(client)
    service.close_door()
    assert "door" in listener.until("end").data["reason"]
    wait_for("the session is over", lambda: refused(client.status).status == 401)
    watching = Listener(service.client)
    assert service.stop() == 0
    assert "stopping" in watching.until("end").data["reason"]
    service.start()
    assert refused(client.status).status == 401
    house.director = service.as_person("director", house.fingerprint)
    assert "Ada" in json.dumps(me(house.director))
