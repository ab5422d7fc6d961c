"""A real store that dies, hangs, or has no room left, as a whole or in its disk alone (`make test-s3`).

Nothing of what is held is lost by it, on either side; what is there is held; and each is said in a sentence.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdshelf_core.offsite import link, store
from holdshelf_core.offsite.sealing import new_key
from tests.core.offsite.test_real_losses import HOLD, OTHER, Work
from tests.rig import ceph as rig
from tests.rig.ceph import Ceph
from tests.rig.elsewhere import NEEDS_CEPH, Elsewhere, place_of
from tests.rig.hang import HANG_S

pytestmark = NEEDS_CEPH
SEGMENTS = 12


@pytest.fixture(scope="module")
def on_disk() -> Iterator[Ceph]:
    """One whose disk is a file."""
    with rig.running(4 << 30, in_a_file=True) as made:
        yield made


@pytest.fixture
def work(on_disk: Ceph, tmp_path: Path) -> Iterator[Work]:
    private, public = new_key()
    at = Elsewhere(tmp_path, place_of(on_disk, recipient=public), private)
    made = Work(at)
    yield made
    made.close()
    at.close()


def until_well(work: Work, *holds: str, lifted: tuple[str, ...] = ()) -> link.Health:
    """Pass after pass, as the worker makes them at its intervals, until the store does well."""
    ends_s = time.monotonic() + 3 * HANG_S
    while not (health := a_pass(work, *holds, lifted=lifted)).ok or health.waiting:
        assert time.monotonic() < ends_s, health
        time.sleep(0.5)
    return health


def a_pass(work: Work, *holds: str, lifted: tuple[str, ...] = ()) -> link.Health:
    work.worker.tries.keep_only(())  # the moment for which what failed is left alone has passed
    try:
        return work.passes(*holds, lifted=lifted)
    except store.Fault as fault:  # as `Worker.run` takes it
        work.worker._fails(fault.sentence)
        return work.worker._health


def all_held(work: Work) -> bool:
    """A store may finish a put late, without its legal hold. Each process that begins takes that out, as one does in time."""
    work.begin()
    until_well(work, HOLD)
    return work.at.unheld(HOLD) == []


@contextlib.contextmanager
def impatient(work: Work) -> Iterator[None]:
    """The store has five seconds for each answer, and not a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "ANSWER_S", 5)
        work.begin()
    yield
    work.begin()


def after_puts(work: Work, count: int, then: Callable[[], None]) -> None:
    """So many objects are put, and then it happens, with others on their way."""
    put, left = work.worker.bucket._put, count

    def counted(*args: object) -> str:
        nonlocal left
        version = put(*args)  # type: ignore[arg-type]
        left -= 1
        if left == 0:
            then()
        return version

    work.worker.bucket._put = counted  # type: ignore[method-assign]


@pytest.mark.parametrize("what", ["disk", "disk hangs", "all of it"])
def test_a_store_that_dies_in_the_middle_and_comes_back_has_all_of_it(on_disk: Ceph, work: Work, what: str) -> None:
    at = work.at
    at.write_hold(HOLD)
    for seq in range(1, SEGMENTS + 1):
        at.record(HOLD, seq, camera=f"camera-{seq % 3}")
    before = at.on_shelf(HOLD)
    dies = {"disk": on_disk.kill_osd, "disk hangs": on_disk.freeze_osd, "all of it": on_disk.stop}[what]
    try:
        with impatient(work):
            after_puts(work, 5, dies)
            health = a_pass(work, HOLD)
            assert health.ok is False and health.waiting > 0, health
            assert "does not answer in time" in health.sentence or "cannot be reached" in health.sentence, health
            assert at.on_shelf(HOLD) == before, "nothing leaves the shelf"
            at.record(HOLD, SEGMENTS + 1)
            assert a_pass(work, HOLD).ok is False
    finally:
        {"disk": on_disk.start_osd, "disk hangs": on_disk.thaw_osd, "all of it": on_disk.start_again}[what]()
    try:
        health = until_well(work, HOLD)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{on_disk.told()}") from None
    assert (health.lost, health.gone) == (0, 0), "what was confirmed is there"
    until(lambda: all_held(work))
    assert work.bad() == {}
    there, shelf = at.there(HOLD), at.on_shelf(HOLD)
    assert {path: there.get(path) for path in shelf} == shelf


