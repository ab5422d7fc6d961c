"""Makes a bundle: videos, lists, papers, checksums, signature; entirely or not at all (docs/bundle.md describes its content).

Blocks; runs in a thread, for minutes. It reads footage and writes only below ``bundles/``.
"""

from __future__ import annotations

import csv
import hashlib
import io
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from msgspec import UnsetType

from holdshelf_core.policy.model import MovingBox, Span
from holdshelf_core.releases import clips, papers, signing, videos
from holdshelf_core.releases.check_entries import ENTRY, PROOF
from holdshelf_core.releases.check_stamp import EARLIER, NOW
from holdshelf_core.releases.check_witnesses import COUNTERSIGNED
from holdshelf_core.releases.clips import Clip, Missing
from holdshelf_core.releases.facts import ORIGINAL, Facts, Gap, Made, Manifest, Video
from holdshelf_core.releases.proofs import NAME as PROOFS
from holdshelf_core.releases.proofs import Proofs
from holdshelf_core.releases.sshsig import NAMESPACE, PRINCIPAL, ReleaseKey
from holdshelf_core.releases.writing import SIGNATURE, SIGNATURE_SUM, SUMS, Digest, Room, Writing, sums_text
from holdshelf_core.times import NS, rfc3339
from holdshelf_core.timestamps.types import StampFiles, Stamps
from holdshelf_storage.access_log.access_log import AccessLog
from holdshelf_storage.access_log.checkpoint import parse_note
from holdshelf_storage.access_log.proof import proof_of_export
from holdshelf_storage.anchors.book import AnchorBook
from holdshelf_storage.errors import DiskFull
from holdshelf_storage.footage.footage import Footage
from holdshelf_storage.scratch import Scratch
from holdshelf_storage.volume.journal import StoredSegment

FORM = 1
MORE_BYTES = 4 << 20
"""For papers and lists, in addition to the videos."""

type Progress = Callable[[int, int, str], None]
"""Called with the bytes of footage done, the total, and the current step."""


def _unstamped(_head: str, _entry: int) -> Stamps:
    """Return what a bundle has where nobody stamps: no stamp of its head, none of an earlier one."""
    return Stamps()


@dataclass(frozen=True, slots=True)
class Order:
    """Everything needed to make a bundle."""

    facts: Facts
    footage: Footage
    log: AccessLog
    key: ReleaseKey
    told: Sequence[Missing]
    """Gaps, as far as known in advance."""
    room: Room
    stop: threading.Event
    progress: Progress
    book: AnchorBook
    """What the access log anchored of the footage."""
    countersigned: Callable[[str], str] = str
    """Return a head of the log with the signatures of witnesses that can be had within seconds; may block so long."""
    stamped: Callable[[str, int], Stamps] = _unstamped
    """Return the time stamp of such a head, if it can be had within seconds, and the first one that covers that entry; may block
    so long."""


def make(order: Order) -> Made:
    """Make a bundle in its final place. Raises Cancelled, Unavailable, StorageError; nothing is left then."""
    facts, root_fd = order.facts, order.footage.folders.volume.root_fd
    with Writing(root_fd, facts.release, order.room, order.stop) as writing:
        plan = clips.plan(order.footage, facts.given, order.told, writing.pins)
        _check_room(order, plan.bytes)
        order.progress(0, plan.bytes, "holding the recordings against the access log")
        proofs = Proofs(order.book, root_fd)
        proofs.check(plan.clips, writing.go_on)
        made = _Making(order, writing, plan.bytes, proofs)
        with Scratch(writing.scratch) as rows:
            rows.write(b"file,frame,utc,key,bytes,by\n")
            for clip in plan.clips:
                made.video(clip, rows)
            rows.flush()
            with writing.file("frames.csv") as file:
                file.copy(rows.fd, 0, os.fstat(rows.fd).st_size)
        missing = [
            Gap(m.camera, m.kind, rfc3339(m.start_utc_ns), rfc3339(m.end_utc_ns), m.reason) for m in plan.missing
        ]
        order.progress(plan.bytes, plan.bytes, "papers")
        manifest = made.manifest(missing)
        made.papers(manifest)
        sums = sums_text(writing.sums)
        listed_bytes = writing.bytes
        signature = order.key.sign(sums.encode())
        writing.text(SUMS, sums)
        writing.text(SIGNATURE, signature)
        writing.text(SIGNATURE_SUM, f"{hashlib.sha256(signature.encode()).hexdigest()}  {SIGNATURE}\n")
        files = len(writing.sums)
        writing.go_on()
        writing.finish(facts.made_utc_ns)
    sums_sha256 = hashlib.sha256(sums.encode()).hexdigest()
    return Made(files, listed_bytes, sums_sha256, order.key.fingerprint, len(made.videos), facts.kind, len(missing))


