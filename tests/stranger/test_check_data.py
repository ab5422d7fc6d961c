"""The stranger's checker finds nothing wrong with what a real service leaves, and names each thing that was done to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.buffer import types as types_commission
from holdshelf_core.holds import types as types_holds
from holdshelf_core.looks import types as types_looks
from holdshelf_core.times import rfc3339
from holdshelf_storage.access_log.access_log import AccessLog
from tests import log_files
from tests.looking import NS, commissioned, record, seed
from tests.people import People
from tests.rig.hang import HANG_S
from tests.service import Service, wait_for
from tests.stranger.house import CHECKER, judge
from tests.tui.stage import entry

PAGE = Path(__file__).parents[2] / "docs" / "access-log-actions.md"
CAMERAS = {"lobby": "Front entrance", "desk": "Service desk"}


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DATA of a service that recorded, held, showed a still, was given more room, and was stopped; its log states a root."""
    folder = tmp_path_factory.mktemp("stranger")
    service = Service(folder / "data", mint=True, budget_bytes=1 << 30)
    seed(service.data, [*commissioned(*CAMERAS), *(entry(camera, name) for camera, name in CAMERAS.items())])
    made = record(service.data, list(CAMERAS), explained=True)
    with service:
        director = People(service).name_director()
        span = types_holds.SpanAsk("lobby", made.start_utc_ns + 30 * NS, made.start_utc_ns + 90 * NS)
        hold = director.act(types_holds.HoldPlace("investigation", "26-1", [span]))
        purpose = types_looks.PurposeOpen(
            ["desk"], "violation", "26-1", start_utc_ns=made.start_utc_ns, end_utc_ns=made.end_utc_ns
        )
        look = director.act(purpose)
        still = types_looks.LookStill(look.id, "desk", made.start_utc_ns + 5 * NS)
        director.act(still, timeout_s=HANG_S)
        director.act(types_looks.PurposeClose(look.id))
        room = types_commission.CapacitySet("a larger disk", budget_bytes=1 << 31)
        service.act(room)
        shelf = service.data / "media" / "shelf" / hold.id
        wait_for("the second names", lambda: len(list(shelf.rglob("*.mp4"))) >= 3)
        service.stop()
    log = AccessLog.open(service.data / "state")
    root = log.rows().root()
    log.close()
    _append(service.data, "register.root", facts={"rows": root})
    yield service.data


@pytest.fixture
def data(left: Path, tmp_path: Path) -> Path:
    """A copy to be broken, hard links kept."""
    subprocess.run(["cp", "-a", left, tmp_path / "data"], check=True)
    return tmp_path / "data"


def test_it_imports_nothing_of_ours() -> None:
    known = {"__future__", "cryptography", "access_log", "footage", "keeping", "mp4_boxes"}
    import sys  # noqa: PLC0415

    for path in CHECKER.parent.glob("*.py"):
        if path.name in ("__init__.py", "house.py") or path.name.startswith("test_"):
            continue
        words = [
            line.split()[1].split(".")[0]
            for line in path.read_text().splitlines()
            if line.startswith(("from ", "import "))
        ]
        assert set(words) <= known | set(sys.stdlib_module_names), path.name
        assert "holdshelf_" not in path.read_text(), path.name


def test_what_a_service_leaves_is_as_the_documents_say(left: Path) -> None:
    code, words = judge(left)
    assert code == 0, words
    assert "2 cameras, 24 segments" in words
    assert words.endswith("No violations.\n")


def test_what_its_entries_say_is_on_the_list_of_actions(left: Path) -> None:
    """The list is read out of the source; here is what a service wrote."""
    told = {line.split("`")[1]: line.split("|") for line in PAGE.read_text().splitlines() if line.startswith("| `")}
    of_any = {"changes", "source", "name", "cameras_asked", "subject_asked"}
    with contextlib.closing(AccessLog.open(left / "state")) as log:
        entries = [line.public for line in log.read() if line.public["action"] != "test.seed"]
    assert {"look.close", "hold.place", "capacity.set", "register.root"} <= {one["action"] for one in entries}
    for one in entries:
        _, _, facts, private, _ = told[one["action"]]
        assert set(one.get("facts", ())) <= set(re.findall("`(.*?)`", facts)), one
        assert set(one.get("commit", ())) <= of_any | set(re.findall("`(.*?)`", private)), one


