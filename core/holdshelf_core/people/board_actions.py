"""The Board's decisions: its settings (each change logged, who and why) and the adopted policy text."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import hashlib
import re
import unicodedata
from collections.abc import Sequence
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
from holdshelf_core.api.ssh.user_signature import signer_of_file
from holdshelf_core.errors import BadRequest, Conflict, Unavailable
from holdshelf_core.people import board_types as types
from holdshelf_core.policy import model
from holdshelf_core.policy.board import CHOICES, SETTING_WORDS
from holdshelf_core.policy.case import Scope, Subject
from holdshelf_core.policy.checklist import with_units
from holdshelf_core.policy.clauses import watching_promise
from holdshelf_core.policy.gates import NEEDS, STATED
from holdshelf_core.policy.governing import own_board
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.policy.rules import decide
from holdshelf_core.policy.schema import PolicyFile
from holdshelf_core.policy.screens import words_of as screen_words
from holdshelf_core.policy.state import State
from holdshelf_core.policy.statute import determinable
from holdshelf_core.policy.steps import consenting, consulted, consults
from holdshelf_core.policy.tables import SECOND_SETTINGS, Policy
from holdshelf_core.policy_file.adopted import path_of
from holdshelf_core.policy_file.cases import failures, unshown
from holdshelf_core.policy_file.check import mistakes
from holdshelf_core.policy_file.compare import LOOSER, OTHER, STRICTER, differences
from holdshelf_core.policy_file.read import Misshapen, read_bytes, read_file
from holdshelf_storage.atomic import make_dir, write_atomic
from holdshelf_storage.errors import StorageError

_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
MAX_POLICY_CHARS = 200_000


def settings_rows(state: State) -> list[types.BoardSetting]:
    """Return all settings, as `board show` lists them."""
    board, policy = state.board, state.policy
    unbounded: tuple[int | None, int | None] = (None, None)
    own = dict(zip(("library", "contact"), _own_words(state), strict=True))
    return [
        types.BoardSetting(
            key,
            getattr(board, key) or own.get(key, getattr(board, key)),
            own.get(key, getattr(policy.board, key)),
            policy.own_board(renumbered(what)),
            least=(policy.limits(key) or unbounded)[0],
            most=(policy.limits(key) or unbounded)[1],
            choices=list(CHOICES.get(key, ())),
        )
        for key, what in SETTING_WORDS.items()
    ]


def _value(key: str, text: str, policy: Policy) -> str | bool | int:
    if key not in SETTING_WORDS:
        raise BadRequest(f"{key[:40]!r} is not a setting.", "Known: " + ", ".join(SETTING_WORDS) + ".")
    default = getattr(model.Board(), key)
    if isinstance(default, bool):
        if text.lower() in ("yes", "on", "true"):
            return True
        if text.lower() in ("no", "off", "false"):
            return False
        raise BadRequest(f"{key} must be yes or no.", "Give one of the two.")
    if isinstance(default, int):
        low, high = policy.limits(key) or (0, 0)
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
    scope=lambda q, s: Scope(
        why=q.why, paper_sha256=q.paper_sha256 or None, settings={q.key[:40]: _value(q.key, q.value, s.policy)}
    ),
    log=lambda q: LogForm(facts={"key": q.key[:40]}),
)
async def _set(call: Call[types.BoardSet]) -> Done:
    asked = call.request
    value = _value(asked.key, asked.value, call.state.policy)
    why = common.words(asked.why, "Why the setting changes", needed=True)
    sha256 = common.paper(asked.paper_sha256, own_board("The Board's minutes"), needed=False)
    before = getattr(call.state.board, asked.key)
    given = call.state.board.given
    if given is not None:
        given = tuple(dict.fromkeys((*given, asked.key)))
    board = msgspec.structs.replace(call.state.board, **{asked.key: value}, given=given)
    facts: dict[str, Any] = {"key": asked.key, "paper": sha256}
    private = {"why": why}
    if isinstance(value, str):
        private |= {"value": value}
    else:
        facts |= {"value": value, "before": before}
    seq = await call.record([put("board", "settings", board)], facts=facts, private=private)
    return Done(seq, asked.key)


POLICY_NAMESPACE = "policy@holdshelf"
"""For what a policy file's signature is: `ssh-keygen -Y sign -n policy@holdshelf`."""


def policy_text(state_folder: Path, sha256: str) -> Path:
    """Return the path of an adopted text."""
    return state_folder / "policy" / f"{sha256}.txt"


