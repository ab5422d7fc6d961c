"""policy explain | may | purposes | adopt, and board show | set. What is posted is `policy_posted`'s: show | check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from holdshelf_core.api import types_board as types
from holdshelf_core.api.types_people import Done
from holdshelf_tui.cli import render
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash, text_file
from holdshelf_tui.cli.service import echo_json

app = typer.Typer(help="The rules, as text and as answers.", no_args_is_help=True, rich_markup_mode=None)
board = typer.Typer(help="Settings of the Board.", no_args_is_help=True, rich_markup_mode=None)


@app.command(epilog="Example: holdshelf policy explain hold.lift")
def explain(
    action: Annotated[str, typer.Argument(metavar="[ACTION]", help="Only this act, or a group: hold.")] = "",
    json: Json = False,
) -> None:
    """Who may do what, when, and by which clause: a table made by the rules themselves."""
    from holdshelf_core.api import local  # noqa: PLC0415 - it imports all rules

    text, rows = local.explain(action, width=min(max(render.terminal_width() or 100, 60), 120))
    if json:
        echo_json(rows)
    else:
        typer.echo(text)


@app.command(
    epilog="Example: holdshelf policy may jroe look.archive --camera lobby --purpose crime --from '2h ago' --to '1h ago'"
)
def may(
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Login, id, a seat's name, or admin.")],
    action: Annotated[str, typer.Argument(metavar="ACTION", help="As in `policy explain`.")],
    data: Data = None,
    camera: Annotated[list[str] | None, typer.Option("--camera", help="On this camera; may be repeated.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Start of the span.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="End of the span.")] = None,
    purpose: Annotated[str, typer.Option(help="For this purpose (`policy purposes`), or a hold's ground.")] = "",
    incident: Annotated[str, typer.Option(help="Incident or case number.")] = "",
    about: Annotated[str, typer.Option(help="The person, hold, letter, share or flag that it is about.")] = "",
    right: Annotated[
        list[str] | None, typer.Option("--right", help="Right that a letter gives; may be repeated.")
    ] = None,
    at: Annotated[str | None, typer.Option("--at", help="At another time than now.")] = None,
    json: Json = False,
) -> None:
    """Whether a person may do something, without doing it. Exit 1 when not."""
    query: dict[str, Any] = {
        "person": who,
        "action": action,
        "cameras": ",".join(camera or []),
        "start_utc_ns": render.parse_time(start) if start is not None else None,
        "end_utc_ns": render.parse_time(end) if end is not None else None,
        "purpose": purpose,
        "incident": incident,
        "target": about,
        "rights": ",".join(right or []),
        "at_utc_ns": render.parse_time(at) if at is not None else None,
    }
    answer = client(data).get("/rules/may", types.MayAnswer, **query)
    if json:
        echo_json(answer)
    else:
        typer.echo(("Yes. " if answer.allowed else "No. ") + answer.sentence)
        if answer.who_can_help:
            typer.echo(answer.who_can_help)
    if not answer.allowed:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf policy purposes")
def purposes(json: Json = False) -> None:
    """The purposes for which somebody may look, and for which something may be shared."""
    from holdshelf_core.api import local  # noqa: PLC0415 - it imports all rules

    text, rows = local.purposes()
    if json:
        echo_json(rows)
    else:
        typer.echo(text)


@app.command(epilog="Example: holdshelf policy adopt policy.txt --version 2026-1 --adopted-on 2026-03-10")
def adopt(
    file: Annotated[Path, typer.Argument(help="The adopted text, UTF-8; - is standard input.")],
    version: Annotated[str, typer.Option(help="As the library calls it.")],
    adopted_on: Annotated[str, typer.Option(help="Day of adoption, YYYY-MM-DD.")],
    statute: Annotated[
        str,
        typer.Option(
            help="What the confidentiality statute does to a release by the policy alone: enforce (refuse) or advise."
        ),
    ] = "enforce",
    paper: Paper = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Install the library's own text: it is printed verbatim from now on, with version and SHA-256."""
    asked = types.PolicyAdopt(text_file(file, "The policy"), version, adopted_on, statute, paper_hash(paper))
    row = client(data).act("policy.adopt", asked, types.AdoptedRow)
    if json:
        echo_json(row)
    else:
        typer.echo(
            f"Version {render.inert(row.version)}, adopted on {row.adopted_on}, SHA-256 {row.sha256}, is in force."
        )


@board.command("show", epilog="Example: holdshelf board show")
def board_show(data: Data = None, json: Json = False) -> None:
    """What the Board decided."""
    rows = client(data).get("/rules/board", list[types.BoardSetting])
    if json:
        echo_json(rows)
        return
    words = {True: "yes", False: "no", "": "-"}
    cells = [(r.key, str(words.get(r.value, r.value)), str(words.get(r.default, r.default)), r.what) for r in rows]
    typer.echo(render.table(("SETTING", "IS", "DEFAULT", ""), cells))


@board.command(
    "set", epilog="Example: holdshelf board set live_minutes 5 --why 'Board meeting of 10 November' --paper minutes.pdf"
)
def board_set(
    key: Annotated[str, typer.Argument(metavar="SETTING", help="One of `board show`.")],
    value: Annotated[str, typer.Argument(help="What it is from now on.")],
    why: Annotated[str, typer.Option(help="Why; kept with the change.")],
    data: Data = None,
    paper: Paper = None,
    json: Json = False,
) -> None:
    """Change a setting of the Board."""
    done = client(data).act("board.set", types.BoardSet(key, value, why, paper_hash(paper)), Done)
    if json:
        echo_json(done)
    else:
        typer.echo(f"{render.inert(f'{key} is {value} now.', 200)} Entry {done.seq} of the access log.")
