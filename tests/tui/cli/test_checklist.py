"""checklist enter | show, and print sign: as a seat types them in a session, and over SSH what is allowed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from holdshelf_tui import remote
from holdshelf_tui.papers.catalogue import PAPERS
from tests.core.cameras.test_checklist import House
from tests.people import day
from tests.rig.hang import HANG_S
from tests.tui.cli.test_driver import Ran, here, in_session
from tests.tui.papers.points import POINTS


class Seated(House):
    """The Director's commands, each in a session as the door begins one."""

    def begin(self) -> None:
        super().begin()
        self.token = self.service.open_session("dora", self.people.fingerprints["dora"])["token"]

    def raw(self, *words: str | Path) -> subprocess.CompletedProcess[bytes]:
        return in_session(self.token, self.service.data, *words)

    def run(self, *words: str | Path) -> Ran:
        done = self.raw(*words)
        return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seated]:
    made = Seated(tmp_path_factory.mktemp("cli-checklist"))
    with made.service:
        made.begin()
        yield made


Cli = Callable[..., Ran]


@pytest.fixture
def show(desk: Seated, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The admin sees how it stands, and enters nothing."""
    return lambda *words: here(capsys, monkeypatch, "checklist", "show", *words, "--data", desk.service.data)


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_p3_p4_what_is_due_is_listed_entered_by_its_codes_and_gone_from_the_list(desk: Seated, show: Cli) -> None:
    due = show("--due", "--json").json()
    codes = [point["code"] for row in due if row["kind"] == "camera" for point in row["points"]]
    assert "lobby.walk-test" in codes and "desk.microphone" in codes
    shown = show("--due").out
    assert "e1  Main entrance: not attested" in shown and "lobby.walk-test" in shown and "DUE" in shown
    yesterday = day(-1)
    done = desk.run("checklist", "enter", "e1.all", "e1.legible=25", *codes, "--checker", "Pat Doe", "--on", yesterday)
    assert (done.code, done.err) == (0, "")
    assert "Main entrance: its sign is attested." in done.out
    left = show("--due").out
    assert "Main entrance" not in left and "lobby" not in left and "house.website" in left
    told = one_line(show().out)
    assert f"{yesterday} Pat Doe" in told and "25 ft" in told


def test_a_defect_and_its_mending_from_the_command_line(desk: Seated, show: Cli) -> None:
    found = desk.run("checklist", "enter", "lobby.area", "--defect", "a shelf is in the way", "--json").json()
    (lobby,) = found["subjects"]
    assert lobby["defect"] == "area: a shelf is in the way"
    assert next(point for point in lobby["points"] if point["id"] == "area")["seen_utc_ns"] is None  # not ticked by it
    assert "defect: area: a shelf is in the way (found by Dora Reed on" in show("--due").out
    assert desk.run("checklist", "enter", "lobby.all", "--mended", day(0)).code == 0
    assert "a shelf is in the way" not in show("--due").out


def test_what_is_no_code_is_said_in_a_sentence(desk: Seated) -> None:
    refused = desk.run("checklist", "enter", "attic.area").refusal()
    assert "no entrance or camera 'attic'" in refused and "holdshelf checklist show" in refused


def test_it_is_to_be_had_over_ssh() -> None:
    assert remote.expand(["checklist", "enter", "e1.lit"]) == ["checklist", "enter", "e1.lit"]
    assert remote.expand(["checklist", "show", "--due"]) == ["checklist", "show", "--due"]


def test_the_print_after_it_has_what_was_entered_and_the_sign_comes_in_two_languages(
    desk: Seated, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def printed(*words: str | Path) -> Ran:
        return here(capsys, monkeypatch, "print", *words, "--data", desk.service.data)

    said = one_line(printed("checklist").out)
    assert "e1.lit" in said and "Pat Doe" in said
    file = tmp_path / "sign.pdf"
    assert printed("sign", "--language", "en+es", "--file", file).code == 0
    size = subprocess.run(["pdfinfo", file], capture_output=True, check=True, timeout=HANG_S).stdout.decode()
    assert "864 x 1296 pts" in size  # twelve by eighteen inches, whatever page the library's letters have
    assert "not available in 'xx'" in printed("sign", "--language", "xx").refusal()
    sign = printed("sign", "--language", "es", "--json").json()
    assert sign["facts"]["language"] == "es" and "No se graba sonido." in sign["text"]


# --- print, enter, print ------------------------------------------------------------------------------------------


def codes_on(printed: str) -> list[str]:
    """As somebody reads them off the paper; a value is written where one is asked for."""
    values = {"legible": "25", "version": "1.en.1dd94a03", "language": "English"}
    found = re.findall(r"(?<=\s)((?:e\d+|lobby|desk|house)\.([a-z-]+))(=?)(?=\s|$)", printed)
    return [f"{code}={values[point]}" if blank else code for code, point, blank in found]


def test_p3_to_p8_p18_every_code_on_the_paper_is_entered_back_and_the_next_paper_says_so(
    desk: Seated, tmp_path: Path
) -> None:
    paper = PAPERS["checklist"]
    printed = paper.as_text(desk.printed())
    codes = codes_on(printed)
    assert len(codes) == len(set(codes)) == sum(map(len, POINTS.values())) + len(POINTS["camera"])
    assert "DUE · never entered" in printed and "Lou Roe" not in printed
    assert desk.run("checklist", "enter", *codes, "--checker", "Lou Roe").code == 0
    facts = desk.printed()
    again = paper.as_text(facts)
    assert "DUE" not in again and again.count("Lou Roe") >= len(codes)
    assert codes_on(again) == codes
    (tmp_path / "paper.pdf").write_bytes(paper.as_pdf(facts))
    words = subprocess.run(
        ["pdftotext", "-layout", tmp_path / "paper.pdf", "-"], capture_output=True, check=True, timeout=HANG_S
    )
    assert codes_on(words.stdout.decode()) == codes
