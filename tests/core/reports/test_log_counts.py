"""Counting the access log: against a second count, written differently, of the lines as they lie in its files."""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict
from concurrent.futures import Future
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from holdshelf_core.reports.log_counts import LogCounts, look_number
from holdshelf_core.reports.quarters import Quarter
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_ns, time_text
from holdshelf_storage.access_log.merkle import verify_consistency
from tests.rig.hang import HANG_S
from tests.storage.access_log.log_parts import lines_of, opened

NS = 10**9
HOUR_NS = 3600 * NS
QUARTER = Quarter(2026, 4, ZoneInfo("America/New_York"))
PURPOSES = ("crime", "loss", "camera-check", "safety")
SEATS = ("director", "chair", "designee of director", "share")


def made_at_random(log: AccessLog, count: int, seed: int) -> None:
    """Looks, their leases, refusals and whatever else, from before the quarter until behind it; now and then a clock is set."""
    chance = random.Random(seed)
    at = QUARTER.start_utc_ns - 200 * HOUR_NS
    step = (QUARTER.end_utc_ns - QUARTER.start_utc_ns + 400 * HOUR_NS) // count
    waiting: list[Future[int]] = []
    open_looks, open_leases = list[int](), list[tuple[int, int]]()
    seq = 0

    def put(action: str, outcome: str = "done", **more: Any) -> None:
        nonlocal seq
        seq += 1
        person = more.pop("person", f"p{chance.randint(1, 4)}")
        public = {"at": time_text(at), "action": action, "outcome": outcome, "person": person, **more}
        waiting.append(log.submit(public, {"note": "Jane Roe"} if chance.random() < 0.3 else {}))

    while seq < count:
        at += chance.randint(0, 2 * step)
        if chance.random() < 0.004:
            at -= chance.choice((2, 40, 300)) * HOUR_NS
        kind = chance.random()
        seat = chance.choice(SEATS)
        if kind < 0.15:
            put("purpose.open", purpose=chance.choice(PURPOSES), seat=seat)
            open_looks.append(seq)
        elif kind < 0.2:
            put("purpose.open", "refused", clause=chance.choice(("P11", "P12", "P2")), seat=seat)
        elif kind < 0.22:
            put("break_glass", purpose="imminent-danger", seat=seat)
            open_looks.append(seq)
        elif kind < 0.45 and open_looks:
            look = f"L-2026-{chance.choice(open_looks[-8:]):06d}"
            put("look.open", subject=look, seat=seat, facts={"most_pictures": 64, "most_s": 60})
            open_leases.append((seq, chance.randint(1, 64)))
        elif kind < 0.65 and open_leases:
            lease, pictures = open_leases.pop(chance.randrange(len(open_leases)))
            live = chance.random() < 0.4
            facts = {"lease": lease, "pictures": pictures, "footage_ms": pictures * 900, "why": "closed"}
            put(
                "look.close",
                mode="live" if live else "archive",
                facts={**facts, **({"live_ms": pictures * 500} if live else {})},
            )
        elif kind < 0.7 and open_looks:
            put("purpose.widen", subject=f"L-2026-{chance.choice(open_looks[-8:]):06d}")
        elif kind < 0.75:
            put(
                "print.facts",
                facts={
                    "paper": chance.choice(("policy", "sign")),
                    **({"read_on": "screen"} if chance.random() < 0.5 else {}),
                },
            )
        elif kind < 0.8:
            put("live.renew", mode="live")
        elif kind < 0.85:
            put("hold.place", chance.choice(("done", "queued", "refused")), clause="P16")
        else:
            put(chance.choice(("activity.see", "log.show", "hold.list", "door.login")))
    for future in waiting:
        future.result(HANG_S)


