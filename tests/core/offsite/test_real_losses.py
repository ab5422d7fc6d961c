"""What a real store loses, refuses, or locks by itself: what is known of it, and what goes on all the same (`make test-s3`)."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from holdshelf_core.api.errors import Conflict
from holdshelf_core.integration.repairs import Repair
from holdshelf_core.offsite import link
from holdshelf_core.offsite import offsite as room
from holdshelf_core.offsite.book import Book, Lost, Put
from holdshelf_core.offsite.checking import verify
from holdshelf_core.offsite.process import async_look
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.types import OffsiteSetup, OffsiteVerify, Place, ReadBad
from holdshelf_core.offsite.worker import Worker
from tests.core.holds.acts import settings
from tests.core.offsite.test_real_limits import ACTIVE, keeping, objects, until
from tests.rig.ceph import Ceph
from tests.rig.elsewhere import NAME_KEY, NEEDS_CEPH, Elsewhere, client, place_of
from tests.rig.hang import HANG_S
from tests.service import Service

pytestmark = NEEDS_CEPH
HOLD, OTHER, THIRD = "H-2026-0001", "H-2026-0002", "H-2026-0003"


class Work:
    """A worker's passes over a shelf, one at a time; `begin` is a process that starts."""

    def __init__(self, at: Elsewhere) -> None:
        self.at = at
        self._folder = at.root / "worker"
        self._folder.mkdir()
        self.worker: Worker
        self.begin()

    def begin(self) -> None:
        self.close()
        self.worker = Worker(link.Setup(str(self._folder), str(self.at.shelf), self.at.place, NAME_KEY.hex()))
        self.worker.keeper.lists_every_s = 0.0
        self.worker.wanted = link.Wanted((HOLD,))

    def close(self) -> None:
        if hasattr(self, "worker"):
            self.worker.keeper.close()

    def passes(self, *holds: str, lifted: tuple[str, ...] = ()) -> link.Health:
        """How the store does after a pass."""
        self.worker.wanted = link.Wanted(holds or (HOLD,), lifted)
        self.worker._pass()
        return self.worker._health

    def bad(self) -> dict[str, str]:
        """What a verification names: path to reason."""
        return {one.path: one.why for one in verify(self.worker.keeper, self.worker.bucket, full=True).bad}

    def waiting(self, hold: str) -> int:
        return self.worker.keeper.counts(hold).waiting

    def book(self, hold: str = HOLD) -> Book:
        return self.worker.keeper.book(hold)


@pytest.fixture
def work(elsewhere: Elsewhere) -> Iterator[Work]:
    made = Work(elsewhere)
    yield made
    made.close()


def delete(place: Place, key: str, version: str) -> None:
    """As the store's keeper, who has the right to everything."""
    where = {"Bucket": place.bucket, "Key": key, "VersionId": version}
    client(place).put_object_legal_hold(**where, LegalHold={"Status": "OFF"})
    client(place).delete_object(**where)


def deny(place: Place, actions: list[str], *keys: str) -> None:
    """The store refuses that of these keys, to whomever; with no keys, nothing any more."""
    if not keys:
        client(place).delete_bucket_policy(Bucket=place.bucket)
        return
    names = [f"arn:aws:s3:::{place.bucket}/{key}" for key in keys]
    rule = {"Effect": "Deny", "Principal": {"AWS": ["*"]}, "Action": actions, "Resource": names}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [rule]})
    client(place).put_bucket_policy(Bucket=place.bucket, Policy=policy)


def retain_by_default(place: Place, mode: str = "") -> None:
    """The bucket sets a date on all that is put there; '' it does not."""
    rule = {"Rule": {"DefaultRetention": {"Mode": mode, "Days": 3}}} if mode else {}
    client(place).put_object_lock_configuration(
        Bucket=place.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", **rule}
    )


# --- what the store lost --------------------------------------------------------------------------------------------------


