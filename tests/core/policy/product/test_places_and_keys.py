"""Places, signs, the checklist, keys as they are pasted, and the rules as they are explained: by acts and commands."""

from __future__ import annotations

import base64
import struct
from typing import Any

import pytest

from holdshelf_core.cameras import checklist_types as checklist
from holdshelf_core.cameras import commission_types as commission
from holdshelf_core.cameras import types as cameras
from holdshelf_core.cameras.commissioning import async_raise_repairs
from holdshelf_core.errors import NotFound
from holdshelf_core.operations import offline
from holdshelf_core.people import types as people
from holdshelf_core.people.board_types import BoardSet, PolicyAdopt
from holdshelf_core.policy_file.first import FIRST, first_policy
from tests.core.policy.product.test_looks_and_holds import look
from tests.rules_furnished import House
from tests.rules_model import DAY_NS, MINUTE_NS

# --- places -----------------------------------------------------------------------------------------------------


def move(camera: str, kind: str, **more: Any) -> cameras.CameraMove:
    return cameras.CameraMove(camera, kind, "moved", **more)


def test_p4_and_p5_where_a_camera_may_look(house: House) -> None:
    house.refused(None, move("front", "restroom"), "P5", "private")
    house.refused(None, move("front", "Staff_Lounge2"), "P5", "private")
    house.wrong(None, move("front", "roof"), "is not a kind of area on the policy's list (P4)")
    house.wrong(None, move("front", "other"), "needs a note")
    house.refused("dora", move("front", "seating"), "P4", "Only the admin of this server")
    house.ask(None, move("front", "other", area_note="the stairs"))
    assert house.state.commissions["front"].state == "new"
    house.refused("dora", look(house), "P4", "no seat has approved it for use yet")
    house.wrong(None, cameras.CameraRename("front", "Men's room"), "sounds like")
    house.ask(None, cameras.CameraRename("front", "Men's room", questioned=True))
    rows = {row.camera: row for row in house.read(None, commission.ReadCommissions())}
    assert any("named like a private place" in caution for caution in rows["front"].cautions)


def test_p4_p5_under_another_file_a_camera_stands_where_it_stood_and_may_no_longer(house: House) -> None:
    file = FIRST.read_text()

    def adopt(version: str, file: str) -> list[str]:
        house.ask("carl", PolicyAdopt("Cameras stand at the doors.", version, "2026-01-01", "enforce", "", file))
        async_raise_repairs(house.rig.house.authorizer)
        return [one.sentence for one in house.rig.house.repairs.async_all() if one.camera_id == "front"]

    assert adopt("2", file) == []
    (told,) = adopt("3", file.replace('"entrance"', '"door"'))
    assert told == "Front is in use in a place that the policy does not list: entrance (P4)."
    house.ask("dora", look(house))
    adopt(
        "4",
        file.replace('"entrance"', '"door"') + '\n[[place]]\nkey = "entrance"\nwords.en = "porch"\nprivate = true\n',
    )
    house.refused("dora", look(house), "P5", "Front is in a private place (porch), and nobody may see it (P5: ")
    house.refused(None, move("hall", "entrance"), "P5", "private area such as a porch")


def test_p4_what_stands_between_a_camera_and_its_approval(house: House) -> None:
    edit = commission.CommissionEdit("hall", masks=[], no_masks_why="a bare wall", why="the view changed")
    house.refused("bob", edit, "P14", "viewing only")
    house.refused("dora", commission.CommissionEdit("roof"), "P4", "There is no camera")
    house.refused("dora", commission.CommissionStill("roof"), "P4", "There is no camera")
    house.refused("dora", commission.CommissionStill("hall"), "P12", "is in use")
    house.ask("dora", commission.CommissionEdit("hall", exterior=True, why="it sees the street"))
    house.ask("dora", edit)
    house.refused("dora", commission.CommissionApprove("hall", "a" * 16), "P4", "no reference still")
    house.refused("dora", commission.CommissionApprove("roof", "a" * 16), "P4", "There is no camera")
    house.ask("dora", commission.CommissionStill("hall"))
    house.ask(None, move("hall", "service-desk"))
    rows = {row.camera: row for row in house.read(None, commission.ReadCommissions())}
    assert any("has no mask" in caution for caution in rows["hall"].cautions)
    house.ask("dora", cameras.CameraRetire("hall", "it broke"))
    house.refused("dora", look(house, cameras=["hall"], mode="live"), "P4", "")
    rows = {row.camera: row for row in house.read(None, commission.ReadCommissions())}
    assert rows["hall"].state == "retired" or rows["hall"].lacking


