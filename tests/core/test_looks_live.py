"""Live looks at a camera that sends: they end by themselves, and when nothing can be written, nothing is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from holdshelf_core.api import types_looks as types
from holdshelf_core.api import types_people
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, NotFound, Refused, Unavailable
from holdshelf_core.api.types_board import BoardSet, LogRows, LogShow
from holdshelf_core.api.types_outbox import FULL_WIDTH, Delivered, OutboxTree
from holdshelf_core.looking.leases import closes_by_lease, delivered_words
from holdshelf_core.policy import model
from tests.looking import NS, commissioned, pixels, seed
from tests.people import PAPER, People
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

NAME = "Front door"


@pytest.fixture(scope="module")
def server() -> Iterator[RtspServer]:
    with RtspServer([Mount("door", media="h264_720p")]) as running:
        yield running


def with_camera(data: Path, server: RtspServer, *more: tuple[str, str, msgspec.Struct]) -> Service:
    """A service that does not run, with a camera that was approved for use."""
    made = Service(data, mint=True)
    with made:
        assert made.add(server.url("door"), NAME) == "front-door"
    seed(data, [*commissioned("front-door"), *more])
    return made


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory, server: RtspServer) -> Iterator[Service]:
    with with_camera(tmp_path_factory.mktemp("live") / "data", server) as running:
        running.await_recording("front-door")
        yield running


@pytest.fixture(scope="module")
def people(service: Service) -> People:
    found = People(service)
    director = found.name_director()
    found.name("chair", "carl", "Carl Moss", director)
    return found


@pytest.fixture
def director(people: People) -> Iterator[Client]:
    session = people.service.open_session("dora", people.fingerprints["dora"])
    client = Client(people.service.data, token=session["token"], timeout_s=20)
    yield client
    people.service.end_session(session["session"])


def entries(service: Service, action: str) -> list[dict[str, Any]]:
    return [row.entry for row in service.act("log.show", LogShow(action=action, most=500), LogRows).entries]


def go_live(client: Client) -> types.GrantRow:
    asked = types.PurposeOpen(["front-door"], "safety", "26-7", mode="live")
    return client.act("purpose.open", asked, types.GrantRow)


def live(client: Client, grant: types.GrantRow, **more: Any) -> types.PictureRow:
    return client.act("look.live", types.LiveAsk(grant.id, NAME, **more), types.PictureRow)


def test_the_newest_picture_is_of_this_moment_and_at_most_four_come_a_second(
    service: Service, director: Client
) -> None:
    grant = go_live(director)
    assert grant.live_until_utc_ns is not None
    assert grant.live_until_utc_ns - grant.opened_utc_ns == pytest.approx(600 * NS, abs=NS)
    first = live(director, grant, max_width=640)
    assert abs(time.time_ns() - first.shown_utc_ns) < 4 * NS
    assert pixels(first.jpeg).shape[1] == 640
    began = time.monotonic()
    shown = [live(director, grant, max_width=320).shown_utc_ns for _ in range(5)]
    assert time.monotonic() - began >= 1.0
    assert shown == sorted(shown)
    assert shown[-1] > shown[0]
    director.act("purpose.close", types.GrantAsk(grant.id), types_people.Done)
    closed = entries(service, "look.close")[-1]
    assert closed["facts"]["pictures"] == 6
    assert 900 <= closed["facts"]["live_ms"] <= 4000
    assert closed["mode"] == "live"


def test_the_newest_picture_goes_in_full_size_to_the_outbox(service: Service, people: People) -> None:
    client = people.client("dora")
    grant = go_live(client)
    done = client.act("outbox.live", types.LiveAsk(grant.id, NAME, FULL_WIDTH), Delivered)
    client.act("purpose.close", types.GrantAsk(grant.id), types_people.Done)
    assert done.where in {row.path for row in client.get("/outbox", OutboxTree).rows}
    put = entries(service, "outbox.live")[-1]
    assert put["facts"]["lease"] in {entry["seq"] for entry in entries(service, "look.open")}


def test_p9_live_ends_by_itself_and_one_confirm_renews_it(service: Service, people: People, director: Client) -> None:
    grant = go_live(director)
    assert live(director, grant).jpeg
    # A shorter time than a minute cannot be set, so it is the renewals that are counted out here.
    for _ in range(5):
        renewed = director.act("live.renew", types.GrantAsk(grant.id), types.GrantRow)
        assert renewed.live_until_utc_ns is not None
    with pytest.raises(Refused) as unattended:
        director.act("live.renew", types.GrantAsk(grant.id), types.GrantRow)
    assert unattended.value.clause == "P9"
    with pytest.raises(Refused) as wall:
        go_live(director)
    assert wall.value.clause == "P9"
    with pytest.raises(Refused, match="live only"):
        director.act("look.still", types.StillAsk(grant.id, NAME, time.time_ns() - 2 * NS), types.PictureRow)


def test_a_look_at_recordings_is_not_live_and_reaches_the_file_being_written(director: Client) -> None:
    now = time.time_ns()
    asked = types.PurposeOpen([NAME], "crime", "26-8", start_utc_ns=now - 60 * NS, end_utc_ns=now + 60 * NS)
    grant = director.act("purpose.open", asked, types.GrantRow)
    assert grant.end_utc_ns is not None
    at = grant.end_utc_ns - NS

    def picture() -> types.PictureRow | None:
        try:
            return director.act("look.still", types.StillAsk(grant.id, NAME, at), types.PictureRow)
        except NotFound:  # it is not on disk yet
            return None

    row = wait_for("the picture of a second ago", picture, 10)
    assert at - NS < row.shown_utc_ns <= at
    with pytest.raises(Refused, match="not live"):
        live(director, grant)


def test_p9_the_boards_minutes_end_a_live_look(service: Service, people: People, director: Client) -> None:
    """The live minutes run out while nobody confirms; the shortest that the Board may set is one."""
    chair = people.client("carl")
    chair.act("board.set", BoardSet("live_minutes", "1", "short", PAPER), types_people.Done)
    grant = go_live(director)
    assert grant.live_until_utc_ns is not None
    assert grant.live_until_utc_ns - grant.opened_utc_ns == pytest.approx(60 * NS, abs=NS)


def test_p9_what_has_run_out_shows_nothing_until_it_is_confirmed(tmp_path: Path, server: RtspServer) -> None:
    """A house whose live views and break-glass looks last no time at all."""
    board = model.Board(live_minutes=0, break_glass_minutes=0)
    with with_camera(tmp_path / "data", server, ("board", "settings", board)) as running:
        director = People(running).name_director()
        grant = go_live(director)
        for _ in range(2):
            with pytest.raises(Refused, match="ended by itself") as ended:
                live(director, grant)
            assert ended.value.clause == "P9"
            director.act("live.renew", types.GrantAsk(grant.id), types.GrantRow)
        glass = director.act("break_glass", types.BreakGlass([NAME], "smoke"), types.GrantRow)
        with pytest.raises(Refused, match="its time was over"):
            live(director, glass)
        over = wait_for("it is written down", lambda: entries(running, "purpose.close"), 5)
        assert [(e["subject"], e["facts"]["by"]) for e in over] == [(glass.id, "service")]
        assert entries(running, "look.open") == []


def test_over_ssh_a_picture_goes_to_standard_output_and_into_no_file(
    service: Service, people: People, tmp_path: Path
) -> None:
    session = service.open_session("dora", people.fingerprints["dora"])

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        reading, writing = os.pipe()
        os.write(writing, session["token"].encode())
        os.close(writing)
        try:
            return subprocess.run(
                [sys.executable, "-m", "holdshelf_tui.cli", *arguments, "--data", str(service.data)],
                env={**os.environ, "HOLDSHELF_TOKEN_FD": str(reading)},
                pass_fds=(reading,),
                capture_output=True,
                timeout=60,
                check=False,
            )
        finally:
            os.close(reading)

    told = run("look", "purposes")
    assert b"imminent" not in told.stdout
    assert b"violation" in told.stdout
    at = ("--camera", NAME, "--purpose", "crime", "--incident", "26-9", "--at", "3s ago")
    refused = run("look", "still", *at, "-o", str(tmp_path / "still.jpg"))
    assert refused.returncode == 1
    assert b"Over SSH" in refused.stderr
    assert not (tmp_path / "still.jpg").exists()
    shown = run("look", "still", *at, "-o", "-")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(b"\xff\xd8")
    opened = json.loads(run("look", "open", *at[:6], "--live", "--json").stdout)
    assert run("look", "live", opened["id"], "--camera", NAME, "-o", "-").stdout.startswith(b"\xff\xd8")
    assert [row["id"] for row in json.loads(run("look", "list", "--json").stdout)] == [opened["id"]]
    assert b"closed" in run("look", "close", opened["id"]).stdout
    assert b"no look open" in run("look", "list").stdout
    assert b"|" in run("look", "activity", "--camera", NAME, "--from", "5m ago", "--parts", "20").stdout
    none = run("look", "still", "--camera", NAME, "--at", "3s ago", "-o", "-")
    assert (none.returncode, none.stdout) == (1, b"")
    assert b"P12" in none.stderr
    service.end_session(session["session"])


def test_a_kill_leaves_a_lease_that_reads_as_unknown(service: Service, people: People) -> None:
    client = people.client("dora")
    grant = go_live(client)
    seq = live(client, grant).log_seq
    service.kill()
    service.start()
    service.await_recording("front-door")
    opened = next(e for e in entries(service, "look.open") if e["seq"] == seq)
    closes = closes_by_lease(entries(service, "look.close"))
    assert delivered_words(opened, closes.get(seq)) == "unknown, at most 64 pictures"
    again = people.client("dora")
    with pytest.raises(NotFound):
        live(again, grant)


def test_the_log_unwritable_no_picture_leaves_and_recording_goes_on(service: Service, people: People) -> None:
    client = people.client("dora")
    grant = go_live(client)
    assert live(client, grant).jpeg
    folder = service.data / "state" / "access"
    (month,) = sorted(folder.glob("*.jsonl"))[-1:]
    subprocess.run(["chattr", "+i", str(month)], check=True)
    try:
        with pytest.raises(Unavailable):
            client.act("live.renew", types.GrantAsk(grant.id), types.GrantRow)
        with pytest.raises(Unavailable, match="access log"):
            live(client, grant)
        with pytest.raises(Unavailable, match="access log"):
            client.act("break_glass", types.BreakGlass([NAME], "smoke"), types.GrantRow)
        before = service.camera("front-door").bytes
        wait_for("more is recorded", lambda: service.camera("front-door").bytes > before, 20)
        assert "access_log" in service.repairs()
    finally:
        subprocess.run(["chattr", "-i", str(month)], check=True)
    assert live(client, grant).jpeg
    assert "access_log" not in service.repairs()
    with pytest.raises(BadRequest):
        client.act("look.live", types.LiveAsk(grant.id, NAME, 10_000), types.PictureRow)
