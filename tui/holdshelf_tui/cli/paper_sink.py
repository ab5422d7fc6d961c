"""Where a paper goes, and as what: the options of the commands that make one, and the way there.

What makes papers is imported when one is made: other commands of the same groups need none of it.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import msgspec
import typer

from holdshelf_core.api.errors import BadRequest
from holdshelf_core.outbox.types import DeliverAsk
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.cli.options import client, shown_on_terminal, write_new
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.words import inert

if TYPE_CHECKING:
    from holdshelf_tui.papers.catalogue import Format, Paper
    from holdshelf_tui.papers.printing import Printed

DEFAULT_PRINTER = "default"

AsForm = Annotated[
    str,
    typer.Option(
        "--as", metavar="text|pdf|html|csv", help="Its format. [default: by the file's name; else text, or a PDF]"
    ),
]
FilePath = Annotated[Path | None, typer.Option("--file", metavar="FILE", help="Write it to this new file.")]
ToOutbox = Annotated[bool, typer.Option("--outbox", help="Put it into your outbox, to fetch it with WinSCP or sftp.")]
ToPrinter = Annotated[
    str,
    typer.Option("--printer", metavar="NAME", help="Print it on one of the server's printers; `default` works too."),
]
PageOption = Annotated[
    str,
    typer.Option("--page", metavar="letter|a4|…", help="Page size of a PDF. [default: as the Board set paper_size]"),
]
Large = Annotated[bool, typer.Option("--large", help="Large type (PDF only).")]


class Sink(NamedTuple):
    """Where a paper goes, and as what: the options that all papers share."""

    as_: str = ""
    file: Path | None = None
    outbox: bool = False
    printer: str = ""
    page: str = ""
    large: bool = False
    json: bool = False


class TextPaper(msgspec.Struct, frozen=True):
    """--json: a paper as text, and the facts that it was made from."""

    paper: str
    text: str
    facts: PaperFacts


class HandedOut(msgspec.Struct, frozen=True):
    """--json: where a paper went. ``seq``: the entry of the access log, 0 for a file."""

    paper: str
    form: str
    to: str
    where: str
    bytes: int
    sha256: str
    seq: int = 0


def check(paper: Paper, sink: Sink) -> Format:
    """Before anything is asked for: what cannot go there is not made. Returns its form. Raises BadRequest."""
    from holdshelf_tui.papers import printing  # noqa: PLC0415

    places = [
        name for name, given in (("--file", sink.file), ("--outbox", sink.outbox), ("--printer", sink.printer)) if given
    ]
    if len(places) > 1:
        raise BadRequest(f"{' and '.join(places)} are two places; choose one.", "Give one of them.")
    to_stdout = not places or str(sink.file) == "-"
    # A printer and an outbox are given a PDF; so is a file, where large type or a page is asked for.
    wants_pdf = sink.outbox or sink.printer or ((sink.large or sink.page) and not to_stdout)
    default: Format = "pdf" if wants_pdf or "text" not in paper.formats else "text"
    form = printing.form_of(sink.as_, str(sink.file or ""), default=default)
    printing.check(paper, form, page=sink.page, large=sink.large)
    if sink.printer and form != "pdf":
        raise BadRequest("A printer always gets a PDF.", "Leave --as out.")
    if to_stdout and form == "pdf":
        if sink.json:
            raise BadRequest("A PDF cannot be put into JSON.", "Use --file FILE, or leave --as out.")
        if shown_on_terminal():
            raise BadRequest(
                "A PDF cannot be shown on a terminal.",
                "Send it to a file with > policy.pdf, without -t, or use --outbox.",
            )
    return form


def hand_out(paper: Paper, facts: PaperFacts, sink: Sink, form: Format, *, data: Path | None, id: str = "") -> None:
    """Make it and bring it there. ``form`` as ``check`` returned it. Raises HoldshelfError."""
    from holdshelf_tui.papers import printing  # noqa: PLC0415

    made = printing.make(paper, facts, form, id=id, page=sink.page, large=sink.large, printer=bool(sink.printer))
    if sink.outbox or sink.printer:
        _deliver(made, sink, data, id)
    elif sink.file is None or str(sink.file) == "-":
        _to_stdout(made, facts, json=sink.json)
    else:
        write_new(sink.file, made.content)
        told = HandedOut(paper.name, form, "file", str(sink.file), len(made.content), _sha256(made.content))
        _tell(told, f"{inert(str(sink.file), 200)} is written.", json=sink.json)


def _to_stdout(made: Printed, facts: PaperFacts, *, json: bool) -> None:
    if made.form == "pdf":
        sys.stdout.flush()
        sys.stdout.buffer.write(made.content)
        sys.stdout.buffer.flush()
    elif json:
        echo_json(TextPaper(made.paper, made.content.decode(), facts))
    else:
        typer.echo(made.content.decode(), nl=False)


def _deliver(made: Printed, sink: Sink, data: Path | None, id: str) -> None:
    to = "outbox" if sink.outbox else "printer"
    printer = "" if sink.printer == DEFAULT_PRINTER else sink.printer
    asked = DeliverAsk(made.paper, made.file_name, to, made.content, printer, id)
    done = client(data).act(asked)
    told = HandedOut(made.paper, made.form, to, done.where, len(made.content), _sha256(made.content), done.seq)
    where = inert(done.where, 200)
    words = f"It is in your outbox: {where}." if sink.outbox else f"It was sent to the printer: {where}."
    _tell(told, f"{words} Entry {done.seq} of the access log.", json=sink.json)


def _tell(told: HandedOut, words: str, *, json: bool) -> None:
    if json:
        echo_json(told)
    else:
        typer.echo(words)


def _sha256(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
