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

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, NotFound, Refused, Unavailable
from holdshelf_core.looks import types
from holdshelf_core.outbox.types import FULL_WIDTH, OutboxLive, ReadOutbox
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt
from holdshelf_core.policy import model
from holdshelf_core.policy_file.first import FIRST
from tests.looking import NS, commissioned, pixels, seed
from tests.people import PAPER, People
from tests.rig import forked
from tests.rig.hang import HANG_S
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
    client = Client(people.service.data, token=session["token"], timeout_s=HANG_S)
    yield client
    people.service.end_session(session["session"])


def entries(service: Service, action: str) -> list[dict[str, Any]]:
    return [row.entry for row in service.act(LogShow(action=action, most=500)).entries]


def words_of(service: Service, seq: int) -> str:
    """What `log show` says of a lease."""
    return next(row.came_of for row in service.act(LogShow(action="look.open", most=500)).entries if row.seq == seq)


def go_live(client: Client) -> types.GrantRow:
    asked = types.PurposeOpen(["front-door"], "safety", "26-7", mode="live")
    return client.act(asked)


def live(client: Client, grant: types.GrantRow, **more: Any) -> types.PictureRow:
    return client.act(types.LookLive(grant.id, NAME, **more))


def test_the_newest_picture_is_of_this_moment_and_at_most_four_come_a_second(
    service: Service, director: Client
) -> None:
    opened, opened_utc_ns = time.monotonic(), time.time_ns()
    grant = go_live(director)
    assert grant.live_until_utc_ns is not None
    assert grant.live_until_utc_ns - grant.opened_utc_ns == pytest.approx(600 * NS, abs=20 * NS)
    shown: list[int] = []

    def first() -> types.PictureRow | None:
        picture = live(director, grant, max_width=640)
        shown.append(picture.shown_utc_ns)
        return picture if picture.shown_utc_ns > opened_utc_ns else None

    assert pixels(wait_for("one that was taken since", first).jpeg).shape[1] == 640
    before, began = len(shown), time.monotonic()
    shown += [live(director, grant, max_width=320).shown_utc_ns for _ in range(5)]
    assert time.monotonic() - began >= 1.0
    while shown[-1] == shown[before] and time.monotonic() - began < HANG_S:  # it goes on, as the machine has time
        shown.append(live(director, grant, max_width=320).shown_utc_ns)
    assert shown == sorted(shown)
    assert shown[-1] > shown[before]
    director.act(types.PurposeClose(grant.id))
    closed = entries(service, "look.close")[-1]
    assert closed["facts"]["pictures"] == len(shown)
    assert 900 <= closed["facts"]["live_ms"] <= (time.monotonic() - opened) * 1000
    assert closed["mode"] == "live"


def test_the_newest_picture_goes_in_full_size_to_the_outbox(service: Service, people: People) -> None:
    client = people.client("dora")
    grant = go_live(client)
    done = client.act(OutboxLive(grant.id, NAME, FULL_WIDTH))
    client.act(types.PurposeClose(grant.id))
    assert done.where in {row.path for row in client.read(ReadOutbox()).rows}
    put = entries(service, "outbox.live")[-1]
    assert put["facts"]["lease"] in {entry["seq"] for entry in entries(service, "look.open")}


def test_p9_live_ends_by_itself_and_one_confirm_renews_it(service: Service, people: People, director: Client) -> None:
    grant = go_live(director)
    assert live(director, grant).jpeg
    # A shorter time than a minute cannot be set, so it is the renewals that are counted out here.
    for _ in range(5):
        renewed = director.act(types.LiveRenew(grant.id))
        assert renewed.live_until_utc_ns is not None
    with pytest.raises(Refused) as unattended:
        director.act(types.LiveRenew(grant.id))
    assert unattended.value.clause == "P9"
    with pytest.raises(Refused) as wall:
        go_live(director)
    assert wall.value.clause == "P9"
    with pytest.raises(Refused, match="live only"):
        director.act(types.LookStill(grant.id, NAME, time.time_ns() - 2 * NS))


