"""Tokens: what opens a session, what ends it, and that nothing else does. No service is needed for these."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

import pytest

from holdshelf_core.api.door_link import DoorLink, make_pair
from holdshelf_core.api.mint import MintSocket
from holdshelf_core.api.ports import Login
from holdshelf_core.api.tokens import Session, Tokens
from holdshelf_core.caller import Caller
from holdshelf_core.errors import Conflict, Refused, Unavailable, UnknownKey


def tokens(**bounds: int) -> Tokens:
    return Tokens(lambda: 1, **bounds)


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
    assert known.revoke_person("p1", "left") == 1
    assert known.revoke_all("stop") == 2
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


class House:
    """Knows one person and one key, as the gate says it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.failed: list[tuple[Mapping[str, int], int]] = []
        self.resumed: list[bool] = []

    async def async_login(self, login: str, fingerprint: str, source: str, *, resumed: bool = False) -> Login:
        self.asked.append((login, fingerprint, source))
        self.resumed.append(resumed)
        if fingerprint == "SHA256:nobody":
            raise UnknownKey("P11", "This key is not known here.", "Ask the Library Director.")
        if fingerprint == "SHA256:later":
            raise Unavailable("The access log cannot be written.", "Try again.")
        if (login, fingerprint) != ("director", "SHA256:good"):
            raise Refused("P11", "Your appointment ended on 2026-11-24.", "Ask the Library Director.")
        return Login("p1", "Ada")

    async def async_failed_logins(self, sources: Mapping[str, int], total: int) -> None:
        self.failed.append((sources, total))

    def key_is_known(self, fingerprint: str) -> bool:
        return fingerprint != "SHA256:nobody"

    async def async_act(self, name: str, caller: Caller, body: bytes) -> bytes:
        raise NotImplementedError

    async def async_may_speak(self, caller: Caller) -> str | None:
        return None

    def person_by_account(self, account: str) -> str | None:
        return None

    def knows_key(self, person: str, fingerprint: str) -> bool:
        return True

    def view_allowed(self, name: str, caller: Caller, camera: str | None = None) -> bool:
        return True


class Desk:
    """Both ends of the socket, running."""

    def __init__(self) -> None:
        self.house = House()
        self.tokens = tokens()
        self.uids: list[int] = []
        self.gone: dict[str, str] = {}
        self.door_end, service_end = make_pair()
        self.mint = MintSocket(service_end.detach(), self.tokens, self.house, self.uids.append)
        self.door = DoorLink(self.door_end, lambda session, reason: self.gone.update({session: reason}))

    async def __aenter__(self) -> Desk:
        self.serving = asyncio.create_task(self.mint.async_run())
        self.reading = asyncio.create_task(self.door.async_run())
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.serving.cancel()
        self.reading.cancel()
        await asyncio.gather(self.serving, self.reading, return_exceptions=True)
        self.door_end.close()


async def until(what: Mapping[str, str] | list[int], size: int = 1) -> None:
    async with asyncio.timeout(5):
        while len(what) < size:
            await asyncio.sleep(0.005)


async def test_the_door_is_given_a_session_for_a_key_that_is_known() -> None:
    async with Desk() as desk:
        await desk.door.async_hello()
        minted = await desk.door.async_mint("director", "SHA256:good", "192.0.2.7")
        assert (minted.person, minted.name) == ("p1", "Ada")
        session = desk.tokens.check(minted.token, desk.uids[0])
        assert session is not None
        assert session.caller.source == "192.0.2.7"
        await desk.door.async_end(minted.session)
        assert desk.tokens.check(minted.token, desk.uids[0]) is None


async def test_a_refusal_reaches_the_door_with_its_sentence_and_clause() -> None:
    async with Desk() as desk:
        with pytest.raises(Refused, match=r"ended on 2026-11-24 \(P11\)") as refused:
            await desk.door.async_mint("director", "SHA256:other", "192.0.2.7")
        assert refused.value.clause == "P11"
        assert refused.value.next_step == "Ask the Library Director."
        assert not desk.tokens.all()


async def test_a_key_that_is_nobodys_and_a_service_that_cannot_tell_are_not_taken_for_a_refusal() -> None:
    async with Desk() as desk:
        assert await desk.door.async_known("SHA256:good")
        assert not await desk.door.async_known("SHA256:nobody")
        with pytest.raises(UnknownKey, match="not known here"):
            await desk.door.async_mint("director", "SHA256:nobody", "")
        with pytest.raises(Unavailable, match="cannot be written"):
            await desk.door.async_mint("director", "SHA256:later", "")


async def test_a_session_taken_up_again_is_told_from_a_log_in() -> None:
    async with Desk() as desk:
        await desk.door.async_mint("director", "SHA256:good", "")
        await desk.door.async_mint("director", "SHA256:good", "", resumed=True)
        assert desk.house.resumed == [False, True]


async def test_strangers_are_noted_by_number() -> None:
    async with Desk() as desk:
        await desk.door.async_failed({"192.0.2.7": 40}, 55)
        assert desk.house.failed == [({"192.0.2.7": 40}, 55)]


async def test_a_door_that_is_started_again_ends_what_the_one_before_it_left() -> None:
    async with Desk() as desk:
        await desk.door.async_hello()
        minted = await desk.door.async_mint("director", "SHA256:good", "")
        await desk.door.async_hello()
        assert desk.tokens.get(minted.session) is None


async def test_a_service_that_stops_leaves_its_sessions_to_the_next() -> None:
    desk = Desk()
    async with desk:
        await desk.door.async_hello()
        minted = await desk.door.async_mint("director", "SHA256:good", "")
    assert minted.session not in desk.gone
    assert desk.tokens.get(minted.session) is not None


async def test_the_door_hears_of_a_session_that_the_service_ended() -> None:
    async with Desk() as desk:
        minted = await desk.door.async_mint("director", "SHA256:good", "")
        desk.tokens.revoke(minted.session, "Your term ended.")
        await until(desk.gone)
        assert desk.gone[minted.session] == "Your term ended."


async def test_when_the_door_is_gone_every_session_ends() -> None:
    async with Desk() as desk:
        minted = await desk.door.async_mint("director", "SHA256:good", "")
        desk.reading.cancel()
        desk.door_end.shutdown(socket.SHUT_RDWR)
        async with asyncio.timeout(5):
            await desk.serving
        assert desk.tokens.check(minted.token, desk.uids[0]) is None


async def test_garbage_from_the_door_is_answered_and_harms_nobody() -> None:
    desk = Desk()
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(desk.mint.async_run())
    desk.door_end.setblocking(False)
    for raw in (b"garbage", b"{}", b"[" * 9000, b'{"mint": {"login": 7}}', b"x" * 60_000, b"", b'{"mint": null}'):
        await loop.sock_sendall(desk.door_end, raw) if raw else desk.door_end.send(b"")
        async with asyncio.timeout(5):
            answer = await loop.sock_recv(desk.door_end, 65536)
        assert b'"refused"' in answer
        assert b"Traceback" not in answer
    assert not desk.tokens.all()
    assert not desk.house.asked
    desk.door_end.close()
    async with asyncio.timeout(5):
        await serving


async def test_a_descriptor_that_is_no_doors_socket_is_refused() -> None:
    known, house = tokens(), House()
    stream, other = socket.socketpair()
    for fd in (stream.fileno(), 9999):
        with pytest.raises(Unavailable, match="not the socket of an SSH door"):
            MintSocket(fd, known, house, lambda _uid: None)
    stream.close()
    other.close()
