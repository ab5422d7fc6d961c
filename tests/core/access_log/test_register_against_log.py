"""The log is the truth, also against its own keeper: an edited register, a state copied back, a log that cannot be written."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.access_log import offline as log_offline
from holdshelf_core.access_log import types as log_types
from holdshelf_core.access_log import types as types_register
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import Conflict, HoldshelfError, Refused
from holdshelf_core.buffer import types as types_commission
from holdshelf_core.holds import types as types_holds
from holdshelf_core.looks import types as types_looks
from holdshelf_core.people import board_types as types_board
from holdshelf_core.people import types as types_people
from holdshelf_storage.backup.backup import backup
from holdshelf_storage.backup.restore import restore
from tests.keys import new_key
from tests.log_files import months
from tests.looking import commissioned, record, seed
from tests.people import PAPER, People
from tests.rig.faults import LoopImage
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for

Tables = dict[str, dict[str, dict[str, Any]]]
WHY = "somebody edited it"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "data", mint=True)
    seed(running.data, commissioned("lobby"))
    record(running.data, ("lobby",), time.time_ns() - 3600 * 10**9)
    with running:
        yield running


@pytest.fixture
def people(service: Service) -> People:
    known = People(service)
    dora = known.name_director()
    known.name("chair", "carl", "Carl Hill", dora)
    known.appoint("sam", "Sam Roe", dora, "archive", "hold", cameras=["lobby"])
    return known


def edited(service: Service, change: Callable[[Tables], None]) -> None:
    """As root does it with the documents in hand: the service stopped, the register changed, its checksum made anew."""
    service.stop()
    path = service.data / "state" / "register.json"
    file = json.loads(path.read_bytes())
    change(file["tables"])
    tables = json.dumps(file["tables"], separators=(",", ":"), ensure_ascii=False).encode()
    digest = hashlib.sha256(tables).hexdigest()
    path.write_bytes(b'{"schema":1,"sha256":"%s","tables":%s}\n' % (digest.encode(), tables))


def row(tables: Tables, table: str, key: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in tables[table].values() if one["key"] == key)
    return found.get("row", found)


def person_id(service: Service, login: str) -> str:
    rows = service.client.read(types_people.ReadPeople())
    return next(one.id for one in rows if one.login == login)


def may_log_in(people: People, login: str) -> bool:
    try:
        people.client(login)
    except HoldshelfError:
        return False
    return True


def verified(service: Service) -> log_types.LogVerified:
    return service.act(log_types.LogVerify())


def checked(service: Service) -> types_register.RegisterChecked:
    return service.act(types_register.RegisterCheck())


# --- the register ----------------------------------------------------------------------------------------------------


def test_p11_a_key_put_into_the_directors_row_opens_nothing_and_the_row_is_named(
    service: Service, people: People
) -> None:
    director = person_id(service, "dora")
    line, fingerprint = new_key()

    def own_key(tables: Tables) -> None:
        stolen = {"fingerprint": fingerprint, "kind": "ssh-ed25519", "line": line, "added_utc_ns": 0}
        row(tables, "people", director)["keys"].append(stolen)

    edited(service, own_key)
    assert log_offline.verify(service.data / "state").register, "also before any service looks at it"
    service.start()
    with pytest.raises(HoldshelfError, match="not enrolled here"):
        service.open_session("dora", fingerprint)
    assert not may_log_in(people, "dora"), "whom the row concerns has no rights until it is settled"
    assert may_log_in(people, "carl"), "everybody else goes on"
    repair = service.repairs()["register_differs"]
    assert repair.severity == "error"
    assert f"people {director} (Dora Reed)" in repair.sentence
    found = checked(service)
    assert [(one.table, one.key, [field.field for field in one.fields]) for one in found.rows] == [
        ("people", director, ["keys"])
    ]
    assert found.without_rights == [director]
    assert "people" in verified(service).register[0]
    # Nothing but the log's own word settles it, and a second person sees that it was done.
    settled = service.act(types_register.RegisterSettle(WHY))
    assert settled.rows == [f"people {director} (Dora Reed)"]
    assert "register_differs" not in service.repairs()
    assert may_log_in(people, "dora")
    with pytest.raises(HoldshelfError, match="not enrolled here"):
        service.open_session("dora", fingerprint)
    flags = people.client("dora").read(types_people.ReadFlags())
    assert "register_settled" in {flag.kind for flag in flags}
    assert checked(service).rows == []
    service.stop()
    assert log_offline.verify(service.data / "state").register == []
    service.start()
    assert "register_differs" not in service.repairs()
    with pytest.raises(Conflict, match="nothing to settle"):
        service.act(types_register.RegisterSettle(WHY))


def test_p15_a_setting_put_into_the_register_erases_nothing_and_is_named(service: Service, people: People) -> None:
    segments = sorted(service.media.glob("**/*.mp4"))
    assert segments

    def less_room(tables: Tables) -> None:
        tables.setdefault("settings", {})["999"] = {"key": "budget", "bytes": 1}

    edited(service, less_room)
    assert log_offline.verify(service.data / "state").register, "also before any service looks at it"
    service.start()
    assert "settings budget" in service.repairs()["register_differs"].sentence
    disk = service.client.status().disk
    assert disk is not None
    assert disk.budget_bytes > disk.size_bytes // 2, "the default is in force"
    assert sorted(service.media.glob("**/*.mp4")) == segments
    assert service.act(types_register.RegisterSettle(WHY)).rows == ["settings budget"]
    assert "register_differs" not in service.repairs()
    service.stop()
    assert log_offline.verify(service.data / "state").register == []


def test_what_was_set_at_setup_stands_in_the_logs_first_entry(tmp_path: Path) -> None:
    service = Service(tmp_path / "data", budget_bytes=1 << 30)
    assert not log_offline.verify(service.data / "state").register, "no entry yet, so nothing to compare with"
    with service:
        first = json.loads(months(service.data / "state")[0].read_bytes().splitlines()[1])
        assert (first["seq"], first["action"], first["facts"]["rows"]) == (1, "register.adopt", ["settings/budget"])
        assert "register_differs" not in service.repairs()


def test_what_was_left_half_made_stays_while_the_register_is_in_doubt_and_goes_once_that_is_settled(
    service: Service, people: People
) -> None:
    """A register that is not the log's may have forgotten the release whose bundle lies there."""
    director, folder = person_id(service, "dora"), service.data / "media" / "bundles"

    def renamed(tables: Tables) -> None:
        row(tables, "people", director)["name"] = "Nobody"

    edited(service, renamed)
    for name in (".making", "R-2026-0001"):
        (folder / name).mkdir(parents=True)
    service.start()
    assert "register_differs" in service.repairs()
    assert sorted(path.name for path in folder.iterdir()) == [".making", "R-2026-0001"]
    service.act(types_register.RegisterSettle(WHY))
    wait_for("it is cleared without another start", lambda: not list(folder.iterdir()))


