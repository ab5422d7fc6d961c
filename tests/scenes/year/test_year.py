"""A year at the library: what a Director, a Chair, a designee, a guest and the admin do, with real ssh in tmux at 80×24.

Each task is done from the first screen and from the tabs, where it can be; what it took in key presses is printed in the end.
Played one after the other in one library, so that what waits piles up as it does in a year.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.scenes.year import table as tables
from tests.scenes.year.all_tasks import ALL
from tests.scenes.year.house import Year, year_house
from tests.scenes.year.tasks import Count, Task, play
from tests.service import faults_in

# Most of a hundred log-ins by OpenSSH, and an answer of a screen awaited after each key: some minutes.
pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]

WAYS = [
    pytest.param(one, starts, id=f"{one.name}-{'first_screen' if starts else 'tabs'}")
    for one in ALL
    for starts in (True, False)
    if starts or not one.start_only
]
COUNTS: dict[tuple[str, bool], Count] = {}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Year]:
    with year_house(tmp_path_factory.mktemp("year")) as made:
        yield made
        made.house.await_no_children()
        assert faults_in(made.house.service.log()) == []


@pytest.fixture(scope="module", autouse=True)
def _table(pytestconfig: pytest.Config) -> Iterator[None]:
    """Printed when all was played."""
    yield
    capture = pytestconfig.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        print(f"\n\n{tables.table(COUNTS)}")
    if tables.SAVES in os.environ and tables.is_whole(COUNTS):
        tables.save(COUNTS)


@pytest.mark.parametrize(("one", "starts"), WAYS)
def test_a_task_of_the_year_is_done_and_the_log_says_so(year: Year, one: Task, starts: bool) -> None:
    COUNTS[one.name, starts] = play(year, one, starts=starts)


def test_there_are_thirty_tasks_and_more() -> None:
    assert len(ALL) >= 30
