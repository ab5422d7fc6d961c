"""What of holds kept elsewhere needs no store: sealing, the book, the hours, what is refused, and which hold may be taken out."""

from __future__ import annotations

import io
import resource
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.offsite import book, checking, county, hours, link, offline, sealing, tries
from holdshelf_core.offsite.actions import _checked, _told, _with_secret
from holdshelf_core.offsite.keeper import Keeper
from holdshelf_core.offsite.offsite import FAILS_S, REPAIR, Offsite
from holdshelf_core.offsite.store import Bucket, Fault, Version
from holdshelf_core.offsite.types import BadObject, BranchHold, BranchRow, Health, Place
from holdshelf_core.processes.ends import ENDS
from holdshelf_core.times import NS
from holdshelf_storage.errors import StorageError
from tests.core.holds.test_hold_duties import HELD, house

PLACE = Place("https://s3.county.example", "holds", "main", "AK1", sealing.new_key()[1], secret="s" * 20)
PUBLIC = "age1" + "q" * 58
HOLD = "H-2026-0001"


def test_what_is_sealed_opens_with_its_key_alone_and_not_when_it_was_changed() -> None:
    private, public = sealing.new_key()
    out = io.BytesIO()
    sealed = sealing.seal(io.BytesIO(b"picture" * 30_000), out, public)
    data = out.getvalue()
    assert sealed.bytes == len(data) and sealed.plain_bytes == 210_000 and b"picture" not in data
    assert data.startswith(b"age-encryption.org/v1\n")  # any age opens it: `make test-s3` has one do it
    assert sealing.Opener([private]).open(data) == b"picture" * 30_000
    for wrong, key in (
        (data[:-1] + bytes([data[-1] ^ 1]), private),
        (data[:-70_000], private),
        (data, sealing.new_key()[0]),
    ):
        with pytest.raises(sealing.BadKey):
            sealing.Opener([key]).open(wrong)
    with pytest.raises(sealing.BadKey, match="not a recovery key"):
        sealing.Opener(["age1nothing"])


def test_a_full_state_disk_is_no_unreadable_footage(tmp_path: Path) -> None:
    """A store that gets nothing for want of room here says so, and a file that cannot be read is named."""
    keeper = Keeper(Bucket(PLACE, None), PLACE, tmp_path, tmp_path / "shelf", b"k" * 32)
    day = tmp_path / "shelf" / HOLD / "lobby" / "2026-11-24"
    day.mkdir(parents=True)
    (day / "0000000001_140000.000Z.mp4").write_bytes(b"a segment" * 20_000)
    (segment,) = keeper.files(HOLD)
    own = keeper.book(HOLD)
    own.add(book.Key(sealing.new_key()[1], PLACE.recipient, "key.age", "v1", 1, "f" * 64))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StorageError, match="could not be written: File too large"):
            keeper._put_file(own, segment)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not keeper.unread and not list(tmp_path.glob("*.tmp"))
    (day / "0000000001_140000.000Z.mp4").unlink()
    (day / "0000000001_140000.000Z.mp4").symlink_to("/proc/self/mem")
    keeper._put_file(own, segment)
    assert list(keeper.unread) == [f"{HOLD}/{segment.path}"]


async def test_what_is_in_doubt_is_no_lift(tmp_path: Path) -> None:
    """What `standing` calls lifted is taken out of the store."""
    async with house(tmp_path / "data", msgspec.structs.replace(HELD, state="lifted", lifted_utc_ns=1)) as (
        holds,
        _log,
    ):
        assert holds.standing() == ((), ()), "the shelf has not been read"
        holds._looked, holds.in_doubt = True, lambda: True
        assert holds.standing() == ((), ()), "the state is not whole"
        holds.in_doubt = lambda: False
        assert holds.standing() == ((), (HELD.id,))
        holds.book.put_on_shelf(HELD)
        assert holds.standing() == ((), ()), "its links have not left the shelf"