def counted_otherwise(state: Path) -> dict[str, Any]:
    """The same from the files: every entry at hand at once, each question a loop of its own."""
    entries = [json.loads(line) for line in lines_of(state) if not line.startswith(b'{"private"')]
    zone = ZoneInfo("America/New_York")
    first, last = datetime(2026, 10, 1, tzinfo=zone), datetime(2027, 1, 1, tzinfo=zone)
    inside = [e for e in entries if first.timestamp() * NS <= time_ns(e["at"]) < last.timestamp() * NS]
    looks = [e for e in inside if e["outcome"] == "done" and e["action"] in ("purpose.open", "break_glass")]
    leases = {e["seq"]: e for e in inside if e["action"] == "look.open"}
    closes = [e for e in entries if e["action"] == "look.close" and e["facts"]["lease"] in leases]
    by_seat: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for entry in looks:
        by_seat[entry["seat"]][0] += 1
    live: Counter[str] = Counter()
    for entry in closes:
        lease, facts = leases[entry["facts"]["lease"]], entry["facts"]
        row = by_seat[lease["seat"]]
        row[1] += facts["pictures"]
        row[2] += facts["footage_ms"] if entry["mode"] == "archive" else 0
        row[3] += facts.get("live_ms", 0)
        live[lease["person"]] += facts.get("live_ms", 0)
    return {
        "entries": len(inside),
        "purposes": Counter(e["purpose"] for e in looks),
        "refused": Counter(e["clause"] for e in inside if e["outcome"] == "refused"),
        "seats": {seat: tuple(row) for seat, row in by_seat.items()},
        "live": {person: ms for person, ms in live.items() if ms},
        "unclosed": len(leases) - len(closes),
        "prints": sum(e["action"] == "print.facts" and e["facts"] == {"paper": "policy"} for e in inside),
        "between": max(e["seq"] for e in inside) - min(e["seq"] for e in inside) + 1 - len(inside),
        "back": sum(
            later["at"] < earlier["at"] and time_ns(later["at"]) < time_ns(earlier["at"]) - NS and later in inside
            for earlier, later in pairwise([e for e in entries if e["outcome"] != "queued"])
        ),
        "size": (min(e["seq"] for e in inside) - 1, max(e["seq"] for e in inside)),
        "pictures": {
            look["seq"]: sum(c["facts"]["pictures"] for c in closes if c_look(leases, c) == look["seq"])
            for look in looks
        },
    }


def c_look(leases: dict[int, Any], close: Any) -> int:
    return int(leases[close["facts"]["lease"]]["subject"][-6:])


@pytest.mark.parametrize("seed", range(3))
def test_every_figure_is_that_of_a_second_count(tmp_path: Path, seed: int) -> None:
    with opened(tmp_path) as log:
        made_at_random(log, 1_500, seed)
        wanted = counted_otherwise(tmp_path)
        counts = LogCounts(QUARTER)
        counts.count(log.leaves(), log.public_key.origin)
        assert counts.problem == ""
        assert counts.entries == wanted["entries"]
        assert counts.purposes == wanted["purposes"]
        assert counts.refused == wanted["refused"]
        assert {s: (r.looks, r.pictures, r.footage_ms, r.live_ms) for s, r in counts.seats.items()} == wanted["seats"]
        assert {p: ms for p, ms in counts.live_ms.items() if ms} == wanted["live"]
        assert counts.unclosed == wanted["unclosed"]
        assert counts.prints["policy"] == wanted["prints"]
        assert counts.astray == wanted["between"]
        assert counts.steps == wanted["back"]
        assert {row.seq: row.pictures for row in counts.looks.values()} == wanted["pictures"]
        first, last, whole = counts.first_head, counts.last_head, counts.whole_head
        assert first is not None
        assert last is not None
        assert whole is not None
        assert (first.size, last.size) == wanted["size"]
        assert (whole.size, whole.root) == (log.size, log.root)
        for earlier, later in ((first, last), (last, whole)):
            proof = log.consistency_proof(earlier.size, later.size)
            assert verify_consistency(earlier.size, earlier.root, later.size, later.root, proof)


