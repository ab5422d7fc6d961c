"""Options that several commands share, and the client that they make."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO, NamedTuple

import typer

from holdshelf_core.api.basics import default_data, read_secret
from holdshelf_core.api.client import Client
from holdshelf_core.api.door_name import DEFAULT_DOOR_PORT
from holdshelf_core.api.errors import BadRequest, Conflict, HoldshelfError, NotFound
from holdshelf_core.api.ownership import check_writer
from holdshelf_core.policy import date_forms, governing, numbering
from holdshelf_tui.text.words import inert

if TYPE_CHECKING:
    from holdshelf_core.people.board_types import PolicyLists


def folder(text: str) -> Path:
    """The value of an option that names a folder. Raises BadRequest when it is empty."""
    # An empty variable of a script (`--data "$DATA"`) must not mean the folder that one happens to stand in.
    if not text.strip():
        raise BadRequest("--data is empty.", "Give the data folder, or leave the option out.")
    return Path(text)


def camera_named(text: str) -> str:
    """The value of an argument that names a camera. Raises BadRequest when it is empty."""
    if not text.strip():
        raise BadRequest("No camera was given.", "Give its id or name: `holdshelf camera list`.")
    return text


DATA_OPTION = typer.Option(
    "--data",
    parser=folder,
    metavar="DIR",
    help=f"Data folder. [env var: HOLDSHELF_DATA; default: the service that runs here, or {default_data()}]",
    envvar="HOLDSHELF_DATA",
    show_envvar=False,
    show_default=False,
)
Data = Annotated[Path | None, DATA_OPTION]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Camera = Annotated[str, typer.Argument(parser=camera_named, help="The camera's id or name.")]
Transport = Annotated[str, typer.Option(help="tcp, udp or multicast.")]
Profile = Annotated[
    str, typer.Option(help="Of a device with several channels or streams, the one to record, by its own name for it.")
]
PasswordFile = Annotated[Path | None, typer.Option(help="File whose first line is the camera's password.")]
PasswordEnv = Annotated[str | None, typer.Option(help="Name of an environment variable that holds the password.")]


_HOST = re.compile(r"[A-Za-z0-9:][A-Za-z0-9.:_-]{0,252}", re.ASCII)
MAX_PAPER_BYTES = 512 << 20
"""Of a scan: a thousand pages in color."""


class DoorOptions(NamedTuple):
    """How `serve` starts the SSH door. ``address`` '': all; ``user`` '': the service's own; ``name`` '': the machine's own."""

    port: int = DEFAULT_DOOR_PORT
    address: str = ""
    user: str = ""
    name: str = ""


class MetricsOptions(NamedTuple):
    """Where `serve` gives its metrics. ``file`` None, ``port`` 0: nowhere."""

    file: Path | None = None
    port: int = 0


def metrics_file(text: str) -> Path:
    """The value of --metrics-file. Raises BadRequest for one that node_exporter would not read."""
    file = Path(text)
    if not file.is_absolute() or file.suffix != ".prom":
        raise BadRequest(
            f"The metrics file {text[:200]!r} is not a whole path that ends with .prom.",
            "Name a file in the folder that node_exporter reads, e.g., /var/lib/prometheus/node-exporter/holdshelf.prom.",
        )
    return file


def checked_host(text: str, option: str = "--door-name") -> str:
    """A machine's name or address, or ''. Raises BadRequest."""
    if text and not _HOST.fullmatch(text):
        raise BadRequest(f"{text[:60]!r} is not a machine's name or address.", f"Give it with {option}.")
    return text


def data_folder(data: Path | None) -> Path:
    """The folder asked for, or where data is set up and served by this account: for what needs no service."""
    return (data or default_data()).absolute()


def writing_folder(data: Path | None) -> Path:
    """The same for a command that writes there. Raises Conflict when root asks and the folder is another account's."""
    folder = data_folder(data)
    check_writer(folder, sys.argv[1:])
    return folder


def client(data: Path | None) -> Client:
    """A client for the service on that folder; None: for the one that this account means."""
    made = Client(data.absolute() if data is not None else None)
    lists = cache(lambda: _policy_lists(made))
    date_forms.use(ask=lambda: lists().date_form)
    numbering.use(ask=lambda: lists().numbers)
    governing.use(ask=lambda: lists().board)
    return made


def _policy_lists(service: Client) -> PolicyLists:
    from holdshelf_core.people.board_types import PolicyLists, ReadPolicyLists  # noqa: PLC0415 (few commands need them)

    try:
        return service.read(ReadPolicyLists())
    except HoldshelfError:
        return PolicyLists()  # whoever cannot be asked says so to the command itself


def given_password(file: Path | None, env: str | None, what: str = "password") -> str | None:
    """A password from a file or the environment; never from argv, where every account could read it. None: not given.

    ``what``: what it is, as its options name it.
    """
    if file is not None and env is not None:
        raise BadRequest(f"Use --{what.lower()}-file or --{what.lower()}-env, not both.")
    if file is not None:
        return read_secret(file, what)
    if env is not None:
        value = os.environ.get(env)
        if not value:
            raise BadRequest(f"The environment variable {env} is not set, or is empty.")
        return value
    return None


