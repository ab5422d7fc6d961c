"""person | seat | appointment | share | flag: who may do what, and since when."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.acts import Done
from holdshelf_core.api.errors import BadRequest
from holdshelf_core.people import types
from holdshelf_tui.cli import invite as invitations
from holdshelf_tui.cli import typed_times
from holdshelf_tui.cli.options import Data, Json, Paper, client, paper_hash, text_file
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.holds import camera_names
from holdshelf_tui.text.people import shared_lines
from holdshelf_tui.text.time_format import local
from holdshelf_tui.text.words import inert

person = typer.Typer(
    help="Enroll people, change their keys, end their rights.", no_args_is_help=True, rich_markup_mode=None
)
seat = typer.Typer(help="Who holds the seats of the policy.", no_args_is_help=True, rich_markup_mode=None)
appointment = typer.Typer(help="Letters that appoint a designee.", no_args_is_help=True, rich_markup_mode=None)
share = typer.Typer(help="Share one span of one camera, view only.", no_args_is_help=True, rich_markup_mode=None)
flag = typer.Typer(help="Acts that a second person reviews afterwards.", no_args_is_help=True, rich_markup_mode=None)
root = typer.Typer()
root.add_typer(person, name="person")
root.add_typer(seat, name="seat")
root.add_typer(appointment, name="appointment")
root.add_typer(share, name="share")
root.add_typer(flag, name="flag")

Who = Annotated[str, typer.Argument(metavar="PERSON", help="Login, id (p4), or the name of a seat.")]
Fingerprint = Annotated[str, typer.Argument(help="As `person list --json` shows it: SHA256:….")]
KeyFile = Annotated[
    Path | None, typer.Option("--key", help="Public key file (OpenSSH or RFC 4716); - reads it from standard input.")
]
Seat = Annotated[str, typer.Argument(metavar="SEAT", help="As in `policy lists`, e.g., director.")]
Why = Annotated[str, typer.Option("--why", help="The reason, in a few words; kept on record.")]


def _key_text(file: Path | None) -> str:
    return text_file(file, "The key file", 64 << 10) if file is not None else ""


def _told(done: Done, words: str, *, json: bool) -> None:
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(words, 300)} Entry {done.seq} of the access log.")


@root.command(short_help="Who you are here.", epilog="Example: holdshelf whoami")
def whoami(data: Data = None, json: Json = False) -> None:
    """Who you are here, and what that lets you do."""
    service = client(data)
    row = service.read(types.ReadMe())
    if json:
        echo_json(row)
        return
    typer.echo(f"{row.name} ({row.login})")
    for role in row.roles:
        until = f", until {local(role.end_utc_ns)}" if role.end_utc_ns is not None else ""
        rights = f": {', '.join(role.rights)}" if role.rights else ""
        typer.echo(f"  {role.words}, {role.state}{until}{rights}")
    if not any(role.state == "active" for role in row.roles):
        shares = service.read(types.ReadShared())
        for line in shared_lines(shares, camera_names(service.status().cameras) if shares else {}):
            typer.echo(inert(f"  shared with you: {line}", 300))
    if row.why_not:
        typer.echo(f"  {row.why_not}")


# --- person -------------------------------------------------------------------------------------------------------


@person.command("list", epilog="Example: holdshelf person list --json")
def list_people(data: Data = None, json: Json = False) -> None:
    """Everyone who is enrolled, with seats, letters of appointment and keys."""
    rows = client(data).read(types.ReadPeople())
    if json:
        echo_json(rows)
        return
    if not rows:
        typer.echo("Nobody is enrolled yet. First name who holds the first seat: `holdshelf seat name --help`.")
        return
    cells = []
    for row in rows:
        active = [role.words for role in row.roles if role.state == "active"]
        standing = ", ".join(active) or (row.why_not or "no right now")
        cells.append(
            (
                row.id,
                row.login,
                row.name,
                standing,
                ", ".join(k.fingerprint for k in row.keys) or row.account or "no key",
            )
        )
    typer.echo(table(("ID", "LOGIN", "NAME", "IS", "KEYS"), cells))


@person.command(epilog="Example: holdshelf person add sroe --name 'Sam Roe' --key sroe.pub")
def add(
    login: Annotated[str, typer.Argument(help="What the person types before the @.")],
    name: Annotated[str, typer.Option(help="Full name.")],
    data: Data = None,
    key: KeyFile = None,
    account: Annotated[str, typer.Option(help="This person's account on this machine.")] = "",
    email: Annotated[str, typer.Option(help="E-mail address.")] = "",
    paper: Paper = None,
    json: Json = False,
) -> None:
    """Enroll a person. It gives no right: a seat or a letter of appointment does."""
    asked = types.PersonAdd(login, name, _key_text(key), account, email, paper_hash(paper, data))
    done = client(data).act(asked)
    _told(done, f"{name} is enrolled as {done.id}.", json=json)


@person.command("add-key", epilog="Example: holdshelf person add-key jroe --key new.pub")
def add_key(who: Who, key: KeyFile, data: Data = None, paper: Paper = None, json: Json = False) -> None:
    """Add a key for a person."""
    asked = types.PersonKey(who, _key_text(key), paper_sha256=paper_hash(paper, data))
    _told(client(data).act(asked), "The key is installed.", json=json)


@person.command("replace-key", epilog="Example: holdshelf person replace-key jroe --key new.pub")
def replace_key(who: Who, key: KeyFile, data: Data = None, paper: Paper = None, json: Json = False) -> None:
    """After a PC was lost: the new key replaces all others, and open sessions end."""
    asked = types.PersonKey(who, _key_text(key), replace=True, paper_sha256=paper_hash(paper, data))
    _told(client(data).act(asked), "The key was replaced; the old keys no longer work.", json=json)


@person.command("remove-key", epilog="Example: holdshelf person remove-key jroe SHA256:…")
def remove_key(who: Who, fingerprint: Fingerprint, data: Data = None, paper: Paper = None, json: Json = False) -> None:
    """Remove a key."""
    asked = types.PersonKey(who, remove=fingerprint, paper_sha256=paper_hash(paper, data))
    _told(client(data).act(asked), "The key was removed.", json=json)


@person.command(epilog="Example: holdshelf person remove sroe --why 'left the library'")
def remove(who: Who, why: Why, data: Data = None, json: Json = False) -> None:
    """End all of a person's rights at once. What they did stays in the access log."""
    done = client(data).act(types.PersonRemove(who, why))
    _told(done, f"{done.id} is removed.", json=json)


