"""The command line: `holdshelf …`. One boundary turns every error into one sentence and an exit code."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Entry point. Exit codes: 0 done, 1 refused or failed (one sentence on stderr), 2 wrong usage, 130 interrupted."""
    import click  # noqa: PLC0415 - `holdshelf --help` should not wait for anything it does not need

    from holdshelf_core.api.errors import HoldshelfError  # noqa: PLC0415
    from holdshelf_tui.cli.app import app  # noqa: PLC0415

    try:
        code = app(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        print("holdshelf: stopped.", file=sys.stderr)
        sys.exit(130)
    except HoldshelfError as error:
        print(f"holdshelf: {error}", file=sys.stderr)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe has gone (`| head`): not an error, and nothing may be written at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except Exception as error:
        if os.environ.get("HOLDSHELF_DEBUG"):
            raise
        print(
            f"holdshelf: this command failed by a fault of its own ({type(error).__name__}: {error}). "
            "Run it again with HOLDSHELF_DEBUG=1 and report what it prints.",
            file=sys.stderr,
        )
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