def ask_password(who: str, what: str = "password") -> str:
    """Ask at the terminal, without echo. Raises BadRequest when there is no terminal to ask at."""
    if not sys.stdin.isatty():
        raise BadRequest(f"{who} needs a {what}.", f"Use --{what.lower()}-file or --{what.lower()}-env.")
    answer = typer.prompt(f"{what[:1].upper()}{what[1:]} for {who}", hide_input=True, default="", show_default=False)
    return str(answer)


def new_password(service: Client, camera: str, ask: bool, file: Path | None, env: str | None) -> str | None:
    """A known camera's new password, from wherever it is given; None: it stays. Raises BadRequest."""
    password = given_password(file, env)
    # An unknown one is refused by the service, without a question.
    if ask and any(camera in (known.id, known.name) for known in service.status().cameras):
        return ask_password(inert(camera))
    return password


def paper_hash(file: Path | None, data: Path | None) -> str:
    """SHA-256 of a scanned paper, '' for none; `-` is standard input, `sent` the paper that this person sent last.

    The scan itself stays where it is. Raises BadRequest, and what the service says.
    """
    if file is None:
        return ""
    from holdshelf_tui.text.desk import SENT  # noqa: PLC0415 - most commands have no paper

    if str(file) == SENT:
        return _sent(data)
    if str(file) == "-":
        found = _hash_of(sys.stdin.buffer, "standard input")
        if not found:
            raise BadRequest("No paper was sent on standard input.", "Add `< FILE` with its scan.")
        return found
    try:
        with file.open("rb") as scan:
            return _hash_of(scan, str(file)) or hashlib.sha256().hexdigest()
    except OSError as error:
        raise BadRequest(f"The paper {file} cannot be read: {error.strerror}.", "Give the file of its scan.") from None


def _sent(data: Path | None) -> str:
    """Of the paper that was sent last, which is said: another one than was meant must be seen. Raises NotFound."""
    from holdshelf_core.operations.types import ReadReached  # noqa: PLC0415
    from holdshelf_core.outbox.types import ReadPapers  # noqa: PLC0415
    from holdshelf_tui.text.desk import how_to_send, sent_words  # noqa: PLC0415

    service = client(data)
    paper = service.read(ReadPapers()).sent
    if paper is None:
        raise NotFound(
            "You have no paper here: the last one can be used for 12 hours, or until the service restarts.",
            how_to_send(service.read(ReadReached())),
        )
    typer.echo(f"The paper: {sent_words(paper)}", err=True)
    return paper.sha256


def _hash_of(scan: BinaryIO, name: str) -> str:
    """'' of nothing. Raises BadRequest, OSError."""
    digest, size = hashlib.sha256(), 0
    while part := scan.read(1 << 16):
        digest.update(part)
        size += len(part)
        if size > MAX_PAPER_BYTES:
            raise BadRequest(
                f"The paper {name} is larger than {MAX_PAPER_BYTES >> 20} MB.", "Give the file of its scan."
            )
    return digest.hexdigest() if size else ""


MOST_CA_BYTES = 64 << 10
"""Of a file with an authority's certificates."""


def text_file(file: Path, what: str, most_bytes: int = 1 << 20) -> str:
    """A small text file; `-` is standard input. Raises BadRequest."""
    try:
        raw = sys.stdin.buffer.read(most_bytes + 1) if str(file) == "-" else _head(file, most_bytes + 1)
        if len(raw) > most_bytes:
            raise BadRequest(f"{what} {file} is larger than {most_bytes} bytes.", "Check that it is the right file.")
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise BadRequest(f"{what} {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise BadRequest(f"{what} {file} is not a text file.", "Save it as UTF-8 text.") from None


def _head(file: Path, most_bytes: int) -> bytes:
    with file.open("rb") as opened:
        return opened.read(most_bytes)


def shown_on_terminal() -> bool:
    """Whether standard output is seen by eyes: a terminal here, or one at the other end (`ssh -t`), which changes bytes."""
    from holdshelf_tui.session.control import TERMINAL_VARIABLE  # noqa: PLC0415 - most commands print only text

    return sys.stdout.isatty() or TERMINAL_VARIABLE in os.environ


def write_new(file: Path, raw: bytes | Iterable[bytes], mode: int = 0o644) -> None:
    """A file that was not there. Raises Conflict, BadRequest, and what ``raw`` raises; no part of it is left behind then."""
    try:
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    except FileExistsError:
        raise Conflict(f"{file} already exists; nothing was overwritten.", "Choose another name.") from None
    except OSError as error:
        raise BadRequest(f"{file} cannot be written: {error.strerror}.", "Give another place.") from None
    try:
        with os.fdopen(fd, "wb") as out:
            out.writelines([raw] if isinstance(raw, bytes) else raw)
    except BaseException as error:
        file.unlink(missing_ok=True)
        if not isinstance(error, OSError):
            raise
        raise BadRequest(f"{file} cannot be written: {error.strerror}.", "Give another place.") from None


Paper = Annotated[
    Path | None,
    typer.Option(
        "--paper",
        metavar="FILE|-|sent",
        help="Scan of the signed paper, - for standard input, or `sent` for the one that you put into the drop. Its SHA-256 is "
        "recorded.",
    ),
]