invitations.register(person)


# --- seat ---------------------------------------------------------------------------------------------------------


@seat.command("list", epilog="Example: holdshelf seat list")
def list_seats(data: Data = None, json: Json = False) -> None:
    """Terms, current and past."""
    rows = client(data).read(types.ReadSeats())
    if json:
        echo_json(rows)
        return
    cells = [
        (r.id, r.seat, r.name, r.state, local(r.start_utc_ns), local(r.ended_utc_ns or r.end_utc_ns)) for r in rows
    ]
    typer.echo(
        table(("ID", "SEAT", "HOLDER", "STATE", "FROM", "UNTIL"), cells) if cells else "Nobody has ever held a seat."
    )


@seat.command("name", epilog="Example: holdshelf seat name director --person jroe --name 'Jane Roe' --key jroe.pub")
def name_seat(
    which: Seat,
    who: Annotated[str, typer.Option("--person", help="Login of the holder.")],
    data: Data = None,
    name: Annotated[str, typer.Option(help="Full name, for someone who is not enrolled yet.")] = "",
    key: KeyFile = None,
    start: Annotated[str, typer.Option("--from", help="First day, e.g., 1/1/2027. [default: now]")] = "",
    end: Annotated[str, typer.Option("--until", help="Last day, or '12/31/2026 6 pm'. [default: open]")] = "",
    paper: Paper = None,
    json: Json = False,
) -> None:
    """Name who holds a seat. The admin names the first holder of the policy's first seat; after that, those who hold seats do."""
    asked = types.SeatName(
        which,
        who,
        name,
        _key_text(key),
        typed_times.day_or_time(start, "--from"),
        typed_times.day_or_time(end, "--until"),
        paper_hash(paper, data),
    )
    done = client(data).act(asked)
    _told(done, f"The seat has a new holder: {done.id}.", json=json)


