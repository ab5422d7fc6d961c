"""today: what F2 says on the screens, as text: what waits for whoever asks, and the access log's head to write down."""

from __future__ import annotations

import typer

from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.people import last_login_words
from holdshelf_tui.text.witnesses import newest_words
from holdshelf_tui.text.words import inert

root = typer.Typer()


@root.command(short_help="What waits for you, and the access log's head.", epilog="Example: holdshelf today")
def today(data: Data = None, json: Json = False) -> None:
    """What needs your attention, when you last logged in, and the access log's head to write down."""
    from holdshelf_tui.session.log_head import short_head  # noqa: PLC0415 - loads asyncio, as the next
    from holdshelf_tui.session.today import ask_today  # noqa: PLC0415

    found = ask_today(client(data))
    head, duties, words = found.head, found.duties, found.who.words
    short = short_head(head.head)
    if json:
        head_words = short.short if short is not None else ""
        echo_json({"who": words, "waiting": duties, "shared": found.shared, "head": head_words})
        return
    typer.echo(f"{inert(words, 200)}.")
    if before := last_login_words(found.logins):
        typer.echo(inert(before, 300))
    for number, line in enumerate(found.shared):
        typer.echo(f"{'' if number else 'Shared with you:\n'}  {inert(line, 200)}")
    typer.echo("Waiting for you:" if duties else "Nothing is waiting for you.")
    for duty in duties:
        typer.echo(f"  {inert(duty.words, 200)}")
    if head.problem:
        typer.echo(f"! The access log: {inert(head.problem, 300)}")
    elif short is not None:
        typer.echo(f"Access log, to write down and keep elsewhere: {short.short}")
        if signed := newest_words(head):
            typer.echo(signed)
