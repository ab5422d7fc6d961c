"""How a paper that is read here comes onto paper: the line that one types, on one's own PC or at the recorder itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from holdshelf_tui.link import Who

PORT, HOST = 8022, "the-recorder"
"""As the door comes; a session does not know by which name it was reached."""


def how_to_print(who: Who, paper: str, file: str) -> str:
    """``paper``: as `holdshelf print` takes it. Two lines, the second to be typed as it stands.

    By the outbox, not by ``>``: Windows PowerShell 5.1 breaks a PDF that goes through it.
    """
    if who.person is None:
        return f"By command, at the recorder:\n  holdshelf print {paper.strip()} --file {file}"
    line = f"ssh -p {PORT} {who.person.login}@{HOST} print {paper.strip()} --outbox"
    return f"By command, on your own PC (for {PORT} and {HOST}, what you log in with):\n  {line}"


def how_to_fetch(who: Who) -> str:
    """The line that one types to fetch from one's outbox, and what WinSCP asks for; '' for who has none."""
    if who.person is None:
        return ""
    login = who.person.login
    return (
        f"Fetch it on your own PC: sftp -P {PORT} {login}@{HOST}, or WinSCP with protocol SFTP, host {HOST}, port {PORT}, "
        f"user {login} and your key (for {PORT} and {HOST}, what you log in with)."
    )


# --- what papers there are --------------------------------------------------------------------------------------------

GROUPS = {"anyone": "For anyone who asks", "house": "For the house", "case": "For a hold, a release, a look"}
ABOUT = {
    "policy": ("anyone", "As it was adopted; nobody is asked who wants it."),
    "sign": ("anyone", "What hangs at an entrance."),
    "refusal": ("anyone", "What an asker takes along instead of footage."),
    "checklist": ("house", "What to look at at each entrance and camera."),
    "report": ("house", "For the Board: what was kept, seen, released."),
    "hold": ("case", "What is kept, why, and until when."),
    "release": ("case", "To be asked for, approved and handed over with."),
    "receipt": ("case", "The key's fingerprint, for the officer."),
    "custody": ("case", "To be signed at each hand that it goes through."),
    "certificate": ("case", "What goes with a bundle to a court."),
    "still": ("case", "A picture with its legend, to be brought back."),
}
"""Paper → (group, what it is, in a sentence that stands behind its title)."""


def on_windows() -> str:
    """How a PDF reaches a Windows PC whole."""
    return (
        "From Windows take --outbox and fetch it with WinSCP: `>` in Windows PowerShell 5.1 breaks a PDF. "
        "In the Command Prompt (cmd.exe) and in PowerShell 7.4 and later `>` is safe."
    )
