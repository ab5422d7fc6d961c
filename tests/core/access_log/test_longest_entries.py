"""Requests whose entry would be longer than the 65,535 bytes of tiles are refused in words; the longest usual ones fit."""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec
import pytest

from holdshelf_core.api.errors import BadRequest, Refused
from holdshelf_core.holds.types import HoldPlace, SpanAsk
from holdshelf_core.releases.types import PaperAsk, ReleaseListAsk, ReleaseRequest, SpanRow
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.lines import MAX_ENTRY_BYTES
from tests.looking import MINUTE_NS, commissioned, seed
from tests.people import PAPER, People
from tests.service import Service
from tests.tui.stage import entry

SPANS = 64
CAMERAS = [f"{number:02}-" + "c" * 61 for number in range(SPANS)]
"""Names as long as they may be."""
LONG = "\N{PILE OF POO}" * 60


def test_the_longest_usual_hold_and_request_fit_into_an_entry_and_what_does_not_is_refused(tmp_path: Path) -> None:
    with Service(tmp_path / "data", mint=True) as service:
        service.stop()
        seed(service.data, [*commissioned(*CAMERAS), *(entry(one, one) for one in CAMERAS)])
        service.start()
        dora = People(service).name_director()
        start = time.time_ns() - 60 * MINUTE_NS
        reference = "2" * 60
        dora.act(HoldPlace("investigation", reference, [SpanAsk(one, start, start + 1) for one in CAMERAS], note=LONG))
        asked = [SpanRow(one, start - MINUTE_NS, start + MINUTE_NS) for one in CAMERAS]
        scope = [SpanRow(one, start, start + 1) for one in CAMERAS]
        paper = PaperAsk(
            PAPER, "court-order", LONG, "2" * 60, LONG, LONG, signed_by_judge=True, scope=scope, original=True
        )
        with pytest.raises(Refused, match="R-"):
            dora.act(ReleaseRequest("court-order", asked, reference, paper, LONG))
        # 64 spans over the same hour, each cut into pieces by the paper: no entry would hold their names.
        over = [SpanRow(CAMERAS[0], start - 9 * MINUTE_NS - n, start + 9 * MINUTE_NS) for n in range(SPANS)]
        holes = [SpanRow(CAMERAS[0], start + n * 1000, start + n * 1000 + 1) for n in range(SPANS)]
        paper = msgspec.structs.replace(paper, scope=holes)
        with pytest.raises(BadRequest, match="The access log cannot take this, so it was not done") as wrong:
            dora.act(ReleaseRequest("court-order", over, reference, paper, LONG))
        assert re.search(
            r"Its entry would have \d{6} bytes, and the access log takes 65535; ask", wrong.value.next_step
        )
        assert service.repairs().get("access_log") is None, "there is nothing wrong with the log"
        assert [row.id[:2] for row in dora.act(ReleaseListAsk()).releases] == ["R-"]
        with pytest.raises(Refused, match="R-"):
            dora.act(ReleaseRequest("court-order", over[:2], reference, paper, LONG))
        service.stop()
    log = AccessLog.open(tmp_path / "data" / "state")
    try:
        lines = b"".join(log.export_blocks(public=True)).split(b"\n")[1:]
    finally:
        log.close()
    longest = {}
    for action in ("hold.place", "release.request"):
        line = next(line for line in lines if f'"action":"{action}"'.encode() in line)
        assert all(line.count(one.encode()) >= 2 for one in CAMERAS), action
        longest[action] = len(line)
    assert 10_000 < longest["hold.place"] < longest["release.request"] < MAX_ENTRY_BYTES * 3 // 4, longest
    assert max(map(len, lines)) < MAX_ENTRY_BYTES