def test_p4_a_camera_without_masks_takes_a_word_why(house: House) -> None:
    mask = commission.MaskAsk([(0, 0), (5000, 0), (5000, 5000)], "the desk")
    house.ask("dora", commission.CommissionEdit("hall", masks=[mask], why="the view changed"))
    house.ask("dora", commission.CommissionStill("hall"))
    house.ask("dora", commission.CommissionApprove("hall", house.state.commissions["hall"].still_sha256))
    house.ask("dora", cameras.CameraRetire("hall", "it broke"))
    house.ask("dora", look(house, cameras=["hall"]))
    house.refused("dora", look(house, cameras=["hall"], mode="live"), "P4", "retired")
    house.refused("dora", commission.CommissionEdit("nowhere"), "P4", "There is no camera")


# --- signs and the checklist -------------------------------------------------------------------------------------


def ticked(*codes: str, **more: Any) -> checklist.ChecklistEnter:
    return checklist.ChecklistEnter(list(codes), **more)


def test_p3_signs_are_attested_waived_and_found_wanting(house: House) -> None:
    def state() -> list[str]:
        return [row.state for row in house.read(None, commission.ReadEntrances())]

    def lacking() -> str:
        rows = {row.camera: row for row in house.read(None, commission.ReadCommissions())}
        return " ".join(rows["hall"].lacking)

    mask = commission.MaskAsk([(0, 0), (5000, 0), (5000, 5000)], "the desk")
    house.ask("dora", commission.CommissionEdit("hall", masks=[mask], why="the view changed"))
    house.ask("dora", commission.EntranceAdd("Side door"))
    assert "Nobody has attested the sign at Side door" in lacking()
    house.refused("dora", commission.EntranceWaive("e2", " "), "P3", "needs a reason")
    house.refused("dora", commission.EntranceWaive("e2", "repainted", 30), "P3", "at most 7 days")
    house.ask("dora", commission.EntranceWaive("e2", "repainted"))
    assert "Side door" not in lacking()
    house.pass_days(8)
    assert "The waiver for the sign at Side door ended on" in lacking()
    house.ask("dora", commission.EntranceAttest("e2", "A4", "English", legible=True, lit=True))
    assert "Side door" not in lacking()
    house.ask("dora", commission.EntranceAttest("e2", defect="torn"))
    assert "has a defect: torn" in lacking()
    house.ask("dora", commission.EntranceRemove("e2", "walled up"))
    assert state() == ["attested", "removed"]
    house.pass_days(181)
    assert "was to be checked by" in lacking()
    house.ask("dora", commission.EntranceRemove("e1", "walled up"))
    assert "No entrance is registered" in lacking()


def test_the_codes_of_the_checklist(house: House) -> None:
    for code, words in (
        ("e9.present", "There is no entrance"),
        ("entrance:e9.present", "There is no entrance"),
        ("roof.area", "is not a checklist code"),
        ("e1", "does not name an item to check"),
        ("house", "does not name an item to check"),
        ("house.all", "one by one"),
        ("e1.flag", "has no item"),
        ("e1.present,lit=4", "A value belongs to one item"),
        ("e1.present=4", "takes no value"),
        ("e1.legible", "needs a number of feet"),
        ("e1.version", "needs its words"),
        ("e1.legible=far", "is a number of feet"),
        ("e1.legible=0", "is a number of feet"),
    ):
        house.wrong("dora", ticked(code), words)
    house.wrong("dora", ticked(), "No code was given")
    house.wrong("dora", ticked("house", defect="torn"), "Which item under “house” do you mean?")
    house.refused("ann", ticked("house.copies"), "P1", "Only the Director, Chair or Mayor attests")
    house.ask("ann", ticked("front.area", "camera:hall.neighbours, walktest", "e1.language=English"))
    house.ask("dora", ticked("h.copies", "house.website", checker="Sam"))
    rows = {row.code: row for row in house.read(None, checklist.ReadChecklist())}
    assert {point.id for point in rows["front"].points if point.seen_utc_ns} == {"area"}


