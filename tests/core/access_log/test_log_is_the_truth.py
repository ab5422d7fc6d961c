"""Whoever has root and the documents, but does not sign anew with the log's key: nobody gains a right, nothing false is called
good.

A furnished library is edited (`tampering`) while its service is stopped: rows and whole files of the register, log, head,
frontier, root and of everything else in STATE, one by one, together, at random and cleverly. What docs/access-log.md says only a
head from outside can show is blank: an older STATE together with what the volume has seen, and the log's key used.
"""

from __future__ import annotations

import copy
import json
import logging
import os
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from holdshelf_core.access_log import offline as log_offline
from holdshelf_core.access_log import types as types_register
from holdshelf_core.access_log.check import async_nightly
from holdshelf_core.actions.caller import Caller
from holdshelf_core.buffer import offline as footage_offline
from holdshelf_core.buffer import types as types_footage
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.paths import DataPaths
from holdshelf_core.people import types as types_people
from holdshelf_core.policy import doubt
from holdshelf_core.policy.case import Scope
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.errors import StorageError
from tests.core.access_log.tampering import ATTACKER, EDITS, Known, Rights, own_key, register_of, write_register
from tests.rules_furnished import furnish
from tests.rules_house import ADMIN, Rig
from tests.rules_machine import CAMERAS, PAPER, Machine, key
from tests.rules_model import MINUTE_NS
from tests.rules_service import copy_tree

EXAMPLES = int(os.environ.get("HOLDSHELF_TAMPER_EXAMPLES", "60"))
PERMISSIONS = (
    "door", "look.live", "look.archive", "purpose.open", "break_glass", "hold.place", "hold.lift", "hold.see", "person.add",
    "person.key", "person.remove", "seat.name", "seat.end", "appointment.make", "board.set", "log.see", "log.export",
    "release.request", "release.approve", "commission.edit", "commission.approve", "flag.review", "share.make", "outbox",
    "register.settle", "person.see", "report.see",
)  # fmt: skip


def rights_of(rig: Rig) -> Rights:
    """Who may do what: (person or admin, permission, camera)."""
    decide, now = rig.house.authorizer.decide, rig.time.wall_ns
    people = [*rig.house.state_store.rows["people"], ""]
    found = set()
    for person in people:
        caller = Caller(person, False, -1, "ssh") if person else ADMIN
        for permission in PERMISSIONS:
            for camera in CAMERAS:
                scope = Scope(
                    cameras=(camera,),
                    start_utc_ns=now - MINUTE_NS,
                    end_utc_ns=now,
                    purpose="crime",
                    ground="violation",
                    reference="1",
                    target="p5" if permission.startswith(("person", "seat", "appointment")) else "",
                    private=True,
                )
                if decide(caller, permission, scope).allowed:
                    found.add((person or "admin", permission, camera))
    return frozenset(found)


class TamperedRig(Rig):
    """Reads what somebody has edited: a line that is no entry any more is the service's to find, not this reader's."""

    def _entry_of(self, line: bytes) -> dict[str, Any] | None:
        try:
            entry = super()._entry_of(line)
        except ValueError:
            return None
        return entry if isinstance(entry, dict) and isinstance(entry.get("seq"), int) else None


def opened(folder: Path, time: Any) -> Rig:
    """Raises what the service's start raises; then nothing of it is left."""
    rig = TamperedRig(folder / "rig", folder / "template", copy.copy(time))
    try:
        rig.start()
    except BaseException:
        rig.close()
        raise
    return rig


@pytest.fixture(scope="module")
def known() -> Iterator[Known]:
    """Made by acts: after each of three days STATE is kept as it was; at the end a letter is over, a key gone, a term ended."""
    base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="holdshelf-truth-", dir=base) as name:
        root = Path(name)
        try:
            template = furnish(root)
        finally:
            Machine.template = None
        shutil.copytree(template.folder, root / "0" / "template")
        rig = opened(root / "0", template.time)
        epochs: list[Path] = []

        def kept() -> None:
            rig.run(rig.house.anchoring.async_anchor())
            rig.run(rig.house.seen.async_write())
            rig.flush()
            rig._wait_for_log()
            epochs.append(root / f"epoch-{len(epochs)}")
            copy_tree(rig.data.data, epochs[-1])
            AccessLog.open(epochs[-1] / "state").close()  # as a clean end leaves it: its frontier is the newest

        def done(name: str, request: Any) -> None:
            director, _ = rig.log_in("dora", key(0)[1])
            outcome = rig.act(name, director, request)
            assert outcome.kind == "done", outcome

        assert rig.run(rig.house.care.async_state_root())
        kept()
        done("appointment.end", types_people.Ending("a1", "no longer needed"))
        done("share.end", types_people.Ending(next(iter(rig.house.state_store.rows["shares"])), "seen"))
        kept()
        assert rig.run(rig.house.care.async_state_root())
        done("person.remove", types_people.PersonRemove("bob", "left the library"))
        done("seat.end", types_people.SeatEnd("mayor", "the term is over", "", PAPER))
        kept()
        # As the newest one is found when nobody touched it.
        shutil.copytree(epochs[-1], root / "1" / "template")
        other = opened(root / "1", rig.time)
        volume = volume_of(epochs[-1])
        truth = Known(root, epochs, copy.copy(rig.time), other.rows(), rights_of(other), volume)
        assert not other.house.state_store.differences and not other.house.state_store.state.limited
        other.close()
        rig.close()
        yield truth


