"""Holds pictures against what their camera signed: one unbroken stretch, in decoding order.

ONVIF Media Signing Specification 26.06, § Signing a GOP: each NAL unit of a picture is hashed from its header to its stop bit;
all but the first slice of a key picture together with that slice's hash. A document lists these hashes in the order of the
stream, says the hash of the list, the hash of the first unit of the group before, and a counter; it is signed, or hashed as a
unit of a later group. It follows its group, by as much as signing takes.

So a document is resolved when the next one has come, which shows where its group ends. Memory is bounded whatever the camera
sends.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from holdshelf_storage.media_signing.certificates import Key, fits, read_chain
from holdshelf_storage.media_signing.result import Certificate, Signed, SignedFinding
from holdshelf_storage.media_signing.sei import AXIS, ONVIF, Document, Unreadable, form_of, is_sei, read

MAX_UNITS: Final = 8_192
"""Kept while no document comes: five minutes of 25 pictures a second in one slice each."""
MAX_WINDOW: Final = 4_096
"""Among so many units the ones of one document are looked for."""
MAX_DELAYED: Final = 8
"""So many documents about pictures before the stretch may come in it: signing takes its time."""
MAX_AT_ONCE: Final = 16
"""So many documents may come between two pictures; each is about a picture at least."""
MAX_WAITING: Final = 256
"""Documents without a signature that a later one has to vouch for."""


@dataclass(slots=True, eq=False)
class _Unit:
    """One NAL unit that is hashed."""

    utc_ns: int
    plain: bytes
    """Its hash by itself."""
    starts: bool
    """First slice of a key picture."""
    group: "_Group | None" = None
    """Of a document that is hashed in turn."""
    is_sei: bool = False
    is_loose: bool = False
    """Of a kind that the specification has signed and its reference implementation leaves out."""


@dataclass(slots=True, eq=False)
class _Group:
    """A document and what came of it."""

    document: Document
    at: int
    """Units before it in the stream."""
    utc_ns: int
    verdict: str
    """`fits`, `unfit`, `later` (a later document vouches for it), or `key`."""
    certificate: Certificate | None
    is_cut: bool = False
    """Its first units are before the stretch."""
    is_outside: bool = False
    """All of them are."""
    findings: list[SignedFinding] = field(default_factory=list)
    vouched: list["_Group"] = field(default_factory=list)


class StretchCheck:
    """Takes the pictures of one stretch; `signed` has what was found so far, complete after `end`."""

    def __init__(self, codec: str, kept: bytes = b"", hash_name: str = "sha256") -> None:
        """`codec`: h264 or hevc. `kept`: an SEI with the camera's certificates that came before the stretch. `hash_name`: how the
        first document hashes, when that is known."""
        self.signed = Signed()
        self._codec = codec
        self._hash_name = hash_name
        self._is_named = False
        """A document has said how it hashes."""
        self._units: list[_Unit] = []
        self._base = 0
        """Units that are done with."""
        self._open: _Group | None = None
        self._before: _Group | None = None
        """The last one that was resolved, and was not at an edge."""
        self._is_fresh = True
        """No group was found in the stretch yet."""
        self._outside: list[_Group] = []
        """Documents of which no unit was found so far: they may be about what was before the stretch."""
        self._at_once = 0
        self._anchor = b""
        """Hash of the last group's key picture, as signed."""
        self._stream_anchor = b""
        """The same of the last unit done with, as it came."""
        self._certificate: Certificate | None = None
        self._key: Key | None = None
        self._oid = b""
        self._chain = b""
        self._waiting: list[_Group] = []
        self._last_document = b""
        self._utc_ns = 0
        if kept:
            self._take_sei(kept, 0)
            self.signed.form, self.signed.findings = "", []

    # --- the stream -------------------------------------------------------------------------------------------------------

    def add(self, units: Iterator[bytes] | list[bytes], utc_ns: int) -> None:
        """The NAL units of the next picture, shown at `utc_ns`."""
        self._utc_ns = utc_ns
        for nal in units:
            if is_sei(nal, self._codec):
                self._take_sei(nal, utc_ns)
            elif (kind := _slice(nal, self._codec)) is not None:
                plain = self._hash(nal.rstrip(b"\0"))
                self._units.append(_Unit(utc_ns, plain, kind == "start", is_loose=kind == "loose"))
                self._at_once = 0
        if len(self._units) > MAX_UNITS:
            self._let_go()

    def end(self) -> Signed:
        """The stretch ends here."""
        signed = self.signed
        if self._open is not None:
            self._resolve(self._open, None)
            self._open = None
        signed.edges += sum(
            not one.is_outside for one in self._waiting
        )  # the signature that vouches for them comes after the end
        self._waiting = []
        if self._is_fresh and len(self._outside) > 2:
            self._nothing_fits()
        elif signed.form == ONVIF and any(not unit.is_sei for unit in self._units):
            signed.edges += 1
        self._units = []
        if not signed.form:
            signed.certificates = []
        return signed

    def _hash(self, data: bytes) -> bytes:
        return hashlib.new(self._hash_name, data).digest()

    def _let_go(self) -> None:
        """Nothing was signed for very long: what is kept is let go of."""
        gone, self._units = self._units[: MAX_UNITS // 2], self._units[MAX_UNITS // 2 :]
        self._moved_on(gone)
        self._open = None
        if self.signed.form == ONVIF:
            self._find("unsigned", gone)

    def _moved_on(self, gone: list[_Unit]) -> None:
        self._base += len(gone)
        self._stream_anchor = next((one.plain for one in reversed(gone) if one.starts), self._stream_anchor)

    def _take_sei(self, nal: bytes, utc_ns: int) -> None:
        form = form_of(nal, self._codec)
        if not form:
            return
        self.signed.form = ONVIF if ONVIF in (form, self.signed.form) else AXIS
        if form != ONVIF:
            return
        try:
            document = read(nal, self._codec)
        except Unreadable as error:
            self.signed.find(SignedFinding("unreadable", utc_ns, utc_ns, detail=str(error)))
            return
        if document.hash_name and document.hash_name != self._hash_name:
            self._hash_from_here(document.hash_name)
        self._is_named = self._is_named or bool(document.hash_name)
        self._learn(document, utc_ns)
        if document.is_certificate:
            if self._key is not None and not self._fits(document):
                self.signed.find(SignedFinding("signature", utc_ns, utc_ns, detail="of its certificates' own message"))
            return
        if document.signed == self._last_document:
            return  # sent twice, as it may be
        self._last_document = document.signed
        self._at_once += 1
        if self._at_once <= MAX_AT_ONCE:
            self._take_document(document, utc_ns)
        elif self._at_once == MAX_AT_ONCE + 1:
            self.signed.find(SignedFinding("unreadable", utc_ns, utc_ns, detail="more signatures than pictures"))

    def _hash_from_here(self, name: str) -> None:
        """What came before is hashed otherwise: an edge, where nothing was known yet. Later it may be a message that nobody
        signed, put in to have pictures left out."""
        if self._open is not None:
            self._resolve(self._open, None)
        gone, self._units = self._units, []
        self._moved_on(gone)
        if self._is_named:
            self._find("unsigned", gone)
        self._hash_name, self._stream_anchor, self._open, self._is_fresh = name, b"", None, True

    def _take_document(self, document: Document, utc_ns: int) -> None:
        group = None
        if document.general is not None:
            group = _Group(document, self._base + len(self._units), utc_ns, self._verdict(document), self._certificate)
            before, self._open = self._open, group
            if before is not None:
                self._resolve(before, group)
            if group.verdict == "later":
                self._wait(group)
        if not document.signature:
            self._units.append(_Unit(utc_ns, self._hash(document.signed), starts=False, group=group, is_sei=True))

    def _wait(self, group: _Group) -> None:
        self._waiting.append(group)
        if len(self._waiting) > MAX_WAITING:
            self._settle(self._waiting.pop(0), "unfit")

    # --- signatures -------------------------------------------------------------------------------------------------------

    def _learn(self, document: Document, utc_ns: int) -> None:
        """Takes the certificates of a document, if it has some."""
        self._oid = document.signing_oid or self._oid
        chain = document.user_chain or document.chain
        if not chain or chain == self._chain:
            return
        found = read_chain(chain)
        if found is None:
            self.signed.find(SignedFinding("unreadable", utc_ns, utc_ns, detail="its certificates"))
            return
        said, key = found
        said.firmware, said.device_serial, said.maker = document.firmware, document.serial, document.maker
        if self._certificate is not None and self._certificate.sha256 != said.sha256:
            self.signed.find(SignedFinding("certificate", utc_ns, utc_ns, detail=said.subject))
        self._chain, self._key = chain, key
        self._certificate = next((one for one in self.signed.certificates if one.sha256 == said.sha256), said)
        if self._certificate is said:
            self.signed.add(Signed(certificates=[said]))

    def _fits(self, document: Document) -> bool:
        key = self._key
        if document.is_certificate and document.user_chain and document.chain:
            own = read_chain(document.chain)  # it is signed by the maker's key, whoever's key signs the pictures
            key = own[1] if own is not None else None
        if key is None or not document.signature:
            return False
        return fits(key, self._hash_name, self._hash(document.signed), document.signature, self._oid)

    def _verdict(self, document: Document) -> str:
        if not document.signature:
            return "later"
        if self._key is None:
            return "key"
        return "fits" if self._fits(document) else "unfit"

    # --- groups -----------------------------------------------------------------------------------------------------------

    def _resolve(self, group: _Group, after: _Group | None) -> None:
        """Finds a group's units among those kept. `after`: the next document."""
        window = self._units[: max(0, min(group.at - self._base, MAX_WINDOW))]
        document = group.document
        general = document.general
        assert general is not None
        places, anchor = self._places(document, window)
        found = [place for place in places if place is not None]
        if not found and self._is_fresh:
            group.is_outside = True
            self._outside.append(group)
            if len(self._outside) > MAX_DELAYED:
                self._nothing_fits()
            return
        before = self._before.document.general if self._before is not None else None
        skipped = general.counter - before.counter - 1 if before is not None else 0
        leading = next((at for at, place in enumerate(places) if place is not None), 0)
        # What lies before the first unit that was found stands in the place of as many listed ones.
        cut = max(0, leading - found[0]) if found and self._is_fresh else 0
        start = max(0, found[0] - leading) if found else 0
        end = self._end_of(found, len(places), window, after, anchor)
        self._ahead(group, window[:start], skipped, leading)
        group.is_cut = cut > 0
        here = {place - start for place in found}
        others = []
        for at, unit in enumerate(window[start:end]):
            if at not in here:
                others.append(unit)
            if unit.group is not None:
                self._vouch(group, unit.group, is_there=at in here)
        replaced = sum(not unit.is_loose for unit in others)
        lacking = len(places) - len(found) - replaced - cut
        # Without a list, one that was lost on the way makes all of its group unlike what was signed.
        is_known = bool(document.hashes)
        if others and (is_known or lacking <= 0):
            detail = "" if is_known else "some of them; it has no list that tells which"
            is_loose = all(unit.is_loose for unit in others) and not any(window[place].is_loose for place in found)
            group.findings.append(_finding("unsigned" if is_loose else "changed", others, detail))
        if lacking > 0 and is_known:
            at_ns = _missing_at(places, window, group, leading if cut else 0)
            group.findings.append(SignedFinding("missing", at_ns, at_ns, lacking))
        elif lacking > 0:
            times = [unit.utc_ns for unit in others] or [group.utc_ns]
            detail = "whether others were changed cannot be told, as it has no list"
            group.findings.append(SignedFinding("missing", min(times), max(times), lacking, detail))
        if skipped == 0 and not self._follows(document):
            group.findings.append(SignedFinding("order", group.utc_ns, group.utc_ns))
        self._anchor, self._before, self._is_fresh, self._outside = anchor, group, False, []
        done, self._units = self._units[:end], self._units[end:]
        self._moved_on(done)
        if group.verdict != "later":
            self._settle(group, group.verdict)

    def _nothing_fits(self) -> None:
        """All documents since the beginning are about other pictures than these."""
        self.signed.groups += len(self._outside)
        self._find("changed", self._units)
        done, self._units = self._units, []
        self._moved_on(done)
        self._before, self._is_fresh, self._outside = self._outside[-1], False, []

    def _places(self, document: Document, window: list[_Unit]) -> tuple[list[int | None], bytes]:
        """Of each listed hash, where its unit is; and the anchor with which most were found."""
        assert document.general is not None
        if not document.hashes:
            return self._by_group_hash(document, window)
        best: tuple[list[int | None], bytes] = [None] * len(document.hashes), b""
        best_count = -1
        for anchor in self._anchors(document, window):
            known: dict[bytes, int] = {}
            for at, unit in enumerate(window):
                known.setdefault(self._linked(unit, anchor), at)
            places: list[int | None] = []
            last = -1
            for one in document.hashes:
                place = known.get(one)
                if place is None or place <= last:
                    places.append(None)
                else:
                    places.append(place)
                    last = place
            count = sum(place is not None for place in places)
            if count > best_count:
                best, best_count = (places, anchor), count
            if count == len(document.hashes):
                break
        return best

    def _anchors(self, document: Document, window: list[_Unit]) -> list[bytes]:
        """Hashes of key pictures with which this document's may be linked, the likeliest first."""
        first = next((unit.plain for unit in window if unit.starts), b"")
        was_partial = self._before is not None and _is_partial(self._before)
        likely = [self._anchor, document.hashes[0]] if was_partial else [document.hashes[0], self._anchor]
        return list(dict.fromkeys(one for one in (*likely, self._stream_anchor, first) if one))

    def _linked(self, unit: _Unit, anchor: bytes) -> bytes:
        return unit.plain if unit.starts or unit.is_sei else self._hash(anchor + unit.plain)

    def _by_group_hash(self, document: Document, window: list[_Unit]) -> tuple[list[int | None], bytes]:
        """Without a list (low bitrate mode): all units of the group, or none."""
        general = document.general
        assert general is not None
        count = general.count
        starts = [0]
        if self._is_fresh:
            starts += [at for at, unit in enumerate(window) if unit.starts and at]
        strict = [at for at, unit in enumerate(window) if not unit.is_loose]
        every = list(range(len(window)))
        for start in starts[:MAX_WAITING]:
            for order in (every, strict) if len(strict) < len(every) else (every,):
                first = bisect_left(order, start)
                chosen = order[first : first + count]
                anchor, digest = self._stream_anchor, hashlib.new(self._hash_name)
                for at in chosen:
                    anchor = window[at].plain if window[at].starts else anchor
                    digest.update(self._linked(window[at], anchor))
                if len(chosen) == count and digest.digest() == general.group_hash:
                    return list(chosen), anchor
        return [None] * count, self._stream_anchor

    def _end_of(self, found: list[int], listed: int, window: list[_Unit], after: _Group | None, anchor: bytes) -> int:
        """How many of the window's units the group and what is before it take."""
        last = found[-1] + 1 if found else 0
        if found and len(found) == listed:
            return last
        if after is not None and after.document.hashes:
            head = after.document.hashes[0]
            for at in range(last, len(window)):
                if self._linked(window[at], anchor) == head:
                    return at
        # Up to as many as are lacking; a group ends before the next key picture.
        lacking = listed - len(found)
        at = last
        while at < len(window) and lacking and not (window[at].starts and at > 0):
            at, lacking = at + 1, lacking - 1
        return at

    def _ahead(self, group: _Group, ahead: list[_Unit], skipped: int, leading: int) -> None:
        """What lies before the first unit of a group that was found."""
        general = group.document.general
        assert general is not None
        outside = self._outside[-1].document.general if self._outside else None
        if self._is_fresh:
            # Signed by a document that came before the stretch; or by the last one, and none is as it says.
            if outside is not None and ahead and outside.counter + 1 == general.counter and not leading:
                self.signed.groups += 1
                self._find("changed", ahead)
        elif skipped > 0:
            self.signed.groups += min(skipped, MAX_WAITING)
            if ahead:
                self._find("unsigned", ahead)
            elif self._before is not None:
                at_ns = self._before.utc_ns
                self.signed.find(SignedFinding("missing", at_ns, group.utc_ns, detail="whole groups of pictures"))
        elif ahead:
            is_loose = all(unit.is_loose for unit in ahead)
            group.findings.append(_finding("unsigned" if is_loose else "changed", ahead))

    def _follows(self, document: Document) -> bool:
        before = self._before.document if self._before is not None else None
        general = document.general
        if before is None or not before.hashes or general is None or not any(general.linked_hash):
            return True
        return general.linked_hash in before.hashes  # as a rule the first: a key picture, or the first of a part

    def _vouch(self, group: _Group, other: _Group, *, is_there: bool) -> None:
        """A group's list has another document, or lacks it."""
        if other not in self._waiting:
            return
        self._waiting.remove(other)
        if is_there:
            group.vouched.append(other)
        else:
            self._settle(other, "unfit")

    def _settle(self, group: _Group, verdict: str) -> None:
        """Counts a group whose signature is known, and those that it vouches for."""
        todo = [group]
        while todo:
            one = todo.pop()
            todo += one.vouched
            if one.is_outside:
                continue  # of no picture here
            if verdict != "fits":
                kind = "key" if verdict == "key" else "signature"
                self.signed.find(SignedFinding(kind, one.utc_ns, one.utc_ns))
            elif group.certificate is not None:
                group.certificate.groups += 1
            for finding in one.findings:
                self.signed.find(finding)
            if one.is_cut and verdict == "fits" and not one.findings:
                self.signed.edges += 1
                continue
            self.signed.groups += 1
            self.signed.verified += verdict == "fits" and not one.findings

    def _find(self, kind: str, units: list[_Unit]) -> None:
        if units:
            self.signed.find(_finding(kind, units))


def _finding(kind: str, units: list[_Unit], detail: str = "") -> SignedFinding:
    times = {unit.utc_ns for unit in units}
    return SignedFinding(kind, min(times), max(times), len(times), detail)


def _missing_at(places: list[int | None], window: list[_Unit], group: _Group, start: int) -> int:
    """When the first missing unit was: the time of the one before it."""
    at_ns = window[0].utc_ns if window else group.utc_ns
    for place in places[start:]:
        if place is None:
            break
        if not window[place].is_sei:
            at_ns = window[place].utc_ns
    return at_ns


def _is_partial(group: _Group) -> bool:
    general = group.document.general
    return general is not None and general.is_partial


def _slice(nal: bytes, codec: str) -> str | None:
    """What a picture's NAL unit is: `start` (the first slice of a key picture), `slice`, or `loose`; None for any other."""
    if codec == "h264":
        if len(nal) < 2 or not 1 <= (kind := nal[0] & 0x1F) <= 5:
            return None
        is_start, is_usual = kind == 5 and nal[1] >= 0x80, kind in (1, 5)
    else:
        if len(nal) < 3 or (kind := nal[0] >> 1 & 0x3F) > 31:
            return None
        is_start, is_usual = 16 <= kind <= 21 and nal[2] >= 0x80, kind in (0, 1) or 16 <= kind <= 21
    return "start" if is_start else "slice" if is_usual else "loose"
