"""release request | trim | paper | again | approve | refuse | withdraw | list | show, and counsel record | end | list.

A paper's scan stays where it is: its SHA-256 is taken here, and what the paper says is typed beside it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.api import types_releases as types
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.api.types_people import Done
from holdshelf_tui.cli import release_bundle, release_gates, release_proof, render
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash
from holdshelf_tui.cli.release_gates import Sheet
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(
    help="Footage that is asked for from outside: two gates, two people, never more than the paper.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
counsel = typer.Typer(
    help="What the library's counsel determined about the confidentiality statute.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

app.command(epilog="Example: holdshelf release export R-2026-0001")(release_bundle.export)
app.command(epilog="Example: holdshelf release receipt R-2026-0001 --file receipt.txt")(release_bundle.receipt)
app.add_typer(release_proof.key_app, name="key")
app.command(epilog="Example: holdshelf release hold R-2026-0001")(release_gates.hold)
app.command(epilog="Example: holdshelf release write R-2026-0001 --usb /media/stick")(release_bundle.write)

BASES = "search-warrant, subpoena, court-order, active-investigation, written-permission, counsel, emergency"
ReleaseId = Annotated[str, typer.Argument(metavar="RELEASE", help="For example R-2026-0001.")]
Why = Annotated[str, typer.Option("--why", help="The reason, in a few words; kept with the act.")]
Kind = Annotated[str, typer.Option(help="What the paper is, where that is another thing than the basis.")]
Issuer = Annotated[str, typer.Option(help="Who issued the paper: the court, or who signed.")]
Docket = Annotated[str, typer.Option(help="Docket or case number of the paper; never a name.")]
Agency = Annotated[str, typer.Option(help="The agency that asks.")]
Officer = Annotated[str, typer.Option(help="Name or badge number of the officer.")]
Judge = Annotated[bool, typer.Option("--judge", help="A judge signed it.")]
Scope = Annotated[
    list[str] | None,
    typer.Option("--scope", help="What the paper names: 'CAMERA,FROM,TO'; * for any camera; may be repeated."),
]
Original = Annotated[
    bool, typer.Option("--original", help="The paper asks for the original recording, nothing hidden.")
]
Lapses = Annotated[str, typer.Option(help="The paper's last day, YYYY-MM-DD. [default: it names none]")]
_STATES = {
    "stopped": "stopped by a gate",
    "requested": "awaits a second person",
    "approved": "approved",
    "exported": "exported",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "cancelled": "cancelled",
}
_GATES = {0: "a person", 1: "the policy", 2: "the statute"}


def _scope(texts: list[str] | None) -> list[types.SpanRow]:
    spans = []
    for text in texts or ():
        camera, *times = text.rsplit(",", 2)
        if len(times) != 2 or not camera.strip():
            raise BadRequest(
                f"--scope {render.inert(text, 60)!r} does not name a camera, a start and an end.",
                "Give for example --scope 'lobby,2026-11-24 14:00,2026-11-24 15:00'.",
            )
        start, end = (render.parse_time(part) for part in times)
        spans.append(types.SpanRow("" if camera.strip() == "*" else camera.strip(), start, end))
    return spans


def _paper(
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
) -> types.PaperAsk | None:
    """What the options say of a paper; None when there is none. Raises BadRequest."""
    spans = _scope(scope)
    if file is None:
        if scope or judge or original:
            raise BadRequest("--scope, --judge and --original describe a paper.", "Give its scan with --paper FILE.")
        return None
    return types.PaperAsk(paper_hash(file), kind, issuer, docket, agency, officer, judge, spans, lapses, original)


def _tell(row: types.ReleaseRow, *, json: bool) -> None:
    if json:
        echo_json(row)
        return
    number = f", no. {row.reference}" if row.reference else ""
    typer.echo(f"{row.id}: {row.basis_words}{number}; {_STATES.get(row.state, row.state)}")
    for span in row.given:
        typer.echo(f"  {_span(span)}")
    if row.given != row.asked:
        typer.echo("  trimmed to the paper; asked for was:")
        for span in row.asked:
            typer.echo(f"    {_span(span)}")
    typer.echo(f"  requested by {render.inert(row.requested_by_name)} on {render.local(row.requested_utc_ns)}")
    if row.paper is not None:
        _tell_paper(row.paper)
    for gate in row.gates:
        typer.echo(f"  {_GATES[gate.gate]}: {'yes' if gate.passed else 'NO'}. {render.inert(gate.sentence, 400)}")
        for need in () if gate.passed else gate.needs:
            typer.echo(f"    needed: {render.inert(need, 200)}")
    if row.caution:
        typer.echo(f"  ! {render.inert(row.caution, 500)}")
    _tell_end(row)
    if row.holds:
        typer.echo(f"  kept by {', '.join(row.holds)}")
    if row.next_step:
        typer.echo(render.inert(row.next_step, 900))


def _tell_end(row: types.ReleaseRow) -> None:
    if row.approved_utc_ns is not None:
        if row.approval_paper_sha256:
            how = f"on signed paper of the {row.approved_by_name} (SHA-256 {row.approval_paper_sha256}); flagged"
        else:
            how = f"by {render.inert(row.approved_by_name)}" if row.approved_by else "in imminent danger; flagged"
        typer.echo(f"  approved on {render.local(row.approved_utc_ns)} {how}")
    if row.original:
        typer.echo("  the original recording leaves, nothing hidden")
    if row.bundle is not None:
        made = row.bundle
        typer.echo(f"  bundle: {made.files} files, {render.size(made.bytes)}, made on {render.local(made.made_utc_ns)}")
        typer.echo(f"    signed with {made.fingerprint}")
        typer.echo(f"    SHA-256 of SHA256SUMS {made.sums_sha256}")
        if made.removed_utc_ns is not None:
            typer.echo(
                f"    removed on {render.local(made.removed_utc_ns)}; it can be made again while its footage is there"
            )
        elif made.until_utc_ns is not None:
            typer.echo(f"    it lies ready until {render.local(made.until_utc_ns)}")
    if row.ended_why:
        ended = f"{_STATES.get(row.state, row.state)} on {render.local(row.ended_utc_ns)}"
        typer.echo(f"  {ended}: {render.inert(row.ended_why, 300)}")


def _tell_paper(paper: types.PaperRow) -> None:
    parts = [paper.kind, paper.issuer, paper.docket, paper.agency, paper.officer]
    if paper.signed_by_judge:
        parts.append("signed by a judge")
    if paper.original:
        parts.append("asks for the original")
    if paper.valid_until_utc_ns is not None:
        parts.append(f"in force until {_last(paper.valid_until_utc_ns)}")
    typer.echo(f"  paper: {render.inert(', '.join(part for part in parts if part), 400)}")
    for span in paper.scope:
        typer.echo(f"    names {_span(span)}")
    typer.echo(f"    SHA-256 {paper.sha256}")


def _last(end_utc_ns: int) -> str:
    """The last day, as it is typed; with its time where it ends within a day."""
    return render.local(end_utc_ns - 1)[:10] if " 00:00:00" in (end := render.local(end_utc_ns)) else end


def _span(span: types.SpanRow) -> str:
    return f"{span.camera or 'any camera'}  {render.local(span.start_utc_ns)} to {render.local(span.end_utc_ns)}"


# --- release --------------------------------------------------------------------------------------------------------


@app.command(
    epilog="Example: holdshelf release request --basis search-warrant --camera lobby --from '14:00' --to '15:00' "
    "--paper warrant.pdf --judge --issuer 'Superior Court' --docket CR-26-77 --scope 'lobby,14:00,15:00'"
)
def request(
    basis: Annotated[str, typer.Option(help=f"One of {BASES}.")],
    camera: Annotated[list[str], typer.Option("--camera", help="Camera id or name; may be repeated.")],
    start: Annotated[str, typer.Option("--from", help="Start: '2026-11-24 14:00', '14:00' (today) or '2h ago'.")],
    end: Annotated[str, typer.Option("--to", help="End, as --from.")],
    reference: Annotated[str, typer.Option(help="Case or incident number; never a name.")] = "",
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
    sheet: Sheet = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Ask both gates. A no is kept under its number, and says what is needed; a yes waits for a second person."""
    start_utc_ns, end_utc_ns = render.parse_time(start), render.parse_time(end)
    spans = [types.SpanRow(one, start_utc_ns, end_utc_ns) for one in camera]
    read = _paper(paper, kind or basis, issuer, docket, agency, officer, judge, scope, lapses, original)
    asked = types.ReleaseRequest(basis, spans, reference, read, why)
    _at_gates(data, "release.request", asked, sheet, json=json)