def _signer(asked: types.PolicyAdopt, state: State) -> str:
    """Return whose key signed the policy file; '' where nobody did. Raises BadRequest, Conflict."""
    if not asked.signature:
        return ""
    if not asked.file:
        raise BadRequest("There is a signature but no policy file for it.", "Give the file with --policy.")
    data = asked.file.encode()
    # A byte order mark, which some editors write, was signed with the file and is not sent with it.
    key = signer_of_file(asked.signature, (data, codecs.BOM_UTF8 + data), POLICY_NAMESPACE)
    for person in state.people.values():
        if any(known.fingerprint == key.fingerprint for known in person.keys):
            break
    else:
        raise BadRequest(
            f"The policy file is signed with the key {key.fingerprint}, which belongs to nobody here.",
            "Sign it with a key that logs in here.",
        )
    if state.adopted is not None and hashlib.sha256(data).hexdigest() in state.adopted.earlier:
        raise Conflict(
            "This policy file was in force before, and its signature was for that time.",
            "Add a line that begins with # and says why it comes back, and sign it again.",
        )
    return person.id


@handles(
    types.PolicyAdopt,
    scope=lambda q, s: Scope(
        paper_sha256=q.paper_sha256 or None,
        signed_by=_signer(q, s),
        settings={"statute": q.statute, **({"file": True} if q.file else {})},
    ),
    log=lambda q: LogForm(facts={"version": q.version[:40]}),
)
async def _adopt(call: Call[types.PolicyAdopt]) -> types.AdoptedRow:
    asked = call.request
    if asked.statute not in ("enforce", "advise"):
        raise BadRequest(f"{asked.statute[:20]!r} is not a way to treat the statute (P13).", "Use enforce or advise.")
    _check_day(asked.adopted_on, call.now)
    version = common.words(asked.version, "The policy's version", needed=True, most=40)
    file = await asyncio.to_thread(_checked_file, asked.file) if asked.file else None
    languages = file.library.languages if file is not None else call.state.policy.file.library.languages
    texts = _checked_texts(asked, languages)
    sums = {language: hashlib.sha256(text.encode()).hexdigest() for language, text in texts.items()}
    file_sha256 = hashlib.sha256(asked.file.encode()).hexdigest() if asked.file else _file_in_force(call.state)
    folder = call.frame.paths.state

    def keep() -> None:
        for language, text in texts.items():
            _write(policy_text(folder, sums[language]), text)
        if asked.file:
            _write(path_of(folder, file_sha256), asked.file)
        if asked.signature:
            _write(path_of(folder, file_sha256).with_suffix(".toml.sig"), asked.signature)

    try:
        # The files first: an entry must not refer to one that does not exist.
        await asyncio.to_thread(keep)
    except StorageError as error:
        raise Unavailable("The policy's text could not be saved, so it was not adopted.", str(error)) from None
    paper = common.paper(asked.paper_sha256, own_board("The Board's paper"), needed=False)
    sha256 = sums[languages[0]]
    others = {language: sums[language] for language in languages} if len(languages) > 1 else {}
    before = call.state.adopted
    signed_by = _signer(asked, call.state) if asked.file else before.signed_by if before is not None else ""
    earlier = before.earlier if before is not None else ()
    if before is not None and before.file_sha256 not in ("", file_sha256):
        earlier = tuple(dict.fromkeys((*earlier, before.file_sha256)))
    row = model.Adopted(
        version,
        asked.adopted_on,
        sha256,
        asked.statute,
        call.now.utc_ns,
        file_sha256,
        others,
        paper,
        signed_by,
        earlier,
    )
    facts = {
        "version": version,
        "adopted_on": asked.adopted_on,
        "sha256": sha256,
        "statute": asked.statute,
        "paper": paper,
        "file": file_sha256 or None,
        "signature": hashlib.sha256(asked.signature.encode()).hexdigest() if asked.signature else None,
        "texts": others or None,
    }
    policy = Policy(file) if file is not None else None
    ended = _roles_gone(call, policy) if policy is not None else []
    dark = _screens_gone(call, policy) if policy is not None else []
    changes = [*(put("seats", seat.id, seat) for seat in ended), *(put("shares", share.id, share) for share in dark)]
    changes += [put("checks", check.key, check) for check in with_units(call.state)]
    await call.record([put("policy", "adopted", row), *changes], facts=facts)
    reviews = _reviewers(call.state.policy, but=call.decision.acting_as) if call.decision.flag else ()
    promise = next((found for text in texts.values() if (found := watching_promise(text))), "")
    return types.AdoptedRow(
        version,
        asked.adopted_on,
        sha256,
        asked.statute,
        file_sha256=file_sha256,
        languages=list(others),
        signed_by=call.state.name_of(signed_by) if signed_by else "",
        ended=[f"{call.state.name_of(seat.person)}, {seat.key}" for seat in ended],
        reviewed_by=call.state.policy.titles(of=reviews),
        screens_ended=[f"{call.state.name_of(share.person)}, {share.screen}" for share in dark],
        warning=f"{promise[:120]!r} promises that someone is always watching, but nobody is (P10)." if promise else "",
    )


