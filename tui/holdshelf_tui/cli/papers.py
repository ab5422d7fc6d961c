"""print: every paper of `papers.catalogue`, as text, PDF or HTML, to the screen, a file, an outbox or a printer.

Each paper's command is the same function with the same options; a new paper is a line in the catalogue. A print never fails
because the service is down: what lies on disk is printed instead, and the paper says so. Nobody is asked who a paper is for
(P17).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import msgspec
import typer

from holdshelf_core.api.errors import BadRequest, HoldshelfError, Unavailable
from holdshelf_core.outbox.types import DeliverAsk
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.cli.options import Data, Json, client, data_folder, shown_on_terminal, write_new
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table, terminal_width
from holdshelf_tui.papers import catalogs, printing
from holdshelf_tui.papers.catalogue import GROUPS, PAPERS, Format, Paper
from holdshelf_tui.papers.text import fold
from holdshelf_tui.text.prints import on_windows
from holdshelf_tui.text.words import inert

app = typer.Typer(
    help="Papers: the policy, the sign, the checklist and the papers of a release. Without a name: list them.",
    invoke_without_command=True,
    rich_markup_mode=None,
)

"""A hold's notice reads all that the hold covers."""
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
Language = Annotated[
    str,
    typer.Option(
        metavar="|".join(catalogs.known()),
        help="Its language. A sign may have two, as en+es: the second is printed small below the first.",
    ),
]
QuarterOption = Annotated[
    str, typer.Option("--quarter", metavar="2026-Q4|now", help="Which one. [default: the last complete one]")
]
ModelOnly = Annotated[bool, typer.Option("--model", help="The model policy, even if another text was adopted.")]


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


class PaperRow(msgspec.Struct, frozen=True):
    """--json of the list: what there is."""

    paper: str
    title: str
    whose: str
    about: str
    needs: str
    forms: Sequence[str]
    pages: Sequence[str]
    languages: Sequence[str]


@app.callback(epilog="Example: holdshelf print policy --large --file policy.pdf")
def listing(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--list", help="What can be printed, and for whom.")] = False,
    json: Json = False,
) -> None:
    """Papers: the policy, the sign, the checklist and the papers of a release. Without a name: list them."""
    if context.invoked_subcommand is not None:
        if show or json:
            raise BadRequest("--list works only with `print` alone.", "Put the options after the paper's name.")
        return
    rows = [
        PaperRow(p.name, p.title, GROUPS[p.group], p.about, p.needs, p.formats, p.pages, _languages(p))
        for p in PAPERS.values()
    ]
    if json:
        echo_json(rows)
        return
    for group, words in GROUPS.items():
        of_it = [p for p in PAPERS.values() if p.group == group]
        if of_it:
            typer.echo(f"{words}:")
            typer.echo(_indented(of_it))
    width = terminal_width() or 100
    translated = ", ".join(p.name for p in PAPERS.values() if p.translated)
    others = f"In another language, with --language {'|'.join(list(catalogs.known())[1:])}: {translated}."
    for words in ("", _OPTIONS, others, "`print printers` lists the printers of the server.", on_windows()):
        typer.echo("\n".join(fold(words, width=width)))


_OPTIONS = "Each: [--as text|pdf|html|csv] [--file FILE | --outbox | --printer NAME] [--page PAGE] [--large] [--json]"


def _languages(paper: Paper) -> list[str]:
    return [language for language, _ in printing.languages_of(paper)]


def _indented(papers: Sequence[Paper]) -> str:
    width = terminal_width()
    cells = [(f"  print {p.name}{_id_words(p)}", f"{p.title}. {p.about}") for p in papers]
    lines = table(("", ""), cells, width)
    return "\n".join(lines.split("\n")[1:])


def _id_words(paper: Paper) -> str:
    if paper.needs == "looks":
        return " --camera CAMERA --day DAY"
    if not paper.needs:
        return ""
    return f" [{paper.needs.upper()}]" if paper.id_is_optional else f" {paper.needs.upper()}"


# --- one command for all ----------------------------------------------------------------------------------------------


_SINK: dict[str, tuple[Any, Any]] = {
    "as_": (AsForm, ""),
    "file": (FilePath, None),
    "outbox": (ToOutbox, False),
    "printer": (ToPrinter, ""),
    "page": (PageOption, ""),
    "large": (Large, False),
}
_ID_HELP = {
    "release": "E.g., R-2026-0001.",
    "hold": "E.g., H-2026-0001.",
    "quarter": "E.g., 2026-Q4.",
    "look": "E.g., L-2026-000123.",
}


