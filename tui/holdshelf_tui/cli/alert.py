"""alert add | change | remove | list | show | test | history: who is told what is wrong with the recorder, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from holdshelf_core.alerts import types
from holdshelf_core.api.errors import BadRequest, NotFound
from holdshelf_tui.cli.options import Data, Json, ask_password, client, given_password
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.cli.table import table
from holdshelf_tui.text.alerts import health_words, sent_words, target_words, told_words, whom_words
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import inert

app = typer.Typer(
    help="Send alerts about problems with the recorder by mail, Apprise, MQTT to Home Assistant, or a heartbeat.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
root = typer.Typer()
root.add_typer(app, name="alert")
add = typer.Typer(help="Add an alert channel.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(add, name="add")

Name = Annotated[str, typer.Argument(help="Its name, e.g., mail.")]
Audience = Annotated[
    str | None, typer.Option("--for", help="admin: what the admin must see to; seats: reviews and approvals that wait.")
]
Only = Annotated[
    list[str] | None, typer.Option(help="Only this condition (docs/alerts.md lists them); may be repeated.")
]
Least = Annotated[str | None, typer.Option(help="The least severity: notice, warning or error.")]
Quiet = Annotated[str | None, typer.Option(help="Quiet hours, e.g., 22:00-07:00; 'none' for none.")]
Through = Annotated[
    bool | None, typer.Option("--errors-break-quiet/--errors-wait", help="Whether errors are sent in quiet hours.")
]
Remind = Annotated[
    int | None, typer.Option(help="Repeat the alert after this many hours if the problem lasts; 0: never.")
]
To = Annotated[list[str] | None, typer.Option(metavar="ADDRESS", help="Address; may be repeated.")]
Ask = Annotated[bool, typer.Option("--ask-password", help="Ask for the password at the terminal.")]
SecretFile = Annotated[Path | None, typer.Option("--password-file", help="Read the password from this file.")]
SecretEnv = Annotated[str | None, typer.Option("--password-env", help="Read it from this environment variable.")]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca", help="PEM file of the authority that signed the MQTT broker's certificate, if not a public one."
    ),
]
Discovery = Annotated[
    bool | None,
    typer.Option("--discovery/--no-discovery", help="Whether MQTT discovery makes the entities, or our integration."),
]
Security = Annotated[str | None, typer.Option(help="starttls, tls, or none (to this machine only).")]
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


@add.command(
    epilog="Example: holdshelf alert add mail office --host localhost --security none --port 25 "
    "--from recorder@library.example --to it@library.example"
)
def mail(
    name: Name,
    host: Annotated[str, typer.Option(help="The mail server.")],
    sender: Annotated[str, typer.Option("--from", metavar="ADDRESS", help="The address that the mail comes from.")],
    to: Annotated[list[str], typer.Option(metavar="ADDRESS", help="Address; may be repeated.")],
    data: Data = None,
    security: Security = None,
    port: Annotated[int | None, typer.Option(help="587 with STARTTLS, 465 with TLS, unless you say.")] = None,
    user: Annotated[str, typer.Option(help="The user name there, if it asks for a login.")] = "",
    ask: Ask = False,
    password_file: SecretFile = None,
    password_env: SecretEnv = None,
    audience: Audience = None,
    only: Only = None,
    least: Least = None,
    quiet: Quiet = None,
    errors_break_quiet: Through = None,
    remind_hours: Remind = None,
    json: Json = False,
) -> None:
    """Mail by SMTP. Certificates are checked; the password is stored sealed."""
    secret = given_password(password_file, password_env) or ""
    if not secret and (user or ask):
        secret = ask_password(f"{inert(user, 60)} on {inert(host, 60)}")
    rules = _rules(types.Rules(), audience, only, least, quiet, errors_break_quiet, remind_hours)
    chosen = security or "starttls"
    way = types.MailWay(
        name=name,
        host=host,
        to=tuple(to),
        sender=sender,
        port=port if port is not None else _PORTS.get(chosen, 587),
        security=chosen,
        username=user,
        rules=rules,
        secret=secret,
    )
    _set(data, way, new=True, json=json)


@add.command(epilog="Example: holdshelf alert add apprise phone --url-file url.txt --least error")
def apprise(
    name: Name,
    data: Data = None,
    url_file: Annotated[Path | None, typer.Option(help="Read the Apprise URL from this file. It is a secret.")] = None,
    url_env: Annotated[str | None, typer.Option(help="Read it from this environment variable.")] = None,
    audience: Audience = None,
    only: Only = None,
    least: Least = None,
    quiet: Quiet = None,
    errors_break_quiet: Through = None,
    remind_hours: Remind = None,
    json: Json = False,
) -> None:
    """Any service that Apprise knows (ntfy, Matrix, Teams …), where `holdshelf[apprise]` is installed. Asks for its URL."""
    secret = given_password(url_file, url_env, "URL") or _ask_url(name)
    rules = _rules(types.Rules(), audience, only, least, quiet, errors_break_quiet, remind_hours)
    _set(data, types.AppriseWay(name=name, rules=rules, secret=secret.strip()), new=True, json=json)


@add.command(epilog="Example: holdshelf alert add mqtt home --host localhost --security none --port 1883 --id main")
def mqtt(
    name: Name,
    host: Annotated[str, typer.Option(help="The MQTT broker.")],
    data: Data = None,
    security: Annotated[str, typer.Option(help="tls, or none (to this machine only).")] = "tls",
    port: Annotated[int | None, typer.Option(help="8883 with TLS, 1883 without, unless you say.")] = None,
    ca: CaFile = None,
    user: Annotated[str, typer.Option(help="The user name there; it needs only the right to write.")] = "",
    ask: Ask = False,
    password_file: SecretFile = None,
    password_env: SecretEnv = None,
    id: Annotated[str, typer.Option(help="The recorder's id in topics: another one for each recorder.")] = "recorder",
    title: Annotated[str, typer.Option(help="What the recorder is called in Home Assistant.")] = "Holdshelf",
    discovery: Discovery = None,
    json: Json = False,
) -> None:
    """The state of the recorder and its cameras to an MQTT broker, for Home Assistant (docs/home-assistant.md)."""
    secret = given_password(password_file, password_env) or ""
    if not secret and (user or ask):
        secret = ask_password(f"{inert(user, 60)} on {inert(host, 60)}")
    way = types.MqttWay(
        name=name,
        host=host,
        id=id,
        title=title,
        port=port if port is not None else {"none": 1883}.get(security, 8883),
        security=security,
        ca_pem=_read_ca(ca) or "",
        username=user,
        discovery=discovery is not False,
        secret=secret,
    )
    _set(data, way, new=True, json=json)


@add.command(epilog="Example: holdshelf alert add heartbeat pulse --url-file address.txt --every 5")
def heartbeat(
    name: Name,
    data: Data = None,
    url_file: Annotated[Path | None, typer.Option(help="Read the address from this file. It is a secret.")] = None,
    url_env: Annotated[str | None, typer.Option(help="Read it from this environment variable.")] = None,
    every: Annotated[int, typer.Option(help="Minutes between heartbeats.")] = 5,
    json: Json = False,
) -> None:
    """Call an https address, e.g., of healthchecks.io, every few minutes: you are alerted when the calls stop. Asks for it."""
    secret = given_password(url_file, url_env, "URL") or ask_password(f"the address of {inert(name, 40)}")
    _set(data, types.HeartbeatWay(name=name, every_minutes=every, secret=secret.strip()), new=True, json=json)


@app.command(epilog="Example: holdshelf alert change office --quiet 22:00-07:00")
def change(
    name: Name,
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="The mail server.")] = None,
    sender: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="The address that mail comes from.")
    ] = None,
    to: To = None,
    security: Security = None,
    port: Annotated[int | None, typer.Option(help="Its port.")] = None,
    user: Annotated[str | None, typer.Option(help="The user name there; '' for no login.")] = None,
    ask: Annotated[bool, typer.Option("--ask-password", help="Ask for a new password, or a new Apprise URL.")] = False,
    password_file: SecretFile = None,
    password_env: SecretEnv = None,
    audience: Audience = None,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this condition; may be repeated. 'all': every one.")
    ] = None,
    least: Least = None,
    quiet: Quiet = None,
    errors_break_quiet: Through = None,
    remind_hours: Remind = None,
    ca: CaFile = None,
    title: Annotated[str | None, typer.Option(help="What the recorder is called in Home Assistant.")] = None,
    discovery: Discovery = None,
    every: Annotated[int | None, typer.Option(help="Minutes between heartbeats.")] = None,
    json: Json = False,
) -> None:
    """Change a channel. Options that you leave out stay the same; a new server needs its password again."""
    way = _known(data, name).way
    secret = given_password(password_file, password_env) or ""
    homes = {"title": title, "discovery": discovery, "ca_pem": _read_ca(ca)}
    home = {key: value for key, value in homes.items() if value is not None}
    messages = (sender, to, audience, only, least, quiet, errors_break_quiet, remind_hours)
    if isinstance(way, types.HeartbeatWay):
        if home or any(value is not None for value in (*messages, host, security, port, user)):
            raise BadRequest(f"{inert(name, 40)} is a heartbeat: only --every and its address can be changed.")
        _change_heartbeat(data, way, secret, ask=ask, every=every, json=json)
        return
    if every is not None:
        raise BadRequest(f"{inert(name, 40)} is not a heartbeat: it has no --every.")
    if isinstance(way, types.MqttWay):
        if any(value is not None for value in messages):
            raise BadRequest(f"{inert(name, 40)} tells its state to Home Assistant, which decides who hears of it.")
        if ask and not secret:
            secret = ask_password(f"{inert(user or way.username, 60)} on {inert(host or way.host, 60)}")
        server = {"host": host, "security": security, "port": port, "username": user}
        changes = {**home, **{key: value for key, value in server.items() if value is not None}}
        _set(data, msgspec.structs.replace(way, **changes, secret=secret.strip()), new=False, json=json)
        return
    if home:
        raise BadRequest(f"{inert(name, 40)} is not for Home Assistant: it has no {', '.join(home)}.")
    rules = _rules(way.rules, audience, only, least, quiet, errors_break_quiet, remind_hours)
    mails = {"host": host, "sender": sender, "to": tuple(to) if to else None, "security": security, "port": port}
    changed = {key: value for key, value in {**mails, "username": user}.items() if value is not None}
    if isinstance(way, types.MailWay):
        if ask and not secret:
            secret = ask_password(f"{inert(user or way.username, 60)} on {inert(host or way.host, 60)}")
        way = msgspec.structs.replace(way, **changed)
    elif changed:
        raise BadRequest(f"{inert(name, 40)} is not mail: it has no {', '.join(changed)}.", "Give it another URL.")
    elif ask and not secret:
        secret = _ask_url(name)
    _set(data, msgspec.structs.replace(way, rules=rules, secret=secret.strip()), new=False, json=json)


def _change_heartbeat(
    data: Path | None, way: types.HeartbeatWay, secret: str, *, ask: bool, every: int | None, json: bool
) -> None:
    if ask and not secret:
        secret = ask_password(f"the address of {inert(way.name, 40)}")
    if every is None and not secret:
        raise BadRequest(
            f"{inert(way.name, 40)} is a heartbeat.", "Change its --every, or its address: `--ask-password`."
        )
    changed = msgspec.structs.replace(
        way, every_minutes=way.every_minutes if every is None else every, secret=secret.strip()
    )
    _set(data, changed, new=False, json=json)


@app.command(epilog="Example: holdshelf alert remove office")
def remove(name: Name, data: Data = None, json: Json = False) -> None:
    """Remove a channel. Messages that wait to be sent by it are dropped."""
    done = client(data).act(types.AlertRemove(name))
    if json:
        echo_json(done)
    else:
        typer.echo(f"{inert(done.sentence, 200)}. Entry {done.seq} of the access log.")


@app.command("list", epilog="Example: holdshelf alert list")
def list_ways(data: Data = None, json: Json = False) -> None:
    """List the alert channels and their state."""
    rows = client(data).read(types.ReadAlerts())
    if json:
        echo_json(rows)
    elif rows:
        cells = [(row.way.name, target_words(row.way), whom_words(row.way), health_words(row.health)) for row in rows]
        typer.echo(table(("NAME", "WHERE", "FOR", "STATE"), cells))
    else:
        typer.echo("Nobody gets an alert when something is wrong. To add a channel: `holdshelf alert add mail --help`.")


@app.command(epilog="Example: holdshelf alert show office")
def show(name: Name, data: Data = None, json: Json = False) -> None:
    """Show one channel: where it goes, which alerts it gets, and its state."""
    row = _known(data, name)
    if json:
        echo_json(row)
        return
    typer.echo(f"{inert(row.way.name, 40)}: {target_words(row.way)}")
    if isinstance(row.way, types.MailWay):
        login = f"as {inert(row.way.username, 60)}" if row.way.username else "without a login"
        typer.echo(f"From {inert(row.way.sender, 120)}, {login}")
    for line in told_words(row.way):
        typer.echo(line)
    typer.echo(f"State: {health_words(row.health)}")


@app.command(epilog="Example: holdshelf alert test office")
def test(name: Name, data: Data = None, json: Json = False) -> None:
    """Send a test message now, and say what came of it. Exit code 1: it was not delivered."""
    done = client(data).act(types.AlertTest(name))
    if json:
        echo_json(done)
    else:
        typer.echo(inert(done.sentence, 400), err=not done.ok)
    if not done.ok:
        raise typer.Exit(1)


@app.command(epilog="Example: holdshelf alert history")
def history(data: Data = None, json: Json = False) -> None:
    """List what was sent, newest first."""
    rows = client(data).read(types.ReadAlertHistory())
    if json:
        echo_json(rows)
    elif rows:
        cells = [(when(row.at_utc_ns, seconds=True), row.way, sent_words(row), row.subject) for row in rows]
        typer.echo(table(("WHEN", "WAY", "OUTCOME", "WHAT"), cells))
    else:
        typer.echo("Nothing was sent yet.")


def _set(data: Path | None, way: types.AnyWay, *, new: bool, json: bool) -> None:
    done = client(data).act(types.AlertSet(way, new))
    if json:
        echo_json(done)
        return
    typer.echo(f"{inert(done.sentence, 400)}. Entry {done.seq} of the access log.")
    typer.echo(f"To see whether it works: `holdshelf alert test {inert(done.name, 40)}`.")


def _read_ca(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        raise BadRequest(f"{inert(str(file), 80)} cannot be read.", "Give the PEM file of a certificate.") from None


def _known(data: Path | None, name: str) -> types.WayRow:
    rows = {row.way.name: row for row in client(data).read(types.ReadAlerts())}
    if name not in rows:
        raise NotFound(
            f"There is no alert channel {inert(name, 40)!r}.", f"Known: {', '.join(sorted(rows)) or 'none yet'}."
        )
    return rows[name]


def _rules(
    rules: types.Rules,
    audience: str | None,
    only: list[str] | None,
    least: str | None,
    quiet: str | None,
    errors_break_quiet: bool | None,
    remind_hours: int | None,
) -> types.Rules:
    """The rules with what is given. What is for seats is mostly steps that wait, which are notices."""
    if least is None and audience == "seats" and rules == types.Rules():
        least = "notice"
    given = {
        "audience": audience,
        "kinds": (() if only == ["all"] else tuple(only)) if only else None,
        "least": least,
        "quiet": "" if quiet == "none" else quiet,
        "errors_break_quiet": errors_break_quiet,
        "remind_hours": remind_hours,
    }
    return msgspec.structs.replace(rules, **{key: value for key, value in given.items() if value is not None})


def _ask_url(name: str) -> str:
    """Ask at the terminal, without echo. Raises BadRequest when there is none."""
    import sys  # noqa: PLC0415

    if not sys.stdin.isatty():
        raise BadRequest(f"{inert(name, 40)} needs its Apprise URL.", "Use --url-file or --url-env.")
    return str(typer.prompt("Apprise URL", hide_input=True, default="", show_default=False))
