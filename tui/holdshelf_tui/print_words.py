"""How a paper that is read here comes onto paper: the line that one types, on one's own PC or at the recorder itself."""

from __future__ import annotations

from holdshelf_tui.link import Who

PORT, HOST = 8022, "the-recorder"
"""As the door comes; a session does not know by which name it was reached."""


def how_to_print(who: Who, paper: str, file: str) -> str:
    """``paper``: as `holdshelf print` takes it. Two lines, the second to be typed as it stands."""
    if who.person is None:
        return f"To print it, at the recorder:\n  holdshelf print {paper} > {file}"
    line = f"ssh -p {PORT} {who.person.login}@{HOST} print {paper} > {file}"
    return f"To print it, on your own PC (for {PORT} and {HOST}, what you log in with):\n  {line}"
