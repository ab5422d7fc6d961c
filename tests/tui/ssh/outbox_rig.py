"""A house with its door in which something lies ready for several people, and clients that fetch it: OpenSSH's `sftp`,
and packets.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.access_log import types as board
from holdshelf_core.api.keys import parse_public_key
from holdshelf_core.policy import model
from holdshelf_core.releases import types as releases
from tests.bundles import approved, spans_of
from tests.looking import Recorded, commissioned, record, seed
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for
from tests.tui.ssh.door_rig import DoorHouse, Ran
from tests.tui.stage import CAMERAS, entry

PRINT = "2026-11-25 Policy.pdf"
CONTENT = b"%PDF-1.7\n" + bytes(range(256)) * 9000 + b"\n%%EOF\n"
OLD_PAPER = b"%PDF-1.7 a warrant that was kept %%EOF"
"""Sealed, of a time when the Board had papers kept."""
HERS, HIS = "R-2026-0001", "R-2026-0002"
"""The Director's release and the Mayor's: neither had a part in the other's."""


def lay(house: DoorHouse, person: str, name: str = PRINT, content: bytes = CONTENT, folder: str = "prints") -> Path:
    """A paper in somebody's outbox, as a delivery leaves it: files are the truth."""
    place = house.service.data / "media" / "outbox" / person / folder
    place.mkdir(parents=True, exist_ok=True)
    path = place / name
    path.write_bytes(content)
    return path


def sftp(house: DoorHouse, login: str, *lines: str, options: tuple[str, ...] = (), key: str = "") -> Ran:
    """OpenSSH's client with these lines typed; it goes on after one that failed."""
    batch = house.folder / "batch"
    batch.write_text("".join(f"-{line}\n" for line in lines))
    done = subprocess.run(
        sftp_line(house, login, "-b", str(batch), *options, key=key),
        capture_output=True,
        timeout=HANG_S,
        check=False,
        cwd=house.folder,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
    return Ran(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


def sftp_line(house: DoorHouse, login: str, *options: str, key: str = "") -> list[str]:
    """The command line."""
    words = ["-P" if word == "-p" else word for word in house.ssh(login, key=key)[1:-1]]
    return ["sftp", *options, *words, f"{login}@127.0.0.1"]


@contextlib.contextmanager
def outbox_house(folder: Path) -> Iterator[tuple[DoorHouse, Recorded]]:
    """The Director (p1), the Chair (p2) and the Mayor (p3), each with a paper; two bundles, of two releases."""
    service = Service(folder / "data", door=True, budget_bytes=1 << 30)
    seed(service.data, [*commissioned(*CAMERAS), *(entry(camera, name) for camera, name in CAMERAS.items())])
    made = record(service.data, list(CAMERAS))
    kept = service.data / "media" / "papers" / f"{hashlib.sha256(OLD_PAPER).hexdigest()}.pdf"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(OLD_PAPER)
    spans = spans_of(made, "lobby", end_s=60)
    seed(service.data, [approved(spans, number=1), approved(spans, number=2, by="p3", approved_by="p3")])
    house = DoorHouse(service, folder)
    seats = [("director", "dora", "Dora Reed"), ("chair", "carl", "Carl Boyd"), ("mayor", "may", "May Lund")]
    for number, (seat, login, name) in enumerate(seats, start=1):
        key = parse_public_key(house.public(login))
        person = model.Person(f"p{number}", login, name, (model.Key(key.fingerprint, key.kind, key.line),))
        seed(
            service.data,
            [("people", person.id, person), ("seats", f"s{number}", model.Seat(f"s{number}", seat, person.id, 0))],
        )
    with service:
        for login, release in (("dora", HERS), ("may", HIS)):
            done = house.run(login, "release", "export", release, "--background")
            assert done.code == 0, done.said
        for person in ("p1", "p2", "p3"):
            lay(house, person)
        sums = service.data / "media" / "outbox" / ".sums"
        wait_for("both zips are ready", lambda: len(list(sums.glob("R-*.json"))) == 2, 60)
        yield house, made


def bundle_row(house: DoorHouse, release: str) -> releases.BundleRow:
    """What the register has of a bundle."""
    shown = house.run("dora", "release", "show", release, "--json")
    row = msgspec.json.decode(shown.out, type=releases.ReleaseRow)
    assert row.bundle is not None
    return row.bundle


class Slow(threading.Thread):
    """Fetches a big file slowly enough for something to happen meanwhile: OpenSSH's client, limited to some MB a second."""

    def __init__(self, house: DoorHouse, login: str, name: str) -> None:
        super().__init__(daemon=True)
        self.got = house.folder / f"slow-{login}"
        self.got.unlink(missing_ok=True)
        line = sftp_line(house, login, "-l", "16000", "-b", "-")
        self.process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdin is not None
        self.process.stdin.write(f'get "/prints/{name}" {self.got}\n')
        self.process.stdin.close()
        wait_for("bytes are coming", lambda: self.got.exists() and self.got.stat().st_size > 1 << 20)

    def end(self) -> tuple[str, int]:
        """(what it said, how much it got)."""
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait(HANG_S)
        return said, self.got.stat().st_size


def rows(house: DoorHouse, first: int = 1) -> list[board.LogEntryRow]:
    """Entries of the access log, as the admin reads them."""
    return house.client().act(board.LogShow(first=first, most=2000)).entries


def fetched(house: DoorHouse) -> list[dict[str, Any]]:
    """Entries of fetches, the last one last."""
    return house.log_entries("outbox.fetch")


def closing(house: DoorHouse) -> dict[str, Any]:
    """Wait for the entry that says how the last fetch ended."""
    seq = fetched(house)[-1]["seq"]

    def found() -> dict[str, Any] | None:
        return next((e for e in house.log_entries("outbox.close") if e["facts"]["fetch"] == seq), None)

    return wait_for("the end of the fetch is written down", found)


def later(client: subprocess.Popen[str], again: Path) -> bool:
    """Asks for the paper once more; whether it came."""
    assert client.stdin is not None
    client.stdin.write(f'get "/prints/{PRINT}" {again}\n')
    client.stdin.flush()
    with contextlib.suppress(AssertionError):
        return wait_for("it came", lambda: again.exists() and again.stat().st_size == len(CONTENT), 2)
    return False


def log_files(house: DoorHouse) -> list[Path]:
    """What the log is written to: the newest file, and the folder, in which a new month begins another one."""
    folder = house.service.data / "state" / "access"
    return [max(folder.glob("*.jsonl")), folder]
