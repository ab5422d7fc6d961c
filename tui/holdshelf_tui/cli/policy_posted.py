"""policy show | check: which text is in force, and whether what is posted says the same (P18, P20).

A page is read in this process: the service never parses what the web answers. Over SSH there is no network here; the
service then fetches the one page that the Board set, or the page comes by standard input.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec
import typer

from holdshelf_core.access_log.types import LogShow
from holdshelf_core.api.client import TOKEN_VARIABLE, Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, NotFound, Unavailable
from holdshelf_core.people import board_types as types_board
from holdshelf_core.policy.governing import own_board
from holdshelf_core.reports import website_types as types
from holdshelf_core.reports.types import PaperFacts, PolicyText
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, client, data_folder
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.board import ABSENT, verdict_words
from holdshelf_tui.text.time_format import iso_day
from holdshelf_tui.text.words import inert

DIFFERS = 3
"""Exit code of a check that found something else than what is adopted; 1 is a check that could not be made."""
MOST_SHOWN = 12


class DifferenceRow(msgspec.Struct, frozen=True):
    """--json: a place where they part."""

    adopted: str
    posted: str


class Checked(msgspec.Struct, frozen=True):
    """--json: what was compared with what, and what came of it. ``seq`` 0: nobody wrote it down, ``unwritten`` says why."""

    verdict: str
    same: bool
    page: str
    posted_sha256: str
    version: str
    adopted_on: str
    adopted_sha256: str
    differences: list[DifferenceRow]
    note: str = ""
    seq: int = 0
    counts: bool = False
    unwritten: str = ""


class Page(NamedTuple):
    """What is compared. ``address`` '' for a file that nobody says an address of."""

    words: str
    raw: bytes
    address: str = ""
    kind: str = ""
    charset: str = ""
    name: str = ""


# --- show -------------------------------------------------------------------------------------------------------------


def show(
    data: Data = None,
    text: Annotated[bool, typer.Option("--text", help="Show the text itself, too.")] = False,
    policy: Annotated[
        bool, typer.Option("--policy", help="The policy file and nothing else: `> policy.toml`.")
    ] = False,
    at: Annotated[str, typer.Option("--at", metavar="DAY", help="The one that was in force on that day.")] = "",
    model: Annotated[bool, typer.Option("--model", help="The model policy that comes with the program.")] = False,
    json: Json = False,
) -> None:
    """Which text is in force: version, day of adoption, SHA-256."""
    row = _model(data) if model else _once(data, at) if at else _adopted(data)
    if policy:
        typer.echo(_file_of(data, row), nl=False)
        return
    whole = not row.sha256 or model or hashlib.sha256(row.text.encode()).hexdigest() == row.sha256
    if json:
        echo_json(row)
    elif model:
        typer.echo(f"{row.version}: comes with the program; it is not any library's policy. SHA-256 {row.sha256}")
    elif not row.sha256:
        typer.echo("No policy has been adopted yet; `print policy` prints the model policy. See `policy adopt --help`.")
    else:
        words = f"Version {inert(row.version)}, adopted on {inert(iso_day(row.adopted_on))}, statute: {row.statute}"
        typer.echo(f"{words}, SHA-256 {row.sha256}")
        if row.file_sha256:
            by = f", signed by {inert(row.signed_by, 80)}" if row.signed_by else ""
            typer.echo(f"Policy file: SHA-256 {row.file_sha256}{by}")
    if text and not json and row.text and whole:
        from holdshelf_tui.papers.text import clean_lines  # noqa: PLC0415

        typer.echo("\n" + "\n".join(clean_lines(row.text)[0]).rstrip("\n"))
    if row.text and not whole:
        raise Conflict(
            "The text on this machine is not the adopted one (P20).",
            "Install the adopted file again: `holdshelf policy adopt FILE --version NUMBER --adopted-on DAY`.",
        )
    if row.sha256 and not row.text:
        raise Unavailable("The adopted text could not be read on this machine.", "Install the file again.")


def _once(data: Path | None, at: str) -> types_board.AdoptedRow:
    """The policy that was in force at the end of a day, by the access log. Raises NotFound."""
    _, end_utc_ns = typed_times.whole_span(at, at)
    service = client(data)
    entries = service.act(LogShow(action="policy.adopt", until_utc_ns=end_utc_ns)).entries
    done = [row.entry["facts"] for row in entries if row.entry.get("outcome") in ("done", "queued")]
    if not done:
        raise NotFound(f"No policy was adopted by {at}.", "See `holdshelf log show --action policy.adopt`.")
    facts = done[-1]
    return types_board.AdoptedRow(
        facts["version"],
        facts["adopted_on"],
        facts["sha256"],
        facts["statute"],
        service.read(types_board.ReadPolicyText(facts["sha256"])).text,
        facts.get("file", ""),
        list(facts.get("texts", {})),
    )


def _file_of(data: Path | None, row: types_board.AdoptedRow) -> str:
    """The policy file of that policy; the first library's, where none was adopted. Raises NotFound where it cannot be read."""
    from holdshelf_core.policy_file import offline  # noqa: PLC0415 - it imports all rules

    if not row.file_sha256:
        return offline.draft("first").decode()
    text = client(data).read(types_board.ReadPolicyText(row.file_sha256)).text
    if not text:
        raise NotFound(f"The policy file {row.file_sha256} cannot be read on this machine.", "Adopt it again.")
    return text


