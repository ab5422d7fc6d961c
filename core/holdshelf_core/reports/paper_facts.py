"""Turns register rows into a paper's content. Pure; used by the service, and for printing without one.

Everything shown is resolved here (names of people, days in the library's local time, names of area kinds), so that a paper
depends only on its facts. Must never include anything about a patron or about who asked for a paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from holdshelf_core import times
from holdshelf_core.policy import model
from holdshelf_core.policy.commissioning import waived
from holdshelf_core.policy.gates import (
    COUNSEL,
    MEANWHILE,
    takes_a_word,
    what_we_need,
    what_would_pass,
    without_paper,
)
from holdshelf_core.policy.instants import Now, span_words
from holdshelf_core.policy.releases import kept_by
from holdshelf_core.policy.state import State
from holdshelf_core.policy.tables import Policy
from holdshelf_core.reports.types import (
    AdoptedText,
    CameraPaper,
    EntrancePaper,
    LogHead,
    PaperFacts,
    PolicyText,
    RefusalPaper,
)
from holdshelf_storage.access_log.checkpoint import BadHead, parse_note


@dataclass(frozen=True)
class CameraSource:
    """A camera from the entries. ``microphone`` off | on | unknown; ``sound_found`` None: not looked up."""

    id: str
    name: str
    area_kind: str
    area_note: str = ""
    microphone: str = "unknown"
    sound_found: bool | None = None


def log_head(note: str, witnesses: tuple[str, ...] = ()) -> LogHead | None:
    """Return a signed head in the form for papers; None when invalid. ``witnesses``: who countersigned it."""
    try:
        head = parse_note(note).head
    except BadHead:
        return None
    return LogHead(head.origin, head.size, head.short, note, witnesses)


def _needs(needs: Iterable[str]) -> tuple[str, ...]:
    """Return what the requester must bring; what the library does meanwhile is on the sheet anyway."""
    return tuple(need for need in needs if need != MEANWHILE)


def _policy_text(policy: Policy, adopted: model.Adopted, texts: Mapping[str, str]) -> PolicyText:
    spoken = tuple(dict.fromkeys(map(_base, policy.file.library.languages))) if adopted.file_sha256 else ()
    first = policy.language if adopted.file_sha256 else "en"
    others = {
        _base(language): AdoptedText(sha256, texts.get(sha256, ""))
        for language, sha256 in reversed(adopted.texts.items())  # of two kinds of one language the first
        if _base(language) != first
    }
    text = texts.get(adopted.sha256, "")
    return PolicyText(adopted.version, adopted.adopted_on, adopted.sha256, text, first, others, spoken)


def _words(policy: Policy) -> dict[str, dict[str, str]]:
    """By language: its own words of bases and positions, and what it says otherwise, which counts first."""
    own, otherwise = policy.other_words, policy.file.words
    return {one: {**own.get(one, {}), **otherwise.get(one, {})} for one in dict.fromkeys((*own, *otherwise))}


def _base(language: str) -> str:
    return language.partition("-")[0]


def refusal_paper(state: State, release: model.Release, now: Now) -> RefusalPaper:
    """Return the sheet for one request, after its last refusal; for one never refused, what its basis requires."""
    last = release.refusals[-1] if release.refusals else None
    basis = state.policy.bases.get(release.basis)
    spans = tuple(
        f"{state.camera_words(s.camera)}, {span_words(s.start_utc_ns, s.end_utc_ns, now.zone)}" for s in release.given
    )
    said = last.sentence if last is not None else ""
    if last is not None and not last.gate:
        # Whoever refuses says why to the person who asked: `release refuse --why`.
        said = f"The library has decided not to release it: {said.rstrip('.')}."
    needs = (last.needs if last is not None else ()) or what_we_need(state.policy, release.basis)
    return RefusalPaper(
        needs=_needs(needs or what_would_pass(state.policy, state.adopted, state.determinations.values(), now)),
        release=release.id,
        reference=release.reference,
        basis_words=state.policy.basis_words(release.basis),
        spans=spans,
        refused_on=times.local_words(last.at_utc_ns) if last is not None else "",
        sentence=f"{said} ({state.policy.quoted('P13', basis.clause if basis is not None else '')})"
        if last is not None
        else "",
        holds=tuple(kept_by(state.holds.values(), release.given)),
    )


def paper_facts(
    *,
    policy: Policy,
    board: model.Board,
    adopted: model.Adopted | None,
    texts: Mapping[str, str],
    cameras: Iterable[CameraSource],
    commissions: Mapping[str, model.Commission],
    entrances: Iterable[model.Entrance],
    people: Mapping[str, model.Person],
    head: str,
    now: Now,
    witnesses: tuple[str, ...] = (),
    refusal: RefusalPaper | None = None,
    determinations: Iterable[model.Determination] = (),
    caveats: tuple[str, ...] = (),
) -> PaperFacts:
    """Return everything that a paper may say, as of ``now``. ``head``: the log's signed head, '' when there is none.

    ``texts``: the adopted texts that are to be printed, by SHA-256. ``witnesses``: names of those who countersigned it.
    """

    def name(person: str) -> str:
        row = people.get(person)
        return row.name if row else "the administrator" if person == "admin" else person

    def day(utc_ns: int | None) -> str:
        return times.local_day(utc_ns) if utc_ns is not None else ""

    def camera(source: CameraSource) -> CameraPaper:
        row = commissions.get(source.id) or model.Commission(source.id)
        return CameraPaper(
            source.id,
            source.name,
            source.area_kind,
            policy.place_words(source.area_kind),
            source.area_note,
            row.state,
            name(row.approved_by) if row.approved_by else "",
            day(row.approved_utc_ns),
            day(row.still_utc_ns),
            len(row.masks),
            row.mask_version,
            tuple(mask.why for mask in row.masks),
            row.exterior,
            source.microphone,
            source.sound_found,
        )

    def entrance(row: model.Entrance) -> EntrancePaper:
        is_waived = waived(row, now)
        return EntrancePaper(
            row.id,
            row.name,
            row.sign,
            name(row.attested_by) if row.attested_by else "",
            day(row.attested_utc_ns),
            day(row.next_check_utc_ns),
            now.ended(row.next_check_utc_ns),
            name(row.waived_by) if is_waived else "",
            day(row.waived_until_utc_ns) if is_waived else "",
            row.waived_why if is_waived else "",
            language=row.language,
        )

    has_file = adopted is not None and bool(adopted.file_sha256)
    return PaperFacts(
        library=board.library or (policy.file.library.name if has_file else ""),
        contact=board.contact or policy.contact(),
        first_role=policy.role_words(policy.first_seat) if has_file else "",
        board=dict(policy.file.library.board),
        signs=dict(policy.signs),
        words=_words(policy),
        numbers=dict(policy.numbers),
        policy_address=board.policy_address,
        bases=tuple((key, policy.basis_words(key)) for key in policy.bases if key != COUNSEL),
        without_paper=bool(without_paper(policy)),
        in_danger=takes_a_word(policy),
        keeps_at_least=policy.file.keeping.at_least,
        keeps_at_most=policy.file.keeping.at_most,
        release_by_two=board.second_person_release and bool(policy.second("release.approve")),
        page=board.paper_size,
        policy=_policy_text(policy, adopted, texts) if adopted is not None else None,
        log=log_head(head, witnesses) if head else None,
        cameras=tuple(camera(source) for source in cameras),
        entrances=tuple(entrance(row) for row in entrances if row.removed_utc_ns is None),
        refusal=refusal or RefusalPaper(_needs(what_would_pass(policy, adopted, determinations, now))),
        printed_at=times.local_words(now.utc_ns),
        caveats=caveats,
    )
