"""Entries of the access log in words: who did what, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from holdshelf_core.api.types_board import LogEntryRow, at_utc_ns

ACTS: dict[str, str] = {
    "activity.see": "looked when something moved",
    "appointment.end": "ended a letter of appointment",
    "appointment.make": "appointed a designee",
    "backup.make": "made a backup",
    "backup.restored": "a backup was restored",
    "board.set": "changed a setting of the Board",
    "break_glass": "looked at once, in imminent danger",
    "camera.add": "added a camera",
    "camera.check": "tried a camera",
    "camera.details": "read what a camera tells of itself",
    "camera.move": "moved a camera",
    "camera.put_masks": "had a camera cover its masks itself",
    "camera.reconfigure": "gave a camera another address",
    "camera.reload": "set a camera up anew",
    "camera.remove": "removed a camera",
    "camera.rename": "renamed a camera",
    "camera.retire": "retired a camera",
    "camera.set_time": "set a camera's clock",
    "camera.sound_off": "switched a camera's sound off",
    "camera.try": "tried a camera that is to be added",
    "capacity.set": "changed the room for footage",
    "clock.confirm": "confirmed the time",
    "commission.approve": "approved a camera for use",
    "commission.edit": "prepared a camera for use",
    "commission.still": "saw a camera's still for commissioning",
    "counsel.end": "ended counsel's determination",
    "counsel.list": "read counsel's determinations",
    "counsel.record": "recorded counsel's determination",
    "demo.begin": "a demonstration was set up, with footage that was drawn",
    "door.admin_key.add": "gave an admin a key to the SSH door",
    "door.admin_key.list": "read the admin's keys to the SSH door",
    "door.admin_key.remove": "took an admin's key to the SSH door away",
    "door.login": "logged in",
    "door.strangers": "strangers tried to log in",
    "checklist.enter": "entered ticks of the checklist",
    "entrance.add": "registered an entrance",
    "entrance.attest": "attested a sign",
    "entrance.remove": "removed an entrance",
    "entrance.waive": "went without a sign",
    "flag.review": "reviewed a flagged act",
    "hold.approve": "decided on a lift",
    "hold.archive": "archived a hold",
    "hold.archived": "a hold was archived",
    "hold.extend": "extended a hold",
    "hold.lift": "asked for a lift",
    "hold.lifted": "a hold was lifted after its grace",
    "hold.list": "read the holds",
    "hold.place": "placed a hold",
    "hold.review": "reviewed a hold",
    "hold.show": "read a hold",
    "live.renew": "went on looking at live pictures",
    "log.export": "took out a copy of the log",
    "log.repair": "began the log anew",
    "log.show": "read the access log",
    "log.verify": "verified the access log",
    "look.live": "looked at live pictures",
    "look.open": "looked at recordings",
    "look.close": "closed a look",
    "look.still": "looked at a still",
    "look.strip": "looked at a strip of stills",
    "outbox.close": "had fetched a file",
    "outbox.enter": "opened the outbox",
    "outbox.expired": "files in an outbox went, their time over",
    "outbox.fetch": "fetched a file",
    "outbox.live": "put a live picture into the outbox",
    "outbox.remove": "removed files from the outbox",
    "outbox.still": "put a still into the outbox",
    "person.add": "enrolled a person",
    "person.key": "changed a person's key",
    "person.remove": "removed a person",
    "policy.adopt": "installed the adopted policy",
    "policy.checked": "compared the posted policy with the adopted one",
    "policy.posted": "fetched the posted policy",
    "print.deliver": "sent a paper to the outbox or a printer",
    "print.facts": "printed a paper",
    "print.failed": "a printer took no paper",
    "purpose.close": "closed a purpose",
    "purpose.open": "opened a purpose",
    "purpose.widen": "widened a purpose",
    "release.amend": "changed a request for release",
    "release.approve": "approved a release",
    "release.bundle_removed": "a bundle was removed, its time over",
    "release.list": "read the releases",
    "release.refuse": "refused a release",
    "release.request": "requested a release",
    "release.show": "read a release",
    "release.withdraw": "withdrew a request for release",
    "report.kept": "a quarter's report was made and kept",
    "right.ended": "a right ended",
    "seat.end": "ended a term",
    "seat.name": "named a seat's holder",
    "share.end": "ended a share",
    "share.make": "shared a recording",
    "share.open": "opened a share",
    "share.still": "viewed a shared still",
    "share.strip": "viewed shared stills",
}
FAMILIES = (
    ("", "all acts"),
    ("look", "looks"),
    ("purpose", "purposes of looks"),
    ("break_glass", "looks at once, in danger"),
    ("hold", "holds"),
    ("release", "releases"),
    ("share", "shares"),
    ("person", "people and their keys"),
    ("seat", "seats"),
    ("appointment", "letters of appointment"),
    ("commission", "cameras commissioned"),
    ("camera", "cameras added and changed"),
    ("entrance", "entrances and signs"),
    ("checklist", "the checklist's ticks"),
    ("door", "log-ins"),
    ("log", "the log itself"),
    ("print", "papers read and printed"),
    ("outbox", "what was fetched"),
)
OUTCOMES = {"done": "done", "refused": "REFUSED", "failed": "FAILED", "unknown": "unknown"}
_FIELDS = (
    ("purpose", "Purpose"),
    ("incident", "Number"),
    ("mode", "Pictures"),
    ("subject", "About"),
    ("clause", "Clause"),
    ("session", "Session"),
    ("via", "Came by"),
)


def act_words(entry: Mapping[str, Any]) -> str:
    """What was done."""
    action = str(entry.get("action", ""))
    if action == "print.facts" and entry.get("facts", {}).get("read_on"):
        return "read a paper"
    return ACTS.get(action, action.replace(".", " ").replace("_", " "))


def _with_names(words: str, entry: Mapping[str, Any], names: Mapping[str, str]) -> str:
    """The service's words for the rest, with cameras and people as one calls them."""
    ids = [str(camera) for camera in entry.get("cameras", ())]
    told = {", ".join(ids): ", ".join(names.get(camera, camera) for camera in ids)}
    told |= {one: names.get(one, one) for one in (*ids, str(entry.get("subject", "")))}
    parts = (told.get(part, part) for part in words.split("; ") if not part.startswith("read_on "))
    return "; ".join(_without_underscores(part) for part in parts)