def needed_bytes(kind: str, footage_bytes: int) -> int:
    """Return the room needed while making a bundle: its folder, and for a masked copy the data waiting for its tables."""
    return footage_bytes * (1 if kind == ORIGINAL else 2) + MORE_BYTES


def _check_room(order: Order, footage_bytes: int) -> None:
    needed, free = needed_bytes(order.facts.kind, footage_bytes), order.room()
    if needed > free:
        raise DiskFull(
            f"The bundle takes about {needed / 1e6:.0f} MB of the media disk while it is made, and {max(0, free) / 1e6:.0f} MB "
            "are free; no footage is erased for it. Make room, or release less at a time."
        )


class _Making:
    """One bundle being made."""

    def __init__(self, order: Order, writing: Writing, total_bytes: int, proofs: Proofs) -> None:
        self._order = order
        self._proofs = proofs
        self._writing = writing
        self._total = total_bytes
        self._done = 0
        self._stamps = Stamps()
        self.videos: list[Video] = []

    def video(self, clip: Clip, rows: Scratch) -> None:
        """Write one clip: its MP4, and a row for each frame. A clip in which nothing can be shown gets no file."""
        order, facts = self._order, self._order.facts
        is_original = facts.kind == ORIGINAL
        name = f"videos/{clip.camera}_{_stamp(clip.asked_start_utc_ns)}.mp4"
        while name in self._writing.sums:  # where the clock was set back, a time occurs twice
            name = f"{name.removesuffix('.mp4')}-again.mp4"
        root_fd, scratch = order.footage.folders.volume.root_fd, self._writing.scratch
        title = name.removeprefix("videos/")

        row = _frame_rows(title, rows, by="camera" if clip.is_recovered else "service")

        began = self._done
        span_ns = max(1, clip.asked_end_utc_ns - clip.asked_start_utc_ns)

        def shown(utc_ns: int) -> None:
            part = min(1.0, max(0.0, (utc_ns - clip.asked_start_utc_ns) / span_ns))
            order.progress(began + int(clip.bytes * part), self._total, title)

        with self._writing.file(name) as file:
            if is_original:

                def copied(size: int) -> None:
                    order.progress(began + min(clip.bytes, size), self._total, title)

                made = videos.original(clip, root_fd, scratch, file, row, copied)
            else:
                burn = facts.burns[clip.camera]
                made = videos.masked(clip, root_fd, scratch, burn, order.stop, file, row, shown)
        self._done += clip.bytes
        if made is None:
            return
        whole, signature = file.sha256, None
        if is_original:
            order.progress(self._done, self._total, f"what the camera signed of {title}")
            signature = signing.signature(clip, root_fd, self._writing)
            self._proofs.video(name, clip)
        else:
            order.progress(self._done, self._total, f"checksum of the original of {title}")
            digest = Digest(self._writing)
            videos.original(clip, root_fd, scratch, digest)
            whole = digest.sha256
        self.videos.append(
            Video(
                file=name,
                sha256=file.sha256,
                bytes=file.bytes,
                camera=clip.camera,
                camera_name=facts.cameras.get(clip.camera, clip.camera),
                codec=made.codec,
                width=made.width,
                height=made.height,
                frames=made.frames,
                asked_start=rfc3339(clip.asked_start_utc_ns),
                asked_end=rfc3339(clip.asked_end_utc_ns),
                in_point=rfc3339(made.first_utc_ns),
                end=rfc3339(made.end_utc_ns),
                masks_version=None if is_original else facts.burns[clip.camera].mask_version,
                masks=None if is_original else len(facts.burns[clip.camera].masks),
                boxes=0 if is_original else _boxes_in(facts.burns[clip.camera].boxes, made),
                damaged_frames=made.damaged,
                original_sha256=whole,
                sources=[
                    {
                        "seq": s.segment.seq,
                        "name": s.segment.name,
                        "day": s.segment.day,
                        "start": rfc3339(s.segment.start_utc_ns),
                        "sha256": s.segment.sha256,
                        **_from_camera(s.segment),
                    }
                    for s in clip.sources
                ],
                recovered_from_camera=clip.is_recovered,
                camera_signature=signature,
            )
        )

    def manifest(self, missing: list[Gap]) -> Manifest:
        """Return all facts; also writes the extract of the access log, which they name."""
        order, facts = self._order, self._order.facts
        anchored = self._proofs.entries()
        head, exports = order.log.extract(
            lambda entry: entry.get("subject") == facts.release or entry["seq"] in anchored
        )
        countersigned, self._stamps = order.countersigned(head), order.stamped(head, max(anchored, default=0))
        self._writing.text(PROOFS, self._proofs.encode())
        for seq, export in exports.items():
            name = f"{ENTRY}{seq:08d}"
            with self._writing.file(f"{name}.jsonl") as file:
                file.write(export)
            self._writing.text(f"{name}{PROOF}", proof_of_export([export], countersigned).text())
        self._writing.text("access-log/head.txt", head)
        if countersigned != head:
            self._writing.text(COUNTERSIGNED, countersigned)
        self._write_stamps(parse_note(head).head.size)
        return Manifest(
            holdshelf_release=FORM,
            release=facts.release,
            library=facts.library,
            made=rfc3339(facts.made_utc_ns),
            kind=facts.kind,
            reference=facts.reference,
            basis=facts.basis_words,
            asked=_told(facts.asked),
            given=_told(facts.given),
            paper_sha256=facts.paper.sha256 if facts.paper is not None else "",
            approval_paper_sha256=facts.approval_paper_sha256,
            videos=self.videos,
            missing=missing,
            log_head=head,
            log_key=str(order.log.public_key),
            log_entries=list(exports),
            policy_version=facts.policy_version,
            policy_sha256=facts.policy_sha256,
            policy_file_sha256=facts.policy_file_sha256,
            signing_key=order.key.fingerprint,
            namespace=NAMESPACE,
            principal=PRINCIPAL,
            made_with=facts.version,
            others=facts.others,
        )

    def _write_stamps(self, size: int) -> None:
        """``size``: of the head that the bundle leads to."""
        now, earlier = self._stamps.now, self._stamps.earlier
        if now is not None:
            self._write_stamp(now, NOW.stamp, NOW.authority)
        if earlier is not None:
            self._writing.text(EARLIER.head, earlier.head)
            self._write_stamp(earlier, EARLIER.stamp, EARLIER.authority)
            proof = self._order.log.consistency_proof(earlier.entries, size)
            self._writing.text(EARLIER.proof, "".join(f"{node.hex()}\n" for node in proof))

    def _write_stamp(self, files: StampFiles, stamp: str, authority: str) -> None:
        with self._writing.file(stamp) as file:
            file.write(files.stamp)
        self._writing.text(authority, files.ca)

    def papers(self, manifest: Manifest) -> None:
        """Write lists and papers."""
        facts, key = self._order.facts, self._order.key
        text = self._writing.text
        raw = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
        text("manifest.json", raw.decode())
        text(
            "gaps.csv",
            _csv(("camera", "kind", "start", "end", "reason"), [msgspec.structs.astuple(m) for m in manifest.missing]),
        )
        text("manifest.txt", papers.manifest_text(manifest, facts))
        text("authority.txt", papers.authority(facts))
        text("certificate.txt", papers.certificate(manifest, facts))
        text("custody.txt", papers.custody(facts))
        text("README.txt", papers.readme(facts, key.fingerprint, self._stamps, manifest.videos))
        text("allowed_signers", key.allowed_signers())


