"""log show | verify | export | tiles | proof | head | accept | repair: what was done, and its proof. `log who` is in `who`."""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.access_log import types as log_types
from holdshelf_core.api.client import TOKEN_VARIABLE, Client
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, NotFound, Unavailable
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli import who as looked
from holdshelf_tui.cli.options import (
    Data,
    Json,
    Paper,
    client,
    data_folder,
    paper_hash,
    shown_on_terminal,
    text_file,
    write_new,
)
from holdshelf_tui.cli.paging import next_page
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import terminal_width
from holdshelf_tui.cli.timestamp import checked_stamp
from holdshelf_tui.papers.text import fold
from holdshelf_tui.text.log import Names, sentence
from holdshelf_tui.text.log import raw as raw_line
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.timestamps import stamp_words
from holdshelf_tui.text.witnesses import witnessed_words
from holdshelf_tui.text.words import counted, inert, one_line

STDOUT = "-"
PAGE = 50
"""Entries in a list, unless more are asked for."""

EXPORT_TIMEOUT_S = 600.0
MOST_NOTE_BYTES = 128 << 10
"""A head with the signatures of many witnesses."""

app = typer.Typer(
    help="The access log: every look, change, share and refusal.", no_args_is_help=True, rich_markup_mode=None
)
root = typer.Typer()
root.add_typer(app, name="log")


@app.command(epilog="Example: holdshelf log show --person jroe --from '2026-11-01'")
def show(
    data: Data = None,
    who: Annotated[str, typer.Option("--person", help="Only this person's acts.")] = "",
    camera: Annotated[str, typer.Option(help="Only acts on this camera.")] = "",
    action: Annotated[str, typer.Option(help="Only acts whose name starts with this, e.g., hold.")] = "",
    start: Annotated[str | None, typer.Option("--from", help="Since this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until this time.")] = None,
    incident: Annotated[str, typer.Option(help="Only acts for this incident or case number.")] = "",
    most: Annotated[int, typer.Option(help="At most this many, the newest.")] = PAGE,
    before: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="Only entries that are older than this one.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="The lines of the log themselves, instead of sentences.")] = False,
    json: Json = False,
) -> None:
    """Entries in sentences, the newest last. Who looked at a camera or on a day: `log who`."""
    since_utc_ns, until_utc_ns = typed_times.span(start, end)
    asked = log_types.LogShow(
        person=who,
        camera=camera,
        action=action,
        since_utc_ns=since_utc_ns,
        until_utc_ns=until_utc_ns,
        most=most,
        incident=incident,
        last=before - 1 if before is not None else None,
    )
    answer = client(data).act(asked)
    if json:
        echo_json(answer)
        return
    typed_times.tell(since_utc_ns, until_utc_ns)
    if raw:
        for row in answer.entries:
            typer.echo(raw_line(row))
        return
    tell(answer)
    if not answer.entries:
        typer.echo("No entry matches.")
    typer.echo(f"{answer.size} entries in all.")
    if len(answer.entries) == most and answer.entries[0].seq > 1:
        asked_for = {"--person": who, "--camera": camera, "--action": action, "--from": start, "--to": end}
        more = {"--incident": incident, "--most": most if most != PAGE else None, "--before": answer.entries[0].seq}
        typer.echo(f"Older ones: {next_page('holdshelf log show', asked_for | more)}")


def tell(answer: log_types.LogRows) -> None:
    """A line an entry: its number, when it was written, and its sentence; folded for a terminal."""
    names, width = Names.in_answer(answer), terminal_width()
    for row in answer.entries:
        begin = f"{row.seq:>6}  {when(log_types.at_utc_ns(row.entry), seconds=True)}: "
        words = sentence(row, names)
        for line in fold(words, width=width, first=begin, rest=" " * 8) if width else [begin + words]:
            typer.echo(line)


