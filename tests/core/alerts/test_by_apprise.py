"""Apprise, in a process for each message: small, bounded in memory and time, confined, and with the services that are needed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from holdshelf_core.alerts import apprise_process, link
from holdshelf_core.alerts.apprise_process import async_deliver
from holdshelf_core.alerts.link import Message
from holdshelf_core.alerts.types import AppriseWay
from holdshelf_core.alerts.ways import NOT_TAKEN
from holdshelf_core.processes.online_link import line_of
from tests.rig.front import HOST, Front, flood, hang
from tests.rig.hang import HANG_S
from tests.rig.mail import MailServer
from tests.rig.processes import member
from tests.rig.web import Page, WebServer

MESSAGE = Message("1.ab", 1_795_615_200_000_000_000, "error", False, "Holdshelf: Door is not being recorded", "Door\n")
ROLE = r"holdshelf_core\.alerts\.by_apprise"

# In a process of its own: Apprise is bounded for the whole process.
SCRIPT = """
import json, sys
from holdshelf_core.alerts.by_apprise import Apprise
from holdshelf_core.alerts.types import AppriseWay
found = []
for url in sys.argv[1:]:
    way = Apprise(AppriseWay(name="a", service=url.partition(":")[0], secret=url))
    found.append((way._problem, len([name for name in sys.modules if name.startswith("apprise.plugins.")])))
print(json.dumps(found))
"""
URLS = ["ntfys://a-topic", "json://192.0.2.7/x", "mailtos://user:pass@example.com", "nosuchservice://x"]

# A small process between: what the kernel tells of the most memory of a child begins with its parent's.
PEAK = """
import asyncio, resource, sys
import msgspec
from holdshelf_core.alerts import link
from holdshelf_core.alerts.apprise_process import async_deliver
delivered = asyncio.run(async_deliver(link.to_delivery.decode(sys.stdin.buffer.read())))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(msgspec.json.encode((peak, delivered.sentence)).decode())
"""


def task(url: str) -> link.Task:
    return link.Task(AppriseWay("topic", url.partition(":")[0], secret=url), 7, MESSAGE)


def mail_url(port: int) -> str:
    return f"mailto://{HOST}:{port}/?from=a@library.example&to=b@library.example&mode=insecure"


def peak_of(url: str) -> tuple[int, str]:
    """The most memory of a delivery, and what came of it."""
    line = line_of(task(url))
    ran = subprocess.run([sys.executable, "-c", PEAK], input=line, capture_output=True, check=True)
    peak, sentence = json.loads(ran.stdout)
    return peak, sentence


def test_a_way_loads_its_own_service_and_what_none_understands_is_tried_with_all() -> None:
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *URLS], capture_output=True, text=True, check=True)
    *known, unknown = [(problem, count) for problem, count in json.loads(ran.stdout)]
    assert [problem for problem, _ in known] == ["", "", ""]
    assert known[0][1] < known[1][1] < known[2][1] < 30, "each has loaded something, and no way all"
    assert "does not understand" in unknown[0] and unknown[1] > 100


def test_the_sender_itself_loads_nothing_of_apprise_for_a_way_by_it(tmp_path: Path) -> None:
    """Nor is it told the URL: see `SenderProcess`. So it takes as much memory as without."""
    script = f"""
import sys
from pathlib import Path
from holdshelf_core.alerts import sender
from holdshelf_core.alerts.handed_on import Deliveries
from holdshelf_core.alerts.types import AppriseWay, MailWay
ways = [AppriseWay("topic", "json"), MailWay("desk", "127.0.0.1", ("it@library.example",), "a@library.example")]
made = [sender.made(way, Path({str(tmp_path)!r}), Deliveries()) for way in ways]
print([name for name in ("apprise", "requests", "urllib3", "yaml", "markdown", "cryptography") if name in sys.modules])
print(next(line for line in Path("/proc/self/smaps_rollup").read_text().splitlines() if line.startswith("Pss:")).split()[1])
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded, pss_kb = ran.stdout.splitlines()
    assert loaded == "[]"
    assert int(pss_kb) < 25_000


async def test_a_service_that_uses_no_requests_is_bounded_by_the_kernel_when_it_is_answered_without_end() -> None:
    """Apprise's mail reads each line that it is answered, and keeps them all."""
    endless = flood(b"", b"220-" + b"x" * 996 + b"\n", 100 << 20)
    with MailServer() as whole, Front(endless) as front:
        usual, sentence = await asyncio.to_thread(peak_of, mail_url(whole.port))
        assert sentence == "" and whole.subjects() == [MESSAGE.subject]
        most, sentence = await asyncio.to_thread(peak_of, mail_url(front.port))
    assert sentence == "The service behind the Apprise URL answers without end."
    assert most - usual < 40 << 20


def test_what_a_service_that_uses_requests_is_answered_is_not_even_read() -> None:
    with WebServer({"/topic": Page(b"ok"), "/endless": Page(status=500, endless=bytes(1 << 16))}) as web:
        usual, _ = peak_of(web.url("/topic").replace("http:", "json:"))
        most, sentence = peak_of(web.url("/endless").replace("http:", "json:"))
    assert sentence == "The service behind the Apprise URL does not take the message (500)."
    assert most - usual < 4 << 20


async def test_a_delivery_is_confined_as_the_sender_is_and_ends_with_whoever_asked_for_it() -> None:
    with Front(hang) as front:
        delivery = asyncio.create_task(async_deliver(task(mail_url(front.port))))
        assert await asyncio.to_thread(front.calls.acquire, timeout=HANG_S)
        pid = member(os.getpid(), ROLE)
        facts = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        assert (facts["Seccomp"], facts["NoNewPrivs"], int(facts["CapEff"], 16)) == ("2", "1", 0)
        limits = Path(f"/proc/{pid}/limits").read_text()
        space = next(line.split()[3] for line in limits.splitlines() if line.startswith("Max address space"))
        assert int(space) < 1 << 30
        delivery.cancel()
        await asyncio.wait({delivery})
        assert not Path(f"/proc/{pid}").exists()


async def test_a_delivery_that_is_never_answered_is_ended_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with Front(hang) as front:
        monkeypatch.setattr(apprise_process, "DELIVER_S", 3.0)
        delivered = await async_deliver(task(mail_url(front.port)))
    assert delivered == link.Delivered(7, NOT_TAKEN)


async def test_a_process_that_says_nonsense_or_nothing_leaves_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("this", "json.scanner"):
        monkeypatch.setattr(apprise_process, "MODULE", module)
        delivered = await async_deliver(task("json://127.0.0.1/x"))
        assert "ended before it was done" in delivered.sentence