def _frame_rows(title: str, rows: Scratch, *, by: str) -> videos.Row:
    """Return a function that writes a video's rows of frames.csv."""
    second, until = -1, ""

    def row(number: int, utc_ns: int, is_key: bool, size: int) -> None:
        nonlocal second, until
        at, rest_ns = divmod(utc_ns, NS)
        if at != second:
            second, until = at, rfc3339(at * NS)[:20]
        rows.write(f"{title},{number},{until}{rest_ns:09d}Z,{is_key:d},{size},{by}\n".encode())

    return row


def _boxes_in(boxes: Sequence[MovingBox], made: videos.Facts) -> int:
    return sum(
        box.points[0].at_utc_ns < made.end_utc_ns and box.points[-1].at_utc_ns >= made.first_utc_ns for box in boxes
    )


def _from_camera(segment: StoredSegment) -> dict[str, dict[str, str | int]]:
    """Return where a source was recovered from, if it was: with the camera's own time, and how far its clock was off."""
    of = segment.from_camera
    if isinstance(of, UnsetType):
        return {}
    told: dict[str, str | int] = {
        "fetched": rfc3339(of.fetched_utc_ns),
        "start_by_camera": rfc3339(of.start_utc_ns),
        "clock_offset_ns": of.offset_ns,
    }
    return {"from_camera": told}


def _stamp(utc_ns: int) -> str:
    """Return e.g. '2026-11-24T140000.000Z': sortable, and a valid file name everywhere."""
    text = rfc3339(utc_ns)
    return text[:23].replace(":", "") + "Z"


def _told(spans: Sequence[Span]) -> list[dict[str, str]]:
    return [{"camera": s.camera, "start": rfc3339(s.start_utc_ns), "end": rfc3339(s.end_utc_ns)} for s in spans]


def _csv(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()