def _command(paper: Paper) -> Callable[..., None]:
    """The function of `print PAPER`, with the parameters that this one takes: all share `hand_out`."""
    takes: dict[str, tuple[Any, Any]] = {}
    if paper.needs:
        metavar = paper.needs.upper()
        argument = typer.Argument(metavar=metavar, help=_ID_HELP[paper.needs], show_default=False)
        takes["id"] = (Annotated[str, argument], "" if paper.id_is_optional else Parameter.empty)
    takes["data"] = (Data, None)
    if paper.name == "policy":
        takes["model"] = (ModelOnly, False)
    if paper.needs == "quarter":
        takes["quarter"] = (QuarterOption, "")
    if paper.translated:
        takes["language"] = (Language, "")
    takes |= _SINK
    takes["json"] = (Json, False)

    def run(**given: Any) -> None:
        data, id, model = given.pop("data"), given.pop("id", ""), given.pop("model", False)
        id = given.pop("quarter", "") or id
        language = given.pop("language", "")
        printing.check_language(paper, language, id)  # what there is not is said before anything is asked for
        sink = Sink(**given)
        form = check(paper, sink)
        facts = facts_of(data, paper, id)
        if model:
            facts = msgspec.structs.replace(facts, policy=None)
        if language:
            facts = msgspec.structs.replace(facts, language=language)
        hand_out(paper, facts, sink, form, data=data, id=id)

    run.__doc__ = f"{paper.title}. {paper.about}"
    run.__name__ = paper.name
    run.__annotations__ = {name: kind for name, (kind, _) in takes.items()} | {"return": None}
    run.__signature__ = Signature(  # type: ignore[attr-defined]
        [Parameter(n, Parameter.KEYWORD_ONLY, default=default, annotation=kind) for n, (kind, default) in takes.items()]
    )
    return run


def facts_of(data: Path | None, paper: Paper, id: str = "") -> PaperFacts:
    """From the service; without one, what can be read here, unless the paper is about a row that only it knows."""
    from holdshelf_core.reports.offline import read_offline  # noqa: PLC0415

    try:
        return client(data).act(paper.request(id))
    except HoldshelfError as error:
        anybodys = not id and paper.needs in ("", "release") and (not paper.needs or paper.id_is_optional)
        if not anybodys or (paper.name != "policy" and not isinstance(error, Unavailable)):
            raise
        typer.echo(f"holdshelf: note: {error.sentence} Printed from what can be read here.", err=True)
        return read_offline(data_folder(data))


# --- where it goes ----------------------------------------------------------------------------------------------------


def check(paper: Paper, sink: Sink) -> Format:
    """Before anything is asked for: what cannot go there is not made. Returns its form. Raises BadRequest."""
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
    made = printing.make(paper, facts, form, id=id, page=sink.page, large=sink.large, printer=bool(sink.printer))
    if sink.outbox or sink.printer:
        _deliver(made, sink, data, id)
    elif sink.file is None or str(sink.file) == "-":
        _to_stdout(made, facts, json=sink.json)
    else:
        write_new(sink.file, made.content)
        told = HandedOut(paper.name, form, "file", str(sink.file), len(made.content), _sha256(made.content))
        _tell(told, f"{inert(str(sink.file), 200)} is written.", json=sink.json)


def _to_stdout(made: printing.Printed, facts: PaperFacts, *, json: bool) -> None:
    if made.form == "pdf":
        sys.stdout.flush()
        sys.stdout.buffer.write(made.content)
        sys.stdout.buffer.flush()
    elif json:
        echo_json(TextPaper(made.paper, made.content.decode(), facts))
    else:
        typer.echo(made.content.decode(), nl=False)


def _deliver(made: printing.Printed, sink: Sink, data: Path | None, id: str) -> None:
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


def _register() -> None:
    for paper in PAPERS.values():
        if paper.needs in ("look", "looks", "case"):
            continue  # `still_sheet`, `who` and `contact_sheet` have their own: they bring what stands on it
        id_words = {"release": " R-2026-0001", "hold": " H-2026-0001", "quarter": " 2026-Q4"}.get(paper.needs, "")
        app.command(
            paper.name,
            short_help=paper.title,
            epilog=f"Example: holdshelf print {paper.name}{id_words} --file {paper.name}.pdf",
        )(_command(paper))


_register()