def _model(data: Path | None) -> types_board.AdoptedRow:
    from holdshelf_tui.papers.model_policy import MODEL_VERSION, filled_model  # noqa: PLC0415

    board = _board(data)
    library, contact, address = (board.get(key, "") for key in ("library", "contact", "policy_address"))
    facts = PaperFacts(library, contact, address)
    text = filled_model(facts)
    return types_board.AdoptedRow(
        f"Model policy {MODEL_VERSION}", "", hashlib.sha256(text.encode()).hexdigest(), "", text
    )


def _board(data: Path | None) -> dict[str, str]:
    """The Board's words for papers: from the service; without one, what can be read here."""
    try:
        return {row.key: str(row.value) for row in client(data).read(types_board.ReadBoard())}
    except Unavailable:
        facts = _offline(data)
        return {"library": facts.library, "contact": facts.contact, "policy_address": facts.policy_address}


def _adopted(data: Path | None) -> types_board.AdoptedRow:
    """From the service; without one, what can be read here."""
    try:
        return client(data).read(types_board.ReadPolicy())
    except Unavailable as error:
        typer.echo(f"holdshelf: note: {error.sentence} Told from what can be read here.", err=True)
        policy = _offline(data).policy or PolicyText("", "", "")
        return types_board.AdoptedRow(policy.version, policy.adopted_on, policy.sha256, "as last set", policy.text)


def _offline(data: Path | None) -> PaperFacts:
    from holdshelf_core.reports.offline import read_offline  # noqa: PLC0415

    return read_offline(data_folder(data))


# --- check ------------------------------------------------------------------------------------------------------------


def check(
    page: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|FILE",
            help="A page on the web, a file (HTML, text, PDF), or - for standard input. [default: the Board's policy_address]",
        ),
    ] = "",
    address: Annotated[
        str, typer.Option("--address", metavar="URL", help="For a file: the page it was saved from.")
    ] = "",
    data: Data = None,
    json: Json = False,
) -> None:
    """Compare what is posted with what is adopted, and record the result. Exit 0: the same; 3: not the same; 1: no answer."""
    from holdshelf_tui.text.posted import compare  # noqa: PLC0415
    from holdshelf_tui.text.posted_policy import read_posted  # noqa: PLC0415

    over_ssh = TOKEN_VARIABLE in os.environ  # a client takes it away
    service = client(data)
    adopted = _adopted(data)
    if not adopted.sha256:
        raise Conflict(
            "No policy has been adopted here, so there is nothing to compare with.", "See `policy adopt --help`."
        )
    if hashlib.sha256(adopted.text.encode()).hexdigest() != adopted.sha256:
        raise Conflict("The text on this machine is not the adopted one (P20).", "Install the file again.")
    found = _page(service, page.strip(), address.strip(), data, over_ssh=over_ssh)
    posted = read_posted(found.raw, kind=found.kind, charset=found.charset, name=found.name, programs=not over_ssh)
    result = compare(adopted.text, adopted.sha256, posted, found.raw)
    checked = Checked(
        result.verdict,
        result.same,
        found.words,
        hashlib.sha256(found.raw).hexdigest(),
        adopted.version,
        adopted.adopted_on,
        adopted.sha256,
        [DifferenceRow(one.adopted, one.posted) for one in result.differences],
        posted.note,
    )
    checked, why_not = _write_down(service, checked, found.address)
    if json:
        echo_json(checked)
    else:
        _tell(checked, why_not)
    if not checked.same:
        raise typer.Exit(DIFFERS)


