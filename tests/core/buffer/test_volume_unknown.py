"""The number in both copies of `volume.json` changed by hand: the log does not lead there, and nothing forged is called good."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.access_log import types as log_types
from holdshelf_core.errors import HoldshelfError
from holdshelf_core.looks import types as types_looks
from holdshelf_core.operations import offline
from holdshelf_storage.anchors.log import read_batches
from tests.looking import NS, commissioned, record, seed
from tests.people import People
from tests.rig import forked
from tests.rig.faults import LoopImage
from tests.service import Service, wait_for

FILES = 12
"""Of a camera that `record` makes."""
HOUR_NS = 3600 * NS
REPAIR = "volume_unknown"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Recorded, anchored, stopped."""
    made = Service(tmp_path / "data", mint=True)
    seed(made.data, commissioned("lobby"))
    record(made.data, ("lobby",), time.time_ns() - 3 * HOUR_NS, explained=True)
    made.start()
    made.stop()
    yield made
    made.__exit__(None, None, None)


@pytest.fixture
def disk() -> Iterator[LoopImage]:
    with LoopImage(200) as image:
        yield image


def number(service: Service) -> str:
    found: str = json.loads((service.data / "state" / "volume.json").read_text())["volume"]
    return found


def renumber(service: Service, other: str) -> None:
    """As root does it: in both copies, in place."""
    before = number(service)
    for side in ("state", "media"):
        path = service.data / side / "volume.json"
        path.write_text(path.read_text().replace(before, other))


def forge(service: Service) -> str:
    """A file with other bytes, and journal and checksum list to fit; its name."""
    path = sorted(service.files("lobby"))[3]
    data = bytearray(path.read_bytes())
    old = hashlib.sha256(data).hexdigest()
    data[-40] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    path.chmod(0o400)
    for name in ("journal.jsonl", "SHA256SUMS"):
        told = path.with_name(name)
        told.write_text(told.read_text().replace(old, hashlib.sha256(data).hexdigest()))
    return path.name


