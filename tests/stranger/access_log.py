"""The access log and the register beside it, read as docs/access-log.md and docs/disk-format.md describe them."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

type Say = Callable[[str], None]

ROWS_WHOLE = {
    "people", "seats", "appointments", "shares", "holds", "commissions", "entrances", "flags", "releases",
    "determinations", "reports", "checks", "policy", "board",
}  # fmt: skip
AS_THEY_ARE = {"settings"}
"""Tables whose rows lie in the register as the log has them; before the log's first entry, only there."""
CAMERA_FIELDS = ("title", "area_kind", "area_note")
PICTURES_MOST = 64
GRANTS = {"purpose.open", "break_glass", "share.open"}


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def utc_ns(text: str) -> int:
    """RFC 3339 with nine decimals."""
    whole, _, parts = text.rstrip("Z").partition(".")
    seconds = int((dt.datetime.fromisoformat(whole) - dt.datetime(1970, 1, 1)).total_seconds())  # noqa: DTZ001 - both are UTC
    return seconds * 1_000_000_000 + int(parts.ljust(9, "0")[:9] or 0)


def canonical(value: Any) -> bytes:
    """RFC 8785, of values without fractions."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return b"{" + b",".join(canonical(name) + b":" + canonical(value[name]) for name in names) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(canonical, value)) + b"]"
    return json.dumps(value, ensure_ascii=False).encode()


class Tree:
    """The Merkle tree over the entries, and its root at each size."""

    def __init__(self) -> None:
        self._stack: list[tuple[int, bytes]] = []
        self.roots = [sha256(b"")]

    def add(self, line: bytes) -> None:
        node, width = sha256(b"\x00", line), 1
        while self._stack and self._stack[-1][0] == width:
            node, width = sha256(b"\x01", self._stack.pop()[1], node), 2 * width
        self._stack.append((width, node))
        root = self._stack[-1][1]
        for _, left in self._stack[-2::-1]:
            root = sha256(b"\x01", left, root)
        self.roots.append(root)


class AccessLog:
    """The entries, and the rows that they leave. What is wrong is said by `say`."""

    def __init__(self, state: Path, say: Say, *, crashed: bool = False) -> None:
        self.entries: list[dict[str, Any]] = []
        self.changes: dict[int, list[dict[str, Any]]] = {}
        self.volume, self.volume_seq = "", 0
        """The volume that the entries lead to, and the entry that named it; "" before any did."""
        self.tree = Tree()
        self.public_key = b""
        self._say = say
        self._read(state / "access", crashed)
        self._check_head(state)

    # -- the lines ----------------------------------------------------------------------------------------------------

    def _read(self, folder: Path, crashed: bool) -> None:
        files = []
        for path in folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9].jsonl"):
            data = path.read_bytes()
            first = data.partition(b"\n")[0]
            try:
                files.append((json.loads(first)["seq"], path.name, data))
            except (ValueError, KeyError):
                if data.strip(b"\0") and not crashed:
                    self._say(f"access/{path.name} begins with no entry.")
        for _, name, data in sorted(files):
            *lines, torn = data.split(b"\n")
            if torn and not crashed:
                self._say(f"access/{name} ends in a torn line.")
            self._take(name, lines, crashed)

    def _take(self, name: str, lines: list[bytes], crashed: bool) -> None:
        private: dict[str, Any] | None = None
        for line in lines:
            want = len(self.entries) + 1
            try:
                entry = json.loads(line)
            except ValueError:
                if not crashed:
                    self._say(f"access/{name}: the line where entry {want} belongs cannot be read.")
                return
            if entry.get("seq") != want:
                self._say(f"access/{name}: entry {entry.get('seq')} stands where {want} belongs.")
                return
            if "private" in entry:
                private = entry["private"]
                continue
            if canonical(entry) != line:
                self._say(f"Entry {want} is not in its canonical form.")
            made = {k: sha256(bytes.fromhex(v["salt"]), v["text"].encode()).hex() for k, v in (private or {}).items()}
            if made != entry.get("commit", {}):
                self._say(f"The private texts of entry {want} are not those that it commits to.")
            self.tree.add(line)
            self.entries.append(entry)
            if private and "changes" in private:
                self.changes[want] = json.loads(private["changes"]["text"])
            self._lead(entry, private or {})
            private = None
        if private is not None and not crashed:
            self._say(f"access/{name} ends in private texts without their entry.")

    def _lead(self, entry: dict[str, Any], private: dict[str, Any]) -> None:
        """The first anchor names the volume; after it, only entries that say that the disk was replaced or adopted."""
        if entry["action"] == "footage.root" and not self.volume:
            self.volume, self.volume_seq = json.loads(private["papers"]["text"])["volume"], entry["seq"]
        elif entry["action"] in ("media.replaced", "media.adopted") and entry["outcome"] == "done":
            self.volume, self.volume_seq = entry["facts"]["volume"], entry["seq"]

    def check_seen(self, path: Path) -> None:
        """The log has the entries that the media volume has seen, or names the log that it has seen in its first entry."""
        if not path.exists():
            return
        try:
            note: str = json.loads(path.read_text())["head"]
            name, size = note.split("\n")[:2]
            before = self.entries[0].get("facts", {}).get("before", {}) if self.entries else {}
            follows = isinstance(before, dict) and before.get("head", "").split("\n")[0] == name
            if follows and before["entries"] >= int(size):
                return
        except (ValueError, KeyError) as error:
            self._say(f"What the media volume has seen of the log cannot be read ({type(error).__name__}).")
            return
        self.check_note(note, "What the media volume has seen of the log")

    def _check_head(self, state: Path) -> None:
        try:
            key = load_pem_private_key((state / "keys" / "log.key").read_bytes(), None)
            assert isinstance(key, Ed25519PrivateKey)
            self.public_key = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        except (OSError, ValueError, AssertionError) as error:
            self._say(f"The log's key cannot be read ({error}).")
            return
        try:
            self.check_note((state / "access" / "head").read_text(), "The signed head")
        except OSError as error:
            self._say(f"The signed head cannot be read ({error}).")

    def check_note(self, note: str, what: str) -> None:
        """A head, signed; what it counts must be here, and the same."""
        try:
            text, _, signatures = note.partition("\n\n")
            name, size_text, root = text.split("\n")
            lines = [line.split(" ") for line in signatures.rstrip("\n").split("\n")]
            (blob,) = (base64.b64decode(line[2]) for line in lines if line[1] == name)
            if name != "holdshelf.local/" + hashlib.sha256(self.public_key).hexdigest()[:16]:
                self._say(f"{what} is another log's.")
                return
            if blob[:4] != sha256(name.encode(), b"\n\x01", self.public_key)[:4]:
                self._say(f"{what} names another key.")
            Ed25519PublicKey.from_public_bytes(self.public_key).verify(blob[4:], text.encode() + b"\n")
            size = int(size_text)
        except (ValueError, IndexError, InvalidSignature) as error:
            self._say(f"{what} is not signed by this log's key ({type(error).__name__}).")
            return
        if size > len(self.entries):
            self._say(f"{what} counts {size} entries, and the log has {len(self.entries)}: the others are gone.")
        elif self.tree.roots[size] != base64.b64decode(root):
            self._say(f"{what} was made over other entries: one of the first {size} was changed.")

    # -- what the entries leave ------------------------------------------------------------------------------------------

    def rows(self, until: int | None = None) -> dict[tuple[str, str], dict[str, Any] | None]:
        """(table, key) → row after entry `until`, as the `changes` of the entries leave them; None: removed."""
        found: dict[tuple[str, str], dict[str, Any] | None] = {}
        for seq in sorted(self.changes):
            if until is not None and seq > until:
                break
            for change in self.changes[seq]:
                at, row = (change["table"], change["key"]), change["row"]
                if change["table"] == "flags" and row is not None and not row.get("log_seq"):
                    row = {**row, "log_seq": seq}  # a flag that was raised by this entry names it
                found[at] = row
        return found

    def holds(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """(entry's number, row) of each version of each hold, in the order of the log."""
        for seq in sorted(self.changes):
            for change in self.changes[seq]:
                if change["table"] == "holds" and change["row"] is not None:
                    yield seq, change["row"]

    def check_register(self, path: Path) -> dict[str, Any]:
        """The register is what the log says, up to the entry that it names. Returns its tables."""
        data = path.read_bytes()
        register = json.loads(data)
        tables: dict[str, Any] = register["tables"]
        begin = data.index(b'"tables":') + len(b'"tables":')
        if sha256(data[begin : data.rstrip().rindex(b"}")]).hex() != register["sha256"]:
            self._say("The register's checksum is not that of its tables.")
        meta: dict[str, Any] = next((row for row in tables.get("meta", {}).values() if row["key"] == "log"), {})
        applied = meta.get("applied_seq", 0)
        if applied > len(self.entries):
            self._say(f"The register holds entry {applied}, and the log has {len(self.entries)}.")
        here = {(table, row["key"]): row for table, rows in tables.items() for row in rows.values() if table != "meta"}
        told = self.rows(applied)
        for (table, key), row in told.items():
            found = here.get((table, key))
            if row is None or found is None:
                if (row is None) != (found is None):
                    self._say(f"The register {'has' if found else 'lacks'} {table}/{key}, against the log.")
            elif table == "entries":
                if any(found.get(name) != row[name] for name in CAMERA_FIELDS if name in row):
                    self._say(f"The register's camera {key} is not named and placed as the log says.")
            elif table in ROWS_WHOLE | AS_THEY_ARE and not _same(row, found["row"] if table in ROWS_WHOLE else found):
                self._say(f"The register's {table}/{key} is not what the log says.")
        for table, key in here:
            if (table in ROWS_WHOLE or (table in AS_THEY_ARE and self.entries)) and (table, key) not in told:
                self._say(f"The register has {table}/{key}, of which the log knows nothing.")
        return tables

    def check_roots(self) -> None:
        """An entry `register.root` states the root of the rows as they are with it."""
        rows: dict[str, dict[str, Any]] = {}
        for entry in self.entries:
            seq = entry["seq"]
            for change in self.changes.get(seq, ()):
                table = rows.setdefault(change["table"], {})
                table.pop(change["key"], None)
                if change["row"] is not None:
                    table[change["key"]] = {"row": change["row"], "seq": seq}
            if entry["action"] == "register.root" and entry["outcome"] == "done":
                told = {name: table for name, table in rows.items() if table}
                text = json.dumps(told, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
                if entry["facts"]["rows"] != hashlib.sha256(text.encode()).hexdigest():
                    self._say(f"Entry {seq} states a root over the rows that is not that of the entries up to it.")

    def check_policies(self) -> None:
        """Each entry names the text and the file that the last `policy.adopt` before it has."""
        known: list[tuple[str, str | None]] = []  # the newest first; a file of "?": nothing told of it
        files_named = False
        for entry in self.entries:
            if entry["outcome"] == "queued" or "policy" not in entry:
                continue
            text, file = entry["policy"], entry.get("policy_file")
            fits = [p for p in known if p[0] == text and (p[1] in (file, "?") or not (file or files_named))]
            if known and not fits:
                self._say(f"Entry {entry['seq']} names a policy that was not in force.")
            files_named = files_named or file is not None
            now = (text, file) if files_named else fits[0] if fits else (text, "?")
            known = [*known[: known.index(fits[0])], now] if fits else [now]
            if entry["action"] == "policy.adopt" and entry["outcome"] == "done":
                known = [(entry["facts"]["sha256"], entry["facts"].get("file")), now]

    # -- looks ------------------------------------------------------------------------------------------------------

    def check_looks(self) -> None:
        """Each lease lies inside a look that was opened before; each close belongs to a lease, and counts no more."""
        spans: dict[str, list[tuple[set[str], str, str, str]]] = {}
        opened: dict[int, dict[str, Any]] = {}
        for entry in self.entries:
            if entry["outcome"] != "done":
                continue
            action, look, facts = entry["action"], entry.get("subject", ""), entry.get("facts", {})
            span = (set(entry.get("cameras", ())), entry.get("start", ""), entry.get("end", ""), entry["person"])
            if action in GRANTS:
                spans.setdefault(f"L-{entry['seq']:06d}", []).append(span)
            elif action == "purpose.widen":
                spans.setdefault(_number(look), []).append(span)
            elif action == "look.open":
                opened[entry["seq"]] = entry
                if not any(_inside(entry, one) for one in spans.get(_number(look), ())):
                    self._say(
                        f"Entry {entry['seq']}: pictures were let out under {look}, which no entry before it opened."
                    )
            elif action == "look.close":
                self._check_close(entry, opened.get(facts.get("lease", 0)))
            elif action == "commission.still":
                opened[entry["seq"]] = entry
            elif action == "commission.still.close":
                self._check_close(entry, opened.get(facts.get("opened_by", 0)))

    def _check_close(self, entry: dict[str, Any], lease: dict[str, Any] | None) -> None:
        facts = entry.get("facts", {})
        if lease is None:
            before = facts.get("lease", facts.get("opened_by"))
            self._say(f"Entry {entry['seq']} counts pictures of entry {before}, which let none out.")
            return
        if facts.get("pictures", 0) > lease.get("facts", {}).get("most_pictures", PICTURES_MOST):
            self._say(f"Entry {entry['seq']}: more pictures left than entry {lease['seq']} let out.")
        if entry.get("cameras") != lease.get("cameras") or entry.get("subject") != lease.get("subject"):
            self._say(f"Entry {entry['seq']} tells of another camera or look than entry {lease['seq']} let out.")

    def check_picture(self, what: str, seq: int, camera: str, seen_utc_ns: int | None = None) -> None:
        """A picture that left bears the number of the entry that let it out."""
        entry = self.entries[seq - 1] if 0 < seq <= len(self.entries) else {}
        if entry.get("action") != "look.open" or camera not in entry.get("cameras", ()):
            self._say(f"{what} names entry {seq}, which let no picture of {camera} out.")


def _number(look: str) -> str:
    return f"L-{look.rpartition('-')[2]}"


def _inside(lease: dict[str, Any], grant: tuple[set[str], str, str, str]) -> bool:
    cameras, start, end, person = grant
    if not set(lease.get("cameras", ())) <= cameras or lease["person"] != person:
        return False
    if lease.get("mode") == "live":
        return True
    return bool(start) and start <= lease.get("start", "") and lease.get("end", "~") <= end


def _same(told: Any, found: Any) -> bool:
    """Equal; a field that the log's row leaves out stands at its default in the register."""
    if isinstance(told, dict) and isinstance(found, dict):
        return all(name in found and _same(value, found[name]) for name, value in told.items())
    if isinstance(told, list) and isinstance(found, list):
        return len(told) == len(found) and all(map(_same, told, found))
    return bool(told == found)
