"""The worker's own process, without a store: what it takes meanwhile, and what code that breaks into it can reach."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from holdshelf_core import clock
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.offsite import link, sealing
from holdshelf_core.offsite.offsite import Offsite
from holdshelf_core.offsite.types import Place
from holdshelf_core.processes.online_link import Ready, line_of
from holdshelf_core.times import NS
from holdshelf_storage.access_log.checkpoint import parse_note
from tests.core.holds.test_hold_duties import HELD, house
from tests.rig.hand_clock import HandClock
from tests.rig.hang import HANG_S
from tests.service import free_port

PLACE = Place("https://s3.county.example", "holds", "main", "AK1", sealing.new_key()[1], secret="s" * 20)


async def test_each_hour_in_which_the_log_grew_has_one_head_and_so_has_each_day_with_a_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hours = HandClock()
    hours.rule(monkeypatch, clock)
    async with house(tmp_path / "data", HELD) as (holds, authorizer):
        offsite, log = Offsite(authorizer, authorizer.store._register, holds), authorizer.log
        expected: list[str] = []

        async def grows() -> None:
            await authorizer.async_service_entry("test.logged_in", LogForm())

        def has_one() -> None:
            name = time.strftime("%Y-%m-%dT%HZ", time.gmtime(hours.utc_ns() // NS))
            expected.append(f"head-{name}-{log.size:012d}.txt")

        await offsite.async_attach(authorizer.frame.paths.media)
        await offsite.async_put(msgspec.structs.replace(PLACE, url=f"http://127.0.0.1:{free_port()}"))
        try:
            has_one()
            async with asyncio.timeout(HANG_S):
                while not offsite._hour:  # a worker that has not begun hears nothing
                    offsite._keep_head()
                    await asyncio.sleep(0.05)
            await grows()
            offsite._keep_head()  # the same hour
            hours.forward(3600)
            has_one()
            offsite._keep_head()
            offsite._keep_head()
            hours.forward(3600)
            offsite._keep_head()  # nothing new
            hours.forward(3 * 86_400)
            await grows()
            has_one()
            offsite._keep_head()
            folder = authorizer.frame.paths.state / "offsite"
            async with asyncio.timeout(HANG_S):  # it hears one after the other: the last one is the last
                while not (folder / expected[-1]).exists():
                    await asyncio.sleep(0.05)
            heads = sorted(folder.glob("head-*.txt"))
            assert [file.name for file in heads] == expected
            sizes = [parse_note(file.read_text()).head.size for file in heads]
            assert sizes == sorted({log.size - 2, log.size - 1, log.size})
        finally:
            await offsite.async_stop()


INTRUDER = """
import json, socket, subprocess, sys
from pathlib import Path
from holdshelf_core.offsite import worker

house, port = Path(sys.argv[1]), int(sys.argv[2])
state, shelf = house / "state", house / "media" / "shelf"
segment = shelf / "H-2026-0001" / "segment.mp4"

def unix():
    with socket.socket(socket.AF_UNIX) as one:
        one.connect(str(state / "holdshelf.sock"))

def listen():
    with socket.create_server(("127.0.0.1", 0)):
        pass

acts = {
    "read a segment": segment.read_bytes,
    "write into its own folder": lambda: (state / "offsite" / "new").write_text("x"),
    "dial the store": lambda: socket.create_connection(("127.0.0.1", port)).close(),
    "read the register": (state / "register.json").read_bytes,
    "read footage that is not held": (house / "media" / "live.mp4").read_bytes,
    "change a segment": lambda: segment.open("r+b"),
    "remove a segment": segment.unlink,
    "put something on the shelf": lambda: (shelf / "new").write_text("x"),
    "speak to the service": unix,
    "listen": listen,
    "run a program": lambda: subprocess.run(["/bin/true"]),
}

class Intruded:
    def __init__(self, setup): pass
    def hear(self, rest): pass
    def run(self):
        done = []
        for name, act in acts.items():
            try:
                act()
            except OSError:
                continue
            done.append(name)
        print(json.dumps(done), flush=True)

worker.Worker = Intruded
worker.main()
"""
ITS_WORK = ["read a segment", "write into its own folder", "dial the store"]


def test_code_that_breaks_into_the_worker_reads_what_is_held_and_changes_nothing_of_it(tmp_path: Path) -> None:
    """By the worker's own confinement, in its own process."""
    state, shelf = tmp_path / "state", tmp_path / "media" / "shelf"
    (state / "offsite").mkdir(parents=True)
    (shelf / "H-2026-0001").mkdir(parents=True)
    for file in (shelf / "H-2026-0001" / "segment.mp4", tmp_path / "media" / "live.mp4", state / "register.json"):
        file.write_text("{}")
    with socket.socket(socket.AF_UNIX) as service, socket.create_server(("127.0.0.1", 0)) as store:
        service.bind(str(state / "holdshelf.sock"))
        service.listen()
        ran = subprocess.run(
            [sys.executable, "-c", INTRUDER, str(tmp_path), str(store.getsockname()[1])],
            input=line_of(link.Setup(str(state / "offsite"), str(shelf), PLACE, "00")),
            capture_output=True,
            timeout=HANG_S,
            check=False,
        )
    ready, said = ran.stdout.splitlines()
    confined = link.to_service.decode(ready)
    assert isinstance(confined, Ready) and confined.seccomp, ran.stderr
    if not confined.landlock_abi and "CI" not in os.environ:
        pytest.skip("this kernel has no Landlock")
    assert json.loads(said) == ITS_WORK
