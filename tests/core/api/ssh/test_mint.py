"""What a taken-over door can get from the service with its descriptor: no session but for a signature made here and now."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.errors import HoldshelfError, NotPermitted, Refused, Unavailable, UnknownKey
from holdshelf_core.api.session_types import Minted
from holdshelf_core.api.ssh import host_signer
from holdshelf_core.api.ssh.host_key import ensure_host_key
from holdshelf_core.api.ssh.host_signer import HostSigner
from holdshelf_core.errors import BadRequest
from holdshelf_core.paths import DataPaths
from holdshelf_core.policy.ssh_wire import Reader
from tests import keys
from tests.exchange import b64, exchange, session_of
from tests.mint_desk import GOOD, LATER, NOBODY, OTHER, Desk, until
from tests.people import People
from tests.rig.hang import HANG_S
from tests.service import Service, faults_in

DIRECTOR = keys.private(GOOD)


async def refused(asking: Any, match: str) -> None:
    with pytest.raises(HoldshelfError, match=match):
        await asking


def test_with_the_doors_descriptor_and_a_fingerprint_nobody_gets_a_token(tmp_path: Path) -> None:
    with Service(tmp_path / "data", mint=True) as service:
        people = People(service)
        people.name_director()
        fingerprint = people.fingerprints["dora"]
        claims: list[dict[str, Any]] = [
            {"login": "dora", "fingerprint": fingerprint, "source": "192.0.2.7"},
            {"login": "dora", "fingerprint": fingerprint, "source": "192.0.2.7", "resumed": True},
            {"session": "", "request": "", "signature": "", "login": "dora", "fingerprint": fingerprint, "source": ""},
        ]
        for claim in claims:
            assert service.door is not None
            service.door.send(json.dumps({"mint": claim}).encode())
            answer = json.loads(service.door.recv(65536))
            assert "token" not in answer
            assert "refused" in answer
        assert "token" not in service.ask_mint(resume=fingerprint)
        assert faults_in(service.log()) == []


# --- the signature -------------------------------------------------------------------------------------------------


async def test_a_signature_over_another_session_opens_none(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        first, second = await desk.new_session(), await desk.new_session()
        signed = keys.sign_login(DIRECTOR, first, "director")
        await refused(desk.door.async_mint(second, *signed, ""), "not this key's")
        assert not desk.tokens.all()


async def test_a_signature_over_a_session_that_the_service_did_not_sign_opens_none(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        for session in (secrets.token_bytes(32), b"", session_of(await desk.new_exchange())):
            signed = keys.sign_login(DIRECTOR, session, "director")
            await refused(desk.door.async_mint(session, *signed, ""), "did not begin here")
        assert not desk.tokens.all()
        assert not desk.house.asked


async def test_a_signature_opens_one_session_and_not_a_second(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        session = await desk.new_session()
        signed = keys.sign_login(DIRECTOR, session, "director")
        await desk.door.async_mint(session, *signed, "")
        await refused(desk.door.async_mint(session, *signed, ""), "logged in to already")
        assert len(desk.tokens.all()) == 1


async def test_of_two_that_come_at_once_with_one_signature_one_is_let_in(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        session = await desk.new_session()
        signed = keys.sign_login(DIRECTOR, session, "director")
        both = await asyncio.gather(
            *(desk.door.async_mint(session, *signed, "") for _ in range(8)), return_exceptions=True
        )
        assert sum(not isinstance(one, BaseException) for one in both) == 1
        assert len(desk.tokens.all()) == 1


async def test_another_name_than_the_one_that_was_signed_opens_none(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        session = await desk.new_session()
        request, signature = keys.sign_login(keys.private(OTHER), session, "somebody")
        forged = request.replace(b"\x00\x00\x00\x08somebody", b"\x00\x00\x00\x08director")
        assert forged != request
        await refused(desk.door.async_mint(session, forged, signature, ""), "not this key's")


async def test_the_name_and_the_key_are_those_that_were_signed(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        await desk.log_in("director", GOOD, "198.51.100.9")
        assert desk.house.asked == [("director", GOOD, "198.51.100.9")]


async def test_an_address_is_the_doors_word_and_no_longer_than_one(tmp_path: Path) -> None:
    """It stands in the entry of each act of that session."""
    async with Desk(tmp_path) as desk:
        session = await desk.new_session()
        await refused(desk.log_in("director", GOOD, "1" * 65, session=session), "longer than an address")
        assert not desk.house.asked
        await desk.log_in("director", GOOD, "fe80::5054:ff:fe12:3456%enp0s31f6.2001", session=session)
        assert len(desk.house.asked) == 1


def test_a_false_address_is_written_down_as_the_doors_word_and_changes_no_right(tmp_path: Path) -> None:
    claims = ["127.0.0.1", "not an address"]
    with Service(tmp_path / "data", mint=True) as service:
        people = People(service)
        director = people.name_director()
        opened = [service.open_session("dora", people.fingerprints["dora"], claim) for claim in claims]
        assert len({one["person"] for one in opened}) == 1
        shown = director.act(LogShow(action="door.login")).entries
        assert [row.texts["source"] for row in shown[-2:]] == claims
        refused_too = service.ask_login("dora", NOBODY, "127.0.0.1")
        assert refused_too["why"] == "unknown"


async def test_after_a_key_that_is_nobodys_and_a_log_that_is_stuck_the_next_key_may_be_tried(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        session = await desk.new_session()
        with pytest.raises(UnknownKey):
            await desk.log_in("director", NOBODY, session=session)
        with pytest.raises(Unavailable):
            await desk.log_in("director", LATER, session=session)
        await desk.log_in("director", GOOD, session=session)


async def test_a_proved_key_that_was_refused_cannot_be_shown_again(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        session = await desk.new_session()
        for match in (r"P11", "logged in to already"):
            await refused(desk.log_in("director", OTHER, session=session), match)
        assert len(desk.house.asked) == 1


# --- the exchange --------------------------------------------------------------------------------------------------


async def test_an_old_exchange_is_not_signed_again(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        exchanged = await desk.new_exchange()
        await desk.door.async_sign("sha256", exchanged, rekey=False)
        session = session_of(exchanged)
        signed = keys.sign_login(DIRECTOR, session, "director")
        minted = await desk.door.async_mint(session, *signed, "")
        await desk.door.async_end(minted.session)
        await refused(desk.door.async_sign("sha256", exchanged, rekey=False), "was already used")
        await refused(desk.door.async_mint(session, *signed, ""), "logged in to already")


async def test_an_exchange_of_another_run_is_not_signed_as_a_new_one(tmp_path: Path) -> None:
    async with Desk(tmp_path) as before:
        exchanged = await before.new_exchange()
        session = session_of(exchanged)
    async with Desk(tmp_path) as desk:
        assert desk.host_key == before.host_key
        await refused(desk.door.async_sign("sha256", exchanged, rekey=False), "was already used")
        signed = keys.sign_login(DIRECTOR, session, "director")
        await refused(desk.door.async_mint(session, *signed, ""), "did not begin here")


async def test_a_rekey_is_signed_and_nobody_logs_in_to_it(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        exchanged = exchange(desk.host_key, secrets.token_bytes(16))
        signature = Reader(await desk.door.async_sign("sha256", exchanged, rekey=True))
        assert signature.string() == b"ssh-ed25519"
        session = session_of(exchanged)
        signed = keys.sign_login(DIRECTOR, session, "director")
        await refused(desk.door.async_mint(session, *signed, ""), "did not begin here")


async def test_nothing_but_a_key_exchange_with_our_own_key_is_signed(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        good = await desk.new_exchange()
        strange = exchange(keys.blob_of(keys.private("")), await desk.door.async_cookie())
        others = [b"", b"\0" * 32, good[:100], strange, good + b"\0" * 20_000, b"\xff" * 4000]
        for what in others:
            for rekey in (False, True):
                await refused(desk.door.async_sign("sha256", what, rekey=rekey), r"not a key exchange|too long")
        for name in ("sha1", "md5", "", "shake_128"):
            await refused(desk.door.async_sign(name, good, rekey=False), "hashed that way")
        await desk.door.async_sign("sha512", good, rekey=False)


def signer(tmp_path: Path) -> tuple[HostSigner, bytes]:
    DataPaths(tmp_path).state.mkdir(parents=True, exist_ok=True)
    ensure_host_key(tmp_path)
    made = HostSigner(tmp_path)
    return made, made.load()


def test_cookies_and_sessions_that_nobody_used_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_signer, "MAX_COOKIES", 3)
    monkeypatch.setattr(host_signer, "MAX_NEW_SESSIONS", 2)
    made, host_key = signer(tmp_path)
    cookies = [made.cookie() for _ in range(4)]
    exchanges = [exchange(host_key, cookie) for cookie in cookies]
    with pytest.raises(NotPermitted, match="was already used"):
        made.sign("sha256", exchanges[0], rekey=False)
    for exchanged in exchanges[1:]:
        made.sign("sha256", exchanged, rekey=False)
    assert [made.take(session_of(exchanged)) for exchanged in exchanges] == [False, False, True, True]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=300), at=st.integers(0, 400), cut=st.integers(0, 400))
def test_whatever_bytes_come_as_an_exchange_are_signed_or_refused_in_words(
    tmp_path: Path, raw: bytes, at: int, cut: int
) -> None:
    made, host_key = signer(tmp_path)
    good = exchange(host_key, made.cookie())
    for what in (raw, good[:at] + raw + good[at:], good[:cut]):
        try:
            made.sign("sha256", what, rekey=False)
        except (BadRequest, NotPermitted):
            continue
        # Signed: then it holds the cookie and our key, whatever else was put into it.
        assert host_key in what


async def test_log_ins_that_wait_for_the_log_keep_no_key_exchange_waiting(tmp_path: Path) -> None:
    async with Desk(tmp_path) as desk:
        desk.house.stuck = asyncio.Event()
        sessions = [await desk.new_session() for _ in range(40)]
        waiting = [asyncio.create_task(desk.log_in("director", GOOD, session=session)) for session in sessions]
        async with asyncio.timeout(HANG_S):
            while len(desk.house.asked) < 16:
                await asyncio.sleep(0.005)
            await desk.new_session()
        desk.house.stuck.set()
        done = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(one, Minted) for one in done) == 8  # which is the most one person may have
        assert len(desk.house.asked) == 40


# --- after a restart of the service ----------------------------------------------------------------------------------


@pytest.fixture
def memory() -> Any:
    fd = os.memfd_create("sessions")
    yield fd
    os.close(fd)


async def test_a_living_session_goes_on_after_a_restart_of_the_service_and_once(tmp_path: Path, memory: int) -> None:
    async with Desk(tmp_path, memory) as before:
        minted = await before.log_in("director", GOOD)
    async with Desk(tmp_path, memory) as desk:
        again = await desk.door.async_resume(minted.ticket)
        assert (again.person, desk.house.resumed) == (minted.person, [True])
        assert desk.house.asked == [("director", GOOD, "192.0.2.7")]
        assert again.ticket != minted.ticket
        await refused(desk.door.async_resume(minted.ticket), "over")
        # Not in the same run either, where it is living already.
        await refused(desk.door.async_resume(again.ticket), "over")
    async with Desk(tmp_path, memory) as third:
        await third.door.async_resume(again.ticket)


async def test_a_session_that_ended_is_not_taken_up_again_by_a_later_service(tmp_path: Path, memory: int) -> None:
    async with Desk(tmp_path, memory) as before:
        left, revoked = await before.log_in("director", GOOD), await before.log_in("director", GOOD)
        await before.door.async_end(left.session)
        before.tokens.revoke(revoked.session, "Your term ended.")
        await until(before.gone)
    async with Desk(tmp_path, memory) as desk:
        for ended in (left, revoked):
            await refused(desk.door.async_resume(ended.ticket), "over")
        assert not desk.tokens.all()
        assert not desk.house.asked


async def test_rights_are_asked_for_again_and_a_log_that_is_stuck_leaves_the_session_for_later(
    tmp_path: Path, memory: int
) -> None:
    async with Desk(tmp_path, memory) as before:
        first, second = await before.log_in("director", GOOD), await before.log_in("director", GOOD)
    async with Desk(tmp_path, memory) as desk:
        desk.house.problem = Unavailable("The access log cannot be written.", "Try again.")
        with pytest.raises(Unavailable):
            await desk.door.async_resume(first.ticket)
        desk.house.problem = None
        await desk.door.async_resume(first.ticket)
        desk.house.problem = Refused("P11", "Your term ended.", "Ask the Library Director.")
        for match in ("Your term ended", "over"):
            await refused(desk.door.async_resume(second.ticket), match)


async def test_a_name_that_is_another_persons_now_is_not_taken_up_again(tmp_path: Path, memory: int) -> None:
    async with Desk(tmp_path, memory) as before:
        minted = await before.log_in("director", GOOD)
    async with Desk(tmp_path, memory) as desk:
        desk.house.person = "p2"
        await refused(desk.door.async_resume(minted.ticket), "no longer yours")
        assert not desk.tokens.all()


async def test_no_token_and_no_ticket_lies_in_what_is_kept(tmp_path: Path, memory: int) -> None:
    async with Desk(tmp_path, memory) as desk:
        minted = await desk.log_in("director", GOOD)
        kept = os.pread(memory, 1 << 20, 0)
        assert GOOD.encode() in kept
        for secret in (minted.token, minted.ticket):
            assert secret.encode() not in kept
            assert base64.urlsafe_b64decode(secret + "=") not in kept
        await desk.door.async_end(minted.session)
        assert not os.pread(memory, 1 << 20, 0).strip(b"\0")


def test_a_service_that_is_killed_leaves_its_living_sessions_to_the_next(tmp_path: Path, memory: int) -> None:
    service = Service(tmp_path / "data", mint=True, sessions_fd=memory)
    with service:
        people = People(service)
        people.name_director()
        first = service.open_session("dora", people.fingerprints["dora"])
        ended = service.open_session("dora", people.fingerprints["dora"])
        service.end_session(ended["session"])
        service.kill()
        service.start()
        service.ask_mint(hello={})
        answer = service.ask_mint(resume=first["ticket"])
        assert answer["person"] == first["person"], answer
        assert "over" in service.ask_mint(resume=ended["ticket"])["refused"]
        assert faults_in(service.log()) == []


def test_what_a_door_sends_is_bounded_by_the_services_own_limit() -> None:
    assert len(b64(b"\0" * host_signer.MAX_EXCHANGE_BYTES)) < (16 << 10) - 200
