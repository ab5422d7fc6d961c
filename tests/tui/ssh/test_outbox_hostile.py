"""The outbox and clients that want more than to fetch: to put, to change, to look elsewhere, to take all the room there
is.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from asyncssh import constants as c
from asyncssh.packet import SSHPacket, String, UInt32, UInt64

from tests.looking import Recorded
from tests.rig.hang import HANG_S
from tests.service import faults_in
from tests.tui.ssh.door_rig import DoorHouse
from tests.tui.ssh.outbox_rig import CONTENT, HERS, HIS, PRINT, lay, sftp
from tests.tui.ssh.test_hostile_clients import memory_bytes

MB = 1 << 20


@pytest.fixture
def house(outbox: tuple[DoorHouse, Recorded]) -> DoorHouse:
    lay(outbox[0], "p3", "2026-11-25 His own.pdf", b"%PDF-1.7 his %%EOF")
    lay(outbox[0], "p1")
    return outbox[0]


def everything(house: DoorHouse) -> dict[str, str]:
    """All of the house's outboxes and bundles, by path: checksum, or where a link leads."""
    media = house.service.data / "media"
    found = [path for name in ("outbox", "bundles") for path in (media / name).rglob("*") if not path.is_dir()]
    return {
        str(path.relative_to(media)): os.readlink(path)
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


# --- nothing is put, changed or removed ----------------------------------------------------------------------------------------


def test_nothing_is_put_changed_or_removed_by_a_real_client(house: DoorHouse) -> None:
    before = everything(house)
    (house.folder / "evil").write_text("evil")
    mine = f'"/prints/{PRINT}"'
    lines = (
        *(f"put evil {where}" for where in ("/evil", "/prints/evil", mine, f"/bundles/{HERS}/README.txt", "/prints")),
        *(
            "mkdir /evil",
            "mkdir /prints/evil",
            "rmdir /prints",
            "rm /README.txt",
            f"rm {mine}",
            f"rm /bundles/{HERS}.zip",
        ),
        *(f"rename {mine} /prints/x", f"chmod 777 {mine}", "chown 0 /README.txt", "ln -s /etc/passwd /prints/x"),
        *(f"ln {mine} /prints/x", "put -r . /prints", f"reput evil {mine}"),
    )
    done = sftp(house, "dora", *lines)
    assert everything(house) == before
    assert done.err.count("Permission denied") >= 14, done.err


async def test_each_request_that_changes_something_is_refused_in_a_sentence(house: DoorHouse) -> None:
    before = everything(house)
    path = f"/prints/{PRINT}"
    async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
        asked = {
            "open to write": client.open(path, "w"),
            "open to append": client.open(path, "a"),
            "open to read and write": client.open(path, "r+"),
            "open a new one": client.open("/prints/new", "x"),
            "remove": client.remove(path),
            "mkdir": client.mkdir("/prints/new"),
            "rmdir": client.rmdir("/prints"),
            "rename": client.rename(path, "/prints/b"),
            "chmod": client.chmod(path, 0o777),
            "utime": client.utime(path, (0, 0)),
            "truncate": client.truncate(path, 0),
        }
        for what, doing in asked.items():
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="outbox is read-only"):
                await doing
            assert what
        for doing in (client.symlink("/etc/passwd", "/prints/b"), client.readlink(path)):
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="no links"):
                await doing
        async with client.open(path, "rb") as file:
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="outbox is read-only"):
                await client._handler.write(file._handle, 0, b"x")
            with pytest.raises(asyncssh.SFTPPermissionDenied, match="outbox is read-only"):
                await file.setstat(asyncssh.SFTPAttrs(size=0))
    assert everything(house) == before


# --- nothing outside --------------------------------------------------------------------------------------------------------