def test_a_store_without_room_says_so_keeps_what_it_has_and_gets_the_rest_later(on_disk: Ceph, work: Work) -> None:
    """A disk of Ceph's is full: the whole of it takes nothing more, and its gateway answers nothing to whoever puts."""
    at = work.at
    for hold in (HOLD, OTHER):
        at.write_hold(hold)
        for seq in range(1, 4):
            at.record(hold, seq)
    until_well(work, HOLD, OTHER)
    on_disk.full_from(0.0002)
    try:
        until(on_disk.is_full)
        at.record(HOLD, 4)
        with impatient(work):
            health = a_pass(work, HOLD, OTHER)
        assert (health.ok, health.waiting, health.sentence) == (False, 1, "127.0.0.1 does not answer in time.")
        assert work.bad() == {}, "it can be asked all the same"
        there = at.there(OTHER)
        assert {path: there.get(path) for path in at.on_shelf(OTHER)} == at.on_shelf(OTHER)
    finally:
        on_disk.full_from(0.95)
    until(lambda: not on_disk.is_full())
    until_well(work, HOLD, OTHER)
    assert work.bad() == {} and at.unheld(HOLD) == []
    there = at.there(HOLD)
    assert {path: there.get(path) for path in at.on_shelf(HOLD)} == at.on_shelf(HOLD)


@pytest.mark.parametrize(("off_s", "words"), [(3600, "60 minutes ahead of"), (-3 * 86_400, "3 days behind")])
def test_a_gateway_whose_clock_is_off_is_told_by_how_much_and_has_all_of_it_when_it_is_set(
    on_disk: Ceph, work: Work, off_s: int, words: str
) -> None:
    at = work.at
    at.write_hold(HOLD)
    at.record(HOLD, 1)
    until_well(work, HOLD)
    at.record(HOLD, 2)
    on_disk.stop_gateway()
    try:
        on_disk.start_gateway(clock_off_s=off_s)
        health = a_pass(work, HOLD)
        assert (health.ok, health.waiting) == (False, 1)
        assert health.sentence == (
            f"127.0.0.1 has a clock {words} this machine's, so it refuses everything: one of the two is wrong."
        )
        assert (health.lost, health.gone) == (0, 0), "what it does not answer for is not lost"
    finally:
        on_disk.stop_gateway()
        on_disk.start_gateway()
    until_well(work, HOLD)
    assert work.bad() == {} and at.unheld(HOLD) == []


def test_a_head_is_locked_until_a_date_by_this_machines_clock_where_the_stores_is_a_little_off(
    on_disk: Ceph, work: Work
) -> None:
    """The store's clock, two minutes ahead, is within what it takes; dates are set by this machine's, and read back."""
    keeper = work.worker.keeper
    on_disk.stop_gateway()
    try:
        on_disk.start_gateway(clock_off_s=120)
        keeper.heads.take("2026-11-24T14Z-000000000017", "the head\n")
        before = time.time()
        assert a_pass(work).heads_waiting == 0
        after = time.time()
    finally:
        on_disk.stop_gateway()
        on_disk.start_gateway()
    (kept,) = keeper.heads.kept()
    days_s = work.at.place.heads_days * 86_400
    assert keeper.heads.wrong(kept) == "" and int(before) + days_s <= kept.until <= after + days_s


def until(is_so: Callable[[], bool]) -> None:
    ends_s = time.monotonic() + HANG_S
    while not is_so():
        assert time.monotonic() < ends_s, "it hangs"
        time.sleep(0.5)