def volume_of(data: Path) -> str:
    told: str = json.loads((data / "media" / "volume.json").read_bytes())["volume"]
    return told


# --- what must be true afterwards ------------------------------------------------------------------------------------


@settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
@given(picks=st.lists(st.tuples(st.sampled_from(EDITS), st.integers(0, 2**32)), min_size=1, max_size=3))
def tampered(known: Known, picks: list[tuple[Callable[[Path, Known, random.Random], None], int]]) -> None:
    logging.disable(logging.CRITICAL)
    folder = Path(tempfile.mkdtemp(dir=known.root))
    rig = None
    try:
        shutil.copytree(known.epochs[-1], folder / "template")
        for edit, number in picks:
            note(f"{edit.__name__} {number}")
            try:
                edit(folder / "template", known, random.Random(number))
            except (KeyError, ValueError, FileNotFoundError, IndexError, TypeError, AttributeError, StopIteration):
                continue  # an earlier edit took away what this one changes
        offline_good = called_good(folder / "template")
        footage_good = footage_called_good(folder / "template")
        try:
            rig = opened(folder, known.time)
        except (HoldshelfError, StorageError) as error:
            note(f"no service starts on it: {error}")
            SEEN["not started"] += 1
            return
        if rig.house.store.opened is None:
            # Its number is another one in STATE: a volume that is not taken says nothing of what it has seen, and shows nothing.
            assert not footage_good
            assert "media_volume" in {repair.issue_id for repair in rig.house.repairs.async_all()}
            return
        judge(rig, known, offline_good=offline_good, footage_good=footage_good)
    finally:
        if rig is not None:
            rig.close()
        shutil.rmtree(folder, ignore_errors=True)
        logging.disable(logging.NOTSET)


SEEN: Counter[str] = Counter()
"""What came of the edits: a campaign in which nothing is found shows nothing."""


def test_nobody_gains_a_right_and_nothing_false_is_called_good(known: Known) -> None:
    SEEN.clear()
    tampered(known)
    assert all(SEEN[what] for what in ("differences", "limited", "damaged", "number", "good")), SEEN


def called_good(data: Path) -> bool:
    state = data / "state"
    try:
        found = log_offline.verify(state)
    except (HoldshelfError, StorageError):
        return False
    return not found.problems and not found.register and (state / "register.json").exists()


def footage_called_good(data: Path) -> bool:
    try:
        found = footage_offline.verify_folder(data / "media", data / "state", types_footage.VerifyRequest())
    except (HoldshelfError, StorageError):
        return False
    return not found.problems


def judge(rig: Rig, known: Known, *, offline_good: bool, footage_good: bool) -> None:
    house, gate = rig.house.state_store, rig.house.authorizer
    limited = bool(house.state.limited)
    gained = {one for one in rights_of(rig) - known.rights if not (limited and one[1] in doubt.HOLDS_ONLY)}
    assert not gained, f"{gained} were gained"
    if limited:
        assert not any(one[1] not in doubt.HOLDS_ONLY and one[0] != "admin" for one in rights_of(rig)), (
            "holds and nothing else"
        )
    session, _ = rig.log_in("dora", ATTACKER[1])
    assert session is None, "with the attacker's own key"
    rig.run(rig.house.anchoring.async_look_for_missing())
    numbered = volume_of(rig.data.data) != known.volume
    good = not (house.problem or house.differences or gate.log.problem or limited or numbered)
    SEEN["differences"] += bool(house.differences)
    SEEN["limited"] += limited and gate.log.problem is None
    SEEN["damaged"] += gate.log.problem is not None
    SEEN["good"] += good
    SEEN["number"] += numbered
    repairs = {repair.issue_id for repair in rig.house.repairs.async_all()}
    if limited and gate.log.problem is None:
        assert not offline_good and not footage_good, "a check without the service misses the entries, too"
    assert ("volume_unknown" in repairs) == (numbered and gate.log.problem is None), repairs
    if numbered:
        assert not footage_good, "nothing can be proven of a volume to which the log does not lead"
    if good:
        assert rig.rows() == known.rows, "what is called good is what the log says"
        assert house.stored("settings") == {}, "no setting was made"
        if not called_good(rig.data.data):
            # Opening reads the last entries only; the first night reads all.
            rig.run(async_nightly(rig.house.care))
            assert gate.log.problem is not None or house.differences, "a check without the service finds more"
    else:
        assert repairs & {"register_differs", "access_log", "older_state", "rights_unknown", "volume_unknown"}, repairs
    if house.differences:
        assert not offline_good, "a check without the service says so, too"
        assert rig.house.holds.in_doubt(), "nothing is erased"


