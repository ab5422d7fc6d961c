"""The drop of the outbox over SFTP: a photo or scan of a paper is taken, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import subprocess
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import asyncssh
import msgspec
import pytest
from asyncssh import constants as c
from PIL import Image

from holdshelf_core.outbox import types
from holdshelf_core.releases import types as releases
from tests.looking import Recorded
from tests.rig.hang import HANG_S
from tests.service import wait_for
from tests.tui.ssh.door_rig import DoorHouse
from tests.tui.ssh.outbox_rig import OLD_PAPER, log_files, sftp, sftp_line


@pytest.fixture
def house(outbox: tuple[DoorHouse, Recorded]) -> DoorHouse:
    return outbox[0]


def photo(seed: int = 1) -> bytes:
    file = BytesIO()
    Image.linear_gradient("L").rotate(seed).save(file, "JPEG")
    return file.getvalue()


PHOTO = photo()
SHA256 = hashlib.sha256(PHOTO).hexdigest()


@pytest.fixture
def warrant(house: DoorHouse) -> Path:
    path = house.folder / "warrant.jpg"
    path.write_bytes(PHOTO)
    return path


def taken(house: DoorHouse) -> list[dict[str, Any]]:
    return [entry for entry in house.log_entries("paper.take") if entry["outcome"] == "done"]


def sent(house: DoorHouse, login: str = "dora") -> types.Papers:
    return msgspec.json.decode(house.run(login, "paper", "list", "--json").out, type=types.Papers)


@contextlib.contextmanager
def kept_sealed(house: DoorHouse) -> Iterator[None]:
    """While papers are kept for 30 days, as the Board decided."""
    looser = house.run(
        "dora", *["board", "set", "paper_days", "30", "--why", "asked", "--paper", "-"], stdin=b"the Board's minutes"
    )
    assert looser.code == 0, looser.said
    try:
        yield
    finally:
        assert house.run("dora", *["board", "set", "paper_days", "0", "--why", "tried"]).code == 0


def test_a_photo_put_into_the_drop_is_the_paper_of_the_command_that_needs_one(
    outbox: tuple[DoorHouse, Recorded], warrant: Path
) -> None:
    house, made = outbox
    (house.folder / "other.jpg").write_bytes(photo(2))
    put = sftp(house, "dora", f"put {house.folder}/other.jpg drop", f"put {warrant} drop", "ls -l drop")
    assert f"SHA-256 {SHA256[:8]}" in put.err and "warrant.jpg (JPEG, " in put.err and "thrown away" in put.err
    assert f" {len(PHOTO)} " in put.out and "other.jpg" not in put.out.partition("ls -l")[2], (
        "the next one takes its place"
    )
    entry = taken(house)[-1]
    assert entry["facts"] == {"sha256": SHA256, "format": "JPEG", "size": len(PHOTO), "kept_days": 0}
    assert (entry["person"], entry["via"]) == ("p1", "ssh")
    assert "warrant.jpg" not in str(entry), "a file's name may be anything: it is no part of the public log"
    at = [time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made.start_utc_ns // 10**9 + s)) for s in (5, 25)]
    words = (
        "--basis",
        "search-warrant",
        "--camera",
        "lobby",
        "--from",
        at[0],
        "--to",
        at[1],
        "--paper",
        "sent",
        "--judge",
    )
    words += ("--issuer", "Superior Court", "--docket", "CR-26-77", "--scope", f"lobby,{at[0]},{at[1]}")
    nobodys = house.run("may", "release", "request", *words)
    assert nobodys.code == 1 and "You have no paper here" in nobodys.err
    asked = house.run("dora", "release", "request", *words, "--json")
    assert "The paper: warrant.jpg (JPEG" in asked.err, asked.said
    row = msgspec.json.decode(asked.out, type=releases.ReleaseRow)
    assert row.paper is not None and row.paper.sha256 == SHA256
    assert house.run("dora", "release", "withdraw", row.id, "--why", "tried").code == 0
    names = {file.stem for file in (house.service.data / "media" / "papers").iterdir()}
    assert SHA256 not in names, "what the Board has thrown away is on no disk"


def test_scp_and_the_command_send_one_too(house: DoorHouse, warrant: Path) -> None:
    before = len(taken(house))
    line = ["scp", "-q", *sftp_line(house, "dora")[1:-1], str(warrant), "dora@127.0.0.1:/drop/by-scp.jpg"]
    done = subprocess.run(line, capture_output=True, timeout=HANG_S, check=False)
    assert done.returncode == 0, done.stderr
    told = house.run("dora", "paper", "send", "-", "--json", stdin=PHOTO)
    assert msgspec.json.decode(told.out, type=types.SentPaper).sha256 == SHA256, told.said
    assert [entry["facts"]["sha256"] for entry in taken(house)[before:]] == [SHA256] * 2


async def test_the_way_in_which_winscp_sends_a_file_anew(house: DoorHouse) -> None:
    """Under another name; then what has the right name is removed, the new one gets it, and its time is set."""
    async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
        for content in (PHOTO, photo(3)):
            there = await client.exists("/drop/scan.jpg")
            async with client.open("/drop/scan.jpg.filepart", "wb") as file:
                await file.write(content)
            if there:
                await client.remove("/drop/scan.jpg")
            await client.rename("/drop/scan.jpg.filepart", "/drop/scan.jpg")
            await client.utime("/drop/scan.jpg", (1, 1))
            assert [name for name in await client.listdir("/drop") if name[0] != "."] == ["scan.jpg"]
        with pytest.raises(asyncssh.SFTPPermissionDenied):
            await client.remove("/drop/scan.jpg")


def test_what_is_no_paper_or_too_large_is_refused_in_a_sentence_beside_the_clients_own_words(
    house: DoorHouse, warrant: Path
) -> None:
    (house.folder / "evil.jpg").write_bytes(b"\xff\xd8\xff\xe1\x00\x02" * 500)
    (house.folder / "note.txt").write_text("this is a warrant, believe me")
    with (house.folder / "big.pdf").open("wb") as file:
        file.write(b"%PDF-1.7\n")
        file.truncate(types.MAX_SCAN_BYTES + 1)
    sftp(house, "dora", f"put {warrant} drop")
    before = len(taken(house))
    put = sftp(
        house, "dora", *(f"put {house.folder}/{name} drop" for name in ("evil.jpg", "note.txt", "big.pdf")), "ls drop"
    )
    for words in ("The JPEG is cut off", "is not a photo or scan of a paper", "larger than 24 MB"):
        assert f"holdshelf: {words}" in put.err or words in put.err, put.err
    assert "drop/warrant.jpg" in put.out, "the one before lies there still"
    assert len(taken(house)) == before


async def test_offsets_names_flags_and_ends_of_any_kind_take_nothing(house: DoorHouse) -> None:
    before = len(taken(house))
    whole, none = c.FXF_WRITE | c.FXF_CREAT | c.FXF_TRUNC, asyncssh.SFTPAttrs()
    async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
        handler = client._handler
        for flags in (0, c.FXF_READ, c.FXF_WRITE, whole | c.FXF_READ, whole | c.FXF_APPEND):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await handler.open(b"/drop/a.jpg", flags, none)
        for path in (
            b"/drop",
            b"/a.jpg",
            b"/drop/a/b.jpg",
            b"/prints/a.jpg",
            b"/drop/../prints/a.jpg",
            b"/drop/\x1b[2J",
        ):
            with pytest.raises(asyncssh.SFTPError):
                await handler.open(path, whole, none)
        for offset in (1, 2**32, 2**64 - 1):
            handle = await handler.open(b"/drop/a.jpg", whole, none)
            for at in (offset, 0):
                with pytest.raises(asyncssh.SFTPError):
                    await handler.write(handle, at, PHOTO[:100])
            with pytest.raises(asyncssh.SFTPError):
                await handler.close(handle)
        handle = await handler.open(b"/drop/" + b"n" * 3000, whole, none)
        await handler.write(handle, 0, PHOTO)
        for doing in (handler.read(handle, 0, 9), handler.fsetstat(handle, asyncssh.SFTPAttrs(size=0))):
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await doing
        client.exit()  # all of it came, and its end did not
        await client.wait_closed()
        await asyncio.to_thread(house.await_no_children)
    house.await_no_children()
    assert len(taken(house)) == before


async def test_who_handles_no_releases_has_no_drop(house: DoorHouse) -> None:
    house.run("dora", "person", "add", "ike", "--name", "Ike Low", "--key", "-", stdin=house.public("ike").encode())
    house.appoint("ike", "hold")
    async with house.hostile("ike") as connection, connection.start_sftp_client() as client:
        assert "drop" not in await client.listdir("/")
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="outbox is read-only"):
            await client.open("/drop/a.jpg", "wb")


def test_a_sealed_paper_goes_when_its_days_are_over(house: DoorHouse) -> None:
    found = wait_for("it went", lambda: house.log_entries("paper.expired"))
    sha256 = hashlib.sha256(OLD_PAPER).hexdigest()
    assert found[-1]["facts"] == {"sha256": sha256, "size": len(OLD_PAPER), "format": "PDF"}
    assert not list((house.service.data / "media" / "papers").glob(f"{sha256}*"))


async def test_the_log_unwritable_no_paper_is_taken_named_or_kept(house: DoorHouse) -> None:
    before, late = len(taken(house)), photo(7)
    media, late_sha256 = house.service.data / "media", hashlib.sha256(late).hexdigest()
    closed = log_files(house)
    with kept_sealed(house):
        async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
            assert "drop" in await client.listdir("/")
            subprocess.run(["chattr", "+i", *closed], check=True)
            try:
                with pytest.raises(asyncssh.SFTPError):
                    async with client.open("/drop/late.jpg", "wb") as file:
                        await file.write(late)
                assert not list((media / "papers").glob(f"{late_sha256}*"))
                assert not list((media / "outbox" / ".making").iterdir())
            finally:
                subprocess.run(["chattr", "-i", *closed], check=True)
        wait_for("it is written again", lambda: sftp(house, "dora", "ls /").code == 0)
        named = sent(house).sent
        assert len(taken(house)) == before and (named is None or named.sha256 != late_sha256)


def test_the_board_has_papers_kept_sealed_and_a_seat_opens_one_with_a_reason(house: DoorHouse, warrant: Path) -> None:
    kept = house.service.data / "media" / "papers" / f"{SHA256}.jpg"
    with contextlib.ExitStack() as after:
        after.enter_context(kept_sealed(house))
        after.callback(kept.unlink, missing_ok=True)
        assert "kept, sealed, until" in sftp(house, "dora", f"put {warrant} drop").err
        assert kept.read_bytes() == PHOTO and kept.stat().st_mode & 0o777 == 0o600
        (row,) = sent(house, "carl").sealed
        assert (row.sha256, row.kind, row.size) == (SHA256, "JPEG", len(PHOTO))
        opened = house.run("carl", "paper", "open", SHA256[:8], "--why", "counsel asks", "--json")
        where = msgspec.json.decode(opened.out, type=types.Delivered).where
        sftp(house, "carl", f'get "{where}" {house.folder / "opened.jpg"}')
        assert (house.folder / "opened.jpg").read_bytes() == PHOTO
        entry = house.log_entries("paper.open")[-1]
        assert (entry["person"], entry["facts"]["sha256"]) == ("p2", SHA256)
        kept.write_bytes(PHOTO + b"x")
        changed = house.run("carl", "paper", "open", SHA256[:8], "--why", "once more")
        assert changed.code == 1 and "is not the one that was kept" in changed.err
