"""`log who`, `print who`: who looked at a camera, on a day, for an incident; on the screen, on paper, as a table.

The log is asked once, which writes down that it was; the paper is made from that answer.
"""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from holdshelf_core.access_log import types as log_types
from holdshelf_core.api.errors import BadRequest
from holdshelf_tui.cli import paper_sink, typed_times
from holdshelf_tui.cli.options import Data, Json, client
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.log import raw
from holdshelf_tui.text.looked import NOT_COUNTED, answer_words, looked_paper, proof_words, question_words
from holdshelf_tui.text.time_span import end_utc_ns, start_utc_ns


def who(
    camera: Annotated[str, typer.Option("--camera", help="Of this camera: its id or name. [default: all]")] = "",
    day: Annotated[
        str,
        typer.Option(
            "--day", help="On this day: '11/27', yesterday. Looks on that day, and looks at footage of that day."
        ),
    ] = "",
    person: Annotated[str, typer.Option("--person", help="Only by this person: login or seat.")] = "",
    incident: Annotated[str, typer.Option("--incident", help="Only for this incident or case number.")] = "",
    start: Annotated[str | None, typer.Option("--from", help="Instead of --day: since this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until this time.")] = None,
    public: Annotated[bool, typer.Option("--public", help="The public form: without names and notes.")] = False,
    show_raw: Annotated[bool, typer.Option("--raw", help="The lines of the log themselves.")] = False,
    data: Data = None,
    as_: paper_sink.AsForm = "",
    file: paper_sink.FilePath = None,
    outbox: paper_sink.ToOutbox = False,
    printer: paper_sink.ToPrinter = "",
    page: paper_sink.PageOption = "",
    large: paper_sink.Large = False,
    json: Json = False,
) -> None:
    """Who looked? Pictures seen, copies and prints taken, looks refused; complete, and on paper or as CSV if you like."""
    from holdshelf_tui.cli import log  # noqa: PLC0415 - which has this command
    from holdshelf_tui.papers.catalogue import PAPERS  # noqa: PLC0415 - of all papers

    paper, sink = PAPERS["who"], paper_sink.Sink(as_, file, outbox, printer, page, large, json)
    to_paper = bool(as_ or file or outbox or printer)
    form = paper_sink.check(paper, sink)
    since, until = _time(day, start, end)
    asked = log_types.LogShow(
        person=person,
        camera=camera,
        incident=incident,
        since_utc_ns=since,
        until_utc_ns=until,
        most=log_types.MOST_ROWS,
        looks=True,
        public=public,
    )
    service = client(data)
    answer = service.act(asked)
    typed_times.tell(since, until)
    if json and not to_paper:
        echo_json(answer)
        return
    if show_raw:
        for row in answer.entries:
            typer.echo(raw(row))
        return
    question = question_words(asked, answer.names.get(camera, camera), answer.names.get(person, person))
    looked = looked_paper(answer, question, public=public)
    if to_paper:
        facts = msgspec.structs.replace(service.act(paper.request()), looked=looked)
        paper_sink.hand_out(paper, facts, sink, form, data=data)
        return
    log.tell(answer)
    typer.echo(f"Who looked: {question}: {answer_words(answer)}.".replace("..", "."))
    typer.echo(NOT_COUNTED)
    if proof := proof_words(looked):
        typer.echo(f"A copy that anybody can check: `holdshelf {proof}`")


def _time(day: str, start: str | None, end: str | None) -> tuple[int | None, int | None]:
    """The day, or what was typed instead. Raises BadRequest."""
    if not day:
        return typed_times.span(start, end)
    if start is not None or end is not None:
        raise BadRequest("A day, or a time from and to, not both.", "Leave one of them out.")
    now_utc_ns = time.time_ns()
    begins = start_utc_ns(day, now_utc_ns)
    ends = end_utc_ns(day, begins, now_utc_ns)
    if ends <= begins:
        raise BadRequest(f"{day[:40]!r} is not a day.", "Type, for example, 11/27 or yesterday.")
    return begins, ends
