"""`policy show | check` as they are typed (P18, P20): pages of a real web server, and what is written down of them."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest

from holdshelf_core.reports import posted_offline
from tests.rig.netns import NetNamespace
from tests.rig.web import Page, WebServer
from tests.tui.desk import HOSTILE, Desk, Library, opened

PUBLIC = "93.184.216.34"
TEXT = (
    "Rule 1. Cameras are “here”.\n\nRule 2. "
    + "Nobody watches them all day. " * 3
    + "\n\nRule 3. A copy goes to anyone.\n"
)
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()
PAGE = "<html><body><nav>Home</nav>" + "".join(f"<p>{escape(part)}</p>" for part in TEXT.split("\n\n"))
PAGES = {
    "/cameras": Page(PAGE.encode()),
    "/other": Page(PAGE.replace("anyone", "nobody").encode()),
    "/home": Page(b"<html><p>The library is open."),
    "/hostile": Page(PAGE.replace("anyone", f"anyone {HOSTILE}").encode()),
    "/picture": Page(b"\x89PNG\0", kind="image/png"),
    "/elsewhere": Page.to("/cameras"),
}


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[WebServer, Library]]:
    """A service, this process and a web server in a network of their own, where one address is the internet's."""
    with (
        NetNamespace(addresses=[f"{PUBLIC}/24"]) as network,
        network.entered(),
        WebServer(PAGES, PUBLIC) as web,
        opened(tmp_path_factory.mktemp("posted")) as library,
    ):
        yield web, library