def _page(service: Client, typed: str, address: str, data: Path | None, *, over_ssh: bool) -> Page:
    from holdshelf_core.reports import posted_offline  # noqa: PLC0415 - it imports an HTTP client

    most = posted_offline.MAX_BYTES
    if typed == "-":
        return Page("What came on standard input", _bounded(sys.stdin.buffer.read(most + 1), most), address)
    own = _board(data).get("policy_address", "")
    is_page = typed.lower().startswith(("http://", "https://")) or not typed
    if over_ssh:
        if typed and not (is_page and posted_offline.is_boards_page(own, typed)):
            raise BadRequest(
                own_board("Over SSH only the page that the Board set (policy_address) can be fetched."),
                "To check another one, send it yourself: `policy check -`, with `< FILE` on your computer.",
            )
        answer = service.act(types.PostedAsk())
        return Page(answer.address, answer.content, answer.asked, answer.kind, answer.charset)
    if is_page:
        wanted = typed or posted_offline.page_of(own)
        if not wanted:
            said = own_board("The Board has not said where the policy is posted (P18).")
            raise NotFound(said, "Give the page's address.")
        got = posted_offline.fetch(wanted)
        return Page(got.address, got.raw, wanted, got.kind, got.charset)
    if "://" in typed:
        raise BadRequest(f"{inert(typed, 120)} is not an http or https address.", "Save it, and give the file instead.")
    try:
        with Path(typed).open("rb") as file:
            return Page(typed, _bounded(file.read(most + 1), most), address, name=typed)
    except OSError as error:
        raise BadRequest(
            f"{inert(typed, 120)} cannot be read: {error.strerror}.", "A web address starts with https://."
        ) from None


def _bounded(raw: bytes, most: int) -> bytes:
    if len(raw) > most:
        raise BadRequest(f"It has more than {most >> 20} MB.", "Is it the page with the policy?")
    if not raw.strip():
        raise BadRequest("It is empty.", "Give the page as it was saved.")
    return raw


def _write_down(service: Client, checked: Checked, address: str) -> tuple[Checked, str]:
    """With the number of its entry, and why the checklist does not count it. A comparison is told in any case."""
    asked = types.PolicyChecked(
        checked.adopted_sha256, checked.posted_sha256, checked.verdict, len(checked.differences), address
    )
    try:
        row = service.act(asked)
    except HoldshelfError as error:
        return msgspec.structs.replace(checked, unwritten=str(error)), ""
    return msgspec.structs.replace(checked, seq=row.seq, counts=row.counts), row.why_not


def _tell(checked: Checked, why_not: str) -> None:
    text = f"version {inert(checked.version)}, adopted on {inert(iso_day(checked.adopted_on))}"
    typer.echo(verdict_words(inert(checked.page, 200), checked.verdict, len(checked.differences), text))
    if not checked.same and checked.verdict != ABSENT:
        typer.echo(f"--- adopted: {text}\n+++ posted")
        for one in checked.differences[:MOST_SHOWN]:
            typer.echo("@@")
            for sign, words in (("-", one.adopted), ("+", one.posted)):
                if words:
                    typer.echo(f"{sign} {inert(words, 2000)}")
        if len(checked.differences) > MOST_SHOWN:
            typer.echo(f"and {len(checked.differences) - MOST_SHOWN} more; --json lists them all.")
    if checked.note:
        typer.echo(inert(checked.note, 300))
    if checked.unwritten:
        typer.echo(f"holdshelf: note: this was not recorded: {inert(checked.unwritten, 500)}", err=True)
        return
    outcome = "the checklist counts it" if checked.counts else f"the checklist does not count it: {why_not}"
    typer.echo(f"Entry {checked.seq} of the access log; {inert(outcome, 400).rstrip('.')}.")
