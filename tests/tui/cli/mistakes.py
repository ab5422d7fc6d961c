"""What an admin gets wrong, and what Holdshelf answers: docs/mistakes.md is written from this table, test_mistakes.py types it.

`python -m tests.tui.cli.mistakes` writes the page anew.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[3] / "docs" / "mistakes.md"
HEAD = """# Mistakes, and what is answered

What people who look after a recorder get wrong, and what Holdshelf says then. Each of these ends with an exit code that is
not zero, and changes nothing.
The page is written from the tests, which type every line of it (`python -m tests.tui.cli.mistakes`).
"""


class Mistake(NamedTuple):
    """``about`` heads its part of the page; ``typed`` follows `holdshelf`; ``answer`` is the whole sentence."""

    about: str
    typed: str
    answer: str


MISTAKES = [
    Mistake(
        "Typing", "status --jsn", "No such option: --jsn (Possible options: --json). See `holdshelf status --help`."
    ),
    Mistake("Typing", "statsu", "No such command 'statsu'. Did you mean 'status', 'seat'? See `holdshelf --help`."),
    Mistake(
        "Typing",
        "status --data /srv/nothing",
        "/srv/nothing is not set up. Run `holdshelf init --data /srv/nothing`, or give --data.",
    ),
    Mistake("Typing", "capacity set --budget 100GB", "Missing option '--why'. See `holdshelf capacity set --help`."),
    Mistake(
        "Typing",
        "footage list --from 31/31",
        "“31/31” is not a time. Try, for example: yesterday 3:15 pm · today 14:00 · last Tuesday at noon · 11/24 3pm · "
        "2 hours ago",
    ),
    Mistake("Cameras", "camera add", "Which camera? Give a discovered id or an address, or --all-discovered."),
    Mistake(
        "Cameras",
        "camera add 10.20.0.11:80:90 --name Door --area entrance --password-file password.txt",
        "'10.20.0.11:80:90' is neither a discovered camera nor an address. Run `holdshelf camera discover`, or give "
        "http://HOST/onvif/device_service, rtsp://HOST/PATH or whep+https://HOST/PATH.",
    ),
    Mistake(
        "Cameras",
        "camera add rtsp://user:secret@10.20.0.11/stream1 --name Door --area entrance",
        "A password does not belong in an address: as an argument it can be read by other accounts, and it stays in the "
        "shell's history. If it was typed in a shell, change it at the camera. Give the address without it, and the user "
        "name with --user: the password is asked for, or comes by --password-file.",
    ),
    Mistake(
        "Cameras",
        "camera add rtsp://127.0.0.1:9/s --name Door --area restroom --password-file password.txt",
        "No camera is allowed in a private area such as a restroom (P5: No camera records where people may expect to be "
        "private, whoever asks.) Nobody can override this. Choose another place.",
    ),
    Mistake(
        "Cameras",
        "camera add rtsp://127.0.0.1:9/s --name Door --area entrance --password-file password.txt",
        "127.0.0.1 is there, but its stream's port (9) is closed. Switch the stream on in the camera's settings, and "
        "compare its port with the address.",
    ),
    Mistake(
        "Cameras",
        "camera add rtsp://127.0.0.1:9/s --name Door --area entrance --password-file pasword.txt",
        "The password file pasword.txt cannot be read: No such file or directory.",
    ),
    Mistake(
        "Cameras",
        "camera discover --range 10.0.0.0/8",
        "'10.0.0.0/8' is too large to search at once. Give a private range of up to 1022 hosts, like 10.20.0.0/24; "
        "several by repeating --range.",
    ),
    Mistake(
        "Cameras",
        "camera discover --range 8.8.8.0/24",
        "'8.8.8.0/24' is not a private network, so it was not searched. Give a private range of up to 1022 hosts, like "
        "10.20.0.0/24; several by repeating --range.",
    ),
    Mistake(
        "Disks and backups",
        "capacity set --budget 900XB --why disk",
        "'900XB' is not a size. Give bytes or a unit, for example 900GB or 1.5TB.",
    ),
    Mistake(
        "Disks and backups",
        "capacity set --budget 1MB --why disk",
        "A budget of 1000000 bytes is too small to record one camera. Give at least 256MiB.",
    ),
    Mistake(
        "Disks and backups",
        "plan --cameras 0 --mbps 4 --days 30",
        "--cameras must be more than 0 and less than a million, not 0.",
    ),
    Mistake(
        "Disks and backups",
        "init --data new --media /mnt/nothing-here",
        "/mnt/nothing-here is not a folder. Mount the media disk first, then run init again.",
    ),
    Mistake(
        "Disks and backups",
        "backup no-such-folder/b.tar",
        "no-such-folder is not a folder. Create it first, or choose another folder.",
    ),
    Mistake(
        "Disks and backups",
        "backup there.tar",
        "there.tar already exists; nothing was overwritten. Choose another name.",
    ),
    Mistake(
        "Disks and backups",
        "restore there.tar",
        "The service is running. Stop it first: `systemctl stop holdshelf`.",
    ),
    Mistake("People and keys", "person add dora --name 'Dora Reed'", "The login 'dora' is taken. Choose another."),
    Mistake(
        "People and keys",
        "person add 'Pat Doe' --name 'Pat Doe'",
        "A login starts with a letter and has at most 32 characters: a–z, 0–9, dot, hyphen and underscore. Choose another login.",
    ),
    Mistake(
        "People and keys",
        "person add pat --name 'Pat Doe' --key pat",
        "This is a private key. Never give it to anyone; it was not saved here. Give the public key, in the file that ends "
        "in .pub. If anyone else has seen this one, make a new pair.",
    ),
    Mistake(
        "People and keys",
        "person add pat --name 'Pat Doe' --key there.tar",
        "This is not an SSH public key. Make one with `ssh-keygen -t ed25519` and give the file that ends in .pub.",
    ),
    Mistake(
        "People and keys",
        "seat name director --person pat --name 'Pat Doe' --key pat.pub",
        "The seats are held, so the next holder is named by the Director, Chair or Mayor (P11: Video is for the Director, "
        "the Board Chair, the Mayor and whom they appoint in writing.) Ask the Library Director (Dora Reed) or the Chair of "
        "the Library Board (Carl Moss).",
    ),
    Mistake(
        "People and keys",
        "look open --camera lobby --purpose violation --incident 26-1 --from 'yesterday 14:00' --to 'yesterday 14:30'",
        "The admin of this server may not see pictures (P11: Video is for the Director, the Board Chair, the Mayor and whom "
        "they appoint in writing.) Ask the Library Director (Dora Reed) or the Chair of the Library Board (Carl Moss).",
    ),
    Mistake(
        "The policy and its papers",
        "policy adopt policy.txt --version 2 --adopted-on 2999-01-01",
        "That date is in the future: a policy is in force once it is adopted. Give the day of the Board's vote.",
    ),
    Mistake(
        "The policy and its papers",
        "policy adopt polcy.txt --version 2 --adopted-on 2026-03-10",
        "The policy polcy.txt cannot be read: No such file or directory.",
    ),
    Mistake(
        "The policy and its papers",
        "print hold H-2026-0009 --file notice.pdf",
        "There is no hold 'H-2026-0009' (P16: Footage for an investigation, a case or a violation is held until two people "
        "lift it.) See `holdshelf hold list`.",
    ),
    Mistake(
        "The policy and its papers",
        "print sign --file no-such-folder/sign.pdf",
        "no-such-folder/sign.pdf cannot be written: No such file or directory. Give another place.",
    ),
    Mistake(
        "The policy and its papers",
        "verify there.tar",
        "there.tar is not a zip of a bundle. Give the bundle's folder or its zip.",
    ),
    Mistake(
        "Alerts and witnesses",
        "alert add mqtt ha --host broker.town.example --port 99999",
        "99999 is not a port. The usual ports are 8883 (TLS) and 1883.",
    ),
    Mistake(
        "Alerts and witnesses",
        "timestamp set https://tsa.example/tsr --ca policy.txt",
        "That contains no certificate. Give the root certificate of the server's authority as PEM (-----BEGIN CERTIFICATE-----), "
        "with those between, if there are any, in the same file.",
    ),
    Mistake(
        "Alerts and witnesses",
        "timestamp now",
        "No time stamp server is set up. Set one: `holdshelf timestamp set URL --ca FILE`.",
    ),
    Mistake("Alerts and witnesses", "alert test office", "There is no alert channel 'office'. Known: none yet."),
    Mistake(
        "Alerts and witnesses",
        "witness add https://witness.example key",
        "'key' is not a witness's public key. Give the line that `holdshelf witness key` prints there: NAME+DIGITS+LETTERS.",
    ),
]


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for about, mistakes in groupby(MISTAKES, key=lambda one: one.about):
        rows = [f"| `holdshelf {one.typed}` | {one.answer.replace('|', '&#124;')} |" for one in mistakes]
        parts.append("\n".join([f"## {about}\n", "| typed | answered |", "|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
