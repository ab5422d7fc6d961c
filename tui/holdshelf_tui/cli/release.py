"""release request | trim | paper | again | approve | refuse | withdraw | list | show, and counsel record | end | list.

A paper's scan stays where it is: its SHA-256 is taken here, and what the paper says is typed beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_core.releases import types
from holdshelf_tui.cli import release_bundle, release_gates, release_others, release_proof, typed_times
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash
from holdshelf_tui.cli.release_gates import Sheet
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.releases import others_line
from holdshelf_tui.text.time_format import local, local_day
from holdshelf_tui.text.words import counted, inert, size

app = typer.Typer(
    help="Outside requests for footage: both gates, a second person where the policy requires one, never more than the paper.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
counsel = typer.Typer(
    help="What the library's counsel determined about the confidentiality statute.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="release")
root.add_typer(counsel, name="counsel")

app.command(epilog="Example: holdshelf release export R-2026-0001")(release_bundle.export)
app.command(epilog="Example: holdshelf release receipt R-2026-0001 --file receipt.txt")(release_bundle.receipt)
app.add_typer(release_proof.key_app, name="key")
app.command(epilog="Example: holdshelf release hold R-2026-0001")(release_gates.hold)
app.command(epilog="Example: holdshelf release others R-2026-0001 --boxes boxes.csv")(release_others.others)
app.command(epilog="Example: holdshelf release write R-2026-0001 --usb /media/stick")(release_bundle.write)

ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="E.g., R-2026-0001.")]
Why = Annotated[str, typer.Option("--why", help="The reason, in a few words; kept on record.")]
Kind = Annotated[str, typer.Option(help="What kind of paper it is, if it differs from the basis.")]
Issuer = Annotated[str, typer.Option(help="Who issued the paper: the court, or who signed.")]
Docket = Annotated[str, typer.Option(help="Docket or case number of the paper; never a name.")]
Agency = Annotated[str, typer.Option(help="The requesting agency.")]
Officer = Annotated[str, typer.Option(help="Name or badge number of the officer.")]
Judge = Annotated[bool, typer.Option("--judge", help="A judge signed it.")]
Stated = Annotated[
    list[str] | None,
    typer.Option(
        "--stated",
        help="What you have seen or know, where the basis asks for it: name, identity, matter, reported, called, at-library; "
        "can be repeated.",
    ),
]
Scope = Annotated[
    list[str] | None,
    typer.Option("--scope", help="What the paper names: 'CAMERA,FROM,TO'; * for any camera; can be repeated."),
]
Original = Annotated[
    bool, typer.Option("--original", help="The paper asks for the original recording, nothing hidden.")
]
Lapses = Annotated[str, typer.Option(help="The paper's last day, e.g., 12/31/2026. [default: it names none]")]


def _scope(texts: list[str] | None) -> list[types.SpanRow]:
    spans = []
    for text in texts or ():
        camera, *times = text.rsplit(",", 2)
        if len(times) != 2 or not camera.strip():
            raise BadRequest(
                f"--scope {inert(text, 60)!r} must name a camera, a start and an end.",
                "For example, --scope 'lobby,2026-11-24 14:00,2026-11-24 15:00'.",
            )
        spans.append(
            types.SpanRow("" if camera.strip() == "*" else camera.strip(), *typed_times.whole_span(*times, future=True))
        )
    return spans


def _paper(
    data: Path | None,
    file: Path | None,
    kind: str,
    issuer: str,
    docket: str,
    agency: str,
    officer: str,
    judge: bool,
    scope: list[str] | None,
    lapses: str,
    original: bool,
    spoken: Sequence[types.SpanRow] = (),
) -> types.PaperAsk | None:
    """What the options say of a paper; None when there is none. Raises BadRequest.

    ``spoken``: what is asked for, on a basis that takes no paper: who asks is then recorded in the same form, without a scan.
    """
    spans = _scope(scope)
    if file is None:
        if judge or original or (scope and not spoken):
            raise BadRequest("--scope, --judge and --original describe a paper.", "Give its scan with --paper FILE.")
        if not spoken:
            return None
        return types.PaperAsk("", kind, issuer, docket, agency, officer, False, spans or list(spoken))
    lapses = typed_times.day_or_time(lapses, "--lapses")
    return types.PaperAsk(paper_hash(file, data), kind, issuer, docket, agency, officer, judge, spans, lapses, original)


def _tell(row: types.ReleaseRow, *, json: bool) -> None:
    if json:
        echo_json(row)
        return
    number = f", no. {row.reference}" if row.reference else ""
    typer.echo(f"{row.id}: {row.basis_words}{number}; {row.state_words}")
    for span in row.given:
        typer.echo(f"  {_span(span)}")
    if row.given != row.asked:
        typer.echo("  trimmed to the paper; the request was:")
        for span in row.asked:
            typer.echo(f"    {_span(span)}")
    typer.echo(f"  requested by {inert(row.requested_by_name)} on {local(row.requested_utc_ns)}")
    if row.paper is not None:
        _tell_paper(row.paper)
    for gate in row.gates:
        typer.echo(f"  {types.GATE_WORDS[gate.gate]}: {'yes' if gate.passed else 'NO'}. {inert(gate.sentence, 400)}")
        for need in () if gate.passed else gate.needs:
            typer.echo(f"    needed: {inert(need, 200)}")
    if row.caution:
        typer.echo(f"  ! {inert(row.caution, 500)}")
    if row.others is not None or row.needs_others:
        typer.echo(f"  {inert(others_line(row), 500)}")
    _tell_end(row)
    if row.holds:
        typer.echo(f"  kept by {', '.join(row.holds)}")
    if row.next_step:
        typer.echo(inert(row.next_step, 900))


def _tell_end(row: types.ReleaseRow) -> None:
    if row.approved_utc_ns is not None:
        if row.approval_paper_sha256:
            how = f"on a paper signed by the {row.approved_by_name} (SHA-256 {row.approval_paper_sha256}); flagged"
        else:
            how = f"by {inert(row.approved_by_name)}" if row.approved_by else "in imminent danger; flagged"
        typer.echo(f"  approved on {local(row.approved_utc_ns)} {how}")
    if row.original:
        typer.echo("  the original recording is released, with nothing hidden")
    if row.bundle is not None:
        made = row.bundle
        typer.echo(f"  bundle: {counted(made.files, 'file')}, {size(made.bytes)}, made on {local(made.made_utc_ns)}")
        typer.echo(f"    signed with {made.fingerprint}")
        typer.echo(f"    SHA-256 of SHA256SUMS {made.sums_sha256}")
        if made.removed_utc_ns is not None:
            typer.echo(f"    removed on {local(made.removed_utc_ns)}; it can be made again while its footage is there")
        elif made.until_utc_ns is not None:
            typer.echo(f"    it is ready until {local(made.until_utc_ns)}")
    if row.ended_why:
        ended = f"{row.state_words} on {local(row.ended_utc_ns)}"
        typer.echo(f"  {ended}: {inert(row.ended_why, 300)}")


def _tell_paper(paper: types.PaperRow) -> None:
    parts = [paper.kind, paper.issuer, paper.docket, paper.agency, paper.officer]
    if paper.signed_by_judge:
        parts.append("signed by a judge")
    if paper.original:
        parts.append("asks for the original")
    if paper.valid_until_utc_ns is not None:
        parts.append(f"in force until {_last(paper.valid_until_utc_ns)}")
    typer.echo(f"  paper: {inert(', '.join(part for part in parts if part), 400)}")
    for span in paper.scope:
        typer.echo(f"    names {_span(span)}")
    typer.echo(f"    SHA-256 {paper.sha256}")


def _last(end_utc_ns: int) -> str:
    """The last day, as it is typed; with its time where it ends within a day."""
    return local_day(end_utc_ns - 1) if " 00:00:00" in (end := local(end_utc_ns)) else end


def _span(span: types.SpanRow) -> str:
    return f"{span.camera or 'any camera'}  {local(span.start_utc_ns)} to {local(span.end_utc_ns)}"


# --- release --------------------------------------------------------------------------------------------------------


@app.command(
    epilog="Example: holdshelf release request --basis search-warrant --incident 26-0417 --camera lobby --from '14:00' "
    "--to '15:00' --paper warrant.pdf --judge --issuer 'Superior Court' --docket CR-26-77 --scope 'lobby,14:00,15:00'"
)
def request(
    basis: Annotated[str, typer.Option(help="What it rests on: one of `policy lists`.")],
    camera: Annotated[list[str], typer.Option("--camera", help="Camera id or name; can be repeated.")],
    start: Annotated[str, typer.Option("--from", help="Start: '11/24 2 pm', '14:00' (today), '2h ago' or a day.")],
    end: Annotated[str, typer.Option("--to", help="End, as --from.")],
    reference: Annotated[str, typer.Option("--incident", help="Case or incident number; never a name.")] = "",
    paper: Paper = None,
    kind: Kind = "",
    issuer: Issuer = "",
    docket: Docket = "",
    agency: Agency = "",
    officer: Officer = "",
    judge: Judge = False,
    scope: Scope = None,
    lapses: Lapses = "",
    original: Original = False,
    why: Annotated[str, typer.Option("--why", help="Emergency: what the danger is.")] = "",
    stated: Stated = None,
    received: Annotated[str, typer.Option(help="The day on which the library got it. [default: today]")] = "",
    sheet: Sheet = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Check a request against the policy and the statute. A refusal says what is needed; one that passes waits for approval."""
    start_utc_ns, end_utc_ns = typed_times.whole_span(start, end)
    spans = [types.SpanRow(one, start_utc_ns, end_utc_ns) for one in camera]
    policy = client(data).read(ReadPolicyLists())
    spoken = spans if policy.is_spoken(basis) else []
    read = _paper(data, paper, kind or basis, issuer, docket, agency, officer, judge, scope, lapses, original, spoken)
    day = typed_times.day(received, "--received") if received else ""
    asked = types.ReleaseRequest(basis, spans, reference, read, why, stated or [], day)
    _at_gates(data, asked, sheet, json=json)


