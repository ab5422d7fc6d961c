"""From rows of the register to what a paper says: names instead of ids, local days, and a head that verifies when typed."""

from __future__ import annotations

import hashlib

import pytest

from holdshelf_core.cameras.commissioning import entrance_state
from holdshelf_core.policy import model
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy_file.first import first_policy
from holdshelf_core.reports.paper_facts import CameraSource, log_head, paper_facts
from holdshelf_core.reports.types import PaperFacts
from holdshelf_storage.access_log.checkpoint import SigningKey, parse_outside

NOW = 1_795_000_000 * 10**9
DAY = 86_400 * 10**9
ROOT = hashlib.sha256(b"root").digest()
HEAD = SigningKey.generate().sign(1234, ROOT)


def facts_of(
    *entrances: model.Entrance, commission: model.Commission | None = None, now: Now | None = None
) -> PaperFacts:
    return paper_facts(
        policy=first_policy(),
        board=model.Board("Example Town Library", "Ada", "https://library.example"),
        adopted=model.Adopted("3", "2026-10-01", "a" * 64),
        texts={},
        cameras=[CameraSource("front", "Front door", "service-desk", sound_found=False)],
        commissions={"front": commission} if commission else {},
        entrances=entrances,
        people={"p1": model.Person("p1", "ada", "Ada Byron")},
        head=HEAD,
        now=now or Now(NOW, NOW),
    )


def test_the_short_head_on_paper_is_one_that_verify_takes() -> None:
    head = log_head(HEAD)
    assert head is not None and head.note == HEAD
    outside = parse_outside(head.short)
    assert (outside.size, outside.root_prefix) == (1234, ROOT[:16])


def test_a_head_that_is_none_is_left_out() -> None:
    assert log_head("") is None
    assert log_head("holdshelf.local/x\n12\nabc\n") is None


def test_people_are_named_and_removed_entrances_and_past_waivers_are_not_shown() -> None:
    facts = facts_of(
        model.Entrance("e1", "Main", "sign", "p1", NOW - 3 * DAY, NOW - DAY),
        model.Entrance("e2", "Side", waived_by="p9", waived_until_utc_ns=NOW + DAY, waived_why="printer"),
        model.Entrance("e3", "Back", waived_by="p1", waived_until_utc_ns=NOW - 1, waived_why="past"),
        model.Entrance("e4", "Gone", removed_utc_ns=NOW - DAY),
    )
    main, side, back = facts.entrances
    assert (main.attested_by, main.check_is_due) == ("Ada Byron", True)
    assert (side.waived_by, side.waived_why) == ("p9", "printer")
    assert (back.waived_by, back.waived_until, back.waived_why) == ("", "", "")


@pytest.mark.parametrize("ahead", [-2 * DAY, -1, 0, 1, 2 * DAY], ids=str)
@pytest.mark.parametrize("wall", [-1, 0, 1], ids=str)
def test_p3_the_paper_and_the_list_of_entrances_say_the_same_whatever_the_two_clocks_say(wall: int, ahead: int) -> None:
    now = Now(NOW + wall, NOW + wall + ahead)
    checked = model.Entrance("e1", "Main", "sign", "p1", NOW - 3 * DAY, NOW)
    waived = model.Entrance("e2", "Side", waived_by="p1", waived_until_utc_ns=NOW, waived_why="printer")
    main, side = facts_of(checked, waived, now=now).entrances
    assert main.check_is_due == (entrance_state(checked, now) == "check due")
    assert bool(side.waived_until) == (entrance_state(waived, now) == "waived")


def test_a_camera_carries_its_area_in_words_and_its_masks_by_what_they_cover() -> None:
    mask = model.Mask(((0, 0), (1, 0), (1, 1)), "hold shelf")
    commission = model.Commission("front", (mask,), 4, True, approved_by="p1", approved_utc_ns=NOW, state="approved")
    (camera,) = facts_of(commission=commission).cameras
    assert (camera.area_words, camera.mask_reasons, camera.mask_version) == ("service desk", ("hold shelf",), 4)
    assert (camera.state, camera.approved_by, camera.exterior) == ("approved", "Ada Byron", True)
