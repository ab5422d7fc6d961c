"""The Board's decisions: its settings (each change logged, who and why) and the adopted policy text."""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.actions.state_store import put
from holdshelf_core.acts import Done
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.people import board_types as types
from holdshelf_core.policy import model
from holdshelf_core.policy.board import CHOICES, LIMITS
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.clauses import watching_promise
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.rules import decide
from holdshelf_storage.atomic import make_dir, write_atomic
from holdshelf_storage.errors import StorageError

MAX_POLICY_CHARS = 200_000
WORDS = {
    "library": "the library's name, on every print",
    "contact": "whom the public asks (P19), on every print",
    "policy_address": "where the policy is posted (P18)",
    "second_person_lift": "lifting a hold takes a second person (P16)",
    "second_person_release": "a release takes a second person (P13)",
    "live_minutes": "a live view ends by itself after so many minutes (P9)",
    "grace_days": "days between a lift's approval and the first erasing (P16)",
    "waiver_days": "for how long an entrance's sign may be waived (P3)",
    "review_days": "a hold's first review, in days (P16)",
    "sign_check_days": "days between checks of a sign (P3)",
    "camera_check_days": "days between walks past each camera with the checklist (P4 to P8)",
    "house_check_days": "days between the Board's reviews (P1), and of what else the checklist asks of the house",
    "longest_look_hours": "the longest span under one purpose (P12)",
    "cameras_per_purpose": "cameras under one purpose (P12)",
    "widenings_before_flag": "widenings of one purpose before it is flagged (P12)",
    "break_glass_minutes": "how long a break-glass look lasts",
    "share_days": "days until a share expires (P14)",
    "outbox_days": "for how many days bundles, papers and stills are ready to fetch",
    "paper_days": "for how many days a paper that was sent is kept, sealed; 0: thrown away once its fingerprint is taken",
    "paper_size": "the page that papers are set for: letter or a4",
    "printers": "printers that papers may go to, with commas between; empty: all that CUPS knows",
}


def settings_rows(board: model.Board) -> list[types.BoardSetting]:
    """Return all settings, as `board show` lists them."""
    default = model.Board()
    unbounded: tuple[int | None, int | None] = (None, None)
    return [
        types.BoardSetting(
            key,
            getattr(board, key),
            getattr(default, key),
            what,
            least=LIMITS.get(key, unbounded)[0],
            most=LIMITS.get(key, unbounded)[1],
            choices=list(CHOICES.get(key, ())),
        )
        for key, what in WORDS.items()
    ]


def _value(key: str, text: str) -> str | bool | int:
    if key not in WORDS:
        raise BadRequest(f"{key[:40]!r} is not a setting.", "Known: " + ", ".join(WORDS) + ".")
    default = getattr(model.Board(), key)
    if isinstance(default, bool):
        if text.lower() in ("yes", "on", "true"):
            return True
        if text.lower() in ("no", "off", "false"):
            return False
        raise BadRequest(f"{key} must be yes or no.", "Give one of the two.")
    if isinstance(default, int):
        low, high = LIMITS[key]
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise BadRequest(f"{key} must be a whole number from {low} to {high}.", "Give another.")
        return int(text)
    if key in CHOICES:
        if text.lower() not in CHOICES[key]:
            raise BadRequest(f"{key} is {' or '.join(CHOICES[key])}.", "Give one of them.")
        return text.lower()
    return common.words(text, key, most=120)


@handles(
    types.BoardSet,
    scope=lambda q, _s: Scope(
        why=q.why, paper_sha256=q.paper_sha256 or None, settings={q.key[:40]: _value(q.key, q.value)}
    ),
    log=lambda q: LogForm(facts={"key": q.key[:40]}),
)
async def _set(call: Call[types.BoardSet]) -> Done:
    asked = call.request
    value = _value(asked.key, asked.value)
    why = common.words(asked.why, "Why the setting changes", needed=True)
    sha256 = common.paper(asked.paper_sha256, "The Board's minutes", needed=False)
    before = getattr(call.state.board, asked.key)
    board = msgspec.structs.replace(call.state.board, **{asked.key: value})
    facts: dict[str, Any] = {"key": asked.key, "paper": sha256}
    private = {"why": why}
    if isinstance(value, str):
        private |= {"value": value}
    else:
        facts |= {"value": value, "before": before}
    seq = await call.record([put("board", "settings", board)], facts=facts, private=private)
    return Done(seq, asked.key)


def policy_file(state_folder: Path, sha256: str) -> Path:
    """Return the path of an adopted text."""
    return state_folder / "policy" / f"{sha256}.txt"


