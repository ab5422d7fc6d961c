"""A policy that keeps footage for at most 72 hours: eight cameras, holds, a full disk, and a clock set back and forth.

Files that were recorded nearly three days ago come of age while it runs. The judge is `check_data.py`, which reads the policy
file by docs/policy-file.md: nothing older than the limit and a sweep but for holds, oldest first, and each with its rule in the
ledger.
HOLDSHELF_SEED and HOLDSHELF_STEPS choose another campaign.
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from holdshelf_core.people.board_types import PolicyAdopt
from holdshelf_core.policy_file.first import FIRST
from holdshelf_core.times import HOUR_NS, MINUTE_NS
from tests.looking import record_files
from tests.people import PAPER
from tests.rig.rtsp import Mount
from tests.service import wait_for
from tests.stranger.house import NS, Installation
from tests.stranger.test_campaign import Campaign, number

MOUNTS = [Mount(f"c{number}", media="h264_100k") for number in range(1, 9)]
LIMIT_NS = 72 * HOUR_NS
POLICY = FIRST.read_text() + '\n[keeping]\nat_least = "1 hour"\nat_most = "72 hours"\n'
SECONDS = 5
OLD_HOURS, COMING_MINUTES = range(74, 98, 4), range(0, 60, 2)


def furnish(data: Path) -> None:
    """Of each camera, files that are too old already, and one that comes of age every two minutes."""
    now = time.time_ns()
    ends = [now - hours * HOUR_NS for hours in reversed(OLD_HOURS)]
    ends += [now - LIMIT_NS + minutes * MINUTE_NS for minutes in COMING_MINUTES]
    files = ((mount.name, end - SECONDS * NS) for end in ends for mount in MOUNTS)
    record_files(data, files, SECONDS, explained=True)


def reasons(house: Installation) -> dict[str, int]:
    """How many intents of the ledger have which reason."""
    found: dict[str, int] = {}
    for path in (house.data / "state" / "ledger").glob("*.jsonl"):
        for line in path.read_text().splitlines():
            if (reason := json.loads(line).get("reason")) is not None:
                found[reason] = found.get(reason, 0) + 1
    return found


def hold_an_old_hour(house: Installation, camera: str, hours_ago: float) -> None:
    ran = house.people.run(
        "dora", "hold", "place", "--ground", "investigation", "--reference", "26-7", "--camera", camera,
        "--from", house._ago(hours_ago * 3600), "--to", house._ago(hours_ago * 3600 - 900), "--json", seconds=90,
    )  # fmt: skip
    assert ran.code == 0, ran


def there(house: Installation, camera: str) -> int:
    return len(list((house.data / "media" / "footage" / camera).glob("20*/*.mp4")))


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
def test_nothing_is_older_than_the_policy_says_but_for_holds(tmp_path: Path) -> None:
    seed, steps = number("SEED", 1), number("STEPS", 8)
    chance = random.Random(seed)
    with Installation(tmp_path, chance, budget_mb=48, mounts=MOUNTS, furnish=furnish) as house:
        hold_an_old_hour(house, "c1", 82.1)
        hold_an_old_hour(house, "c2", 71.5)
        before = {mount.name: there(house, mount.name) for mount in MOUNTS}
        assert not any(reason.startswith("at most") for reason in reasons(house))
        house.service.client.act(PolicyAdopt("Three days.", "2", "2020-01-01", "enforce", PAPER, POLICY))
        events = ["step"] * steps + ["media full"] * (steps // 4) + ["service", "all"] * (steps // 4)
        chance.shuffle(events)
        campaign = Campaign(house, seed, acts=2, judge_every=4, rest_s=(10, 40))
        campaign.run(events)
        house.clock.set_offset(0)
        house.await_recording()
        house._confirm_clock()
        wait_for("the limit is the ledger's reason", lambda: reasons(house).get("at most 72 hours"))
        time.sleep(130)  # two sweeps: what came of age meanwhile goes with the next one
        campaign._say(house.judge())
        found = reasons(house)
        print(f"seed {seed}: {len(events)} events, {house.done}, {found}; {len(campaign.violations)} violations")
        assert not campaign.violations, "\n".join(campaign.violations)
        assert len(found) >= 2, "room was a reason, too"
        for mount in MOUNTS:
            assert there(house, mount.name) != before[mount.name]
