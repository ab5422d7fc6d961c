"""How a paper that is read here comes onto paper: the line that one types, on one's own PC or at the recorder itself."""

from __future__ import annotations

from holdshelf_core.operations.types import Reached
from holdshelf_core.outbox.types import OutboxRow


def ssh_line(reached: Reached, words: str = "") -> str:
    """'ssh -p 8022 dora@library-cameras holds': what this person types on their own PC."""
    return f"ssh -p {reached.port} {reached.login}@{reached.host} {words}".strip()


def sftp_line(reached: Reached) -> str:
    """'sftp -P 8022 dora@library-cameras'."""
    return f"sftp -P {reached.port} {reached.login}@{reached.host}"


def how_to_print(reached: Reached, paper: str, file: str) -> str:
    """Two lines, the second to be typed as it stands. ``paper``: as `holdshelf print` takes it.

    By the outbox, not by ``>``: Windows PowerShell 5.1 breaks a PDF that goes through it.
    """
    if not reached.login:
        return f"By command, at the recorder:\n  holdshelf print {paper.strip()} --file {file}"
    return f"By command, on your own PC:\n  {ssh_line(reached, f'print {paper.strip()} --outbox')}"


def how_to_fetch(reached: Reached) -> str:
    """The line that one types to fetch from one's outbox, and what WinSCP asks for; '' for who has none."""
    if not reached.login:
        return ""
    return (
        f"Fetch it on your own PC: {sftp_line(reached)}, or WinSCP with protocol SFTP, host {reached.host}, "
        f"port {reached.port}, user {reached.login} and your key."
    )


def on_windows() -> str:
    """How a PDF reaches a Windows PC whole."""
    return (
        "From Windows take --outbox and fetch it with WinSCP: `>` in Windows PowerShell 5.1 breaks a PDF. "
        "In the Command Prompt (cmd.exe) and in PowerShell 7.4 and later `>` is safe."
    )


def folded(rows: list[OutboxRow]) -> list[OutboxRow]:
    """A bundle's folder as one row."""
    folders: dict[str, OutboxRow] = {}
    shown = []
    for row in rows:
        parts = row.path.split("/")
        if row.kind != "bundle" or len(parts) < 4:
            shown.append(row)
            continue
        path = "/".join(parts[:3]) + "/"
        held_bytes = row.size + (folders[path].size if path in folders else 0)
        folders[path] = OutboxRow(path, held_bytes, row.modified_utc_ns, row.kind, row.until_utc_ns)
    return sorted([*shown, *folders.values()], key=lambda row: row.path)
