"""What the Board decides: its settings (each change logged, who and why) and the policy text in force."""

from __future__ import annotations

import asyncio
import hashlib
import unicodedata
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.actions import Action, ActionRegistry, LogForm
from holdshelf_core.acts import common
from holdshelf_core.api import types_board as types
from holdshelf_core.api.types_people import Done
from holdshelf_core.errors import BadRequest, Unavailable
from holdshelf_core.gate import Call
from holdshelf_core.house import put
from holdshelf_core.policy import model
from holdshelf_core.policy.case import Scope
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
    "outbox_days": "for how many days bundles, papers and stills lie ready to be fetched",
    "paper_size": "the page that papers are set for: letter or a4",
    "printers": "printers that papers may go to, with commas between; empty: all that CUPS knows",
}
# The strict end first: a setting may be made stricter by any seat, and looser only by the Board itself.
LIMITS = {
    "live_minutes": (1, 60),
    "grace_days": (1, 90),
    "waiver_days": (1, 30),
    "review_days": (1, 366),
    "sign_check_days": (7, 366),
    "camera_check_days": (7, 366),
    "house_check_days": (7, 366),
    "longest_look_hours": (1, 24),
    "cameras_per_purpose": (1, 16),
    "widenings_before_flag": (1, 20),
    "break_glass_minutes": (1, 60),
    "share_days": (1, 90),
    "outbox_days": (1, 90),
}
CHOICES = {"paper_size": ("letter", "a4")}


def settings_rows(board: model.Board) -> list[types.BoardSetting]:
    """All settings, as `board show` lists them."""
    default = model.Board()
    return [types.BoardSetting(key, getattr(board, key), getattr(default, key), what) for key, what in WORDS.items()]


def _value(key: str, text: str) -> str | bool | int:
    if key not in WORDS:
        raise BadRequest(f"{key[:40]!r} is no setting.", "Known: " + ", ".join(WORDS) + ".")
    default = getattr(model.Board(), key)
    if isinstance(default, bool):
        if text.lower() in ("yes", "on", "true"):
            return True
        if text.lower() in ("no", "off", "false"):
            return False
        raise BadRequest(f"{key} is yes or no.", "Give one of the two.")
    if isinstance(default, int):
        low, high = LIMITS[key]
        if not text.isascii() or not text.isdigit() or not low <= int(text[:9]) <= high:
            raise BadRequest(f"{key} is a whole number from {low} to {high}.", "Give another.")
        return int(text)
    if key in CHOICES:
        if text.lower() not in CHOICES[key]:
            raise BadRequest(f"{key} is {' or '.join(CHOICES[key])}.", "Give one of them.")
        return text.lower()
    return common.words(text, key, most=120)


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
    """Where an adopted text lies."""
    return state_folder / "policy" / f"{sha256}.txt"


async def _adopt(call: Call[types.PolicyAdopt]) -> types.AdoptedRow:
    asked = call.request
    if not asked.text.strip():
        raise BadRequest("The policy's file is empty.", "Give the adopted text as a UTF-8 text file.")
    if len(asked.text) > MAX_POLICY_CHARS:
        raise BadRequest(f"The policy's file has more than {MAX_POLICY_CHARS} characters.", "Is it the policy?")
    if any(unicodedata.category(c) == "Cc" and c not in "\n\r\t\f" for c in asked.text):
        raise BadRequest("The policy's file holds control characters.", "Save it as plain text, UTF-8.")
    if asked.statute not in ("enforce", "advise"):
        raise BadRequest(f"{asked.statute[:20]!r} is no way to treat the statute (P13).", "Use enforce or advise.")
    try:
        date.fromisoformat(asked.adopted_on)
    except ValueError:
        raise BadRequest(f"{asked.adopted_on[:20]!r} is not a date.", "Give --adopted-on YYYY-MM-DD.") from None
    version = common.words(asked.version, "The policy's version", needed=True, most=40)
    raw = asked.text.encode()
    sha256 = hashlib.sha256(raw).hexdigest()
    path = policy_file(call.holdshelf.paths.state, sha256)

    def keep() -> None:
        make_dir(path.parent)
        write_atomic(path, raw)

    try:
        # The text first: an entry must not name a text that is nowhere.
        await asyncio.to_thread(keep)
    except StorageError as error:
        raise Unavailable("The policy's text could not be kept, so it was not adopted.", str(error)) from None
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
    return types.AdoptedRow(version, asked.adopted_on, sha256, asked.statute)


def register(registry: ActionRegistry) -> None:
    """All acts of this module."""
    registry.register(
        Action(
            "board.set",
            "board.set",
            types.BoardSet,
            Done,
            _set,
            lambda q, _s: Scope(
                why=q.why, paper_sha256=q.paper_sha256 or None, settings={q.key[:40]: _value(q.key, q.value)}
            ),
            lambda q: LogForm(facts={"key": q.key[:40]}),
            changes=True,
        )
    )
    registry.register(
        Action(
            "policy.adopt",
            "policy.adopt",
            types.PolicyAdopt,
            types.AdoptedRow,
            _adopt,
            lambda q, _s: Scope(paper_sha256=q.paper_sha256 or None, settings={"statute": q.statute}),
            lambda q: LogForm(facts={"version": q.version[:40]}),
            changes=True,
        )
    )