async def test_a_repair_says_nothing_is_lost_only_where_nothing_is(tmp_path: Path) -> None:
    async with house(tmp_path / "data", HELD) as (holds, authorizer):
        offsite = Offsite(authorizer, authorizer.store._register, holds)
        offsite.place = PLACE
        waits = Health(False, 1, "It is away.", held=3, waiting=2)
        for health, sentence, step in (
            (waits, "Holds are not kept elsewhere. It is away.", "Nothing is lost: "),
            (
                Health(False, 1, "It is refused.", held=3),
                "The off-site store is not working correctly. It",
                "Nothing is lost: ",
            ),
            (
                msgspec.structs.replace(waits, lost=1, gone=1),
                "Holds are not kept elsewhere.",
                "Ask whoever runs the store",
            ),
        ):
            offsite._worker.health = health
            offsite._tell()
            (repair,) = [one for one in authorizer.frame.repairs.async_all() if one.issue_id == REPAIR]
            assert repair.sentence.startswith(sentence) and repair.next_step.startswith(step)


async def test_workers_that_end_one_after_another_are_told_since_the_first_whatever_each_says_before(
    tmp_path: Path,
) -> None:
    async with house(tmp_path / "data", HELD) as (holds, authorizer):
        offsite = Offsite(authorizer, authorizer.store._register, holds)
        offsite.place = PLACE
        first_ns = time.time_ns()
        for _ in range(ENDS):
            assert "again and again" not in offsite.health.sentence
            offsite._worker.health = Health(True, time.time_ns(), "", held=3)
            offsite._worker._ends.ended()
        offsite._worker.health = Health(True, time.time_ns(), "", held=3)
        (step,) = offsite.steps()
        assert (
            step.outcome == "failed" and "The process that keeps holds elsewhere ends again and again" in step.sentence
        )
        assert first_ns <= offsite.health.since_utc_ns <= time.time_ns()
        assert "again and again" in offsite.words()
        offsite._worker._ends._first_utc_ns -= (FAILS_S + 1) * NS
        offsite._tell()
        (repair,) = [one for one in authorizer.frame.repairs.async_all() if one.issue_id == REPAIR]
        assert "ends again and again" in repair.sentence and repair.next_step.startswith("Nothing is lost: ")


def test_a_book_outlives_a_torn_line_and_knows_what_was_replaced(tmp_path: Path) -> None:
    made = book.Book(tmp_path, HOLD)
    assert made.fresh
    first, second = (
        book.Put("hold.json", str(at) * 64, 5, at, f"d-{at}.age", f"v{at}", 300, "f" * 64) for at in (1, 2)
    )
    for line in (book.Begun("d-1.age"), first, second, book.Begun("d-3.age")):
        made.add(line)
    with (tmp_path / f"{HOLD}.jsonl").open("ab") as file:
        file.write(b'{"type":"put","path":"lob')
    again = book.Book(tmp_path, HOLD)
    assert list(again.there()) == [second] and list(again.stale.values()) == [first] and again.begun == {"d-3.age"}
    again.add(book.Gone("d-1.age", "v1"))
    assert book.Book(tmp_path, HOLD).stale == {} and book.holds_in(tmp_path) == {HOLD}


def test_what_was_lost_is_in_the_book_until_it_is_there_anew_and_with_a_key_what_is_sealed_for_it(
    tmp_path: Path,
) -> None:
    made = book.Book(tmp_path, HOLD)
    keys = [book.Key(f"age1-{at}", "age1", f"key-{at}.age", f"k{at}", 1, "f" * 64) for at in (1, 2)]

    def put(at: int, version: str = "v") -> book.Put:
        return book.Put(f"lobby/{at}", "0" * 64, 5, 0, f"d-{at}.age", version, 300, "f" * 64)

    manifest = book.Manifest(7, 1, "m-7.age", "v", 1, "f" * 64)
    for line in (
        keys[0],
        put(1),
        put(2),
        keys[1],
        put(2),
        put(3),
        put(4),
        manifest,
    ):  # the second is noted again: no new version
        made.add(line)
    assert not made.unlisted
    made.lose([book.Lost(put(4), "it is gone", 1), book.Lost(keys[0], "it is gone", 1)])
    for again in (made, book.Book(tmp_path, HOLD)):
        assert {one.path: one.version for one in again.puts.values()} == {"lobby/3": "v"}
        assert {one.what.object: one.why for one in again.missing.values()} == {
            "key-1.age": "it is gone",
            "d-1.age": book.KEY_GONE,
            "d-2.age": book.KEY_GONE,
            "d-4.age": "it is gone",
        }
        assert again.key is None and list(again.there()) == [keys[1], put(3), manifest]
        assert [one.path for one in again.listed()] == [f"lobby/{at}" for at in (1, 2, 3, 4)]
    made.add(keys[1])
    made.add(put(4, "anew"))
    again = book.Book(tmp_path, HOLD)
    assert sorted(again.missing) == ["lobby/1", "lobby/2"] and "lobby/4" in again.puts
    assert not again.unlisted and not again.stale


