"""NAL units to pictures: where one ends (H.264 § 7.4.1.2.3, H.265 § 7.4.2.4.4), whether it is complete, and its times.

Cameras use both RTP signals, marker and timestamp, loosely: some mark every slice, some nothing, some give a picture's parameter
sets the previous picture's timestamp. So the NAL units themselves are examined too, and a marker is trusted only after it proved
right a few times. Incomplete pictures are dropped, never passed on damaged.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass

from holdshelf_core.recorder.worker.nal import is_parameter_set, kind_of, split_annexb
from holdshelf_core.recorder.worker.source import Picture
from holdshelf_storage.media_signing.sei import MAX_KEPT_BYTES, is_certificate

MAX_UNIT_BYTES = 32 << 20
PART_BYTES = 48  # overhead of a part besides its bytes, so that a picture of tiny parts is limited too
MAX_PREFIX_BYTES = 256 << 10
MAX_SET_BYTES = 16 << 10
# A marker is trusted once this many pictures, including a key frame, ended where it said so.
AGREEING_PICTURES = 3
JUMP_S = 3  # same as in the timeline
REST_FACTOR = 20
# How many pictures may precede one that is shown earlier: decoding times lag by this many (cameras use 1 or 2).
REORDER_DEPTH = 4
_WRAP = 1 << 32
# Any unit after a picture's slices that is not one of them begins the next picture.
_DELIMITERS = {
    "h264": frozenset({6, 7, 8, 9, 15, 16, 17, 18}),
    "hevc": frozenset({32, 33, 34, 35, 39, 41, 42, 43, 44, *range(48, 56)}),
}
_START_CODE = b"\0\0\1"


@dataclass(slots=True)
class WholePicture:
    data: bytes
    stamp: int
    is_key: bool
    sets: frozenset[bytes]


class StreamClock:
    """Converts RTP timestamps (32 bit) to ticks: across wraps, and past a single stamp that is hours off (some DVRs send
    them).

    ``reordered`` becomes True when timestamps go back by less than a jump: B-frames. From then on pictures have decoding times:
    those of ``REORDER_DEPTH`` pictures before, in display order.
    """

    def __init__(self, ticks_per_s: int) -> None:
        self.reordered = False
        self._jump_ticks = JUMP_S * ticks_per_s
        self._last: int | None = None
        self._ticks = 0
        self._usual = 0
        self._held: WholePicture | None = None
        self._recent: list[int] = []

    def take(self, whole: WholePicture, done: list[Picture]) -> None:
        """Place one picture; placed ones go to ``done``. One that jumps waits for the next."""
        held, self._held = self._held, None
        if held is not None:
            beyond = self._step(whole.stamp)
            if abs(beyond) <= self._jump_ticks:
                done.append(self._picture(held, self._ticks + beyond // 2))
            else:
                self._go(held, done)
        # A camera with one picture every few seconds jumps with each: that is its normal step, and none waits.
        if abs(self._step(whole.stamp)) > max(self._jump_ticks, 2 * abs(self._usual)):
            self._held = whole
        else:
            self._go(whole, done)

    def flush(self, done: list[Picture]) -> None:
        """Nothing follows: the waiting one came after a pause, or is placed next to the last."""
        held, self._held = self._held, None
        if held is not None and 0 < self._step(held.stamp) <= REST_FACTOR * self._jump_ticks:
            self._go(held, done)
        elif held is not None:
            done.append(self._picture(held, self._ticks + 1))

    def _step(self, stamp: int) -> int:
        if self._last is None:
            return 0
        step = (stamp - self._last) % _WRAP
        return step - _WRAP if step >= _WRAP // 2 else step

    def _go(self, whole: WholePicture, done: list[Picture]) -> None:
        step = self._step(whole.stamp)
        if abs(step) > self._jump_ticks:
            self._recent.clear()
        elif step < 0:
            self.reordered = True
        self._last = whole.stamp
        self._usual = step
        self._ticks += step
        done.append(self._picture(whole, self._ticks))

    def _picture(self, whole: WholePicture, ticks: int) -> Picture:
        decode_ticks = None
        if self.reordered:
            insort(self._recent, ticks)
            if len(self._recent) > REORDER_DEPTH + 1:
                del self._recent[0]
            decode_ticks = self._recent[0]
        return Picture(whole.data, ticks, decode_ticks, whole.is_key, whole.sets)


class Assembler:
    """Turns NAL units in order, with their packets' timestamps and markers, into pictures.

    ``damaged`` counts what was dropped because a part was missing; ``markers_lie`` says that only timestamps and the NAL units
    themselves end pictures.
    """

    def __init__(self, codec: str, ticks_per_s: int, *, doubt_markers: bool) -> None:
        self._codec = codec
        self._hevc = codec == "hevc"
        self._delimiters = _DELIMITERS[codec]
        self._clock = StreamClock(ticks_per_s)
        # The picture so far, as an MP4 sample: each NAL unit is preceded by its length, filled in when it ends.
        self._parts: list[bytes] = []
        self._size = 0
        self._nal_at, self._nal_size, self._nal_kind = -1, 0, 0
        self._sets: list[bytes] = []
        self._is_key = self._has_sets = self._has_slice = self._broken = self._in_fragment = False
        self._stamp: int | None = None
        self._last_given: int | None = None
        self._done: list[Picture] = []
        self._known: dict[int, frozenset[bytes]] = {}
        # The last packet of the picture so far had the marker, and it is not known yet whether that is right.
        self._marked = self._agreed_on_key = False
        self._trusted = not doubt_markers
        self._agreed = 0
        # Which parameter sets the last key frame had (None: before the first), and whether some may have been lost since.
        self._key_kinds: frozenset[int] | None = None
        self._sets_may_lack = False
        self.markers_lie = False
        self.damaged = 0
        self.certificate_sei = b""
        """The last message in which the camera sent its signing certificates (ONVIF Media Signing); b'' for none."""

    @property
    def reordered(self) -> bool:
        """Return whether timestamps have gone back: pictures have ``decode_ticks`` from then on."""
        return self._clock.reordered

    @property
    def parameter_sets(self) -> frozenset[bytes]:
        """Return the latest SPS, PPS (and VPS) received with or between pictures."""
        return frozenset[bytes]().union(*self._known.values())

    @property
    def waiting(self) -> bool:
        """Return whether a picture is complete if its marker is right: see ``settle``."""
        return self._marked

    def settle(self) -> list[Picture]:
        """Accept the marker, as nothing came for a while: the slices of one picture come back to back."""
        done = self._done = []
        if self._marked:
            self._end_unit()
        return done

    def flush(self) -> list[Picture]:
        """Return complete pictures left at the end of the stream."""
        done = self.settle()
        self._clock.flush(done)
        return done

    def tear(self) -> None:
        """Note that bytes are missing just before here."""
        self._marked = False
        self._sets_may_lack = True
        if self._stamp is not None and (self._has_slice or self._nal_at >= 0):
            self._broken = True
            self._in_fragment = False
            self._nal_at = -1
        else:
            self.damaged += 1
            self._drop_unit()  # parameter sets received for a lost picture

    # --- NAL units --------------------------------------------------------------------------------------------

    def _take_nal(self, nal: bytes) -> None:
        """Process a complete NAL unit, not empty."""
        at = 2 if self._hevc else 1
        self._begin(kind_of(nal, self._codec), nal, nal[at] if len(nal) > at else -1)
        self._close_nal()

    def _begin(self, kind: int, data: bytes, lead: int) -> None:
        """A NAL unit starts. ``lead`` is the first byte after its header, -1 when there is none."""
        if self._in_fragment:  # the end of the previous one never came
            self._broken = True
            self._in_fragment = False
        is_slice = kind < 32 if self._hevc else 1 <= kind <= 5
        # first_slice_segment_in_pic_flag; for H.264 first_mb_in_slice = 0, of which a second field begins with one too.
        first = lead >= 0x80
        if self._has_slice and (
            (is_slice and first and (self._hevc or self._marked)) or (not is_slice and kind in self._delimiters)
        ):
            stamp = self._stamp
            self._end_unit()
            self._stamp = stamp
        if is_slice:
            if not first and (self._hevc or kind not in (3, 4)):
                if self._marked or (not self._has_slice and self._stamp == self._last_given):
                    self._distrust()  # more of a picture that its marker said had ended
                if not self._has_slice:
                    self._broken = True  # its beginning is missing
            self._has_slice = True
            self._marked = False
        if self._hevc:
            self._is_key |= 16 <= kind <= 21
        else:
            self._has_sets |= kind == 7
            # first_mb_in_slice 0 and slice_type I (2 or 7), § 7.3.3: beside its parameter sets it is a place to start,
            # as cameras without IDR pictures have them.
            intra = kind == 1 and (lead >> 4 == 0b1011 or lead == 0b10001000)
            self._is_key |= kind == 5 or (self._has_sets and intra)
        self._nal_at, self._nal_size, self._nal_kind = len(self._parts), 0, kind
        self._parts.append(b"")
        self._append(data)

    def _append(self, data: bytes) -> None:
        self._parts.append(data)
        self._size += len(data) + PART_BYTES
        self._nal_size += len(data)

    def _close_nal(self) -> None:
        """End the current NAL unit."""
        at, kind = self._nal_at, self._nal_kind
        self._nal_at = -1
        if at < 0:
            return
        if kind < 32 if self._hevc else 1 <= kind <= 5:
            self._parts[at] = self._nal_size.to_bytes(4)
            return
        nal = b"".join(self._parts[at + 1 :])
        if _START_CODE in nal:
            # Some cameras put a whole byte stream where one NAL unit belongs: parameter sets and picture in one.
            del self._parts[at:]
            for part in split_annexb(_START_CODE + nal):
                self._take_nal(part)
            return
        self._parts[at:] = [len(nal).to_bytes(4), nal]
        if is_parameter_set(kind, self._codec) and len(nal) > 2:
            self._sets.append(nal)
        elif kind in (6, 39) and len(nal) <= MAX_KEPT_BYTES and is_certificate(nal, self._codec):
            self.certificate_sei = nal

    def _distrust(self) -> None:
        self.markers_lie = True
        self._trusted = self._marked = False

    def _mark(self) -> None:
        """Handle the marker of the last packet. Some set it on parameter sets too: no picture ends there."""
        if self._in_fragment:
            self._distrust()
        elif not self.markers_lie and (self._has_slice or self._broken):
            if self._trusted or self._broken:
                self._end_unit()
            else:
                self._marked = True

    # --- pictures ---------------------------------------------------------------------------------------------

    def _end_unit(self) -> None:
        """End the picture so far: it goes to ``_done`` if complete."""
        stamp, self._stamp = self._stamp, None
        if stamp is None:
            return
        if not self._has_slice and not self._broken and not self._in_fragment and self._size <= MAX_PREFIX_BYTES:
            return  # only parameter sets or SEI, whatever their timestamp: they belong to the next picture
        if self._has_slice and self._is_key and not self._broken:
            kinds = frozenset(kind_of(nal, self._codec) for nal in self._sets)
            # After a loss: something that key frames always had may have been new, and is missing.
            self._broken = self._sets_may_lack and (self._key_kinds is None or not kinds >= self._key_kinds)
            if not self._broken:
                self._key_kinds = kinds
            self._sets_may_lack &= self._broken and self._key_kinds is not None
        elif self._has_slice and self._key_kinds is None:
            self._sets_may_lack &= self._broken  # before the first key frame only what was lost right before it counts
        if self._has_slice and not self._broken and not self._in_fragment:
            if self._marked:
                self._agreed += 1
                self._agreed_on_key |= self._is_key
                self._trusted |= self._agreed >= AGREEING_PICTURES and self._agreed_on_key
            whole = WholePicture(b"".join(self._parts), stamp, self._is_key, frozenset(self._sets))
            self._clock.take(whole, self._done)
        else:
            self.damaged += 1
        self._last_given = stamp
        self._drop_unit()

    def _drop_unit(self) -> None:
        """Drop the picture so far, but not its parameter sets."""
        if self._sets:
            by_kind: dict[int, set[bytes]] = {}
            for nal in self._sets:
                if len(nal) <= MAX_SET_BYTES:
                    by_kind.setdefault(kind_of(nal, self._codec), set()).add(nal)
            self._known |= {kind: frozenset(nals) for kind, nals in by_kind.items()}
        self._parts, self._sets = [], []
        self._size, self._nal_at, self._nal_size = 0, -1, 0
        self._is_key = self._has_sets = self._has_slice = self._broken = self._in_fragment = self._marked = False
