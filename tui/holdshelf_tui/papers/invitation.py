"""`person invite`: the one page with which somebody who never used a terminal makes a key, sends in its public half and logs in.

Pure. Every line that is to be typed stands alone, indented, and works as it stands.
"""

from __future__ import annotations

from dataclasses import dataclass

from holdshelf_tui.papers import text

KEY = "holdshelf-key"


@dataclass(frozen=True, slots=True)
class Invitation:
    """What differs from card to card. ``name`` and ``library`` may be ''. ``call``: whom to ask, in words."""

    login: str
    name: str
    host: str
    port: int
    host_fingerprint: str
    library: str
    call: str
    printed_on: str


def invitation_card(card: Invitation) -> str:
    """In 80 columns, one page of at most 66 lines."""
    ssh = f'ssh -i "$HOME/{KEY}" -p {card.port} {card.login}@{card.host}'
    shortcut = f'ssh -i "%USERPROFILE%\\{KEY}" -p {card.port} {card.login}@{card.host}'
    whose = f"{text.clean(card.name)}, login {card.login}" if card.name else f"login {card.login}"
    title = f"Holdshelf: your first log-in{f' at {text.clean(card.library)}' if card.library else ''}"
    lines = [
        text.rule("="),
        *text.centered(title),
        text.rule("="),
        *text.fold(f"For {whose}. Printed {card.printed_on}. Questions, a lost PC: {text.clean(card.call)}"),
        "",
        *text.fold(
            "You need a key, once. It has two halves: the private one stays on your PC and is shown to nobody, not even to us; "
            "the public one ends in .pub and is sent in."
        ),
        "",
        "1. MAKE THE KEY",
        *_says("Windows 10 and 11: press Start, type Terminal (or PowerShell), press Enter."),
        *_says("Mac: press Command and Space, type Terminal, press Enter."),
        *_says(
            "Type this line and press Enter; choose a passphrase when asked, twice (nothing is shown while you type it):"
        ),
        *_typed(f'ssh-keygen -t ed25519 -f "$HOME/{KEY}"'),
        *_says(
            "PuTTY instead: in PuTTYgen choose EdDSA (Ed25519, 255 bits), Generate, move the mouse, type a passphrase, Save "
            f"public key as {KEY}.pub and Save private key as {KEY}.ppk."
        ),
        "",
        "2. SEND IN THE PUBLIC HALF",
        *_says(
            f"Email the file {KEY}.pub, or bring it on a USB stick, to the admin. It is in your own folder; where Windows "
            f"shows two files {KEY}, it is the Publisher or PUB file. Then wait to hear that you are enrolled."
        ),
        "",
        "3. LOG IN",
        *_says("In Terminal, as above:"),
        *_typed(ssh),
        *_says("The first time it asks whether you know this server. It must show exactly"),
        *_typed(card.host_fingerprint),
        *_says(
            "The same, letter for letter: type yes and press Enter. Anything else: type no, and call. It asks only this "
            "first time. If it warns later that the key has changed, call."
        ),
        *_says(
            f"PuTTY: host {card.host}, port {card.port}; under Connection, SSH, Auth, Credentials choose the .ppk file; "
            f"under Connection, Data write {card.login} as login; then Save and Open. It shows the same fingerprint."
        ),
        "",
        "4. AN ICON ON THE DESKTOP, if you like",
        *_says("Windows: right-click the desktop, New, Shortcut, and as its location"),
        *_typed(shortcut),
        *_says(
            "Mac: in TextEdit (Format, Make Plain Text) save the line of step 3 as Holdshelf.command on the desktop, then in "
            "Terminal, once:"
        ),
        *_typed('chmod +x "$HOME/Desktop/Holdshelf.command"'),
        "Arrows, Tab, Enter and Esc do everything; Ctrl+Q quits. Everything is logged.",
        text.rule(),
        *text.fold(
            "PC lost, key shown to somebody, passphrase forgotten: call at once. The old key is made void "
            f"(`person replace-key {card.login}`), its open sessions end, and you make a new one with this card."
        ),
    ]
    return text.paper(lines)


def _says(words: str) -> list[str]:
    return text.fold(words, first="   ", rest="   ")


def _typed(line: str) -> list[str]:
    """A line to be typed, or compared, as it stands: never folded."""
    return ["", f"       {line}", ""]