def test_what_the_store_lost_is_named_by_each_worker_until_it_is_there_anew(work: Work) -> None:
    at = work.at
    at.write_hold(HOLD)
    paths = [at.record(HOLD, seq) for seq in range(1, 6)]
    assert work.passes().ok and work.bad() == {}
    puts = [work.book().puts.get(path) for path in paths]
    for put in puts[:2]:
        assert put is not None
        delete(at.place, put.object, put.version)
    (at.shelf / HOLD / paths[1]).rename(at.root / "away.mp4")
    for _ in range(2):
        work.begin()
        health = work.passes()
        assert work.bad() == {
            paths[1]: "it is gone; it is no longer on the shelf here either, so it cannot be put there again"
        }
        assert (health.lost, health.gone, health.waiting, health.ok) == (1, 1, 0, False)
        assert paths[1] in health.sentence and "the store lost it" in health.sentence
    # Found by a verification: known at once, named by the next worker too, and put again by its first pass.
    third = puts[2]
    assert third is not None
    delete(at.place, third.object, third.version)
    here = {paths[2]: "it is gone; it is put there again"}
    assert here.items() <= work.bad().items()
    work.begin()
    assert here.items() <= work.bad().items()
    assert work.passes().lost == 1 and set(work.bad()) == {paths[1]}
    (at.root / "away.mp4").rename(at.shelf / HOLD / paths[1])
    health = work.passes()
    assert (health.lost, health.gone, health.ok) == (0, 0, True) and work.bad() == {}
    there, shelf = at.there(HOLD), at.on_shelf(HOLD)
    assert {path: there.get(path) for path in shelf} == shelf


def test_what_is_lost_for_good_stays_in_the_manifest_and_who_restores_is_told(work: Work) -> None:
    at = work.at
    at.write_hold(HOLD)
    paths = [at.record(HOLD, seq) for seq in range(1, 4)]
    work.passes()
    put = work.book().puts.get(paths[0])
    assert put is not None
    delete(at.place, put.object, put.version)
    (at.shelf / HOLD / paths[0]).unlink()
    at.record(HOLD, 4)
    work.begin()
    work.passes()
    from holdshelf_core.offsite import offline  # noqa: PLC0415 - an extra

    done = offline.fetch(at.place, [at.private], HOLD, at.root / "back")
    assert done.wrong == (paths[0],)


def test_with_its_key_all_that_is_sealed_for_it_is_put_again(work: Work) -> None:
    """Nobody could open it: the key's private part is nowhere but in the store."""
    at = work.at
    at.write_hold(HOLD)
    paths = [at.record(HOLD, seq) for seq in range(1, 4)]
    work.passes()
    key = work.book().key
    assert key is not None
    delete(at.place, key.object, key.version)
    (at.shelf / HOLD / paths[0]).unlink()
    work.begin()
    work.passes()
    assert set(work.bad()) == {paths[0]} and work.bad()[paths[0]].startswith("the key that opens it is gone; ")
    from holdshelf_core.offsite import offline  # noqa: PLC0415 - an extra

    done = offline.fetch(at.place, [at.private], HOLD, at.root / "back")
    got = {path: (Path(done.folder) / path).read_bytes() for path in at.on_shelf(HOLD)}
    assert got == at.on_shelf(HOLD)


def test_what_the_stores_keepers_brought_back_is_missing_no_more(work: Work) -> None:
    at = work.at
    at.write_hold(HOLD)
    path = at.record(HOLD, 1)
    work.passes()
    put = work.book().puts.get(path)
    assert put is not None
    work.book().lose([Lost(put, "it is gone", 1)])  # and there it is: Ceph brings no version back
    (at.shelf / HOLD / path).unlink()
    work.begin()
    assert path in work.book().missing
    assert work.passes().ok and work.bad() == {} and path not in work.book().missing


# --- what the store refuses -----------------------------------------------------------------------------------------------