def test_heads_of_kept_reports_are_held_against_the_log(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        made_at_random(log, 60, 1)
        known = (log.size, log.root.hex())
        made_at_random(log, 60, 2)
        heads = {"2026-Q1": known, "2026-Q2": (known[0], "00" * 32), "2026-Q3": (5_000, "00" * 32), "2025-Q4": (0, "")}
        heads.pop("2025-Q4")
        counts = LogCounts(QUARTER, heads)
        counts.count(log.leaves(), log.public_key.origin)
        assert (counts.compared, sorted(counts.unlike)) == (["2026-Q1"], ["2026-Q2", "2026-Q3"])


def test_a_log_that_ends_in_damage_is_counted_as_far_as_it_goes(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        made_at_random(log, 300, 1)
        whole = LogCounts(QUARTER)
        whole.count(log.leaves(), log.public_key.origin)
        month = sorted((tmp_path / "access").glob("*.jsonl"))[1]
        data = bytearray(month.read_bytes())
        at = data.index(b'"outcome"', len(data) // 2)
        data[at + 1] = ord("O")
        month.write_bytes(data)
        counts = LogCounts(QUARTER)
        counts.count(log.leaves(), log.public_key.origin)
        assert f"After entry {counts.read}: A line in the access log" in counts.problem
        assert 0 < counts.read < log.size
        assert counts.entries < whole.entries


def test_an_entry_that_was_changed_since_it_was_written_is_found(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        made_at_random(log, 100, 1)
        for month in (tmp_path / "access").glob("*.jsonl"):
            month.write_bytes(month.read_bytes().replace(b'"purpose":"crime"', b'"purpose":"crimm"'))
        counts = LogCounts(QUARTER)
        counts.count(log.leaves(), log.public_key.origin)
        assert "not those that were written" in counts.problem


def test_a_quarter_between_two_entries_is_empty_and_its_heads_are_one(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for at in (QUARTER.start_utc_ns - NS, QUARTER.start_utc_ns - 1, QUARTER.end_utc_ns):
            log.append({"at": time_text(at), "action": "log.show", "outcome": "done"})
        counts = LogCounts(QUARTER)
        counts.count(log.leaves(), log.public_key.origin)
        assert counts.entries == 0
        assert counts.first_head == counts.last_head
        assert counts.last_head is not None
        assert counts.last_head.size == 2
        before = LogCounts(QUARTER.before)
        before.count(log.leaves(), log.public_key.origin)
        assert before.entries == 2, "the last nanosecond belongs to the quarter before"


def test_a_lease_counts_in_the_quarter_in_which_it_was_opened_whenever_it_was_closed(tmp_path: Path) -> None:
    with opened(tmp_path) as log:

        def put(at: int, action: str, **more: Any) -> None:
            log.append(
                {"at": time_text(at), "action": action, "outcome": "done", "person": "p1", "seat": "director", **more}
            )

        last = QUARTER.end_utc_ns - 5 * NS
        put(last, "purpose.open", purpose="loss")
        put(last, "look.open", subject="L-2026-000001", facts={"most_pictures": 64})
        put(QUARTER.end_utc_ns + NS, "look.close", mode="archive", facts={"lease": 2, "pictures": 7, "footage_ms": 900})
        for quarter, pictures in ((QUARTER, 7), (QUARTER.next, 0)):
            counts = LogCounts(quarter)
            counts.count(log.leaves(), log.public_key.origin)
            assert sum(row.pictures for row in counts.seats.values()) == pictures
            assert counts.unclosed == 0


def test_scale_each_entry_is_looked_at_once_and_none_is_kept(tmp_path: Path) -> None:
    """As a count, not a time: what is remembered goes with the looks of the quarter, not with the length of the log."""
    with opened(tmp_path) as log:
        at = QUARTER.start_utc_ns
        futures = []
        for number in range(6_000):
            action = "purpose.open" if number % 100 == 0 else "activity.see"
            public = {
                "at": time_text(at + number * NS),
                "action": action,
                "outcome": "done",
                "purpose": "loss",
                "person": "p1",
            }
            futures.append(log.submit(public))
        for future in futures:
            future.result(HANG_S)
        seen = 0

        def watched() -> Any:
            nonlocal seen
            for leaf in log.leaves():
                seen += 1
                yield leaf

        counts = LogCounts(QUARTER)
        counts.count(watched(), log.public_key.origin)
        assert seen == counts.read == 6_000
        held = [getattr(counts, name) for name in vars(counts) if hasattr(getattr(counts, name), "__len__")]
        assert max(len(one) for one in held) == 60, "the looks"


def test_it_stops_when_the_service_does(tmp_path: Path) -> None:
    with opened(tmp_path) as log:
        for number in range(1_100):
            log.submit({"at": time_text(QUARTER.start_utc_ns + number), "action": "log.show", "outcome": "done"})
        log.append({"at": time_text(QUARTER.start_utc_ns), "action": "log.show", "outcome": "done"})
        counts = LogCounts(QUARTER)
        counts.count(log.leaves(), log.public_key.origin, lambda: True)
        assert (counts.read, counts.problem) == (1024, "The service is stopping.")


def test_the_number_of_a_look() -> None:
    assert [
        look_number(typed) for typed in ("L-2026-000123", "L-2026-1234567", "V-2026-0001", "", "L-", "L-2026-x")
    ] == [*(123, 1234567, 0, 0, 0, 0)]
