"""What the store says of a version that it confirmed: is it still as it was put? Blocks."""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

from holdshelf_core.offsite.book import There
from holdshelf_core.offsite.store import Bucket, Fault

GONE: Final = "it is gone"


class Wrong(NamedTuple):
    """``why`` '': nothing is. ``lost``: the version is not what was put, so that has to be put anew."""

    why: str
    lost: bool = False


def wrong(bucket: Bucket, one: There, *, full: bool) -> Wrong:
    """Return what is wrong with a version. ``full``: it is read whole. Raises Fault when it cannot be asked."""
    try:
        said = bucket.facts(one.object, one.version)
        if said.bytes != one.bytes:
            return Wrong(f"it has {said.bytes} bytes instead of {one.bytes}", lost=True)
        if said.sha256 != one.sha256:
            return Wrong("it is noted there with another checksum", lost=True)
        if full:
            digest = hashlib.sha256()
            for data in bucket.read(one.object, one.version):
                digest.update(data)
            if digest.hexdigest() != one.sha256:
                return Wrong("its bytes are not those that were put", lost=True)
        if not said.legal_hold:
            return Wrong("its legal hold is off")
    except Fault as fault:
        if fault.missing:
            return Wrong(GONE, lost=True)
        raise
    return Wrong("")
