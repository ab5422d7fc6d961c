"""Asks the store for each object that it confirmed: is it there, whole, the newest of its name, and still held? Blocks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from holdshelf_core.offsite.book import Key, Manifest, Put, There
from holdshelf_core.offsite.keeper import Keeper
from holdshelf_core.offsite.link import MOST_BAD
from holdshelf_core.offsite.store import Bucket, Fault
from holdshelf_core.offsite.types import BadObject

KEY_PATH: Final = "the key of the hold"
MANIFEST_PATH: Final = "the manifest"


@dataclass
class Checked:
    """What the store has of what it confirmed."""

    objects: int = 0
    heads: int = 0
    bytes: int = 0
    bad_count: int = 0
    bad: list[BadObject] = field(default_factory=list)
    fault: str = ""

    def add(self, bad: BadObject) -> None:
        """Count a bad object; only the first ones are named."""
        self.bad_count += 1
        if len(self.bad) < MOST_BAD:
            self.bad.append(bad)


def verify(keeper: Keeper, bucket: Bucket, *, full: bool) -> Checked:
    """Ask for each object of every hold that has a book, and for each head. ``full``: read each whole."""
    found = Checked()
    try:
        for hold in keeper.holds_known():
            _verify_hold(keeper, bucket, hold, found, full=full)
        for head in keeper.heads.kept():
            found.heads += 1
            why = keeper.heads.wrong(head)
            if why:
                found.add(BadObject("", head.object.rpartition("/")[2], head.object, why))
    except Fault as fault:
        found.fault = fault.sentence
    return found


def _verify_hold(keeper: Keeper, bucket: Bucket, hold: str, found: Checked, *, full: bool) -> None:
    latest = {one.key: (one.version, one.marker) for one in bucket.versions(keeper.prefix(hold)) if one.latest}
    for one in keeper.book(hold).there():
        found.objects += 1
        found.bytes += one.bytes
        why = _wrong(bucket, one, full=full)
        newest, marker = latest.get(one.object, (one.version, False))
        if not why and newest != one.version:
            why = "a delete marker hides it" if marker else "another object was put over it"
            why += "; the one that is held is still there"
        if why:
            found.add(BadObject(hold, _path(one), one.object, why))


def _path(one: There) -> str:
    match one:
        case Put():
            return one.path
        case Key():
            return KEY_PATH
        case Manifest():
            return MANIFEST_PATH


def _wrong(bucket: Bucket, one: There, *, full: bool) -> str:
    try:
        said = bucket.facts(one.object, one.version)
        if said.bytes != one.bytes:
            return f"it has {said.bytes} bytes instead of {one.bytes}"
        if said.sha256 != one.sha256:
            return "it is noted there with another checksum"
        if not said.legal_hold:
            return "its legal hold is off"
        if full:
            digest = hashlib.sha256()
            for data in bucket.read(one.object, one.version):
                digest.update(data)
            if digest.hexdigest() != one.sha256:
                return "its bytes are not those that were put"
    except Fault as fault:
        if fault.missing:
            return "it is gone"
        raise
    return ""