def test_what_was_found_lost_before_the_store_went_away_counts(tmp_path: Path) -> None:
    made = book.Book(tmp_path, HOLD)
    puts = [book.Put(f"lobby/{at}", "0" * 64, 5, 0, f"d-{at}.age", "v", 300, "f" * 64) for at in range(3)]
    for one in puts:
        made.add(one)

    def lost() -> Iterator[book.Lost]:
        yield from (book.Lost(one, "it is gone", 1) for one in puts[:2])
        raise Fault("away", away=True)

    with pytest.raises(Fault):
        made.lose(lost())
    assert sorted(book.Book(tmp_path, HOLD).missing) == ["lobby/0", "lobby/1"]


def test_a_folder_that_cannot_be_read_keeps_no_other_waiting(tmp_path: Path) -> None:
    keeper = Keeper(_Holds(PLACE, None), PLACE, tmp_path, tmp_path / "shelf", b"k" * 32)
    for camera in ("door", "lobby"):
        day = tmp_path / "shelf" / HOLD / camera / "2026-11-24"
        day.mkdir(parents=True)
        (day / "0000000001_140000.000Z.mp4").write_bytes(b"a segment")
    for name in ("door/2026-11-23", "cart"):  # a loop, which the file system refuses as it does a bad sector
        (tmp_path / "shelf" / HOLD / name).symlink_to(name.rpartition("/")[2])
    keeper.keep(HOLD, "")
    assert keeper.counts(HOLD)[:2] == (2, 0)
    assert list(keeper.unread) == [f"{HOLD}/cart/", f"{HOLD}/door/2026-11-23/"]
    keeper.close()


def test_each_bad_object_is_named_by_the_page(tmp_path: Path) -> None:
    named = checking.Named(tmp_path)
    bad = [BadObject(HOLD, f"lobby/{at}", f"d-{at}.age", "it is gone") for at in range(2 * link.MOST_BAD + 5)]
    with named.begin(3) as file:
        found = checking.Checked(file)
        for one in bad:
            found.add(one)
    assert found.bad == bad[: link.MOST_BAD] and found.bad_count == len(bad)
    second, after = named.page(3, found.after)
    third, end = named.page(3, after)
    assert [*found.bad, *second, *third] == bad and (len(third), end) == (5, 0)
    with named.begin(4) as file:
        checking.Checked(file).add(bad[0])
    with pytest.raises(FileNotFoundError):
        named.page(3, 0)
    assert named.page(4, 0) == ((bad[0],), 0)


def test_what_failed_is_due_at_growing_intervals_or_when_the_store_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 1000.0
    monkeypatch.setattr(tries, "time", SimpleNamespace(monotonic=lambda: now_s))
    made = tries.Tries()
    assert made.is_due("a", 0.0) and made.wait_s(30.0, 0.0) == 30.0
    for wait_s in (5.0, 10.0, 20.0):
        made.fails("a", "refused")
        assert not made.is_due("a", now_s) and made.wait_s(30.0, 0.0) == wait_s
        now_s += wait_s
        assert made.is_due("a", 0.0)
    made.fails("b", "away", away=True)
    assert not made.is_due("b", 0.0) and made.is_due("b", now_s + 1)
    assert made.wait_s(30.0, now_s + 1) == tries.FIRST_S, "a part that no pass tries makes nobody busy"
    assert made.sentences() == ["refused", "away"]
    made.succeeds("b")
    made.keep_only({"c"})
    assert made.sentences() == []


