"""The command line: `holdshelf …`. One boundary turns every error into one sentence and an exit code."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from holdshelf_core import journal_stream

COMPLETES = "_HOLDSHELF_COMPLETE"
"""Set by a shell that asks what may be typed next."""


def main(program: str = "holdshelf") -> None:
    """Entry point; ``program``: what help and errors call it.

    Exit codes: 0 done, 1 refused or failed (one sentence on stderr), 2 wrong usage, 130 interrupted."""
    with one_sentence():
        sys.exit(_typed(program))


def _typed(program: str) -> int:
    """Does what was typed; returns the exit code. Raises whatever the command raises."""
    import typer  # noqa: PLC0415 - the service is started without it

    from holdshelf_tui.cli.tree import holdshelf  # noqa: PLC0415

    # Typer brings a click of its own, or uses the installed one, as its version will: ask it for the class it raises.
    wrong_usage: type[Exception] = next(
        kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
    )
    if COMPLETES in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # noqa: PLC0415 - a shell alone asks for it

        completion_init()
    try:
        code = holdshelf(standalone_mode=False, prog_name=program)
    except wrong_usage as error:
        _say_usage(error, program)
        return 2
    except typer.Abort:
        raise KeyboardInterrupt from None
    if code == 130:  # Ctrl+C, which Typer hands on as an exit code
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


@contextlib.contextmanager
def one_sentence() -> Iterator[None]:
    """Every error ends the process, with one sentence and an exit code. Raises SystemExit."""
    from holdshelf_core.api.errors import HoldshelfError  # noqa: PLC0415
    from holdshelf_tui.text.words import one_line  # noqa: PLC0415

    try:
        yield
    except KeyboardInterrupt:
        print("holdshelf: interrupted.", file=sys.stderr)
        sys.exit(130)
    except HoldshelfError as error:
        mark = journal_stream.ERROR if journal_stream.is_journal() else ""  # of a service that cannot start
        print(f"{mark}holdshelf: {one_line(str(error))}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`): not an error, and nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except PermissionError as error:
        where = one_line(f"{error.filename}") if error.filename else "a file it needs"
        print(
            f"holdshelf: This account may not use {where}. Run the command as the service's user or root.",
            file=sys.stderr,
        )
        sys.exit(1)
    except OSError as error:
        if os.environ.get("HOLDSHELF_DEBUG"):
            raise
        where = f"{error.filename}: " if error.filename else "writing its output failed: "
        told = one_line(f"{where}{error.strerror or error}")
        print(f"holdshelf: This command could not finish: {told}.", file=sys.stderr)
        sys.exit(1)
    except Exception as error:
        if os.environ.get("HOLDSHELF_DEBUG"):
            raise
        print(
            f"holdshelf: this command failed because of a bug ({type(error).__name__}: {one_line(str(error))}). "
            "Run it again with HOLDSHELF_DEBUG=1 and report what it prints.",
            file=sys.stderr,
        )
        sys.exit(1)


def _say_usage(error: BaseException, program: str) -> None:
    """One sentence and where the help is; the help itself when a group was called without a command."""
    context = getattr(error, "ctx", None)
    sentence = str(getattr(error, "format_message", lambda: error)()).strip()
    if type(error).__name__ == "NoArgsIsHelpError":
        print(sentence, file=sys.stderr)
        return
    from holdshelf_tui.text.words import one_line  # noqa: PLC0415

    sentence = one_line(sentence)
    end = "" if sentence.endswith((".", "?", "!")) else "."
    command = context.command_path if context is not None else program
    print(f"holdshelf: {sentence}{end} See `{command} --help`.", file=sys.stderr)
