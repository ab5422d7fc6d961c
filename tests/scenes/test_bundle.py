"""Scenes 8, 9, 11 and 15 to their end: what was asked for, approved by two, leaves as a bundle that anybody can check."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from holdshelf_core.api import types_people
from holdshelf_core.api import types_releases as types
from holdshelf_core.times import parse_rfc3339
from tests.bundles import bundle_of, manifest_of, officer, officer_checks
from tests.people import PAPER
from tests.scenes.rig import Library, library
from tests.scenes.test_officer import scope, spans, warrant


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    made = library(tmp_path_factory.mktemp("bundle-scenes"), cameras=("lobby", "desk"))
    made.director.act("person.add", types_people.PersonAdd("carol", "Carol Moss"), types_people.Done)
    named = types_people.SeatName("chair", "carol", paper_sha256=PAPER)
    made.director.act("seat.name", named, types_people.Done)
    yield made
    made.service.__exit__(None, None, None)


def _leaves(house: Library, release: str, *options: str) -> types.ReleaseRow:
    """Approved on the Chair's paper, exported, by what is typed."""
    dora = house.desk("dora")
    done = dora.run("release", "approve", release, "--paper", house.scan("word"), "--seat", "chair", *options)
    assert done.code == 0, done.err
    made = dora.run("release", "export", release)
    assert made.code == 0, made.err
    return house.director.act("release.show", types.ReleaseAsk(release), types.ReleaseRow)


def test_scene_8_and_9_what_leaves_is_what_the_paper_names_on_two_peoples_word(house: Library, tmp_path: Path) -> None:
    dora = house.desk("dora")
    words = ["release", "request", *warrant(house, scope(house, "desk", 30, 60)), *spans(house, "desk", 0, 120)]
    release = dora.run(*words).refusal().split()[0]
    assert "stopped" in dora.run("release", "export", release).refusal(), "nothing leaves that a gate has stopped"
    assert dora.run("release", "trim", release).code == 0
    assert "waiting for a second person" in dora.run("release", "export", release).refusal()
    assert "Nobody approves" in dora.run("release", "approve", release).refusal()
    row = _leaves(house, release)
    assert (row.state, row.approved_by) == ("exported", "chair")
    assert house.flags("paper_approval")
    bundle = bundle_of(house, release)
    (video,) = manifest_of(bundle)["videos"]
    assert (video["camera"], video["frames"]) == ("desk", 30 * 5)
    assert {e["action"] for e in house.entries("release.") if e["seq"] in manifest_of(bundle)["log_entries"]} >= {
        "release.request",
        "release.amend",
        "release.approve",
        "release.export",
    }
    receipt = dora.run("release", "receipt", release)
    assert row.bundle is not None
    assert row.bundle.fingerprint in receipt.out
    assert "Chair of the Library Board" in (bundle / "authority.txt").read_text()
    verified = dora.run_here("verify", bundle, "--key", row.bundle.fingerprint)
    assert verified.code == 0, verified.err
    assert "the key that you gave" in verified.out
    assert "exported" in dora.run("release", "show", release).out


def test_scene_11_two_cameras_and_a_gap_are_in_the_bundle_as_they_are_in_the_hold(house: Library) -> None:
    dora = house.desk("dora")
    both = [*spans(house, "lobby", 60, 240), "--camera", "desk"]
    hold = dora.run("hold", "place", "--ground", "investigation", "--reference", "26-11", *both, "--json").json()
    told = [
        (c["camera"], c["start_utc_ns"], c["end_utc_ns"], c["reason"]) for c in hold["coverage"] if c["kind"] == "gap"
    ]
    assert [one[3] for one in told] == ["camera unreachable"] * 2
    names = [word for camera in ("lobby", "desk") for word in ("--scope", scope(house, camera, 60, 240))]
    asked = dora.run("release", "request", *warrant(house), *names, *both, "--original", "--json")
    assert asked.code == 0, asked.err
    row = _leaves(house, asked.json()["id"], "--original")
    assert row.bundle is not None
    assert (row.bundle.kind, row.bundle.videos, row.bundle.missing) == ("original", 4, 2)
    with (bundle_of(house, row.id) / "gaps.csv").open() as file:
        gaps = [
            (g["camera"], parse_rfc3339(g["start"]), parse_rfc3339(g["end"]), g["reason"]) for g in csv.DictReader(file)
        ]
    assert sorted(gaps) == sorted(told)


def test_scene_15_a_clip_altered_by_one_byte_fails_and_the_read_me_says_what_that_means(
    house: Library, tmp_path: Path
) -> None:
    words = [
        "release",
        "request",
        *warrant(house, scope(house, "lobby", 0, 20)),
        *spans(house, "lobby", 0, 20),
        "--json",
    ]
    done = _leaves(house, house.desk("dora").run(*words).json()["id"])
    assert done.bundle is not None
    bundle, script = tmp_path / "bundle", officer(tmp_path)
    shutil.copytree(bundle_of(house, done.id), bundle)
    video = next((bundle / "videos").glob("*.mp4"))
    whole = video.read_bytes()
    video.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    failed = officer_checks(script, bundle, done.bundle.fingerprint, done.bundle.files)
    assert failed.returncode != 0
    assert f"videos/{video.name}: FAILED" in failed.stdout
    assert (
        '"FAILED" in step 1: that file was changed after the library signed it' in (bundle / "README.txt").read_text()
    )
    told = house.desk("dora").run_here("verify", bundle)
    assert told.code == 1
    assert f"'videos/{video.name}' was changed after it was signed" in told.out


def test_p6_the_original_leaves_only_where_the_paper_asks_for_it_and_the_approver_says_so(house: Library) -> None:
    dora = house.desk("dora")
    words = ["release", "request", *warrant(house, scope(house, "desk", 0, 20)), *spans(house, "desk", 0, 20), "--json"]
    plain = dora.run(*words).json()["id"]
    approve = ["release", "approve", plain, "--paper", house.scan("word"), "--seat", "chair", "--original"]
    assert "does not ask for the original" in dora.run(*approve).refusal()
    asked = dora.run(*words, "--original").json()["id"]
    row = _leaves(house, asked)
    assert row.bundle is not None
    assert row.bundle.kind == "masked", "the paper alone is not enough"
    assert "original" not in {
        str(e["facts"].get("kind")) for e in house.entries("release.exported") if e["subject"] == asked
    }
