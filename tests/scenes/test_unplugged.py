"""A camera is unplugged at night: mail, Home Assistant's broker, the metrics and the journal tell it, and each tells the end.

What it takes is measured by `bench/promises.py --parts unplugged`.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from holdshelf_core.alerts import allowed
from holdshelf_core.alerts.report import reason_word
from tests.core.alerts.sent import place_of, samples
from tests.rig.four_ways import BEGUN, OVER, FourWays
from tests.service import faults_in


def test_each_way_tells_of_a_camera_that_is_unplugged_and_that_it_is_back(tmp_path: Path) -> None:
    with FourWays(tmp_path) as ways:
        ways.unplug()
        ways.await_changes(False)
        assert ways.mail.subjects() == [BEGUN]
        told = ways.mail.mails[0].get_content().splitlines()
        assert [line for line in told if line.startswith("* Error: Door is not being recorded, since ")]
        assert f"  To begin with: holdshelf camera check {ways.camera}" in told
        reasons = {
            reason_word(words.partition(" (")[0]) for priority, words in ways.journal(ways.camera) if priority == 4
        }
        assert reasons and "unknown" not in reasons
        silent = [state for state in ways.states(ways.camera) if not state.recording]
        assert {state.reason for state in silent} <= reasons | {"connecting"}
        (reason,) = re.findall(r'camera_unrecorded_info\{camera="door",reason="(\w+)"\} 1', ways.file.read_text())
        assert reason in reasons | {"connecting"}
        assert ways.metrics("conditions", kind="camera_silent") == ["1"]
        ways.plug_in()
        ways.await_changes(False, True)
        assert ways.mail.subjects() == [BEGUN, OVER]
        assert re.search(r"\* Door is not being recorded: from .+ to .+ \(\d", ways.mail.mails[1].get_content())
        assert ways.journal(ways.camera)[-1][0] == 6
        assert ways.journal(ways.camera)[-1][1].startswith("recorded again after ")
        assert ways.metrics("conditions", kind="camera_silent") == []
        # Of the camera beside nothing was told but that it is recorded.
        assert {priority for priority, _ in ways.journal(ways.other)} == {6}
        assert all(state.recording for state in ways.states(ways.other))
        check_all_that_left(ways)
        assert faults_in(ways.service.log()) == []


def check_all_that_left(ways: FourWays) -> None:
    """Against the allow-list, as it came to the other side."""
    for mail in ways.mail.mails:
        assert set(mail.keys()) == set(allowed.MAIL_HEADERS)
    by_place = {topic.path: topic for topic in allowed.TOPICS}
    for one in ways.listener.so_far():
        place = re.sub(r"/(?:recorder|camera_\{camera\})/", "/{device}/", place_of(one.topic))
        assert place in by_place, one
        if one.text.startswith("{"):
            by_place[place].check(json.loads(one.text))
    for name, labels, _ in samples(ways.file.read_text()):
        allowed.family(name, labels)
