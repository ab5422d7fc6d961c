"""Who is enrolled in a demo, and what they have to do before anybody looks: each act by the one who may, and all of it logged.

The admin names a first Director, who comes in by the door, as people do, and names the Chair of the Board. The Chair names the
next Director, registers the entrance, approves the cameras by their stills and appoints a designee. So that Director's first
log-in is that of whoever tries the demo, with its welcome.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shlex
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncssh

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError
from holdshelf_core.cameras.commission_types import CommissionRow, EntranceRow, ReadCommissions, ReadEntrances
from holdshelf_core.people import types
from holdshelf_tui.demo.keys import ADDRESS, ADMIN, CHAIR, DESIGNEE, DIRECTOR, FORMER, Keys

CHAIRS_LOGIN, DIRECTORS_LOGIN = "carl", "dora"
PAPER = b"The demo's letter: nobody signed it."
ENTRANCE, SIGN = "Main entrance", "model text, 12 x 18 in"
NOTHING_TO_MASK = "a drawn room, without a screen or a page that could be read"
LETTER_DAYS = 365
DOOR_START_S, STILL_S, COMMAND_S = 30.0, 30.0, 60.0


def enrol(client: Client, keys: Keys) -> None:
    """As the admin: who is Director at first, the others with their keys, and the admin's own key to the door.

    Raises HoldshelfError.
    """
    people = {row.login: row for row in client.read(types.ReadPeople())}
    if FORMER not in people:
        paper = hashlib.sha256(PAPER).hexdigest()
        client.act(types.SeatName(DIRECTOR, FORMER, "Ruth Cole", keys.public(FORMER), paper_sha256=paper))
    others = (
        (CHAIRS_LOGIN, "Carl Moss", CHAIR),
        (DIRECTORS_LOGIN, "Dora Reed", DIRECTOR),
        (DESIGNEE, "Sam Roe", DESIGNEE),
    )
    for login, name, key in others:
        if login not in people:
            client.act(types.PersonAdd(login, name, keys.public(key)))
    if not client.act(types.AdminKeyList()).keys:
        client.act(types.AdminKeyAdd(keys.public(ADMIN)))


def settle(client: Client, keys: Keys, port: int) -> None:
    """Over SSH: whatever is missing before cameras may be looked at. Raises HoldshelfError."""
    chaired = any(row.seat == CHAIR and row.state == "active" for row in client.read(types.ReadSeats()))
    entrances = client.read(ReadEntrances())
    cameras = client.read(ReadCommissions())
    letters = client.read(types.ReadAppointments())
    try:
        appointed = any(row.state == "active" for row in letters)
        asyncio.run(_settle(keys, port, entrances, cameras, chaired=chaired, appointed=appointed))
    except (OSError, asyncssh.Error, TimeoutError) as error:
        why = str(error) or type(error).__name__
        raise HoldshelfError(
            f"The demo's people cannot log in through the door: {why}.", "Start the demo with another --data folder."
        ) from None


async def _settle(
    keys: Keys,
    port: int,
    entrances: Sequence[EntranceRow],
    cameras: Sequence[CommissionRow],
    *,
    chaired: bool,
    appointed: bool,
) -> None:
    if not chaired:
        async with await _connect(keys, port, FORMER) as line:
            await _run(line, "seat", "name", CHAIR, "--person", CHAIRS_LOGIN, "--paper", "-", stdin=PAPER)
    # A connection each for two cameras at a time: what a command leaves behind on one closes a moment later.
    async with await _connect(keys, port, CHAIR) as line, await _connect(keys, port, CHAIR) as other:
        if not chaired:
            await _run(line, "seat", "name", DIRECTOR, "--person", DIRECTORS_LOGIN, "--paper", "-", stdin=PAPER)
        if not [row for row in entrances if row.state == "attested"]:
            if not entrances:
                await _run(line, "entrance", "add", ENTRANCE, "--sign", SIGN)
            await _run(line, "entrance", "attest", ENTRANCE, "--language", "en", "--legible", "--lit")
        new = [row.camera for row in cameras if row.state == "new"]
        await asyncio.gather(_commission_all(line, new[::2]), _commission_all(other, new[1::2]))
        if not appointed and cameras:
            await _appoint(line, cameras[-1].camera)


async def _connect(keys: Keys, port: int, login: str) -> asyncssh.SSHClientConnection:
    """A connection of that person's, once the door is there."""
    deadline = asyncio.get_running_loop().time() + DOOR_START_S
    while True:
        try:
            return await asyncssh.connect(
                ADDRESS,
                port,
                username=login,
                client_keys=[str(keys.private(login))],
                known_hosts=str(keys.known_hosts),
                agent_path=None,
                config=[],
            )
        except ConnectionRefusedError:
            if asyncio.get_running_loop().time() > deadline:
                raise
            await asyncio.sleep(0.05)


async def _run(line: asyncssh.SSHClientConnection, *words: str, stdin: bytes = b"") -> tuple[bytes, str]:
    """(standard output, standard error) of a command. Raises HoldshelfError with what it says."""
    async with asyncio.timeout(COMMAND_S):
        done = await line.run(shlex.join(words), input=stdin, encoding=None)
    out, said = _raw(done.stdout), _raw(done.stderr).decode(errors="replace").strip()
    if done.exit_status != 0:
        raise HoldshelfError(f"The demo's people could not do `{shlex.join(words[:2])}`: {said}")
    return out, said


def _raw(data: object) -> bytes:
    return data if isinstance(data, bytes) else b""


async def _commission_all(line: asyncssh.SSHClientConnection, cameras: Sequence[str]) -> None:
    for camera in cameras:
        await _commission(line, camera)


async def _commission(line: asyncssh.SSHClientConnection, camera: str) -> None:
    """Masks, still, approval by the hash of the still that was looked at."""
    await _run(line, "camera", "commission", camera, "--no-masks", NOTHING_TO_MASK, "--interior")
    deadline = asyncio.get_running_loop().time() + STILL_S
    while True:
        try:
            _picture, said = await _run(line, "camera", "commission", camera, "--still", "-")
            break
        except HoldshelfError:  # nothing is recorded yet
            if asyncio.get_running_loop().time() > deadline:
                raise
    shown = re.search(r"hash ([0-9a-f]{64})", said)
    if shown is None:
        raise HoldshelfError(f"The still of {camera} came without its hash.")
    await _run(line, "camera", "commission", camera, "--approve", "--seen", shown[1])


async def _appoint(line: asyncssh.SSHClientConnection, camera: str) -> None:
    last_day = (datetime.now().astimezone() + timedelta(days=LETTER_DAYS)).date().isoformat()
    rights = [word for right in ("live", "archive", "hold") for word in ("--right", right)]
    words = ["appointment", "make", DESIGNEE, *rights, "--camera", camera, "--until", last_day, "--paper", "-"]
    await _run(line, *words, stdin=PAPER)
