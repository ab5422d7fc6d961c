"""Which days the room of holds is summed over: those that a held span may touch, and no others are looked at."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from holdshelf_core.holds.coverage import _days_touched
from holdshelf_core.holds.protection import UNKNOWN_LENGTH_NS
from holdshelf_storage.layout import DAY_NS, MAX_TIME_NS, day_of, day_start_ns
from holdshelf_storage.ledger.lines import merged

TIMES = st.integers(-3 * DAY_NS, 12 * DAY_NS)
SPANS = st.lists(st.tuples(TIMES, st.integers(1, 3 * DAY_NS) | st.just(MAX_TIME_NS)), max_size=6)


@given(numbers=st.sets(st.integers(-2, 11)), drawn=SPANS)
def test_every_day_that_a_span_may_touch_is_among_them_once(numbers: set[int], drawn: list[tuple[int, int]]) -> None:
    days = sorted(day_of(number * DAY_NS) for number in numbers)
    spans = merged([(start, min(MAX_TIME_NS, start + length)) for start, length in drawn], 1)
    found = _days_touched(days, spans)
    assert found == sorted(set(found)) and set(found) <= set(days)
    for day in days:
        begin = day_start_ns(day)
        if any(start < begin + DAY_NS + UNKNOWN_LENGTH_NS and end > begin for start, end in spans):
            assert day in found
    far = UNKNOWN_LENGTH_NS + DAY_NS
    assert all(
        any(start < day_start_ns(day) + DAY_NS + far and end >= day_start_ns(day) for start, end in spans)
        for day in found
    )