def test_p11_a_letter_made_wider_gives_what_the_log_says_and_that_only_once_it_is_settled(
    service: Service, people: People
) -> None:
    def wider(tables: Tables) -> None:
        letter = row(tables, "appointments", "a1")
        letter["cameras"] = None
        letter["rights"] = ["live", "archive", "hold", "share", "release", "commission"]
        letter["end_utc_ns"] += 10**18

    edited(service, wider)
    service.start()
    assert not may_log_in(people, "sam")
    fields = {field.field for field in checked(service).rows[0].fields}
    assert fields == {"cameras", "rights", "end_utc_ns"}
    service.act(types_register.RegisterSettle(WHY))
    roles = people.client("sam").read(types_people.ReadMe()).roles
    assert (roles[0].rights, roles[0].cameras) == (["archive", "hold"], ["lobby"])


def test_p11_a_term_that_was_ended_does_not_live_again_and_whoever_hangs_on_it_waits(
    service: Service, people: People
) -> None:
    dora = people.client("dora")
    dora.act(types_people.AppointmentEnd("a1", "no longer needed"))

    def revived(tables: Tables) -> None:
        row(tables, "appointments", "a1").update(ended_utc_ns=None, ended_why="")
        row(tables, "seats", "s1")["end_utc_ns"] = 2**62

    edited(service, revived)
    service.start()
    assert not may_log_in(people, "sam")
    assert not may_log_in(people, "dora")
    service.act(types_register.RegisterSettle(WHY))
    assert not may_log_in(people, "sam"), "ended is ended"
    assert may_log_in(people, "dora")


def test_a_whole_register_of_an_earlier_day_is_brought_up_to_date_and_alarms_nobody(
    service: Service, people: People
) -> None:
    service.stop()
    path = service.data / "state" / "register.json"
    old = path.read_bytes()
    service.start()
    people.client("dora").act(types_people.AppointmentEnd("a1", "over"))
    service.stop()
    path.write_bytes(old)
    service.start()
    assert "register_differs" not in service.repairs()
    assert not may_log_in(people, "sam")
    assert checked(service).rows == []


