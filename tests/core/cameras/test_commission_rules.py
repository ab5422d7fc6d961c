"""What commissioning decides by itself: which polygons hide something, how a sign stands, where an address hides a password."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.cameras.commission_actions import MAX_CORNERS, MAX_MASKS, masks_of
from holdshelf_core.cameras.commission_types import MaskAsk
from holdshelf_core.cameras.commissioning import entrance_row, entrance_state
from holdshelf_core.errors import BadRequest
from holdshelf_core.integration.models import StreamSource
from holdshelf_core.integration.stream_url import PASSWORD_MARK, put_password, shown_address, take_password
from holdshelf_core.policy.instants import Now
from holdshelf_core.policy.model import Entrance
from holdshelf_core.policy.state import State
from holdshelf_core.times import DAY_NS

SQUARE = [(0, 0), (3000, 0), (3000, 4000), (0, 4000)]
NOW = Now(1_764_000_000_000_000_000, 1_764_000_000_000_000_000)


# --- masks -----------------------------------------------------------------------------------------------------------


def test_p6_a_polygon_is_kept_with_what_it_is_for() -> None:
    (mask,) = masks_of([MaskAsk(SQUARE, "  public\x1b screens ")])
    assert mask.points == tuple(SQUARE)
    assert mask.why == "public screens"


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (SQUARE[:2], "has 2 corners"),
        ([(i * 100, i * i) for i in range(MAX_CORNERS + 1)], "has 17 corners"),
        ([(0, 0), (10_001, 0), (0, 50)], "outside the picture"),
        ([(0, 0), (-1, 0), (0, 50)], "outside the picture"),
        ([(0, 0), (0, 0), (3000, 0), (3000, 3000)], "twice in a row"),
        ([(0, 0), (4000, 4000), (4000, 0), (0, 4000)], "cross each other"),
        ([(0, 0), (4000, 0), (2000, 0), (2000, 3000)], "cross each other"),
        ([(0, 0), (9000, 0), (9000, 1)], "so thin"),
    ],
)
def test_p6_a_polygon_that_would_not_hide_what_it_seems_to_is_refused(
    points: list[tuple[int, int]], words: str
) -> None:
    with pytest.raises(BadRequest, match=words):
        masks_of([MaskAsk(points)])


def test_p6_there_are_at_most_sixteen_masks() -> None:
    assert len(masks_of([MaskAsk(SQUARE)] * MAX_MASKS)) == MAX_MASKS
    with pytest.raises(BadRequest, match="at most 16 masks"):
        masks_of([MaskAsk(SQUARE)] * (MAX_MASKS + 1))


@given(st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 10_000)), min_size=3, max_size=8))
def test_p6_no_two_edges_of_a_mask_that_was_taken_cross(points: list[tuple[int, int]]) -> None:
    try:
        (mask,) = masks_of([MaskAsk(points)])
    except BadRequest:
        return
    # Judged another way than it was checked: by the exact crossing point of each two edges that share no corner.
    edges = [(mask.points[i - 1], mask.points[i]) for i in range(len(mask.points))]
    for i, ((ax, ay), (bx, by)) in enumerate(edges):
        for j, ((cx, cy), (dx, dy)) in enumerate(edges):
            if abs(i - j) in (0, 1, len(edges) - 1):
                continue
            across = (bx - ax) * (dy - cy) - (by - ay) * (dx - cx)
            if across:
                t = ((cx - ax) * (dy - cy) - (cy - ay) * (dx - cx)) / across
                u = ((cx - ax) * (by - ay) - (cy - ay) * (bx - ax)) / across
                assert not (0 < t < 1 and 0 < u < 1)


# --- signs -----------------------------------------------------------------------------------------------------------


def at(days: float) -> Now:
    moment = NOW.utc_ns + int(days * DAY_NS)
    return replace(NOW, utc_ns=moment, trusted_utc_ns=moment)


@pytest.mark.parametrize(
    ("row", "state", "ready"),
    [
        (Entrance("e1", "Main"), "not attested", False),
        (Entrance("e1", "Main", attested_by="p1", attested_utc_ns=1, next_check_utc_ns=at(1).utc_ns), "attested", True),
        (
            Entrance("e1", "Main", attested_by="p1", attested_utc_ns=1, next_check_utc_ns=at(-1).utc_ns),
            "check due",
            False,
        ),
        (Entrance("e1", "Main", defect="torn"), "defect", False),
        (Entrance("e1", "Main", waived_by="p1", waived_until_utc_ns=at(3).utc_ns), "waived", True),
        (Entrance("e1", "Main", waived_by="p1", waived_until_utc_ns=at(-3).utc_ns), "waiver ended", False),
        (Entrance("e1", "Main", defect="torn", waived_by="p1", waived_until_utc_ns=at(3).utc_ns), "waived", True),
        (Entrance("e1", "Main", removed_utc_ns=1), "removed", True),
    ],
)
def test_p3_a_sign_stands_as_its_last_check_or_waiver_says(row: Entrance, state: str, ready: bool) -> None:
    assert entrance_state(row, NOW) == state
    assert entrance_row(State(), row, NOW).ready is ready


def test_p3_a_waiver_is_over_by_whichever_clock_is_ahead() -> None:
    row = Entrance("e1", "Main", waived_by="p1", waived_until_utc_ns=at(3).utc_ns)
    assert entrance_state(row, replace(NOW, trusted_utc_ns=at(4).utc_ns)) == "waiver ended"
    assert entrance_state(row, replace(NOW, utc_ns=at(4).utc_ns)) == "waiver ended"


# --- passwords inside an address -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "marked", "password"),
    [
        ("rtsp://h/s?user=a&password=b%26c&x=1", "rtsp://h/s?user=a&password={password}&x=1", "b&c"),
        ("rtsp://h/s?PWD=b", "rtsp://h/s?PWD={password}", "b"),
        ("rtsp://h/user=a_password=b1_channel=1", "rtsp://h/user=a_password={password}_channel=1", "b1"),
        ("rtsp://h/user=a&password=b&channel=1", "rtsp://h/user=a&password={password}&channel=1", "b"),
        ("rtsp://h/s?password={password}", "rtsp://h/s?password={password}", None),
        ("rtsp://h/s?password=", "rtsp://h/s?password=", None),
        ("rtsp://h/compass=1?bypass=2", "rtsp://h/compass=1?bypass=2", None),
    ],
)
def test_a_password_is_taken_out_of_an_address_and_put_back(url: str, marked: str, password: str | None) -> None:
    assert take_password(url) == (marked, password)
    assert put_password(marked, password) == (url if password else marked)


@given(st.text(min_size=1, max_size=30).filter(lambda text: text != PASSWORD_MARK))
def test_any_password_comes_back_as_it_was(password: str) -> None:
    try:
        password.encode()
    except UnicodeEncodeError:
        return
    url = put_password(f"rtsp://h/s?password={PASSWORD_MARK}&n=1", password)
    marked, found = take_password(url)
    assert (marked, found) == (f"rtsp://h/s?password={PASSWORD_MARK}&n=1", password)


def test_a_stored_stream_carries_the_mark_and_is_dialed_with_the_password() -> None:
    source = StreamSource("rtsp://h/s?password=b%20c", "a", "b c")
    stored = source.to_dict()
    assert "b%20c" not in str(stored)
    assert StreamSource.from_dict(stored, "b c") == source
    assert StreamSource.from_dict(stored, "new").url == "rtsp://h/s?password=new"
    assert "b%20c" not in repr(source)


@pytest.mark.parametrize(
    "typed",
    [
        "rtsp://u:secret@h/s",
        "rtsp://h/s?password=secret",
        "rtsp://u:secret@[::1/s",
        "u:secret@h",
        "rtsp://u:a/secret@h/s",
        "rtsp://[x?pwd=secret",
    ],
)
def test_an_address_is_shown_without_what_opens_it(typed: str) -> None:
    assert "secret" not in shown_address(typed)