@pytest.mark.parametrize(
    ("given", "at", "within"),
    [
        ("", "12:00", True),
        ("22:00-06:00", "05:59", True),
        ("22:00-06:00", "06:00", False),
        ("01:00-02:30", "02:29", True),
    ],
)
def test_hours_go_over_midnight(given: str, at: str, within: bool) -> None:
    assert hours.valid(given) and not hours.valid("25:00-06:00") and not hours.valid("06:00-06:00")
    assert hours.within(given, time.strptime(at, "%H:%M")) is within


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("url", "http://s3.county.example", "not the address of a store"),
        ("url", "https://user:pw@s3.county.example", "not the address of a store"),
        ("bucket", "../etc", "cannot be the name of a bucket"),
        ("prefix", "a/../b", "cannot be a prefix"),
        ("recipient", "age1short", "not the public part of a recovery key"),
        ("hours", "late", "are not hours"),
        ("limit_bytes_per_s", 10, "too low for video"),
        ("heads_days", 0, "Heads are kept for 1 to"),
        ("ca_pem", "words", "no certificate"),
        ("secret", "a\nb", "cannot be an access key's secret"),
        ("prefix", "county/elm", "are the branches' indexes"),
        ("county", PUBLIC, "needs the branch's name"),
        ("branch", "Elm", "not the public part of a county key"),
        ("branch", "Elm\u202e", "begins or ends with a space, or has characters"),
    ],
)
def test_a_store_that_cannot_be_is_refused_in_a_sentence(field: str, value: object, words: str) -> None:
    with pytest.raises(BadRequest, match=words):
        _checked(msgspec.structs.replace(PLACE, **{field: value}))


def test_a_branch_needs_a_prefix_of_its_own_and_the_county_key_stays_with_its_public_part() -> None:
    private, public = sealing.new_key()
    branch = msgspec.structs.replace(PLACE, branch="Elm", county=public, county_key=private)
    with pytest.raises(BadRequest, match="needs a prefix of its own"):
        _checked(msgspec.structs.replace(branch, prefix=""))
    with pytest.raises(BadRequest, match="not a county key"):
        _checked(msgspec.structs.replace(branch, county_key=public))
    known = _checked(branch)
    asked = msgspec.structs.replace(known, secret="", county_key="")
    assert _with_secret(asked, known).county_key == private
    other = msgspec.structs.replace(asked, county=sealing.new_key()[1])
    assert _with_secret(other, known).county_key == ""
    assert private not in str(known.without_secrets()) and known.secret not in str(known.without_secrets())


def test_the_admin_is_told_how_much_a_branch_holds_and_for_no_case() -> None:
    holds = tuple(BranchHold(f"H-{at}", f"26-{at}", "violation", "active", 1, (), at, 1) for at in (1, 2))
    row = BranchRow("Elm", "elm/", 1, "", 2, 3, 2, holds)
    assert _told(row, "", admin=False) == row
    seen = _told(row, "", admin=True)
    assert (seen.hold_count, seen.segments, seen.waiting, seen.holds) == (2, 3, 2, ())
    one = _told(row, "26-2", admin=False)
    assert ([hold.hold for hold in one.holds], one.hold_count, one.segments) == (["H-2"], 1, 2)


def test_a_secret_stays_with_its_server_and_key() -> None:
    place = _checked(PLACE)
    assert place.prefix == "main/"
    asked = msgspec.structs.replace(place, secret="", hours="22:00-06:00")
    assert _with_secret(asked, place).secret == place.secret
    for other in ({"url": "https://other.example"}, {"access_key": "AK2"}):
        with pytest.raises(BadRequest, match="needs its secret"):
            _with_secret(msgspec.structs.replace(asked, **other), place)


def test_a_manifest_that_names_a_path_outside_its_hold_ends_the_restore() -> None:
    head = f"# holdshelf offsite 1\n# hold {HOLD}\n# number 1\n"
    files: dict[str, tuple[str, str]] = {}
    assert offline._read(head + f"{'0' * 64}  d-1.age  lobby/x.mp4\n", "p/", files) == HOLD
    assert files == {"lobby/x.mp4": ("0" * 64, "p/d-1.age")}
    for path in ("../x", "/etc/x", "lobby/../../x"):
        with pytest.raises(Unavailable, match="outside the hold"):
            offline._read(head + f"{'0' * 64}  d-1.age  {path}\n", "p/", files)


class _Takes(Bucket):
    """A store that takes everything; from the first object on, no file here can grow."""

    def put_held(self, key: str, file: object, sealed: sealing.Sealed) -> str:
        del file, sealed
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        return f"version of {key}"


