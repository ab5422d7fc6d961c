"""Boxes over other people, burned in over time: each frame of a whole clip beside the original's, inside and outside of them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bench.export import facts_of
from holdshelf_core.operations import offline
from holdshelf_core.policy.model import KeyPoint, MovingBox, Others, Span
from holdshelf_core.releases.bundle import Order, make
from holdshelf_core.releases.facts import MASKED
from holdshelf_core.releases.others_actions import narrowed
from holdshelf_core.releases.sshsig import ReleaseKey
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.ledger.ledger import Ledger
from holdshelf_storage.volume.volume import Volume
from tests.bundles import manifest_of, officer, officer_checks
from tests.core.releases.test_camera_to_bundle import ENCODERS, four_seconds
from tests.looking import NS
from tests.redacted import compared, planes, times
from tests.storage.anchors.anchoring import anchored_book

START = 1_790_000_000 * NS


def point(at_s: float, *sides: int) -> KeyPoint:
    return KeyPoint(START + round(at_s * NS), *sides)


BOXES = (
    # Over the seam of two files, in three legs of different speed, larger and smaller.
    MovingBox(
        "lobby",
        (
            point(1.25, 0, 1000, 2500, 6000),
            point(3.3, 6000, 2000, 9000, 9000),
            point(4.7, 6100, 2000, 7333, 6001),
            point(6, 500, 500, 3000, 5000),
        ),
    ),
    MovingBox("lobby", (point(2, 4000, 7777, 6001, 10_000), point(2.5, 4000, 7777, 6001, 10_000))),
    MovingBox("desk", (point(0, 0, 0, 10_000, 10_000), point(8, 0, 0, 10_000, 10_000))),
)


@pytest.mark.parametrize("codec", list(ENCODERS))
def test_scene_22_in_every_frame_the_box_is_where_it_was_drawn_and_nothing_else_is_changed(
    codec: str, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    offline.init(data, media=None, budget_bytes=None, floor_days=None)
    volume = Volume.attach(data / "state", data / "media")
    log, key = AccessLog.open(data / "state"), ReleaseKey.generate()
    try:
        footage = Footage(volume, Ledger(volume))
        files = [four_seconds(footage, codec, tmp_path / f"{n}.mp4", START + n * 4 * NS) for n in range(2)]
        span = Span("lobby", START + NS // 2, START + round(7.5 * NS))
        own = tuple(box for box in BOXES if box.camera == "lobby")
        book = anchored_book(log, volume, footage)
        facts = facts_of(MASKED, span, boxes=own, masks=())
        stop = threading.Event()
        made = make(Order(facts, footage, log, key, [], lambda: 1 << 40, stop, lambda *_: None, book))
    finally:
        log.close()
        volume.detach()
    bundle = data / "media" / "bundles" / "R-2026-0001"
    manifest = manifest_of(bundle)
    (video,) = manifest["videos"]
    assert (video["boxes"], video["masks"], len(manifest["others"]["boxes"])) == (2, 0, 2)
    assert officer_checks(officer(tmp_path), bundle, key.fingerprint, made.files).returncode == 0
    originals = [frame for file in files for frame in planes(file)][5:75]
    released = planes(bundle / video["file"])
    at = times(bundle, video["file"])
    assert len(at) == 70
    hidden = compared(originals, released, at, own)
    assert hidden == sum(1.25 * NS <= one - START <= 6 * NS for one in at) > 40
    assert hidden < len(at), "before the first key point, and after the last, all is seen"


def test_an_answer_says_no_more_than_what_is_left_of_a_request_that_is_trimmed() -> None:
    drawn, bare = Others(True, "p1", START, BOXES[:2]), Others(True, "p1", START, (), "the order names them")
    whole, end, begin = (Span("lobby", START + a * NS, START + b * NS) for a, b in ((0, 8), (3, 8), (0, 1)))
    assert narrowed(drawn, [whole]) == drawn
    assert narrowed(drawn, [end]) == Others(True, "p1", START, BOXES[:1])
    assert narrowed(drawn, [begin]) is None, "asked again"
    assert narrowed(bare, [begin]) == bare
    assert narrowed(None, [begin]) is None