# --- at night, while the service runs --------------------------------------------------------------------------------


@pytest.fixture
def rig(known: Known) -> Iterator[Rig]:
    folder = Path(tempfile.mkdtemp(dir=known.root))
    shutil.copytree(known.epochs[-1], folder / "template")
    rig = opened(folder, known.time)
    yield rig
    rig.close()


def test_p11_a_register_edited_under_the_running_service_is_found_at_night(rig: Rig) -> None:
    path = rig.data.state / "register.json"
    tables = register_of(path)
    person = next(iter(tables["people"].values()))
    person["row"]["keys"].append(own_key())
    write_register(path, tables)
    assert "1 rows of the register differ" in rig.run(async_nightly(rig.house.care))
    assert "register_differs" in {repair.issue_id for repair in rig.house.repairs.async_all()}
    assert rig.house.state_store.state.suspended == {person["key"]}
    assert rig.house.holds.in_doubt()
    done = rig.act("register.settle", None, types_register.RegisterSettle("seen at night"))
    assert done.kind == "done", done
    assert "0 rows of the register differ" in rig.run(async_nightly(rig.house.care))
    assert not rig.house.state_store.state.suspended


def test_an_entry_forged_before_the_last_root_is_found_at_night(rig: Rig) -> None:
    path = max((rig.data.state / "access").glob("*.jsonl"))
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b'"action":"seat.name"', b'"action":"seat.game"', 1))
    assert rig.house.log.problem is None
    rig.run(async_nightly(rig.house.care))
    assert rig.house.log.problem is not None
    assert "access_log" in {repair.issue_id for repair in rig.house.repairs.async_all()}


def test_anchors_that_changed_places_in_the_log_are_found_without_waiting_for_the_night(rig: Rig) -> None:
    path = max((rig.data.state / "access").glob("*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    first, *_, other = [at for at, line in enumerate(lines) if b'"action":"footage.root"' in line]
    lines[first], lines[other] = lines[other], lines[first]
    path.write_bytes(b"".join(lines))
    assert rig.house.log.problem is None
    rig.run(rig.house.anchoring.async_look_for_missing())
    assert rig.house.log.problem is not None
    assert "access_log" in {repair.issue_id for repair in rig.house.repairs.async_all()}


def test_each_night_a_root_is_stated_when_entries_came_and_none_when_none_did(rig: Rig) -> None:
    rig.run(async_nightly(rig.house.care))
    size = rig.house.log.size
    assert rig.house.state_store.root_seq == size
    rig.run(async_nightly(rig.house.care))
    assert rig.house.log.size == size


def test_a_volume_that_comes_back_with_more_than_this_state_has_is_met_at_once(rig: Rig, known: Known) -> None:
    """The disk was away when the service started on an older state."""
    old = known.epochs[0]
    newest = (rig.data.media / "log-seen").read_bytes()

    def put_back(data: DataPaths) -> None:
        shutil.rmtree(data.state)
        copy_tree(old / "state", data.state)
        (data.media / "log-seen").unlink()

    rig.crash(put_back)
    assert not rig.house.state_store.state.limited, "a volume that saw nothing says nothing"
    (rig.data.media / "log-seen").write_bytes(newest)

    async def taken_back() -> None:
        async with rig.house.seen.comparing():
            assert rig.house.state_store.state.limited, "nothing but holds until it was compared"

    rig.run(taken_back())
    assert "older_state" in {repair.issue_id for repair in rig.house.repairs.async_all()}
    assert rig.house.state_store.state.limited


def test_a_log_that_is_damaged_proves_nothing_whatever_else_could_not_be_read_for_a_while(known: Known) -> None:
    folder = Path(tempfile.mkdtemp(dir=known.root))
    shutil.copytree(known.epochs[-1], folder / "template")
    state = folder / "template" / "state"
    path = max((state / "access").glob("*.jsonl"))
    path.write_bytes(path.read_bytes()[:-200])
    (state / "restored.json").mkdir()
    rig = opened(folder, known.time)
    try:
        for _ in range(2):
            assert rig.house.state_store.state.limited.startswith("The access log is damaged")
            shutil.rmtree(rig.data.state / "restored.json", ignore_errors=True)
            rig.run(rig.house.seen.async_compare())
    finally:
        rig.close()