def test_a_crash_in_the_middle_of_a_sweep_is_no_wrong_order(data: Path) -> None:
    """An intent names files of many cameras, and they go one camera after the other."""
    *older, newest = _files(data, "desk")
    _erase(data, newest, 1 << 61, *older, *_files(data, "lobby"), done=False)
    newest.unlink()
    code, words = judge(data, None, "--crashed")
    assert code == 0, words


def test_a_day_between_two_others_has_gone_where_the_clock_was_set_meanwhile(data: Path, tmp_path: Path) -> None:
    """Its first file bears a number from before the gap that the step left: it was a spare then."""
    before, path, _ = _files(data, "desk")[2:5]
    gone = next(line for line in _lines(path.with_name("journal.jsonl")) if line.get("name") == path.name)
    _rewrite(path.with_name("journal.jsonl"), lambda line: None if line.get("seq") == gone["seq"] else line)
    sums = path.with_name("SHA256SUMS")
    sums.write_text("".join(line for line in sums.read_text().splitlines(keepends=True) if path.name not in line))
    path.unlink()
    witness = tmp_path / "witness.jsonl"
    moment = {"camera": "desk", "boot": gone["boot"], "boot_ns": gone["start_boot_ns"] + NS}
    witness.write_text(json.dumps({"recording": moment}) + "\n")
    _, words = judge(data, witness)
    assert "are told by nothing" in words
    assert "nothing of that moment is there" in words
    spare = int(before.name.partition("_")[0]) - 1
    day = {"kind": "day", "camera": "desk", "day": "2025-01-01", "first_seq": spare, "last_seq": gone["seq"]}
    (data / "state" / "ledger").mkdir(exist_ok=True)
    with (data / "state" / "ledger" / "2025-01.jsonl").open("a") as file:
        file.write(json.dumps(day) + "\n")
        file.write(
            json.dumps({**day, "first_seq": 1, "last_seq": 1}) + "\n"
        )  # another end of that day, by another step
    code, words = judge(data, witness)
    assert code == 0, words


def test_a_clock_set_ahead_makes_no_second_name_late(data: Path) -> None:
    """How long a file has been there is told by boottime."""
    name = next((data / "media" / "shelf").glob("H-*/*/20*/*.mp4"))
    (line,) = (one for one in _lines(name.with_name("journal.jsonl")) if one.get("name") == name.name)
    name.unlink()
    told = data / "state" / "clock.json"
    clock = json.loads(told.read_text())
    clock |= {"boot": line["boot"], "utc_ns": clock["utc_ns"] + 365 * 86_400 * NS}
    ended_ns = line["start_boot_ns"] + line["duration_ns"]
    told.write_text(json.dumps(clock | {"boot_ns": ended_ns + NS}))
    code, words = judge(data)
    assert code == 0, words
    told.write_text(json.dumps(clock | {"boot_ns": ended_ns + 3600 * NS}))
    _, words = judge(data)
    assert "has no second name on the shelf" in words


# --- what is done to it ----------------------------------------------------------------------------------------------------


def _day(data: Path, camera: str) -> Path:
    """The day of the first file: after midnight the service that looks at it has begun another, empty one."""
    return _files(data, camera)[0].parent


def _files(data: Path, camera: str) -> list[Path]:
    return sorted((data / "media" / "footage" / camera).glob("20*/*.mp4"))


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def _rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    lines = [change(line) for line in _lines(path)]
    path.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines if line is not None))


