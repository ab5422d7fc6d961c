"""Channel and global requests that no client sends: each is refused or ends that connection, and the journal stays quiet."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import Any

import asyncssh
import pytest
from asyncssh.packet import Boolean, String, UInt32

from holdshelf_tui.ssh.limits import KEY_PER_S
from tests.rig.hang import HANG_S
from tests.tui.ssh.door_rig import DoorHouse

GLOBAL_REQUEST, OPEN, ADJUST, DATA, EXTENDED, EOF, CLOSE, REQUEST = 80, 90, 93, 94, 95, 96, 97, 98
REQUESTS = (
    *(
        b"pty-req",
        b"shell",
        b"exec",
        b"subsystem",
        b"env",
        b"window-change",
        b"signal",
        b"break",
        b"xon-xoff",
        b"x11-req",
    ),
    *(b"exit-status", b"exit-signal", b"auth-agent-req@openssh.com", b"eow@openssh.com", b"keepalive@openssh.com"),
    *(
        b"",
        b"\xff\xfe",
        b"__init__",
        b"pty_req",
        b"x" * 300,
        b"shell\0",
        b"tcpip-forward",
        b"no-more-sessions@openssh.com",
    ),
)
OPENS = (
    *(
        b"session",
        b"direct-tcpip",
        b"forwarded-tcpip",
        b"x11",
        b"auth-agent@openssh.com",
        b"tun@openssh.com",
        b"\xff",
        b"",
    ),
    *(b"direct-streamlocal@openssh.com", b"x" * 300),
)


def fields(noise: random.Random) -> list[bytes]:
    """What requests are made of, in any order and often too little."""
    words = (b"", b"sftp", b"holds", b"xterm", b"\xff\xfe", b"LANG", b"\0", b"a" * 3000, b"INT", b"'", "é".encode())
    made = [
        *(String(noise.choice(words)) for _ in range(3)),
        *(UInt32(noise.choice((0, 1, 80, 0xFFFFFFFF, noise.getrandbits(32)))) for _ in range(4)),
        Boolean(noise.random() < 0.5),
        noise.randbytes(noise.randrange(20)),
    ]
    noise.shuffle(made)
    return made[: noise.randrange(len(made) + 1)]


async def send(connection: Any, noise: random.Random, channel: int) -> None:
    """A packet of some kind."""
    kind = noise.choice((REQUEST,) * 8 + (OPEN, OPEN, ADJUST, DATA, EXTENDED, EOF, CLOSE, GLOBAL_REQUEST))
    if kind == REQUEST:
        parts = [UInt32(noise.choice((channel, channel, channel, 7, 0xFFFFFFFF)))]
        parts += [String(noise.choice(REQUESTS)), Boolean(noise.random() < 0.5), *fields(noise)]
    elif kind in (OPEN, GLOBAL_REQUEST):
        parts = [String(noise.choice(OPENS if kind == OPEN else REQUESTS)), *fields(noise)]
    else:
        parts = [UInt32(noise.choice((channel, 9, 0xFFFFFFFF))), *fields(noise)]
    connection.send_packet(kind, *parts)


async def at_their_pace(house: DoorHouse) -> None:
    """No faster than a key may, and not while that person's log-ins are still ending: whoever has five is refused, and whoever is
    refused again and again gets no answer for a minute (limits.REFUSALS_AT_ONCE), and then the end of the connection."""
    await asyncio.sleep(1 / KEY_PER_S)
    await asyncio.to_thread(house.await_no_connections)
    await asyncio.to_thread(house.await_no_children)


@pytest.mark.parametrize("seed", range(4))
async def test_no_request_on_a_channel_leaves_a_traceback(house: DoorHouse, seed: int) -> None:
    noise = random.Random(seed)
    for _ in range(10):
        await at_their_pace(house)
        with contextlib.suppress(asyncssh.Error, ConnectionError):
            async with asyncio.timeout(2 * HANG_S), house.hostile("dora") as connection:
                session, _unused = await connection.create_session(
                    asyncssh.SSHClientSession[bytes], noise.choice(("holds", None)), encoding=None
                )
                for _packet in range(30):
                    await send(connection, noise, session._send_chan if session._send_chan is not None else 0)
                    if noise.random() < 0.2:
                        await asyncio.sleep(0.01)
                connection.abort()
    await at_their_pace(house)
    done = await asyncio.to_thread(house.run, "dora", "holds")
    assert done.out == "Nothing is on hold.\n", done


async def test_each_request_with_nothing_in_it_and_with_noise(house: DoorHouse) -> None:
    noise = random.Random(11)
    for kind in REQUESTS:
        await at_their_pace(house)
        with contextlib.suppress(asyncssh.Error, ConnectionError):
            async with asyncio.timeout(2 * HANG_S), house.hostile("dora") as connection:
                for body in (b"", b"\xff" * 9, noise.randbytes(60), String(b"\xff\xfe"), UInt32(0xFFFFFFFF) * 6):
                    connection.send_packet(OPEN, String(b"session"), UInt32(0), UInt32(1 << 16), UInt32(1 << 15))
                    for channel in range(2):
                        connection.send_packet(REQUEST, UInt32(channel), String(kind), Boolean(True), body)
                    await asyncio.sleep(0.02)
                connection.abort()
