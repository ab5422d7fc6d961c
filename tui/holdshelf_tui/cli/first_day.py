"""first-day: the steps from an empty server to one in use, in order; each ticks itself off."""

from __future__ import annotations

import typer

from holdshelf_core.api.errors import NotFound
from holdshelf_core.people.types import ReadMe
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.first_day import (
    ADMIN,
    READS,
    SEAT,
    FirstDayFacts,
    first_day,
    over_words,
    progress_words,
    who_words,
)

root = typer.Typer()


@root.command(
    "first-day",
    short_help="What still has to be done before this server is in use.",
    epilog="Example: holdshelf first-day",
)
def tell_first_day(data: Data = None, json: Json = False) -> None:
    """What still has to be done before this server is in use, in order, and by whom."""
    service = client(data)
    day = first_day(FirstDayFacts(*(service.read(asked) for asked in READS)))
    if json:
        echo_json(
            [{"id": s.id, "words": s.words, "done": done, "who": s.who, "command": s.command} for s, done in day.steps]
        )
        return
    for number, (step, done) in enumerate(day.steps, 1):
        typer.echo(f"[{'x' if done else ' '}] {number}. {step.words} ({who_words(step)})")
        if not done:
            typer.echo(f"       {step.why}")
            typer.echo(f"       `{step.command}`")
    try:
        service.read(ReadMe())
        who = SEAT
    except NotFound:
        who = ADMIN
    typer.echo(f"{progress_words(day)}. {over_words(day, who)}")
