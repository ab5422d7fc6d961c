"""The register: whole or the copy before, never half; passwords sealed; a newer one left alone."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from tinydb import where

from holdshelf_storage import atomic
from holdshelf_storage.errors import DiskFull, FormatNewer, SecretLost, StorageError
from holdshelf_storage.register import Register, Tables
from tests.storage.crash import Steps


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    (folder / "keys").mkdir(parents=True)
    return folder


def test_what_is_committed_is_there_after_a_restart_and_what_is_not_is_not(state: Path) -> None:
    register = Register.open(state)
    assert register.problem is None
    register.put("entries", "front", {"title": "Front door — é", "data": {"x": [1, 2.5, None, True]}})
    register.table("entries").insert({"title": "only in memory"})
    again = Register.open(state)
    assert again.get("entries", "front") == {"title": "Front door — é", "data": {"x": [1, 2.5, None, True]}}
    assert len(again.table("entries").all()) == 1
    register.commit()
    assert len(Register.open(state).table("entries").all()) == 2


def test_rows_are_replaced_and_removed_by_key(state: Path) -> None:
    register = Register.open(state)
    register.put("settings", "budget", {"bytes": 1})
    register.put("settings", "budget", {"bytes": 2})
    register.put("settings", "floor", {"days": 30})
    assert register.get("settings", "budget") == {"bytes": 2}
    assert len(register.table("settings")) == 2
    assert register.remove("settings", "budget")
    assert not register.remove("settings", "budget")
    assert register.get("settings", "budget") is None
    assert Register.open(state).get("settings", "floor") == {"days": 30}


def test_rows_given_in_and_out_are_copies(state: Path) -> None:
    register = Register.open(state)
    row: dict[str, Any] = {"data": {"password": "x"}}
    register.put("entries", "front", row)
    row["data"]["password"] = "changed"
    read = register.get("entries", "front")
    assert read == {"data": {"password": "x"}}
    read["data"]["password"] = "changed"
    assert register.get("entries", "front") == {"data": {"password": "x"}}


def test_the_file_is_private_and_readable_json(state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"title": "x"})
    path = state / "register.json"
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["tables"]["entries"]["1"]["title"] == "x"
    assert sorted(os.listdir(state)) == ["keys", "register.json"]


def test_a_commit_without_a_change_writes_nothing(state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {})
    before = (state / "register.json").stat().st_ino
    register.commit()
    assert (state / "register.json").stat().st_ino == before


@pytest.mark.parametrize("damage", ["truncated", "empty", "bit", "zeros", "list"])
def test_a_damaged_register_is_set_aside_and_the_copy_before_is_used(state: Path, damage: str) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 1})
    register.put("entries", "front", {"n": 2})
    path = state / "register.json"
    data = path.read_bytes()
    path.write_bytes(
        {
            "truncated": data[:-20],
            "empty": b"",
            "bit": data.replace(b'"n":2', b'"n":3'),
            "zeros": bytes(len(data)),
            "list": b"[]\n",
        }[damage]
    )
    damaged = path.read_bytes()
    again = Register.open(state)
    assert again.problem is not None
    (aside,) = state.glob("register.corrupt-*.json")
    assert aside.name in str(again.problem)
    assert aside.read_bytes() == damaged
    assert again.get("entries", "front") == {"n": 1}
    again.commit()
    assert Register.open(state).problem is None


def test_two_damaged_copies_leave_an_empty_register_that_says_so(state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 1})
    register.put("entries", "front", {"n": 2})
    (state / "register.json").write_bytes(b"?")
    (state / "register.last.json").write_bytes(b"?")
    again = Register.open(state)
    assert "No copy of it can be read" in str(again.problem)
    assert again.table("entries").all() == []
    assert len(list(state.glob("register.corrupt-*"))) == 2


def test_a_register_that_has_gone_is_not_taken_for_a_new_installation(state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 1})
    register.put("entries", "front", {"n": 2})
    (state / "register.json").unlink()
    again = Register.open(state)
    assert "is gone" in str(again.problem)
    assert again.get("entries", "front") == {"n": 1}


def test_a_newer_register_is_left_alone(state: Path) -> None:
    register = Register.open(state, schema=2)
    register.put("entries", "front", {})
    before = (state / "register.json").read_bytes()
    with pytest.raises(FormatNewer):
        Register.open(state, schema=1)
    assert (state / "register.json").read_bytes() == before
    assert not list(state.glob("register.corrupt-*"))


def test_an_older_register_is_migrated_step_by_step(state: Path) -> None:
    Register.open(state, schema=1).put("cameras", "front", {"name": "Front"})

    def rename(tables: Tables) -> Tables:
        return {"entries": tables["cameras"]}

    def title(tables: Tables) -> Tables:
        return {"entries": {key: {**row, "title": row["name"]} for key, row in tables["entries"].items()}}

    register = Register.open(state, schema=3, migrations={1: rename, 2: title})
    assert register.get("entries", "front") == {"name": "Front", "title": "Front"}
    register.commit()
    assert Register.open(state, schema=3, migrations={}).get("entries", "front") is not None
    with pytest.raises(StorageError, match="schema 3"):
        Register.open(state, schema=4, migrations={})
    with pytest.raises(StorageError, match="could not be brought"):
        Register.open(state, schema=4, migrations={3: rename})


def test_a_transaction_happens_whole_or_not_at_all(state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 1})

    def fail() -> None:
        with register.transaction():
            register.table("entries").update({"n": 2}, where("key") == "front")
            register.table("people").insert({"name": "x"})
            raise ValueError

    with pytest.raises(ValueError):
        fail()
    assert register.get("entries", "front") == {"n": 1}
    assert register.table("people").all() == []
    register.put("entries", "back", {"n": 5})
    assert Register.open(state).get("entries", "front") == {"n": 1}


def test_a_crash_at_any_step_of_a_commit_leaves_the_old_or_the_new(tmp_path: Path, state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 0})
    register.put("entries", "front", {"n": 1})
    steps = Steps(state, tmp_path)
    with steps.watching():
        register.put("entries", "front", {"n": 2})
    assert len(steps.moments) >= 6
    assert Register.open(steps.moments[-1].cut).get("entries", "front") == {"n": 2}
    for moment in steps.moments:
        for copy in (moment.killed, moment.cut):
            again = Register.open(copy)
            assert again.problem is None, moment.step
            assert again.get("entries", "front") in ({"n": 1}, {"n": 2}), moment.step
            again.put("entries", "front", {"n": 3})
            assert Register.open(copy).get("entries", "front") == {"n": 3}, moment.step
    assert again.get("entries", "front") == {"n": 3}


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """A block in which the register's disk has no room."""

    def full(fd: int, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    @contextmanager
    def block() -> Iterator[None]:
        with monkeypatch.context() as patch:
            patch.setattr(atomic, "write_all", full)
            yield

    yield block


def test_what_a_full_disk_refused_is_not_done_by_a_later_write(
    state: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 1})
    before = (state / "register.json").read_bytes()
    with full_disk():
        with pytest.raises(DiskFull):
            register.put("entries", "ghost", {"n": 2})
        with pytest.raises(DiskFull):
            register.remove("entries", "front")
    assert (state / "register.json").read_bytes() == before
    assert register.get("entries", "ghost") is None
    assert register.get("entries", "front") == {"n": 1}
    register.put("settings", "budget", {"bytes": 1})
    assert Register.open(state).get("entries", "ghost") is None
    assert Register.open(state).get("entries", "front") == {"n": 1}


