"""What somebody with root and the documents does to the files of STATE: one edit each, at random and cleverly."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from holdshelf_core.policy import model
from tests.rules_machine import PAPER, key
from tests.rules_service import copy_tree

ATTACKER = key(66)

Rights = frozenset[tuple[str, str, str]]
Rows = dict[str, Any]


@dataclass
class Known:
    """The library as it truly is, and as it was before."""

    root: Path
    epochs: list[Path]
    time: Any
    rows: Rows
    rights: Rights
    volume: str


def register_of(path: Path) -> dict[str, Any]:
    tables: dict[str, Any] = json.loads(path.read_bytes())["tables"]
    return tables


def write_register(path: Path, tables: dict[str, Any]) -> None:
    raw = json.dumps(tables, separators=(",", ":"), ensure_ascii=False).encode()
    path.write_bytes(b'{"schema":1,"sha256":"%s","tables":%s}\n' % (hashlib.sha256(raw).hexdigest().encode(), raw))


def own_key() -> dict[str, Any]:
    return {"fingerprint": ATTACKER[1], "kind": "ssh-ed25519", "line": ATTACKER[0], "added_utc_ns": 0}


def edit_rows(rows: list[dict[str, Any]], tables: dict[str, Any], pick: random.Random) -> None:
    """One clever change among what lies in a table. ``rows`` are as stored: {"key":…, "row":{…}}."""
    stored = pick.choice(rows)
    row = stored.get("row", stored)
    match pick.randrange(8):
        case 0:
            for person in tables.get("people", {}).values():
                if pick.random() < 0.5:
                    person["row"]["keys"].append(own_key())
        case 1:
            for letter in tables.get("appointments", {}).values():
                letter["row"].update(
                    cameras=None,
                    end_utc_ns=2**62,
                    ended_utc_ns=None,
                    ended_why="",
                    rights=list(model.RIGHTS),
                )
        case 2:
            for seat in tables.get("seats", {}).values():
                seat["row"].update(end_utc_ns=None, ended_utc_ns=None)
        case 3:
            name = pick.choice(sorted(row))
            other = pick.choice(rows)
            row[name] = copy.deepcopy(other.get("row", other).get(name))
        case 4:
            name = pick.choice(sorted(row))
            row[name] = pick.choice([None, 0, 2**60, "", "p1", [], {}, True])
        case 5:
            rows.remove(stored)
            for table in tables.values():
                for number in [n for n, one in table.items() if one is stored]:
                    del table[number]
        case 6:
            table = next(t for t in tables.values() if any(one is stored for one in t.values()))
            table["999"] = {**copy.deepcopy(stored), "key": pick.choice([stored["key"], "p1", "a99", "s1", ""])}
        case _:
            row["person"] = pick.choice(["p1", "p2", "p3", "p4", "p5"])


def edit_register(data: Path, known: Known, pick: random.Random) -> None:
    path = data / "state" / "register.json"
    tables = register_of(path)
    name = pick.choice(
        [
            n
            for n in (
                "people",
                "seats",
                "appointments",
                "shares",
                "holds",
                "commissions",
                "flags",
                "entries",
                "entrances",
                "board",
            )
            if tables.get(n)
        ]
    )
    edit_rows(list(tables[name].values()), tables, pick)
    write_register(path, tables)
    if pick.random() < 0.3:
        shutil.copy(path, path.with_name("register.last.json"))
        if pick.random() < 0.5:
            path.write_bytes(b"{}")


def edit_settings(data: Path, known: Known, pick: random.Random) -> None:
    """Less room than the log says, so that footage would be erased at the next start."""
    path = data / "state" / "register.json"
    tables = register_of(path)
    stored = {row["key"]: row for row in tables.setdefault("settings", {}).values()}
    key, row = pick.choice([("budget", {"bytes": 1 << 20}), ("budget", {"bytes": None}), ("segment", {"seconds": 1.0})])
    if key in stored:
        stored[key].update(row)
    else:
        tables["settings"]["999"] = {"key": key, **row}
    write_register(path, tables)


def edit_meta(data: Path, known: Known, pick: random.Random) -> None:
    path = data / "state" / "register.json"
    tables = register_of(path)
    for row in tables["meta"].values():
        row[pick.choice(["applied_seq", "log", "key"])] = pick.choice(
            [0, 1, 7, 20, 10**6, -3, "x", None, "holdshelf.local/0"]
        )
    write_register(path, tables)


def edit_rows_file(data: Path, known: Known, pick: random.Random) -> None:
    path = data / "state" / "access" / "rows"
    file = json.loads(path.read_bytes())
    match pick.randrange(4):
        case 0:
            for row in file["rows"]["people"].values():
                row["row"]["keys"].append(own_key())
        case 1:
            for row in file["rows"].get("appointments", {}).values():
                row["row"].update(cameras=None, end_utc_ns=2**62, ended_utc_ns=None)
        case 2:
            file["seq"] = pick.choice([1, file["seq"] - 1, file["seq"] + 1, 10**6])
        case _:
            file["nodes"] = file["nodes"][::-1] if pick.random() < 0.5 else file["nodes"][1:]
    path.write_bytes(json.dumps(file, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n")


def state_files(data: Path) -> list[Path]:
    return sorted(p.relative_to(data / "state") for p in (data / "state").rglob("*") if p.is_file())


def old_file(data: Path, known: Known, pick: random.Random) -> None:
    epoch = pick.choice(known.epochs[:-1])
    name = pick.choice(state_files(epoch))
    shutil.copy(epoch / "state" / name, data / "state" / name)


def old_log(data: Path, known: Known, pick: random.Random) -> None:
    """Log, head, frontier and root of an earlier day, which fit one another."""
    epoch = pick.choice(known.epochs[:-1])
    shutil.rmtree(data / "state" / "access")
    shutil.copytree(epoch / "state" / "access", data / "state" / "access")
    if pick.random() < 0.5:
        shutil.copy(epoch / "state" / "register.json", data / "state" / "register.json")
    if pick.random() < 0.5:
        edit_meta(data, known, pick)


def old_state(data: Path, known: Known, pick: random.Random) -> None:
    epoch = pick.choice(known.epochs[:-1])
    shutil.rmtree(data / "state")
    copy_tree(epoch / "state", data / "state")


def no_file(data: Path, known: Known, pick: random.Random) -> None:
    name = pick.choice([n for n in state_files(data) if n.name != "volume.json"])
    (data / "state" / name).unlink()


def forge(lines: list[bytes], pick: random.Random) -> dict[str, Any]:
    """What an entry changed, with its commitment made to fit, as only the tree over the entries shows."""
    changing = [n for n, line in enumerate(lines) if line.startswith(b'{"private"') and b'"changes"' in line]
    at = pick.choice(changing[-4:])
    told, entry = json.loads(lines[at]), json.loads(lines[at + 1])
    member = told["private"]["changes"]
    letter = {"id": "a7", "person": "p5", "seat": "s1", "rights": list(model.RIGHTS), "cameras": None}
    letter |= {"start_utc_ns": 0, "end_utc_ns": 2**62, "paper_sha256": PAPER}
    member["text"] = json.dumps([{"table": "appointments", "key": "a7", "row": letter}])
    salt = bytes.fromhex(member["salt"])
    entry["commit"]["changes"] = hashlib.sha256(salt + member["text"].encode()).hexdigest()
    for number, line in ((at, told), (at + 1, entry)):
        lines[number] = json.dumps(line, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n"
    return letter


def edit_log(data: Path, known: Known, pick: random.Random) -> None:
    path = max((data / "state" / "access").glob("*.jsonl"), key=lambda p: p.stat().st_size)
    lines = path.read_bytes().splitlines(keepends=True)
    at = pick.randrange(len(lines))
    match pick.randrange(6):
        case 0:
            lines = lines[:at]
        case 1:
            line = bytearray(lines[at])
            line[pick.randrange(len(line) - 1)] ^= 1
            lines[at] = bytes(line)
        case 2:
            other = pick.randrange(len(lines))
            lines[at], lines[other] = lines[other], lines[at]
        case 3:
            lines.insert(at, lines[pick.randrange(len(lines))])
        case _:
            letter = forge(lines, pick)
            if pick.random() < 0.7:  # and the register says the same
                register = data / "state" / "register.json"
                tables = register_of(register)
                tables["appointments"]["777"] = {"key": "a7", "row": letter}
                write_register(register, tables)
            # The place that the frontier names is not signed: it is made to fit, so that opening sees nothing.
            frontier = data / "state" / "access" / "frontier"
            told = json.loads(frontier.read_bytes())
            told["offset"] = sum(map(len, lines))
            frontier.write_bytes(
                json.dumps(told, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode() + b"\n"
            )
    path.write_bytes(b"".join(lines))
    if pick.random() < 0.3:
        epoch = pick.choice(known.epochs[:-1])
        for name in ("head", "frontier"):
            shutil.copy(epoch / "state" / "access" / name, data / "state" / "access" / name)


def spoil_seen(data: Path, known: Known, pick: random.Random) -> None:
    path = data / "media" / "log-seen"
    told = json.loads(path.read_bytes())
    match pick.randrange(3):
        case 0:
            told["head"] = told["head"].replace("\n", "\n1", 1)
        case 1:
            told["head"] = "nothing"
        case _:
            told["at_utc_ns"] = 0
    path.write_bytes(json.dumps(told).encode())


def another_number(data: Path, known: Known, pick: random.Random) -> None:
    """For which nothing was anchored: in both copies of `volume.json`."""
    other = str(uuid.UUID(int=pick.getrandbits(128)))
    for side in ("state", "media"):
        path = data / side / "volume.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "volume": other}))


EDITS: list[Callable[[Path, Known, random.Random], None]] = [
    edit_register, edit_register, edit_register, edit_settings, edit_meta, edit_rows_file, old_file, old_log, old_state, no_file,
    edit_log, edit_log, spoil_seen, another_number,
]  # fmt: skip
