"""hold | entrance | capacity as they are typed: spans in plain words, grounds, the second person, and what is said of each."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import tzlocal

from tests.looking import NS
from tests.people import day
from tests.service import wait_for
from tests.tui.desk import HOSTILE, Desk, Library, opened, screen


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    with opened(tmp_path_factory.mktemp("hold")) as made:
        yield made


@pytest.fixture
def desk(library: Library, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(library, capsys, monkeypatch)


def typed(utc_ns: int) -> str:
    return datetime.fromtimestamp(utc_ns // NS, UTC).isoformat(" ")


def place(number: str, *more: str) -> tuple[str, ...]:
    return ("hold", "place", "--ground", "investigation", "--reference", number, "--camera", "lobby", *more)


# --- hold --------------------------------------------------------------------------------------------------------


def test_scene_6_a_hold_is_placed_without_a_look_and_says_what_it_covers(desk: Desk) -> None:
    made = desk.library.recorded
    span = ("--from", typed(made.start_utc_ns - 60 * NS), "--to", typed(made.end_utc_ns))
    placed = desk.person("dora", *place("26-1", *span), "--camera", "desk", "--note", HOSTILE)
    assert placed.code == 0
    assert "investigation, no. 26-1; in force" in placed.out
    gap = next(line for line in placed.out.split("\n") if "camera unreachable" in line)
    assert typed(made.gap_utc_ns)[:19] in gap and typed(made.resumed_utc_ns)[:19] in gap
    assert "nothing on record" in placed.out
    key = placed.out.split(":")[0]
    wait_for("it is on the shelf", lambda: "on the shelf" in desk.admin("hold", "show", key).out)
    row = desk.person("sam", "hold", "show", key, "--json").json()
    assert (row["ground"], row["placed_by"], row["shelved"]) == ("investigation", "p1", True)
    assert {span["camera"] for span in row["spans"]} == {"lobby", "desk"}
    listed = desk.admin("hold", "list")
    assert key in listed.out and "held." in listed.out


def test_what_is_kept_twice_is_counted_once(desk: Desk) -> None:
    first_utc_ns = -(-desk.library.recorded.start_utc_ns // NS) * NS  # what is typed has whole seconds

    def span(start_s: int, end_s: int) -> tuple[str, ...]:
        return ("--from", typed(first_utc_ns + start_s * NS), "--to", typed(first_utc_ns + end_s * NS))

    key = desk.person("dora", *place("26-91", *span(0, 60))).out.split(":")[0]
    longer = desk.person("dora", "hold", "extend", key, "--camera", "lobby", *span(20, 60), "--why", "the same again")
    assert "1 min 00 s are kept." in longer.out
    shown = desk.person("dora", "hold", "show", key, "--json").json()
    assert len(shown["spans"]) == 1 and len(shown["coverage"]) == 1
    notice = " ".join(desk.person("dora", "print", "hold", key).out.split())
    assert "In all: 1 min 00 s kept." in notice and notice.count("0:01:00 kept") == 1, notice
    wider = desk.person("dora", "hold", "extend", key, "--camera", "lobby", *span(40, 100), "--why", "and after")
    assert "1 min 40 s are kept." in wider.out


def test_a_designee_places_a_hold_in_plain_words_until_it_is_lifted(desk: Desk) -> None:
    placed = desk.person("sam", *place("26-2", "--from", "yesterday 15:15", "--until-lifted", "--review-days", "7"))
    assert placed.code == 0
    assert "15:15:00" in placed.out and " until lifted" in placed.out
    assert "to until" not in placed.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--from", "1h ago"), "Use --to, or --until-lifted"),
        (("--from", "1h ago", "--to", "now", "--until-lifted"), "Use --to, or --until-lifted"),
        (("--from", "1h ago", "--to", "2h ago"), "ends before it starts (P16"),
        (("--from", "whenever", "--to", "now"), "yesterday 3:15 pm"),
        (("--from", "1h ago", "--to", "25:00"), "not a time"),
        (("--from", "1h ago", "--to", "now", "--ground", "curiosity"), "One of: investigation"),
        (("--from", "1h ago", "--to", "now", "--reference", " "), "case or incident number (P16"),
        (("--from", "1h ago", "--to", "now", "--reference", "Jane Roe"), "never a name (P21"),
        (("--from", "1h ago", "--to", "now", "--camera", "attic"), "no camera 'attic'"),
        (("--from", "1h ago", "--to", "now", "--review-days", "900"), "--review-days"),
        (("--to", "now"), "Missing option '--from'"),
    ],
)
def test_a_hold_that_cannot_be_is_refused_and_keeps_nothing(desk: Desk, words: tuple[str, ...], said: str) -> None:
    before = desk.admin("hold", "list", "--json").json()["holds"]
    assert said in desk.person("dora", *place("26-3"), *words).refusal()
    assert len(desk.admin("hold", "list", "--json").json()["holds"]) == len(before)


def test_scene_10_half_past_one_of_an_autumn_night_is_asked_for_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    import time  # noqa: PLC0415

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    tzlocal.reload_localzone()
    try:
        span = ("--from", "2026-11-01 01:30", "--to", "2026-11-01 03:00")
        refused = desk.person("dora", *place("26-4", *span)).refusal()
        assert "twice" in refused
        choices = [part for part in refused.split("'") if part.startswith("2026-11-01 01:30")]
        starts = []
        for choice in choices:
            placed = desk.person("dora", *place("26-4", "--from", choice, "--to", "2026-11-01 03:00", "--json")).json()
            starts.append(placed["spans"][0]["start_utc_ns"])
        assert starts[1] - starts[0] == 3600 * NS
    finally:
        monkeypatch.undo()
        time.tzset()
        tzlocal.reload_localzone()


def test_p11_the_admin_and_somebody_without_a_right_place_no_hold(desk: Desk) -> None:
    span = ("--from", "1h ago", "--to", "now")
    refused = desk.admin(*place("26-5", *span)).refusal()
    assert "P11" in refused and "Ask the Library Director (Dora Reed)" in refused


def test_p16_extending_reviewing_and_lifting_by_two(desk: Desk) -> None:
    made = desk.library.recorded
    placed = desk.person("dora", *place("26-6", "--from", typed(made.start_utc_ns), "--to", typed(made.gap_utc_ns)))
    key = placed.out.split(":")[0]
    more = ("hold", "extend", key, "--camera", "desk", "--from", "1h ago", "--to", "30m ago")
    assert "missing" in desk.person("sam", *more, "--why", " ").refusal()
    assert "desk" in desk.person("sam", *more, "--why", "seen there too").out
    assert "missing" in desk.person("dora", "hold", "review", key, "--note", "").refusal()
    again = desk.person("dora", "hold", "review", key, "--note", "trial in March", "--next-days", "30", "--json")
    assert again.json()["version"] == 3
    lift = ("hold", "lift", key, "--why", "case closed")
    for refused in (desk.admin(*lift).refusal(), desk.person("sam", *lift).refusal()):
        assert "P16" in refused
    assert "needs a reason" in desk.person("dora", "hold", "lift", key, "--why", "").refusal()
    assert "waiting to be lifted" in desk.person("dora", *lift).out
    own = desk.person("dora", "hold", "approve", key).refusal()
    assert "P16" in own and "Carl Hill" in own
    assert "which seat" in desk.person("dora", "hold", "approve", key, "--paper", desk.library.paper).refusal()
    assert (
        "cannot be read"
        in desk.person("dora", "hold", "approve", key, "--paper", "/nonexistent", "--seat", "chair").refusal()
    )
    done = desk.person("carl", "hold", "approve", key, "--note", HOSTILE)
    assert "lifted; kept until " in done.out and "hold approve --refuse" in done.out
    assert "lift" in desk.person("carl", "hold", "approve", key).refusal()
    assert "in force" in desk.person("dora", "hold", "approve", key, "--refuse").out
    for words in (("show", "H-2020-0001"), ("lift", "H-2020-0001", "--why", "x")):
        assert "no hold" in desk.person("dora", "hold", *words).refusal()


def test_a_hold_is_archived_to_another_disk_or_not_at_all(desk: Desk) -> None:
    key = desk.person("dora", *place("26-7", "--from", "1h ago", "--to", "30m ago")).out.split(":")[0]
    assert "not a folder" in desk.admin("hold", "archive", key, "--to", "/nonexistent/disk").refusal()
    assert "P1" in desk.person("sam", "hold", "archive", key, "--to", "/nonexistent/disk").refusal()


def test_hold_lists_fit_eighty_columns(library: Library, desk: Desk) -> None:
    desk.person("dora", *place("26-8", "--from", "1h ago", "--to", "now"))
    lines = screen(library, "hold", "list")
    key = next(line for line in lines if line.startswith("H-")).split()[0]
    assert screen(library, "hold", "show", key)[0].startswith(key)


# --- entrance ----------------------------------------------------------------------------------------------------


def test_p3_entrances_are_registered_attested_and_waived_by_seats(desk: Desk, library: Library) -> None:
    assert "No entrance is registered yet" in desk.admin("entrance", "list").out
    assert "P11" in desk.admin("entrance", "add", "Main").refusal()
    assert "P11" in desk.person("sam", "entrance", "add", "Main").refusal()
    assert desk.person("dora", "entrance", "add", "Main", "--sign", "v2").out.startswith("Main is e1.")
    assert "already" in desk.person("dora", "entrance", "add", "Main").refusal()
    assert "missing" in desk.person("dora", "entrance", "add", "").refusal()
    made = desk.person("dora", "entrance", "add", HOSTILE, "--json").json()
    attest = ("entrance", "attest", "e1", "--legible", "--lit")
    assert "--defect" in desk.person("dora", "entrance", "attest", "Main", "--legible").refusal()
    for more, words in (
        (("--on", "whenever"), "not a day"),
        (("--on", day(3)), "in the future"),
        (("--next-check", "2020-01-01"), "already due"),
    ):
        assert words in desk.person("dora", *attest, *more).refusal()
    assert "no entrance 'e9'" in desk.person("dora", "entrance", "attest", "e9", "--legible", "--lit").refusal()
    assert "is attested; next check by" in desk.person("dora", *attest, "--checker", HOSTILE).out
    waive = ("entrance", "waive", made["id"])
    assert "P3" in desk.admin(*waive, "--why", "painted").refusal()
    assert "reason" in desk.person("dora", *waive, "--why", "").refusal()
    assert "at most 7 days" in desk.person("dora", *waive, "--why", "painted", "--days", "30").refusal()
    assert "is waived until" in desk.person("dora", *waive, "--why", HOSTILE, "--days", "3").out
    assert "not attested" in desk.person("dora", "entrance", "attest", "Main", "--defect", "dark").out
    assert "missing" in desk.person("dora", "entrance", "remove", "Main", "--why", "").refusal()
    assert len(screen(library, "entrance", "list")) > 2
    desk.person("dora", "entrance", "list")
    assert desk.person("dora", "entrance", "remove", made["id"], "--why", "walled up").code == 0


# --- capacity ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Use --budget or --floor-days"),
        (("--floor-days", "many"), "not a number of days"),
        (("--floor-days", "nan"), "not a number of days"),
        (("--floor-days", "inf"), "not a number of days"),
        (("--floor-days", "-4"), "makes no sense"),
        (("--budget", "12"), "too small"),
        (("--budget", "12XB"), "not a size"),
        (("--budget", "900TB"), "more than the size of the media disk"),
        (("--budget", "default"), "That is already the setting"),
    ],
)
def test_a_capacity_that_cannot_be_is_refused(desk: Desk, words: tuple[str, ...], said: str) -> None:
    assert said in desk.admin("capacity", "set", "--why", "asked", *words).refusal()


def test_p15_capacity_is_the_admins_and_is_changed_for_a_reason(desk: Desk) -> None:
    assert "P15" in desk.person("dora", "capacity", "set", "--why", "x", "--floor-days", "14").refusal()
    assert "missing" in desk.admin("capacity", "set", "--why", " ", "--floor-days", "14").refusal()
    changed = desk.admin("capacity", "set", "--why", "asked", "--budget", "1GiB", "--floor-days", "14")
    assert "1.1 GB" in changed.out and "fewer than 14 days" in changed.out
    back = desk.admin("capacity", "set", "--why", "asked", "--budget", "default", "--floor-days", "none", "--json")
    assert (back.json()["budget_bytes"], back.json()["floor_days"]) == (None, None)
