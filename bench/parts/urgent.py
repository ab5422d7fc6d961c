"""What somebody waits for: imminent danger, an officer on the phone, a copy of the log, papers and bundles beside a server that
is silent."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import create_server

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench.parts.promised import Promise, promised, timed
from bench.parts.rows import Row
from bench.parts.sshd import running_sshd
from holdshelf_core.looks.types import GrantRow, LookStill, PurposeClose
from holdshelf_core.reports.types import PrintRequest
from holdshelf_core.timestamps.types import TimestampSet
from holdshelf_core.witnesses.types import WitnessAdd, WitnessRemove
from holdshelf_storage.access_log.cosignature import WitnessSigner
from tests.bundles import approved, export, spans_of
from tests.looking import NS, commissioned, record, seed
from tests.people import People
from tests.scenes.rig import CAMERAS, ZONE, Library, typed
from tests.scenes.test_freedom_of_information import fill, redirected
from tests.service import Service
from tests.tsa import Tsa
from tests.tui.cli.test_driver import Ran
from tests.tui.ssh.door_rig import DoorHouse

GLASS_BAR_S, OFFICER_BAR_S, EXPORT_BAR_S = 10.0, 60.0, 60.0
PAPER_MORE_S, BUNDLE_MORE_S = 4.5, 15.0
"""A paper waits 4 s for witnesses at most, and a bundle 15 s for a time stamp (docs/threats.md). Half a second is for the end of
the whole wait, which is what is measured."""


def rows(folder: Path, turns: int, entries: int) -> list[Row]:
    """In the Director's session, command by command; and over SSH."""
    (folder / "acts").mkdir()
    (folder / "log").mkdir()
    with _library(folder / "acts", turns) as house:
        found = [
            promised(
                "imminent danger: from the command to the first picture",
                GLASS_BAR_S,
                lambda row: _break_glass(house, row),
                turns=turns,
            ),
            promised(
                "an officer phones: refused, and what was asked for is on hold",
                OFFICER_BAR_S,
                lambda row: _officer(house, row, len(row.ours)),
                turns=turns,
            ),
            promised(
                "a paper beside a witness that is silent",
                PAPER_MORE_S,
                lambda row: _paper(house, row, len(row.ours)),
                turns=turns,
                of="more",
            ),
            promised(
                "a bundle beside a time stamp server that is silent",
                BUNDLE_MORE_S,
                lambda row: _bundles(house, row, turns),
                of="more",
            ),
        ]
    found.append(
        promised(
            f"`log export --public` of {entries:,} entries over SSH",
            EXPORT_BAR_S,
            lambda row: _log_export(folder / "log", row, turns, entries),
        )
    )
    return found


@contextmanager
def _library(folder: Path, turns: int) -> Iterator[Library]:
    """Some minutes of footage, and releases of it that wait for their bundles."""
    service = Service(folder / "data", mint=True, environment={"TZ": ZONE})
    seed(service.data, commissioned(*CAMERAS))
    made = record(service.data, CAMERAS, (time.time_ns() // NS - 6 * 60) * NS)
    spans = spans_of(made, "lobby", end_s=20)
    seed(service.data, [approved(spans, original=True, number=number + 1) for number in range(2 * turns)])
    with service:
        people = People(service)
        yield Library(service, people, made, folder, people.name_director())


def _well(ran: Ran) -> Ran:
    if ran.code:
        raise AssertionError(ran.out + ran.err)
    return ran


def _break_glass(house: Library, row: Promise) -> None:
    """One line: no purpose from the list, no number of an incident."""
    desk = house.desk("dora")
    words = ("look", "open", "--break-glass", "--camera", "lobby", "--note", "smoke by the stacks", "--json")
    with timed(row.ours):
        grant = GrantRow(**_well(desk.run(*words)).json())
        desk.client.act(LookStill(grant.id, "lobby", house.made.start_utc_ns + NS, 160))
    desk.client.act(PurposeClose(grant.id))


def _officer(house: Library, row: Promise, turn: int) -> None:
    """The release is refused for want of paper; the refusal offers the hold as a command."""
    desk, at = house.desk("dora"), house.made.start_utc_ns + turn // len(CAMERAS) * 60 * NS
    spans = ("--camera", CAMERAS[turn % len(CAMERAS)], "--from", typed(at), "--to", typed(at + 60 * NS))
    asked = ("release", "request", "--basis", "active-investigation", "--reference", f"26-{turn}", *spans)
    with timed(row.ours):
        refusal = desk.run(*asked).refusal()
        offered = shlex.split(refusal.split("`holdshelf hold place ")[1].split("`")[0])
        _well(desk.run("hold", "place", *offered, "--json"))


@contextmanager
def _silent() -> Iterator[str]:
    """The address of a server that takes connections and says nothing."""
    with create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _paper(house: Library, row: Promise, turn: int) -> None:
    """The peer is the same paper without a witness. Each witness is new: one that was silent is not waited for again."""
    service, name = house.service, f"oak-{turn}.example"
    key = WitnessSigner(name, Ed25519PrivateKey.generate()).public
    with timed(row.peers):
        service.act(PrintRequest("policy"))
    with _silent() as url:
        service.act(WitnessAdd(url, str(key)))
        with timed(row.ours):
            service.act(PrintRequest("policy"))
        service.act(WitnessRemove(name))


def _bundles(house: Library, row: Promise, turns: int) -> None:
    """The peer is the bundle of another release of the same footage, before there is such a server."""
    numbers = [f"R-2026-{number + 1:04d}" for number in range(2 * turns)]
    for release in numbers[:turns]:
        with timed(row.peers):
            export(house, release)
    tsa = Tsa(house.folder / "tsa")
    for release in numbers[turns:]:
        with _silent() as url:  # another one: one that was silent is not waited for again
            house.service.act(TimestampSet(url, tsa.pem("root")))
            with timed(row.ours):
                export(house, release)


def _log_export(folder: Path, row: Promise, turns: int, entries: int) -> None:
    """The peer is `cat` of the log's files through sshd."""
    service = Service(folder / "data", door=True, budget_bytes=1 << 30)
    log = service.data / "state" / "access"
    fill(service.data / "state", entries)
    with service:
        house = DoorHouse(service, folder)
        house.name_director()
        command = f"/bin/sh -c 'cat {shlex.quote(str(log))}/*.jsonl'"
        with running_sshd(folder / "sshd", house.public("dora"), command) as sshd:
            for _ in range(turns):
                with timed(row.ours):
                    done = redirected(house, "dora", "log export --public", folder / "copy.jsonl")
                if done.returncode:
                    raise AssertionError(done.stderr)
                with timed(row.peers), (folder / "peer.jsonl").open("wb") as out:
                    subprocess.run(sshd.client(house.new_key("dora")), stdout=out, check=True)