def _at_gates(data: Path | None, act: str, asked: msgspec.Struct, sheet: str, *, json: bool) -> None:
    """Ask the gates and tell; at a terminal, "hold it now?" for what may roll off."""
    row = release_gates.ask(data, act, asked, types.ReleaseRow, sheet, json=json)
    _tell(row, json=json)
    if not json:
        release_gates.offer(client(data), row)


def _amend(
    release: str, paper: types.PaperAsk | None, trim: bool, sheet: str, data: Path | None, *, json: bool
) -> None:
    _at_gates(data, "release.amend", types.ReleaseAmend(release, paper, trim), sheet, json=json)


@app.command(epilog="Example: holdshelf release trim R-2026-0001")
def trim(release: ReleaseId, sheet: Sheet = "", data: Data = None, json: Json = False) -> None:
    """Cut a request that was stopped down to what its paper names, and ask the gates again."""
    _amend(release, None, True, sheet, data, json=json)


@app.command(epilog="Example: holdshelf release again R-2026-0001")
def again(release: ReleaseId, sheet: Sheet = "", data: Data = None, json: Json = False) -> None:
    """Ask the gates again as it is: after counsel's determination, or the Board's setting."""
    _amend(release, None, False, sheet, data, json=json)


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
    """Bring the paper that was missing, or that follows an emergency."""
    read = _paper(paper, kind, issuer, docket, agency, officer, judge, scope, lapses, original)
    if read is None:
        raise BadRequest("Which paper?", "Give its scan with --paper FILE.")
    _amend(release, read, False, sheet, data, json=json)