def test_a_table_changed_by_hand_is_written_by_the_next_commit_that_can(
    state: Path, full_disk: Callable[[], AbstractContextManager[None]]
) -> None:
    register = Register.open(state)
    register.table("entries").insert({"n": 1})
    with full_disk(), pytest.raises(DiskFull):
        register.commit()
    register.commit()
    assert len(Register.open(state).table("entries")) == 1


def test_a_register_that_was_lost_stays_named_until_there_is_one_again(state: Path) -> None:
    register = Register.open(state)
    register.put("entries", "front", {"n": 1})
    register.put("entries", "front", {"n": 2})
    for name in ("register.json", "register.last.json"):
        (state / name).write_bytes(b"garbage")
    assert Register.open(state).problem is not None
    again = Register.open(state)
    assert again.problem is not None
    assert "set aside" in str(again.problem)
    again.put("entries", "front", {"n": 3})
    assert Register.open(state).problem is None


def test_commits_from_many_threads_lose_nothing(state: Path) -> None:
    register = Register.open(state)
    threads = [
        threading.Thread(target=lambda n=n: [register.put("t", f"{n}-{i}", {"i": i}) for i in range(10)])
        for n in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Register.open(state).table("t")) == 50


def test_passwords_are_sealed_with_a_private_key(state: Path) -> None:
    register = Register.open(state)
    token = register.encrypt("pässword")
    register.put("entries", "front", {"sealed": token})
    assert b"ssword" not in (state / "register.json").read_bytes()
    assert (state / "keys" / "register.key").stat().st_mode & 0o777 == 0o600
    assert Register.open(state).decrypt(token) == "pässword"


def test_a_lost_damaged_or_wrong_key_is_said_and_not_made_anew_in_silence(state: Path) -> None:
    token = Register.open(state).encrypt("x")
    key = state / "keys" / "register.key"
    kept = key.read_bytes()
    key.unlink()
    with pytest.raises(SecretLost, match="missing"):
        Register.open(state).decrypt(token)
    assert not key.exists()
    key.write_bytes(b"damaged")
    with pytest.raises(SecretLost, match="damaged"):
        Register.open(state).decrypt(token)
    key.unlink()
    other = Register.open(state)
    other.encrypt("y")
    with pytest.raises(SecretLost, match="does not open"):
        other.decrypt(token)
    key.write_bytes(kept)
    assert Register.open(state).decrypt(token) == "x"
    with pytest.raises(SecretLost):
        Register.open(state).decrypt("nönsense")
