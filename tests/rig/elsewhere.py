"""A shelf with holds on it, a keeper, and a real bucket: what is kept elsewhere, without a service (`make test-s3`)."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from holdshelf_core.offsite.keeper import Keeper
from holdshelf_core.offsite.sealing import new_key
from holdshelf_core.offsite.store import Bucket
from holdshelf_core.offsite.types import Place
from tests.rig.ceph import ACCESS_KEY, SECRET_KEY, Ceph
from tests.rig.hang import HANG_S
from tests.rig.processes import member, memory_bytes
from tests.service import Service

VARIABLE = "HOLDSHELF_S3"
NEEDS_CEPH = [
    pytest.mark.soak,
    pytest.mark.timeout(3 * 3600),
    pytest.mark.skipif(VARIABLE not in os.environ, reason="`make test-s3` brings Ceph and runs this"),
]
"""For a module whose tests need the real store."""
SCRIPT = Path(__file__).parents[2] / "contrib" / "offsite" / "restore.sh"
DAY = "2026-11-24"
NAME_KEY = b"k" * 32


def place_of(ceph: Ceph, *, lock: bool = True, recipient: str = "", url: str = "") -> Place:
    """A new bucket on it."""
    place = Place(url or ceph.url, f"holds-{uuid.uuid4().hex[:12]}", "main/", ACCESS_KEY, recipient or new_key()[1])
    place = Place(**{**{name: getattr(place, name) for name in place.__struct_fields__}, "secret": SECRET_KEY})
    client(place).create_bucket(Bucket=place.bucket, ObjectLockEnabledForBucket=lock)
    return place


def client(place: Place) -> Any:
    """Botocore's client, as the store's keepers have one."""
    return Bucket(place)._client


def downloaded(place: Place, folder: Path) -> Path:
    """The bucket as any S3 tool brings it: the newest version of each object. Returns the recorder's folder."""
    bucket = Bucket(place)
    for one in bucket.versions(""):
        if one.latest and not one.marker:
            file = folder / one.key
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(b"".join(bucket.read(one.key)))
    return folder / place.prefix


def restored(folder: Path, key: Path, hold: str, target: Path) -> subprocess.CompletedProcess[str]:
    """What the script makes of it, with nothing of ours on its path."""
    return subprocess.run(
        ["sh", str(SCRIPT), str(folder), str(key), hold, str(target)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        timeout=HANG_S,
        check=False,
    )


@dataclass
class Elsewhere:
    """``keeper`` is made anew by `begin`, as a worker process that starts."""

    root: Path
    place: Place
    private: str
    bucket: Bucket = field(init=False)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        for name in ("shelf", "book"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
        self.begin()

    def close(self) -> None:
        if hasattr(self, "keeper"):
            self.keeper.close()

    @property
    def shelf(self) -> Path:
        return self.root / "shelf"

    def begin(self, *, without_books: bool = False) -> None:
        folder = self.root / "book"
        if without_books:
            shutil.rmtree(folder)
            folder.mkdir()
        self.close()
        self.bucket = Bucket(self.place)
        self.keeper = Keeper(self.bucket, self.place, folder, self.shelf, NAME_KEY)
        self.keeper.lists_every_s = 0.0

    def record(self, hold: str, seq: int, data: bytes = b"", camera: str = "lobby") -> str:
        """A segment on the shelf of a hold, with its line; returns its path."""
        name = f"{seq:010d}_{seq // 3600 % 24:02d}{seq // 60 % 60:02d}{seq % 60:02d}.000Z.mp4"
        folder = self.shelf / hold / camera / DAY
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data or os.urandom(2000 + seq % 500))
        with (folder / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps({"kind": "segment", "seq": seq, "name": name}) + "\n")
        return f"{camera}/{DAY}/{name}"

    def write_hold(self, hold: str, version: int = 1) -> None:
        (self.shelf / hold).mkdir(parents=True, exist_ok=True)
        file = self.shelf / hold / "hold.json"
        file.write_text(json.dumps({"holdshelf": 1, "hold": {"id": hold, "version": version}}))
        os.utime(file, ns=(time.time_ns(), time.time_ns() + version))

    def on_shelf(self, hold: str) -> dict[str, bytes]:
        root = self.shelf / hold
        return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}

    def there(self, hold: str) -> dict[str, bytes]:
        """What of a hold can be brought back from the bucket with the recovery key alone."""
        from holdshelf_core.offsite import offline  # noqa: PLC0415 - an extra

        target = self.root / f"back-{uuid.uuid4().hex[:8]}"
        done = offline.fetch(self.place, [self.private], hold, target)
        assert done.wrong == ()
        found = {str(file.relative_to(done.folder)): file.read_bytes() for file in Path(done.folder).rglob("*.*")}
        found |= {name: (Path(done.folder) / name).read_bytes() for name in ("SHA256SUMS",)}
        shutil.rmtree(target)
        return found

    def unheld(self, hold: str) -> list[str]:
        """The objects of a hold without a legal hold."""
        found = [one for one in self.bucket.versions(self.keeper.prefix(hold)) if not one.marker]
        return [one.key for one in found if not self.bucket.facts(one.key, one.version).legal_hold]

    def put_over(self, key: str, data: bytes) -> None:
        client(self.place).put_object(Bucket=self.place.bucket, Key=key, Body=io.BytesIO(data))


def worker_pid(service: Service) -> int:
    """Of the process that keeps holds elsewhere; 0 where there is none just now."""
    return member(service.pid, r"holdshelf_core\.offsite\.worker")


def worker_memory(service: Service) -> int:
    """The most that it ever had in memory, shared pages too: PSS is less."""
    return memory_bytes(worker_pid(service), "VmHWM")