def _reviewers(policy: Policy, *, but: str) -> tuple[str, ...]:
    """Return the roles that review a flagged adoption: not the one that adopted, and where there is no other the Board."""
    return tuple(role for role in policy.second("flag.review") if role != but) or (policy.for_the_board,)


def _check_day(adopted_on: str, now: Now) -> None:
    try:
        day = date.fromisoformat(adopted_on)
    except ValueError:
        raise BadRequest(f"{adopted_on[:20]!r} is not a date.", "Use --adopted-on YYYY-MM-DD.") from None
    if day > date.fromisoformat(times.local_day(now.utc_ns)):
        raise BadRequest(
            "That date is in the future: a policy is in force once it is adopted.",
            own_board("Give the day of the Board's vote."),
        )


def _checked_texts(asked: types.PolicyAdopt, languages: Sequence[str]) -> dict[str, str]:
    """Return the text in each of the policy's languages. Raises BadRequest."""
    texts = {languages[0]: asked.text, **asked.texts}
    for language in languages:
        if language not in texts:
            raise BadRequest(
                f"The policy is in {listed(languages)}, and there is no text in {language!r}.", "Give it with --text."
            )
    for language, text in texts.items():
        if language not in languages:
            raise BadRequest(
                f"{language[:20]!r} is not one of the policy's languages.", f"They are {listed(languages)}."
            )
        if not text.strip():
            raise BadRequest("The policy's file is empty.", "Give the adopted text as a UTF-8 text file.")
        if len(text) > MAX_POLICY_CHARS:
            raise BadRequest(f"The policy's file has more than {MAX_POLICY_CHARS} characters.", "Is it the policy?")
        if any(unicodedata.category(c) == "Cc" and c not in "\n\r\t\f" for c in text):
            raise BadRequest("The policy's file holds control characters.", "Save it as plain text, UTF-8.")
    return texts


def _checked_file(text: str) -> PolicyFile:
    """Return the policy file. Raises BadRequest for one that cannot be read, or has a mistake."""
    file = read_bytes(text.encode(), "The policy file")
    found = mistakes(file, text) or failures(file)
    if found:
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        raise BadRequest(
            f"The policy file has a mistake{more}: {found[0]}", "`holdshelf policy lint FILE` lists all of them."
        )
    return file


def _file_in_force(state: State) -> str:
    return state.adopted.file_sha256 if state.adopted is not None else ""


def _roles_gone(call: Call[types.PolicyAdopt], policy: Policy) -> list[model.Seat]:
    """Return the terms that end: nobody holds a role that the new file does not name."""
    now = call.now.utc_ns
    open_terms = (seat for seat in call.state.seats.values() if seat.ended_utc_ns is None)
    return [
        msgspec.structs.replace(
            seat, end_utc_ns=now if seat.end_utc_ns is None else min(seat.end_utc_ns, now), ended_utc_ns=now
        )
        for seat in open_terms
        if not policy.has_holders(seat.key)
    ]


def _screens_gone(call: Call[types.PolicyAdopt], policy: Policy) -> list[model.Share]:
    """Return what screens show that ends: the new file has no such screen, and one that has it again gives it anew."""
    return [
        msgspec.structs.replace(share, ended_utc_ns=call.now.utc_ns)
        for share in call.state.shares.values()
        if share.screen and share.ended_utc_ns is None and share.screen not in policy.screens
    ]


def _write(path: Path, text: str) -> None:
    make_dir(path.parent)
    write_atomic(path, text.encode())


# --- reads -----------------------------------------------------------------------------------------------------------


@handles(types.ReadBoard)
async def _board(asked: Reading[types.ReadBoard]) -> list[types.BoardSetting]:
    return settings_rows(asked.state)


@handles(types.ReadPolicy)
async def _policy(asked: Reading[types.ReadPolicy]) -> types.AdoptedRow:
    adopted = asked.state.adopted
    if adopted is None:
        return types.AdoptedRow()
    path = policy_text(asked.frame.paths.state, adopted.sha256)
    try:
        text = (await asyncio.to_thread(path.read_bytes)).decode("utf-8", "replace")
    except OSError:
        text = ""
    return types.AdoptedRow(
        adopted.version,
        adopted.adopted_on,
        adopted.sha256,
        adopted.statute,
        text,
        adopted.file_sha256,
        list(adopted.texts),
        asked.state.name_of(adopted.signed_by) if adopted.signed_by else "",
        sums=adopted.texts,
    )


