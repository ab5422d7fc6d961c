"""A recorder whose log's head is stamped by a server of stock openssl: each hour, when asked; and by a server that lies."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from holdshelf_core.access_log import types as log_types
from holdshelf_core.api.errors import BadRequest, NotFound
from holdshelf_core.frame import Frame
from holdshelf_core.paths import DataPaths
from holdshelf_core.timestamps import timestamps, types
from holdshelf_core.timestamps.timestamps import Timestamps
from holdshelf_core.witnesses import client
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.register import Register
from tests.core.witnesses.running import said
from tests.core.witnesses.test_witnessed_service import answering, refusal
from tests.rig.hang import HANG_S
from tests.service import Service
from tests.storage.access_log.log_parts import entry
from tests.tsa import OTHER_POLICY, Tsa, openssl, stock_verify


@pytest.fixture(scope="module")
def tsa(tmp_path_factory: pytest.TempPathFactory) -> Tsa:
    return Tsa(tmp_path_factory.mktemp("elm") / "tsa")


def test_a_head_is_stamped_kept_and_checked_by_stock_openssl(tmp_path: Path, tsa: Tsa) -> None:
    with Service(tmp_path / "data") as service, tsa.serving() as url:
        ca = tsa.pem("root")
        for wrong in ("ftp://tsa.example", "https://user:pw@tsa.example", "tsa.example", "https://tsa.example/?a=b"):
            with pytest.raises(BadRequest, match="not the address of a time stamp server"):
                service.act(types.TimestampSet(wrong, ca))
        with pytest.raises(BadRequest, match="not the number of a policy"):
            service.act(types.TimestampSet(url, ca, "first"))
        with pytest.raises(BadRequest, match="contains no certificate"):
            service.act(types.TimestampSet(url, "no PEM"))
        with pytest.raises(NotFound, match="No time stamp server is set up"):
            service.act(types.TimestampNow())
        with pytest.raises(NotFound, match="No time stamp server is set up"):
            service.act(types.TimestampRemove())
        assert "Nobody stamps" in said("timestamp", "show", "--data", service.data)

        told = said("timestamp", "set", url, "--ca", tsa.root, "--data", service.data)
        shown = openssl("x509", "-in", tsa.root, "-noout", "-fingerprint", "-sha256").stdout.decode()
        fingerprint = shown.strip().partition("=")[2]
        assert fingerprint in told
        logged = service.act(log_types.LogShow(action="timestamp.set")).entries[-1].entry
        assert logged["facts"] == {"url": url, "certificates": [fingerprint.replace(":", "").lower()]}

        now = said("timestamp", "now", "--data", service.data)
        assert "Time-stamped up to entry" in now and "1 stamped head is kept" in now
        assert f"by {url.split('/')[2]} at" in said("today", "--data", service.data)

        # The folder is one for stock openssl as it stands.
        (folder,) = (service.data / "state" / "stamps").iterdir()
        (stamp,) = folder.glob("*.tsr")
        assert "Verification: OK" in stock_verify(stamp.with_suffix(".txt"), stamp, folder / "ca.pem")
        out = tmp_path / "out"
        line = said("timestamp", "fetch", out, "--data", service.data)
        words = line[line.index("openssl ts") :].split()
        assert "Verification: OK" in stock_verify(out / "head.txt", out / "head.tsr", out / "ca.pem", *words[-2:])
        # In years, the line that was printed still works, and without its time it does not.
        far = time.time() + 40 * 365 * 86_400
        stock_verify(out / "head.txt", out / "head.tsr", out / "ca.pem", "-attime", int(far), code=1)
        assert "already exists" in refusal("timestamp", "fetch", out, "--data", service.data)

        # What was stamped is the head as it is printed, and the log still has it.
        assert (out / "head.txt").read_text().startswith(service.client.read(log_types.ReadHead()).head.split("\n")[0])
        against = ("log", "verify", "--against", out / "head.txt", "--stamp", out / "head.tsr")
        found = said(*against, "--ca", tsa.root, "--data", service.data)
        assert "CN=Elm County time stamps,O=Elm County certifies that it existed at" in found and "0 problems" in found
        assert "needs a head and an authority" in refusal(*against, "--data", service.data)
        stranger = Tsa(tmp_path / "stranger", name="Stranger")
        assert "does not come from the authority" in refusal(*against, "--ca", stranger.root, "--data", service.data)
        verify = ("timestamp", "verify", out / "head.txt", out / "head.tsr", "--ca")
        assert "certifies that it existed at" in said(*verify, tsa.root)
        with (out / "head.txt").open("a") as file:
            file.write("x")
        assert "is of something else than this head" in refusal(*verify, tsa.root)

        # It goes on after a restart; what was stamped stays when nobody is asked any more.
        service.stop()
        service.start()
        assert service.client.read(types.ReadTimestamp()).newest is not None
        assert "no longer asked" in said("timestamp", "remove", "--data", service.data)
        view = service.client.read(types.ReadTimestamp())
        assert view.server is None and view.kept == 1 and view.newest is None
        assert service.client.read(types.ReadStamp()).entries > 0
        with pytest.raises(NotFound, match="No head that covers entry 100000"):
            service.client.read(types.ReadStamp(100_000))


def test_what_a_hostile_server_answers_is_one_sentence_each(tmp_path: Path, tsa: Tsa) -> None:
    old: list[bytes] = []

    def replayed(_request: bytes, answer: bytes) -> bytes:
        old.append(answer)
        return old[0]

    cases: list[tuple[str, Any]] = [
        ("its time stamp answers another request than ours", replayed),
        ("its time stamp is no time stamp, or is damaged", lambda _request, _answer: b"<html>"),
        ("its time stamp is no time stamp, or is damaged", lambda _request, answer: answer[:-20]),
        ("its time stamp is of something else than this head", lambda request, _answer: tsa.reply(_other(request))),
        ("does not stamp: it takes the request for malformed", lambda _request, _answer: tsa.reply(b"\x30\x00")),
        ("says a time that is", lambda request, _answer: tsa.reply(request, clock="-2h")),
        ("answers with more than a time stamp", lambda _request, _answer: bytes(10 << 20)),
    ]
    with Service(tmp_path / "data") as service, tsa.serving() as url:
        service.act(types.TimestampSet(url, tsa.pem("root")))
        assert service.act(types.TimestampNow()).asked.ok
        tsa.answer = replayed
        service.act(types.TimestampNow())
        for sentence, answer in cases:
            tsa.answer = answer
            asked = service.act(types.TimestampNow()).asked
            assert asked.ok is False and asked.sentence.endswith(".") and sentence in asked.sentence, (sentence, asked)
            assert asked.sentence.startswith(url.split("/")[2])
        tsa.answer = lambda _request, answer: answer
        for status, words in ((302, "it answers 302"), (500, "it answers 500")):
            tsa.status = status
            assert words in service.act(types.TimestampNow()).asked.sentence
        tsa.status = 200
        service.act(types.TimestampSet(url, tsa.pem("root"), "1.2.3.9"))
        assert "does not stamp by the policy that was asked for" in service.act(types.TimestampNow()).asked.sentence
        service.act(types.TimestampSet(url, tsa.pem("root"), OTHER_POLICY))
        assert service.act(types.TimestampNow()).asked.ok
        stranger = Tsa(tmp_path / "stranger", name="Stranger")
        service.act(types.TimestampSet(url, stranger.pem("root")))
        assert "does not come from the authority that was chosen" in service.act(types.TimestampNow()).asked.sentence
        assert "does not come" in said("timestamp", "now", "--data", service.data, code=1)
        with socket.create_server(("127.0.0.1", 0)) as closed:
            gone = f"http://127.0.0.1:{closed.getsockname()[1]}"
        service.act(types.TimestampSet(gone, tsa.pem("root")))
        assert "is not reached: connection refused" in service.act(types.TimestampNow()).asked.sentence
        with answering(b"SSH-2.0-x\r\n") as other:
            service.act(types.TimestampSet(other, tsa.pem("root")))
            assert "its answer is no HTTP" in service.act(types.TimestampNow()).asked.sentence
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tsa.folder / "between.pem", tsa.folder / "between.key")
        with tsa.serving(context) as secret:
            service.act(types.TimestampSet(secret, tsa.pem("root")))
            sentence = service.act(types.TimestampNow()).asked.sentence
            assert "its certificate is not one that this machine trusts" in sentence


def _other(request: bytes) -> bytes:
    """The same request for a stamp on something else."""
    at = request.index(b"\x04\x20") + 2
    return request[:at] + bytes(32) + request[at + 32 :]


# --- without a service: time and silence ----------------------------------------------------------------------------


class Parts:
    def __init__(self, folder: Path) -> None:
        (folder / "state").mkdir()
        self.log = AccessLog.open(folder / "state")
        self.log.append(*entry(1))
        self.frame = Frame(DataPaths(folder))
        authorizer = cast(Any, SimpleNamespace(frame=self.frame, log=self.log))
        self.asked = Timestamps(authorizer, Register.open(folder / "state"))


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[Parts]:
    made = Parts(tmp_path)
    yield made
    made.log.close()


async def test_who_is_removed_while_somebody_waits_for_their_turn_is_not_asked(parts: Parts, tsa: Tsa) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        await parts.asked.async_put(
            types.StampServer(f"http://127.0.0.1:{silent.getsockname()[1]}", tsa.pem("root"), ())
        )
        waiting = [asyncio.create_task(parts.asked.async_stamp(parts.log.head(), 60)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await parts.asked.async_put(None)
        async with asyncio.timeout(HANG_S):
            assert await asyncio.gather(*waiting) == [None, None]


async def test_what_another_authority_stamped_is_not_this_ones(parts: Parts, tsa: Tsa, tmp_path: Path) -> None:
    other = Tsa(tmp_path / "oak", name="Oak County")
    with tsa.serving() as url, other.serving() as others_url:
        await parts.asked.async_put(types.StampServer(url, tsa.pem("root"), ()))
        assert await parts.asked.async_look() == "1 entries are stamped"
        await parts.asked.async_put(types.StampServer(others_url, other.pem("root"), ()))
        assert parts.asked.newest() is None and other.asked == 0
        assert await parts.asked.async_look() == "1 entries are stamped"
        newest = parts.asked.newest()
        assert other.asked == 1 and newest is not None and newest.server == others_url.split("/")[2]


async def test_each_hour_with_entries_is_stamped_once(parts: Parts, tsa: Tsa, monkeypatch: pytest.MonkeyPatch) -> None:
    with tsa.serving() as url:
        begun = tsa.asked
        assert await parts.asked.async_look() == "no time stamp server"
        await parts.asked.async_put(types.StampServer(url, tsa.pem("root"), ()))
        assert await parts.asked.async_look() == "1 entries are stamped"
        parts.log.append(*entry(2))
        assert await parts.asked.async_look() == "1 entries are stamped", "within the hour"
        monkeypatch.setattr(timestamps, "AGAIN_S", 0)
        assert await parts.asked.async_look() == "2 entries are stamped"
        assert await parts.asked.async_look() == "2 entries are stamped", "nothing new"
        assert tsa.asked - begun == 2
        made = await parts.asked.async_for_bundle(parts.log.head(), 2)
        assert made.now is not None and (made.now.entries, made.earlier) == (2, None) and tsa.asked - begun == 2
        older = parts.log.head()
        parts.log.append(*entry(3))
        made = await parts.asked.async_for_bundle(parts.log.head(), 1)
        assert made.now is not None and made.earlier is not None and (made.now.entries, made.earlier.entries) == (3, 1)
        made = await parts.asked.async_for_bundle(older, 3)
        assert made.now is not None and (made.now.entries, made.earlier) == (2, None)
        begun = tsa.asked - 2
        again = Timestamps(cast(Any, SimpleNamespace(frame=parts.frame, log=parts.log)), parts.asked._register)
        await again.async_start()
        known = parts.asked.view()  # three or four: two of one head in one second have one name
        assert known.kept in (3, 4)
        assert (again.server, again.newest(), again.view().kept) == (known.server, parts.asked.newest(), known.kept)


async def test_a_silent_server_is_a_repair_after_a_while_and_no_bundle_waits_for_it_twice(
    parts: Parts, tsa: Tsa, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ASK_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        await parts.asked.async_put(types.StampServer(url, tsa.pem("root"), ()))
        assert await parts.asked.async_for_bundle(parts.log.head(), 1) == types.Stamps()
        assert parts.asked.view().asked.sentence == f"{url[7:]} does not answer within 0 s."
        monkeypatch.setattr(client, "ASK_S", 600)
        monkeypatch.setattr(timestamps, "BUNDLE_S", 600)
        async with asyncio.timeout(HANG_S):
            assert await parts.asked.async_for_bundle(parts.log.head(), 1) == types.Stamps()
        monkeypatch.setattr(client, "ASK_S", 0.3)
        await parts.asked.async_look()
        assert parts.frame.repairs.async_all() == []
        monkeypatch.setattr(timestamps, "LATE_S", 0)
        await parts.asked.async_look()
        (repair,) = parts.frame.repairs.async_all()
        assert (repair.issue_id, repair.severity) == ("timestamp", "warning")
        assert repair.sentence.endswith("does not answer within 0 s. The access log's head gets no time stamp.")
        await parts.asked.async_put(None)
        assert parts.frame.repairs.async_all() == []


async def test_a_folder_that_cannot_be_written_is_told(parts: Parts, tsa: Tsa, tmp_path: Path) -> None:
    (tmp_path / "state" / "stamps").write_text("in the way")
    with tsa.serving() as url:
        await parts.asked.async_put(types.StampServer(url, tsa.pem("root"), ()))
        assert await parts.asked.async_stamp(parts.log.head(), 60) is None
        assert "has stamped, and that was not kept" in parts.asked.view().asked.sentence
    shutil.rmtree(tmp_path / "state" / "stamps", ignore_errors=True)