def test_ticks_defects_and_what_is_taken_back(house: House) -> None:
    house.rig.time.run(MINUTE_NS)
    for codes in (("e1.legible=30 ft", "e1.version=2027-1"), ("e1.all",)):
        house.ask("dora", ticked(*codes))
    house.rig.time.run(MINUTE_NS)
    house.ask("dora", ticked("e1.all"))
    yesterday = house.state.entrances["e1"].attested_utc_ns
    assert yesterday
    house.ask("dora", ticked("e1.present", on="2026-11-24"))
    house.ask("dora", ticked("e1.lit", defect="too dark"))
    house.ask("dora", ticked("e1", defect="torn"))
    assert house.state.entrances["e1"].defect == "lit: too dark; torn"
    house.ask("dora", ticked("e1.all", "e1.legible=30"))
    house.ask("dora", ticked("e1.all", "e1.legible=30", mended="2026-11-25"))
    house.ask("dora", ticked("e1.language", take_back=True))
    house.ask("dora", ticked("e1.present", take_back=True))
    assert house.state.entrances["e1"].attested_utc_ns is None
    house.ask("dora", commission.EntranceAttest("e1", "A4", legible=True, lit=True, defect="crooked"))
    house.ask("dora", ticked("e1.present"))
    house.ask("dora", commission.EntranceAttest("e1", "A4", legible=True, lit=True))
    house.ask("dora", ticked("e1.present"))
    house.ask("dora", commission.EntranceAdd("Side door"))
    house.wrong("dora", ticked("e2.all", "e2.legible=20"), "is not described yet")
    house.ask("dora", ticked("e2.all", "e2.legible=20", "e2.version=1", on="2026-01-02"))
    house.ask("dora", ticked("front.area", defect="turned"))
    house.ask("dora", ticked("front", defect="dusty"))
    house.ask("dora", ticked("front.all", mended="2026-11-25"))
    house.ask("dora", ticked("house.copies", defect="gone"))
    house.ask("dora", ticked("house.copies", defect="gone again"))
    assert house.state.checks["house:copies"].defect == "gone again"
    house.ask("dora", ticked("house.copies"))
    assert house.state.checks["house:copies"].mended == "gone again"
    house.ask("dora", ticked("house.copies", on="2026-11-01"))
    house.ask("dora", commission.EntranceRemove("e2", "walled up"))
    house.wrong("dora", ticked("e2.all"), "There is no entrance")


def test_what_falls_due(house: House) -> None:
    def due() -> set[str]:
        return {point.code for row in house.read(None, checklist.ReadChecklist()) for point in row.points if point.due}

    def adopt() -> None:
        house.ask("carl", PolicyAdopt("Cameras keep us safe.", "1", "2026-11-25"))

    assert due() == set()
    adopt()
    house.ask("dora", ticked("house.copies", "house.board-review", "front.all"))
    house.pass_days(31)
    assert "house.website" in due()
    assert "house.copies" not in due()
    adopt()
    assert "house.copies" not in due()
    house.ask("dora", commission.CommissionEdit("hall", exterior=True, why="it sees the street"))
    house.ask("dora", ticked("hall.area"))
    house.pass_days(340)
    house.rig.housekeeping()
    assert {"front.area", "house.copies", "hall.masks"} <= due()
    house.ask(None, move("hall", "seating"))
    assert "hall.masks" not in due()


# --- keys ---------------------------------------------------------------------------------------------------------


def line(*fields: bytes, claimed: bytes = b"") -> str:
    raw = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return f"{(claimed or fields[0]).decode()} {base64.b64encode(raw).decode()}"


def number(value: int) -> bytes:
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


SK, SK_ECDSA = b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"
Y = bytes(range(7, 39))
GOOD = line(b"ssh-ed25519", Y)
BODY = GOOD.split()[1]
BIG = (1 << 3071) | 1
RFC4716 = "---- BEGIN SSH2 PUBLIC KEY ----\nComment: a \\\n long one\n%s\n---- END SSH2 PUBLIC KEY ----"