def _at_gates(data: Path | None, asked: types.ReleaseRequest | types.ReleaseAmend, sheet: str, *, json: bool) -> None:
    """Ask the gates and tell; at a terminal, "hold it now?" for what may roll off."""
    row = release_gates.ask(data, asked, sheet, json=json)
    _tell(row, json=json)
    if not json:
        release_gates.offer(client(data), row)


def _amend(
    release: str, paper: types.PaperAsk | None, trim: bool, sheet: str, data: Path | None, *, json: bool
) -> None:
    _at_gates(data, types.ReleaseAmend(release, paper, trim), sheet, json=json)


@app.command(epilog="Example: holdshelf release trim R-2026-0001")
def trim(release: ReleaseId, sheet: Sheet = "", data: Data = None, json: Json = False) -> None:
    """Trim a stopped request to what its paper names, and ask the gates again."""
    _amend(release, None, True, sheet, data, json=json)


@app.command(epilog="Example: holdshelf release again R-2026-0001")
def again(release: ReleaseId, stated: Stated = None, sheet: Sheet = "", data: Data = None, json: Json = False) -> None:
    """Ask the gates again: with what is stated now, after a determination by counsel, or a change of the Board's settings."""
    _at_gates(data, types.ReleaseAmend(release, None, False, stated or []), sheet, json=json)