def entries(service: Service, *actions: str) -> list[dict[str, Any]]:
    lines = [
        json.loads(line)
        for path in sorted((service.data / "state" / "access").glob("2*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    return [line for line in lines if line.get("action") in actions]


def verify_files(service: Service) -> subprocess.CompletedProcess[str]:
    """`footage verify` without the service."""
    place = ["--media", str(service.data / "media"), "--state", str(service.data / "state")]
    command = [sys.executable, "-m", "holdshelf_tui.cli", "footage", "verify", *place]
    return forked.run(command, capture_output=True, text=True)


def adopt(service: Service, volume: str) -> str:
    return offline.init(service.data, media=None, budget_bytes=None, floor_days=None, adopt_media=volume)


def test_a_new_number_in_both_files_hides_nothing_and_nothing_is_anchored_under_it(service: Service) -> None:
    truth, other = number(service), str(uuid.uuid4())
    before = len(entries(service, "footage.root"))
    assert before
    forged = forge(service)
    renumber(service, other)
    done = verify_files(service)
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"names volume {other}, while entry " in done.stdout
    assert f"names {truth}, and no later entry says that the disk was replaced or adopted." in done.stdout
    # The running service says so by itself, looks go on, and what is recorded meanwhile waits.
    made = record(service.data, ("lobby",))
    service.start()
    wait_for("the repair", lambda: REPAIR in service.repairs())
    repair = service.repairs()[REPAIR]
    assert repair.severity == "error"
    assert other in repair.sentence and truth in repair.sentence
    found = service.verify(deep=False)
    assert (found.proven, [other in problem for problem in found.problems]) == (0, [True])
    dora = People(service).name_director()
    asked = types_looks.PurposeOpen(
        ["lobby"], "violation", "1", start_utc_ns=made.start_utc_ns, end_utc_ns=made.end_utc_ns
    )
    assert dora.act(asked).id, "nobody's right to look is about the number"
    service.stop()
    assert len(entries(service, "footage.root")) == before
    # Put back, what is forged is found by name, and what waited is anchored.
    renumber(service, truth)
    service.start()
    found = service.verify(deep=False)
    assert any(forged in problem for problem in found.problems), found.problems
    assert found.proven == 2 * FILES - 1
    assert REPAIR not in service.repairs()
    service.stop()
    assert forged in verify_files(service).stdout


def test_a_volume_that_was_not_led_to_is_adopted_by_an_entry_that_somebody_reviews(service: Service) -> None:
    truth, other = number(service), str(uuid.uuid4())
    with pytest.raises(HoldshelfError, match="nothing to adopt"):
        adopt(service, truth)
    renumber(service, other)
    assert f"volume {other}" in adopt(service, other)
    assert verify_files(service).returncode == 1, "the log has no word of it yet"
    service.start()
    (entry,) = entries(service, "media.adopted")
    assert (entry["facts"]["before"], entry["facts"]["volume"]) == (truth, other)
    assert "media_adopted" in [flag["kind"] for flag in service.client.get("/rules/flags", list[dict[str, Any]])]
    found = service.verify()
    assert (found.proven, found.problems) == (FILES, [])
    assert REPAIR not in service.repairs()
    service.stop()
    done = verify_files(service)
    assert done.returncode == 0, done.stdout + done.stderr
    # The number that it had leads nowhere any more.
    renumber(service, truth)
    assert f"names volume {truth}" in verify_files(service).stdout


def test_a_disk_that_was_replaced_is_led_to_also_after_the_log_was_begun_anew(service: Service) -> None:
    shutil.rmtree(service.data / "media")
    (service.data / "media").mkdir()
    offline.init(service.data, media=None, budget_bytes=None, floor_days=None, new_media=True)
    record(service.data, ("lobby",))
    service.start()
    assert len(entries(service, "media.replaced")) == 1
    found = service.verify()
    assert (found.proven, found.problems) == (FILES, [])
    service.stop()
    assert verify_files(service).returncode == 0
    anchored, _ = read_batches(service.data / "state")
    assert len({batch.papers.volume for batch in anchored}) == 2
    # The old log ends in damage; the new one knows of one volume alone.
    path = max((service.data / "state" / "access").glob("2*.jsonl"))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    service.start()
    service.act(log_types.LogRepair("the disk lost half a file"))
    found = service.verify()
    assert (found.proven, found.problems) == (FILES, [])
    assert REPAIR not in service.repairs()
    service.stop()
    done = verify_files(service)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_change_that_the_log_could_not_take_at_the_start_is_in_it_as_soon_as_it_can_be_written(
    tmp_path: Path, disk: LoopImage
) -> None:
    state = tmp_path / "data" / "state"
    state.mkdir(parents=True)
    (disk.mount_point / "state").mkdir()
    with contextlib.ExitStack() as undo:
        subprocess.run(["mount", "--bind", disk.mount_point / "state", state], check=True)
        undo.callback(subprocess.run, ["umount", "--lazy", state], check=True)
        service = Service(tmp_path / "data")
        undo.callback(service.close)
        seed(service.data, commissioned("lobby"))
        record(service.data, ("lobby",), time.time_ns() - 3 * HOUR_NS)
        service.start()
        service.stop()
        shutil.rmtree(service.data / "media")
        (service.data / "media").mkdir()
        offline.init(service.data, media=None, budget_bytes=None, floor_days=None, new_media=True)
        record(service.data, ("lobby",))
        disk.remount(read_only=True)
        service.start()
        told = wait_for("the repair", lambda: service.repairs().get(REPAIR))
        assert (told.severity, "as soon as" in told.next_step) == ("warning", True)
        disk.remount(read_only=False)
        wait_for("the entry", lambda: entries(service, "media.replaced"))
        found = service.verify()
        assert (found.proven, found.problems) == (FILES, [])
        assert REPAIR not in service.repairs()
        service.stop()
        service.start()
        assert len(entries(service, "media.replaced")) == 1


def test_before_anything_is_anchored_any_number_is_believed(tmp_path: Path) -> None:
    """There is nothing that another number could hide."""
    service = Service(tmp_path / "data", mint=True)
    seed(service.data, commissioned("lobby"))
    record(service.data, ("lobby",))
    renumber(service, str(uuid.uuid4()))
    with service:
        found = service.verify()
        assert (found.proven, found.problems) == (FILES, [])
        assert REPAIR not in service.repairs()
