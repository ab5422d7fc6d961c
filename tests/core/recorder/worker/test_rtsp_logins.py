"""Basic and digest as cameras really ask for them."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable

import pytest

from holdshelf_core.recorder.worker.auth import Credentials
from holdshelf_core.recorder.worker.source import SourceError
from tests.core.recorder.worker.rtsp_parts import dial, expected_footage, recorded, some_footage
from tests.rig.scripted_rtsp import Request, RtpSender, ScriptedRtsp, reply


def _checks(
    challenge: str, *, user: str = "Jäger", password: str = "p€ss", only: str = ""
) -> Callable[[Request], bytes]:
    """A server's side of digest, written apart from ours: right, or 401 with the challenge."""

    def answer(request: Request) -> bytes:
        given = request.headers.get("authorization", "")
        realms = [f'realm="{m[1]}"' for m in re.finditer(r'realm="([^"]*)"', challenge, re.IGNORECASE)]
        if given and not any(realm in given for realm in realms):
            return reply(request, status="400 Bad Request")
        if given and (not only or only in given) and _is_right(given, request.method, user, password):
            return b""
        return reply(
            request, *[f"WWW-Authenticate: {one}" for one in challenge.split(" | ")], status="401 Unauthorized"
        )

    return answer


def _is_right(given: str, method: str, user: str, password: str) -> bool:
    fields = {m[1]: m[2] or m[3] for m in re.finditer(r'([\w-]+)=(?:"([^"]*)"|([^",\s]+))', given)}
    fields = {name: value.encode("latin-1").decode() for name, value in fields.items()}
    names = {"": "md5", "MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}
    algorithm = fields.get("algorithm", "")

    def h(text: str) -> str:
        return hashlib.new(names[algorithm.replace("-sess", "")], text.encode()).hexdigest()

    name = h(f"{user}:{fields['realm']}") if fields.get("userhash") == "true" else user
    first = h(f"{user}:{fields['realm']}:{password}")
    if algorithm.endswith("-sess"):
        first = h(f"{first}:{fields['nonce']}:{fields['cnonce']}")
    second = h(f"{method}:{fields['uri']}" + (f":{h('')}" if fields.get("qop") == "auth-int" else ""))
    middle = f"{fields['nc']}:{fields['cnonce']}:{fields['qop']}:" if "qop" in fields else ""
    return fields["username"] == name and fields["response"] == h(f"{first}:{fields['nonce']}:{middle}{second}")


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="r", nonce="n"',
        'Digest realm="r",nonce="n",algorithm=MD5,qop="auth"',
        'Digest realm="r", nonce="n", algorithm="SHA-256", stale="FALSE"',
        'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth, auth-int", opaque="o"',
        'Digest realm="r", nonce="n", algorithm=SHA-256, qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=SHA-256-sess, qop=auth, userhash=true, charset=UTF-8',
        'Digest realm="r", nonce="n", algorithm=MD5-sess',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256, qop="auth"',
        'Basic realm="r" | Digest realm="r", nonce="n"',
        'Digest realm="r", nonce="n" | Digest realm="r", nonce="n2", algorithm=SHA-256, qop="auth" | Basic realm="r"',
        'Digest realm="Überwachung", nonce="n", qop="auth"',
        'digest REALM="r", NONCE=abc',
    ],
)
def test_logins(challenge: str) -> None:
    asks = _checks(challenge.encode().decode("latin-1") if "Ü" in challenge else challenge)
    answers = dict.fromkeys(("DESCRIBE", "SETUP", "PLAY"), asks)
    if "Ü" in challenge:
        answers = dict.fromkeys(answers, lambda request: asks(request).decode().encode("latin-1"))
    with ScriptedRtsp(media=some_footage(RtpSender()), answers=answers) as server:
        assert recorded(dial(server, "Jäger", "p€ss"))[0] == expected_footage()
        assert len(server.asked("DESCRIBE")) == 2
    with ScriptedRtsp(answers=answers) as server, pytest.raises(SourceError) as caught:
        dial(server, "Jäger", "wrong")
    assert caught.value.reason == "auth refused"
    assert len(server.asked("DESCRIBE")) <= 3  # accounts are locked for guessing


def test_an_algorithm_that_the_camera_gets_wrong_gives_way_to_the_next_it_offers() -> None:
    both = 'Digest realm="r", nonce="n", algorithm=SHA-256 | Digest realm="r", nonce="n" | Basic realm="r"'
    answers = dict.fromkeys(("DESCRIBE", "SETUP", "PLAY"), _checks(both, only="Digest"))

    def only_md5(request: Request) -> bytes:
        if "SHA-256" in request.headers.get("authorization", ""):
            del request.headers["authorization"]
        return answers["SETUP"](request)

    with ScriptedRtsp(answers={**answers, "DESCRIBE": only_md5}) as server:
        dial(server, "Jäger", "p€ss").close()
    with ScriptedRtsp(answers={**answers, "DESCRIBE": only_md5}) as server, pytest.raises(SourceError):
        dial(server, "Jäger", "wrong")
    assert not any("Basic" in request.headers.get("authorization", "") for request in server.requests)


def test_a_nonce_that_is_good_once_is_renewed_for_each_request() -> None:
    issued = []

    def once(request: Request) -> bytes:
        given = request.headers.get("authorization", "")
        if issued and f'nonce="{issued[-1]}"' in given and _is_right(given, request.method, "u", "p"):
            issued.append(f"n{len(issued)}")
            return b""
        issued.append(f"n{len(issued)}")
        stale = ", stale=true" if given else ""
        return reply(request, f'WWW-Authenticate: Digest realm="r", nonce="{issued[-1]}"{stale}', status="401 No")

    with ScriptedRtsp(answers=dict.fromkeys(("DESCRIBE", "SETUP", "PLAY"), once)) as server:
        dial(server, "u", "p").close()


def test_the_next_nonce_may_come_with_an_answer() -> None:
    credentials = Credentials("u", "p")
    assert credentials.challenge('Digest realm="r", nonce="a", qop="auth"')
    credentials.renew('nextnonce="b", qop=auth')
    assert 'nonce="b"' in credentials.answer("PLAY", "x")
    assert "nc=00000002" in credentials.answer("PLAY", "x")


def test_a_camera_that_hangs_up_after_asking_for_a_login_is_dialed_again() -> None:
    def asks(request: Request) -> bytes | None:
        if "authorization" in request.headers:
            return b"" if request.number > 1 else None
        return reply(request, 'WWW-Authenticate: Basic realm="r"', "Connection: close", status="401 Unauthorized")

    with ScriptedRtsp(media=some_footage(RtpSender()), answers={"DESCRIBE": asks}) as server:
        assert recorded(dial(server, "u", "p"))[0] == expected_footage()
