"""The action that enters the printed checklist: what somebody checked on foot, and what is wrong (P3 to P8, P18)."""

from __future__ import annotations

from dataclasses import replace

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import Change, LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.cameras import checklist_types as types
from holdshelf_core.cameras.checklist import subject_rows
from holdshelf_core.errors import BadRequest
from holdshelf_core.policy import checklist as rules
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
from holdshelf_core.times import DAY_NS

MAX_CODES = 2000
MAX_VALUE_CHARS = 200


def _word(call: Call[types.ChecklistEnter], entries: list[rules.Entry]) -> rules.Word:
    """Return who reports what and when, after checking it. Raises BadRequest."""
    asked, now = call.request, call.now
    defect = common.words(asked.defect, "The defect", most=200)
    checker = common.words(asked.checker, "Who looked", most=80)
    checked = common.day_start_utc_ns(asked.on, "--on") if asked.on else now.utc_ns
    if asked.on.strip() == times.local_day(now.utc_ns):
        checked = now.utc_ns
    mended = common.day_start_utc_ns(asked.mended, "--mended") if asked.mended else None
    if checked > now.utc_ns or (mended is not None and mended > now.utc_ns):
        raise BadRequest("That date is in the future: enter a checkmark after the check.", "Give an earlier day.")
    if asked.take_back and (defect or mended is not None):
        raise BadRequest("Taking back a checkmark cannot also record a defect or a repair.", "Enter one or the other.")
    if defect and mended is not None:
        raise BadRequest("A defect is either found or fixed.", "Enter one or the other.")
    if defect and len(entries) != 1:
        raise BadRequest(
            "A defect belongs to one entrance, one camera or one item under “house”.",
            f"You named {len(entries)}: enter each defect separately.",
        )
    return rules.Word(call.caller.who, checked, checker, defect, mended, asked.take_back)


def _value(value: str) -> str:
    return common.words(value, "What is written beside a box", most=MAX_VALUE_CHARS)


def _checked(entry: rules.Entry, word: rules.Word, row: model.Check, name: str) -> None:
    """Reject an impossible entry. Raises BadRequest."""
    if word.mended_utc_ns is None:
        return
    if not row.defect:
        raise BadRequest(f"{name} has no known defect.", "Leave --mended out; only the checkmarks are entered.")
    # Found at noon, mended the same day: days are compared.
    if row.defect_utc_ns is not None and word.mended_utc_ns < row.defect_utc_ns - DAY_NS:
        raise BadRequest(
            f"The defect of {name} was found later, on {times.local_day(row.defect_utc_ns)}.", "Give a later day."
        )


def _name(call: Call[types.ChecklistEnter], entry: rules.Entry) -> str:
    if entry.kind == "entrance":
        return call.state.entrances[entry.id].name
    return call.state.camera_words(entry.id) if entry.kind == "camera" else f"house.{entry.id}"


@handles(
    types.ChecklistEnter,
    scope=lambda q, state: Scope(
        cameras=rules.cameras_of(state, q.codes), target="house" if rules.about_house(state, q.codes) else ""
    ),
    log=lambda q: LogForm(private={"asked_for": " ".join(q.codes)[:400]}),
)
async def _enter(call: Call[types.ChecklistEnter]) -> types.ChecklistEntered:
    asked, state = call.request, call.state
    if len(asked.codes) > MAX_CODES:
        raise BadRequest(
            f"More than {MAX_CODES} codes at once.", "Enter them in two steps; CODE.all checks off a whole form."
        )
    entries = [
        replace(entry, points={point: _value(value) for point, value in entry.points.items()})
        for entry in rules.entries_of(
            state,
            asked.codes,
            points_needed=not (asked.defect or asked.mended),
            values_needed=not (asked.take_back or asked.defect),
        )
    ]
    word = _word(call, entries)
    changes: list[Change] = []
    attested: list[str] = []
    before = {entry.id: state.entrances[entry.id] for entry in entries if entry.kind == "entrance"}
    for entry in entries:
        row = state.checks.get(entry.key) or model.Check(entry.key)
        entrance = before.get(entry.id) if entry.kind == "entrance" else None
        if entrance is not None:
            row = rules.in_step(row, entrance)
        _checked(entry, word, row, _name(call, entry))
        fresh = rules.entered(row, entry, word)
        changes.append(put("checks", entry.key, fresh))
        if entrance is not None:
            after = rules.entrance_after(entrance, fresh, entry, word, state.board.sign_check_days, call.now)
            if after != entrance:
                changes.append(put("entrances", entrance.id, after))
            if (after.attested_utc_ns or 0) > (entrance.attested_utc_ns or 0):
                attested.append(entrance.id)
    facts = {
        "points": [code for entry in entries for code in entry.codes],
        "count": sum(len(entry.points) for entry in entries),
        "found": "defect" if word.defect else "",
        "taken_back": "yes" if word.takes_back else "",
        # the quarterly report counts these signs
        "signs_attested": attested,
        "signs_defect": list(before) if word.defect else [],
        "checked": times.rfc3339(word.checked_utc_ns),
        "mended": times.rfc3339(word.mended_utc_ns) if word.mended_utc_ns is not None else "",
    }
    written = "; ".join(
        f"{code}={value}"
        for entry in entries
        for code, value in zip(entry.codes, entry.points.values(), strict=False)
        if value
    )
    cameras = tuple(entry.id for entry in entries if entry.kind == "camera")
    await call.record(
        changes,
        subject=entries[0].id if len(entries) == len(before) == 1 else "",
        facts=facts,
        private={"checker": word.checker, "defect": word.defect, "written": written},
        form=replace(call.form, cameras=cameras, private={}),
    )
    return _answer(call, entries, word)


def _answer(call: Call[types.ChecklistEnter], entries: list[rules.Entry], word: rules.Word) -> types.ChecklistEntered:
    """Return the resulting checklist state; call it after the state was changed."""
    state, now = call.state, call.now
    wanted = {(entry.kind, "" if entry.kind == "house" else entry.id) for entry in entries}
    rows = [row for row in subject_rows(state, now) if (row.kind, row.id) in wanted]
    sentences, done = [], "taken back" if word.takes_back else "entered"
    for row in rows:
        if row.kind == "entrance":
            missing = [p.code for p in row.points if p.id in rules.SIGN_NEEDS and p.seen_utc_ns is None]
            if row.state != "attested" and missing:
                sentences.append(f"{row.name}: its sign is not attested yet; still to enter: {', '.join(missing)}.")
            else:
                sentences.append(f"{row.name}: its sign is {row.state}.")
        elif row.kind == "camera":
            left = [point.code for point in row.points if point.seen_utc_ns is None]
            open_ = f"; not checked off yet: {', '.join(left)}" if left else "; all of it is checked off"
            sentences.append(f"{row.name}: {f'a defect is open ({row.defect})' if row.defect else done}{open_}.")
        else:
            count = sum(entry.kind == "house" for entry in entries)
            sentences.append(f"The house: {count} point{'s' if count > 1 else ''} {done}.")
    if word.defect:
        sentences.append("It is listed as a repair until you enter that it is fixed.")
    return types.ChecklistEntered(call.seq, rows, sentences)
