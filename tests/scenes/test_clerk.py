"""A clerk's walk in a real terminal: from a template to a policy that the Board adopted, as docs/your-policy.md leads them.

HOLDSHELF_WALK=FOLDER keeps every screen that is shown as a text file there, for a person to look at.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from holdshelf_core.people.board_types import ReadPolicy
from holdshelf_core.people.types import ReadFlags
from tests.rig.hang import HANG_S
from tests.scenes.year.hand import Hand
from tests.service import wait_for
from tests.tui.cli.test_driver import HOLDSHELF
from tests.tui.ssh.door_rig import DoorHouse, Tmux, house_with_footage

GUIDE = Path(__file__).parents[2] / "docs" / "your-policy.md"
SHOTS = "HOLDSHELF_WALK"
SIZE = (110, 40)
PROMPT = re.compile(r"^(\d+) \$(?= |$)", re.MULTILINE)
TEXT = "Elm Street Library: cameras\n\n5. Only the Director or the Director's designee sees recordings.\n"
SPANISH = "Biblioteca Elm Street: cámaras\n\n5. Solo la dirección o quien ella designe ve las grabaciones.\n"
WORDS = {
    "Library Director": "Dirección de la biblioteca",
    "Assistant Director": "Subdirección",
    "Person in Charge": "Persona encargada",
    "a crime": "un delito",
    "a breach of the behavior policy": "una falta contra las normas de conducta",
    "an ongoing investigation": "una investigación en curso",
    "a request by the police": "una solicitud de la policía",
    "a request under the record rules": "una solicitud según las reglas de acceso",
}
BOARD = 'key = "board"\nwords.en = "Library Board"\non_paper = true\nspeaks_for_board = true\n'
PRESIDENT = """key = "chair"
words.en = "Board President"
words.es = "Presidencia de la Junta"
decides = ["policy.adopt"]
speaks_for_board = true
"""
PURPOSE = """[[purpose]]
key = "injury"
words.en = "an injury or a missing child"
clause = "5"
for = ["look"]