def _rewrite_days(data: Path, camera: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Footage of an hour ago is of two days for the first hour of each: its gaps are in either one's journal."""
    for journal in sorted((data / "media" / "footage" / camera).glob("20*/journal.jsonl")):
        _rewrite(journal, change)


def _write(path: Path, at: int, data: bytes) -> None:
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)
    path.chmod(0o400)


def cut_a_file(data: Path) -> None:
    path = _files(data, "desk")[0]
    path.chmod(0o600)
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 100)
    path.chmod(0o400)


def change_a_byte(data: Path) -> None:
    path = _files(data, "desk")[1]
    _write(path, path.stat().st_size - 9, b"x")


def make_writable(data: Path) -> None:
    _files(data, "desk")[0].chmod(0o600)


def add_a_file(data: Path) -> None:
    path = _files(data, "desk")[0]
    shutil.copy(path, path.with_name("0000000999_" + path.name.partition("_")[2]))


def remove_a_file(data: Path) -> None:
    _files(data, "desk")[0].unlink()


def _erase(data: Path, path: Path, at_utc_ns: int, *more: Path, done: bool = True) -> None:
    ledger = data / "state" / "ledger"
    ledger.mkdir(exist_ok=True)
    parts = [
        {"camera": one.parent.parent.name, "day": one.parent.name, "seqs": [int(one.name.partition("_")[0])]}
        | {"start_utc_ns": 0, "end_utc_ns": 1, "allocated_bytes": 0}
        for one in (path, *more)
    ]
    lines = [{"kind": "intent", "id": "x1", "at_utc_ns": at_utc_ns, "reason": "no room", "days": parts}]
    if done:
        lines.append({"kind": "done", "id": "x1", "freed_bytes": 0, "kept": []})
    with (ledger / f"{path.parent.name[:7]}.jsonl").open("a") as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines))


def erase_out_of_order(data: Path) -> None:
    path = _files(data, "desk")[-1]
    _erase(data, path, 1 << 61)
    path.unlink()


def say_erased_and_keep(data: Path) -> None:
    _erase(data, _files(data, "desk")[0], 1 << 61)


def erase_what_is_held(data: Path) -> None:
    for path in (data / "media" / "shelf").rglob("*.mp4"):
        path.unlink()
    for path in _files(data, "lobby")[:3]:
        _erase(data, path, 1 << 61)
        path.unlink()


def take_a_second_name(data: Path) -> None:
    next((data / "media" / "shelf").rglob("*.mp4")).unlink()
    clock = data / "state" / "clock.json"  # the service went on for an hour, and did not put it back
    alive = json.loads(clock.read_text())
    clock.write_text(json.dumps({**alive, "utc_ns": alive["utc_ns"] + 3600 * NS}))


def lengthen_a_gap(data: Path) -> None:
    def change(line: dict[str, Any]) -> dict[str, Any]:
        return {**line, "elapsed_ns": line["elapsed_ns"] + 5 * NS} if line["kind"] == "gap_end" else line

    _rewrite_days(data, "desk", change)


def forget_a_gap(data: Path) -> None:
    _rewrite_days(data, "desk", lambda line: None if line["kind"].startswith("gap") else line)


def turn_a_gap_round(data: Path) -> None:
    def change(line: dict[str, Any]) -> dict[str, Any]:
        return {**line, "elapsed_ns": -2 * NS} if line["kind"] == "gap_end" else line

    _rewrite_days(data, "desk", change)


def take_a_reason(data: Path) -> None:
    _rewrite_days(data, "desk", lambda one: {**one, "reason": ""} if one["kind"] == "gap" else one)


def move_a_start(data: Path) -> None:
    def change(line: dict[str, Any]) -> dict[str, Any]:
        return {**line, "start_utc_ns": line["start_utc_ns"] + 3 * NS} if line.get("seq") == 1 else line

    for camera in CAMERAS:
        _rewrite(_day(data, camera) / "journal.jsonl", change)


def change_a_sum(data: Path) -> None:
    path = _day(data, "desk") / "SHA256SUMS"
    path.write_text("0" * 64 + path.read_text()[64:])