@app.command(epilog="Example: holdshelf log verify --against head-of-october.txt")
def verify(
    copy: Annotated[
        Path | None,
        typer.Argument(
            metavar="COPY",
            help="An exported copy, a state folder, or a log that was set aside. [default: the log itself]",
        ),
    ] = None,
    data: Data = None,
    media: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The media folder of a state folder: does the log have all that the volume has seen? [default: where COPY "
            "is the state of a data folder, its media]",
        ),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="A head that someone outside kept: a file, or - for standard input.")
    ] = None,
    key: Annotated[
        str, typer.Option(metavar="KEY", help="The log's public key that someone outside kept. [default: as found]")
    ] = "",
    witness_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--witness-key", metavar="KEY", help="The key of a witness that may have signed that head; may be repeated."
        ),
    ] = None,
    stamp: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The time stamp on that head (.tsr). Takes --ca.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="Certificates (PEM) that the stamp has to come from.")
    ] = None,
    json: Json = False,
) -> None:
    """Check every entry, their order and their number. Exit 1 if something is wrong. Works without the service."""
    from holdshelf_core.access_log import offline as log_offline  # noqa: PLC0415 - it imports all that verifies

    head = text_file(against, "The head", MOST_NOTE_BYTES) if against is not None else ""
    if stamp is not None and (against is None or ca is None):
        raise BadRequest("--stamp needs a head and an authority.", "Give --against HEAD and --ca FILE as well.")
    stamped = checked_stamp(head.encode(), stamp, ca) if stamp is not None and ca is not None else None
    asked = log_types.LogVerify(head, key, tuple(witness_keys or ()))
    if media is not None and copy is None:
        raise BadRequest("--media goes with COPY.", "Give a state folder and its media folder, or neither.")
    where = media.absolute() if media is not None else None
    report = (
        _verify_here(data, asked)
        if copy is None
        else log_offline.verify(copy.absolute(), against=head, key=key, witnesses=asked.witness_keys, media=where)
    )
    if json:
        echo_json(report)
    else:
        _tell_verified(report, "the access log" if copy is None else inert(copy.name))
        if stamped is not None:
            typer.echo(stamp_words(stamped))
    if report.policies and not report.problems:
        if json:
            raise typer.Exit(1)
        raise HoldshelfError(
            "The entries are those that were written, but not each of them names the policy that was in force.",
            "Compare them with `holdshelf log show --action policy.adopt`, and show both to those who decide about footage.",
        )
    if report.register and not report.problems:
        if json:
            raise typer.Exit(1)
        raise HoldshelfError(
            "The access log is intact, but the register does not match it.",
            "See `holdshelf register check`, then `holdshelf register settle --why …`.",
        )
    if report.problems:
        if json:
            raise typer.Exit(1)
        if copy is not None:
            raise HoldshelfError(
                "This is not what was originally written.", "Keep it as it is; see docs/access-log.md."
            )
        raise HoldshelfError(
            "The access log was changed or damaged.",
            "Keep the folder STATE/access as it is, and see `When the log or the register is damaged` in docs/operate.md.",
        )


def _tell_verified(report: log_types.LogVerified, what: str) -> None:
    for problem in [*report.problems, *report.policies, *report.register]:
        typer.echo(inert(problem, 300))
    entries = counted(report.entries, "entry", "entries")
    typer.echo(f"{entries} in {what}: {counted(len(report.problems), 'problem')}.")
    for words in (report.against, report.media, *witnessed_words(report)):
        if words:
            typer.echo(inert(words, 300))


def _verify_here(data: Path | None, asked: log_types.LogVerify) -> log_types.LogVerified:
    """By the service, which writes down that it was done; without one, from its files."""
    from holdshelf_core.access_log import offline as log_offline  # noqa: PLC0415 - it imports all that verifies

    service = client(data)
    try:
        return service.act(asked)
    except Unavailable as error:
        folder = log_offline.state_folder(data_folder(data))
        if not (folder / "access").is_dir():
            raise
        typer.echo(f"holdshelf: note: {one_line(error.sentence)} Verified from its files.", err=True)
        return log_offline.verify(folder, against=asked.against, key=asked.key, witnesses=asked.witness_keys)


