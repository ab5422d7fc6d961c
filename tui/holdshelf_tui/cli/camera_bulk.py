"""camera import | export: many cameras from a file, each by the same act as `camera add`, and the file of those that are here."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, HoldshelfError
from holdshelf_core.cameras import types
from holdshelf_core.people.board_types import ReadPolicyLists
from holdshelf_tui.cli.camera_file import CAMERAS, SECRETS, Problem, Row, as_csv, as_toml, rows_of, secret_text
from holdshelf_tui.cli.options import Data, Json, client, text_file, write_new
from holdshelf_tui.cli.service import echo_json
from holdshelf_tui.text.did_you_mean import did_you_mean
from holdshelf_tui.text.words import counted, inert

AT_ONCE = 8
"""Cameras that are tried at a time: each test is a process of the service's, and recording must not notice."""
ALL = "*"
STDIO = "-"
ADDED, WOULD, HERE, FAILED = "added", "would be added", "here already", "not added"
_OPTION = re.compile(r"--(name|area-note|area|transport|profile)\b")
_SECRET_OPTION = re.compile(r"--password-(?:file|env)\b")
_COLUMNS = {"target": "address", "username": "secrets", "password": "secrets"}
"""The column that holds a field of the request."""


@dataclass(frozen=True, slots=True)
class Login:
    """A camera's user name and password, from the secrets file."""

    line: int
    username: str | None
    password: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a line: ``outcome`` as above, ``id`` of the camera, what is wrong, and notes for the device's owner."""

    line: int
    name: str
    outcome: str
    id: str = ""
    user: str = ""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def import_cameras(
    file: Annotated[Path, typer.Argument(help="CSV or TOML; - is standard input. `camera export` writes one.")],
    data: Data = None,
    secrets: Annotated[
        Path | None,
        typer.Option(
            help="File with columns camera, user, password, readable only by you (chmod 600). camera * covers cameras not listed."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and contact no camera.")] = False,
    json: Json = False,
) -> None:
    """Add the cameras of a file; those that are here already are left alone. Columns: name, address, area, area_note,
    transport, profile, not_private."""
    service = client(data)
    if service.in_session and (str(file) != STDIO or secrets is not None):
        raise BadRequest("Over SSH you cannot use files on the server.", "Use `import - < cameras.csv`.")
    rows = rows_of(text_file(file, CAMERAS.what), CAMERAS)
    logins = _logins(secrets)
    known = [(row.values.get("name", ""), row.values.get("name", "")) for row in rows]
    for name, login in logins.items():
        if name != ALL and all(name != _key(one) for one, _ in known):
            meant = did_you_mean(name, known)
            typer.echo(
                f"note: {SECRETS.what}, line {login.line}: no camera of {file} has that name. {meant}".rstrip(),
                err=True,
            )
    outcomes = []
    for outcome in _outcomes(service, rows, logins, dry_run=dry_run):
        outcomes.append(outcome)
        if not json:
            _print(outcome)
    if json:
        echo_json([asdict(outcome) for outcome in outcomes])
    _end(outcomes, dry_run=dry_run, json=json)


def _logins(file: Path | None) -> dict[str, Login]:
    """By the camera's name. Raises BadRequest: with a wrong one of these, a camera might lock its account."""
    if file is None:
        return {}
    found: dict[str, Login] = {}
    for row in rows_of(secret_text(file), SECRETS):
        name, where = _key(row.values.get("camera", "")), f"{SECRETS.what}, line {row.line}"
        if row.problems:
            raise BadRequest(f"{where}: {row.problems[0].sentence}", row.problems[0].instead)
        if name in found:
            raise BadRequest(f"{where}: the same camera as in line {found[name].line}.", "Leave one out.")
        found[name] = Login(row.line, row.values.get("user") or None, row.values.get("password") or None)
    return found


def _key(name: str) -> str:
    return " ".join(name.casefold().split())


def _outcomes(service: Client, rows: Sequence[Row], logins: dict[str, Login], *, dry_run: bool) -> Iterator[Outcome]:
    """What becomes of each line, in the file's order, as it happens."""
    _mark_doubles(rows)
    settings = [row.settings() for row in rows]
    told = service.read(types.ReadCamerasToAdd(settings))
    kinds = [kind for kind, _ in service.read(ReadPolicyLists()).places]

    def one(at: int) -> Outcome:
        row, camera, found = rows[at], settings[at], told[at]
        login = logins.get(_key(camera.name)) or logins.get(ALL) or Login(0, None, None)
        user = login.username or ""
        problems = row.problems + [problem for trouble in found.troubles if (problem := _problem(row, trouble, kinds))]
        if found.camera and not row.problems:
            return Outcome(row.line, camera.name, HERE, found.camera)
        # A private area is asked for all the same: the service refuses it, and logs the attempt.
        if problems and not (found.private and not dry_run and not row.problems):
            return Outcome(row.line, camera.name, FAILED, problems=problems)
        if dry_run:
            return Outcome(row.line, camera.name, WOULD, user=user)
        return _add(service, row.line, camera, login)

    with ThreadPoolExecutor(AT_ONCE) as adding:
        yield from adding.map(one, range(len(rows)))


def _mark_doubles(rows: Sequence[Row]) -> None:
    """Two lines with one name or one stream: the later one is not added."""
    for column, of in (("name", ("name",)), ("address", ("address", "profile"))):
        lines: dict[tuple[str, ...], int] = {}
        for row in rows:
            key = tuple(_key(row.values.get(part, "")) for part in of)
            if key[0] and key in lines:
                sentence = f"Line {lines[key]} has the same {column}."
                row.problems.append(Problem(column, sentence, f"Give another {column}, or leave one line out."))
            lines.setdefault(key, row.line)


def _problem(row: Row, trouble: types.CameraTrouble, kinds: Sequence[str]) -> Problem | None:
    """What the service says of a column, in words for the file; None when the file said so of the same column."""
    column = _COLUMNS.get(trouble.field, trouble.field)
    if any(known.column == column for known in row.problems):
        return None
    instead = _for_file(trouble.next_step)
    if column == "area" and (meant := did_you_mean(row.values.get("area", ""), ((kind, kind) for kind in kinds))):
        instead = f"{meant} {instead}"
    return Problem(column, trouble.sentence, instead)


def _for_file(advice: str) -> str:
    """Advice that names options of `camera add`, for somebody who writes a file."""
    advice = advice.replace("add --not-private", "write yes in the column not_private")
    named = _OPTION.sub(lambda found: f"the column {found[1].replace('-', '_')}", advice)
    return _SECRET_OPTION.sub("--secrets", named)


def _add(service: Client, line: int, camera: types.CameraSettings, login: Login) -> Outcome:
    asked = types.AddRequest(
        camera.address,
        camera.name,
        camera.area_kind,
        camera.area_note,
        login.username,
        login.password,
        camera.transport,
        camera.questioned,
        profile=camera.profile,
    )
    try:
        added = service.act(asked)
    except HoldshelfError as error:
        if error.field == "camera":
            return Outcome(line, camera.name, HERE, notes=[error.sentence])
        about = "area" if getattr(error, "clause", "") == "P5" else error.field
        advice = error.next_step or str(getattr(error, "who", ""))
        problem = Problem(_COLUMNS.get(about, about), error.sentence, _for_file(advice))
        return Outcome(line, camera.name, FAILED, problems=[problem])
    return Outcome(line, camera.name, ADDED, added.id, login.username or "", notes=added.warnings)


def _print(outcome: Outcome) -> None:
    as_id = f" as {outcome.id}" if outcome.id else ""
    user = f", with the user name {inert(outcome.user, 40)}" if outcome.user else ""
    alone = ": left as it is" if outcome.outcome == HERE else ""
    typer.echo(f"line {outcome.line}: {inert(outcome.name, 64) or 'no name'}: {outcome.outcome}{as_id}{user}{alone}")
    for problem in outcome.problems:
        column = f"{problem.column}: " if problem.column else ""
        typer.echo(f"  {column}{inert(f'{problem.sentence} {problem.instead}'.strip(), 400)}")
    for note in outcome.notes:
        typer.echo(f"  note: {inert(note, 300)}")


def _end(outcomes: Sequence[Outcome], *, dry_run: bool, json: bool) -> None:
    counts = Counter(outcome.outcome for outcome in outcomes)
    if not json:
        said = [f"{counts[outcome]} {outcome}" for outcome in (ADDED, WOULD, HERE, FAILED) if counts[outcome]]
        typer.echo(f"{counted(len(outcomes), 'camera')}: {', '.join(said)}.")
        if counts[ADDED]:
            typer.echo(
                "They are being recorded. Before anyone may look, somebody who holds a seat must approve each by its still: "
                "`holdshelf camera stills --help`."
            )
    if counts[FAILED]:
        raise HoldshelfError(
            f"{counts[FAILED]} of {counted(len(outcomes), 'camera')} {'cannot be' if dry_run else 'were not'} added.",
            "Correct what is named above and run it again: cameras that are here already are left alone.",
        )


def export_cameras(
    file: Annotated[
        Path | None, typer.Argument(help="New file; TOML if it ends with .toml, else CSV. [default: standard output]")
    ] = None,
    data: Data = None,
    toml: Annotated[bool, typer.Option("--toml", help="TOML, whatever the file's name.")] = False,
    json: Json = False,
) -> None:
    """Write the cameras as `camera import` reads them, without user names and passwords."""
    service = client(data)
    if service.in_session and file is not None and str(file) != STDIO:
        raise BadRequest("Over SSH you cannot use files on the server.", "Leave FILE out and redirect the output.")
    cameras = service.read(types.ReadCameraSettings())
    if json:
        echo_json(cameras)
        return
    text = as_toml(cameras) if toml or (file is not None and file.suffix.lower() == ".toml") else as_csv(cameras)
    if file is None or str(file) == STDIO:
        sys.stdout.write(text)
        return
    write_new(file, text.encode())
    typer.echo(f"{counted(len(cameras), 'camera')} in {file}, without user names and passwords.")


def register(app: typer.Typer) -> None:
    """As commands of `holdshelf camera`."""
    app.command(
        "import",
        short_help="Add many cameras from a file.",
        epilog="Example: holdshelf camera import cameras.csv --secrets cameras.secret",
    )(import_cameras)
    app.command("export", epilog="Example: holdshelf camera export cameras.csv")(export_cameras)
