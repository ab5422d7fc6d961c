"""What a person is told after a restore: first what the old log says has changed since, then what may have."""

from __future__ import annotations

import msgspec

from holdshelf_core.access_log import restore_notice as after_restore
from holdshelf_storage.backup.restore import Restored

RESTORED = Restored(
    at_utc_ns=1_795_000_000 * 10**9,
    made_utc_ns=1_794_000_000 * 10**9,
    archive_sha256="a" * 64,
    entries=120,
    head="",
    set_aside="state.before-restore-20261118T000000Z",
    newer=None,
    problems=[],
)


def told(**more: object) -> str:
    return "\n".join(after_restore.what_to_check(msgspec.structs.replace(RESTORED, **more)))


def test_p11_without_the_old_log_everything_that_can_be_revoked_is_named() -> None:
    words = told()
    for command in ("person list", "seat list", "appointment list", "share list", "hold list", "board show"):
        assert command in words
    assert "Changed since" not in words


def test_p16_what_the_old_log_says_has_changed_comes_first_and_is_counted() -> None:
    lines = told(newer={"hold.lift.approve": 1, "person.remove": 2, "look.open": 9}).split("\n")
    assert [line.split(":")[1].split()[0] for line in lines if line.startswith("Changed since")] == ["people", "holds"]
    assert any("12 entries more: hold.lift.approve 1, look.open 9, person.remove 2" in line for line in lines)


def test_an_old_log_that_has_nothing_newer_alarms_nobody() -> None:
    assert "hanged since" not in told(newer={})


def test_the_folder_set_aside_the_end_of_the_log_and_what_was_not_whole_are_named() -> None:
    words = told(problems=["Its register is damaged."])
    for part in ("state.before-restore-20261118T000000Z", "ends at entry 120", "Its register is damaged."):
        assert part in words


def test_the_entry_in_the_log_names_no_person_and_no_word_of_one() -> None:
    facts = after_restore.facts(msgspec.structs.replace(RESTORED, newer={"person.remove": 2}, problems=["x"]))
    assert facts == {
        "made": "2026-11-06T21:20:00.000000000Z",
        "restored": "2026-11-18T11:06:40.000000000Z",
        "archive": "a" * 64,
        "entries": 120,
        "newer": 2,
        "problems": 1,
    }
