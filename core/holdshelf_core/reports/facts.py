"""Turns counts into the report's facts: names, days, text; and caveats about what is missing. Blocks.

``Sources`` has everything already read; the log, the journals and the ledger are read here. A part that cannot be read is left
empty with a caveat; it never fails the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.holds import GRACE, LIFTING
from holdshelf_core.policy.instants import Now, moment_words
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import IMMINENT_DANGER, Policy
from holdshelf_core.reports import register_counts as register
from holdshelf_core.reports import report_types as paper
from holdshelf_core.reports.camera_rows import camera_rows
from holdshelf_core.reports.log_counts import LogCounts, Look
from holdshelf_core.reports.quarters import Quarter, local
from holdshelf_core.times import NS
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import time_ns
from holdshelf_storage.errors import StorageError
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger

PEOPLE_ACTS = (
    ("seat.name", "seats given a holder"),
    ("seat.end", "terms ended by hand"),
    ("appointment.make", "designees appointed"),
    ("appointment.end", "appointments revoked"),
    ("person.add", "people enrolled"),
    ("person.remove", "people removed"),
    ("board.set", "settings of the Board changed"),
    ("policy.adopt", "policy texts adopted"),
    ("counsel.record", "counsel's determinations recorded"),
    ("commission.approve", "cameras approved for use"),
    ("camera.retire", "cameras retired"),
)


@dataclass(frozen=True)
class Sources:
    """The input of a report, taken at one moment on the loop."""

    state: State
    quarter: Quarter
    now: Now
    log: AccessLog
    footage: Footage | None
    """None: the media disk is missing."""
    ledger: Ledger | None
    added: Mapping[str, int]
    """Configured cameras, in order: id → when added, UTC ns."""
    kept_heads: Mapping[str, tuple[int, str]]
    room: paper.RoomRow | None
    signs: paper.SignsRow
    """The current state of the signs."""
    attested: tuple[paper.AttestedRow, ...]
    caveats: tuple[str, ...]
    stopped: Callable[[], bool]


def build(sources: Sources) -> paper.ReportPaper:
    """Everything. Raises InterruptedError when the service stops meanwhile."""
    quarter, now, state = sources.quarter, sources.now.utc_ns, sources.state
    until = min(now, quarter.end_utc_ns)
    counts = LogCounts(quarter, sources.kept_heads)
    counts.count(sources.log.leaves(), sources.log.public_key.origin, sources.stopped)
    if sources.stopped():
        raise InterruptedError
    cameras, stopped, caveats = camera_rows(
        sources.footage,
        sources.ledger,
        quarter,
        now,
        sources.added,
        counts.cameras,
        lambda camera, seq: _camera_name(sources, camera, seq),
        sources.stopped,
    )
    flags, open_flags = register.flag_counts(state.flags.values(), quarter)
    emergencies, late = register.late_papers(state.releases.values(), quarter, sources.now)
    holds = list(state.holds.values())
    return paper.ReportPaper(
        quarter=quarter.key,
        first_day=quarter.first_day.isoformat(),
        last_day=quarter.last_day.isoformat(),
        zone=str(quarter.zone),
        made_at=moment_words(now, quarter.zone),
        made_utc_ns=now,
        so_far=now < quarter.end_utc_ns,
        caveats=(*_caveats(counts, quarter), *sources.caveats, *caveats),
        cameras=cameras,
        stopped_s=sum(end - start for start, end in stopped) // NS,
        stopped_times=len(stopped),
        room=sources.room,
        purposes=_purposes(counts, sources.state.policy),
        lookers=_lookers(counts, sources.state.policy),
        live=_live(counts, state),
        widened=counts.done["purpose.widen"],
        unclosed=counts.unclosed,
        unclosed_most=counts.unclosed_most,
        stills=counts.done["commission.still"],
        shared_looks=counts.done["share.open"],
        refusals=_refusals(counts, state.policy),
        flags=flags,
        open_flags=len(open_flags),
        oldest_flag_on=_day(open_flags[0].at_utc_ns, quarter.zone) if open_flags else "",
        holds=register.hold_rows(state.policy, holds, quarter, until, sources.now),
        hold_ages=register.age_rows(holds, until),
        lifting=sum(row.state == LIFTING for row in holds),
        grace=sum(row.state == GRACE for row in holds),
        releases=register.release_rows(state.policy, state.releases.values(), quarter),
        requests=register.request_counts(state.releases.values(), quarter, until),
        emergencies=emergencies,
        late_papers=late,
        paper_approvals=sum(
            row.kind == "paper_approval" and quarter.holds(row.at_utc_ns) for row in state.flags.values()
        ),
        shares=register.share_rows(state.shares.values(), counts.shares, quarter, sources.now),
        policy_prints=counts.prints["policy"],
        signs=_signs(counts, sources.signs),
        attested=sources.attested,
        people=tuple(
            paper.CountRow(act, own_board(words), counts.done[act]) for act, words in PEOPLE_ACTS if counts.done[act]
        ),
        spot_looks=len(counts.looks),
        spot=tuple(row for look in counts.sample() if (row := _spot(sources, look)) is not None),
        log=_log(counts),
    )


# --- caveats ---------------------------------------------------------------------------------------------


def _caveats(counts: LogCounts, quarter: Quarter) -> list[str]:
    found: list[str] = []
    zone = quarter.zone
    if counts.problem:
        found.append(
            "The access log is incomplete. Looks are counted as far as it goes; there may have been more. "
            + counts.problem
        )
    begins = time_ns(counts.begins_at) if counts.begins_at else None
    if begins is None:
        found.append("The access log has no entry.")
    elif begins >= quarter.end_utc_ns:
        found.append(
            f"The access log begins on {_day(begins, zone)}, after this quarter: "
            "nothing is known about looks, refusals and prints."
        )
    elif begins > quarter.start_utc_ns:
        found.append(f"The access log begins on {_day(begins, zone)}; what was before that is not counted.")
    for action, at_ns, facts in counts.remarks:
        if action == "backup.restored":
            found.append(
                f"A backup was restored on {_day(at_ns, zone)}: what happened between the backup and that day may be missing."
            )
        elif isinstance(before := facts.get("before"), Mapping):
            found.append(
                "The access log was found damaged and was started again on "
                f"{_day(at_ns, zone)}: the {before.get('entries', 0)} entries "
                "of the one before are set aside and not counted here."
            )
    if counts.steps:
        times = "once" if counts.steps == 1 else f"{counts.steps} times"
        found.append(f"The clock was set back {times}: each entry is counted by its own time.")
    if counts.astray:
        found.append(
            f"{counts.astray} entries were written in this quarter but are dated in another, because the clock was wrong; "
            "they are counted there."
        )
    found += [
        f"The head of the access log on the report for {key} is not a beginning of this log: keep that report, and have it "
        "found out why."
        for key in sorted(counts.unlike)
    ]
    return found


# --- looks --------------------------------------------------------------------------------------------------------------


def _purposes(counts: LogCounts, policy: Policy) -> tuple[paper.CountRow, ...]:
    listed = [*policy.look_purposes, IMMINENT_DANGER]
    others = sorted(set(counts.purposes) - set(listed))
    short = {row.key: policy.said(row.short) for row in policy.file.purpose}
    return tuple(
        paper.CountRow(key, policy.purpose_words(key) or "none named", counts.purposes[key], short.get(key, ""))
        for key in [*listed, *others]
    )


def office_words(seat: str, policy: Policy) -> str:
    """Return e.g. 'director' → 'Library Director', 'designee of director' → 'Designees of the Library Director'."""
    if seat in policy.roles:
        return policy.role_words(seat)
    if seat.startswith("designee of "):
        words = seat.removeprefix("designee of ")
        for key in policy.seats:
            words = words.replace(key, f"the {policy.role_words(key)}")
        return f"Designees of {words}"
    return {"share": "Those with whom something was shared", "": "No office named"}.get(seat, seat)


def _lookers(counts: LogCounts, policy: Policy) -> tuple[paper.LookerRow, ...]:
    return tuple(
        paper.LookerRow(
            words=office_words(seat, policy),
            looks=sums.looks,
            pictures=sums.pictures,
            footage_s=round(sums.footage_ms / 1000),
            live_s=round(sums.live_ms / 1000),
        )
        for seat, sums in sorted(counts.seats.items(), key=lambda item: (policy.order(item[0]), item[0]))
    )


def _live(counts: LogCounts, state: State) -> tuple[paper.LiveRow, ...]:
    """Return the rows, longest first."""
    rows = [
        paper.LiveRow(_name(state, person), round(ms / 1000), counts.renewals[person])
        for person, ms in counts.live_ms.items()
    ]
    return tuple(sorted(rows, key=lambda row: (-row.live_s, row.name)))


def _name(state: State, person: str) -> str:
    """Return the name of a person who holds or held an office; anyone else only by id."""
    row = state.people.get(person)
    if row is not None and (state.seats_of(person) or state.appointments_of(person)):
        return row.name
    return f"person {person[:20]}" if person else "nobody named"


_OWN_RULES = "Holdshelf's own rules"


def _refusals(counts: LogCounts, policy: Policy) -> tuple[paper.CountRow, ...]:
    """Return them by the clause cited, in the order of P1 to P21 and in the policy's own numbering."""

    def order(clause: str) -> tuple[int, str]:
        return (int(clause[1:]) if clause[1:].isdecimal() else 99, clause)

    found: dict[str, int] = {}
    for clause in sorted(counts.refused, key=order):
        own = policy.numbers.get(clause, clause) or (_OWN_RULES if clause else "")
        found[own] = found.get(own, 0) + counts.refused[clause]
    return tuple(paper.CountRow(own, own or "no clause named", count) for own, count in found.items())


