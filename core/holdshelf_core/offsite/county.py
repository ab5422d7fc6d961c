"""What the branches of one library tell one another in a bucket that they share: an index for each, sealed for the county key.

    county/PREFIXindex.age      what a branch has on hold, for which case: a `BranchIndex` as JSON, without a picture or a person

The county key is an age key that branches share: its public part seals, and only recorders that have the key itself read.
An index has no lock: the next one is put over it, and the old version is deleted. Blocks; runs in the worker process (ADR 67).
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from holdshelf_core.offsite import sealing
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.types import BranchHold, BranchIndex, BranchRow, Place
from holdshelf_storage.decoding import decode_json
from holdshelf_storage.layout import MAX_TIME_NS

ROOT: Final = "county/"
NAME: Final = "index.age"
FORM: Final = 1
EVERY_S: Final = 900.0
"""How often an index is put without a change of what is on hold: also a sign that the branch is well."""
GOOD_S: Final = 3600
"""For so long it counts as new; where the branch sends in some hours only, until those of the next day."""
GOOD_WITH_HOURS_S: Final = 26 * 3600
AHEAD_S: Final = 900
"""A branch's clock may be so much ahead of ours, as a store's may."""
MOST_BYTES: Final = 2 << 20
MOST_IN_ALL_BYTES: Final = 32 << 20
MOST_BRANCHES: Final = 500
MOST_VERSIONS: Final = 3
"""Of one branch that are read, the newest first: another may have been put over its own."""

NOT_OPEN: Final = "It is not sealed for this county key, or was changed."
NOT_UNDERSTOOD: Final = "It is not understood here: its recorder may run a newer version."
NOT_ITS_OWN: Final = "It is another branch's, which somebody put in its place."
TOO_LARGE: Final = "It is larger than an index can be."
TOO_MUCH: Final = "It was not read: there is too much below county/ in the bucket."
OLD: Final = "It is old: this branch has not written since, or an older one was put over it."
AHEAD: Final = "It is dated in the future: this branch's clock is wrong, or ours."


class OwnIndex:
    """This branch's index in the bucket."""

    def __init__(self, bucket: Bucket, place: Place) -> None:
        self._bucket, self._place = bucket, place
        self._rows: tuple[BranchHold, ...] | None = None
        self._told: list[tuple[bool, bool]] = []
        self._put_at_s = 0.0
        self.put_utc_ns = 0

    @property
    def key(self) -> str:
        """Return the name of its object in the bucket."""
        return f"{ROOT}{self._place.prefix}{NAME}"

    def is_due(self, rows: tuple[BranchHold, ...]) -> bool:
        """Return whether it is to be put: what is on hold has changed, or it was put long ago."""
        aged = time.monotonic() - self._put_at_s >= EVERY_S
        return bool(self._place.branch) and (rows != self._rows or aged)

    def is_outdated(self, counted: Sequence[BranchHold]) -> bool:
        """Return whether it tells of a hold as waiting that is there by now, or the other way."""
        return bool(self._place.branch) and _told_of(counted) != self._told

    def put(self, rows: tuple[BranchHold, ...], counted: Sequence[BranchHold]) -> None:
        """Put it, read back what the store noted, and delete what it replaces. ``counted``: ``rows`` with their counts.

        Raises Fault, StorageError."""
        now_utc_ns = time.time_ns()
        good_s = GOOD_WITH_HOURS_S if self._place.hours else GOOD_S
        index = BranchIndex(FORM, self._place.branch, self._place.prefix, now_utc_ns, good_s, tuple(counted))
        out = io.BytesIO()
        sealed = sealing.seal(io.BytesIO(msgspec.json.encode(index)), out, self._place.county)
        out.seek(0)
        version = self._bucket.put_plain(self.key, out, sealed)
        for one in list(self._bucket.versions(self.key)):
            if one.key == self.key and one.version != version:
                self._bucket.delete(one, held=False)
        self._rows, self._told = rows, _told_of(counted)
        self._put_at_s, self.put_utc_ns = time.monotonic(), now_utc_ns