def test_a_look_at_recordings_is_not_live_and_reaches_the_file_being_written(
    service: Service, director: Client
) -> None:
    def begun() -> bool:
        return any(row.start_utc_ns < time.time_ns() - 2 * NS for row in service.open_files("front-door"))

    wait_for("what is being written began before the moment that is asked for", begun)
    now = time.time_ns()
    asked = types.PurposeOpen([NAME], "crime", "26-8", start_utc_ns=now - 60 * NS, end_utc_ns=now + 60 * NS)
    grant = director.act(asked)
    assert grant.end_utc_ns is not None
    at = grant.end_utc_ns - NS

    def picture() -> types.PictureRow | None:
        try:
            return director.act(types.LookStill(grant.id, NAME, at))
        except NotFound:  # it is not on disk yet
            return None

    row = wait_for("the picture of a second ago", picture)
    assert at - NS < row.shown_utc_ns <= at
    with pytest.raises(Refused, match="not live"):
        live(director, grant)


def test_p9_the_boards_minutes_end_a_live_look(service: Service, people: People, director: Client) -> None:
    """The live minutes run out while nobody confirms; the shortest that the Board may set is one."""
    chair = people.client("carl")
    chair.act(BoardSet("live_minutes", "1", "short", PAPER))
    grant = go_live(director)
    assert grant.live_until_utc_ns is not None
    assert grant.live_until_utc_ns - grant.opened_utc_ns == pytest.approx(60 * NS, abs=20 * NS)


def test_p9_what_has_run_out_shows_nothing_until_it_is_confirmed(tmp_path: Path, server: RtspServer) -> None:
    """A house whose live views and break-glass looks last no time at all."""
    board = model.Board(live_minutes=0, break_glass_minutes=0)
    with with_camera(tmp_path / "data", server, ("board", "settings", board)) as running:
        director = People(running).name_director()
        grant = go_live(director)
        for _ in range(2):
            with pytest.raises(Refused, match="ended automatically") as ended:
                live(director, grant)
            assert ended.value.clause == "P9"
            director.act(types.LiveRenew(grant.id))
        glass = director.act(types.BreakGlass([NAME], "smoke"))
        with pytest.raises(Refused, match="its time was over"):
            live(director, glass)
        over = wait_for("it is written down", lambda: entries(running, "purpose.close"))
        assert [(e["subject"], e["facts"]["by"]) for e in over] == [(glass.id, "service")]
        assert entries(running, "look.open") == []


def test_whoever_watches_as_their_duty_looks_live_until_their_shift_ends(tmp_path: Path, server: RtspServer) -> None:
    """By their role's ``shift`` in the policy file, where everybody else's live view would have run out at once."""
    policy = FIRST.read_text().replace('key = "director"\n', 'key = "director"\nshift = "12 hours"\n')
    board = ("board", "settings", model.Board(live_minutes=0))
    with with_camera(tmp_path / "data", server, board) as running:
        people = People(running)
        director = people.name_director()
        people.name("chair", "carl", "Carl Moss", director)
        running.client.act(PolicyAdopt("The policy.", "2", "2026-01-01", "enforce", PAPER, policy))
        running.await_recording("front-door")
        grant = go_live(director)
        assert grant.live_until_utc_ns == pytest.approx(grant.ends_utc_ns, abs=2 * NS)
        assert grant.ends_utc_ns - grant.opened_utc_ns == 12 * 3600 * NS
        assert live(director, grant).jpeg
        with pytest.raises(BadRequest, match="goes on until its end"):
            director.act(types.LiveRenew(grant.id))
        (opened,) = entries(running, "look.open")
        assert (opened["seat"], opened["facts"]["most_s"]) == ("director", 3600)
        chair = people.client("carl")
        with pytest.raises(Refused, match="ended automatically"):
            live(chair, go_live(chair))


