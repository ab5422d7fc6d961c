"""Footage and its papers edited at random, as root could with the documents in hand: nothing is called good that is not.

What root lacks is the access log's key. What docs/disk-format.md says only an outside head can show, or what is not anchored
yet, is no part of this: everything here was anchored before the first edit.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from holdshelf_core.errors import BadRequest
from holdshelf_storage import layout
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_text
from holdshelf_storage.access_log.log_seen import write_seen
from holdshelf_storage.anchors.facts import read_facts
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.footage.verify import Report, verify
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume, init_volume
from tests.storage.anchors.anchoring import anchor, book_of
from tests.storage.footage.footage_files import NOON, NS, record

DAY_NS = 86_400 * NS
SEEDS = range(60)


@dataclass
class Disk:
    """An archive that root has in hand."""

    root: Path
    chance: random.Random

    @property
    def media(self) -> Path:
        return self.root / "media"

    @property
    def state(self) -> Path:
        return self.root / "state"

    def segments(self) -> list[Path]:
        return sorted(self.media.glob("footage/*/2*/*.mp4"))

    def journals(self) -> list[Path]:
        return sorted(self.media.glob("footage/*/2*/journal.jsonl"))

    def pick(self) -> Path:
        return self.chance.choice(self.segments())

    def rewrite(self, path: Path, data: bytes) -> None:
        """With its mode and times as they were."""
        before = path.stat() if path.exists() else None
        if before is not None:
            path.chmod(0o600)
        path.write_bytes(data)
        if before is not None:
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        path.chmod(0o400 if path.suffix == ".mp4" else 0o600)

    def lists_follow(self, folder: Path, old: str, new: str) -> None:
        """Journal and SHA256SUMS say what is so now."""
        for name in (layout.JOURNAL, layout.SUMS):
            text = (folder / name).read_text()
            self.rewrite(folder / name, text.replace(old, new).encode())

    def line(self, path: Path) -> tuple[Path, list[str], int]:
        """(journal, its lines, which one tells of a segment)."""
        journal = path.with_name(layout.JOURNAL)
        lines = journal.read_text().splitlines(keepends=True)
        return journal, lines, next(n for n, line in enumerate(lines) if path.name in line)


# --- what root may do. Each gives a word that must be in what is found, or "" for any. ------------------------------------


def bytes_and_hashes(disk: Disk) -> str:
    path = disk.pick()
    data = bytearray(path.read_bytes())
    before = hashlib.sha256(data).hexdigest()
    at = disk.chance.randrange(len(data) - 64, len(data))
    data[at] ^= 1 << disk.chance.randrange(8)
    disk.rewrite(path, bytes(data))
    disk.lists_follow(path.parent, before, hashlib.sha256(data).hexdigest())
    return path.name


def bytes_alone(disk: Disk) -> str:
    path = disk.pick()
    data = bytearray(path.read_bytes())
    data[disk.chance.randrange(len(data) - 64, len(data))] ^= 0x10
    disk.rewrite(path, bytes(data))
    return path.name


def swap_between_cameras(disk: Disk) -> str:
    """Two files change places, and all lists with them."""
    one, other = (disk.media / f"footage/{camera}/2026-11-24" for camera in ("front", "back"))
    first, second = sorted(one.glob("*.mp4"))[1], sorted(other.glob("*.mp4"))[1]
    data, more = first.read_bytes(), second.read_bytes()
    disk.rewrite(first, more)
    disk.rewrite(second, data)
    old, new = hashlib.sha256(data).hexdigest(), hashlib.sha256(more).hexdigest()
    disk.lists_follow(one, old, new)
    disk.lists_follow(other, new, old)
    for path, size in ((first, len(more)), (second, len(data))):
        journal, lines, number = disk.line(path)
        told = json.loads(lines[number])
        told["bytes"] = size
        lines[number] = json.dumps(told, separators=(",", ":")) + "\n"
        disk.rewrite(journal, "".join(lines).encode())
    return first.name


def another_time(disk: Disk) -> str:
    """A segment is said to have been recorded an hour later; its name says so too."""
    path = disk.pick()
    journal, lines, number = disk.line(path)
    told = json.loads(lines[number])
    told["start_utc_ns"] += 3600 * NS
    told["name"] = layout.segment_name(told["seq"], told["start_utc_ns"])
    lines[number] = json.dumps(told, separators=(",", ":")) + "\n"
    disk.rewrite(journal, "".join(lines).encode())
    sums = path.with_name(layout.SUMS)
    disk.rewrite(sums, sums.read_text().replace(path.name, told["name"]).encode())
    path.rename(path.with_name(told["name"]))
    return f"segment {told['seq']}"


def gap_instead(disk: Disk) -> str:
    """File, line and checksum go, and a gap stands where they were."""
    path = disk.pick()
    journal, lines, number = disk.line(path)
    told = json.loads(lines[number])
    gap = {
        "kind": "gap",
        "gap": told["seq"],
        "start_utc_ns": told["start_utc_ns"],
        "start_boot_ns": told["start_boot_ns"],
        "boot": told["boot"],
        "reason": "camera unreachable",
        "detail": "",
    }
    end = {"kind": "gap_end", "gap": told["seq"], "end_utc_ns": told["start_utc_ns"] + told["duration_ns"]}
    end |= {"elapsed_ns": told["duration_ns"], "reason": "", "boot": told["boot"], "end_boot_ns": 0}
    lines[number] = "".join(json.dumps(one, separators=(",", ":")) + "\n" for one in (gap, end))
    disk.rewrite(journal, "".join(lines).encode())
    sums = path.with_name(layout.SUMS)
    kept = [line for line in sums.read_text().splitlines(keepends=True) if path.name not in line]
    disk.rewrite(sums, "".join(kept).encode())
    path.unlink()
    return f"{path.name} is missing"


def remove_file(disk: Disk) -> str:
    path = disk.pick()
    path.unlink()
    return f"{path.name} is missing"


def remove_day(disk: Disk) -> str:
    folder = disk.pick().parent
    names = [path.name for path in folder.glob("*.mp4")]
    shutil.rmtree(folder)
    return f"{disk.chance.choice(names)} is missing"


def remove_camera(disk: Disk) -> str:
    shutil.rmtree(disk.pick().parent.parent)
    return "is missing"


def another_reason(disk: Disk) -> str:
    """A gap's reason is another one."""
    journal = disk.media / "footage/front/2026-11-24" / layout.JOURNAL
    disk.rewrite(journal, journal.read_text().replace("camera unreachable", "service stopped").encode())
    return "gap"