@seat.command("end", epilog="Example: holdshelf seat end mayor --why 'term is over' --at '2026-12-01 12:00'")
def end_seat(
    which: Seat,
    why: Why,
    data: Data = None,
    at: Annotated[str, typer.Option("--at", help="Last day, or '12/31/2026 6 pm'. [default: now]")] = "",
    paper: Paper = None,
    json: Json = False,
) -> None:
    """End a holder's term. Letters of appointment from that seat lapse with it."""
    done = client(data).act(types.SeatEnd(which, why, typed_times.day_or_time(at, "--at"), paper_hash(paper, data)))
    _told(done, f"The term {done.id} ends.", json=json)


@seat.command("away", epilog="Example: holdshelf seat away director --why 'ill'")
def seat_away(
    which: Seat,
    data: Data = None,
    why: Annotated[str, typer.Option("--why", help="A few words; kept out of the public log.")] = "",
    json: Json = False,
) -> None:
    """Record that a seat's holder is away from now on. After the time that the policy sets, its deputy acts."""
    _told(client(data).act(types.SeatAway(which, True, why)), "It is recorded.", json=json)


@seat.command("back", epilog="Example: holdshelf seat back director")
def seat_back(which: Seat, data: Data = None, json: Json = False) -> None:
    """Record that a seat's holder is back: from now on nobody acts for them."""
    _told(client(data).act(types.SeatAway(which, False)), "It is recorded.", json=json)


# --- appointment --------------------------------------------------------------------------------------------------


@appointment.command("list", epilog="Example: holdshelf appointment list")
def list_appointments(data: Data = None, json: Json = False) -> None:
    """Letters of appointment, current and past."""
    rows = client(data).read(types.ReadAppointments())
    if json:
        echo_json(rows)
        return
    cells = [
        (
            r.id,
            r.name,
            f"designee of {r.seat}",
            ", ".join(r.rights),
            ", ".join(r.cameras) if r.cameras is not None else "all",
            r.state,
            local(r.start_utc_ns),
            local(r.end_utc_ns),
        )
        for r in rows
    ]
    heads = ("ID", "PERSON", "IS", "MAY", "CAMERAS", "STATE", "FROM", "UNTIL")
    typer.echo(table(heads, cells) if cells else "There are no letters of appointment.")


@appointment.command(
    "make",
    epilog="Example: holdshelf appointment make sroe --right archive --right hold --until 2026-12-31 --paper letter.pdf",
)
def make_appointment(
    who: Who,
    right: Annotated[
        list[str], typer.Option("--right", help="live, archive, hold, share, release or commission; can be repeated.")
    ],
    until: Annotated[str, typer.Option("--until", help="Last day: 2026-12-31, 12/31/2026 or 'in 30 days'.")],
    data: Data = None,
    camera: Annotated[
        list[str] | None, typer.Option("--camera", help="Only this camera; can be repeated. [default: all]")
    ] = None,
    start: Annotated[str, typer.Option("--from", help="First day. [default: now]")] = "",
    scope: Annotated[str, typer.Option(help="What the letter says the appointment is for.")] = "",
    which: Annotated[str, typer.Option("--seat", help="Under which seat, if you hold two.")] = "",
    paper: Paper = None,
    json: Json = False,
) -> None:
    """Appoint a designee for your own seat, by a signed letter."""
    asked = types.AppointmentMake(
        who,
        right,
        typed_times.day_or_time(until, "--until"),
        paper_hash(paper, data),
        camera,
        typed_times.day_or_time(start, "--from"),
        scope,
        which,
    )
    done = client(data).act(asked)
    _told(done, f"Appointed: {done.id}.", json=json)


@appointment.command("end", epilog="Example: holdshelf appointment end a3 --why 'no longer needed'")
def end_appointment(
    which: Annotated[str, typer.Argument(metavar="ID", help="The letter's number, e.g., a3: see `appointment list`.")],
    why: Why,
    data: Data = None,
    json: Json = False,
) -> None:
    """End a letter of appointment at once; open sessions lose the right within seconds."""
    done = client(data).act(types.AppointmentEnd(which, why))
    _told(done, f"{done.id} has ended.", json=json)


# --- share --------------------------------------------------------------------------------------------------------