def test_what_the_admin_is_shown_of_a_difference_holds_no_text(service: Service, people: People) -> None:
    def renamed(tables: Tables) -> None:
        row(tables, "people", "p1").update(name="Mallory Hidden", email="mallory@example.org")

    edited(service, renamed)
    service.start()
    shown = json.dumps([(field.field, field.by_register) for field in checked(service).rows[0].fields])
    assert "name" in shown and "Mallory" not in shown and "example.org" not in shown


# --- an older state --------------------------------------------------------------------------------------------------


def copied(service: Service, to: Path) -> None:
    """STATE as it is now, the service stopped for it."""
    service.stop()
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(service.data / "state", to)
    service.start()


def put_back(service: Service, old: Path) -> None:
    service.stop()
    shutil.rmtree(service.data / "state")
    shutil.copytree(old, service.data / "state")
    service.start()


def look(client: Client) -> None:
    client.act(types_looks.ActivityAsk("lobby", 1, 2))


def place_hold(client: Client) -> types_holds.HoldRow:
    asked = types_holds.HoldPlace("violation", "2026-17", [types_holds.SpanAsk("lobby", 1, 2)])
    return client.act(asked)


def test_p11_a_state_copied_back_lets_nobody_look_until_the_boards_paper_accepts_it(
    service: Service, people: People, tmp_path: Path
) -> None:
    copied(service, tmp_path / "old")
    dora = people.client("dora")
    dora.act(types_people.AppointmentEnd("a1", "over"))
    entries = verified(service).entries
    wait_for("the volume has seen it", lambda: b"\\n%d\\n" % entries in (service.data / "media/log-seen").read_bytes())
    put_back(service, tmp_path / "old")
    repair = service.repairs()["older_state"]
    assert repair.severity == "error"
    assert "entries" in repair.sentence and "are missing" in repair.sentence
    # Who was ended since comes in, as everybody the older state names: to place a hold, and for nothing else.
    sam, dora = people.client("sam"), people.client("dora")
    assert "missing" in sam.read(types_people.ReadMe()).limited
    placed = place_hold(dora)
    assert dora.act(types_holds.HoldAsk(placed.id)).state == "active"
    with pytest.raises(Refused, match="You can only place holds"):
        look(sam)
    with pytest.raises(Refused, match="You can only place holds"):
        dora.act(types_board.BoardSet("live_minutes", "5", "stricter"))
    with pytest.raises(Refused, match="You can only place holds"):
        dora.act(types_people.PersonAdd("eve", "Eve Cox"))
    with pytest.raises(Refused, match="You can only place holds"):
        service.act(types_people.PersonAdd("eve", "Eve Cox"))
    # It stays so over a restart, for the volume does not forget.
    service.stop()
    service.start()
    assert "are missing" in service.repairs()["older_state"].sentence
    flags = service.client.read(types_people.ReadFlags())
    assert [flag.kind for flag in flags].count("older_log") == 1
    with pytest.raises(HoldshelfError, match="SHA-256"):
        service.act(types_register.LogAccept("", "it is all there is"))
    done = service.act(types_register.LogAccept(PAPER, "it is all there is"))
    assert service.repairs()["older_state"].severity == "warning", "a second person still looks at it"
    dora = people.client("dora")
    assert dora.read(types_people.ReadMe()).limited == ""
    dora.act(types_people.FlagReview(done.flag, "compared with the letters on file"))
    assert "older_state" not in service.repairs()
    service.stop()
    service.start()
    assert "older_state" not in service.repairs()
    assert people.client("dora").read(types_people.ReadMe()).limited == ""


def test_what_could_not_be_compared_is_compared_again_without_anybody(service: Service, people: People) -> None:
    """A disk that fails for a moment: there is nothing that the Board could accept."""
    service.stop()
    seen = service.data / "media/log-seen"
    newest = seen.read_bytes()
    seen.unlink()
    seen.mkdir()
    service.start()
    repair = service.repairs()["log_not_compared"]
    assert "cannot tell whether this state is the newest" in repair.sentence
    assert "accept" not in repair.next_step
    sam = people.client("sam")
    with pytest.raises(Refused, match="You can only place holds"):
        look(sam)
    seen.rmdir()
    seen.write_bytes(newest)
    wait_for("it was compared", lambda: "log_not_compared" not in service.repairs())
    look(sam)
    assert "older_state" not in service.repairs()
    assert not [flag for flag in service.client.read(types_people.ReadFlags()) if flag.kind == "older_log"]


