"""The checklist of a large house on paper: each form whole on a page, nothing at the edge."""

from __future__ import annotations

import io
import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from holdshelf_core.reports.types import (
    Attestation,
    CameraPaper,
    EntrancePaper,
    LogHead,
    Mending,
    PaperFacts,
    PolicyText,
)
from holdshelf_tui.papers.catalogue import PAPERS
from tests.rig.hang import HANG_S
from tests.tui.papers.points import POINTS

NAMES = ("Front door", "Children's room, east side by the windows", "Θυρίδα επιστροφών", "Читальный зал", "Parking")
LONG = "Aleksandra Konstantinopolskaya-Featherstonhaugh"
DPI = 40


def points(kind: str, code: str, number: int) -> dict[str, Attestation]:
    found = (
        Attestation("2026-11-20", "Pat Doe", "", "2027-11-20"),
        Attestation("2025-10-20", ("Kim Lee", LONG)[number == 3], "", "2026-10-20", is_due=True),
        Attestation(is_due=True),
    )
    return {
        point.id: type(found[0])(*(getattr(one, field) for field in one.__struct_fields__[:4]), f"{code}.{point.id}", one.is_due)
        for at, point in enumerate(POINTS[kind])
        for one in (found[(number + at) % 3],)
    }  # fmt: skip


def camera(number: int) -> CameraPaper:
    id_ = ("front", "childrens-east", "returns", "camera", "parking")[number % 5] + f"-{number}"
    return CameraPaper(
        id_, f"{NAMES[number % 5]} {number}", "entrance", "entrance or exit", "", ("approved", "new")[number % 2],
        "Ada Byron", "2026-10-02", "2026-10-02", number % 3, 3, ("desk", "hold shelf")[: number % 3], number % 2 == 0,
        code=id_, points=points("camera", id_, number), mending=Mending("a shelf is in the way") if number == 7 else Mending(),
    )  # fmt: skip


LARGE = PaperFacts(
    "The Eleanor & Marguerite Featherstonhaugh Memorial Library !",
    "Ada Byron, Library Director, 555-0100",
    "https://library.example/cameras",
    PolicyText("3.1", "2026-10-01", "a" * 64),
    LogHead("holdshelf.local/0123456789abcdef", 1234, "1234:" + " ".join(["abcd"] * 8)),
    tuple(camera(number) for number in range(40)),
    tuple(
        EntrancePaper(
            f"e{n}", f"{NAMES[n % 5]} {n}", "1.en.1dd94a03", code=f"e{n}", points=points("entrance", f"e{n}", n)
        )
        for n in range(1, 13)
    ),
    points=POINTS,
)


@pytest.fixture(scope="module")
def large() -> bytes:
    return PAPERS["checklist"].as_pdf(LARGE)


def pages_of(pdf: bytes) -> list[str]:
    read = subprocess.run(
        ["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=HANG_S
    )
    return read.stdout.decode().removesuffix("\f").split("\f")


def test_p3_p4_forty_cameras_and_twelve_entrances_have_each_form_whole_on_one_page(large: bytes) -> None:
    pages = pages_of(large)
    assert len(pages) <= 22, "three forms a page, or nobody walks with it"
    for row in (*LARGE.cameras, *LARGE.entrances):
        (page,) = {
            number for number, page in enumerate(pages) if re.search(rf"^{re.escape(row.id)} · ", page, re.MULTILINE)
        }
        for point in row.points.values():
            assert re.search(rf"(?<![\w-]){re.escape(point.code)}\b", pages[page]), (row.id, point.code)
    for number, page in enumerate(pages, 1):
        assert f"page {number} of {len(pages)}" in page
        assert LARGE.library in page and "Checklist: signs, cameras, notices" in page
        assert "Confidential library record (P21)" in page


def test_nothing_of_it_is_nearer_to_the_edge_than_half_an_inch(large: bytes, tmp_path: Path) -> None:
    subprocess.run(["pdftoppm", "-r", str(DPI), "-gray", "-", tmp_path / "page"], input=large, check=True, timeout=120)
    drawn = sorted(tmp_path.glob("*.pgm"))
    assert drawn
    for file in drawn:
        with Image.open(io.BytesIO(file.read_bytes())) as page:
            inked = ImageChops.invert(page).getbbox()
            assert inked is not None
            edge = DPI // 2 - 1
            assert inked[0] >= edge and inked[1] >= edge, file.name
            assert inked[2] <= page.width - edge and inked[3] <= page.height - edge, file.name


def test_greek_and_cyrillic_names_are_set_and_large_type_and_a4_too(large: bytes) -> None:
    shown = "\n".join(pages_of(large))
    assert "Θυρίδα επιστροφών 2" in shown and "Читальный зал 3" in shown and "□" not in shown
    few = PaperFacts(cameras=LARGE.cameras[:2], entrances=LARGE.entrances[:1], points=POINTS)
    for pdf in (PAPERS["checklist"].as_pdf(few, large=True), PAPERS["checklist"].as_pdf(few, "a4")):
        assert all(point.code in "".join(pages_of(pdf)) for point in few.entrances[0].points.values())