@share.command("list", epilog="Example: holdshelf share list")
def list_shares(
    mine: Annotated[bool, typer.Option("--mine", help="Only what is shared with you.")] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """What is shared, with whom, and until when."""
    service = client(data)
    rows = service.read(types.ReadShared()) if mine else service.read(types.ReadShares())
    if json:
        echo_json(rows)
        return
    cells = [
        (
            r.id,
            f"screen {r.screen}" if r.screen else r.kind if r.kind == "view" else f"sheet no. {r.copy}",
            r.name,
            r.camera or "-",
            local(r.start_utc_ns) if r.camera else "-",
            local(r.end_utc_ns) if r.camera else "-",
            r.state,
            local(r.expires_utc_ns),
        )
        for r in rows
    ]
    heads = ("ID", "KIND", "WITH", "CAMERA", "FROM", "TO", "STATE", "EXPIRES")
    typer.echo(table(heads, cells) if cells else "Nothing is shared.")


@share.command(
    "make",
    epilog="Example: holdshelf share make sroe --camera lobby --from '14:00' --to '14:10' --purpose violation "
    "--confidentiality-signed",
)
def make_share(
    camera: Annotated[str, typer.Option(help="Camera id or name.")],
    start: Annotated[str, typer.Option("--from", help="Start of the span.")],
    end: Annotated[str, typer.Option("--to", help="End of the span.")],
    purpose: Annotated[
        str, typer.Option(help="One of the policy's purposes for sharing: see `holdshelf policy lists`.")
    ],
    who: Annotated[str, typer.Argument(metavar="PERSON", help="Who may view it.")] = "",
    data: Data = None,
    given_to: Annotated[
        str, typer.Option("--sheet-for", help="Instead of PERSON: register a printed sheet given to this person.")
    ] = "",
    days: Annotated[int | None, typer.Option(help="Days until it expires.")] = None,
    signed: Annotated[
        bool, typer.Option("--confidentiality-signed", help="The person has signed the statement.")
    ] = False,
    json: Json = False,
) -> None:
    """Share one span of one camera with a named person, view only."""
    if bool(who) == bool(given_to):
        raise BadRequest("A share names a person, or with --sheet-for the holder of a printed sheet.")
    starts, ends = typed_times.whole_span(start, end)
    asked = types.ShareMake(
        camera,
        starts,
        ends,
        purpose,
        who,
        given_to,
        "sheet" if given_to else "view",
        days,
        signed,
    )
    done = client(data).act(asked)
    _told(done, f"Shared: {done.id}.", json=json)
    if not json:
        typed_times.tell(starts, ends)


@share.command("end", epilog="Example: holdshelf share end V-2026-0001 --why 'identified'")
def end_share(
    which: Annotated[str, typer.Argument(metavar="ID", help="The share's number: see `share list`.")],
    why: Why,
    data: Data = None,
    json: Json = False,
) -> None:
    """End a share at once."""
    done = client(data).act(types.ShareEnd(which, why))
    _told(done, f"{done.id} has ended.", json=json)


# --- flag ---------------------------------------------------------------------------------------------------------


@flag.command("list", epilog="Example: holdshelf flag list")
def list_flags(data: Data = None, json: Json = False) -> None:
    """Acts that a second person must review or has reviewed."""
    rows = client(data).read(types.ReadFlags())
    if json:
        echo_json(rows)
        return
    cells = [
        (
            r.id,
            r.kind.replace("_", " "),
            r.name,
            local(r.at_utc_ns),
            str(r.log_seq),
            f"{len(r.reviewed_by)} of {r.needs}" if r.open else "reviewed",
            r.note,
        )
        for r in rows
    ]
    typer.echo(
        table(("ID", "WHAT", "WHO", "WHEN", "ENTRY", "REVIEWS", "NOTE"), cells) if cells else "Nothing is flagged."
    )


@flag.command(epilog="Example: holdshelf flag review f2 --note 'It was a real emergency'")
def review(
    which: Annotated[str, typer.Argument(metavar="ID", help="The flag's number, e.g., f4: see `flag list`.")],
    note: Annotated[str, typer.Option(help="What the review found.")],
    data: Data = None,
    paper: Paper = None,
    signed_by: Annotated[
        str, typer.Option("--seat", help="With --paper: the seat that signed it (`policy lists`).")
    ] = "",
    json: Json = False,
) -> None:
    """Record that you reviewed someone else's flagged act, or that a seat whose holder cannot log in did so on paper."""
    done = client(data).act(types.FlagReview(which, note, paper_hash(paper, data), signed_by))
    _told(done, done.sentence, json=json)
