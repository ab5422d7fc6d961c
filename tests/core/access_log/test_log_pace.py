"""A key is no way to fill the log's disk: what comes by the door has a pace, which stops nobody from taking a key away."""

from __future__ import annotations

from pathlib import Path

import pytest

from holdshelf_core.actions.authorizer import ENTRIES_AT_ONCE
from holdshelf_core.api.errors import Conflict
from holdshelf_core.cameras.commission_types import EntranceAdd
from holdshelf_core.reports.types import PrintRequest
from tests.people import People
from tests.service import Service


def test_who_floods_the_log_is_stopped_and_may_still_change_what_is_theirs(tmp_path: Path) -> None:
    with Service(tmp_path / "data", mint=True) as service:
        people = People(service)
        people.name_director()
        dora = people.client("dora")
        asked = PrintRequest("sign")
        with pytest.raises(Conflict, match="too much too quickly"):
            for _ in range(ENTRIES_AT_ONCE + 1_000):  # some come back while this goes on
                dora.act(asked)
        with pytest.raises(Conflict, match="too much too quickly"):
            for _ in range(100):
                people.client("dora").act(asked)  # another log-in gives no new ones
        assert dora.act(EntranceAdd("Main door"))
        assert service.client.act(asked), "who sits at the machine is not slowed"
