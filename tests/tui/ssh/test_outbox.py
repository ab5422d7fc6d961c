"""The outbox over SFTP, by OpenSSH's own client: what is there is got, and written down before its first byte."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.looking import Recorded
from tests.rig.hang import HANG_S
from tests.service import wait_for
from tests.tui.ssh.door_rig import DoorHouse
from tests.tui.ssh.outbox_rig import (
    CONTENT,
    HERS,
    HIS,
    PRINT,
    Slow,
    bundle_row,
    closing,
    fetched,
    later,
    lay,
    log_files,
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
    assert done.code == 0 and "1 file is removed." in done.out, done.said
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
