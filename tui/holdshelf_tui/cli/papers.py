"""print: every paper of `papers.catalogue`, as text, PDF or HTML, to the screen, a file, an outbox or a printer.

Each paper's command is the same function with the same options; a new paper is a line in the catalog. A print never fails
because the service is down: what lies on disk is printed instead, and the paper says so. Nobody is asked who a paper is for
(P17).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, Signature
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from holdshelf_core.api.errors import BadRequest, HoldshelfError, Unavailable
from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.cli import contact_sheet, outbox, still_sheet, who
from holdshelf_tui.cli.options import Data, Json, client, data_folder
from holdshelf_tui.cli.paper_sink import AsForm, FilePath, Large, PageOption, Sink, ToOutbox, ToPrinter, check, hand_out
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table, terminal_width
from holdshelf_tui.papers import catalogs, printing
from holdshelf_tui.papers.catalogue import GROUPS, PAPERS, Paper
from holdshelf_tui.papers.text import fold
from holdshelf_tui.text.prints import on_windows

app = typer.Typer(
    help="Papers: the policy, the sign, the checklist and the papers of a release. Without a name: list them.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="print")
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
        # What there is not is said before anything is asked for, or entered in the log.
        printing.check_language(paper, language, id, _signs(data, language) if paper.two_languages else ())
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


def _signs(data: Path | None, language: str) -> list[str]:
    """The languages that the policy words the sign in, from the service; without one, what can be read here. It is not asked for
    a language that papers speak."""
    from holdshelf_core.reports.offline import read_offline  # noqa: PLC0415

    if all(catalogs.base(one.strip()) in catalogs.known() for one in language.split("+")):
        return []
    try:
        return client(data).read(ReadPolicyLists()).signs
    except Unavailable:
        return list(read_offline(data_folder(data)).signs)


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

    app.command(
        short_help="Still picture.",
        epilog="Example: holdshelf print still L-2026-000123 --camera lobby --at '14:03:20' --to 'reference desk' "
        "--purpose violation --file still.pdf",
    )(still_sheet.still)
    app.command(
        "who",
        short_help="Who looked.",
        epilog="Example: holdshelf print who --camera 'Front entrance' --day 11/27 --file who.pdf",
    )(who.who)
    app.command(
        short_help="Contact sheet of a hold or a release.",
        epilog="Example: holdshelf print sheet H-2026-0001 --count 24 --file sheet.pdf",
    )(contact_sheet.sheet)
    app.command("printers", epilog="Example: holdshelf print printers")(outbox.printers)


_register()
