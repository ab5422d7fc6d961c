"""A library whose people type commands: the real service, and `holdshelf …` from its entry point as the admin or as a person.

Must never call a command's function or the service's: what is tried is what is typed, with its exit code and its words.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api import client as api_client
from tests.looking import Recorded, commissioned, record, seed
from tests.people import People
from tests.rig import forked
from tests.service import Service
from tests.tui.cli.test_driver import HOLDSHELF, Ran, Terminal, here

HOSTILE = "A\x1b[31mB\x1b]0;t\x07\u202eC\u2066\u200b\x9b2J"
"""A name that would color, retitle and turn around a terminal that obeyed it."""
COLUMNS = 80


class Library:
    """One service, its people and their sessions: Director dora, Chair carl, sam who may look and hold, nob who may nothing."""

    def __init__(self, folder: Path, rows: Sequence[tuple[str, str, msgspec.Struct]] = ()) -> None:
        """``rows``: more of the register's, e.g., the cameras' entries."""
        self.folder = folder
        self.service = Service(folder / "data", mint=True)
        seed(self.service.data, [*commissioned("lobby", "desk"), *rows])
        self.recorded: Recorded = record(self.service.data, ["lobby", "desk"])
        self.paper = folder / "letter.pdf"
        self.paper.write_bytes(b"a signed paper")
        self._tokens: dict[str, str] = {}

    def open(self) -> None:
        """Starts the service and enrols everybody."""
        self.service.start()
        self.people = People(self.service)
        director = self.people.name_director()
        self.people.name("chair", "carl", "Carl Hill", director)
        self.people.appoint("sam", "Sam Roe", director, "archive", "hold")
        self.people.enrol("nob", "Norma Ball")

    def token(self, login: str) -> str:
        """Of a session of that person, the same one until ``log_out``."""
        if login not in self._tokens:
            self._tokens[login] = self.service.open_session(login, self.people.fingerprints[login])["token"]
        return self._tokens[login]

    def log_out(self, login: str) -> None:
        """The next command is one of a new session."""
        self._tokens.pop(login, None)


@contextmanager
def opened(folder: Path, rows: Sequence[tuple[str, str, msgspec.Struct]] = ()) -> Iterator[Library]:
    """A library that is open until the end of a module."""
    library = Library(folder, rows)
    try:
        library.open()
        yield library
    finally:
        library.service.close_door()
        library.service.close()


class Desk:
    """Where commands are typed, within one test."""

    def __init__(self, library: Library, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.library = library
        self._capsys, self._patch = capsys, patch
        patch.setenv("HOLDSHELF_DATA", str(library.service.data))

    def admin(self, *words: str | Path) -> Ran:
        """As the account that owns the service."""
        with self._patch.context() as patch:
            return self._sane(here(self._capsys, patch, *words))

    def person(self, login: str, *words: str | Path) -> Ran:
        """As a person in a session of the door: the token comes through a pipe that the process inherits."""
        reading, writing = os.pipe()
        os.write(writing, self.library.token(login).encode())
        os.close(writing)
        with self._patch.context() as patch:
            patch.setenv(api_client.TOKEN_VARIABLE, str(reading))
            # A process reads its token once; this one is many processes.
            patch.setattr(api_client, "_INHERITED", api_client._Inherited())
            return self._sane(here(self._capsys, patch, *words))

    @staticmethod
    def _sane(ran: Ran) -> Ran:
        """Nothing that any command prints is obeyed by a terminal, or is a traceback."""
        for text in (ran.out, ran.err):
            assert all(line.isprintable() for line in text.split("\n")), ran
            assert "Traceback" not in text, ran
            assert "because of a bug" not in text, ran
        return ran


def process(library: Library, login: str, *words: str | Path) -> Ran:
    """As ``Desk.person``, in a process of its own."""
    reading, writing = os.pipe()
    os.write(writing, library.token(login).encode())
    os.close(writing)
    env = {**os.environ, "HOLDSHELF_DATA": str(library.service.data), api_client.TOKEN_VARIABLE: str(reading)}
    done = forked.run(
        [HOLDSHELF, *map(str, words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=env,
        pass_fds=(reading,),
    )
    os.close(reading)
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def screen(library: Library, *words: str) -> list[str]:
    """The lines of a command at a terminal of 80 columns; none is longer, none does anything to the terminal."""
    with Terminal(*words, env={"HOLDSHELF_DATA": str(library.service.data), "COLUMNS": str(COLUMNS)}) as terminal:
        terminal.end()
        lines = terminal.screen.replace("\r\n", "\n").rstrip("\n").split("\n")
    assert all(line.isprintable() and len(line) <= COLUMNS for line in lines), lines
    return lines
