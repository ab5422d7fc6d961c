"""Releases in words (P13): bases, states, and what each gate said."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from holdshelf_core.api.errors import Refused
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.people.board_types import PolicyLists
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.numbering import renumbered
from holdshelf_core.releases.types import GATE_WORDS, ReleaseRow, SpanRow
from holdshelf_tui.text.holds import exact
from holdshelf_tui.text.time_format import date_words, iso_day, when
from holdshelf_tui.text.words import counted

STATUTE = 2
"""The second gate."""
AWAITED = ("stopped", "requested", "approved")
"""Something may still come of it."""
NUMBER = re.compile(r"R-\d{4}-\d+")
_STOPPED = re.compile(rf"^({NUMBER.pattern}) is refused")


def stopped_release(error: Refused) -> str:
    """Under which number a gate's no is kept; '' when the act itself was refused."""
    match = _STOPPED.match(error.sentence)
    return match[1] if match is not None else ""


def hold_for(row: ReleaseRow, reference: str = "") -> HoldPlace:
    """The hold that keeps all of it that is there and not on hold, in one act."""
    spans = [SpanAsk(span.camera, span.start_utc_ns, span.end_utc_ns) for span in row.unheld]
    return HoldPlace(row.hold_ground, reference or row.reference, spans, note=f"for {row.id}")


def can_trim(row: ReleaseRow) -> bool:
    """Whether its paper names a part of what is asked for, and no more."""
    names = row.paper.scope if row.paper is not None else []

    def meets(span: SpanRow, scope: SpanRow) -> bool:
        same = scope.camera in ("", span.camera)
        return same and scope.start_utc_ns < span.end_utc_ns and span.start_utc_ns < scope.end_utc_ns

    def covers(span: SpanRow, scope: SpanRow) -> bool:
        within = scope.start_utc_ns <= span.start_utc_ns and span.end_utc_ns <= scope.end_utc_ns
        return within and meets(span, scope)

    is_whole = all(any(covers(span, scope) for scope in names) for span in row.given)
    return not is_whole and any(meets(span, scope) for span in row.given for scope in names)


def step_after_no(row: ReleaseRow | None, release: str) -> str:
    """What can be done about a gate's no, in front of the list of releases."""
    if row is not None and row.gates and row.gates[-1].gate == STATUTE:
        return (
            f"The refusal is kept as {release}. Counsel's route: the library's counsel is asked for a determination. "
            "Once it is recorded, the request can be checked again."
        )
    return f"The refusal is kept as {release}. When the paper is here, choose “Paper”: the request is checked again."


def step_to_approval(row: ReleaseRow, policy: PolicyLists) -> str:
    """Who says yes or no now, in front of the list of releases; '' where nobody has to."""
    if row.state != "requested":
        return ""
    if roles := policy.consenting.get(row.basis):
        decides = f"the {listed([policy.role_words[role] for role in roles])} must agree, and it is approved or refused"
    elif "release.approve" in policy.alone:
        decides = "“Decide” approves or refuses it"
    else:
        decides = "another seat approves or refuses it"
    if row.needs_others:
        return f"Say first whether other people are seen in it: “Others”. Then {decides}."
    return f"{decides[0].upper()}{decides[1:]}; nothing is released before that."


def cameras_of(spans: Sequence[SpanRow], names: Mapping[str, str]) -> str:
    """'Front entrance, Service desk'."""
    return ", ".join(names.get(c, c) or "any camera" for c in dict.fromkeys(span.camera for span in spans))


def span_lines(spans: Sequence[SpanRow], names: Mapping[str, str]) -> list[str]:
    """A line for each."""
    return [
        f"{names.get(span.camera, span.camera) or 'any camera'}: {exact(span.start_utc_ns, span.end_utc_ns)}"
        for span in spans
    ]


def gate_lines(row: ReleaseRow) -> list[str]:
    """What each gate said, and what would open it."""
    lines = []
    for gate in row.gates:
        sign = "✓ yes" if gate.passed else "✗ NO"
        lines.append(renumbered(f"{GATE_WORDS.get(gate.gate, 'A rule')} (P13): {sign}. {gate.sentence}"))
        if not gate.passed:
            lines += [f"    needed: {need}" for need in gate.needs]
    return lines