def test_a_refused_removal_and_a_refused_head_keep_no_new_hold_waiting(work: Work) -> None:
    at = work.at
    for hold in (OTHER, THIRD):
        at.write_hold(hold)
        for seq in range(1, 4):
            at.record(hold, seq)
    assert work.passes(OTHER, THIRD).ok
    locked = next(iter(work.book(OTHER).puts.values()))
    until_utc = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    client(at.place).put_object_retention(
        Bucket=at.place.bucket,
        Key=locked.object,
        VersionId=locked.version,
        Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until_utc},
    )
    refused = f"{at.place.prefix}heads/2026-11-24T14Z-000000000017.txt"
    deny(at.place, ["s3:PutObjectRetention"], refused)
    for size in (17, 18):
        work.worker.keeper.heads.take(f"2026-11-24T14Z-{size:012d}", "the head\n")
    at.write_hold(HOLD)
    at.record(HOLD, 1)
    health = work.passes(HOLD, lifted=(OTHER, THIRD))
    assert work.waiting(HOLD) == 0, "a new hold waits for what was refused"
    assert health.ok is False and health.heads_waiting == 1
    assert "A head of the log is not kept there: " in health.sentence
    assert "Not all that was lifted is taken out of the store: " in health.sentence
    keeper, bucket = work.worker.keeper, work.worker.bucket
    assert [one.key for one in bucket.versions(keeper.prefix(OTHER)) if not one.marker] == [locked.object]
    assert list(bucket.versions(keeper.prefix(THIRD))) == []
    # What was refused is left alone for a moment, and what is new goes there all the same.
    at.record(HOLD, 2)
    assert work.passes(HOLD, lifted=(OTHER, THIRD)).ok is False and work.waiting(HOLD) == 0
    deny(at.place, [])
    work.begin()
    work.passes(HOLD, lifted=(OTHER, THIRD))
    assert work.worker.keeper.heads.waiting() == []


