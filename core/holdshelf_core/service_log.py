"""The service's own log: what each of its processes writes to stderr, and so to the system's journal. One line for each record.

A fault of ours is one line, too: the kind of exception and the places in the code. It has nothing of what the exception says,
which may be the words of a person or a camera. `holdshelf serve --verbose` adds the traceback.

In the journal, each line has the priority of its level: `journalctl -p warning` leaves out what is only told.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
from pathlib import PurePath

from holdshelf_core import journal_stream
from holdshelf_core.inert import inert

FAULT = "[fault: "
"""Only a line that tells of a fault of ours has this."""
MAX_PLACES = 12
MAX_EXCEPTIONS = 4
_LIBRARY = re.compile(r"site-packages|python3\.\d+")
_PRIORITIES = (
    (logging.CRITICAL, journal_stream.CRITICAL),
    (logging.ERROR, journal_stream.ERROR),
    (logging.WARNING, journal_stream.WARNING),
    (logging.INFO, journal_stream.INFO),
)


def configure(*, verbose: bool = False, times: bool = True) -> None:
    """Have this process's log written to stderr, with what would otherwise print a traceback there.

    ``times``: with the time of each record, unless the journal adds it.
    """
    journal = journal_stream.is_journal()
    stamp = "%(asctime)s " if times and not journal else ""
    form = stamp + "%(levelname)s %(name)s: %(message)s"
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter(form, with_traceback=verbose, priorities=journal))
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    threading.excepthook = _thread_ended
    sys.excepthook = _process_ended
    sys.unraisablehook = _ignored


class LineFormatter(logging.Formatter):
    """Formats a record as one line of printable characters; of a record with an exception, the message's first line.

    ``priorities``: each line begins with the journal's mark for its level.
    """

    def __init__(self, form: str, *, with_traceback: bool = False, priorities: bool = False) -> None:
        super().__init__(form)
        self._with_traceback, self._priorities = with_traceback, priorities

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; with ``with_traceback`` the traceback below it."""
        text = self._text(record)
        if not self._priorities:
            return text
        mark = next((mark for level, mark in _PRIORITIES if record.levelno >= level), journal_stream.DEBUG)
        return "\n".join(mark + line for line in text.split("\n"))

    def _text(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        record.message = record.getMessage()
        if error is not None:
            record.message = record.message.partition("\n")[0]
        if self.usesTime():
            record.asctime = self.formatTime(record, self.datefmt)
        line = inert(self.formatMessage(record))
        if error is None:
            return line
        line = f"{line} {FAULT}{fault_words(error)}]"
        return line if not self._with_traceback else f"{line}\n{''.join(traceback.format_exception(error)).rstrip()}"


def fault_words(error: BaseException) -> str:
    """Return the exception's kind and its places, innermost first, then those of what it came from.

    ``KeyError at holdshelf_core/looks/pictures.py:150 in still, holdshelf_core/api/server.py:270 in answer``
    """
    told: list[str] = []
    one: BaseException | None = error
    while one is not None and len(told) < MAX_EXCEPTIONS:
        told.append(_kind_and_places(one))
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "; after ".join(told)


def _kind_and_places(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        kind += f" ({os.strerror(error.errno)})"
    if isinstance(error, BaseExceptionGroup):
        kind += f" ({'; '.join(_kind_and_places(one) for one in error.exceptions[:MAX_EXCEPTIONS])})"
    places = [
        f"{_module_path(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return f"{kind} at {', '.join(places[: -MAX_PLACES - 1 : -1])}" if places else kind


def _module_path(path: str) -> str:
    """A module's path from its package on: where it is installed is nobody's concern."""
    *folders, name = PurePath(path).parts
    for number, folder in reversed(list(enumerate(folders))):
        if folder.startswith("holdshelf_"):
            return "/".join((*folders[number:], name))
        if _LIBRARY.fullmatch(folder):
            return "/".join((*folders[number + 1 :], name))
    return name


_LOGGER = logging.getLogger("holdshelf")


def _thread_ended(hooked: threading.ExceptHookArgs) -> None:
    if hooked.exc_value is not None and not isinstance(hooked.exc_value, SystemExit):
        name = hooked.thread.name if hooked.thread is not None else "?"
        _LOGGER.error("the thread %s failed", name, exc_info=hooked.exc_value)


def _process_ended(kind: type[BaseException], error: BaseException, trace: object) -> None:
    if not isinstance(error, KeyboardInterrupt):
        _LOGGER.critical("this process failed", exc_info=error)


def _ignored(hooked: sys.UnraisableHookArgs) -> None:
    _LOGGER.error("an object could not be cleaned up", exc_info=hooked.exc_value)