def ledger_says_it(disk: Disk) -> str:
    """A file goes, and an older line of the ledger names it."""
    path = disk.pick()
    seq = int(path.name.split("_")[0])
    (month,) = (disk.state / "ledger").glob("*.jsonl")
    lines = [json.loads(line) for line in month.read_text().splitlines()]
    intent = next(line for line in lines if line["kind"] == "intent")
    intent["days"].append({**intent["days"][0], "camera": path.parts[-3], "day": path.parts[-2], "seqs": [seq]})
    disk.rewrite(month, "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines).encode())
    path.unlink()
    return "ledger/"


def removed_by_a_new_line(disk: Disk) -> str:
    """A file goes, with its second name, and a line of its own stands at the ledger's end, as disk-format.md has it.

    Any but those that were to go next of their cameras: neither disk nor log speaks for these.
    """
    paths = [one for one in disk.segments() if not one.name.startswith(("0000000003_", "0000000006_"))]
    path = disk.chance.choice(paths)
    for other in disk.media.glob(f"shelf/*/*/*/{path.name}"):
        other.unlink()
    at = NOON + disk.chance.choice([-30, -1, 2, 20]) * DAY_NS  # long before the hold, or after it
    part = {"camera": path.parts[-3], "day": path.parts[-2], "seqs": [int(path.name.split("_")[0])]}
    part |= {"start_utc_ns": NOON, "end_utc_ns": NOON + NS, "allocated_bytes": 4096}
    intent = {"kind": "intent", "id": "00ff00ff00ff00ff", "at_utc_ns": at, "reason": "budget", "days": [part]}
    done = {"kind": "done", "id": "00ff00ff00ff00ff", "freed_bytes": 4096, "kept": []}
    with (disk.state / "ledger" / "2026-11.jsonl").open("a") as month:
        month.write("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in (intent, done)))
    path.unlink()
    return f"{path.name} is missing"


def ledger_emptied(disk: Disk) -> str:
    (month,) = (disk.state / "ledger").glob("*.jsonl")
    disk.rewrite(month, b"")
    return "ledger/"


def list_of_an_anchor(disk: Disk) -> str:
    """The lists of the anchors are made to say what a forged journal says."""
    word = bytes_and_hashes(disk)
    leaves = [
        f"{journal.relative_to(disk.media)} {line}"
        for journal in disk.journals()
        for line in journal.read_text().splitlines()
    ]
    for path in (disk.media / "anchors").iterdir():
        disk.rewrite(path, "".join(leaf + "\n" for leaf in leaves).encode())
        path.chmod(0o400)
    assert word
    return "anchors/"


def anchors_lost(disk: Disk) -> str:
    """Every list goes, and one journal is forged."""
    bytes_and_hashes(disk)
    shutil.rmtree(disk.media / "anchors")
    return "cannot be proven"


def log_rewritten(disk: Disk) -> str:
    """The root in the log is made to fit."""
    bytes_and_hashes(disk)
    (month,) = (disk.state / "access").glob("2*.jsonl")
    text = month.read_text()
    at = text.index('"root":"') + 8 + disk.chance.randrange(64)
    disk.rewrite(month, (text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]).encode())
    return ""


def log_cut(disk: Disk) -> str:
    (month,) = (disk.state / "access").glob("2*.jsonl")
    disk.rewrite(month, month.read_bytes()[: month.stat().st_size // 2])
    return ""


def another_number(disk: Disk) -> str:
    """A file is forged, and both copies of `volume.json` get a number for which nothing was anchored."""
    bytes_and_hashes(disk)
    other = str(uuid.UUID(int=disk.chance.getrandbits(128)))
    for side in (disk.state, disk.media):
        told = json.loads((side / "volume.json").read_text())
        disk.rewrite(side / "volume.json", json.dumps({**told, "volume": other}).encode())
    return f"names volume {other}"


def older_state(disk: Disk) -> str:
    """What was anchored since is unknown to it, so that it may be forged."""
    path = next(path for path in disk.segments() if "2026-11-25" in path.parts)
    data = bytearray(path.read_bytes())
    before = hashlib.sha256(data).hexdigest()
    data[-1] ^= 1
    disk.rewrite(path, bytes(data))
    disk.lists_follow(path.parent, before, hashlib.sha256(data).hexdigest())
    shutil.rmtree(disk.state)
    shutil.copytree(disk.root / "older", disk.state)
    return "the media volume has seen 3 entries of the access log"


EDITS: list[Callable[[Disk], str]] = [
    *(bytes_and_hashes, bytes_alone, swap_between_cameras, another_time, gap_instead, remove_file, remove_day),
    *(remove_camera, another_reason, ledger_says_it, ledger_emptied, list_of_an_anchor, anchors_lost, log_rewritten),
    *(removed_by_a_new_line, log_cut, another_number, older_state),
]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two cameras, two days, a gap, a hold, something erased; all of it anchored, by two entries."""
    root = tmp_path_factory.mktemp("archive") / "data"
    init_volume(root / "state", root / "media", 1)
    _hold(root / "state", "back", NOON + 3 * NS, NOON + 4 * NS)
    volume = Volume.attach(root / "state", root / "media")
    try:
        footage = Footage(volume, Ledger(volume))
        for number in range(4):
            record(footage, "front", NOON + number * 3 * NS)
            record(footage, "back", NOON + number * 3 * NS, seconds=2)
        _gap(footage)
        anchor(volume, footage)
        shutil.copytree(root / "state", root / "older")
        for camera in ("front", "back"):
            record(footage, camera, NOON + DAY_NS)
            record(footage, camera, NOON + DAY_NS + 3 * NS, seconds=1)
        footage.ledger.erase(list(footage.oldest())[:2], "capacity", NOON, lambda ref: True, threading.Lock())
        anchor(volume, footage)
        log = AccessLog.open(root / "state")
        write_seen(volume.root_fd, log.head(), NOON)
        log.close()
    finally:
        volume.detach()
    return root


def _hold(state: Path, camera: str, start_utc_ns: int, end_utc_ns: int) -> None:
    """An entry that places a hold; what it keeps is not on the shelf yet."""
    spans = [{"camera": camera, "start_utc_ns": start_utc_ns, "end_utc_ns": end_utc_ns}]
    change = {"table": "holds", "key": "H-1", "row": {"id": "H-1", "spans": spans, "state": "active"}}
    log = AccessLog.open(state)
    try:
        public = {"at": time_text(1_800_000_000 * NS), "action": "hold.place", "outcome": "done"}
        log.append(public, {"changes": json.dumps([change])})
    finally:
        log.close()


def _gap(footage: Footage) -> None:
    from holdshelf_storage.volume.journal import Gap, GapEnd  # noqa: PLC0415 - used here alone

    at = NOON + 20 * NS
    gap = footage.start_gap("front", Gap(start_utc_ns=at, start_boot_ns=0, boot="b", reason="camera unreachable"))
    footage.end_gap("front", gap, GapEnd(end_utc_ns=at + 5 * NS, elapsed_ns=5 * NS))


def looked(root: Path, *, deep: bool = True) -> Report:
    """What `footage verify` finds, read from the files alone."""
    from holdshelf_core.buffer import offline as footage_offline  # noqa: PLC0415 - the whole way that a person takes
    from holdshelf_core.buffer import types  # noqa: PLC0415

    try:
        found = footage_offline.verify_folder(root / "media", root / "state", types.VerifyRequest(deep=deep))
    except BadRequest as error:  # the two sides name two volumes
        return Report(problems=[str(error)])
    return Report(segments=found.segments, problems=found.problems, proven=found.proven)


def test_the_archive_is_sound_before(archive: Path) -> None:
    report = looked(archive)
    assert (report.problems, report.segments, report.proven) == ([], 10, 12)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_each_edit_is_found(archive: Path, tmp_path: Path, edit: Callable[[Disk], str]) -> None:
    disk = Disk(tmp_path / "data", random.Random(7))
    shutil.copytree(archive, disk.root)
    word = edit(disk)
    found = " ".join(looked(disk.root).problems)
    assert found, "nothing was found"
    assert word in found


@pytest.mark.parametrize("seed", SEEDS)
def test_no_mixture_of_edits_is_called_good(archive: Path, tmp_path: Path, seed: int) -> None:
    """Several at once, one over the other, and then the next hour's anchor, which must not make them good."""
    chance = random.Random(seed)
    disk = Disk(tmp_path / "data", chance)
    shutil.copytree(archive, disk.root)
    done: list[str] = []
    for edit in chance.sample(EDITS, chance.randint(1, 3)):
        try:
            edit(disk)
        except (IndexError, StopIteration, ValueError, FileNotFoundError):
            continue  # an earlier one has left it nothing to do
        done.append(edit.__name__)
    if not done:
        return
    assert looked(disk.root).problems, done
    if {"log_rewritten", "log_cut", "another_number"} & set(done):
        return  # such a log is not written any more, and for a volume to which it does not lead nothing is anchored
    assert after_the_next_hour(disk).problems, done


@pytest.mark.parametrize("seed", range(9))
def test_no_file_that_a_new_line_names_is_called_erased(archive: Path, tmp_path: Path, seed: int) -> None:
    """Nor does it become so when the next anchor has that line."""
    disk = Disk(tmp_path / "data", random.Random(seed))
    shutil.copytree(archive, disk.root)
    gone = removed_by_a_new_line(disk).removesuffix(" is missing")
    assert f"{gone} is missing" in " ".join(looked(disk.root, deep=False).problems)
    assert [one.name for one in after_the_next_hour(disk).missing] == [gone]


def after_the_next_hour(disk: Disk) -> Report:
    """What is found when the service has gone on, and anchored what it found there."""
    volume = Volume.attach(disk.state, disk.media)
    try:
        footage = Footage(volume, Ledger(volume))
        record(footage, "front", NOON + 2 * DAY_NS)
        anchor(volume, footage)
        facts = read_facts(disk.state)
        footage.missing.follow(lambda: facts)
        return verify(footage, deep=True, book=book_of(disk.state, volume, footage))
    finally:
        volume.detach()
