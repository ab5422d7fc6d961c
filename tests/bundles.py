"""Releases that are approved, bundles made of them, and an officer who checks one with a shell script and none of our code."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from holdshelf_core.api.client import Client
from holdshelf_core.policy import model
from holdshelf_core.releases import types
from tests.looking import NS, Recorded
from tests.scenes.rig import Library
from tests.service import wait_for

PAPER = "ab" * 32
OFFICER = r"""#!/bin/sh
# What README.txt says, with the tools of any Linux. $1: the bundle, $2: fingerprint on the paper receipt, $3: files on it.
set -eu
cd "$1"
sha256sum --check --strict --quiet SHA256SUMS SHA256SUMS.sig.sha256
said=$(ssh-keygen -Y verify -f allowed_signers -I library@holdshelf.local -n release@holdshelf.local \
    -s SHA256SUMS.sig < SHA256SUMS)
test "${said##* }" = "$2"
test "$(find . -type f | wc -l)" = "$3"
for video in videos/*.mp4; do
    test -e "$video" || continue
    ffprobe -v error -show_entries stream=codec_type,codec_name,width,height:format=duration -of csv "$video" >> ../probed
    test "$(ffprobe -v error -show_entries stream=codec_type -of csv=p=0 "$video")" = video
    ffmpeg -v error -xerror -i "$video" -f null - </dev/null
done
"""


def officer(folder: Path) -> Path:
    """The script, in a clean folder."""
    script = folder / "check.sh"
    script.write_text(OFFICER)
    return script


def officer_checks(script: Path, bundle: Path, fingerprint: str, files: int) -> subprocess.CompletedProcess[str]:
    """Runs it with nothing of ours on any path."""
    return subprocess.run(
        ["/bin/sh", str(script), str(bundle), fingerprint, str(files)],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def approved(
    spans: Sequence[model.Span], *, original: bool = False, number: int = 1, by: str = "p1", approved_by: str = "p2"
) -> tuple[str, str, msgspec.Struct]:
    """A release as it lies in the register when a second person has approved it, on a warrant."""
    paper = model.Paper(
        PAPER,
        "search-warrant",
        "Superior Court",
        docket="CR-26-77",
        agency="Prospect Police",
        officer="Roe, badge 12",
        signed_by_judge=True,
        scope=tuple(spans),
        original=original,
    )
    row = model.Release(
        f"R-2026-{number:04d}",
        "search-warrant",
        "26-0417",
        tuple(spans),
        tuple(spans),
        by,
        spans[0].end_utc_ns + NS,
        "approved",
        paper,
        approved_by=approved_by,
        approved_utc_ns=spans[0].end_utc_ns + 2 * NS,
        original=original,
        others=model.Others(False, by, spans[0].end_utc_ns + NS),
    )
    return ("releases", row.id, row)


def nobody_else(client: Client, release: str) -> types.ReleaseRow:
    """It is said that nobody else is seen in it."""
    return client.act(types.ReleaseOthers(release, seen=False))


def spans_of(made: Recorded, *cameras: str, start_s: float = 0, end_s: float = 300) -> list[model.Span]:
    """The same part of a recording, of each camera."""
    at = made.start_utc_ns
    return [model.Span(camera, at + round(start_s * NS), at + round(end_s * NS)) for camera in cameras]


def export(house: Library, release: str, seconds: float = 60) -> types.ReleaseRow:
    """Has the bundle made by the Director and waits for it."""
    house.director.act(types.ReleaseExport(release))
    ended = await_export(house, release, seconds)
    assert ended.state == "done", ended.step
    return house.director.act(types.ReleaseShow(release))


def await_export(house: Library, release: str, seconds: float = 60) -> types.ExportRow:
    """How it ended."""

    def over() -> types.ExportRow | None:
        rows = house.director.read(types.ReadExports())
        return next((r for r in rows if r.release == release and r.state in ("done", "failed", "cancelled")), None)

    return wait_for(f"{release} is over", over, seconds)


def bundle_of(house: Library, release: str) -> Path:
    """Where it lies."""
    return house.service.data / "media" / "bundles" / release


def manifest_of(bundle: Path) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((bundle / "manifest.json").read_bytes())
    return found