def test_what_could_not_be_noted_is_looked_for_in_the_store(tmp_path: Path) -> None:
    """It may be there, held and unknown, and would be put a second time."""
    keeper = Keeper(_Takes(PLACE, None), PLACE, tmp_path, tmp_path / "shelf", b"k" * 32)
    day = tmp_path / "shelf" / HOLD / "lobby" / "2026-11-24"
    day.mkdir(parents=True)
    (day / "0000000001_140000.000Z.mp4").write_bytes(b"a segment")
    own = keeper.book(HOLD)
    own.add(book.Key(sealing.new_key()[1], PLACE.recipient, "key.age", "v1", 1, "f" * 64))
    keeper._compared.add(HOLD)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(StorageError):
            keeper.keep(HOLD, "")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert own.begun and HOLD not in keeper._compared
    keeper.close()


class _Holds(Bucket):
    """A store that takes everything and had nothing."""

    def put_held(self, key: str, file: object, sealed: sealing.Sealed) -> str:
        del file, sealed
        return f"version of {key}"

    def versions(self, prefix: str) -> Iterator[Version]:
        del prefix
        return iter(())


class _Late(Bucket):
    """A store that gives no answer to the first object of a name in ``silent``, and has it in the end."""

    def __init__(self, silent: str) -> None:
        super().__init__(PLACE, None)
        self._silent = silent
        self.has: dict[tuple[str, str], int] = {}
        self.late: tuple[str, str] | None = None

    def put_held(self, key: str, file: object, sealed: sealing.Sealed) -> str:
        del file
        if self.late is None and self._silent in key:
            self.late = key, "late"
            raise Fault("It does not answer in time.", away=True)
        version = f"v{len(self.has)}"
        self.has[key, version] = sealed.bytes
        return version

    def versions(self, prefix: str) -> Iterator[Version]:
        return (Version(*at, size, True, False) for at, size in list(self.has.items()) if at[0].startswith(prefix))

    def delete(self, one: Version, *, held: bool = True) -> None:
        del held
        del self.has[one.key, one.version]


@pytest.mark.parametrize("is_new_process", [False, True])
def test_a_put_that_the_store_finishes_after_the_next_one_is_taken_out(tmp_path: Path, is_new_process: bool) -> None:
    """It has no legal hold, and lies over the one that is held."""
    store = _Late("/d-")
    keeper = Keeper(store, PLACE, tmp_path, tmp_path / "shelf", b"k" * 32)
    day = tmp_path / "shelf" / HOLD / "lobby" / "2026-11-24"
    day.mkdir(parents=True)
    (day / "0000000001_140000.000Z.mp4").write_bytes(b"a segment")
    keeper.late_s = 0.0
    with pytest.raises(Fault, match="in time"):
        keeper.keep(HOLD, "")
    keeper.keep(HOLD, "")
    held = dict(store.has)
    assert store.late is not None and any(key == store.late[0] for key, _version in held)
    store.has[store.late] = 100
    if is_new_process:
        keeper.close()
        keeper = Keeper(store, PLACE, tmp_path, tmp_path / "shelf", b"k" * 32)
    keeper.keep(HOLD, "")
    assert store.has == held
    another = next(iter(held))[0], "of somebody else"
    store.has[another] = 7
    keeper.keep(HOLD, "")
    assert another in store.has, "what others put over it is told, and stays"
    keeper.close()


class _Markers(Bucket):
    """A store where each branch's index was deleted."""

    def __init__(self, branches: int) -> None:
        super().__init__(PLACE, None)
        self._branches = branches

    def versions(self, prefix: str) -> Iterator[Version]:
        return (Version(f"{prefix}{at:04}/{county.NAME}", "v", 0, True, True) for at in range(self._branches))


def test_more_branches_than_are_read_are_told() -> None:
    place = msgspec.structs.replace(PLACE, county_key=sealing.new_key()[0])
    assert len(list(county.read_branches(_Markers(county.MOST_BRANCHES), place, 1))) == county.MOST_BRANCHES
    shown: list[BranchRow] = []
    with pytest.raises(Fault, match="more than 500 branches"):
        shown.extend(county.read_branches(_Markers(county.MOST_BRANCHES + 1), place, 1))
    assert len(shown) == county.MOST_BRANCHES