@pytest.mark.parametrize(
    "pasted",
    [
        GOOD,
        f"\ufeff# mine\r\n{GOOD} of mine",
        f"ssh-ed25519 {BODY[:30]}\n{BODY[30:]}",
        f"ssh-ed25519\n{BODY[:30]}\n{BODY[30:]}",
        RFC4716 % BODY,
        line(SK, Y, b"ssh:"),
        line(SK_ECDSA, b"nistp256", b"\x04" + bytes(64), b"ssh:"),
        line(b"ssh-rsa", number(65537), number(BIG)),
    ],
    ids=["line", "comment", "broken", "broken after the type", "RFC 4716", "sk", "sk-ecdsa", "rsa"],
)
def test_a_key_is_taken_however_it_is_pasted(house: House, pasted: str) -> None:
    house.ask("dora", people.PersonKey("bob", pasted))
    assert len(house.state.people["p4"].keys) == 2


def test_what_is_no_key_is_refused_in_words(house: House) -> None:
    form, cut = "is malformed", "cut off"
    for pasted, words in (
        ("x" * 17_000, "much too long"),
        ("\ufeff", "No key was given"),
        ("# mine\n# alone", "No key was given"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----", "This is a private key"),
        ("ssh-ed25519 \x01", "not plain text"),
        ("ssh-ed25519 \x00", "not plain text"),
        ("-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----", "PEM form"),
        (RFC4716.replace("END", "END OF") % BODY, cut),
        ((RFC4716 % BODY) * 2, "more than one key"),
        (f"{GOOD}\n{GOOD}", "more than one key"),
        (f"no-pty {GOOD}", "options before the key"),
        ("hello there", "not an SSH public key"),
        ("ssh-ed25519", cut),
        ("ssh-ed25519 AAA", cut),
        ("ssh-ed25519 AAAAAAAA", cut),
        ("ssh-ed25519 AAAA", cut),
        (RFC4716 % "", "not an SSH public key"),
        (line(b"ssh-ed25519", Y, claimed=b"ssh-rsa"), "is of another kind"),
        (line(b"ssh-ed25519-cert-v01@openssh.com", Y), "certificate"),
        (line(b"ssh-dss", Y), "(ssh-dss)"),
        (RFC4716 % line(b"!", Y, claimed=b"x").split()[1], "(another one)"),
        (line(b"ssh-ed25519", Y[:31]), form),
        (line(b"ssh-ed25519", bytes(32)), "is unsafe"),
        (line(SK, Y, b""), form),
        (line(SK_ECDSA, b"nistp256", bytes(65), b"ssh:"), form),
        (line(b"ssh-rsa", number(3)), form),
        (line(b"ssh-rsa", b"\x80", number(BIG)), form),
        (line(b"ssh-rsa", number(3), number((1 << 1023) | 1)), "1024 bits"),
        (line(b"ssh-rsa", number(3), b"\x00" * 0 + number((1 << 16391) | 1)), "much too long|16392 bits"),
        (line(b"ssh-rsa", number(2), number(BIG)), "is unsafe"),
    ):
        outcome = house.act("dora", "person.key", people.PersonKey("bob", pasted))
        assert outcome.kind == "wrong", (pasted[:60], outcome)
        assert any(word in str(outcome.error) for word in words.split("|")), (pasted[:60], outcome.error)


# --- the rules as they are explained -----------------------------------------------------------------------------


@pytest.mark.parametrize("width", [60, 120])
def test_the_rules_are_explained_by_themselves(width: int) -> None:
    text, rows = offline.explain(first_policy(), width=width)
    assert max(len(one) for one in text.splitlines()) <= max(width, 80)
    assert {row.who for row in rows} >= {"Director", "admin"}
    for about in ("hold", "hold.lift", "people.search", "P16", "P19"):
        text, some = offline.explain(first_policy(), about, width=width)
        assert text
        assert len(some) < len(rows)
    with pytest.raises(NotFound):
        offline.explain(first_policy(), "fun")


def test_days_and_settings_are_the_boards(house: House) -> None:
    house.ask("carl", BoardSet("sign_check_days", "30", "asked"))
    house.ask("dora", commission.EntranceAttest("e1", "A4", legible=True, lit=True))
    assert house.state.entrances["e1"].next_check_utc_ns == house.now + 30 * DAY_NS