[keeping]"""
CASE = """
[[case]]
says = "The Person in Charge looks for a missing child."
who = "person-in-charge"
act = "purpose.open"
purpose = "injury"
expect = "yes"
"""


class Walk:
    """What is shown, one screen after the other."""

    def __init__(self) -> None:
        self._folder = os.environ.get(SHOTS)
        self._number = 0

    def keep(self, name: str, screen: str) -> str:
        """Returns the screen, which is kept where somebody wants to look at it."""
        self._number += 1
        if self._folder:
            folder = Path(self._folder)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{self._number:02} {name}.txt").write_text(screen.rstrip() + "\n")
        return screen


class Shell(Tmux):
    """A terminal in which a person types `holdshelf`, as on a machine where it is installed."""

    def __init__(self, walk: Walk, name: str, folder: Path, **env: str | Path) -> None:
        super().__init__(f"{name}-{os.getpid()}", [], SIZE)
        self._walk, self._name_shown = walk, name
        path = f"{Path(HOLDSHELF).parent}:{os.environ['PATH']}"
        variables = {"PATH": path, "LC_ALL": "C.UTF-8", **env}
        self.say("; ".join(f"export {key}={shlex.quote(str(value))}" for key, value in variables.items()))
        self.type("Enter")
        self.say(f"cd {shlex.quote(str(folder))}; PS1='$? $ '; clear")
        self.type("Enter")
        wait_for("the prompt", lambda: PROMPT.search(self.screen()))

    def _all(self) -> str:
        """All that the command said, also what has left the screen at the top."""
        return self._do("capture-pane", "-p", "-J", "-S", "-")

    def runs(self, command: str, *, code: int = 0) -> str:
        """Type it, wait for the next prompt, and return what it said."""
        self.say("clear")
        self.type("Enter")
        wait_for("a clear screen", lambda: PROMPT.fullmatch(self.screen().strip()))
        self._do("clear-history")
        self.say(command)
        self.type("Enter")

        def ended() -> str | None:
            said = self._all()
            return said if len(PROMPT.findall(said)) > 1 else None

        said = self._walk.keep(
            f"{self._name_shown} {command.partition(' -')[0]}".replace("/", "_"), wait_for(command, ended, HANG_S)
        )
        assert PROMPT.findall(said)[-1] == str(code), said
        return " ".join(said.split())

    def __enter__(self) -> Self:
        return self


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DoorHouse]:
    """Dora Reed is the Director and Carl Moss the Chair, who speaks for the Board."""
    with house_with_footage(tmp_path_factory.mktemp("clerk"), cameras={"lobby": "Front entrance"}) as (running, _made):
        running.enrol("carl", "Carl Moss")
        named = running.run("dora", "seat", "name", "chair", "--person", "carl", "--paper", "-", stdin=b"letter")
        assert named.code == 0, named.said
        yield running


def edited(text: str) -> str:
    """The template as a clerk writes it over: a name, two languages, a role, a length, a purpose, a case. With their mistakes."""
    text = text.replace('name = "Library"\n', 'name = "Elm Street Library"\nlanguages = ["en", "es"]\n')
    for english, spanish in WORDS.items():
        text = text.replace(f'words.en = "{english}"\n', f'words.en = "{english}"\nwords.es = "{spanish}"\n')
    text = re.sub(r"(says\.en = .*)\n", r'\1\nsays.es = "Una norma de la biblioteca."\n', text)
    text = text.replace('at_most = "30 days"', 'at_most = "3 weeks"')
    return text.replace(BOARD, PRESIDENT).replace("[keeping]", PURPOSE) + CASE


def replaced(file: Path, *pairs: tuple[str, str]) -> None:
    """As an editor saves it."""
    text = file.read_text()
    for before, after in pairs:
        assert before in text, before
        text = text.replace(before, after)
    file.write_text(text)


def from_template_to_file(clerk: Shell, file: Path) -> None:
    """Steps 1 to 6 of the guide; no service is needed."""
    assert "records-law" in clerk.runs("holdshelf policy draft")
    assert "policy.toml is written" in clerk.runs("holdshelf policy draft records-law -o policy.toml")
    file.write_text(edited(file.read_text()))

    said = clerk.runs("holdshelf policy lint policy.toml", code=1)
    assert "purpose 3 ('injury'): words has nothing in 'es'. Add words.es = \"…\"." in said
    assert "second, hold.lift: There is no role 'board'. One of: director, assistant, person-in-charge, chair." in said
    assert "policy.toml has 3 mistakes; it cannot be adopted." in said
    spanish = 'words.es = "una lesión o un niño perdido"'
    replaced(file, ('missing child"\nclause', f'missing child"\n{spanish}\nclause'), ('["board"]', '["chair"]'))

    said = clerk.runs("holdshelf policy lint policy.toml", code=1)
    assert 'Add "hold.lift.approve" to what it decides' in said and 'Add "flag.review" to what it decides' in said
    replaced(file, ('decides = ["policy.adopt"]', 'decides = ["policy.adopt", "hold.lift.approve", "flag.review"]'))

    said = clerk.runs("holdshelf policy lint policy.toml", code=1)
    assert "nobody reviews their own act, so a flag of chair could not be closed" in said
    replaced(file, ('"flag.review" = ["chair"]', '"flag.review" = ["chair", "director"]'))

    said = clerk.runs("holdshelf policy lint policy.toml", code=1)
    assert (
        "case 6 ('The Person in Charge looks for a missing child.'): The file answers no: Only the Library Director"
        in said
    )
    replaced(file, ('purpose = "injury"\nexpect = "yes"', 'purpose = "injury"\nexpect = "no"\nclause = "5"'))

    said = clerk.runs("holdshelf policy lint policy.toml")
    assert "policy.toml has no mistake: Elm Street Library, 4 roles, 3 purposes, 1 ground, 2 bases and 6 cases." in said
    assert "Looser than the first library's policy:" in said and "an injury or a missing child" in said
    assert "Stricter:" in said and "Footage is erased after 3 weeks but for holds." in said
    assert "Board President" in clerk.runs("holdshelf policy explain --policy policy.toml policy.adopt")


def adopts_on_the_form(walk: Walk, house: DoorHouse, file: Path) -> None:
    """Step 7: Carl Moss, who speaks for the Board, in his own terminal over ssh."""
    with Hand(house, "carl", starts=True) as carl:
        carl.sees("Welcome to Holdshelf")
        carl.press("Enter")
        carl.sees_no_more("Welcome to Holdshelf")
        carl.press(carl.number_of("People"))
        carl.sees("enrolled")
        carl.press(*["Right"] * 4)
        carl.sees("What the Board decides", "The adopted policy")
        walk.keep("carl The Board", carl.lines())
        carl.press(
            "Down", "Down", "Down", "Enter"
        )  # behind the library's name, whom the public asks, where it is posted
        carl.sees("Paste the text that the Board adopted")
        walk.keep("carl an empty form", carl.lines())
        carl.paste(TEXT)
        carl.sees(f"SHA-256 {sha256(TEXT)[:16]}")
        walk.keep("carl the text is pasted", carl.lines())
        carl.press("Tab")
        carl.type("2026-1")
        carl.press("Tab")
        carl.type("3/10/2026")
        carl.press("Tab", "Tab", "Tab", "Tab")
        carl.paste(file.read_text())
        carl.sees(f"SHA-256 {sha256(file.read_text())[:16]}")
        walk.keep("carl the file is pasted", carl.lines())
        carl.press("Tab", "Tab", "Tab", "Enter")
        carl.sees(
            "The policy is in en (English) and es (Español). Paste the adopted text in es (Español).", "▸ Text in es"
        )
        walk.keep("carl the Spanish text is asked for", carl.lines())
        carl.paste(SPANISH)
        carl.sees_no_more("Paste the adopted text in es")
        walk.keep("carl the Spanish text is pasted", carl.lines())
        carl.press("Tab", "Enter")
        carl.sees("What the policy file changes", "Looser than the policy in force", "Close")
        carl.sees_no_more("Text in es")
        walk.keep("carl what the file changes", carl.lines())
        carl.press("Enter")
        carl.sees("Adopt the policy file", "Elm Street Library", "stricter")
        walk.keep("carl asked once more", carl.lines())
        carl.press("Enter")
        carl.sees("Version 2026-1, adopted on Mar 10, 2026, is in force.", "The text is in en and es.")
        walk.keep("carl in force", carl.lines())
        carl.press("Enter")
        carl.sees("version 2026-1", "Carl Moss, Board President")
        walk.keep("carl The Board afterwards", carl.lines())


def sees_it_in_force(walk: Walk, house: DoorHouse) -> None:
    """What people meet from then on: roles, purposes, clauses, the sign."""
    with Hand(house, "dora", starts=True) as dora:
        dora.sees("What do you need?")
        walk.keep("dora the first screen", dora.lines())
        dora.press(dora.number_of("People"))
        dora.sees("enrolled")
        dora.press("Right")
        dora.sees("Board President", "Held by")
        dora.press("g")
        dora.sees("Person in Charge", "Assistant Director")
        walk.keep("dora the roles", dora.lines())
        dora.press("Escape")
        dora.sees_no_more("Person in Charge")
        dora.press(dora.number_of("Timeline"))
        dora.sees("Front entrance")
        dora.press("o")
        dora.sees("Why are you looking?", "an injury or a missing child", "a breach of the behavior policy")
        walk.keep("dora the purposes", dora.lines())
        dora.press("Escape")
        dora.sees_no_more("Why are you looking?")
        dora.press(dora.number_of("Print"))
        dora.sees("By command")
        dora.press("Right")
        dora.sees("print sign")
        walk.keep("dora the sign", dora.lines())
    sign = house.run("dora", "print", "sign").out
    assert "Elm Street Library" in walk.keep("dora prints the sign", sign)
    assert SPANISH.split("\n")[-2] in walk.keep(
        "dora prints the policy in Spanish", house.run("dora", "print", "policy", "--language", "es").out
    )
    told = house.run("dora", "policy", "may", "carl", "purpose.open", "--purpose", "injury", "--camera", "lobby")
    words = " ".join(walk.keep("dora asks what Carl may", told.said).split())
    assert "(5: Only the Director or the Director's designee sees recordings" in words


def signs(walk: Walk, house: DoorHouse, folder: Path) -> None:
    """On their own machine, with the key that they log in with."""
    ssh = folder / ".ssh"
    ssh.mkdir(mode=0o700)
    shutil.copy(house.new_key("carl"), ssh / "id_ed25519")
    with Shell(walk, "carl", folder, HOME=folder) as carl:
        assert "Write signature to policy.toml.sig" in carl.runs(in_guide("ssh-keygen -Y sign"))


def adopts_by_command(walk: Walk, house: DoorHouse, folder: Path, file: Path) -> None:
    """Step 7 otherwise: the admin at the machine, on the President's signature and then on the Board's signed paper."""
    (folder / "policy.txt").write_text(TEXT)
    (folder / "politica.txt").write_text(SPANISH)
    (folder / "minutes.pdf").write_bytes(b"%PDF-1.7\nminutes, signed\n%%EOF\n")
    client = house.client()
    with Shell(walk, "admin", folder, HOLDSHELF_DATA=house.service.data) as admin:
        replaced(file, ('at_most = "3 weeks"', 'at_most = "2 weeks"'))
        said = admin.runs("holdshelf policy lint policy.toml")
        assert "Looser" not in said and "Footage is erased after 2 weeks but for holds" in said
        signs(walk, house, folder)
        flags = len(client.read(ReadFlags()))
        said = admin.runs(in_guide("--signature"))
        assert "Version 2026-2, adopted on Mar 10, 2026, is in force." in said and "signed by Carl Moss" in said
        assert len(client.read(ReadFlags())) == flags, "as good as his own act"

        replaced(file, ('at_most = "2 weeks"', 'at_most = "10 days"'))
        said = admin.runs(in_guide("--paper").partition(" --paper")[0], code=1)
        assert "for the Board to decide" in said and "give their signature of the policy file" in said
        said = admin.runs(in_guide("--paper"))
        assert "Version 2026-3, adopted on Mar 10, 2026, is in force." in said
        assert "signed paper, and is flagged for the Board President or Library Director to review." in said
        assert len(client.read(ReadFlags())) == flags + 1, "nobody can tell a scan from another one"
        assert sha256(file.read_text()) in admin.runs("holdshelf policy show")
        assert "version 2026-3" in admin.runs("holdshelf log show --action policy.adopt")
        assert "0 problems" in admin.runs("holdshelf log verify")
    with Hand(house, "carl", starts=True) as carl:
        carl.sees("What do you need?", "things wait for you")
        carl.press("F2")
        carl.sees("Today", "Review admin's approval on signed paper")
        walk.keep("carl what waits for him", carl.lines())
        carl.press("Down", "Enter")
        carl.sees("To be reviewed", "an approval on signed paper, by admin", "v Review it")
        walk.keep("carl what was flagged", carl.lines())
        carl.press("Enter")
        carl.sees("Review an act", "an approval on signed paper")
        walk.keep("carl reviews it", carl.lines())
        carl.type("The minutes say so.")
        carl.press("Enter")
        carl.sees_no_more("Review an act")
    papers = [flag for flag in client.read(ReadFlags()) if flag.kind == "paper_approval"]
    assert papers and not any(flag.open for flag in papers), "it was somebody else's to review"
    assert client.read(ReadPolicy()).file_sha256 == sha256(file.read_text())


def in_guide(words: str) -> str:
    """The one command of docs/your-policy.md with these words, to be typed as it stands there."""
    (line,) = (line.strip() for line in GUIDE.read_text().splitlines() if line.startswith("    ") and words in line)
    return line


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_clerk_brings_a_template_into_force(house: DoorHouse, tmp_path: Path) -> None:
    walk, file = Walk(), tmp_path / "policy.toml"
    with Shell(walk, "clerk", tmp_path) as clerk:
        from_template_to_file(clerk, file)
    adopts_on_the_form(walk, house, file)
    row = house.client().read(ReadPolicy())
    assert (row.file_sha256, row.sums) == (sha256(file.read_text()), {"en": sha256(TEXT), "es": sha256(SPANISH)})
    sees_it_in_force(walk, house)
    adopts_by_command(walk, house, tmp_path, file)