def give_a_number_twice(data: Path) -> None:
    first = json.loads((_day(data, "lobby") / "journal.jsonl").read_text().splitlines()[0])
    gap = {
        "kind": "gap",
        "gap": first["seq"],
        "start_utc_ns": 1,
        "start_boot_ns": 0,
        "boot": "",
        "reason": "connecting",
    }
    with (_day(data, "desk") / "journal.jsonl").open("a") as file:
        file.write(json.dumps(gap) + "\n")


def lower_the_mark(data: Path) -> None:
    (data / "media" / "sequence").write_text(f"{2:020d}\n")


def change_an_entry(data: Path) -> None:
    log_files.replace(data / "state", b'"purpose":"violation"', b'"purpose":"safety"')


def cut_the_log(data: Path) -> None:
    log_files.cut(data / "state", 2)


def change_a_private_text(data: Path) -> None:
    log_files.replace(data / "state", b"Dora Reed", b"Dora Roe ")


def _append(data: Path, action: str, **facts: Any) -> None:
    log = AccessLog.open(data / "state")
    public = {"at": rfc3339(1 << 60), "offset_s": 0, "action": action, "outcome": "done", "person": "p1", **facts}
    log.append(public, {})
    log.close()


def let_pictures_out_without_a_look(data: Path) -> None:
    _append(data, "look.open", cameras=["desk"], mode="archive", subject="L-2026-000001", facts={"most_pictures": 64})


def count_pictures_of_nothing(data: Path) -> None:
    _append(data, "look.close", cameras=["desk"], subject="L-2026-000001", facts={"lease": 2, "pictures": 3})


def _change_register(data: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """As root would: with its checksum made anew."""
    path = data / "state" / "register.json"
    register = json.loads(path.read_bytes())
    change(register["tables"])
    tables = json.dumps(register["tables"], separators=(",", ":")).encode()
    digest = hashlib.sha256(tables).hexdigest()
    path.write_bytes(b'{"schema":%d,"sha256":"%s","tables":%s}\n' % (register["schema"], digest.encode(), tables))


def add_a_key(data: Path) -> None:
    def change(tables: dict[str, Any]) -> None:
        for row in tables["people"].values():
            row["row"]["keys"].append({**row["row"]["keys"][0], "fingerprint": "SHA256:mine"})

    _change_register(data, change)


def add_a_person(data: Path) -> None:
    def change(tables: dict[str, Any]) -> None:
        tables["people"]["99"] = {"key": "p9", "row": {"id": "p9"}}

    _change_register(data, change)


def drop_a_hold(data: Path) -> None:
    _change_register(data, lambda tables: tables["holds"].clear())


def break_the_checksum(data: Path) -> None:
    path = data / "state" / "register.json"
    path.write_bytes(path.read_bytes().replace(b"Dora Reed", b"Dora Roe "))


def shrink_the_budget(data: Path) -> None:
    _change_register(data, lambda tables: [row.update(bytes=1) for row in tables["settings"].values()] and None)


def change_a_setting(data: Path) -> None:
    _change_register(data, lambda tables: [row.update(bytes=1 << 40) for row in tables["settings"].values()] and None)


def state_another_root(data: Path) -> None:
    _append(data, "register.root", facts={"rows": "0" * 64})


def forge_a_still(data: Path) -> None:
    folder = data / "media" / "outbox" / "p1" / "stills"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".x.jpg.json").write_text(json.dumps({"camera": "desk", "seq": 1}))


def swap_the_disks(data: Path) -> None:
    path = data / "media" / "volume.json"
    path.write_text(path.read_text().replace('"volume":"', '"volume":"0'))


def another_number(data: Path) -> None:
    for side in ("state", "media"):
        path = data / side / "volume.json"
        path.write_text(path.read_text().replace('"volume":"', '"volume":"0'))


