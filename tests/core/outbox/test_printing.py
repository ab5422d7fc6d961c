"""Papers to a printer, by a real CUPS: what arrives is what was handed over, and what goes wrong is said in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.errors import BadRequest, Conflict, NotFound, Unavailable
from holdshelf_core.outbox import printing
from tests.rig.cups import Cups
from tests.rig.hang import HANG_S
from tests.service import wait_for

PAPER = b"%PDF-1.7\n" + bytes(range(256)) * 4000 + b"\n%%EOF\n"


@pytest.fixture(scope="module")
def cups() -> Iterator[Cups]:
    with Cups() as running:
        running.add("desk")
        yield running


@pytest.fixture(autouse=True)
def _here(cups: Cups, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUPS_SERVER", cups.environment["CUPS_SERVER"])


async def test_a_paper_arrives_byte_for_byte_under_its_title(cups: Cups) -> None:
    printer = await printing.async_choose("", ())
    assert printer == "desk", "one printer needs no name"
    job = await printing.async_print(printer, "-o raw; $(reboot) 2026-11-25 Política", PAPER)
    assert job.startswith("desk-")
    paper = cups.folder / "out" / "desk"
    wait_for("the paper is there", paper.with_suffix(".title").exists)
    assert paper.read_bytes() == PAPER
    assert paper.with_suffix(".title").read_text() == "-o raw; $(reboot) 2026-11-25 Política"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%!PS-Adobe-3.0\n(/etc/passwd) (r) file\n", "text/plain"),
        (b"#CUPS-COMMAND\nPrintSelfTestPage\n", "text/plain"),
        (b"#CUPS-BANNER\nFooter x\n", "text/plain"),
        (PAPER, "application/pdf"),
    ],
    ids=["postscript", "command", "banner", "pdf"],
)
async def test_what_looks_like_a_program_for_the_printer_is_printed_and_not_run(
    content: bytes, kind: str, cups: Cups
) -> None:
    paper = cups.folder / "out" / "desk"
    paper.with_suffix(".title").unlink(missing_ok=True)
    await printing.async_print("desk", "Policy", content)
    wait_for("the paper is there", paper.with_suffix(".title").exists)
    assert paper.with_suffix(".type").read_text() == kind


async def test_printers_are_listed_and_the_board_narrows_them(cups: Cups) -> None:
    cups.add("office")
    cups.run("lpadmin", "-d", "office")
    found = await printing.async_printers(())
    assert [(row.name, row.is_default) for row in found.printers] == [("desk", False), ("office", True)]
    assert found.printers[0].state.startswith("is idle")
    assert await printing.async_choose("", ()) == "office"
    assert [row.name for row in (await printing.async_printers(("desk",))).printers] == ["desk"]
    assert await printing.async_choose("", ("desk",)) == "desk"
    with pytest.raises(Conflict, match="it is not on the Board's list of printers"):
        await printing.async_choose("office", ("desk",))
    with pytest.raises(NotFound, match=r"no printer named attic.*desk, office"):
        await printing.async_choose("attic", ())
    with pytest.raises(Unavailable, match="None of CUPS's printers is on the Board's list"):
        await printing.async_choose("", ("attic",))
    cups.run("lpadmin", "-x", "office")


@pytest.mark.parametrize("name", ["-d", "a b", "a/b", "a#b", "a\nb", "a\0b", "x" * 200, "Bücher", "--"], ids=repr)
async def test_what_could_be_no_printer_is_not_looked_for(name: str) -> None:
    with pytest.raises(BadRequest, match="not a printer name"):
        await printing.async_choose(name, ())


async def test_a_printer_that_takes_nothing_says_so_in_a_sentence(cups: Cups) -> None:
    cups.run("cupsreject", "desk")
    try:
        with pytest.raises(Unavailable, match=r'CUPS says: Destination "desk" is not accepting jobs\.'):
            await printing.async_print("desk", "x", PAPER)
    finally:
        cups.run("cupsaccept", "desk")


async def test_without_cups_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(printing, "PROGRAMS", tmp_path)
    found = await printing.async_printers(())
    assert not found.printers
    assert "CUPS is not installed" in found.problem
    assert "cups-client" in found.problem
    with pytest.raises(Unavailable, match="CUPS is not installed"):
        await printing.async_choose("desk", ())


async def test_with_cups_stopped_nothing_waits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CUPS_SERVER", str(tmp_path / "nothing"))
    async with asyncio.timeout(HANG_S):
        with pytest.raises(Unavailable):
            await printing.async_choose("desk", ())


async def test_a_cups_that_hangs_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "lp"
    slow.write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    slow.chmod(0o700)
    monkeypatch.setattr(printing, "PROGRAMS", tmp_path)
    monkeypatch.setattr(printing, "PRINT_TIMEOUT_S", 0.3)
    async with asyncio.timeout(HANG_S):
        with pytest.raises(Unavailable, match="did not answer `lp` within"):
            await printing.async_print("desk", "x", PAPER)


async def test_however_many_ask_for_the_printers_one_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, runs = tmp_path / "lpstat", tmp_path / "runs"
    slow.write_text(f"#!/bin/sh\necho x >> {runs}\n/bin/sleep 0.2\n[ $1 = -e ] && echo desk\nexit 0\n")
    slow.chmod(0o700)
    monkeypatch.setattr(printing, "PROGRAMS", tmp_path)
    found = await asyncio.gather(*(printing.async_printers(()) for _ in range(40)))
    assert {row.name for one in found for row in one.printers} == {"desk"}
    assert runs.read_text().count("x") == 3
    await printing.async_printers(())
    assert runs.read_text().count("x") == 6, "what was known once is not taken for what is so now"