@app.command(epilog="Example: holdshelf release approve R-2026-0001 --paper letter.pdf --seat chair")
def approve(
    release: ReleaseId,
    paper: Paper = None,
    seat: Annotated[str, typer.Option(help="Which seat signed the paper.")] = "",
    note: Annotated[str, typer.Option(help="Anything to say.")] = "",
    original: Annotated[
        bool,
        typer.Option(
            "--original", help="The recording leaves as it is, nothing hidden; only where the paper asks for it."
        ),
    ] = False,
    sheet: Sheet = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """The second person's word: your own, or another seat's signed paper. Both gates are asked once more."""
    asked = types.ReleaseApprove(release, paper_hash(paper), seat, note, original)
    _tell(release_gates.ask(data, "release.approve", asked, types.ReleaseRow, sheet, json=json), json=json)


@app.command(epilog="Example: holdshelf release refuse R-2026-0001 --why 'the case is closed'")
def refuse(release: ReleaseId, why: Why, data: Data = None, json: Json = False) -> None:
    """A seat's no; also to one that was approved and has not left."""
    _tell(client(data).act("release.refuse", types.ReleaseEnd(release, why), types.ReleaseRow, timeout_s=60), json=json)


@app.command(epilog="Example: holdshelf release withdraw R-2026-0001 --why 'asked for by mistake'")
def withdraw(release: ReleaseId, why: Why, data: Data = None, json: Json = False) -> None:
    """Take back what you requested."""
    asked = types.ReleaseEnd(release, why)
    _tell(client(data).act("release.withdraw", asked, types.ReleaseRow, timeout_s=60), json=json)


@app.command("list", epilog="Example: holdshelf release list --all --json")
def list_releases(
    data: Data = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are over, too.")] = False,
    refusals: Annotated[bool, typer.Option("--refusals", help="Every no instead, with its basis.")] = False,
    json: Json = False,
) -> None:
    """What is asked for, and how it stands."""
    answer = client(data).act("release.list", types.ReleaseListAsk(everything), types.ReleaseList, timeout_s=60)
    if json:
        echo_json(answer)
    elif refusals:
        typer.echo(_refusal_table(answer.refusals) if answer.refusals else "Nothing was refused.")
    else:
        typer.echo(_table(answer.releases) if answer.releases else "No release is asked for.")


def _refusal_table(rows: list[types.RefusalRow]) -> str:
    cells = [(r.release, render.local(r.at_utc_ns), _GATES[r.gate], r.clause, r.basis, r.sentence) for r in rows]
    return render.table(("RELEASE", "WHEN", "SAID BY", "CLAUSE", "BASIS", "WHY"), cells)


def _table(rows: list[types.ReleaseRow]) -> str:
    cells = [
        (
            r.id,
            r.basis,
            r.reference or "-",
            ", ".join(sorted({s.camera for s in r.given})),
            _STATES.get(r.state, r.state),
            r.requested_by_name,
            render.local(r.requested_utc_ns),
        )
        for r in rows
    ]
    return render.table(("RELEASE", "BASIS", "NUMBER", "CAMERAS", "STATE", "REQUESTED BY", "ON"), cells)


@app.command(epilog="Example: holdshelf release show R-2026-0001")
def show(release: ReleaseId, data: Data = None, json: Json = False) -> None:
    """One release: what was asked and given, its paper, what each gate said."""
    _tell(client(data).act("release.show", types.ReleaseAsk(release), types.ReleaseRow, timeout_s=60), json=json)


# --- counsel --------------------------------------------------------------------------------------------------------


@counsel.command(
    "record",
    epilog="Example: holdshelf counsel record --paper opinion.pdf --basis active-investigation --until 2027-06-30",
)
def record(
    basis: Annotated[list[str], typer.Option("--basis", help="Requests on this basis; may be repeated.")],
    until: Annotated[str, typer.Option("--until", help="Its last day, YYYY-MM-DD.")],
    paper: Paper = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="Only these cameras. [default: all]")] = None,
    agency: Annotated[list[str] | None, typer.Option("--agency", help="Only this agency, as papers name it.")] = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Counsel's word, on paper, that a class of requests may go on under the statute. Another seat reviews it."""
    asked = types.CounselRecord(paper_hash(paper), basis, until, camera, agency or [])
    done = client(data).act("counsel.record", asked, Done)
    if json:
        echo_json(done)
    else:
        typer.echo(f"{done.id} is recorded and flagged for a second look. Entry {done.seq} of the access log.")


@counsel.command("end", epilog="Example: holdshelf counsel end D-2026-0001 --why 'the statute was changed'")
def end_determination(
    determination: Annotated[str, typer.Argument(metavar="DETERMINATION", help="For example D-2026-0001.")],
    why: Why,
    data: Data = None,
    json: Json = False,
) -> None:
    """A determination holds no longer."""
    done = client(data).act("counsel.end", types.CounselEnd(determination, why), Done)
    if json:
        echo_json(done)
    else:
        typer.echo(f"{done.id} has ended. Entry {done.seq} of the access log.")


@counsel.command("list", epilog="Example: holdshelf counsel list")
def list_determinations(data: Data = None, json: Json = False) -> None:
    """Determinations, running and past."""
    answer = client(data).act("counsel.list", types.CounselListAsk(), types.CounselList)
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
            render.local(d.ended_utc_ns or d.end_utc_ns),
        )
        for d in answer.determinations
    ]
    heads = ("ID", "BASES", "CAMERAS", "AGENCIES", "STATE", "UNTIL")
    typer.echo(render.table(heads, cells) if cells else "Counsel has determined nothing.")
