"""Holds and heads in a real Ceph, which enforces what it locks; `make test-s3` brings it.

Soak: it needs 300 MB of packages that are not ours, and minutes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from botocore.exceptions import ClientError

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.actions.registry import LogForm
from holdshelf_core.actions.state_store import put
from holdshelf_core.api.errors import Conflict
from holdshelf_core.holds import types as hold_types
from holdshelf_core.offsite import link
from holdshelf_core.offsite.checking import verify
from holdshelf_core.offsite.offsite import Offsite
from holdshelf_core.offsite.process import async_look
from holdshelf_core.offsite.sealing import new_key
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.types import OffsiteRow, OffsiteSetup, OffsiteStop, OffsiteVerify, Place, ReadOffsite
from tests.core.holds.acts import place, settings
from tests.core.holds.test_hold_duties import HELD, house
from tests.people import People
from tests.rig.ceph import ACCESS_KEY, SECRET_KEY, Ceph
from tests.rig.elsewhere import NEEDS_CEPH, Elsewhere, client, downloaded, place_of, restored, worker_memory, worker_pid
from tests.rig.hang import HANG_S
from tests.rig.rtsp import Mount, RtspServer
from tests.service import NS, Service, faults_in, free_port, wait_for

SEQUENCES, SEED = "HOLDSHELF_S3_SEQUENCES", "HOLDSHELF_S3_SEED"
pytestmark = NEEDS_CEPH
ACTS = ("place", "place", "record", "record", "extend", "keep", "keep", "kill", "lift", "erase", "lose", "outage")
OUTAGES = 0.1
"""How many of the outages in a sequence happen: each takes the gateway seconds to come back."""
HOLD, OTHER = "H-2026-0001", "H-2026-0002"


# --- the bucket -----------------------------------------------------------------------------------------------------------


async def test_a_bucket_without_lock_is_refused_in_one_sentence_and_so_is_what_cannot_be_reached(
    ceph: Ceph, tmp_path: Path
) -> None:
    async def said(place: Place) -> str:
        return await async_look(link.Setup(str(tmp_path), "", place, "00"))

    right = place_of(ceph)
    assert await said(right) == ""
    refused = await said(place_of(ceph, lock=False))
    assert "has no object lock, so what is put there could be deleted: make a bucket with object lock" in refused
    assert refused.endswith(".") and refused.count(". ") == 0
    wrong = {
        "no bucket nowhere-at-all": {"bucket": "nowhere-at-all"},
        "refuses the access key (InvalidAccessKeyId)": {"access_key": "NOBODY"},
        "refuses the access key (SignatureDoesNotMatch)": {"secret": "another"},
        "cannot be reached": {"url": f"http://127.0.0.1:{free_port()}"},
    }
    for words, changed in wrong.items():
        assert words in await said(msgspec.structs.replace(right, **changed))


def test_a_store_that_is_full_or_read_only_or_away_says_so_and_goes_on_later(ceph: Ceph, elsewhere: Elsewhere) -> None:
    elsewhere.write_hold(HOLD)
    paths = [elsewhere.record(HOLD, seq) for seq in range(1, 4)]
    user = "--uid=tests"
    ceph.admin("quota", "set", "--quota-scope=bucket", user, "--max-objects=2")
    ceph.admin("quota", "enable", "--quota-scope=bucket", user)
    try:
        with pytest.raises(Fault, match="is full, or the quota of this key is used up"):
            until_fault(elsewhere)
    finally:
        ceph.admin("quota", "disable", "--quota-scope=bucket", user)
    ceph.admin("user", "modify", user, "--op-mask=read")
    try:
        with pytest.raises(Fault, match="does not let this key do that, or is read-only"):
            until_fault(elsewhere)
    finally:
        ceph.admin("user", "modify", user, "--op-mask=read,write,delete")
    ceph.stop_gateway()
    with pytest.raises(Fault, match="cannot be reached"):
        elsewhere.keeper.keep(HOLD, "")
    ceph.start_gateway()
    elsewhere.keeper.keep(HOLD, "the head")
    assert elsewhere.keeper.counts(HOLD)[:2] == (3, 0)
    there = elsewhere.there(HOLD)
    assert {path: there[path] for path in paths} == {path: elsewhere.on_shelf(HOLD)[path] for path in paths}


def until_fault(elsewhere: Elsewhere) -> None:
    """What the gateway keeps in mind for a moment is asked for again."""
    for seq in range(1000, 1100):
        elsewhere.record(OTHER, seq)
        elsewhere.write_hold(OTHER, seq)
        try:
            elsewhere.keeper.keep(OTHER, "")
        finally:
            shutil.rmtree(elsewhere.shelf / OTHER)


# --- what is there --------------------------------------------------------------------------------------------------------


def test_names_and_sizes_are_all_that_the_keepers_learn_and_the_script_restores_with_age_alone(
    elsewhere: Elsewhere, tmp_path: Path
) -> None:
    elsewhere.write_hold(HOLD)
    for seq in range(1, 6):
        elsewhere.record(HOLD, seq, b"plain words of a picture" * 200)
    elsewhere.keeper.keep(HOLD, "the head of the log\n")
    elsewhere.record(HOLD, 6)
    elsewhere.write_hold(HOLD, 2)
    elsewhere.keeper.keep(HOLD, "another head\n")
    folder = downloaded(elsewhere.place, tmp_path / "bucket")
    for file in folder.rglob("*"):
        assert "2026" not in file.name and "lobby" not in str(file.relative_to(folder))
        assert file.is_dir() or (b"plain words" not in file.read_bytes() and b"lobby" not in file.read_bytes())
    key = tmp_path / "key.txt"
    key.write_text(f"# the Board's\n{elsewhere.private}\n")
    done = restored(folder, key, HOLD, tmp_path / "restored")
    assert done.returncode == 0, done.stderr
    shelf = elsewhere.on_shelf(HOLD)
    got = {path: (tmp_path / "restored" / path).read_bytes() for path in shelf}
    assert got == shelf
    assert (tmp_path / "restored" / "log-head").read_bytes() == b"another head\n"

    # What was tampered with is named, and the rest is restored.
    victim = next(file for file in folder.rglob("d-*.age") if file.stat().st_size > 4800)
    victim.write_bytes(victim.read_bytes()[:-1] + b"x")
    done = restored(folder, key, HOLD, tmp_path / "again")
    assert done.returncode == 1 and "FAILED" in done.stdout
    key.write_text(f"{new_key()[0]}\n")
    done = restored(folder, key, HOLD, tmp_path / "never")
    assert done.returncode == 1 and "opens no hold H-2026-0001" in done.stderr


def test_verify_names_each_object_that_was_tampered_with_and_what_is_lost_is_put_again(elsewhere: Elsewhere) -> None:
    elsewhere.write_hold(HOLD)
    paths = [elsewhere.record(HOLD, seq) for seq in range(1, 7)]
    keeper, bucket, place = elsewhere.keeper, elsewhere.bucket, elsewhere.place
    keeper.keep(HOLD, "")
    puts = {put.path: put for put in keeper.book(HOLD).puts.values()}
    assert verify(keeper, bucket, full=True).bad == []
    keepers = client(place)
    over, hidden, freed, gone = (puts[path] for path in paths[:4])
    with pytest.raises(ClientError, match="AccessDenied"):
        keepers.delete_object(Bucket=place.bucket, Key=gone.object, VersionId=gone.version)
    elsewhere.put_over(over.object, b"something else")
    keepers.delete_object(Bucket=place.bucket, Key=hidden.object)
    for one in (freed, gone):  # only whoever has our key, or the store itself, can do that
        keepers.put_object_legal_hold(
            Bucket=place.bucket, Key=one.object, VersionId=one.version, LegalHold={"Status": "OFF"}
        )
    keepers.delete_object(Bucket=place.bucket, Key=gone.object, VersionId=gone.version)
    found = verify(keeper, bucket, full=False)
    assert {bad.path: bad.why.partition(";")[0] for bad in found.bad} == {
        paths[0]: "another object was put over it",
        paths[1]: "a delete marker hides it",
        paths[2]: "its legal hold is off",
        paths[3]: "it is gone",
    }
    shelf = elsewhere.on_shelf(HOLD)
    elsewhere.begin()
    elsewhere.keeper.keep(HOLD, "")  # what is gone is put again; the rest can be brought back as it is
    there = elsewhere.there(HOLD)
    assert {path: there[path] for path in paths} == {path: shelf[path] for path in paths}
    assert paths[3] not in {bad.path for bad in verify(elsewhere.keeper, elsewhere.bucket, full=True).bad}


def test_bytes_that_the_store_changed_are_found_when_they_are_read(elsewhere: Elsewhere) -> None:
    elsewhere.write_hold(HOLD)
    path = elsewhere.record(HOLD, 1)
    elsewhere.keeper.keep(HOLD, "")
    own = elsewhere.keeper.book(HOLD)
    (put,) = (one for one in own.puts.values() if one.path == path)
    own.add(msgspec.structs.replace(put, sha256="0" * 64))  # the store would have to lie in two places
    (bad,) = verify(elsewhere.keeper, elsewhere.bucket, full=True).bad
    assert bad.path == path and "checksum" in bad.why


def test_a_head_cannot_be_deleted_nor_its_date_brought_nearer_by_the_stores_keeper(elsewhere: Elsewhere) -> None:
    keeper, place = elsewhere.keeper, elsewhere.place
    keeper.heads.take("2026-11-24T14Z-000000000017", "the head\n")
    for file in keeper.heads.waiting():
        keeper.heads.put(file)
    (kept,) = keeper.heads.kept()
    keepers = client(place)
    where = {"Bucket": place.bucket, "Key": kept.object, "VersionId": kept.version}
    with pytest.raises(ClientError, match="AccessDenied"):
        keepers.delete_object(**where)
    sooner = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    with pytest.raises(ClientError, match="AccessDenied"):
        keepers.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": sooner})
    assert keeper.heads.waiting() == [] and keeper.heads.wrong(kept) == ""
    # A worker that was killed before it noted that: the same object, no second version.
    keeper.heads.take("2026-11-24T14Z-000000000017", "the head\n")
    keeper.heads.put(keeper.heads.waiting()[0])
    assert len(list(elsewhere.bucket.versions(f"{place.prefix}heads/"))) == 1


# --- sequences ------------------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """The process ends here."""


def test_random_sequences_leave_there_what_is_in_force_and_nothing_of_what_was_lifted(
    ceph: Ceph, elsewhere: Elsewhere
) -> None:
    """Place, record, extend, lift, erase, kill in the middle of a put, a lost book, an outage: then both are read back."""
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(10**6))
    count = int(os.environ.get(SEQUENCES) or "100")
    print(f"{SEED}={seed} {SEQUENCES}={count}")
    done = Sequences(elsewhere, ceph, random.Random(seed))
    for number in range(count):
        done.one(number)
        if number % 100 == 99:
            print(f"{number + 1} sequences: {dict(done.counts)}", flush=True)
    assert count < 100 or min(done.counts[act] for act in ACTS) > 0


def die_after(bucket: Bucket, left: int) -> None:
    """After so many puts the process ends, with one that is there and not held."""
    put = bucket._put

    def put_and_die(*args: object) -> str:
        nonlocal left
        version = put(*args)  # type: ignore[arg-type]
        left -= 1
        if left < 0:
            raise Killed
        return version

    bucket._put = put_and_die  # type: ignore[method-assign]


@pytest.mark.parametrize("lost", [False, True])
def test_what_an_interrupted_put_left_is_taken_out_or_held_where_its_book_was_lost(
    elsewhere: Elsewhere, lost: bool
) -> None:
    elsewhere.write_hold(HOLD)
    elsewhere.record(HOLD, 1)
    for stop_at in (0, 1, 2):  # the key, the segment, a list
        die_after(elsewhere.bucket, stop_at)
        with suppress(Killed):
            elsewhere.keeper.keep(HOLD, "")
        assert elsewhere.unheld(HOLD)
        elsewhere.begin(without_books=lost)
    elsewhere.keeper.keep(HOLD, "")
    assert elsewhere.unheld(HOLD) == []
    there, shelf = elsewhere.there(HOLD), elsewhere.on_shelf(HOLD)
    assert {path: there.get(path) for path in shelf} == shelf


class Sequences:
    """``kept``: what must come back of each hold in force, by path. What has left the shelf meanwhile is there no less."""

    def __init__(self, elsewhere: Elsewhere, ceph: Ceph, rng: random.Random) -> None:
        self.at, self.ceph, self.rng = elsewhere, ceph, rng
        self.counts: Counter[str] = Counter()
        self.kept: dict[str, dict[str, bytes]] = {}
        self.lifted: set[str] = set()
        self.seq = 1

    def one(self, number: int) -> None:
        """One sequence, and what it must have left."""
        self.kept, self.lifted, self.seq = {}, set(), 1
        holds = [f"H-{number}-{at}" for at in range(2)]
        for _ in range(self.rng.randint(4, 10)):
            self._act(self.rng.choice(holds), self.rng.choice(ACTS))
        if self.rng.random() < 0.5:
            self.at.begin()
        self._keep()
        _remove(self.at, self.lifted, random.Random(0))
        for hold, kept in self.kept.items():
            assert self.at.unheld(hold) == [], hold
            there = self.at.there(hold)
            wanted = {**kept, **self.at.on_shelf(hold)}
            assert {path: there.get(path) for path in wanted} == wanted, hold
        for hold in self.lifted:
            assert list(self.at.bucket.versions(self.at.keeper.prefix(hold))) == [], hold
        for hold in self.kept:  # the next sequence begins with an empty shelf
            shutil.rmtree(self.at.shelf / hold)
        _remove(self.at, set(self.kept), random.Random(0))

    def _act(self, hold: str, act: str) -> None:
        in_force = hold in self.kept
        if act == "place" and hold not in self.lifted:
            self.kept.setdefault(hold, {})
            self.at.write_hold(hold)
        elif act in ("record", "extend") and in_force:
            self.at.record(hold, self.seq)
            self.at.write_hold(hold, self.seq)
            self.seq += 1
        elif act == "keep":
            self._keep()
        elif act == "kill" and self.kept:
            _keep_killed(self.at, set(self.kept), self.rng)
        elif act == "lift" and in_force:
            del self.kept[hold]
            self.lifted.add(hold)
            shutil.rmtree(self.at.shelf / hold)
            if self.rng.random() < 0.5:
                _remove(self.at, self.lifted, self.rng)
        elif act == "erase" and in_force:
            if not self._erase(hold):
                return
        elif act == "outage" and self.kept and self.rng.random() < OUTAGES:
            self._outage()
        elif act == "lose":
            self.at.begin(without_books=self.rng.random() < 0.3)
        else:
            return
        self.counts[act] += 1

    def _keep(self) -> None:
        for hold in sorted(self.kept):
            self.at.keeper.keep(hold, f"head {time.time_ns()}")

    def _erase(self, hold: str) -> bool:
        """A segment leaves the shelf, as after `hold archive`, of a hold that goes on: what was there once stays there."""
        segments = sorted((self.at.shelf / hold).rglob("*.mp4"))
        if not segments:
            return False
        self._keep()
        segment = self.rng.choice(segments)
        self.kept[hold][str(segment.relative_to(self.at.shelf / hold))] = segment.read_bytes()
        segment.unlink()
        return True

    def _outage(self) -> None:
        """The gateway dies before, or right after, it took one of the next objects, and comes back."""
        bucket, left, before = self.at.bucket, self.rng.randint(0, 3), self.rng.random() < 0.5
        put = bucket._put

        def put_and_lose(*args: object) -> str:
            nonlocal left
            left -= 1
            if left < 0 and before:
                self.ceph.stop_gateway()
            version = put(*args)  # type: ignore[arg-type]
            if left < 0:
                self.ceph.stop_gateway()
            return version

        bucket._put = put_and_lose  # type: ignore[method-assign]
        for hold in sorted(self.kept):
            self.at.record(hold, self.seq)
            self.at.write_hold(hold, self.seq)
            self.seq += 1
        with suppress(Fault):
            self._keep()
        bucket._put = put  # type: ignore[method-assign]
        self.ceph.stop_gateway()
        with pytest.raises(Fault, match="cannot be reached"):
            bucket.look()
        self.ceph.start_gateway()


def _keep_killed(elsewhere: Elsewhere, holds: set[str], rng: random.Random) -> None:
    """A pass that ends at one of its objects: before it is put, when it is put and not held, or before that is noted."""
    left, where, bucket = rng.randint(0, 5), rng.choice(("between", "held", "noted")), elsewhere.bucket
    put, held = bucket._put, bucket.put_held

    def between() -> None:
        nonlocal left
        left -= 1
        if left < 0 and where == "between":
            raise Killed

    def put_and_die(*args: object) -> str:
        version = put(*args)  # type: ignore[arg-type]
        if left < 0 and where == "held":
            raise Killed
        return version

    def hold_and_die(*args: object) -> str:
        version = held(*args)  # type: ignore[arg-type]
        if left < 0 and where == "noted":
            raise Killed
        return version

    bucket._put, bucket.put_held = put_and_die, hold_and_die  # type: ignore[method-assign]
    with suppress(Killed):
        for hold in sorted(holds):
            elsewhere.keeper.keep(hold, "", between)
    elsewhere.begin()


def _remove(elsewhere: Elsewhere, lifted: set[str], rng: random.Random) -> None:
    for hold in elsewhere.keeper.to_remove(sorted(lifted)):
        stop_after = rng.randint(0, 30)

        def may() -> bool:
            nonlocal stop_after
            stop_after -= 1
            return stop_after >= 0

        if elsewhere.keeper.remove(hold, may if rng.random() < 0.3 and rng is not None else lambda: True) is not None:
            elsewhere.keeper.forget(hold)
    if any(list(elsewhere.bucket.versions(elsewhere.keeper.prefix(hold))) for hold in lifted):
        elsewhere.begin()
        for hold in elsewhere.keeper.to_remove(sorted(lifted)):
            elsewhere.keeper.remove(hold, lambda: True)
            elsewhere.keeper.forget(hold)


# --- the log's word -------------------------------------------------------------------------------------------------------


async def test_what_the_log_calls_lifted_is_taken_out_and_nothing_else_and_the_log_is_told(
    ceph: Ceph, tmp_path: Path
) -> None:
    hold = msgspec.structs.replace(HELD, state="active", grace_end_utc_ns=None)
    async with house(tmp_path / "data", hold) as (holds, authorizer):
        media = authorizer.frame.paths.media
        segment = media / "shelf" / hold.id / "lobby" / "2026-11-24" / "0000000001_140000.000Z.mp4"
        segment.parent.mkdir(parents=True)
        segment.write_bytes(b"a segment" * 1000)
        (media / "shelf" / hold.id / "hold.json").write_text("{}")
        offsite = Offsite(authorizer, authorizer.store._register, holds)
        where = place_of(ceph)
        bucket = Bucket(where)

        def objects() -> int:
            return len(list(bucket.versions(f"{where.prefix}holds/")))

        async def until(what: str, probe: Callable[[], bool]) -> None:
            async with asyncio.timeout(120):
                while not await asyncio.to_thread(probe):
                    offsite._want()
                    await asyncio.sleep(0.2)

        await offsite.async_attach(media)
        await offsite.async_put(where)
        try:
            await until("it is there", lambda: bool(offsite.health.ok) and offsite.health.held == 1 and objects() >= 4)
            # The disk is away, the shelf is empty, a lift that is in doubt: nothing of it is a lift.
            shutil.move(media / "shelf", media / "away")
            (media / "shelf").mkdir()
            holds._looked, holds.in_doubt = True, lambda: True
            lifted = msgspec.structs.replace(hold, state="lifted", lifted_utc_ns=1)
            await authorizer.async_service_entry("test.lifted", LogForm(), [put("holds", hold.id, lifted)])
            assert holds.standing() == ((), ())
            since = offsite.health
            await until("a pass over nothing", lambda: offsite.health is not since and offsite.health.holds == 0)
            assert objects() >= 4
            holds.in_doubt = lambda: False
            assert holds.standing() == ((), (hold.id,))
            await until("it is gone", lambda: objects() == 0)

            def told() -> bool:
                found = [one.public for one in authorizer.log.read() if one.public["action"] == "offsite.removed"]
                return [(one["subject"], one["facts"]["objects"] >= 4) for one in found] == [(hold.id, True)]

            await until("the log is told once", told)
            await until("its book is gone", lambda: not (tmp_path / "data/state/offsite" / f"{hold.id}.jsonl").exists())
            assert told()
        finally:
            await offsite.async_stop()


# --- a real recorder ------------------------------------------------------------------------------------------------------


def test_a_recorded_hold_goes_there_through_kill_and_outage_and_comes_back_with_the_paper_key_alone(
    ceph: Ceph, tmp_path: Path
) -> None:
    private, public = new_key()
    where = place_of(ceph, recipient=public)
    service = Service(tmp_path / "data", mint=True)
    settings(service)
    with RtspServer([Mount("door")]) as rtsp, service:
        camera = service.add(rtsp.url("door"), "Door")
        service.await_recording(camera)
        director = People(service).name_director()
        with pytest.raises(Conflict, match="has no object lock"):
            service.act(OffsiteSetup(place_of(ceph, lock=False)))
        assert service.client.read(ReadOffsite()) is None
        service.act(OffsiteSetup(where))
        wait_for("four segments", lambda: len(service.files(camera)) >= 4, 120)
        hold = place(director, hold_types.SpanAsk(camera, time.time_ns() - 3600 * NS, None)).id

        def row() -> OffsiteRow:
            found = service.client.read(ReadOffsite())
            assert found is not None and found.place.secret == ""
            return found

        def all_there(least: int) -> bool:
            health = row().health
            return bool(health.ok) and health.held >= least and health.waiting == 0

        wait_for("the first segments are there", lambda: all_there(2), 120, 0.5)
        os.kill(worker_pid(service), 9)
        ceph.stop_gateway()
        before = len(service.files(camera))
        wait_for("the store is found to fail", lambda: row().health.ok is False, 120, 0.5)
        wait_for("segments wait", lambda: row().health.waiting > 0, 180, 0.5)
        words = service.client.status().elsewhere
        assert "segments wait since" in words and "cannot be reached" in words
        assert service.camera(camera).state == "recording"  # nothing here waits for it
        wait_for("recording goes on", lambda: len(service.files(camera)) > before + 2)
        assert director.status().elsewhere == ""  # how much is held is not for everybody
        ceph.start_gateway()
        held = row().health.held
        wait_for("all of it is there again", lambda: all_there(held), 300, 0.5)
        assert worker_memory(service) <= 60 << 20
        found = service.act(OffsiteVerify(full=True))
        assert (found.bad_count, found.fault) == (0, "") and found.objects > held and found.heads >= 1

        shelf = service.media / "shelf" / hold
        there = {path: data for path, data in now(shelf).items() if path.as_posix() in confirmed(service, hold)}
        assert len(there) >= held
        key = tmp_path / "paper.txt"
        key.write_text(private + "\n")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "holdshelf_tui.cli", "offsite", "fetch", hold, str(tmp_path / "back")),
                *("--url", where.url, "--bucket", where.bucket, "--prefix", where.prefix, "--key-file", str(key)),
                *("--access-key", ACCESS_KEY, "--secret-env", "THE_SECRET"),
            ],
            env={**os.environ, "THE_SECRET": SECRET_KEY},
            capture_output=True,
            text=True,
            timeout=2 * HANG_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        folder = downloaded(where, tmp_path / "bucket")
        done = restored(folder, key, hold, tmp_path / "restored")
        assert done.returncode == 0, done.stderr
        for target in (tmp_path / "back" / hold, tmp_path / "restored"):
            listed = {file.relative_to(target): file.read_bytes() for file in target.rglob("*.mp4")}
            assert listed and listed.items() <= {**there, **now(shelf)}.items()
            since = {file.read_bytes() for file in target.glob("unlisted/*")}
            assert set(there.values()) <= {*listed.values(), *since}
            sums = subprocess.run(["sha256sum", "--quiet", "-c", "SHA256SUMS"], cwd=target, check=False)
            assert sums.returncode == 0
            assert (target / "log-head").read_text().startswith("holdshelf.local/")
        stopped = service.act(OffsiteStop())
        assert "what is there stays" in stopped.sentence and service.client.read(ReadOffsite()) is None
        wait_for("the worker ends", lambda: worker_pid(service) == 0)
        rows = [entry.entry for entry in service.act(LogShow(most=500)).entries]
        assert SECRET_KEY not in str(rows) and {"offsite.setup", "offsite.verify", "offsite.stop"} <= {
            str(one["action"]) for one in rows
        }
        assert faults_in(service.log()) == []


def confirmed(service: Service, hold: str) -> set[str]:
    """The paths that the store has confirmed."""
    book = (service.data / "state" / "offsite" / f"{hold}.jsonl").read_bytes()
    return {str(line.get("path")) for line in map(json.loads, book.splitlines())}


def now(shelf: Path) -> dict[Path, bytes]:
    return {file.relative_to(shelf): file.read_bytes() for file in shelf.rglob("*.mp4")}
