"""The outbox over SFTP, by OpenSSH's own client: what is there is got, and written down before its first byte."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import subprocess
import sys
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
from tests.tui.ssh.outbox_rig import (
    CONTENT,
    HERS,
    HIS,
    OLD_PAPER,
    PRINT,
    Slow,
    bundle_row,
    closing,
    fetched,
    later,
    lay,
    rows,
    sftp,
    sftp_line,
)

BIG = 48 << 20


@pytest.fixture
def house(outbox: tuple[DoorHouse, Recorded]) -> DoorHouse:
    return outbox[0]


# --- what is there ----------------------------------------------------------------------------------------------------------


def test_a_paper_is_listed_and_got_and_its_entry_was_first(house: DoorHouse) -> None:
    got = house.folder / "got.pdf"
    done = sftp(house, "dora", "ls -l /prints", f'get "/prints/{PRINT}" {got}')
    assert f"{len(CONTENT)} " in done.out
    assert got.read_bytes() == CONTENT
    entry = fetched(house)[-1]
    assert entry["facts"] == {"kind": "print", "sha256": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT)}
    assert (entry["person"], entry["via"]) == ("p1", "ssh")
    assert PRINT not in str(entry), "a file's name may be anything: it is no part of the public log"
    closed = closing(house)
    assert closed["seq"] > entry["seq"]
    assert closed["facts"]["bytes"] == len(CONTENT)
    assert next(row for row in rows(house) if row.seq == entry["seq"]).came_of == "all of it"


def test_a_session_is_one_entry_however_much_is_listed(house: DoorHouse) -> None:
    before = len(house.log_entries("outbox.enter"))
    sftp(house, "dora", *(["ls -l", "ls -l /bundles", f"ls /bundles/{HERS}"] * 5))
    assert len(house.log_entries("outbox.enter")) == before + 1


def test_a_bundle_is_got_as_folder_and_zip_and_both_are_what_was_signed(house: DoorHouse) -> None:
    into = house.folder / "bundle"
    into.mkdir()
    before = len(fetched(house))
    done = sftp(house, "dora", f"get -r /bundles/{HERS} {into}", f"get /bundles/{HERS}.zip {into}")
    made = bundle_row(house, HERS)
    subprocess.run(["unzip", "-q", f"{HERS}.zip", "-d", "zip"], cwd=into, check=True)
    for folder in (into / HERS, into / "zip" / HERS):
        subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
        assert hashlib.sha256((folder / "SHA256SUMS").read_bytes()).hexdigest() == made.sums_sha256, done.said
        assert sum(path.is_file() for path in folder.rglob("*")) == made.files
    new = fetched(house)[before:]
    assert {entry["subject"] for entry in new} == {HERS}
    told = {entry["facts"]["sha256"] for entry in new}
    got = {
        hashlib.sha256(path.read_bytes()).hexdigest() for path in [*(into / HERS).rglob("*.*"), into / f"{HERS}.zip"]
    }
    assert told >= got


def test_the_readme_says_what_lies_there_and_until_when(house: DoorHouse) -> None:
    got = house.folder / "README.txt"
    sftp(house, "dora", f"get /README.txt {got}")
    text = got.read_bytes().decode()
    assert text.count("\r\n") == text.count("\n"), "Windows' Notepad shows lines"
    assert f"/bundles/{HERS}.zip" in text
    assert f"/prints/{PRINT}" in text
    laid_s = (house.service.data / "media" / "outbox" / "p1" / "prints" / PRINT).stat().st_mtime
    assert "until " + time.strftime("%Y-%m-%d", time.localtime(laid_s + 30 * 86400)) in text


# --- what is somebody else's -------------------------------------------------------------------------------------------------


def test_another_persons_bundle_and_papers_are_not_there(house: DoorHouse) -> None:
    lay(house, "p3", "2026-11-25 His own.pdf")
    mine = sftp(house, "dora", "ls -1 /bundles", "ls -1 /prints")
    assert HERS in mine.out
    assert HIS not in mine.out
    assert "His own" not in mine.out
    for path in (
        f"/bundles/{HIS}.zip",
        f"/bundles/{HIS}/README.txt",
        "/prints/2026-11-25 His own.pdf",
        "/bundles/R-2026-9999.zip",
    ):
        done = sftp(house, "dora", f'get "{path}" {house.folder / "none"}', f'ls "{path}"')
        # What is somebody else's is as absent as what never was.
        assert f'File "{path}" not found' in done.err
        assert not (house.folder / "none").exists()
    # The Chair approved the Director's; the Mayor did both.
    assert (HERS in sftp(house, "carl", "ls /bundles").out, HIS in sftp(house, "may", "ls /bundles").out) == (
        True,
        True,
    )
    assert HIS not in sftp(house, "carl", "ls /bundles").out


def test_the_admin_has_none(house: DoorHouse) -> None:
    key = house.new_key("adm")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "holdshelf_tui.cli",
            "door",
            "admin-key",
            "add",
            f"{key}.pub",
            "--data",
            house.service.data,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    refused = sftp(house, "admin", "ls", key="adm")
    assert refused.code != 0
    assert "The admin" in refused.err
    listed = house.run("admin", "outbox", "list", key="adm")
    assert (listed.code, "The admin has no outbox" in listed.err) == (1, True)


# --- a log that cannot be written, and rights that end ------------------------------------------------------------------------


def log_files(house: DoorHouse) -> list[Path]:
    """What the log is written to: the newest file, and the folder, in which a new month begins another one."""
    folder = house.service.data / "state" / "access"
    return [max(folder.glob("*.jsonl")), folder]


def test_the_log_unwritable_no_byte_leaves(house: DoorHouse) -> None:
    closed = log_files(house)
    got = house.folder / "unwritten"
    line, before = sftp_line(house, "dora"), len(house.log_entries("outbox.enter"))
    client = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert client.stdin is not None
    client.stdin.write("ls\n")
    client.stdin.flush()
    wait_for("it is inside", lambda: len(house.children()) == 1)
    wait_for("it is in the log", lambda: len(house.log_entries("outbox.enter")) > before)
    subprocess.run(["chattr", "+i", *closed], check=True)
    try:
        client.stdin.write(f'get "/prints/{PRINT}" {got}\nbye\n')
        client.stdin.close()
        said = client.stdout.read() if client.stdout else ""
        client.wait(HANG_S)
        assert not got.exists() or not got.stat().st_size, said
        assert sftp(house, "dora", "ls").code != 0, "nor is anything listed"
    finally:
        subprocess.run(["chattr", "-i", *closed], check=True)
    assert sftp(house, "dora", "ls /").code == 0


def test_scene_2_a_fetch_ends_with_the_right(house: DoorHouse) -> None:
    house.run("dora", "person", "add", "ned", "--name", "Ned Fox", "--key", "-", stdin=house.public("ned").encode())
    letter = house.appoint("ned", "release")
    person = next(p["id"] for p in house.client().get("/rules/people", list[dict[str, Any]]) if p["login"] == "ned")
    lay(house, person, "big.txt", b"x" * BIG)
    slow = Slow(house, "ned", "big.txt")
    assert house.run("dora", "appointment", "end", letter, "--why", "over").code == 0
    said, got = slow.end()
    assert got < BIG
    assert "letter" in said or "appointment" in said, said
    closed = closing(house)
    assert got <= closed["facts"]["bytes"] < BIG


def test_a_door_that_is_killed_ends_the_fetch_and_the_next_one_serves_again(house: DoorHouse) -> None:
    lay(house, "p1", "big.txt", b"y" * BIG)
    slow = Slow(house, "dora", "big.txt")
    house.kill_door()
    _said, got = slow.end()
    assert got < BIG
    assert got <= closing(house)["facts"]["bytes"] < BIG
    again = house.folder / "again.pdf"
    sftp(house, "dora", f'get "/prints/{PRINT}" {again}')
    assert again.read_bytes() == CONTENT


def test_a_service_that_is_killed_leaves_a_fetch_that_reads_as_unknown(house: DoorHouse) -> None:
    lay(house, "p1", "big.txt", b"z" * BIG)
    slow = Slow(house, "dora", "big.txt")
    seq = fetched(house)[-1]["seq"]
    inside = len(house.log_entries("outbox.enter"))
    line, again = sftp_line(house, "dora"), house.folder / "later.pdf"
    client = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wait_for("another one is inside", lambda: len(house.log_entries("outbox.enter")) > inside)
    house.service.kill_service()
    _said, got = slow.end()
    assert got < BIG
    house.service.await_answer(60)
    # A session that has nothing under way goes on, as the screens do.
    wait_for("its session is taken up", lambda: later(client, again))
    assert client.stdin is not None
    client.stdin.close()
    client.wait(HANG_S)
    assert again.read_bytes() == CONTENT
    row = next(row for row in rows(house) if row.seq == seq)
    assert row.came_of == f"unknown, at most {BIG} bytes"
    assert sftp(house, "dora", "ls /prints").out.count("big.txt") == 1


# --- stills -------------------------------------------------------------------------------------------------------------------


def test_a_still_in_full_size_is_made_by_the_service_and_fetched(outbox: tuple[DoorHouse, Recorded]) -> None:
    house, made = outbox
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(made.start_utc_ns // 10**9 + 30))
    told = house.run(
        "dora",
        *("look", "still", "--camera", "lobby", "--at", at, "--purpose", "violation", "--incident", "26-9", "--outbox"),
    )
    assert told.code == 0, told.said
    path = told.out.partition(" is in your outbox")[0]
    assert path.startswith("/stills/")
    got = house.folder / "still.jpg"
    sftp(house, "dora", f'get "{path}" {got}')
    assert got.read_bytes()[:2] == b"\xff\xd8"
    put, entry = house.log_entries("outbox.still")[-1], fetched(house)[-1]
    assert put["facts"]["sha256"] == entry["facts"]["sha256"] == hashlib.sha256(got.read_bytes()).hexdigest()
    assert put["facts"]["lease"] in {one["seq"] for one in house.log_entries("look.open")}
    assert (entry["cameras"], entry["incident"], entry["purpose"]) == (["lobby"], "26-9", "violation")
    # It is hers who looked; and of what nobody knows where it comes from, nothing is shown.
    assert path not in sftp(house, "carl", "ls -1 /stills").out
    lay(house, "p1", "2026-11-25 Whose.jpg", got.read_bytes(), "stills")
    assert "Whose" not in sftp(house, "dora", "ls -1 /stills").out


# --- removing -----------------------------------------------------------------------------------------------------------------


def test_a_paper_is_removed_by_its_name_and_a_bundle_is_not(house: DoorHouse) -> None:
    lay(house, "p1", "2026-11-25 Gone.txt", b"text")
    done = house.run("dora", "outbox", "remove", "2026-11-25 Gone.txt")
    assert done.code == 0, done.said
    assert "goes by itself" in house.run("dora", "outbox", "remove", f"/bundles/{HERS}.zip").err
    assert "is not in your outbox" in house.run("dora", "outbox", "remove", "/prints/../../p3/prints/x").err
    listed = house.run("dora", "outbox").out
    assert HERS in listed
    assert "Gone" not in listed


def test_printers_are_listed_over_ssh(house: DoorHouse) -> None:
    done = house.run("dora", "print", "printers")
    assert done.code == 0
    assert "CUPS" in done.out


def test_a_full_outbox_says_what_to_do_and_the_admin_sees_it(house: DoorHouse) -> None:
    folder = house.service.data / "media" / "outbox" / "p2" / "prints"
    filler = folder / "filler.txt"
    filler.touch()
    os.truncate(filler, 250_000_000)
    done = house.run("carl", "print", "policy", "--outbox", "--as", "pdf")
    assert done.code == 1
    assert "Your outbox is full" in done.err
    assert "outbox remove" in done.err
    assert "Carl Boyd" in house.service.repairs()["outbox_full"].sentence
    assert house.run("carl", "outbox", "remove", "filler.txt").code == 0
    assert "outbox_full" not in house.service.repairs()
    told = house.run("carl", "print", "policy", "--outbox", "--as", "pdf")
    assert told.code == 0, told.said
    assert [path.suffix for path in folder.iterdir() if "olicy" in path.name] == [".pdf"] * 2
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir() if path.name != PRINT} == {0o600}


# --- the drop: a paper at the desk ----------------------------------------------------------------------------------------------


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
    assert nobodys.code == 1 and "No paper of yours is here" in nobodys.err
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
    for words in ("The JPEG breaks off", "is no photo or scan of a paper", "larger than 24 MB"):
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
        with pytest.raises(asyncssh.SFTPPermissionDenied, match="for fetching only"):
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
