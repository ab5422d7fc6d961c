"""The access log behind the real service.

Refusals are in it, damage is found, and the service goes on without rights until it is mended.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.access_log import types as log_types
from holdshelf_core.access_log import types as types_register
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, Refused, Unavailable
from holdshelf_core.people import board_types as types
from holdshelf_core.people import types as types_people
from tests.people import PAPER, People
from tests.rig.hang import HANG_S
from tests.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data", mint=True) as running:
        yield running


@pytest.fixture
def people(service: Service) -> People:
    known = People(service)
    known.name_director()
    return known


def log_file(service: Service) -> Path:
    return max((service.data / "state" / "access").glob("*.jsonl"))


def verified(service: Service, against: str = "") -> log_types.LogVerified:
    return service.act(log_types.LogVerify(against))


def head(service: Service) -> str:
    return service.client.read(log_types.ReadHead()).head


def accept(service: Service) -> None:
    asked = types_register.LogAccept(PAPER, "compared with the papers on file")
    service.act(asked)


def refusals(people: People, count: int) -> None:
    sam = people.client("sam")
    for _ in range(count):
        with pytest.raises(Refused):
            sam.act(types_people.PersonAdd("eve", "Eve Cox"))


def test_every_refusal_is_an_entry_with_its_clause(service: Service, people: People) -> None:
    people.appoint("sam", "Sam Roe", people.client("dora"), "archive")
    refusals(people, 3)
    rows = service.act(log_types.LogShow(action="person.add")).entries
    assert [(r.entry["outcome"], r.entry.get("clause")) for r in rows] == [("done", None)] + [("refused", "P11")] * 3


def test_p21_what_was_typed_for_a_camera_or_a_row_stays_out_of_the_public_log(service: Service, people: People) -> None:
    dora = people.client("dora")
    name = "Jane Doe, 12 Elm"
    asked: list[tuple[str, dict[str, object]]] = [
        ("hold.place", {"ground": "rumor", "reference": "1", "spans": [{"camera": name, "start_utc_ns": 1}]}),
        ("purpose.open", {"cameras": [name], "purpose": "crime", "start_utc_ns": 1, "end_utc_ns": 2}),
        ("hold.lift", {"hold": name, "why": "x"}),
        ("release.show", {"release": name}),
        ("seat.name", {"seat": name, "person": "dora"}),
    ]
    for action, request in asked:
        with pytest.raises(Refused):
            dora.post(f"/actions/{action}", request, dict)
    assert "Jane" not in str(service.act(log_types.LogShow()))
    texts = [row.texts for row in dora.act(log_types.LogShow()).entries]
    assert [t["cameras_asked"] for t in texts if "cameras_asked" in t] == [name, name]
    assert [t["subject_asked"] for t in texts if "subject_asked" in t] == [name, name]


def test_the_admin_reads_the_log_without_names(service: Service, people: People) -> None:
    service.client.act(types_people.PersonAdd("ann", "Ann Leeward"))
    shown = service.act(log_types.LogShow())
    assert all(row.texts == {} for row in shown.entries)
    assert "Leeward" not in str(shown)
    by_seat = people.client("dora").act(log_types.LogShow())
    assert "Ann Leeward" in str(by_seat)
    with pytest.raises(Refused):
        next(service.client.stream("/log/export", log_types.LogExport(public=False), timeout_s=HANG_S))


def test_a_public_copy_verifies_whole_and_in_parts(service: Service, people: People, tmp_path: Path) -> None:
    copy, outside = tmp_path / "public.txt", head(service)
    copy.write_bytes(b"".join(service.client.stream("/log/export", log_types.LogExport(), timeout_s=HANG_S)))
    assert b"Dora" not in copy.read_bytes()
    part = service.act(log_types.LogExport(first=2, last=3))
    assert (part.first, part.last) == (2, 3)
    with pytest.raises(BadRequest, match="does not have those entries"):
        service.act(log_types.LogExport(first=2, last=3000))
    from holdshelf_storage.access_log.verify import verify_log  # noqa: PLC0415

    assert verify_log(copy, outside).problems == []


def test_scene_14_one_changed_byte_is_found_by_the_running_service(service: Service, people: People) -> None:
    outside = head(service)
    file = log_file(service)
    raw = bytearray(file.read_bytes())
    at = raw.index(b'"seat.name"')
    raw[at + 1] ^= 1
    with file.open("r+b") as opened:
        opened.seek(at)
        opened.write(raw[at : at + 4])
    assert verified(service, outside).problems


def test_scene_14_the_last_50_entries_cut_are_found_against_an_outside_head(service: Service, people: People) -> None:
    people.appoint("sam", "Sam Roe", people.client("dora"), "archive")
    refusals(people, 50)
    outside = head(service)
    service.stop()
    file = log_file(service)
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join(lines[:-110]))
    service.start()
    assert service.repairs()["access_log"].severity == "error"
    problems = verified(service, outside).problems
    assert problems
    # Even one who also takes away what the machine itself remembers cannot argue with what was kept outside.
    with pytest.raises((Unavailable, HoldshelfError)):
        people.client("dora").act(types.BoardSet("live_minutes", "5", "stricter"))


def test_after_damage_the_admin_goes_on_with_a_new_log_that_names_the_old(service: Service, people: People) -> None:
    people.appoint("sam", "Sam Roe", people.client("dora"), "archive")
    with pytest.raises(Conflict):
        service.act(log_types.LogRepair("nothing is broken"))
    service.stop()
    file = log_file(service)
    file.write_bytes(file.read_bytes()[: len(file.read_bytes()) // 2])
    service.start()
    with pytest.raises(HoldshelfError):
        people.client("dora")
    service.act(log_types.LogRepair("the disk lost half a file"))
    assert "access_log" not in service.repairs()
    assert verified(service).problems == []
    # Nothing proves the register that it goes on with: holds alone, until the Board's paper says that it is right.
    assert "nothing proves" in people.client("sam").read(types_people.ReadMe()).limited
    accept(service)
    assert people.client("sam").read(types_people.ReadMe()).limited == ""
    assert people.client("sam").read(types_people.ReadMe()).roles[0].state == "active"
    flags = service.client.read(types_people.ReadFlags())
    assert "log_repaired" in {flag.kind for flag in flags}
    service.kill()
    (service.data / "state" / "register.json").unlink()
    service.start()
    assert people.client("sam").read(types_people.ReadMe()).roles[0].state == "active"


def test_a_log_that_is_gone_leaves_no_rights_and_what_was_known(service: Service, people: People) -> None:
    service.stop()
    shutil.rmtree(service.data / "state" / "access")
    service.start()
    assert "access_log" in service.repairs()
    with pytest.raises(HoldshelfError):
        people.client("dora")
    service.act(log_types.LogRepair("somebody removed the folder"))
    accept(service)
    assert people.client("dora").read(types_people.ReadMe()).login == "dora"