def others_line(row: ReleaseRow) -> str:
    """'Others are seen, and 2 boxes are drawn over them; Dora Reed, Nov 24, 2026, 2:05 pm.'"""
    said = row.others
    if said is None:
        return "Nobody has said yet whether other people are seen in it."
    why = f": {said.why}" if said.why and not said.boxes else ""
    looked = "" if said.looked is None else f", who had looked at {counted(said.looked, 'picture')} of it"
    if said.looked == 0:
        looked = ", who had looked at no picture of it"
    return f"{said.words[:1].upper()}{said.words[1:]}{why}; {said.by_name}{looked}, {when(said.at_utc_ns)}."


def release_lines(row: ReleaseRow, names: Mapping[str, str]) -> list[str]:
    """Everything, for a person."""
    number = f", no. {row.reference}" if row.reference else ""
    lines = [f"On {row.basis_words}{number}: {row.state_words}."]
    lines.append(f"Requested by {row.requested_by_name}, {when(row.requested_utc_ns)}.")
    lines += [answer_words(row)] if row.due_utc_ns is not None else []
    lines += [f"Stated: {listed(row.stated)}."] if row.stated else []
    lines += [f"  {line}" for line in span_lines(row.given, names)]
    if row.given != row.asked:
        lines.append("Trimmed to the paper. What was requested:")
        lines += [f"  {line}" for line in span_lines(row.asked, names)]
    if row.paper is not None:
        paper = row.paper
        parts = [paper.kind, paper.issuer, paper.docket, paper.agency, paper.officer]
        parts += ["signed by a judge"] if paper.signed_by_judge else []
        parts += ["asks for the original"] if paper.original else []
        if paper.valid_until_utc_ns is not None:
            parts.append(f"in force until {when(paper.valid_until_utc_ns)}")
        lines.append("Paper: " + ", ".join(part for part in parts if part))
        lines += [f"  names {line}" for line in span_lines(paper.scope, names)]
        lines.append(f"  Fingerprint of its scan (SHA-256): {paper.sha256}")
    lines += gate_lines(row)
    lines += [f"! {row.caution}"] if row.caution else []
    if row.why:
        lines.append(f"Danger: {row.why}")
    lines += [f"Refused, {when(no.at_utc_ns)}: {no.sentence}" for no in row.refusals if no.gate == 0]
    lines.append(others_line(row))
    lines += _ends(row)
    lines.append(f"Kept by {', '.join(row.holds)}." if row.holds else "No hold keeps it.")
    return lines


def answer_words(row: ReleaseRow) -> str:
    """'To be answered by Nov 30, 2026, received Nov 24, 2026.'; what is over says when it was due."""
    assert row.due_utc_ns is not None
    is_open = row.state in AWAITED
    verb = "OVERDUE: to be answered" if row.overdue else "To be answered" if is_open else "It was to be answered"
    more = f"; more time was given: {row.extended_why}" if row.extended_why else ""
    received = iso_day(row.received_on) or date_words(row.requested_utc_ns)
    return f"{verb} by {date_words(row.due_utc_ns - 1)}; received {received}{more}."


def _ends(row: ReleaseRow) -> list[str]:
    lines = []
    if row.approved_utc_ns is not None:
        if row.approval_paper_sha256:
            how = f"on a paper signed by the {row.approved_by_name}; flagged for a second look"
        else:
            how = f"by {row.approved_by_name}" if row.approved_by else "in imminent danger; it is reviewed afterwards"
        lines.append(f"Approved {how}, {when(row.approved_utc_ns)}.")
    if row.original:
        lines.append("The original recording is released, with nothing hidden.")
    if row.bundle is not None:
        lines.append(f"Its bundle was made by {row.bundle.made_by_name}, {when(row.bundle.made_utc_ns)}; signed with")
        lines.append(f"  {row.bundle.fingerprint}")
        if row.bundle.removed_utc_ns is not None:
            lines.append(f"It expired and was removed, {when(row.bundle.removed_utc_ns)}; it can be made again.")
        elif row.bundle.until_utc_ns is not None:
            lines.append(
                f"Whoever requested, approved or made it has it in the outbox until {when(row.bundle.until_utc_ns)}."
            )
    if row.paper_due_utc_ns is not None:
        lines.append(f"The paper is due by {when(row.paper_due_utc_ns)}.")
    if row.ended_why:
        lines.append(f"{row.state_words.capitalize()}, {when(row.ended_utc_ns)}: {row.ended_why}")
    return lines