def _without_underscores(part: str) -> str:
    """'asked_for: sam' as one reads it."""
    key, space, text = part.partition(" ")
    return f"{key.replace('_', ' ')}{space}{text}"


def who_words(row: LogEntryRow, names: Mapping[str, str]) -> str:
    """A name; for the admin, whom the log shows in its public form, from the list of people."""
    person = str(row.entry.get("person", ""))
    known = row.texts.get("name") or names.get(person)
    return known or {"admin": "the admin", "service": "Holdshelf itself"}.get(person, person or "nobody")


def refused(row: LogEntryRow) -> bool:
    """Whether it did not happen."""
    return str(row.entry.get("outcome", "done")) not in ("done", "")


def what_words(row: LogEntryRow, names: Mapping[str, str]) -> str:
    """One line: the act, its outcome where it was not done, and the rest. ``names``: of cameras and people, by id."""
    outcome = str(row.entry.get("outcome", ""))
    act = act_words(row.entry)
    said = f"{OUTCOMES.get(outcome, outcome)}: {act}" if refused(row) else act
    # Of a reading there is nothing more to tell.
    quiet = str(row.entry.get("action", "")) in ("log.show", "hold.list", "release.list") and not refused(row)
    words = _with_names(row.words, row.entry, names)
    return f"{said}: {words}" if words and not quiet else said


def at(row: LogEntryRow) -> int:
    """When it was written, UTC ns; 0 where it does not say."""
    return at_utc_ns(row.entry) or 0


def details(row: LogEntryRow, cameras: Mapping[str, str]) -> list[tuple[str, str]]:
    """(label, text) of everything else that the entry says. ``cameras``: names by id."""
    entry = row.entry
    told = [("Act", str(entry.get("action", ""))), ("Outcome", str(entry.get("outcome", "")))]
    if entry.get("seat"):
        told.append(("As", str(entry["seat"])))
    if entry.get("cameras"):
        told.append(("Cameras", ", ".join(cameras.get(str(one), str(one)) for one in entry["cameras"])))
    if entry.get("start"):
        told.append(("Span", f"{entry['start']} to {entry.get('end') or 'until lifted'}"))
    told += [(label, str(entry[key])) for key, label in _FIELDS if entry.get(key)]
    told += [(key.replace("_", " ").capitalize(), str(value)) for key, value in entry.get("facts", {}).items()]
    told += [(key.replace("_", " ").capitalize(), text) for key, text in row.texts.items() if key != "name"]
    if entry.get("policy"):
        told.append(("Policy", str(entry["policy"])))
    return told
