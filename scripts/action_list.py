"""Writes docs/access-log-actions.md: every action that the access log may name, and what its entries say.

    python scripts/action_list.py            writes the page
    python scripts/action_list.py --check    exit 1 when the page is not what it would write

Which there are, and their `facts` and private texts, is read out of the source (`action_source.py`). What a fact means stands
here, in FACTS and PRIVATE: a fact without words, or words without a fact, ends this with a sentence, and so does what cannot
be read out of the source.
"""

from __future__ import annotations

import sys
from pathlib import Path

from action_source import Reader, Said, Source, registered

PAGE = Path(__file__).resolve().parents[1] / "docs" / "access-log-actions.md"
LEFT_OUT = {"clause"}
"""Told as a field of the entry."""
BY_HAND = {
    "demo.begin": Said({"made_minutes"}),
    "door.login": Said({"attempts"}),
    "door.strangers": Said({"attempts"}, {"sources"}),
    "log.repair": Said({"before"}),
}
"""Put in where no form is made: by the demonstration, by the pace of log-ins, and by storage as it begins a log."""
NOT_IN = {"log.older": Said({"archive", "entries", "made", "newer", "problems", "restored"}, {"set_aside"})}
"""Written by the same lines as another action, and without what only that one has."""


FACTS = {
    "added": "fingerprint of a key that was added (`door.admin_key.add`, `person.key`)",
    "looked": "pictures of what is released that whoever answered had been shown before, since the service began",
    "adopted": "SHA-256 of the adopted policy's text that was compared",
    "adopted_on": "day on which the Board adopted the policy",
    "again": "it had been waived before",
    "approval_paper": "SHA-256 of the paper with which a second person approved",
    "paper_seat": "the seat that signed the paper, where the approval or a consent came on one",
    "approved_by": "id of the person who approved, or the seat that signed the paper",
    "archive": "`begun`: the copy is about to be made; or SHA-256 of the backup's file (`backup.restored`, `backup.verified`)",
    "area_before": "area kind before",
    "area_kind": "area kind of the camera (P4)",
    "asked": "list of {`camera`, `start`, `end`}: footage that the release asks for",
    "away": "whether the holder is away from now on",
    "at_least": "how long the policy keeps footage at least",
    "attempts": "how many refused log-ins this entry stands for; absent: one",
    "at": "local time of each day at which a backup is made",
    "audience": "whom an alert channel is for: `admin` or `seats`",
    "bases": "for which bases of a release counsel's word stands",
    "basis": "basis of the release",
    "before": "what it was before; of `log.repair`: the log that was set aside; of `media.…`: the volume before",
    "begins": "the beginning of the fingerprint that was asked for",
    "branch": "name of the branch in the county's list",
    "budget": "bytes that footage may take from now on",
    "budget_asked": "budget as it was typed",
    "budget_before": "bytes before",
    "by": "`service`: ended by the service itself",
    "by_policy": "policy by which a time stamp server has to stamp",
    "bytes": "bytes of what was made, checked or removed; of `outbox.close`: bytes that left",
    "certificates": "SHA-256 of each certificate of the authority that time stamps have to come from",
    "cameras": "cameras that a letter or counsel's word names",
    "caution": "what the rules said to take care of",
    "changed": "when the media disk was changed",
    "checked": "day on which it was checked",
    "conditions": "which conditions an alert channel tells, or `all`",
    "confirmed_not_private": "the area was confirmed not to be private, though its name sounds so",
    "consulted": "keys of roles that were consulted before, by the word of whoever acts",
    "copy": "`begun`: a bundle is about to be written; of a share: number of the printed sheet",
    "count": "how many ticks",
    "counted": "time that the service had counted when the clock was confirmed",
    "days": "for how many days a sign was waived",
    "designee": "id of the person",
    "discovery": "whether a channel by MQTT announces entities: `on` or `off`",
    "every_minutes": "minutes between heartbeats",
    "differences": "how many differences were found",
    "drawing": "SHA-256 of the boxes over other people, as the register has them",
    "due": "when the request must be answered",
    "ended": "rights that ended with this entry, in words; of `release.not_exported`: how it ended",
    "entries": "entries of the log that it counts",
    "expires": "when the share ends",
    "exterior": "the camera sees beyond library property (P8)",
    "fetch": "number of the entry `outbox.fetch` that this ends",
    "file": "SHA-256 of the policy file that was adopted",
    "files": "number of files",
    "first": "first entry that was asked for",
    "first_seq": "lowest sequence number of a file in this batch",
    "floor_asked": "floor as it was typed",
    "floor_days": "days below which a warning comes",
    "floor_days_before": "days before",
    "footage_ms": "from the first to the last picture that left, in ms of footage",
    "format": "form of the paper",
    "found": "what was found at the entrance: one of the checklist's words; of an older state, how the log differs from what the "
    "volume has seen: `missing`, `changed`, `other`, `unreadable`",
    "from": "first day",
    "gate": "gate at which a release stopped: 1, the policy's; 2, the statute's",
    "gates": "list of {`gate`, `passed`, `said`}: what each gate said",
    "gates_again": "the gates were asked again before it was made",
    "given": "list like `asked`: footage that is given, when that is other than what was asked for",
    "grace_end": "when the days of grace are over",
    "full": "true: each object is read back whole",
    "ground": "ground of the hold",
    "holder": "id of the person who holds the seat",
    "integration": "integration of the camera",
    "integration_before": "integration of the device that was replaced",
    "key": "which setting; of `release.exported`: fingerprint of the key that signed",
    "heads_days": "for how many days nobody can delete a head of the log in the store",
    "hours": "local hours in which holds are sent to the store, or `always`",
    "keys": "how many keys, or their fingerprints",
    "kept_hours": "how old footage was when it had to make room",
    "kept_days": "for how many days the paper is kept sealed; 0: it was thrown away",
    "kind": "of a look: `look`, `break_glass`, `share`; of a file: `still`, `print`, `log`, `bundle`; else which kind of thing "
    "it is",
    "last": "last entry that was asked for; `newest`: whatever was the last one by then",
    "last_seq": "highest sequence number of a file in this batch",
    "lease": "number of the entry `look.open` under which the pictures left",
    "least": "the least severity that a channel tells: `notice`, `warning` or `error`",
    "limit": "bytes a second that are sent to the store at most; 0: no limit",
    "lift": "`approved` or `refused`",
    "lines": "how many journal lines the root covers",
    "live_ms": "ms of live pictures",
    "made": "when the backup was made",
    "made_minutes": "minutes of drawn footage",
    "mask_version": "version of the masks that were drawn or burned in",
    "mask_versions": "versions of the masks that were burned into what left",
    "masked": "whether masks were burned into the still",
    "masks": "number of masks, or version of those burned in",
    "mended": "ticks that say that a defect was mended",
    "missing": "stretches of the release that were not there; of an older state, how many entries are missing",
    "most_pictures": "how many pictures this entry lets out, at most",
    "most_s": "for how many seconds it lets pictures out, at most",
    "needed": "how many of the witnesses have to sign",
    "needs": "who must approve",
    "new": "fingerprint of the new key",
    "newer": "entries that the log which was replaced had beyond the backup; -1: not known",
    "next_check": "when the sign is to be checked next",
    "next_review": "when the hold is to be reviewed next",
    "objects": "how many objects of the lifted hold were taken out of the store",
    "of": "number of the entry that was flagged, or that a `log.accept` accepts; of a listing: which action's entries were asked "
    "for, `looks`: who looked; of an appointment: the term under which it was made",
    "old": "fingerprint of the key before",
    "on": "true: gaps are filled from what the camera has recorded itself",
    "opened_by": "number of the entry `commission.still` under which this picture left",
    "original": "true: the recording itself is released, without masks",
    "signature": "SHA-256 of the policy file's SSH signature, kept beside it as `STATE/policy/SHA256.toml.sig`",
    "paper": "SHA-256 of the signed paper; of a print: which paper; of a release: an object about its paper, with its `sha256`",
    "paper_due": "when the paper of an emergency must have followed",
    "others": "whether other people are seen in the release, and what is done about it, in words",
    "pictures": "how many pictures left; of `print.facts`: how many are about to be shown and printed on a contact sheet",
    "points": "points of the checklist",
    "posted": "SHA-256 of the posted text",
    "problem": "why the log was begun anew",
    "problems": "how many problems were found",
    "public": "whether the public form was taken out",
    "quarter": "quarter of the report, `2026-Q3`",
    "quiet": "quiet hours of a channel, local time, or `none`",
    "read_on": "a paper that was read on the screen",
    "recovery": "public part of the recovery key for which holds are sealed",
    "refresh": "an open screen brought itself up to date: nobody asked for it",
    "removed": "fingerprint of the key that was taken away",
    "renewal": "which renewal of a live look",
    "replaced": "fingerprints of the keys that a new one replaced",
    "requested_by": "id of the person who requested the release",
    "restored": "when the backup was put in place",
    "resumed": "the session went on after a restart of the service",
    "reviewed_by": "the role that signed a review on paper",
    "rights": "rights of the letter",
    "root": "root over the lines of footage that are anchored here",
    "rows": "of `register.root`: SHA-256 of all rows as they are with this entry; else the rows that it tells of, `TABLE/KEY`",
    "seat": "which seat or term",
    "seen": "entries of the log that the volume has seen; of `log.accept`: that head, as `NUMBER:ROOT`",
    "seen_root": "root of the log that the volume has seen",
    "segments": "segments that were checked; of `footage.root`: files among the lines",
    "sha256": "SHA-256 of the file, picture or text",
    "sha256sums": "SHA-256 of the copy's or bundle's SHA256SUMS",
    "screen": "key of the policy's screen",
    "share": "id of the share",
    "shown": "time of the picture that was shown; of `clock.confirm`: the wall clock that was looked at",
    "signs_attested": "signs attested",
    "signs_defect": "signs with a defect",
    "size": "bytes of the file that this entry lets out, or of the paper that was brought",
    "spans": "list of {`camera`, `start`, `end`}: what the hold keeps from this entry on; `until lifted`: no end",
    "state": "state of the hold or release after this entry",
    "received_on": "local day on which the library got the request",
    "stated": "what somebody at the library has seen or knows, as the basis asks for it",
    "statute": "how the statute's gate is set",
    "still": "SHA-256 of the reference still",
    "still_at": "time of the reference still",
    "taken_back": "ticks that were taken back",
    "texts": "by language, the SHA-256 of each adopted text",
    "to": "where a paper was sent",
    "until": "last moment",
    "url": "address at which a witness or a time stamp server is asked",
    "value": "what the setting is from now on",
    "verdict": "what the comparison found",
    "version": "version of the hold, release or policy",
    "videos": "number of videos in the bundle",
    "volume": "the volume that belongs here from now on",
    "wall_clock": "the wall clock as confirmed",
    "way": "`mail`, `apprise` or `mqtt`: what kind of channel it is",
    "website": "SHA-256 of the posted page",
    "what": "`tried`, or what was changed about the camera",
    "why": "why it ended, in the service's words",
    "widenings": "how often the look was widened",
    "witness_key": "public key of a witness",
    "witnesses": "how many witnesses there are",
    "with": "id of the person it is shared with",
}
PRIVATE = {
    "address": "address of the camera or page",
    "agencies": "agencies that counsel's word names",
    "agency": "agency that asks for the release",
    "area_asked": "area kind as it was typed",
    "area_note": "words about the place",
    "asked_for": "what was typed to name a camera, person or entrance",
    "camera_name": "name of the camera",
    "checker": "who checked",
    "county": "public part of the county key, for which the branch's index is sealed",
    "defect": "what is wrong",
    "end_why": "why the request ended",
    "entrance": "name of the entrance",
    "extended_why": "why a request was given more time",
    "file": "path of the file",
    "files": "paths of the files",
    "folder": "folder on another disk",
    "found": "what was found wrong on the disk",
    "given_to": "who got a printed sheet",
    "incident_asked": "incident as it was typed",
    "issuer": "who issued the paper",
    "key": "fingerprint that asked",
    "login": "login name that was typed",
    "masks": "the masks' reasons",
    "names": "names of files",
    "new_address": "address from now on",
    "new_name": "name from now on",
    "no_masks_why": "why no mask is needed",
    "note": "note",
    "officer": "officer who asks",
    "others_why": "why other people in a release are not masked",
    "papers": "which journals and ledger files the root covers, and how far",
    "printer": "printer",
    "purpose_asked": "purpose as it was typed",
    "rows": "what the differing rows were, in words",
    "scope": "what the letter says of its scope",
    "set_aside": "where the state before the restore lies",
    "share_purpose": "purpose of the share",
    "sign": "the sign's text",
    "sources": "addresses that log-ins came from",
    "subject_name": "name of the person it is about",
    "target": "where an alert channel goes: addresses and mail server; never a secret",
    "value": "a setting that is a name or an address",
    "why": "why",
    "written": "words written beside a tick",
}