def _told_of(counted: Sequence[BranchHold]) -> list[tuple[bool, bool]]:
    return [(hold.segments > 0, hold.waiting > 0) for hold in counted]


def others(bucket: Bucket, place: Place) -> int:
    """Return how many other branches have an index in the bucket. Raises Fault."""
    own = f"{ROOT}{place.prefix}{NAME}"
    return len({one.key for one in bucket.versions(ROOT) if one.key.endswith(f"/{NAME}") and one.key != own})


def read_branches(bucket: Bucket, place: Place, now_utc_ns: int) -> Iterator[BranchRow]:
    """Yield each branch in the bucket, by prefix. Raises Fault where the store fails, or has more branches than are read."""
    opener = sealing.Opener([place.county_key])
    versions: dict[str, list[tuple[str, int]]] = {}
    more = False
    for one in bucket.versions(ROOT):
        if one.key.endswith(f"/{NAME}"):
            if more := one.key not in versions and len(versions) == MOST_BRANCHES:
                break
            found = versions.setdefault(one.key, [])
            if not one.marker:
                found.append((one.version, one.bytes))
    read_bytes = 0
    for key, there in sorted(versions.items()):
        prefix = key.removeprefix(ROOT).removesuffix(NAME)
        index, why = None, "It was deleted."
        for version, size in there[:MOST_VERSIONS]:
            if size > MOST_BYTES or read_bytes + size > MOST_IN_ALL_BYTES:
                why = TOO_LARGE if size > MOST_BYTES else TOO_MUCH
                continue
            read_bytes += size
            try:
                index = _opened(opener, bucket, key, version, prefix)
                break
            except _NotRead as reason:
                why = str(reason)
            except Fault as fault:
                if not fault.missing:
                    raise
        if index is None:
            yield BranchRow("", prefix, 0, why, 0, 0, 0, (), ours=prefix == place.prefix, is_open=False)
            continue
        yield BranchRow(
            index.branch,
            prefix,
            index.at_utc_ns,
            _age_words(index, now_utc_ns),
            len(index.holds),
            sum(hold.segments for hold in index.holds),
            sum(hold.waiting for hold in index.holds),
            index.holds,
            ours=prefix == place.prefix,
        )
    if more:
        raise Fault(
            f"There are more than {MOST_BRANCHES} branches below {ROOT} in the bucket, and the others are not read."
        )


class _NotRead(Exception):
    """An index that cannot be relied on; `str()` says why."""


def _opened(opener: sealing.Opener, bucket: Bucket, key: str, version: str, prefix: str) -> BranchIndex:
    data = bytearray()
    for part in bucket.read(key, version):
        data += part
        if len(data) > MOST_BYTES:  # whatever the listing said
            raise _NotRead(TOO_LARGE)
    try:
        index = decode_json(opener.open(bytes(data)), BranchIndex)
    except sealing.BadKey:
        raise _NotRead(NOT_OPEN) from None
    except (msgspec.MsgspecError, RecursionError):
        raise _NotRead(NOT_UNDERSTOOD) from None
    times = [index.at_utc_ns, *(at for hold in index.holds for at in _times(hold))]
    if index.holdshelf != FORM or not all(0 <= at < MAX_TIME_NS for at in times):
        raise _NotRead(NOT_UNDERSTOOD)
    if index.prefix != prefix:
        raise _NotRead(NOT_ITS_OWN)
    return index


def _times(hold: BranchHold) -> Iterator[int]:
    yield hold.placed_utc_ns
    for span in hold.spans:
        yield span.start_utc_ns
        yield span.end_utc_ns or 0


def _age_words(index: BranchIndex, now_utc_ns: int) -> str:
    age_s = (now_utc_ns - index.at_utc_ns) / 1e9
    if age_s < -AHEAD_S:
        return AHEAD
    return OLD if age_s > min(index.good_s, GOOD_WITH_HOURS_S) else ""