def test_over_ssh_a_picture_goes_to_standard_output_and_into_no_file(
    service: Service, people: People, tmp_path: Path
) -> None:
    wait_for(
        "some seconds were recorded",
        lambda: any(row.start_utc_ns < time.time_ns() - 8 * NS for row in service.open_files("front-door")),
    )
    session = service.open_session("dora", people.fingerprints["dora"])

    def run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        reading, writing = os.pipe()
        os.write(writing, session["token"].encode())
        os.close(writing)
        try:
            return forked.run(
                [sys.executable, "-m", "holdshelf_tui.cli", *arguments, "--data", str(service.data)],
                env={**os.environ, "HOLDSHELF_TOKEN_FD": str(reading)},
                pass_fds=(reading,),
                capture_output=True,
                timeout=2 * HANG_S,
            )
        finally:
            os.close(reading)

    told = run("look", "purposes")
    assert b"imminent" not in told.stdout
    assert b"violation" in told.stdout
    at = ("--camera", NAME, "--purpose", "crime", "--incident", "26-9", "--at", "6s ago")
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
    assert b"no open look" in run("look", "list").stdout
    assert b"|" in run("look", "activity", "--camera", NAME, "--from", "5m ago", "--parts", "20").stdout
    none = run("look", "still", "--camera", NAME, "--at", "6s ago", "-o", "-")
    assert (none.returncode, none.stdout) == (1, b"")
    assert b"P12" in none.stderr
    service.end_session(session["session"])


def test_a_kill_leaves_a_lease_that_reads_as_unknown(service: Service, people: People) -> None:
    client = people.client("dora")
    over = live(client, (grant := go_live(client))).log_seq
    client.act(types.PurposeClose(grant.id))
    assert words_of(service, over) == "1 picture, masks v1", "what left is on the line of what let it out"
    grant = go_live(client)
    seq = live(client, grant).log_seq
    assert words_of(service, seq) == "being shown"
    service.kill()
    service.start()
    service.await_recording("front-door")
    assert words_of(service, seq) == "unknown, at most 64 pictures"
    again = people.client("dora")
    with pytest.raises(Refused, match="no such look of yours"):
        live(again, grant)


def test_what_has_only_just_begun_is_said_and_no_gap_before_it(service: Service, people: People) -> None:
    """The first picture is on the disk a moment after its file was begun; the last one from before is newer than none."""
    service.kill()
    killed_utc_ns = time.time_ns()
    service.start()
    client, said = people.client("dora"), set[str]()
    grant = go_live(client)

    def first() -> types.PictureRow | None:
        try:
            return live(client, grant, max_width=320)
        except NotFound as error:
            said.add(str(error))
            return None

    picture = wait_for("the first picture", first)
    client.act(types.PurposeClose(grant.id))
    # Where nothing was said, the machine was so slow that the first picture was there before it was asked for.
    is_older = picture.shown_utc_ns < killed_utc_ns + NS // 2
    assert is_older or not said or any("has just started" in sentence for sentence in said), said
    assert not any("Nothing was recorded" in sentence for sentence in said), said


def test_the_log_unwritable_no_picture_leaves_and_recording_goes_on(service: Service, people: People) -> None:
    client = people.client("dora")
    grant = go_live(client)
    assert live(client, grant).jpeg
    folder = service.data / "state" / "access"
    (month,) = sorted(folder.glob("*.jsonl"))[-1:]
    subprocess.run(["chattr", "+i", str(month), str(folder)], check=True)  # at a month's end the next file is refused
    try:
        with pytest.raises(Unavailable):
            client.act(types.LiveRenew(grant.id))
        with pytest.raises(Unavailable, match="access log"):
            live(client, grant)
        with pytest.raises(Unavailable, match="access log"):
            client.act(types.BreakGlass([NAME], "smoke"))
        before = service.written_bytes("front-door")
        wait_for("more is recorded", lambda: service.written_bytes("front-door") > before)
        wait_for("a repair", lambda: "access_log" in service.repairs())
    finally:
        subprocess.run(["chattr", "-i", str(month), str(folder)], check=True)
    assert live(client, grant).jpeg
    wait_for("the repair's end", lambda: "access_log" not in service.repairs())
    with pytest.raises(BadRequest):
        client.act(types.LookLive(grant.id, NAME, 10_000))
