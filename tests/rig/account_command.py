"""What a copy of a `accounts.Machine`'s helper runs: the command line, as the account that it was asked for.

As `setpriv --reuid --regid --init-groups` does, in the folder / of that machine; `holdshelf_tui.cli` is all that follows.
"""

from __future__ import annotations

import ctypes
import os
import pwd

ACCOUNT = "HOLDSHELF_TEST_ACCOUNT"
_PR_SET_DUMPABLE = 4


def main() -> None:
    """The account stands in the environment, which the command does not see it in."""
    from holdshelf_tui.cli import main as command  # noqa: PLC0415

    os.chdir("/")
    account = pwd.getpwnam(os.environ.pop(ACCOUNT))
    if account.pw_uid:
        os.initgroups(account.pw_name, account.pw_gid)
        os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
        os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
        # As behind an exec: its files in /proc are its own.
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    command()