@app.command(epilog="Example: holdshelf log export --public --from 2026-11-01 access-log.jsonl")
def export(
    file: Annotated[
        str, typer.Argument(metavar="FILE", show_default=False, help="New file. [default: standard output]")
    ] = STDOUT,
    data: Data = None,
    public: Annotated[
        bool, typer.Option("--public", help="Without names, addresses and free text; it still verifies.")
    ] = False,
    outbox: Annotated[bool, typer.Option("--outbox", help="Put it into your outbox, to fetch it from there.")] = False,
    first: Annotated[int, typer.Option(min=1, help="First entry.")] = 1,
    last: Annotated[int | None, typer.Option(min=1, help="Last entry. [default: the newest]")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Entries since this time.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="Entries until this time.")] = None,
    json: Json = False,
) -> None:
    """Write a copy of the log that anyone can check, with `log verify` or their own script."""
    if outbox and file != STDOUT:
        raise BadRequest("A copy goes to a file or to the outbox, not both.", "Leave one of them out.")
    if file == STDOUT and json and not outbox:
        raise BadRequest("Standard output takes the copy or JSON, not both.", "Give a file.")
    if file != STDOUT:
        _no_files_over_ssh()
    if file == STDOUT and not outbox and shown_on_terminal():
        raise BadRequest(
            "A copy of the log is not meant to be read on the screen.", "Redirect it, `> log.jsonl`; or give --outbox."
        )
    if file != STDOUT and Path(file).exists():
        raise Conflict(f"{file} already exists; nothing was overwritten.", "Choose another name.")
    span = typed_times.span(start, end)
    asked = log_types.OutboxLog(public, first, last, *span)
    service = client(data)
    if outbox:
        done = service.act(asked)
        typed_times.tell(*span)
        if json:
            echo_json(done)
        else:
            typer.echo(f"{_written(done.first, done.last, done.size)} are in your outbox: {done.where}")
        return
    pieces = service.stream("/log/export", asked, timeout_s=EXPORT_TIMEOUT_S)
    if file == STDOUT:
        for piece in pieces:
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        typed_times.tell(*span)
        return
    begun = next(pieces, b"")
    typed_times.tell(*span)
    write_new(Path(file), itertools.chain([begun], pieces), 0o600)
    told = msgspec.json.decode(begun.partition(b"\n")[0], type=_Header)
    size = int(told.head.split("\n")[1])
    if json:
        echo_json({"file": file, "first": told.first, "last": told.last, "entries": size})
    else:
        typer.echo(f"{_written(told.first, told.last, size)} are written to {inert(file, 200)}.")


class _Header(msgspec.Struct):
    """What is told of a copy, from its first line."""

    first: int
    last: int
    head: str


def _written(first: int, last: int, size: int) -> str:
    return f"Entries {first} to {last} of {size}"