@handles(
    types.PolicyAdopt,
    scope=lambda q, _s: Scope(paper_sha256=q.paper_sha256 or None, settings={"statute": q.statute}),
    log=lambda q: LogForm(facts={"version": q.version[:40]}),
)
async def _adopt(call: Call[types.PolicyAdopt]) -> types.AdoptedRow:
    asked = call.request
    if not asked.text.strip():
        raise BadRequest("The policy's file is empty.", "Give the adopted text as a UTF-8 text file.")
    if len(asked.text) > MAX_POLICY_CHARS:
        raise BadRequest(f"The policy's file has more than {MAX_POLICY_CHARS} characters.", "Is it the policy?")
    if any(unicodedata.category(c) == "Cc" and c not in "\n\r\t\f" for c in asked.text):
        raise BadRequest("The policy's file holds control characters.", "Save it as plain text, UTF-8.")
    if asked.statute not in ("enforce", "advise"):
        raise BadRequest(f"{asked.statute[:20]!r} is not a way to treat the statute (P13).", "Use enforce or advise.")
    try:
        adopted_on = date.fromisoformat(asked.adopted_on)
    except ValueError:
        raise BadRequest(f"{asked.adopted_on[:20]!r} is not a date.", "Use --adopted-on YYYY-MM-DD.") from None
    if adopted_on > date.fromisoformat(times.local_day(call.now.utc_ns)):
        raise BadRequest(
            "That date is in the future: a policy is in force once it is adopted.", "Give the day of the Board's vote."
        )
    version = common.words(asked.version, "The policy's version", needed=True, most=40)
    raw = asked.text.encode()
    sha256 = hashlib.sha256(raw).hexdigest()
    path = policy_file(call.frame.paths.state, sha256)

    def keep() -> None:
        make_dir(path.parent)
        write_atomic(path, raw)

    try:
        # The text first: an entry must not refer to a text that does not exist.
        await asyncio.to_thread(keep)
    except StorageError as error:
        raise Unavailable("The policy's text could not be saved, so it was not adopted.", str(error)) from None
    row = model.Adopted(version, asked.adopted_on, sha256, asked.statute, call.now.utc_ns)
    paper = common.paper(asked.paper_sha256, "The Board's paper", needed=False)
    facts = {
        "version": version,
        "adopted_on": asked.adopted_on,
        "sha256": sha256,
        "statute": asked.statute,
        "paper": paper,
    }
    await call.record([put("policy", "adopted", row)], facts=facts)
    warning = ""
    if promise := watching_promise(asked.text):
        warning = f"{promise[:120]!r} promises that someone is always watching, but nobody is (P10)."
    return types.AdoptedRow(version, asked.adopted_on, sha256, asked.statute, warning=warning)


# --- reads -----------------------------------------------------------------------------------------------------------


@handles(types.ReadBoard)
async def _board(asked: Reading[types.ReadBoard]) -> list[types.BoardSetting]:
    return settings_rows(asked.state.board)


@handles(types.ReadPolicy)
async def _policy(asked: Reading[types.ReadPolicy]) -> types.AdoptedRow:
    adopted = asked.state.adopted
    if adopted is None:
        return types.AdoptedRow()
    path = policy_file(asked.frame.paths.state, adopted.sha256)
    try:
        text = (await asyncio.to_thread(path.read_bytes)).decode("utf-8", "replace")
    except OSError:
        text = ""
    return types.AdoptedRow(adopted.version, adopted.adopted_on, adopted.sha256, adopted.statute, text)


@handles(types.ReadMay)
async def _may(asked: Reading[types.ReadMay]) -> types.MayAnswer:
    state, now = asked.state, asked.now
    q = asked.request
    if q.at_utc_ns is not None:
        now = Now(q.at_utc_ns, q.at_utc_ns, now.zone)
    admin = q.person == "admin"
    subject = Subject(None if admin else common.find_person(state, q.person).id, admin)
    cameras = common.camera_scope(state, [c for c in q.cameras.split(",") if c])
    scope = Scope(
        cameras=cameras,
        start_utc_ns=q.start_utc_ns,
        end_utc_ns=q.end_utc_ns,
        purpose=q.purpose,
        incident=q.incident,
        target=q.target,
        rights=tuple(right for right in q.rights.split(",") if right),
    )
    decision = decide(state, subject, q.action, scope, now)
    return types.MayAnswer(
        decision.allowed, decision.acting_as, decision.clause, decision.sentence, decision.who_can_help
    )