def _signs(counts: LogCounts, now: paper.SignsRow) -> paper.SignsRow:
    return paper.SignsRow(
        attested=counts.signs["legible and lit"],
        defects=counts.signs["defect"],
        waivers=counts.done["entrance.waive"],
        entrances=now.entrances,
        ready=now.ready,
        due=now.due,
    )


# --- the spot check ---------------------------------------------------------------------------------------------------


def _spot(sources: Sources, look: Look) -> paper.SpotRow | None:
    """Return the look as its entry describes it. None: it could not be read again."""
    try:
        entry = next(iter(sources.log.read(look.seq, look.seq))).public
    except (StorageError, StopIteration):
        return None
    zone, state = sources.quarter.zone, sources.state
    at_ns = time_ns(entry["at"])
    mode = "break_glass" if entry["action"] == "break_glass" else str(entry.get("mode", ""))
    span = ""
    if mode == "archive" and "start" in entry and "end" in entry:
        span = f"{moment_words(time_ns(entry['start']), zone)} to {moment_words(time_ns(entry['end']), zone)}"
    name, office = (
        _name(state, str(entry.get("person", ""))),
        office_words(str(entry.get("seat", "")), sources.state.policy),
    )
    return paper.SpotRow(
        look=f"L-{local(at_ns, zone).year}-{look.seq:06d}",
        log_seq=look.seq,
        at=moment_words(at_ns, zone),
        who=f"{name}, {office.replace('Designees', 'designee')}",
        mode=mode,
        purpose=sources.state.policy.purpose_words(str(entry.get("purpose", ""))),
        incident=str(entry.get("incident", "")),
        cameras=tuple(state.camera_words(camera) for camera in entry.get("cameras", ())),
        span=span,
        pictures=look.pictures if look.is_sure else None,
        widenings=look.widenings,
    )