@app.command(
    "paper",
    epilog="Example: holdshelf release paper R-2026-0001 --paper order.pdf --kind court-order --judge --issuer 'Superior Court' "
    "--docket CV-26-8 --scope 'lobby,2026-11-24 14:00,2026-11-24 15:00'",
)
def bring_paper(
    release: ReleaseId,
    kind: Annotated[str, typer.Option(help="What the paper is: a basis, as in `release request`.")],
    paper: Paper = None,
    issuer: Issuer = "",
    docket: Docket = "",
    agency: Agency = "",
    officer: Officer = "",
    judge: Judge = False,
    scope: Scope = None,
    lapses: Lapses = "",
    original: Original = False,
    sheet: Sheet = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Add a missing paper, the paper after an emergency, or (if the basis needs no paper) who is asking."""
    service, spoken = client(data), list[types.SpanRow]()
    if paper is None and service.read(ReadPolicyLists()).is_spoken(kind):
        spoken = service.act(types.ReleaseShow(release)).given
    read = _paper(data, paper, kind, issuer, docket, agency, officer, judge, scope, lapses, original, spoken)
    if read is None:
        raise BadRequest("Which paper?", "Give its scan with --paper FILE.")
    _amend(release, read, False, sheet, data, json=json)


@app.command(epilog="Example: holdshelf release approve R-2026-0001 --paper letter.pdf --seat chair")
def approve(
    release: ReleaseId,
    paper: Paper = None,
    seat: Annotated[str, typer.Option(help="Which seat signed the paper.")] = "",
    note: Annotated[str, typer.Option(help="A note.")] = "",
    original: Annotated[
        bool,
        typer.Option(
            "--original", help="Release the original recording, with nothing masked; only if the paper asks for it."
        ),
    ] = False,
    consulted: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE", help="This role was consulted before, as the basis asks; can be repeated."),
    ] = None,
    sheet: Sheet = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Approve as the second person, or with a signed paper of the Director, Chair or Mayor. Both gates are asked again."""
    asked = types.ReleaseApprove(release, paper_hash(paper, data), seat, note, original, consulted or [])
    _tell(release_gates.ask(data, asked, sheet, json=json), json=json)


@app.command(epilog="Example: holdshelf release refuse R-2026-0001 --why 'the case is closed'")
def refuse(release: ReleaseId, why: Why, data: Data = None, json: Json = False) -> None:
    """Refuse a release, even an approved one that has not been handed over."""
    _tell(client(data).act(types.ReleaseRefuse(release, why)), json=json)


@app.command(epilog="Example: holdshelf release extend R-2026-0001 --why 'three hours have to be looked through'")
def extend(release: ReleaseId, why: Why, data: Data = None, json: Json = False) -> None:
    """Give a request more time, once, as its basis allows; the requester is told why."""
    _tell(client(data).act(types.ReleaseExtend(release, why)), json=json)


@app.command(epilog="Example: holdshelf release withdraw R-2026-0001 --why 'asked for by mistake'")
def withdraw(release: ReleaseId, why: Why, data: Data = None, json: Json = False) -> None:
    """Withdraw your own request."""
    asked = types.ReleaseWithdraw(release, why)
    _tell(client(data).act(asked), json=json)


@app.command("list", epilog="Example: holdshelf release list --all --json")
def list_releases(
    data: Data = None,
    everything: Annotated[bool, typer.Option("--all", help="Include finished ones.")] = False,
    start: Annotated[
        str, typer.Option("--from", help="Only those received on this day or later, finished ones too.")
    ] = "",
    end: Annotated[
        str, typer.Option("--to", help="Only those received on this day or earlier, finished ones too.")
    ] = "",
    refusals: Annotated[bool, typer.Option("--refusals", help="List refusals instead, with their basis.")] = False,
    json: Json = False,
) -> None:
    """Requests and their state: when they were received, are due, and were answered."""
    first, last = typed_times.day(start, "--from"), typed_times.day(end, "--to")
    if first and last and first > last:
        raise BadRequest(f"--from {first} is after --to {last}.", "Give the earlier day as --from.")
    answer = client(data).act(types.ReleaseListAsk(everything, first, last))
    if json:
        echo_json(answer)
    elif refusals:
        typer.echo(_refusal_table(answer.refusals) if answer.refusals else "Nothing was refused.")
    else:
        none = "No request was received in that time." if first or last else "There are no release requests."
        typer.echo(_table(answer.releases) if answer.releases else none)


def _refusal_table(rows: list[types.RefusalRow]) -> str:
    cells = [
        (r.release, local(r.at_utc_ns), types.GATE_WORDS[r.gate].lower(), r.clause, r.basis, r.sentence) for r in rows
    ]
    return table(("RELEASE", "WHEN", "SAID BY", "CLAUSE", "BASIS", "WHY"), cells)


def _due_day(row: types.ReleaseRow) -> str:
    """'2026-11-30', '2026-11-30 OVERDUE'; '-' for one without a day."""
    if row.due_utc_ns is None:
        return "-"
    return local_day(row.due_utc_ns - 1) + (" OVERDUE" if row.overdue else "")


def _table(rows: list[types.ReleaseRow]) -> str:
    cells = [
        (
            r.id,
            r.basis,
            r.reference or "-",
            ", ".join(sorted({s.camera for s in r.given})),
            r.state_words,
            r.requested_by_name,
            r.received_on,
            _due_day(r),
            "yes" if r.extended_why else "-",
            local_day(r.answered_utc_ns) + (" LATE" if r.late else ""),
        )
        for r in rows
    ]
    heads = (
        "RELEASE",
        "BASIS",
        "NUMBER",
        "CAMERAS",
        "STATE",
        "REQUESTED BY",
        "RECEIVED",
        "DUE",
        "EXTENDED",
        "ANSWERED",
    )
    return table(heads, cells)


@app.command(epilog="Example: holdshelf release show R-2026-0001")
def show(release: ReleaseId, data: Data = None, json: Json = False) -> None:
    """One release: what was requested and given, its paper, and what each gate said."""
    _tell(client(data).act(types.ReleaseShow(release)), json=json)


# --- counsel --------------------------------------------------------------------------------------------------------


@counsel.command(
    "record",
    epilog="Example: holdshelf counsel record --paper opinion.pdf --basis active-investigation --until 2027-06-30",
)
def record(
    basis: Annotated[list[str], typer.Option("--basis", help="Requests on this basis; can be repeated.")],
    until: Annotated[str, typer.Option("--until", help="Its last day: 2027-06-30, 6/30/2027 or 'in 30 days'.")],
    paper: Paper = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="Only these cameras. [default: all]")] = None,
    agency: Annotated[list[str] | None, typer.Option("--agency", help="Only this agency, as papers name it.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Record counsel's signed determination that a class of requests may proceed. A second person reviews it."""
    asked = types.CounselRecord(
        paper_hash(paper, data), basis, typed_times.day_or_time(until, "--until"), camera, agency or []
    )
    done = client(data).act(asked)
    if json:
        echo_json(done)
    else:
        typer.echo(
            f"{done.id} is recorded and flagged for a second person's review. Entry {done.seq} of the access log."
        )


@counsel.command("end", epilog="Example: holdshelf counsel end D-2026-0001 --why 'the statute was changed'")
def end_determination(
    determination: Annotated[str, typer.Argument(metavar="DETERMINATION", help="E.g., D-2026-0001.")],
    why: Why,
    data: Data = None,
    json: Json = False,
) -> None:
    """End a determination."""
    done = client(data).act(types.CounselEnd(determination, why))
    if json:
        echo_json(done)
    else:
        typer.echo(f"{done.id} has ended. Entry {done.seq} of the access log.")


@counsel.command("list", epilog="Example: holdshelf counsel list")
def list_determinations(data: Data = None, json: Json = False) -> None:
    """Determinations, current and past."""
    answer = client(data).act(types.CounselListAsk())
    if json:
        echo_json(answer)
        return
    cells = [
        (
            d.id,
            ", ".join(d.bases),
            ", ".join(d.cameras) if d.cameras is not None else "all",
            "; ".join(d.agencies) or "any",
            d.state,
            local(d.ended_utc_ns or d.end_utc_ns),
        )
        for d in answer.determinations
    ]
    heads = ("ID", "BASES", "CAMERAS", "AGENCIES", "STATE", "UNTIL")
    typer.echo(table(heads, cells) if cells else "There are no determinations by counsel.")