TRICKS = (
    "/../../../../etc/passwd",
    "../../p3/prints/2026-11-25 His own.pdf",
    "/prints/../../p3/prints/2026-11-25 His own.pdf",
    f"/bundles/{HERS}/../{HIS}/README.txt",
    f"/bundles/{HERS}/../../../state/register.json",
    f"/bundles/{HERS}//..//..//..//..//etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/prints/%2e%2e%2fp3",
    "/prints/..%c0%af..%c0%afp3",
    "\\..\\..\\p3",
    "C:\\Windows\\win.ini",
    "/\uff0e\uff0e/\uff0e\uff0e/etc/passwd",
    "/\u2024\u2024/\u2215etc\u2215passwd",
    "/prints/\u202etxt.exe",
    "/prints/./././.making",
    "/.making",
    "/.sums/R-2026-0001.json",
    "~/.ssh/authorized_keys",
    "//etc/passwd",
    "/dev/zero",
    "/proc/self/environ",
    "/" + "a/" * 1500 + "x",
    "/" + "a" * 3000,
    "/bundles/*",
    "/prints/$(id)",
    "",
)


async def test_no_path_leads_outside(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
        for path in TRICKS:
            asked = (client.open(path, "rb"), *((client.stat(path), client.listdir(path)) if path else ()))
            for doing in asked:  # '' is where one is, and no file
                with pytest.raises(asyncssh.SFTPError):
                    await doing
            told = "/"
            with contextlib.suppress(asyncssh.SFTPNoSuchFile):
                told = str(await client.realpath(path))
            assert told.startswith("/"), path
            assert ".." not in told.split("/"), path


async def test_a_name_with_a_zero_byte_or_none_of_utf8_is_not_there(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
        for raw in (b"/prints/\0", f"/prints/{PRINT}\0".encode(), b"/\xff\xfe", b"/prints/\xed\xa0\x80", b"/prints/\n"):
            with pytest.raises(asyncssh.SFTPNoSuchFile):
                await client.open(raw, "rb")
        with pytest.raises(asyncssh.SFTPError, match="too long"):
            await client.stat("/" + "a" * 5000)


async def test_upwards_ends_at_the_root_and_the_root_is_the_same_everywhere(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
        root = sorted(map(str, await client.listdir("/")))
        assert root == [".", "..", "README.txt", "bundles", "drop", "prints", "stills"]
        for path in ("..", "/..", "/../..", "/prints/..", "/prints/../../..", f"/bundles/{HERS}/../..", "."):
            assert sorted(map(str, await client.listdir(path))) == root


async def test_no_link_on_the_disk_is_shown_or_followed(house: DoorHouse) -> None:
    folder = house.service.data / "media" / "outbox" / "p1"
    secret = house.service.data / "state" / "register.json"
    planted = [folder / "prints" / "link.txt", folder / "prints" / "dir"]
    planted[0].symlink_to(secret)
    planted[1].symlink_to(house.service.data / "state")
    os.mkfifo(folder / "prints" / "pipe.txt")
    try:
        async with house.hostile("dora") as connection, connection.start_sftp_client() as client:
            names = {str(name) for name in await client.listdir("/prints")}
            assert PRINT in names
            assert not names & {"link.txt", "dir", "pipe.txt"}
            for path in ("/prints/link.txt", "/prints/dir/register.json", "/prints/pipe.txt"):
                with pytest.raises(asyncssh.SFTPNoSuchFile):
                    await client.open(path, "rb")
    finally:
        for path in (*planted, folder / "prints" / "pipe.txt"):
            path.unlink()
    # Nor is a whole outbox that is a link.
    real = folder.with_name("kept")
    folder.rename(real)
    folder.symlink_to(real)
    try:
        assert PRINT not in sftp(house, "dora", "ls /prints").out
    finally:
        folder.unlink()
        real.rename(folder)


# --- clients that are broken, or want everything -----------------------------------------------------------------------------


class Raw:
    """Packets by hand."""

    def __init__(self, process: Any) -> None:
        self._process = process
        self._number = 0

    def send(self, raw: bytes) -> None:
        self._process.stdin.write(raw)

    async def ask(self, kind: int, *parts: bytes) -> tuple[int, SSHPacket]:
        """(type of the answer, what follows its number)."""
        self._number += 1
        body = bytes([kind]) + UInt32(self._number) + b"".join(parts)
        self.send(UInt32(len(body)) + body)
        return await self.answer()

    async def answer(self) -> tuple[int, SSHPacket]:
        size = int.from_bytes(await self._process.stdout.readexactly(4), "big")
        packet = SSHPacket(await self._process.stdout.readexactly(size))
        kind = packet.get_byte()
        packet.get_uint32()
        return kind, packet

    async def status(self, kind: int, *parts: bytes) -> tuple[int, str]:
        """(code, sentence) of a refusal."""
        got, packet = await self.ask(kind, *parts)
        assert got == c.FXP_STATUS
        return packet.get_uint32(), packet.get_string().decode()

    async def open(self, path: str) -> bytes:
        kind, packet = await self.ask(c.FXP_OPEN, String(path), UInt32(c.FXF_READ), UInt32(0))
        assert kind == c.FXP_HANDLE
        return packet.get_string()

    async def read(self, handle: bytes, offset: int, length: int) -> bytes | int:
        """Bytes, or the code of a refusal."""
        kind, packet = await self.ask(c.FXP_READ, String(handle), UInt64(offset), UInt32(length))
        return packet.get_string() if kind == c.FXP_DATA else packet.get_uint32()


@pytest.fixture
async def raw(house: DoorHouse) -> AsyncIterator[Raw]:
    async with house.hostile("dora") as connection:
        process = await connection.create_process(subsystem="sftp", encoding=None)
        client = Raw(process)
        client.send(UInt32(5) + bytes([c.FXP_INIT]) + UInt32(6))
        await process.stdout.readexactly(4)
        assert (await process.stdout.readexactly(5)) == bytes([c.FXP_VERSION]) + UInt32(3)
        rest = String(b"limits@openssh.com") + String(b"1")
        assert await process.stdout.readexactly(len(rest)) == rest
        yield client
        process.close()


async def test_many_opens_are_bounded_and_each_of_them_is_written_down(house: DoorHouse, raw: Raw) -> None:
    before = len(house.log_entries("outbox.fetch"))
    handles = [await raw.open("/README.txt") for _ in range(8)]
    assert len(set(handles)) == 8
    for _ in range(200):
        code, sentence = await raw.status(c.FXP_OPEN, String("/README.txt"), UInt32(c.FXF_READ), UInt32(0))
        assert (code, "At most 8 files" in sentence) == (c.FX_FAILURE, True)
    assert len(house.log_entries("outbox.fetch")) == before + 8, "what was refused was not fetched"
    folders = [(await raw.ask(c.FXP_OPENDIR, String("/")))[0] for _ in range(1000)]
    assert (folders.count(c.FXP_HANDLE), folders[-1]) == (8, c.FXP_STATUS)
    assert await raw.status(c.FXP_CLOSE, String(handles[0])) == (c.FX_OK, "")
    assert await raw.open("/README.txt")


async def test_forged_handles_are_nobodys(raw: Raw) -> None:
    handle = await raw.open(f"/prints/{PRINT}")
    for forged in (b"", b"\0" * 4, b"\xff" * 4, b"x" * 5000, handle + b"\0", handle[:-1], b"../../x"):
        if forged == handle:
            continue
        for kind, rest in (
            (c.FXP_READ, UInt64(0) + UInt32(10)),
            (c.FXP_FSTAT, b""),
            (c.FXP_CLOSE, b""),
            (c.FXP_READDIR, b""),
        ):
            code, sentence = await raw.status(kind, String(forged), rest)
            assert code != c.FX_OK, sentence
    assert await raw.read(handle, 0, 9) == CONTENT[:9]
    # A file is no folder.
    assert (await raw.status(c.FXP_READDIR, String(handle)))[0] != c.FX_OK


async def test_lengths_and_offsets_of_any_size(raw: Raw) -> None:
    handle, size = await raw.open(f"/prints/{PRINT}"), len(CONTENT)
    assert await raw.read(handle, 0, 0xFFFFFFFF) == CONTENT[: 255 << 10]
    assert await raw.read(handle, 0, 0) == c.FX_EOF
    for offset in (size, size + 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1):
        assert await raw.read(handle, offset, 32768) == c.FX_EOF
    assert await raw.read(handle, size - 3, 32768) == CONTENT[-3:]
    # From back to front, and all over: what is read ahead is never another place's.
    for offset in (2_000_000, 17, 1_048_577, 1_048_575, 0, 2_000_001, 500_000):
        assert await raw.read(handle, offset, 4096) == CONTENT[offset : offset + 4096]


BROKEN = {
    "no init": UInt32(9) + bytes([c.FXP_OPEN]) + UInt32(1) + UInt32(0),
    "a length of 4 GB": b"\xff\xff\xff\xff",
    "a length of 1 MB": UInt32(MB) + b"x" * 1000,
    "nothing": UInt32(0),
    "text": b"GET / HTTP/1.1\r\n\r\n",
    "init cut short": UInt32(3) + b"\1\0\0",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_no_sftp_ends_the_session(house: DoorHouse, sent: bytes) -> None:
    async with house.hostile("dora") as connection:
        process = await connection.create_process(subsystem="sftp", encoding=None)
        process.stdin.write(sent)
        async with asyncio.timeout(HANG_S):
            assert await process.stdout.read() == b""
            await process.wait_closed()


@pytest.mark.parametrize("version", [0, 1, 2])
async def test_a_version_before_the_third_is_refused_in_a_sentence_and_leaves_no_trace_in_the_log(
    house: DoorHouse, version: int
) -> None:
    before = len(house.service.log())
    async with house.hostile("dora") as connection:
        process = await connection.create_process(subsystem="sftp", encoding=None)
        process.stdin.write(UInt32(5) + bytes([c.FXP_INIT]) + UInt32(version))
        body = bytes([c.FXP_REALPATH]) + UInt32(1) + String(".")
        process.stdin.write(UInt32(len(body)) + body)
        async with asyncio.timeout(HANG_S):
            assert await process.stdout.read() == b""
            assert f"version {version} of SFTP; version 3 is needed".encode() in await process.stderr.read()
            await process.wait_closed()
        assert process.exit_status == 1
    said = house.service.log()[before:]
    assert faults_in(said) == []
    assert "failed" not in said


INITS = (
    *(UInt32(3) + String(name) + String(data) for name in (b"supported", b"supported2", b"acl-supported", b"vendor-id", b"")
      for data in (b"", b"\xff" * 7)),
    *(UInt32(version) for version in (4, 5, 6, 7, 0x7FFFFFFF, 0xFFFFFFFF)),
    *(UInt32(version) + b"more" for version in (3, 4, 6)),
    UInt32(3) + UInt32(0xFFFFFFFF),
)  # fmt: skip


async def test_no_packet_of_any_kind_leaves_a_traceback(house: DoorHouse) -> None:
    """Each request by its number with bodies that are cut, empty, huge or noise; each way to begin."""
    before = len(house.service.log())
    noise = random.Random(11)
    async with house.hostile("dora") as connection:
        for number, init in enumerate((*INITS, *[UInt32(3)] * 8)):
            process = await connection.create_process(subsystem="sftp", encoding=None)
            process.stdin.write(UInt32(1 + len(init)) + bytes([c.FXP_INIT]) + init)
            for kind in (*range(22), *range(198, 204), 255):
                fields = [
                    String(noise.choice((b"/", b"/prints", b"\xff\xfe", b"", b"\0" * 4, b"/" * 5000))),
                    UInt32(noise.choice((0, 1, 2, 0xFFFFFFFF, noise.getrandbits(32)))),
                    UInt64(noise.getrandbits(64)),
                    String(noise.randbytes(noise.randrange(40))),
                ]
                noise.shuffle(fields)
                body = bytes([kind]) + UInt32(kind) + b"".join(fields[: noise.randrange(5)])
                body = body[: noise.randrange(len(body) + 1)] if number % 3 == 0 else body
                process.stdin.write(UInt32(len(body)) + body)
            process.stdin.write_eof()
            async with asyncio.timeout(HANG_S):
                heard = await process.stdout.read()
                await process.wait_closed()
            assert b"because of a bug" not in heard
    said = house.service.log()[before:]
    assert faults_in(said) == []
    assert "failed" not in said


async def test_malformed_requests_are_answered_and_the_next_one_is_served(raw: Raw) -> None:
    handle = await raw.open("/README.txt")
    bad = (
        (c.FXP_OPEN, b""),
        (c.FXP_OPEN, UInt32(0xFFFFFFFF) + b"x"),
        (c.FXP_OPEN, String("/README.txt") + UInt32(1) + UInt32(0xFFFFFFFF)),
        (c.FXP_OPEN, String("/README.txt") + UInt32(1) + UInt32(0x80000000) + UInt32(0xFFFFFFFF)),
        (c.FXP_OPEN, String("/README.txt") + UInt32(1) + UInt32(0) + b"more"),
        (c.FXP_OPEN, String("/README.txt") + UInt32(0) + UInt32(0)),
        (c.FXP_READ, String(handle) + UInt64(0)),
        (c.FXP_READDIR, b"\0"),
        (c.FXP_STAT, String("/") + b"more"),
        (c.FXP_REALPATH, b""),
        (c.FXP_EXTENDED, b""),
        (c.FXP_EXTENDED, String("statvfs@openssh.com") + String("/")),
        (c.FXP_EXTENDED, String("posix-rename@openssh.com") + String("/README.txt") + String("/b")),
        (c.FXP_EXTENDED, String("hardlink@openssh.com") + String("/etc/passwd") + String("/prints/b")),
        (c.FXP_EXTENDED, String("copy-data") + String(handle)),
        (c.FXP_EXTENDED, String("fsync@openssh.com") + String(handle)),
        (c.FXP_EXTENDED, String("home-directory") + String("root")),
        (c.FXP_EXTENDED, String("users-groups-by-id@openssh.com") + String("") + String("")),
        (c.FXP_LINK, String("/a") + String("/b") + b"\0"),
        (255, b"\0" * 100),
        (0, b""),
    )
    for kind, rest in bad:
        code, sentence = await raw.status(kind, rest)
        assert code != c.FX_OK, (kind, rest)
        assert "Uncaught" not in sentence
        assert "fault" not in sentence
    assert isinstance(await raw.read(handle, 0, 100), bytes)


async def test_what_winscp_asks_is_answered_well(raw: Raw) -> None:
    """Its log of a session: realpath, stat, opendir, readdir, lstat, open, fstat, reads ahead of their answers, close."""
    kind, packet = await raw.ask(c.FXP_REALPATH, String("."))
    assert (kind, packet.get_uint32(), packet.get_string()) == (c.FXP_NAME, 1, b"/")
    kind, packet = await raw.ask(c.FXP_STAT, String("/prints"))
    assert (kind, packet.get_uint32() & c.FILEXFER_ATTR_PERMISSIONS) == (c.FXP_ATTRS, c.FILEXFER_ATTR_PERMISSIONS)
    kind, packet = await raw.ask(c.FXP_OPENDIR, String("/prints"))
    folder = packet.get_string()
    kind, packet = await raw.ask(c.FXP_READDIR, String(folder))
    assert (kind, packet.get_uint32() >= 3) == (c.FXP_NAME, True)
    assert (await raw.status(c.FXP_READDIR, String(folder)))[0] == c.FX_EOF
    assert (await raw.status(c.FXP_CLOSE, String(folder)))[0] == c.FX_OK
    for ask in (c.FXP_LSTAT, c.FXP_STAT):
        kind, packet = await raw.ask(ask, String(f"/prints/{PRINT}"))
        assert (kind, packet.get_uint32() & 1, packet.get_uint64()) == (c.FXP_ATTRS, 1, len(CONTENT))
    handle = await raw.open(f"/prints/{PRINT}")
    kind, packet = await raw.ask(c.FXP_FSTAT, String(handle))
    assert (kind, packet.get_uint32() & 1, packet.get_uint64()) == (c.FXP_ATTRS, 1, len(CONTENT))
    # 32 requests on their way at a time.
    offsets = range(0, len(CONTENT), 32768)
    for number, offset in enumerate(offsets):
        body = bytes([c.FXP_READ]) + UInt32(number) + String(handle) + UInt64(offset) + UInt32(32768)
        raw.send(UInt32(len(body)) + body)
    got = b""
    for _ in offsets:
        kind, packet = await raw.answer()
        assert kind == c.FXP_DATA
        got += packet.get_string()
    assert got == CONTENT


async def test_random_packets_do_no_harm(house: DoorHouse) -> None:
    noise = hashlib.sha256(b"seed").digest()
    async with house.hostile("dora") as connection:
        for _ in range(6):
            process = await connection.create_process(subsystem="sftp", encoding=None)
            process.stdin.write(UInt32(5) + bytes([c.FXP_INIT]) + UInt32(3))
            for _number in range(300):
                noise = hashlib.sha256(noise).digest()
                body = noise[: noise[0] % 32] * (1 + noise[1] % 4)
                process.stdin.write(struct.pack(">I", len(body)) + body)
            process.stdin.write_eof()
            async with asyncio.timeout(HANG_S):
                await process.stdout.read()
                await process.wait_closed()
    assert sftp(house, "dora", "ls /").code == 0


async def test_a_client_that_asks_and_never_reads_takes_no_memory(house: DoorHouse, raw: Raw) -> None:
    lay(house, "p1", "big.txt", b"b" * (64 * MB))
    handle = await raw.open("/prints/big.txt")
    door, child = house.door_pid(), house.children()[-1]
    raw._process.channel.pause_reading()
    before = memory_bytes(door), memory_bytes(child), memory_bytes(house.service.service_pid())
    for number in range(4000):
        body = bytes([c.FXP_READ]) + UInt32(number) + String(handle) + UInt64(number * 16384) + UInt32(0xFFFFFFFF)
        raw.send(UInt32(len(body)) + body)
    await asyncio.sleep(1.0)
    after = memory_bytes(door), memory_bytes(child), memory_bytes(house.service.service_pid())
    assert all(now - then < 24 * MB for then, now in zip(before, after, strict=True)), (before, after)
    assert house.run("may", "outbox", "list").code == 0
    Path(house.service.data / "media" / "outbox" / "p1" / "prints" / "big.txt").unlink()


async def test_sessions_that_fetch_count_as_sessions(house: DoorHouse) -> None:
    async with house.hostile("dora") as connection:
        for _ in range(2):
            await connection.create_process(subsystem="sftp", encoding=None)
        with pytest.raises(asyncssh.ChannelOpenError, match="At most 2 sessions"):
            await connection.create_process(subsystem="sftp", encoding=None)


async def test_its_process_holds_nothing_that_a_client_could_want(house: DoorHouse, raw: Raw) -> None:
    await raw.open("/README.txt")
    child = Path("/proc", str(house.children()[-1]))
    limits = {line[:26].strip(): line[26:].split()[0] for line in (child / "limits").read_text().splitlines()[1:]}
    assert (limits["Max file size"], limits["Max core file size"]) == ("0", "0")
    assert int(limits["Max address space"]) <= 2 << 30
    assert "NoNewPrivs:\t1" in (child / "status").read_text()
    opened = {os.readlink(fd) for fd in (child / "fd").iterdir()}
    assert not [path for path in opened if str(house.service.data) in path], opened