@handles(types.ReadPolicyText)
async def _once(asked: Reading[types.ReadPolicyText]) -> types.AdoptedText:
    sha256 = asked.request.sha256
    if not _SHA256.fullmatch(sha256):
        raise BadRequest("A SHA-256 has 64 hex digits.", "See `holdshelf log show --action policy.adopt`.")
    folder = asked.frame.paths.state
    for path in (policy_text(folder, sha256), path_of(folder, sha256)):
        with contextlib.suppress(OSError):
            data = await asyncio.to_thread(path.read_bytes)
            if hashlib.sha256(data).hexdigest() == sha256:
                return types.AdoptedText(data.decode("utf-8", "replace"))
    return types.AdoptedText()


@handles(types.ReadPolicyLists)
async def _lists(asked: Reading[types.ReadPolicyLists]) -> types.PolicyLists:
    policy = asked.state.policy
    return types.PolicyLists(
        [
            types.PolicyRole(
                role.key, policy.role_words(role.key), policy.short(role.key), role.on_paper, role.speaks_for_board
            )
            for role in policy.roles.values()
        ],
        [(key, policy.purpose_words(key)) for key in policy.look_purposes],
        [(key, policy.purpose_words(key)) for key in policy.share_purposes],
        [(key, policy.ground_words(key)) for key in policy.grounds],
        [(key, policy.basis_words(key)) for key in policy.bases],
        {key: [*row.needs, *consulted(consults(row.steps))] for key, row in policy.bases.items()},
        list(determinable(policy)),
        {act: list(policy.second(act)) for act in ("hold.lift", "release.approve", "flag.review")},
        [act for setting, act in SECOND_SETTINGS.items() if not getattr(asked.state.board, setting)],
        {key: found for key, row in policy.bases.items() if (found := consenting(row.steps))},
        [
            *((need, NEEDS[need]) for need in STATED),
            *((step, f"the {policy.role_words(role)} was consulted") for step, role in _consultations(policy)),
        ],
        list(policy.places.items()),
        [place for place in policy.places if policy.needs_note(place)],
        [key for key, row in policy.bases.items() if row.clock is not None],
        [(key, screen_words(policy, screen)) for key, screen in policy.screens.items()],
        [(role, policy.role_words(role)) for role in consenting(_before_approval(policy))],
        [(role, policy.role_words(role)) for role in consults(_before_approval(policy))],
        policy.file.library.dates,
        policy.file.library.clock,
        *_own_words(asked.state),
        dict(policy.numbers),
        list(policy.file.library.languages),
        policy.board_word,
        list(policy.signs),
    )


def _own_words(state: State) -> tuple[str, str]:
    """Return the library's name and whom the public asks, as the adopted file says them; '' where there is none."""
    has_file = state.adopted is not None and bool(state.adopted.file_sha256)
    return (state.policy.file.library.name, state.policy.contact()) if has_file else ("", "")


def _before_approval(policy: Policy) -> tuple[str, ...]:
    return policy.steps("commission.approve").steps


def _consultations(policy: Policy) -> list[tuple[str, str]]:
    roles = dict.fromkeys(role for row in policy.bases.values() for role in consults(row.steps))
    return list(zip(consulted(roles), roles, strict=True))


@handles(types.ReadPolicyLint)
async def _lint(asked: Reading[types.ReadPolicyLint]) -> types.PolicyLinted:
    before = asked.state.policy

    def look() -> types.PolicyLinted:
        try:
            file = read_bytes(asked.request.file.encode(), "The policy file")
        except Misshapen as refused:
            return types.PolicyLinted([str(mistake) for mistake in refused.mistakes])
        found = mistakes(file, asked.request.file) or failures(file)
        if found:
            return types.PolicyLinted([str(mistake) for mistake in found])
        policy = Policy(file)
        rows = differences(before, policy)
        return types.PolicyLinted(
            library=file.library.name,
            languages=list(file.library.languages),
            looser=[row.sentence for row in rows if row.kind == LOOSER],
            stricter=[row.sentence for row in rows if row.kind == STRICTER],
            other=[row.sentence for row in rows if row.kind == OTHER],
            words_only=list(policy.words_only),
            unshown=unshown(file),
        )

    return await asyncio.to_thread(look)


@handles(types.ReadPolicyFile)
async def _file(asked: Reading[types.ReadPolicyFile]) -> types.PolicyFileRow:
    sha256 = _file_in_force(asked.state)
    if not sha256:
        return types.PolicyFileRow()
    try:
        _, data = await asyncio.to_thread(read_file, path_of(asked.frame.paths.state, sha256))
    except BadRequest as error:
        raise Unavailable(error.sentence) from None
    return types.PolicyFileRow(sha256, data.decode("utf-8", "replace"))


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
