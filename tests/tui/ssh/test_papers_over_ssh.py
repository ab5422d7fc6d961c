"""Papers through the door with a stock ssh client: every byte of a PDF arrives, and no file of the server is written."""

from __future__ import annotations

import hashlib
import re
import subprocess
import zlib
from io import BytesIO
from pathlib import Path

import pytest
from pypdf import PdfReader

from tests.rig.hang import HANG_S
from tests.service import HOST
from tests.tui.ssh.door_rig import DoorHouse

STREAM = re.compile(rb"/Length (\d+)[^>]*>>\s*stream\r?\n", re.DOTALL)


def whole(pdf: bytes) -> bool:
    """Whether a PDF is as it was written: offsets and lengths in it hold, and what is packed in it unpacks."""
    assert pdf.startswith(b"%PDF-1.") and pdf.rstrip().endswith(b"%%EOF")
    at = int(pdf.rpartition(b"startxref")[2].split()[0])
    assert pdf[at : at + 4] == b"xref"
    streams = 0
    for found in STREAM.finditer(pdf):
        packed = pdf[found.end() : found.end() + int(found[1])]
        assert pdf[found.end() + int(found[1]) :].lstrip().startswith(b"endstream")
        if packed[:1] == b"x":
            zlib.decompress(packed)
            streams += 1
    return streams > 0


def raw(house: DoorHouse, *words: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*house.ssh("dora", *options), " ".join(words)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=HANG_S,
        check=False,
    )


@pytest.mark.parametrize(
    "words", ["print policy --as pdf", "print policy --language es --large --page a4 --as pdf --file -"]
)
def test_p17_a_pdf_arrives_byte_for_byte(house: DoorHouse, words: str) -> None:
    done = raw(house, words)
    assert done.returncode == 0, done.stderr
    assert whole(done.stdout)
    assert PdfReader(BytesIO(done.stdout)).root_object["/Lang"] == ("es" if "es" in words.split() else "en")
    assert len(set(done.stdout)) == 256  # among them those that a line's end or a charset would have changed


def test_a_terminal_would_change_it_and_is_told_so(house: DoorHouse) -> None:
    done = raw(house, "print policy --as pdf", options=("-tt",))
    assert done.returncode == 1
    assert b"A PDF cannot be shown on a terminal" in done.stdout and b"%PDF" not in done.stdout
    assert b"SECURITY CAMERA" in raw(house, "print policy", options=("-tt",)).stdout.upper()
    picture = raw(house, "look still --camera x --at now --purpose crime -o -", options=("-tt",))
    assert b"A picture cannot be shown on a terminal" in picture.stdout


def test_no_file_of_the_server_is_written(house: DoorHouse, tmp_path: Path) -> None:
    for name in (str(tmp_path / "policy.pdf"), "policy.pdf"):
        refused = house.run("dora", "print", "policy", "--file", name)
        assert refused.code == 1
        assert "names a file on the server" in refused.err and "redirect it on your computer" in refused.err
    assert list(tmp_path.iterdir()) == []


def test_it_lies_in_the_outbox_and_is_fetched_from_there_as_it_was(house: DoorHouse, tmp_path: Path) -> None:
    put = house.run("dora", "print", "policy", "--outbox", "--json")
    assert put.code == 0, put.err
    assert '"to": "outbox"' in put.out
    where = re.findall(r'"where": "(.*?)"', put.out)[0]
    sha256 = re.findall(r'"sha256": "([0-9a-f]{64})"', put.out)[0]
    fetch = ["sftp", "-b", "-", *house.ssh("dora")[1:-1]]
    fetch[fetch.index("-p")] = "-P"
    batch = f'get "{where}" "{tmp_path / "got.pdf"}"\n'
    done = subprocess.run(
        [*fetch, house.ssh("dora")[-1]], input=batch.encode(), capture_output=True, timeout=HANG_S, check=False
    )
    assert done.returncode == 0, done.stderr
    got = (tmp_path / "got.pdf").read_bytes()
    assert hashlib.sha256(got).hexdigest() == sha256 and whole(got)


def test_the_list_and_the_help_speak_of_ssh_and_of_windows(house: DoorHouse) -> None:
    listed = house.run("dora", "print")
    assert listed.code == 0
    for words in ("print policy", "print refusal [RELEASE]", "print hold HOLD", "--outbox", "PowerShell 5.1"):
        assert words in listed.out
    helped = " ".join(house.run("dora", "print", "policy", "--help").out.split())
    assert f"ssh -p {house.port} dora@{HOST} print policy" in helped


def test_p18_the_posted_policy_is_not_fetched_from_anywhere(house: DoorHouse) -> None:
    for page in ("http://127.0.0.1:22/", "/etc/passwd"):
        refused = house.run("dora", "policy", "check", page)
        assert refused.code == 1 and ("No policy has been adopted" in refused.err or "only the page" in refused.err), (
            refused.err
        )
