"""Options that several commands share, and the client that they make."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from holdshelf_core.api.basics import default_data, read_secret
from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import BadRequest, Conflict
from holdshelf_tui.cli.render import inert
from holdshelf_tui.door.environment import TERMINAL_VARIABLE


def folder(text: str) -> Path:
    """The value of an option that names a folder. Raises BadRequest when it is empty."""
    # An empty variable of a script (`--data "$DATA"`) must not mean the folder that one happens to stand in.
    if not text.strip():
        raise BadRequest("--data is empty.", "Give the data folder, or leave the option out.")
    return Path(text)


DATA_OPTION = typer.Option(
    "--data",
    parser=folder,
    metavar="DIR",
    help=f"Data folder. [env var: HOLDSHELF_DATA; default: {default_data()}]",
    envvar="HOLDSHELF_DATA",
    show_envvar=False,
    show_default=False,
)
Data = Annotated[Path | None, DATA_OPTION]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
PasswordFile = Annotated[Path | None, typer.Option(help="File whose first line is the camera's password.")]
PasswordEnv = Annotated[str | None, typer.Option(help="Name of an environment variable that holds the password.")]


DEFAULT_DOOR_PORT = 8022


class DoorOptions(NamedTuple):
    """How `serve` starts the SSH door. ``address`` '': all; ``user`` '': the service's own."""

    port: int = DEFAULT_DOOR_PORT
    address: str = ""
    user: str = ""


def data_folder(data: Path | None) -> Path:
    """The folder asked for, or the default."""
    return (data or default_data()).absolute()


def client(data: Path | None) -> Client:
    """A client for the service on that folder."""
    return Client(data_folder(data))


def given_password(file: Path | None, env: str | None) -> str | None:
    """A password from a file or the environment; never from argv, where every account could read it. None: not given."""
    if file is not None and env is not None:
        raise BadRequest("Give --password-file or --password-env, not both.")
    if file is not None:
        return read_secret(file)
    if env is not None:
        value = os.environ.get(env)
        if not value:
            raise BadRequest(f"The environment variable {env} is not set or empty.")
        return value
    return None


def ask_password(who: str) -> str:
    """Ask at the terminal, without echo. Raises BadRequest when there is no terminal to ask at."""
    if not sys.stdin.isatty():
        raise BadRequest(f"{who} needs a password.", "Give --password-file or --password-env.")
    answer = typer.prompt(f"Password for {who}", hide_input=True, default="", show_default=False)
    return str(answer)


def new_password(service: Client, camera: str, ask: bool, file: Path | None, env: str | None) -> str | None:
    """A known camera's new password, from wherever it is given; None: it stays. Raises BadRequest."""
    password = given_password(file, env)
    # An unknown one is refused by the service, without a question.
    if ask and any(camera in (known.id, known.name) for known in service.status().cameras):
        return ask_password(inert(camera))
    return password


def paper_hash(file: Path | None) -> str:
    """SHA-256 of a scanned paper, '' for none; `-` is standard input. The scan itself stays where it is. Raises BadRequest."""
    if file is None:
        return ""
    if str(file) == "-":
        digest, size = hashlib.sha256(), 0
        while part := sys.stdin.buffer.read(1 << 16):
            digest.update(part)
            size += len(part)
        if not size:
            raise BadRequest("No paper came by standard input.", "Give `< FILE` with its scan.")
        return digest.hexdigest()
    try:
        with file.open("rb") as scan:
            return hashlib.file_digest(scan, "sha256").hexdigest()
    except OSError as error:
        raise BadRequest(f"The paper {file} cannot be read: {error.strerror}.", "Give the file of its scan.") from None


def text_file(file: Path, what: str, most_bytes: int = 1 << 20) -> str:
    """A small text file; `-` is standard input. Raises BadRequest."""
    try:
        raw = sys.stdin.buffer.read(most_bytes + 1) if str(file) == "-" else _head(file, most_bytes + 1)
        if len(raw) > most_bytes:
            raise BadRequest(f"{what} {file} is larger than {most_bytes} bytes.", "Is it the right file?")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise BadRequest(f"{what} {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{what} {file} is no text file.", "Save it as UTF-8 text.") from None


def _head(file: Path, most_bytes: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(most_bytes)


def shown_on_terminal() -> bool:
    """Whether standard output is seen by eyes: a terminal here, or one at the other end (`ssh -t`), which changes bytes."""
    return sys.stdout.isatty() or TERMINAL_VARIABLE in os.environ


def write_new(file: Path, raw: bytes, mode: int = 0o644) -> None:
    """A file that was not there. Raises Conflict, BadRequest; no part of it is left behind then."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise Conflict(f"{file} exists; nothing is overwritten.", "Give another name.") from None
    except OSError as error:
        raise BadRequest(f"{file} cannot be written: {error.strerror}.", "Give another place.") from None
    try:
        with os.fdopen(fd, "wb") as out:
            out.write(raw)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise BadRequest(f"{file} cannot be written: {error.strerror}.", "Give another place.") from None


Paper = Annotated[
    Path | None,
    typer.Option("--paper", help="Scan of the signed paper, - for standard input; only its SHA-256 is sent and kept."),
]
