"""Who looked: each action says what of footage it shows; what an entry is about is found, and nothing is missed."""

from __future__ import annotations

from typing import Any

from holdshelf_core.access_log.looked import BESIDE, LookedSearch, Question, Rows, showing, shown_by
from holdshelf_core.access_log.types import LogEntryRow
from holdshelf_core.policy import model
from holdshelf_core.times import rfc3339
from tests.every_act import every_act
from tests.house.test_action_list import listed

NS = 1_000_000_000
DAY = 86_400 * NS
AT = 1_795_615_200 * NS
PICTURES = """
    break_glass commission.still live.renew look.live look.open look.still look.strip purpose.open purpose.widen
    share.live share.open share.still share.strip
"""
COPIES = """
    hold.archive hold.archived outbox.fetch outbox.live outbox.still print.deliver print.facts print.failed release.export
    release.exported release.write release.written share.make
"""
MOVEMENT = "activity.see"
NO_LOOK = """
    alert.remove alert.set alert.test
    appointment.end appointment.make backup.make backup.now backup.restored
    backup.schedule backup.stop backup.verified board.set camera.add camera.backfill camera.check
    camera.details camera.move camera.put_masks camera.reconfigure camera.reload camera.remove camera.rename camera.replace
    camera.retire camera.set_time camera.sound_off camera.try capacity.set checklist.enter clock.confirm
    commission.approve commission.edit commission.still.close counsel.end counsel.list counsel.record demo.begin
    door.admin_key.add door.admin_key.list door.admin_key.remove door.login door.strangers entrance.add entrance.attest
    entrance.remove entrance.waive flag.review footage.root footage.short
    hold.approve hold.expired hold.extend hold.lift hold.lifted hold.list
    hold.place hold.review hold.show hold.united log.accept log.export log.older log.repair log.show log.verify look.close
    media.adopted media.replaced offsite.list offsite.removed offsite.setup offsite.stop offsite.verify
    outbox.close outbox.enter outbox.expired outbox.log outbox.remove paper.expired paper.open
    paper.take person.add person.key person.remove policy.adopt policy.checked policy.posted purpose.close register.adopt
    register.check register.root
    register.settle release.amend release.approve release.bundle_removed release.cancelled release.export_cancel
    release.extend
    release.key.renew release.list release.not_exported release.others release.refuse release.request release.show release.verify
    release.withdraw report.kept right.ended screen.give seat.away seat.end seat.name
    share.end
    timestamp.now timestamp.remove timestamp.set
    witness.add witness.ask witness.policy witness.remove
"""


def test_each_action_of_the_log_says_whether_it_is_a_look() -> None:
    """A new action fails here until somebody has said what its entries tell of footage, in its own declaration."""
    said = dict.fromkeys(PICTURES.split(), "pictures") | dict.fromkeys(COPIES.split(), "copies")
    said |= {MOVEMENT: "movement"} | dict.fromkeys(NO_LOOK.split(), "")
    shows = showing(every_act().all())
    assert {name: shows[name].what if name in shows else "" for name in listed()} == said


def test_what_the_service_writes_beside_an_act_is_no_act_itself() -> None:
    assert not set(BESIDE) & {action.name for action in every_act().all()}


# --- what an entry is about ---------------------------------------------------------------------------------------------

SHARE = model.Share("V-2026-0001", "sheet", "", "lobby", AT, AT + NS, AT + DAY, "violation", "p1")
SPAN = model.Span("desk", AT, AT + 60 * NS)
RELEASE = model.Release("R-2026-0001", "warrant", "26-7", (SPAN,), (SPAN,), "p1", AT, "approved")


def entry(seq: int, action: str, *, at: int = AT, **more: Any) -> LogEntryRow:
    public = {"seq": seq, "at": rfc3339(at), "action": action, "outcome": "done", "person": "p1", **more}
    return LogEntryRow(seq, public, {})


def answer(rows: list[LogEntryRow], *, most: int = 100, **asked: Any) -> tuple[list[LogEntryRow], int]:
    """As the log is read: the newest first, those that show nothing left out."""
    shows = showing(every_act().all())
    by_seq = {row.seq: row.entry for row in rows}
    search = LookedSearch(Question(**asked), Rows({SHARE.id: SHARE}, {RELEASE.id: RELEASE}, {}), by_seq.get, most)
    for row in sorted(rows, key=lambda one: -one.seq):
        if shown := shown_by(row.entry, shows):
            search.take(row, shown)
    return search.rows(), search.left_out


def numbers(rows: list[LogEntryRow], **asked: Any) -> list[int]:
    return [row.seq for row in answer(rows, **asked)[0]]