@app.command(epilog="Example: holdshelf log tiles public-log")
def tiles(
    folder: Annotated[
        Path, typer.Argument(help="Folder to publish: made when there is none, continued when there is.")
    ],
    data: Data = None,
    countersigned: Annotated[
        bool,
        typer.Option(
            "--countersigned", help="Up to the newest head that witnesses have signed, with their signatures."
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Write the log's public form as files that anyone can audit (c2sp.org/tlog-tiles); run it again to add what is new."""
    from holdshelf_core.access_log import offline as log_offline  # noqa: PLC0415 - it imports all that verifies

    if TOKEN_VARIABLE in os.environ:
        raise BadRequest(
            "Over SSH you cannot use folders on the server.",
            "The admin runs this at the server; `log export --public > log.jsonl` gives you a copy.",
        )
    service = client(data)
    answer = service.read(log_types.ReadHead())
    done = log_offline.write_tiles(folder.absolute(), answer, _copier(service), countersigned=countersigned)
    if json:
        echo_json({"folder": str(folder), "before": done.before, "entries": done.entries, "files": done.files})
        return
    entries, new = counted(done.entries, "entry", "entries"), done.entries - done.before
    typer.echo(f"{entries} in {inert(str(folder), 200)}, {new} of them new.")


@app.command(epilog="Example: holdshelf log proof 12 entry-12.tlog-proof")
def proof(
    entry: Annotated[int, typer.Argument(min=1, metavar="ENTRY", help="Its number.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE", show_default=False, help="New file. [default: standard output]")
    ] = STDOUT,
    data: Data = None,
    countersigned: Annotated[
        bool,
        typer.Option("--countersigned", help="By the newest head that witnesses have signed, with their signatures."),
    ] = False,
) -> None:
    """Write the proof that an entry is in the log (c2sp.org/tlog-proof), for `log verify --key` and other tools."""
    from holdshelf_core.access_log import offline as log_offline  # noqa: PLC0415 - it imports all that verifies

    if file != STDOUT:
        _no_files_over_ssh()
        if Path(file).exists():
            raise Conflict(f"{file} already exists; nothing was overwritten.", "Choose another name.")
    service = client(data)
    answer = service.read(log_types.ReadHead())
    text = log_offline.entry_proof(entry, answer, _copier(service), countersigned=countersigned)
    if file == STDOUT:
        typer.echo(text, nl=False)
        return
    write_new(Path(file), text.encode())
    typer.echo(f"The proof of entry {entry} is written to {inert(file, 200)}.")


def _copier(service: Client) -> Callable[[int, int], Iterator[bytes]]:
    """Return what asks for a public copy of a stretch of the log; the service writes that down."""

    def copy(first: int, last: int) -> Iterator[bytes]:
        return service.stream("/log/export", log_types.LogExport(True, first, last), timeout_s=EXPORT_TIMEOUT_S)

    return copy


def _no_files_over_ssh() -> None:
    # Over SSH the account is the door's own: its files are no place for a person's copy.
    if TOKEN_VARIABLE in os.environ:
        raise BadRequest(
            "Over SSH you cannot use files on the server.", "Leave it out, and redirect it on your computer."
        )


@app.command(epilog="Example: holdshelf log head > head-of-october.txt")
def head(
    data: Data = None,
    countersigned: Annotated[
        bool, typer.Option("--countersigned", help="The newest one that witnesses have signed, with their signatures.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the signed head. Anyone who keeps it can later prove that nothing before it was changed."""
    answer = client(data).read(log_types.ReadHead())
    if json:
        echo_json(answer)
        return
    if countersigned:
        if not answer.countersigned:
            raise NotFound("No witness has signed a head yet.", "`holdshelf witness list` says who is asked.")
        typer.echo(answer.countersigned, nl=False)
        return
    typer.echo(answer.head, nl=not answer.head.endswith("\n"))
    if answer.problem:
        raise HoldshelfError(answer.problem, "Run `holdshelf log verify`.")


@app.command(
    epilog="Example: holdshelf log accept --paper minutes.pdf --why 'backup of November 20, after the disk died'"
)
def accept(
    why: Annotated[str, typer.Option(help="Why this is the state to continue with; kept on record.")],
    data: Data = None,
    paper: Paper = None,
    json: Json = False,
) -> None:
    """After a backup was restored or an older state was found: continue with it, on the Board's signed paper."""
    asked = log_types.LogAccept(paper_hash(paper, data), why)
    done = client(data).act(asked)
    if json:
        echo_json(done)
    else:
        typer.echo(
            f"This state is now accepted (entry {done.seq}). A second person reviews it: `holdshelf flag review {done.flag}`."
        )


@app.command(epilog="Example: holdshelf log repair --why 'disk failed on 24 November'")
def repair(
    why: Annotated[str, typer.Option(help="What happened; kept as the new log's first entry.")],
    data: Data = None,
    json: Json = False,
) -> None:
    """After damage: set the broken log aside, unchanged, and start a new one that names it."""
    answer = client(data).act(log_types.LogRepair(why))
    if json:
        echo_json(answer)
    else:
        typer.echo("A new access log continues from here. The old one is kept beside it, unchanged.")


app.command("who", epilog="Example: holdshelf log who --camera 'Front entrance' --day 11/27")(looked.who)