@pytest.fixture
def desk(web: tuple[WebServer, Library], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(web[1], capsys, monkeypatch)


@pytest.fixture
def pages(web: tuple[WebServer, Library]) -> WebServer:
    return web[0]


def adopted(desk: Desk, folder: Path) -> None:
    file = folder / "adopted.txt"
    file.write_text(TEXT)
    asked = ("policy", "adopt", file, "--version", "3", "--adopted-on", "2026-03-10")
    assert desk.admin(*asked).code == 0


def board_page(desk: Desk, address: str) -> None:
    assert desk.person("dora", "board", "set", "policy_address", address, "--why", "posted there").code == 0


def website(desk: Desk) -> dict[str, str]:
    """What the checklist says of the website."""
    facts = desk.admin("print", "checklist", "--json").json()["facts"]
    found: dict[str, str] = facts["house"]["website"]
    return found


def last_check(desk: Desk) -> dict[str, object]:
    entry: dict[str, object] = desk.admin("log", "show", "--action", "policy.checked", "--json").json()["entries"][-1][
        "entry"
    ]
    return entry


def test_p18_before_a_text_is_adopted_nothing_is_compared(desk: Desk, pages: WebServer) -> None:
    assert "No policy has been adopted yet" in desk.admin("policy", "show").out
    assert "No policy has been adopted here" in desk.admin("policy", "check", pages.url("/cameras")).refusal()


def test_p18_the_posted_policy_is_compared_and_the_checklist_knows_of_it(
    desk: Desk, pages: WebServer, tmp_path: Path
) -> None:
    adopted(desk, tmp_path)
    assert "has not said where the policy is posted" in desk.admin("policy", "check").refusal()
    unset = desk.admin("policy", "check", pages.url("/cameras"))
    assert unset.code == 0 and "does not count it" in unset.out and "board set policy_address" in unset.out
    assert website(desk)["done_on"] == ""
    board_page(desk, pages.url("/cameras"))
    same = desk.admin("policy", "check")
    assert same.code == 0, same
    assert "says what was adopted, in the same words: version 3, adopted on Mar 10, 2026." in same.out
    assert "the checklist counts it" in same.out
    assert website(desk)["done_on"] != "" and "the adopted words" in website(desk)["finding"]
    entry = last_check(desk)
    facts = entry["facts"]
    assert isinstance(facts, dict)
    assert (facts["verdict"], facts["adopted"], facts["website"]) == ("same", SHA256, True)
    assert facts["posted"] == hashlib.sha256(PAGE.encode()).hexdigest()
    # the same page through a redirect, and another page
    assert desk.admin("policy", "check", pages.url("/elsewhere")).code == 0
    other = desk.admin("policy", "check", pages.url("/other"), "--json")
    assert other.code == 3
    said = other.json()
    assert (said["verdict"], said["same"], said["counts"], said["seq"] > 0) == ("different", False, False, True)
    assert (
        said["differences"] == [{"adopted": "A copy goes to anyone.", "posted": "A copy goes to nobody."}]
        or "nobody" in said["differences"][0]["posted"]
    )


def test_p18_what_is_posted_differs_and_is_a_repair_until_it_is_right(
    desk: Desk, pages: WebServer, tmp_path: Path
) -> None:
    adopted(desk, tmp_path)
    board_page(desk, pages.url("/other"))
    differs = desk.admin("policy", "check")
    assert differs.code == 3
    for words in (
        "does not match what was adopted: it differs in 1 place",
        "- ",
        "+ ",
        "goes to nobody",
        "--- adopted",
    ):
        assert words in differs.out
    assert "in 1 place" in website(desk)["defect"]
    board_page(desk, pages.url("/home"))
    absent = desk.admin("policy", "check")
    assert absent.code == 3 and "The policy is not there" in absent.out
    board_page(desk, pages.url("/cameras"))
    assert desk.admin("policy", "check").code == 0
    assert website(desk)["defect"] == ""


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/nothing", "answers 404"),
        ("/picture", "no text (image/png)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(desk: Desk, pages: WebServer, path: str, words: str) -> None:
    assert words in desk.admin("policy", "check", pages.url(path)).refusal()


@pytest.mark.parametrize("word", ["no-such.html", "library.example/cameras"])
def test_what_is_no_page_and_no_file_is_refused(desk: Desk, word: str) -> None:
    assert "starts with https://" in desk.admin("policy", "check", word).refusal()


def test_a_page_that_is_not_on_the_web_is_not_looked_for_among_the_files(desk: Desk) -> None:
    assert "not an http or https address" in desk.admin("policy", "check", "ftp://library.example/").refusal()


def test_what_a_page_says_is_shown_inert(desk: Desk, pages: WebServer, tmp_path: Path) -> None:
    adopted(desk, tmp_path)
    shown = desk.admin("policy", "check", pages.url("/hostile"))
    assert shown.code == 3 and "anyone" in shown.out  # that nothing is obeyed, the desk sees to


def test_a_file_is_compared_and_counts_when_it_is_said_where_it_was_saved_from(
    desk: Desk, pages: WebServer, tmp_path: Path
) -> None:
    adopted(desk, tmp_path)
    board_page(desk, pages.url("/cameras"))
    saved = tmp_path / "saved.html"
    saved.write_text(PAGE)
    asked = len(pages.asked)
    assert "--address" in desk.admin("policy", "check", saved).out
    assert "counts it" in desk.admin("policy", "check", saved, "--address", pages.url("/cameras")).out
    assert (
        "The page that the Board set is" in desk.admin("policy", "check", saved, "--address", "https://x.example").out
    )
    ours = desk.admin("print", "policy", "--as", "html", "--file", tmp_path / "ours.html")
    assert ours.code == 0
    exact = desk.admin("policy", "check", tmp_path / "ours.html", "--json").json()
    assert exact["verdict"] == "exact"
    assert len(pages.asked) == asked
    saved.write_bytes(b"x" * (posted_offline.MAX_BYTES + 1))
    assert "more than 5 MB" in desk.admin("policy", "check", saved).refusal()


# --- over SSH ---------------------------------------------------------------------------------------------------------


def test_from_outside_the_service_fetches_the_boards_page_and_no_other(
    desk: Desk, pages: WebServer, tmp_path: Path
) -> None:
    adopted(desk, tmp_path)
    board_page(desk, pages.url("/cameras"))
    before = len(pages.asked)
    assert desk.person("sam", "policy", "check").code == 0
    assert desk.person("sam", "policy", "check", pages.url("/cameras/")).code == 0
    assert pages.asked[before:] == ["/cameras", "/cameras"]
    for other in (pages.url("/other"), "http://127.0.0.1:22/", "/etc/passwd", "file:///etc/passwd"):
        assert "only the page that the Board set" in desk.person("sam", "policy", "check", other).refusal()
    assert len(pages.asked) == before + 2
    entries = desk.admin("log", "show", "--action", "policy.posted", "--json").json()["entries"]
    assert len(entries) == 2


def test_a_seat_cannot_make_the_service_ask_its_neighbours(desk: Desk, pages: WebServer, tmp_path: Path) -> None:
    adopted(desk, tmp_path)
    with WebServer({"/": Page(b"secret")}) as inside:
        board_page(desk, inside.url("/"))
        assert "not public" in desk.person("dora", "policy", "check").refusal()
        pages.pages["/in"] = Page.to(inside.url("/"))
        board_page(desk, pages.url("/in"))
        assert "not public" in desk.person("dora", "policy", "check").refusal()
        assert inside.asked == []


def test_from_outside_a_page_comes_by_standard_input(
    desk: Desk, pages: WebServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adopted(desk, tmp_path)
    board_page(desk, pages.url("/cameras"))
    given = io.TextIOWrapper(io.BytesIO(PAGE.encode()))
    monkeypatch.setattr(io, "StringIO", lambda: given)  # what the desk gives as standard input
    said = desk.person("sam", "policy", "check", "-", "--address", pages.url("/cameras"), "--json").json()
    assert (said["verdict"], said["counts"]) == ("same", True)
    assert sys.stdin is not None


# --- show -------------------------------------------------------------------------------------------------------------


def test_p20_the_text_in_force_is_shown_and_one_that_was_edited_is_not(
    desk: Desk, web: tuple[WebServer, Library], tmp_path: Path
) -> None:
    adopted(desk, tmp_path)
    shown = desk.person("sam", "policy", "show", "--text")
    assert SHA256 in shown.out and "Nobody watches them all day." in shown.out
    assert "adopted on Mar 10, 2026" in shown.out
    model = desk.person("sam", "policy", "show", "--model", "--text").out
    assert "not any library's policy" in model and "Nobody watches them all day." not in model
    file = web[1].service.data / "state" / "policy" / f"{SHA256}.txt"
    try:
        file.chmod(0o600)
        file.write_text(TEXT.replace("Nobody", "Somebody"))
        edited = desk.admin("policy", "show", "--text")
        assert edited.code == 1 and "Somebody" not in edited.out and "P20" in edited.err
        assert "P20" in desk.admin("policy", "check", "-").refusal()
    finally:
        file.write_text(TEXT)


def test_without_a_service_it_is_told_from_what_lies_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from tests.tui.cli.test_driver import here  # noqa: PLC0415

    shown = here(capsys, monkeypatch, "policy", "show", "--data", tmp_path / "nothing")
    assert (shown.code, "No policy has been adopted" in shown.out, "is not set up" in shown.err) == (0, True, True)