def actions(reader: Reader) -> dict[str, Said]:
    """Every action, and what its entries may hold."""
    found = dict[str, Said]()
    for name, said in (*registered(reader), *reader.written(), *BY_HAND.items()):
        found.setdefault(name, Said()).add(said)
    for name, other in NOT_IN.items():
        found[name].facts -= other.facts
        found[name].private -= other.private
    for said in found.values():
        said.facts -= LEFT_OUT
        said.private -= {"changes", "source", "name"}  # of any entry
    return found


INTRODUCTION = (
    "Written by `python scripts/action_list.py` from the source; do not edit it. [access-log.md](access-log.md) says what an",
    "entry is. Any entry may lack any of these: what is empty is left out. A refused entry has what was asked, and its",
    "`clause`. Private texts beside these: `changes` (the rows that the act changed), `source` (address that the session came",
    "from), `name` (who acted), and in a refused entry `cameras_asked` and `subject_asked` (what was typed, and names",
    "nothing here).",
)


# --- the page --------------------------------------------------------------------------------------------------------------


def page(found: dict[str, Said]) -> str:
    """The page's text. Ends with a sentence when a word is lacking or left over."""
    used: tuple[set[str], set[str]] = (set(), set())
    rows = []
    for name in sorted(found):
        said = found[name]
        used[0].update(said.facts)
        used[1].update(said.private)
        rows.append(f"| `{name}` | {_names(said.facts)} | {_names(said.private)} |")
    for known, names, where in ((FACTS, used[0], "FACTS"), (PRIVATE, used[1], "PRIVATE")):
        if missing := sorted(names - set(known)):
            sys.exit(f"{where} in scripts/action_list.py lacks words for: {', '.join(missing)}.")
        if left := sorted(set(known) - names):
            sys.exit(f"{where} in scripts/action_list.py has words for what no entry holds: {', '.join(left)}.")
    return "\n".join(
        [
            "# The actions of the access log",
            "",
            *INTRODUCTION,
            "",
            "| action | `facts` | private texts |",
            "|---|---|---|",
            *rows,
            "",
            "## Facts",
            "",
            "| fact | what |",
            "|---|---|",
            *(f"| `{name}` | {words} |" for name, words in sorted(FACTS.items())),
            "",
            "## Private texts",
            "",
            "| text | what |",
            "|---|---|",
            *(f"| `{name}` | {words} |" for name, words in sorted(PRIVATE.items())),
            "",
        ]
    )


def _names(names: set[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def main() -> None:
    """Writes the page, or says whether it is as it would be written."""
    reader = Reader(Source())
    found = actions(reader)
    if reader.unread:
        sys.exit(
            "scripts/action_list.py cannot read what is put into an entry here: " + "; ".join(sorted(reader.unread))
        )
    text = page(found)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        sys.exit("docs/access-log-actions.md is not what the source says: run `python scripts/action_list.py`.")


if __name__ == "__main__":
    main()