def test_a_restored_backup_waits_for_the_same_paper(service: Service, people: People, tmp_path: Path) -> None:
    backup(service.data / "state", tmp_path / "b.tar", promised=verified(service).entries)
    people.client("dora").act(types_people.AppointmentEnd("a1", "over"))
    service.stop()
    restore(tmp_path / "b.tar", service.data / "state", 10**18, replace=True)
    service.start()
    repair = service.repairs()["older_state"]
    assert "was restored" in repair.sentence and "are missing" in repair.sentence
    with pytest.raises(Refused, match="You can only place holds"):
        look(people.client("sam"))
    flags = service.client.read(types_people.ReadFlags())
    assert [flag.kind for flag in flags if flag.kind in ("older_log", "backup_restored")] == ["backup_restored"]
    service.act(types_register.LogAccept(PAPER, "the disk died"))
    assert people.client("dora").read(types_people.ReadMe()).limited == ""
    service.stop()
    service.start()
    assert service.repairs()["older_state"].severity == "warning"
    with pytest.raises(Conflict, match="nothing to accept"):
        service.act(types_register.LogAccept(PAPER, "again"))


def test_a_log_begun_anew_after_damage_is_no_older_state(service: Service, people: People) -> None:
    service.stop()
    file = max((service.data / "state" / "access").glob("*.jsonl"))
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    service.start()
    service.act(log_types.LogRepair("the disk lost half a file"))
    service.stop()
    service.start()
    # Holds alone, for nothing proved the register; not because the volume had seen the log before this one.
    assert "nothing proves" in people.client("sam").read(types_people.ReadMe()).limited
    flags = service.client.read(types_people.ReadFlags())
    assert {"log_repaired", "register_unproven"} == {flag.kind for flag in flags} - {"seat_by_seat"}
    service.act(types_register.LogAccept(PAPER, "compared"))
    service.stop()
    service.start()
    assert people.client("sam").read(types_people.ReadMe()).limited == ""


# --- a log that cannot be written ------------------------------------------------------------------------------------


@pytest.fixture
def disk() -> Iterator[LoopImage]:
    with LoopImage(200) as image:
        yield image


def test_p16_a_director_who_comes_while_the_log_cannot_be_written_places_a_hold_and_nothing_else(
    tmp_path: Path, disk: LoopImage
) -> None:
    media = tmp_path / "media"
    media.mkdir()
    service = Service(disk.mount_point / "data", media=media, mint=True)
    seed(service.data, commissioned("lobby"))
    record(service.data, ("lobby",), time.time_ns() - 3600 * 10**9)
    try:
        service.start()
        people = People(service)
        dora = people.name_director()
        people.appoint("sam", "Sam Roe", dora, "archive", cameras=["lobby"])
        disk.force_read_only()
        # The first to meet it: nothing but holds from here on, and it is said.
        dora = people.client("dora")
        assert "cannot be written" in dora.read(types_people.ReadMe()).limited
        with pytest.raises(HoldshelfError, match="cannot be written"):
            look(dora)
        with pytest.raises(HoldshelfError, match="not"):
            dora.read(types_people.ReadPeople())
        placed = place_hold(dora)
        assert (placed.state, placed.queued) == ("active", True)
        shown = dora.act(types_holds.HoldAsk(placed.id))
        assert (shown.state, shown.queued) == ("active", True), "and sees what they placed"
        listed = dora.act(types_holds.HoldListAsk()).holds
        assert [one.id for one in listed] == [placed.id]
        with pytest.raises(HoldshelfError, match="cannot be written"):
            people.client("sam")  # whose letter gives no holds
    finally:
        service.kill()


# --- what a log that is begun anew brings back -----------------------------------------------------------------------


def test_a_log_begun_anew_brings_back_cameras_and_settings_when_the_register_is_lost_later(
    service: Service, people: People
) -> None:
    with RtspServer([Mount("a")]) as cameras:
        service.add(cameras.url("a"), "Front Door")
        service.act(types_commission.CapacitySet(floor_days=21.0, why="the Board's wish"))
        service.stop()
        file = max((service.data / "state" / "access").glob("*.jsonl"))
        file.write_bytes(file.read_bytes()[:-9])
        (service.data / "state" / "access" / "frontier").unlink()
        service.start()
        service.act(log_types.LogRepair("the disk lost half a line"))
        service.stop()
        for name in ("register.json", "register.last.json"):
            (service.data / "state" / name).unlink()
        service.start()
        status = service.client.status()
        assert [(row.id, row.name) for row in status.cameras] == [("front-door", "Front Door")]
        assert status.disk.floor_days == 21.0
        service.await_recording("front-door")
