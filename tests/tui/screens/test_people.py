"""People by keys alone: enrolled with a pasted key, appointed by letter, ended, shared with; and one's own row (P11, P14)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from textual.pilot import Pilot
from textual.widgets import DataTable, Tabs

from holdshelf_core.api.types_people import AppointmentRow, PersonRow, SeatRow, ShareRow
from holdshelf_tui.screens.people import PeoplePane
from holdshelf_tui.widgets.fields import PasteField
from tests.keys import new_key
from tests.people import PAPER, day
from tests.tui.keyboard import Desk, fills, said, types, until_said
from tests.tui.stage import Stage, settled, until


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with Desk(tmp_path_factory.mktemp("people")) as running:
        yield running


def person(stage: Stage, login: str) -> PersonRow | None:
    rows = stage.service.client.get("/rules/people", list[PersonRow])
    return next((row for row in rows if row.login == login), None)


async def people_tab(pilot: Pilot[str], part: str = "people", key: str = "") -> PeoplePane:
    """The tab, that part of it in front, with the cursor on that row."""
    home = await settled(pilot)
    pane = await home.go("people")
    assert isinstance(pane, PeoplePane)
    await until(pilot, "the people are known", lambda: pane.query_one(DataTable).row_count)
    if part != "people":
        pane.query_one(Tabs).active = f"part-{part}"
        await until(pilot, part, lambda: pane._part == part)
    table = pane.query_one(DataTable)
    if key:
        await until(pilot, key, lambda: key in {str(row.value) for row in table.rows})
        table.move_cursor(row=table.get_row_index(key))
    table.focus()
    await pilot.pause()
    return pane


def rfc4716(line: str) -> str:
    """As PuTTYgen saves a public key."""
    blob = line.split()[1]
    folded = "\n".join(blob[at : at + 64] for at in range(0, len(blob), 64))
    return f'---- BEGIN SSH2 PUBLIC KEY ----\nComment: "ed25519-key"\n{folded}\n---- END SSH2 PUBLIC KEY ----'


async def test_a_person_is_enrolled_with_an_openssh_line(stage: Stage) -> None:
    line, fingerprint = new_key()
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        await pilot.press("n")
        await until_said(pilot, "It gives no right yet")
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
        shown = await until_said(pilot, "the old ones are void")
        assert "Sam Roe (sam) has 1 key." in shown and "[ ] the PC or key was lost" in shown  # nobody said so yet
        await types(pilot, rfc4716(line))
        await pilot.press("tab", "space", "enter")
        await until_said(pilot, "The key is installed")
    after = person(stage, "sam")
    assert after is not None and [key.fingerprint for key in after.keys] == [fingerprint]


async def test_the_first_empty_field_is_asked_for_and_a_mended_one_no_longer_complained_of(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        await pilot.press("n")
        await until_said(pilot, "It gives no right yet")
        await pilot.press("enter")
        await until_said(pilot, "What is the person's name?")
        assert pilot.app.focused is not None and pilot.app.focused.id == "name"
        await types(pilot, "Wes Ahl")
        await until(pilot, "it is told no longer", lambda: "What is the person's name?" not in said(pilot))
        await pilot.press("enter")
        await until_said(pilot, "What does the person log in as?")
        assert pilot.app.focused.id == "login"


async def test_a_private_key_is_refused_in_words_and_does_not_stay_on_the_screen(stage: Stage) -> None:
    private = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot)
        await pilot.press("n")
        await until_said(pilot, "Public key")
        await fills(pilot, "Vic Oss", "vic", private.strip())
        await pilot.press("enter")
        await until_said(pilot, "This is a private key, which is yours alone")
        assert pilot.app.screen.query_one(PasteField).value == ""
        assert "BEGIN OPENSSH" not in said(pilot)
    assert person(stage, "vic") is None


async def test_p11_a_designee_is_appointed_by_letter_and_the_letter_is_ended(stage: Stage) -> None:
    stage.people.enrol("pia", "Pia Lund", stage.client("dora"))
    pia = person(stage, "pia")
    assert pia is not None
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        await people_tab(pilot, key=pia.id)
        await pilot.press("a")
        await until_said(pilot, "Appoint a designee")
        await pilot.press("enter")
        await until_said(pilot, "What may the designee do?")
        await pilot.press("down", "space", "down", "space")  # archive, hold
        await pilot.press("tab", "space")  # the lobby
        await fills(pilot, "", "", "in 90 days", "reports of incidents", PAPER)
        await pilot.press("enter")
        await until_said(pilot, "The designee is appointed")
    (letter,) = [
        row for row in stage.client("dora").get("/rules/appointments", list[AppointmentRow]) if row.person == pia.id
    ]
    assert (letter.rights, letter.cameras, letter.paper_sha256) == (["archive", "hold"], ["lobby"], PAPER)
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "letters", letter.id)
        assert "Fingerprint of the letter's scan" in said(pilot)
        pane.action_do("end_letter")
        await until_said(pilot, "what they have open closes at once")
        await types(pilot, "no longer needed\n")
        await until_said(pilot, "It has ended")
    rows = stage.client("dora").get("/rules/appointments", list[AppointmentRow])
    assert {row.id: row.state for row in rows}[letter.id] == "ended"


async def test_p11_a_successor_is_named_and_a_term_is_ended(stage: Stage) -> None:
    stage.people.enrol("max", "Max Berg", stage.client("dora"))
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "seats")
        pane.action_do("seat")
        await until_said(pilot, "Name who holds a seat")
        await pilot.press("down", "down", "tab")  # the Mayor; then Carl, Max, …
        names = [words for _, words in pilot.app.screen.query_one("#person")._choices]  # type: ignore[attr-defined]
        await pilot.press(*["down"] * names.index("Max Berg (max)"))
        await fills(pilot, "", "", "12/31/2099", PAPER)
        await pilot.press("enter")
        await until_said(pilot, "The seat is held")
    seats = {row.seat: row for row in stage.client("dora").get("/rules/seats", list[SeatRow])}
    assert (seats["mayor"].name, seats["mayor"].state) == ("Max Berg", "active")
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "seats", seats["mayor"].id)
        pane.action_do("end_seat")
        await until_said(pilot, "Letters of appointment of this seat lapse with it")
        await types(pilot, "the term is over\n")
        await until_said(pilot, "The term ends")
    seats = {row.seat: row for row in stage.client("dora").get("/rules/seats", list[SeatRow])}
    assert seats["mayor"].state == "ended"


async def test_p14_a_recording_is_shared_and_the_share_is_ended(stage: Stage) -> None:
    async with stage.app("dora").run_test(size=(80, 24)) as pilot:
        pane = await people_tab(pilot, "shares")
        pane.action_do("share")
        await until_said(pilot, "Share a recording, view only")
        await fills(pilot, "sam", "", "", " ", "55 min ago", "1 min", "3", " ")
        await pilot.press("enter")
        await until_said(pilot, "It is shared")
        await pilot.press("enter")
        (share,) = stage.client("dora").get("/rules/shares", list[ShareRow])
        assert (share.name, share.camera, share.state) == ("Sam Roe", "lobby", "active")
        await until(pilot, "the list knows", lambda: pane.query_one(DataTable).row_count == 1)
        pane.action_do("end_share")
        await until_said(pilot, "can view it no longer")
        await types(pilot, "identified\n")
        await until_said(pilot, "It has ended")
    (share,) = stage.client("dora").get("/rules/shares", list[ShareRow])
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
        assert "Dora" not in shown and "Enrol" not in shown and "Seats" not in shown
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
            await pilot.press("n")
            await until_said(pilot, "Name the Library Director")
            await fills(pilot, "Dora Reed", "dora", line)
            await pilot.press("enter")
            await until_said(pilot, "The Library Director is named")
        seats = stage.service.client.get("/rules/seats", list[SeatRow])
        assert [(seat.seat, seat.name, seat.state) for seat in seats] == [("director", "Dora Reed", "active")]