def see_more(data: Path) -> None:
    """The log is cut where its head is of that time, too: only the volume has seen the rest."""
    log = data / "state" / "access"
    head = log / "head"
    seen = json.loads((data / "media" / "log-seen").read_text())["head"]
    assert seen.split("\n")[0] == head.read_text().split("\n")[0]
    with contextlib.closing(AccessLog.open(data / "state")) as opened:
        size, key = opened.size - 2, opened._writer.key
        older = key.sign(size, opened.root_at(size))
    file = max(log.glob("2*.jsonl"))
    lines = file.read_bytes().splitlines(keepends=True)
    end = next(n for n, line in enumerate(lines) if json.loads(line)["seq"] > size)
    file.write_bytes(b"".join(lines[:end]))
    head.write_text(older)


def spoil_what_was_seen(data: Path) -> None:
    (data / "media" / "log-seen").write_text("{}")


DONE_TO_IT = {
    cut_a_file: "does not open",
    change_a_byte: "is not what was recorded",
    make_writable: "may be written",
    add_a_file: "has no line in its journal",
    remove_a_file: "is missing",
    erase_out_of_order: "was erased before it",
    say_erased_and_keep: "is there, and the ledger says that it was erased",
    erase_what_is_held: "is on hold (H-",
    take_a_second_name: "has no second name on the shelf",
    lengthen_a_gap: "before the end of Gap",
    forget_a_gap: "are told by nothing",
    turn_a_gap_round: "before it starts",
    take_a_reason: "has no reason",
    move_a_start: "is not named by the instant",
    change_a_sum: "SHA256SUMS is not what the journal says",
    give_a_number_twice: "was given twice",
    lower_the_mark: "the mark stands at 2",
    change_an_entry: "was changed",
    cut_the_log: "the others are gone",
    change_a_private_text: "private texts of entry",
    let_pictures_out_without_a_look: "which no entry before it opened",
    count_pictures_of_nothing: "which let none out",
    add_a_key: "register's people/p1 is not what the log says",
    add_a_person: "of which the log knows nothing",
    drop_a_hold: "lacks holds/H-",
    break_the_checksum: "checksum is not that of its tables",
    shrink_the_budget: "the budget is 1",
    change_a_setting: "register's settings/budget is not what the log says",
    state_another_root: "states a root over the rows that is not",
    forge_a_still: "which let no picture of desk out",
    swap_the_disks: "do not belong together",
    another_number: "of the log leads to",
    see_more: "What the media volume has seen of the log counts",
    spoil_what_was_seen: "What the media volume has seen of the log cannot be read",
}


@pytest.mark.parametrize("done", DONE_TO_IT, ids=lambda done: done.__name__)
def test_it_names_what_was_done(data: Path, done: Callable[[Path], None]) -> None:
    done(data)
    code, words = judge(data)
    assert code == 1, words
    assert DONE_TO_IT[done] in words, words


def test_it_holds_what_somebody_outside_kept_against_it(data: Path, tmp_path: Path) -> None:
    witness = tmp_path / "witness.jsonl"
    head = (data / "state" / "access" / "head").read_text()
    hold = next((data / "media" / "shelf").iterdir()).name
    first = json.loads((_day(data, "lobby") / "journal.jsonl").read_text().splitlines()[0])
    start = first["start_utc_ns"]
    held = {"hold": hold, "camera": "lobby", "recorded": [[start, start + 60 * NS]]}
    witness.write_text("".join(json.dumps(line) + "\n" for line in ({"head": head}, {"held": held})))
    assert judge(data, witness)[0] == 0, judge(data, witness)
    held["recorded"] = [[start - 100 * NS, start]]
    picture = {"picture": {"camera": "desk", "seq": 1}}
    later = head.replace("\n", "\n9", 1)
    witness.write_text("".join(json.dumps(line) + "\n" for line in ({"head": later}, {"held": held}, picture)))
    _, words = judge(data, witness)
    assert "are gone" in words and "which let no picture of desk out" in words and "is not signed" in words