def _log(counts: LogCounts) -> paper.LogRow:
    first, last = counts.first_head, counts.last_head
    assert first is not None
    assert last is not None
    return paper.LogRow(
        origin=last.origin,
        first_size=first.size,
        first_head=first.short,
        last_size=last.size,
        last_head=last.short,
        last_root=last.root.hex(),
        made_head=counts.whole_head.short if counts.whole_head is not None else "",
        entries=counts.entries,
        refused=counts.refused.total(),
        astray=counts.astray,
        steps=counts.steps,
        compared=tuple(sorted(counts.compared)),
        unlike=tuple(sorted(counts.unlike)),
        problem=counts.problem,
    )


def _camera_name(sources: Sources, camera: str, seq: int) -> str:
    """Return a camera's name; a removed one's is a private text of the entry that removed it, '' without one."""
    if (facts := sources.state.cameras.get(camera)) is not None:
        return facts.name
    if not seq:
        return ""
    try:
        entries: Sequence[object] = [entry.private for entry in sources.log.read(seq, seq)]
    except StorageError:
        return ""
    private = entries[0] if entries else None
    return str(private.get("camera_name", "")) if isinstance(private, dict) else ""


def _day(utc_ns: int, zone: tzinfo) -> str:
    return local(utc_ns, zone).date().isoformat()