def test_one_locked_object_keeps_nothing_else_of_a_lifted_hold_there_over_several_pages(elsewhere: Elsewhere) -> None:
    """A listing that goes on while its objects are deleted passes over some of them."""
    place, bucket = elsewhere.place, elsewhere.bucket
    keepers, prefix = client(place), elsewhere.keeper.prefix(HOLD)
    with ThreadPoolExecutor(4) as pool:
        keys = (f"{prefix}d-{at % 500:04d}.age" for at in range(1500))
        list(pool.map(lambda key: keepers.put_object(Bucket=place.bucket, Key=key, Body=b"x"), keys))
    first = next(bucket.versions(prefix))
    until_utc = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    where = {"Bucket": place.bucket, "Key": first.key, "VersionId": first.version}
    keepers.put_object_retention(**where, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": until_utc})
    with pytest.raises(Fault, match="does not let this key do that"):
        elsewhere.keeper.remove(HOLD, lambda: True)
    assert [one[:2] for one in bucket.versions(prefix)] == [first[:2]]


def test_one_hold_or_object_that_is_refused_keeps_no_other_waiting(work: Work) -> None:
    at = work.at
    paths = {}
    for hold in (HOLD, OTHER):
        at.write_hold(hold)
        paths[hold] = [at.record(hold, seq) for seq in range(1, 9)]
    digest = hashlib.sha256((at.shelf / OTHER / paths[OTHER][0]).read_bytes()).hexdigest()
    said = f"file\0{OTHER}\0{paths[OTHER][0]}\0{digest}".encode()
    prefix = work.worker.keeper.prefix
    one = f"{prefix(OTHER)}d-{hmac.digest(NAME_KEY, said, 'sha256').hex()}.age"
    deny(at.place, ["s3:PutObject"], f"{prefix(HOLD)}*", one)
    health = work.passes(HOLD, OTHER)
    assert health.ok is False and "does not let this key do that" in health.sentence
    assert work.waiting(OTHER) < 8, "a hold waits for another one"
    work.worker.tries.keep_only(())  # the moment for which it is left alone has passed
    work.passes(HOLD, OTHER)
    assert work.waiting(OTHER) == 1, "segments wait for another one"
    assert work.waiting(HOLD) == 8
    deny(at.place, [])
    work.worker.tries.keep_only(())
    assert work.passes(HOLD, OTHER).ok and work.waiting(HOLD) == work.waiting(OTHER) == 0


# --- a bucket that locks by itself ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["COMPLIANCE", "GOVERNANCE"])
async def test_a_bucket_with_a_default_retention_is_refused_because_nothing_could_be_erased_there(
    ceph: Ceph, tmp_path: Path, mode: str
) -> None:
    where = place_of(ceph)
    retain_by_default(where, mode)
    said = await async_look(link.Setup(str(tmp_path), "", where, "00"))
    assert f"locks by itself for 3 days what is put there (default retention in {mode.lower()} mode)" in said
    assert "have the default retention taken off" in said and said.count(". ") == 0
    # That it could not is so of this store in either mode, with the rights that docs/offsite.md asks for.
    client(where).put_object(Bucket=where.bucket, Key="x", Body=b"x")
    (version,) = Bucket(where).versions("x")
    with pytest.raises(Fault, match="does not let this key do that"):
        Bucket(where).delete(version)
    retain_by_default(where)
    assert await async_look(link.Setup(str(tmp_path), "", where, "00")) == ""


async def test_a_running_worker_sends_nothing_into_a_bucket_that_has_come_to_lock_by_itself_and_says_so(
    ceph: Ceph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "FAILS_S", 0.5)
    async with keeping(ceph, tmp_path, files=3, size=20_000) as (offsite, where, authorizer):

        def repairs() -> list[Repair]:
            offsite._tell()
            return [one for one in authorizer.frame.repairs.async_all() if one.issue_id == room.REPAIR]

        retain_by_default(where, "COMPLIANCE")
        await offsite.async_put(where)
        await _until("a repair", repairs)
        (repair,) = repairs()
        assert "locks by itself for 3 days" in repair.sentence and objects(where) == 0
        assert offsite.health.waiting == 3
        retain_by_default(where)
        await until("all of it is there", lambda: bool(offsite.health.ok) and offsite.health.waiting == 0)
        assert repairs() == []
        assert (await offsite.async_verify(full=True)).bad_count == 0


async def _until(what: str, probe: object) -> None:
    """On the loop: repairs are its own."""
    async with asyncio.timeout(HANG_S):
        while not probe():  # type: ignore[operator]
            await asyncio.sleep(0.1)
    assert what


def test_the_first_objects_that_come_back_with_a_date_are_the_last_that_are_put(work: Work) -> None:
    at = work.at
    at.write_hold(HOLD)
    at.record(HOLD, 1)
    assert work.passes().ok
    retain_by_default(at.place, "GOVERNANCE")
    for seq in range(2, 42):
        at.record(HOLD, seq)
    health = work.passes()
    assert health.ok is False and "default retention in governance mode" in health.sentence
    dated = sum(bool(_retention(at.place, one.key, one.version)) for one in at.bucket.versions(""))
    assert 1 <= dated <= 6, dated
    retain_by_default(at.place)
    work.begin()
    assert work.passes().ok and work.waiting(HOLD) == 0
    assert sum(bool(_retention(at.place, one.key, one.version)) for one in at.bucket.versions("")) == dated


def _retention(place: Place, key: str, version: str) -> object:
    try:
        return client(place).get_object_retention(Bucket=place.bucket, Key=key, VersionId=version).get("Retention")
    except ClientError:
        return None


# --- each is named --------------------------------------------------------------------------------------------------------


def test_by_command_each_of_thousands_of_bad_objects_is_named(ceph: Ceph, tmp_path: Path) -> None:
    service = Service(tmp_path / "data", mint=True)
    settings(service)
    with service:
        service.act(OffsiteSetup(place_of(ceph)))
        book = Book(service.data / "state" / "offsite", ACTIVE.id)
        paths = [f"lobby/2026-11-24/{seq:010d}_000000.000Z.mp4" for seq in range(2300)]
        book._write([Put(path, "0" * 64, 1, 0, f"d-{path[-30:]}", "v", 300, "f" * 64) for path in paths])

        def offsite(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "holdshelf_tui.cli", "offsite", *words, "--data", str(service.data)],
                capture_output=True,
                text=True,
                timeout=3 * HANG_S,
                check=False,
            )

        done = offsite("verify")
        assert done.returncode == 1, done.stderr
        named = [line.split()[2].rstrip(":") for line in done.stdout.splitlines() if line.startswith("! ")]
        assert named == paths
        done = offsite("verify", "--json")
        answer = json.loads(done.stdout)
        assert [one["path"] for one in answer["bad"]] == paths and answer["bad_count"] == 2300
        first = service.act(OffsiteVerify())
        assert len(first.bad) == link.MOST_BAD and first.after > 0
        page = service.client.read(ReadBad(first.seq, first.after))
        assert [one.path for one in page.bad] == paths[1000:2000]
        service.act(OffsiteVerify())
        with pytest.raises(Conflict, match="asked again since"):
            service.client.read(ReadBad(first.seq, first.after))