def test_what_names_no_camera_is_about_what_its_subject_is_about() -> None:
    rows = [
        entry(1, "purpose.open", cameras=["lobby"], start=rfc3339(AT), end=rfc3339(AT + 60 * NS), incident="26-1"),
        entry(2, "live.renew", subject="L-2026-000001", outcome="refused"),
        entry(3, "release.written", subject="R-2026-0001"),
        entry(4, "share.open", subject="V-2026-0001", outcome="refused"),
        entry(5, "hold.list"),
    ]
    assert numbers(rows, camera="lobby") == [1, 2, 4]
    assert numbers(rows, camera="desk") == [3]
    assert numbers(rows, incident="26-1") == [1, 2]
    assert numbers(rows, incident="26-7") == [3]
    (written,) = answer(rows, camera="desk")[0]
    assert (written.cameras, written.start_utc_ns, written.incident) == (["desk"], AT, "26-7")


def test_a_sheet_that_was_fetched_is_known_by_its_checksum_and_other_papers_are_no_look() -> None:
    rows = [
        entry(1, "print.deliver", subject="V-2026-0001", facts={"paper": "still", "sha256": "aa"}),
        entry(2, "print.deliver", facts={"paper": "policy", "sha256": "bb"}),
        entry(3, "outbox.fetch", person="p2", facts={"kind": "print", "sha256": "aa"}),
        entry(4, "outbox.fetch", facts={"kind": "print", "sha256": "bb"}),
        entry(5, "outbox.fetch", facts={"kind": "log", "sha256": "cc"}),
        entry(6, "outbox.fetch", outcome="refused", cameras=["lobby"], start=rfc3339(AT)),
        entry(7, "print.deliver", subject="R-2026-0001", facts={"paper": "sheet", "sha256": "dd"}),
        entry(8, "outbox.fetch", facts={"kind": "print", "sha256": "dd"}),
    ]
    assert numbers(rows) == [1, 3, 6, 7, 8]
    assert numbers(rows, camera="desk") == [7, 8]
    assert numbers(rows, camera="lobby", people=frozenset(["p2"])) == [3]


def test_a_day_is_that_of_the_look_and_that_of_the_footage() -> None:
    then, later = {"start": rfc3339(AT), "end": rfc3339(AT + 60 * NS)}, AT + 3 * DAY
    rows = [
        entry(1, "look.open", cameras=["lobby"], **then),
        entry(2, "look.open", at=later, cameras=["lobby"], **then),
        entry(3, "look.open", at=later, cameras=["lobby"], start=rfc3339(later), end=rfc3339(later + NS)),
        entry(4, "outbox.still", at=later, cameras=["lobby"], start=rfc3339(AT)),
    ]
    day = {"since_utc_ns": AT - NS, "until_utc_ns": AT + DAY}
    assert numbers(rows, **day) == [1, 2, 4]
    assert numbers(rows, since_utc_ns=later, until_utc_ns=later + DAY) == [2, 3, 4]
    assert numbers(rows, since_utc_ns=AT - 9 * DAY, until_utc_ns=AT - 8 * DAY) == []


def test_pictures_that_were_let_out_over_midnight_are_of_both_days() -> None:
    before, midnight = {"start": rfc3339(AT), "end": rfc3339(AT + 60 * NS)}, AT + 3 * DAY
    rows = [
        entry(1, "look.open", at=midnight - 61 * NS, cameras=["lobby"], facts={"most_s": 60}, **before),
        entry(2, "look.open", at=midnight - 20 * NS, cameras=["lobby"], facts={"most_s": 60}, **before),
        entry(3, "outbox.still", at=midnight - 20 * NS, cameras=["lobby"], **before),
    ]
    assert numbers(rows, since_utc_ns=midnight, until_utc_ns=midnight + DAY) == [2]
    assert numbers(rows, since_utc_ns=midnight - DAY, until_utc_ns=midnight) == [1, 2, 3]


def test_what_is_left_out_is_counted_and_is_the_oldest_also_beside_a_sheet_that_is_known_late() -> None:
    rows = [entry(seq, "look.open", cameras=["lobby"]) for seq in range(2, 8)]
    found, left_out = answer(rows, most=3)
    assert [row.seq for row in found] == [5, 6, 7] and left_out == 3
    sheet = entry(1, "print.deliver", subject="V-2026-0001", facts={"paper": "still", "sha256": "aa"})
    fetched = entry(8, "outbox.fetch", facts={"kind": "print", "sha256": "aa"})
    found, left_out = answer([sheet, *rows, fetched], most=3)
    assert [row.seq for row in found] == [6, 7, 8] and left_out == 5
