"""Words that look like markup are set letter by letter, and what sets them opens nothing but its own files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api.errors import Conflict
from holdshelf_tui.papers import frame, pdf, typeset
from holdshelf_tui.papers.catalogue import PAPERS
from tests.tui.papers import sheets
from tests.tui.papers.test_papers import FACTS
from tests.tui.papers.test_pdf import every_block

HOSTILE = [
    '#read("/etc/passwd")',
    '#image("/etc/passwd")',
    '#import "@preview/x:1.0.0"',
    "*bold* _it_ `raw` $x^2$",
    "= A heading",
    "<label> @label",
    "https://evil.example",
    "a // b /* c */",
    "\\u{41} #h(1em) ~ -- ...",
    '"]) #panic() ([" ${x}',
    "#{let x = 1}",
    "- item + item / term: x",
]


@pytest.mark.parametrize("words", HOSTILE)
def test_markup_is_letters_in_every_place_of_every_block(words: str, tmp_path: Path) -> None:
    facts = msgspec.structs.replace(FACTS, library=words, contact=words, policy_address=words, caveats=(words,))
    blocks = every_block(words)
    raw = pdf.render(frame.document(facts, words, blocks))
    said = sheets.text_of(raw, tmp_path)
    clean = " ".join(words.split())
    harmless = sheets.text_of(pdf.render(frame.document(facts, "x", every_block("x"))), tmp_path)
    assert said.count(clean) > 20
    assert "root:" not in said and b"/URI" not in raw and b"/JavaScript" not in raw
    assert len(said.split()) > len(harmless.split()) - 10


@pytest.mark.parametrize("words", HOSTILE)
def test_markup_is_letters_on_a_sign(words: str, tmp_path: Path) -> None:
    facts = msgspec.structs.replace(FACTS, library=words, contact=words, policy_address=words)
    said = sheets.text_of(PAPERS["sign"].as_pdf(facts), tmp_path)
    assert said.count(" ".join(words.split())) >= 3


@pytest.mark.parametrize(
    "code",
    [
        'read("/etc/passwd")',
        'read("../secret.txt")',
        'read("/../secret.txt")',
        'image("/etc/passwd")',
        'include "../secret.typ"',
        'json("/proc/self/environ")',
    ],
)
def test_even_a_template_reads_nothing_outside_its_folder(
    code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.typ").write_text("secret")
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "own.txt").write_text("own")
    (folder / "good.typ").write_text('#set document(title: "x")\n#read("own.txt")')
    (folder / "evil.typ").write_text(f'#set document(title: "x")\n#{code}')
    monkeypatch.setattr(typeset, "TEMPLATES", folder)
    assert typeset.Typesetter("good.typ", "", page="letter").pdf(typeset.UNDATED).startswith(b"%PDF")
    with pytest.raises(Conflict, match="could not be made"):
        typeset.Typesetter("evil.typ", "", page="letter").pdf(typeset.UNDATED)


def test_no_template_asks_for_a_package() -> None:
    templates = list(typeset.TEMPLATES.glob("*.typ"))
    assert templates
    assert not any('"@' in template.read_text() for template in templates)


MANY = """
import sys
from pathlib import Path
from holdshelf_tui.papers.catalogue import PAPERS
from tests.tui.papers.test_checklist_pages import LARGE

def resident_mb() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 >> 20

sizes = []
for _ in range(4):
    PAPERS["checklist"].as_pdf(LARGE)
    sizes.append(resident_mb())
print(*sizes)
"""


def test_one_paper_after_another_takes_no_more_memory() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=True)
    first, *later = map(int, done.stdout.split())
    assert max(later) < first + 60, "each of twenty pages would stay, with 65 MB"
