"""The register beside the rows by the log: what differs, what is merely behind, and whom it concerns."""

from __future__ import annotations

from typing import Any

import msgspec

from holdshelf_core.actions.register_check import concerned, differences, registered_rows
from holdshelf_core.actions.registry import Change
from holdshelf_core.actions.state_store import put, row_changes
from holdshelf_core.policy import model
from holdshelf_storage.access_log.rows import Rows

DORA = model.Person("p1", "dora", "Dora Reed")
SEAT = model.Seat("s1", "director", "p1", 0)
LETTER = model.Appointment("a1", "p2", "s1", ("archive",), ("lobby",), 0, 9, "x")


def by_log(*entries: list[Change], mark: int | None = None) -> Rows:
    rows = Rows(mark=mark)
    for seq, changes in enumerate(entries, 1):
        rows.apply(row_changes(changes), seq)
    return rows


def register(**tables: dict[str, Any]) -> Any:
    stored = {
        name: [{"key": key, "row": msgspec.to_builtins(row)} for key, row in rows.items()]
        for name, rows in tables.items()
    }
    return registered_rows(stored)


FIRST = [put("people", "p1", DORA), put("seats", "s1", SEAT), put("appointments", "a1", LETTER)]
WHOLE = {"people": {"p1": DORA}, "seats": {"s1": SEAT}, "appointments": {"a1": LETTER}}


def test_the_same_is_no_difference() -> None:
    assert differences(register(**WHOLE), by_log(FIRST, mark=1)) == []


def test_a_field_that_came_later_has_its_default_in_an_entry_of_before() -> None:
    old = msgspec.to_builtins(DORA)
    del old["email"], old["left_utc_ns"]
    rows = by_log([Change("people", "p1", old), *FIRST[1:]], mark=1)
    assert differences(register(**WHOLE), rows) == []


def test_a_field_that_no_version_knows_is_a_difference() -> None:
    tables = register(**WHOLE)
    tables["people"]["p1"][0]["sudo"] = True
    assert [one.key for one in differences(tables, by_log(FIRST, mark=1))] == ["p1"]


def test_a_register_that_is_behind_or_a_little_ahead_is_no_difference() -> None:
    renamed = msgspec.structs.replace(DORA, name="Dora Reed-Hill")
    gone = Change("appointments", "a1", None)
    rows = by_log(FIRST, [put("people", "p1", renamed), gone], mark=1)
    assert differences(register(**WHOLE), rows) == []
    assert differences(register(**{**WHOLE, "people": {"p1": renamed}}), rows) == []
    # One old row in a register that says it is up to date is another matter.
    rows = by_log(FIRST, [put("people", "p1", renamed), gone], mark=2)
    assert {one.key for one in differences(register(**WHOLE), rows)} == {"p1", "a1"}


def test_a_row_twice_and_a_row_of_nobody_are_differences() -> None:
    tables = register(**WHOLE)
    tables["people"]["p1"].append(tables["people"]["p1"][0])
    tables["shares"] = {"V-1": [{"nonsense": 1}]}
    assert {one.key for one in differences(tables, by_log(FIRST, mark=1))} == {"p1", "V-1"}


def test_p11_whom_a_row_concerns_is_everybody_in_either_version_and_who_hangs_on_it() -> None:
    other = msgspec.structs.replace(SEAT, person="p7")
    found = differences(register(**{**WHOLE, "seats": {"s1": other}}), by_log(FIRST, mark=1))
    assert concerned(found, by_log(FIRST)) == {"p1", "p7", "p2"}


def test_a_camera_is_compared_by_what_people_decide() -> None:
    row = {"entry_id": "front", "title": "Front", "area_kind": "entrance", "area_note": "", "data": {"a": 1}}
    rows = by_log([Change("entries", "front", row)], mark=1)
    assert differences(registered_rows({"entries": [{"key": "front", **row, "data": {"b": 2}}]}), rows) == []
    asked = {"entries": [{"key": "front", **row, "backfill": ""}]}
    assert differences(registered_rows(asked), rows) == [], "of before there was that setting"
    off = by_log([Change("entries", "front", {**row, "backfill": "off"})], mark=1)
    assert [one.key for one in differences(registered_rows(asked), off)] == ["front"]
    moved = registered_rows({"entries": [{"key": "front", **row, "area_kind": "parking"}]})
    assert [one.key for one in differences(moved, rows)] == ["front"]
