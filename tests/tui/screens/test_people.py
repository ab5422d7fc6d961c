"""People by keys alone: enrolled with a pasted key, appointed by letter, ended, shared with; and one's own row (P11, P14)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from textual.pilot import Pilot
from textual.widgets import Button, DataTable, Input, Tabs

from holdshelf_core.people.types import (
    PersonRow,
    ReadAppointments,
    ReadPeople,
    ReadSeats,
    ReadShares,
)
from holdshelf_tui.screens.people import PeoplePane
from holdshelf_tui.session.paper_upload import PaperUpload
from holdshelf_tui.widgets.fields import Choice, PasteField
from tests.keys import new_key
from tests.people import PAPER, day
from tests.tui.keyboard import Desk, does, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until

pytestmark = pytest.mark.usefixtures("no_frames")


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("people")) as running:
        yield running


def person(stage: Stage, login: str) -> PersonRow | None:
    rows = stage.service.client.read(ReadPeople())
    return next((row for row in rows if row.login == login), None)


async def people_tab(pilot: Pilot[str], part: str = "people", key: str = "") -> PeoplePane:
    """The tab, that part of it in front, with the cursor on that row."""
    home = await settled(pilot)
    pane = await home.go("people")
    assert isinstance(pane, PeoplePane)
    await until(pilot, "the people are known", lambda: pane.query_one(DataTable).row_count)
    if part != "people":
        pane.query_one(Tabs).active = f"part-{part}"
        await until(pilot, part, lambda: pane.part == part)
    table = pane.query_one(DataTable)
    if key:
        await until(pilot, key, lambda: key in {str(row.value) for row in table.rows})
        table.move_cursor(row=table.get_row_index(key))
        await until(pilot, f"the cursor on {key}", lambda: getattr(pane.chosen, "id", "") == key)
    table.focus()
    await until(pilot, "the list has the keys", lambda: pilot.app.focused is table)
    return pane


async def test_left_and_right_lead_from_list_to_list(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot)
        await pilot.press("right", "right", "right")
        await until(pilot, "three further", lambda: pane.part == "shares")
        assert pane.query_one(Tabs).active == "part-shares"
        await pilot.press("left", "left", "left", "left")
        await until(pilot, "the first again, and none before it", lambda: pane.part == "people")
        assert isinstance(pilot.app.focused, DataTable), "the list keeps the cursor"


def rfc4716(line: str) -> str:
    """As PuTTYgen saves a public key."""
    blob = line.split()[1]
    folded = "\n".join(blob[at : at + 64] for at in range(0, len(blob), 64))
    return f'---- BEGIN SSH2 PUBLIC KEY ----\nComment: "ed25519-key"\n{folded}\n---- END SSH2 PUBLIC KEY ----'


async def test_a_person_is_enrolled_with_an_openssh_line(stage: Stage) -> None:
    line, fingerprint = new_key()
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        await pilot.press("i")
        await until_said(pilot, "This gives no right yet")
        await fills(pilot, "Una Birk", "una", line, "una@example.org")
        await pilot.press("enter")
        await until_said(pilot, "The person is enrolled. Entry")
        await pilot.press("enter")
        await until_said(pilot, "Una Birk, logs in as una, una@example.org")
    row = person(stage, "una")
    assert row is not None and [key.fingerprint for key in row.keys] == [fingerprint]


async def test_a_key_of_several_lines_is_pasted_whole_and_replaces_a_lost_one(stage: Stage) -> None:
    line, fingerprint = new_key()
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        sam = person(stage, "sam")
        assert sam is not None
        await people_tab(pilot, key=sam.id)
        await pilot.press("k")
        shown = await until_said(pilot, "the old keys")
        assert "Sam Roe (sam) has 1 key." in shown and "[ ] the PC or key was lost" in shown  # nobody said so yet
        await types(pilot, rfc4716(line))
        await pilot.press("tab", "space", "enter")
        await until_said(pilot, "The key is installed")
    after = person(stage, "sam")
    assert after is not None and [key.fingerprint for key in after.keys] == [fingerprint]


async def test_the_first_empty_field_is_asked_for_and_a_mended_one_no_longer_complained_of(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        await pilot.press("i")
        await until_said(pilot, "This gives no right yet")
        await pilot.press("enter")
        await until_said(pilot, "What is the person's name?")
        await until(pilot, "the cursor there", lambda: getattr(pilot.app.focused, "id", "") == "name")
        await types(pilot, "Wes Ahl")
        await until(pilot, "it is told no longer", lambda: "What is the person's name?" not in said(pilot))
        await pilot.press("enter")
        await until_said(pilot, "What does the person log in as?")
        await until(pilot, "the cursor there", lambda: getattr(pilot.app.focused, "id", "") == "login")


async def test_a_private_key_is_refused_in_words_and_does_not_stay_on_the_screen(stage: Stage) -> None:
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        await pilot.press("i")
        await until_said(pilot, "Public key")
        await fills(pilot, "Vic Oss", "vic", private.strip())
        await pilot.press("enter")
        await until_said(pilot, "This is a private key. Never give it to anyone")
        await until(pilot, "it is gone", lambda: pilot.app.screen.query_one(PasteField).value == "")
        await until(pilot, "no letter of it", lambda: "BEGIN OPENSSH" not in said(pilot))
    assert person(stage, "vic") is None


async def test_the_letter_that_was_sent_into_the_drop_fills_in_its_own_digits(stage: Stage) -> None:
    stage.people.enrol("ola", "Ola Bay", stage.client("dora"))
    ola = person(stage, "ola")
    assert ola is not None
    letter = b"%PDF-1.7 a letter %%EOF"
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot, key=ola.id)
        await pilot.press("g")
        await until(pilot, "the letter's form", lambda: pilot.app.screen.query(".sent"))
        button = pilot.app.screen.query_one(".sent", Button)
        button.focus()
        await pilot.press("enter")
        await until_said(pilot, "put warrant.jpg drop")
        upload = PaperUpload(stage.client("dora"), "letter.pdf")
        upload.write(letter)
        sent = upload.finish()
        button.focus()
        await pilot.press("enter")
        await until_said(pilot, "letter.pdf (PDF, ")
        await until(pilot, "the cursor there", lambda: getattr(pilot.app.focused, "id", "") == "paper")
        assert pilot.app.screen.query_one("#paper", Input).value == sent.sha256 == hashlib.sha256(letter).hexdigest()


async def test_p11_a_designee_is_appointed_by_letter_and_the_letter_is_ended(stage: Stage) -> None:
    stage.people.enrol("pia", "Pia Lund", stage.client("dora"))
    pia = person(stage, "pia")
    assert pia is not None
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot, key=pia.id)
        await pilot.press("g")
        await until_said(pilot, "Appoint a designee")
        await pilot.press("enter")
        await until_said(pilot, "What may the designee do?")
        await pilot.press("down", "space", "down", "space")  # archive, hold
        await pilot.press("tab", "space")  # the lobby
        await fills(pilot, "", "", "in 90 days", "reports of incidents", PAPER)
        await pilot.press("enter")
        await until_said(pilot, "The designee is appointed")
    (letter,) = [row for row in stage.client("dora").read(ReadAppointments()) if row.person == pia.id]
    assert (letter.rights, letter.cameras, letter.paper_sha256) == (["archive", "hold"], ["lobby"], PAPER)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "letters", letter.id)
        await until_said(pilot, "Fingerprint of the letter's scan")
        await does(pilot, pane, "end_letter")
        await until_said(pilot, "everything they had open was closed")
        await types(pilot, "no longer needed\n")
        await until_said(pilot, "It has ended")
    rows = stage.client("dora").read(ReadAppointments())
    assert {row.id: row.state for row in rows}[letter.id] == "ended"


async def test_p11_a_successor_is_named_and_a_term_is_ended(stage: Stage) -> None:
    stage.people.enrol("max", "Max Berg", stage.client("dora"))
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "seats")
        await does(pilot, pane, "seat")
        await until_said(pilot, "Name who holds a seat")
        await pilot.press("down", "down", "tab")  # the Mayor; then Carl, Max, …
        names = [words for _, words in pilot.app.screen.query_one("#person", Choice)._choices]
        await pilot.press(*["down"] * names.index("Max Berg (max)"))
        await fills(pilot, "", "", "12/31/2099", PAPER)
        await pilot.press("enter")
        await until_said(pilot, "The seat has a new holder")
    seats = {row.seat: row for row in stage.client("dora").read(ReadSeats())}
    assert (seats["mayor"].name, seats["mayor"].state) == ("Max Berg", "active")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "seats", seats["mayor"].id)
        await does(pilot, pane, "end_seat")
        await until_said(pilot, "Letters of appointment of this seat lapse with it")
        await types(pilot, "the term is over\n")
        await until_said(pilot, "The term ends")
    seats = {row.seat: row for row in stage.client("dora").read(ReadSeats())}
    assert seats["mayor"].state == "ended"


async def test_somebody_is_entered_as_away_and_as_back(stage: Stage) -> None:
    seats = {row.seat: row for row in stage.client("dora").read(ReadSeats())}
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "seats", seats["director"].id)
        await does(pilot, pane, "away")
        await until_said(pilot, "is away from now on")
        await types(pilot, "on a journey\n")
        await until_said(pilot, "It is recorded")
        await pilot.press("enter")
        await until_said(pilot, "away, ")
        await does(pilot, pane, "away")
        await until_said(pilot, "is back")
        await pilot.press("enter")
        await until_said(pilot, "It is recorded")
    seats = {row.seat: row for row in stage.client("dora").read(ReadSeats())}
    assert seats["director"].away_since_utc_ns is None


async def test_p14_a_recording_is_shared_and_the_share_is_ended(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "shares")
        await does(pilot, pane, "share")
        await until_said(pilot, "Share a recording, view only")
        names = [words for _, words in pilot.app.screen.query_one("#person", Choice)._choices]
        await pilot.press(*["down"] * names.index("Sam Roe (sam)"))
        await fills(pilot, "", "", "", " ", "55 min ago", "1 min", "3", " ")
        await pilot.press("enter")
        await until_said(pilot, "It is shared")
        await pilot.press("enter")
        (share,) = stage.client("dora").read(ReadShares())
        assert (share.name, share.camera, share.state) == ("Sam Roe", "lobby", "active")
        await until(pilot, "the list knows", lambda: getattr(pane.chosen, "id", "") == share.id)
        await does(pilot, pane, "end_share")
        await until_said(pilot, "can no longer view it")
        await types(pilot, "identified\n")
        await until_said(pilot, "It has ended")
    (share,) = stage.client("dora").read(ReadShares())
    assert share.state == "ended"


async def test_p11_the_admin_installs_a_key_only_on_paper(stage: Stage) -> None:
    line, fingerprint = new_key()
    carl = person(stage, "carl")
    assert carl is not None
    async with stage.app("").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot, key=carl.id)
        assert "Appoint" not in said(pilot) and "Has left" not in said(pilot)
        await pilot.press("k")
        await until_said(pilot, "A new key")
        await fills(pilot, line, "", "")  # beside the one they have
        await pilot.press("enter")
        await until_said(pilot, "The signed paper is missing")
        await types(pilot, PAPER + "\n")
        await until_said(pilot, "The key is installed")
    after = person(stage, "carl")
    assert after is not None and fingerprint in [key.fingerprint for key in after.keys] and len(after.keys) == 2


async def test_others_see_their_own_row_and_change_their_own_key(stage: Stage) -> None:
    stage.people.appoint("tom", "Tom Ash", stage.client("dora"), "hold", last_day=day(5), cameras=["desk"])
    line, _ = new_key()
    async with stage.app("tom").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        shown = await until_said(pilot, "Tom Ash, logs in as tom")
        assert "Dora" not in shown and "Enroll" not in shown and "Seats" not in shown
        await pilot.press("k", *["space"])
        await until_said(pilot, "A new key")
        await pilot.press("backspace")
        await types(pilot, line)  # beside the one that this session came with
        await pilot.press("enter")
        await until_said(pilot, "The key is installed")
    after = person(stage, "tom")
    assert after is not None and len(after.keys) == 2


async def test_the_first_run_offers_to_name_the_director(tmp_path_factory: pytest.TempPathFactory) -> None:
    class Empty(Desk):
        def __enter__(self) -> Empty:
            self.service.__enter__()
            return self

    line, _ = new_key()
    with Empty(tmp_path_factory.mktemp("first")) as stage:
        async with stage.app("").run_test(size=(80, 24)) as pilot:
            home = await settled(pilot)
            pane = await home.go("people")
            await until_said(pilot, "Nobody holds a seat yet")
            assert isinstance(pane, PeoplePane)
            await pilot.press("i")
            await until_said(pilot, "Name the Library Director")
            await fills(pilot, "Dora Reed", "dora", line)
            await pilot.press("enter")
            await until_said(pilot, "The Library Director is named")
        seats = stage.service.client.read(ReadSeats())
        assert [(seat.seat, seat.name, seat.state) for seat in seats] == [("director", "Dora Reed", "active")]
