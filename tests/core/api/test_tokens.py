"""Tokens: what opens a session, what ends it, and that nothing else does. No service is needed for these."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from holdshelf_core.actions.caller import Caller
from holdshelf_core.api.ssh.host_signer import HostSigner
from holdshelf_core.api.ssh.mint import MintSocket
from holdshelf_core.api.ssh.session_slots import SessionSlots
from holdshelf_core.api.tokens import Session
from holdshelf_core.errors import Conflict, Refused, Unavailable, UnknownKey
from tests.mint_desk import GOOD, LATER, NOBODY, OTHER, Desk, House, tokens, until
from tests.rig.hang import HANG_S


def test_a_token_is_its_sessions_proof_for_its_account_only() -> None:
    known = tokens()
    token, session_id = known.mint("p1", "SHA256:a", "192.0.2.7", 1000)
    session = known.check(token, 1000)
    assert session is not None
    assert session.caller == Caller("p1", False, 1000, "ssh", "192.0.2.7", session_id)
    assert known.check(token, 1001) is None
    assert known.check(token, 0) is None
    assert known.check(token + "x", 1000) is None
    assert known.check("", 1000) is None
    assert known.check("\udcff\0 é", 1000) is None


def test_a_token_has_256_bits_and_is_kept_nowhere_as_it_is() -> None:
    known = tokens()
    token, session_id = known.mint("p1", "SHA256:a", "", 0)
    assert len(token) == 43  # 32 bytes in base64
    assert token not in session_id
    assert len({known.mint(f"p{n}", "SHA256:a", "", 0)[0] for n in range(100)}) == 100
    session = known.check(token, 0)
    assert token not in repr(vars(known)) + repr(session)


def test_a_session_ends_once_with_its_reason_and_closes_its_streams() -> None:
    known = tokens()
    token, session_id = known.mint("p1", "SHA256:a", "", 0)
    told: list[str] = []
    ended: list[Session] = []
    session = known.check(token, 0)
    assert session is not None
    session.closers.add(told.append)
    known.async_listen(ended.append)
    assert known.revoke(session_id, "Your term ended.")
    assert known.check(token, 0) is None
    assert told == ["Your term ended."]
    assert [s.ended for s in ended] == ["Your term ended."]
    assert not known.revoke(session_id, "again")
    assert told == ["Your term ended."]


def test_a_stream_that_fails_to_close_keeps_no_other_open() -> None:
    known = tokens()
    token, session_id = known.mint("p1", "SHA256:a", "", 0)
    session = known.check(token, 0)
    assert session is not None
    told: list[str] = []

    def broken(_reason: str) -> None:
        raise RuntimeError("broken")

    session.closers |= {broken, told.append}
    known.revoke(session_id, "over")
    assert told == ["over"]


def test_one_person_and_everyone_together_have_only_so_many_sessions() -> None:
    known = tokens(per_person=2, total=3)
    first = known.mint("p1", "SHA256:a", "", 0)[1]
    known.mint("p1", "SHA256:a", "", 0)
    with pytest.raises(Conflict, match="2 sessions open"):
        known.mint("p1", "SHA256:a", "", 0)
    known.mint("p2", "SHA256:b", "", 0)
    with pytest.raises(Unavailable, match="3 sessions are open"):
        known.mint("p3", "SHA256:c", "", 0)
    known.revoke(first)
    known.mint("p3", "SHA256:c", "", 0)
    assert known.revoke_all("stop") == 3
    assert not known.all()


async def test_a_right_that_ended_ends_its_sessions_and_a_failing_question_does_too() -> None:
    known = tokens()
    ids = {person: known.mint(person, "SHA256:a", "", 0)[1] for person in ("p1", "p2", "p3")}

    async def why_not(session: Session) -> str:
        if session.person == "p2":
            raise RuntimeError("broken")
        return "Your appointment ended on 2026-11-24." if session.person == "p1" else ""

    ended: dict[str, str] = {}
    known.async_listen(lambda session: ended.update({session.person: session.ended}))
    await known.async_check_all(why_not)
    assert [s.id for s in known.all()] == [ids["p3"]]
    assert ended["p1"] == "Your appointment ended on 2026-11-24."
    assert "could not tell" in ended["p2"]


# --- the door's socket ---------------------------------------------------------------------------------------------


async def test_the_door_is_given_a_session_for_a_key_that_is_known(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        minted = await desk.log_in("director", GOOD)
        assert (minted.person, minted.name) == ("p1", "Ada")
        session = desk.tokens.check(minted.token, desk.uids[0])
        assert session is not None
        assert session.caller.source == "192.0.2.7"
        await desk.door.async_end(minted.session)
        assert desk.tokens.check(minted.token, desk.uids[0]) is None


async def test_a_refusal_reaches_the_door_with_its_sentence_and_clause(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        with pytest.raises(Refused, match=r"ended on 2026-11-24 \(P11\)") as refused:
            await desk.log_in("director", OTHER)
        assert refused.value.clause == "P11"
        assert refused.value.next_step == "Ask the Library Director."
        assert not desk.tokens.all()


async def test_a_key_that_is_nobodys_and_a_service_that_cannot_tell_are_not_taken_for_a_refusal(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        with pytest.raises(UnknownKey, match="not enrolled here"):
            await desk.log_in("director", NOBODY)
        with pytest.raises(Unavailable, match="cannot be written"):
            await desk.log_in("director", LATER)


async def test_strangers_are_noted_by_number(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        await desk.door.async_failed({"192.0.2.7": 40}, 55)
        assert desk.house.failed == [({"192.0.2.7": 40}, 55)]
        # Whoever took the door over fills no log with them.
        for _ in range(3):
            with pytest.raises(Unavailable, match="moments ago"):
                await desk.door.async_failed({"192.0.2.7": 1}, 1)
        assert len(desk.house.failed) == 1


async def test_a_door_that_is_started_again_ends_what_the_one_before_it_left(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        minted = await desk.log_in("director", GOOD)
        await desk.door.async_hello()
        assert desk.tokens.get(minted.session) is None


async def test_a_service_that_stops_leaves_its_sessions_to_the_next(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    async with desk:
        minted = await desk.log_in("director", GOOD)
    assert minted.session not in desk.gone
    assert desk.tokens.get(minted.session) is not None


async def test_the_door_hears_of_a_session_that_the_service_ended(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        minted = await desk.log_in("director", GOOD)
        desk.tokens.revoke(minted.session, "Your term ended.")
        await until(desk.gone)
        assert desk.gone[minted.session] == "Your term ended."


async def test_when_the_door_is_gone_every_session_ends(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        minted = await desk.log_in("director", GOOD)
        desk.reading.cancel()
        desk.door_end.shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(HANG_S):
            await desk.serving
        assert desk.tokens.check(minted.token, desk.uids[0]) is None


async def test_garbage_from_the_door_is_answered_and_harms_nobody(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(desk.mint.async_run())
    desk.door_end.setblocking(False)
    no_exchange = b'{"sign": {"hash": "md5", "exchange": "AAAA"}}'
    asked = (
        b"garbage",
        b"{}",
        b"[" * 9000,
        b'{"mint": {"login": 7}}',
        b"x" * 60_000,
        b"",
        b'{"mint": null}',
        no_exchange,
    )
    for raw in asked:
        await loop.sock_sendall(desk.door_end, raw) if raw else desk.door_end.send(b"")
        async with asyncio.timeout(HANG_S):
            answer = await loop.sock_recv(desk.door_end, 65536)
        assert b'"refused"' in answer
        assert b"Traceback" not in answer
    assert not desk.tokens.all()
    assert not desk.house.asked
    desk.door_end.close()
    async with asyncio.timeout(HANG_S):
        await serving


async def test_a_descriptor_that_is_no_doors_socket_is_refused(tmp_path: Path) -> None:
    known, house = tokens(), House()
    stream, other = socket.socketpair()
    for fd in (stream.fileno(), 9999):
        with pytest.raises(Unavailable, match="not the socket of an SSH door"):
            MintSocket(fd, known, house, HostSigner(tmp_path), SessionSlots(), lambda _uid: None)
    stream.close()
    other.close()
