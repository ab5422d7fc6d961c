"""Holds segments against what their cameras signed, one camera after another, in the order of recording. Only reads.

A stretch is as long as its segments follow one another in one run of the recorder; where it begins and ends, groups of pictures
are cut off, and cannot be verified.
"""

from typing import Final

from holdshelf_storage import layout
from holdshelf_storage.footage.recovery import read_origin
from holdshelf_storage.media_signing.check import StretchCheck
from holdshelf_storage.media_signing.frames import kept, nal_units, recognize
from holdshelf_storage.media_signing.result import Signed, SignedFinding, kind_words
from holdshelf_storage.mp4 import fragments as fmp4
from holdshelf_storage.volume import journal

PROBLEMS: Final = frozenset({"changed", "order", "signature", "certificate"})
"""What no fault of network or disk explains: pictures that are not those that the camera signed. Missing ones may have been lost
on the way."""
_SEAM_NS: Final = layout.NS
_MAX_OPEN: Final = 4


class _Stretch:
    """A run that is being read."""

    def __init__(self, check: StretchCheck) -> None:
        self.check = check
        self.codec = ""
        self.end_utc_ns = 0


class SigningCheck:
    """The signatures of one camera's segments."""

    def __init__(self, camera: str) -> None:
        self.signed = Signed(camera=camera)
        self._open: dict[tuple[str, str], _Stretch] = {}

    def segment(self, fd: int, segment: journal.Segment) -> None:
        """Takes the next segment, open at `fd`. Raises StorageError."""
        run = (segment.boot, segment.run)
        stretch = self._open.get(run)
        if stretch is not None and (
            abs(segment.start_utc_ns - stretch.end_utc_ns) > _SEAM_NS or stretch.codec != segment.codec
        ):
            self._end(run)
            stretch = None
        header = fmp4.read_header(fd)
        track = header.video
        if track is None or track.codec not in ("h264", "hevc"):
            return
        if stretch is None:
            found = recognize(fd)
            if found.form != "onvif":  # of another form there is nothing to be checked
                if found.form:
                    self.signed.add(Signed(form=found.form))
                else:
                    self.signed.unsigned_s += segment.duration_ns // layout.NS
                return
            origin = read_origin(header.comment)
            sei = (kept(origin.signing) if origin is not None else b"") or found.certificate
            stretch = self._open[run] = _Stretch(StretchCheck(track.codec, sei, found.hash_name or "sha256"))
            stretch.codec = segment.codec
            while len(self._open) > _MAX_OPEN:
                self._end(next(iter(self._open)))
        stretch.end_utc_ns = segment.start_utc_ns + segment.duration_ns
        first: int | None = None
        for sample in fmp4.samples(fd):
            first = sample.pts if first is None else first
            utc_ns = segment.start_utc_ns + (sample.pts - first) * layout.NS // track.timescale
            stretch.check.add(nal_units(fd, sample, track.nal_length_bytes), utc_ns)

    def _end(self, run: tuple[str, str]) -> None:
        self.signed.add(self._open.pop(run).check.end())

    def end(self) -> Signed:
        """Nothing follows. Returns what was found."""
        for run in list(self._open):
            self._end(run)
        if not self.signed.form:
            self.signed.unsigned_s = 0
        return self.signed


def problem(camera: str, finding: SignedFinding) -> str:
    """A sentence for a person."""
    start, end = layout.clock_words(finding.start_utc_ns), layout.clock_words(finding.end_utc_ns)
    when = f"at {start}" if start == end else f"from {start} to {end}"
    return f"{camera}, {when}: {kind_words(finding)}."
