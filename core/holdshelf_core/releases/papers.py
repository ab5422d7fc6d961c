"""The papers of a bundle as plain text: read-me, manifest, authority, certificate, custody form. At most 78 columns.

They explain how to check the bundle with common tools, and never overstate: root can copy files and forge a log that nobody
witnessed, so nothing here says "cannot".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from holdshelf_core.inert import inert
from holdshelf_core.policy.listing import counted, wrapped
from holdshelf_core.policy.model import Span
from holdshelf_core.releases import bundle_words
from holdshelf_core.releases.facts import ORIGINAL, Facts, Manifest, Video
from holdshelf_core.releases.sshsig import NAMESPACE, PRINCIPAL
from holdshelf_core.times import NS, local_time_words, local_words, rfc3339
from holdshelf_core.timestamps.types import Stamps
from holdshelf_storage.access_log.checkpoint import parse_note

WIDTH = 78
_LINE = "_" * 30


def _plain(text: str) -> str:
    return " ".join(inert(text, instead="?").split())


def _page(title: str, facts: Facts, *parts: str) -> str:
    head = f"{_plain(facts.library)}\n{title}\nRelease {facts.release}\n"
    return head + "=" * WIDTH + "\n\n" + "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"


def _fill(text: str, indent: str = "") -> str:
    return "\n".join(_lines(text, indent, indent))


def _lines(text: str, first: str, rest: str) -> list[str]:
    return wrapped(_plain(text), WIDTH, first, rest, at_spaces=True)


def _pairs(rows: Iterable[tuple[str, str]]) -> str:
    lines = []
    for name, value in rows:
        if len(value) > WIDTH - 22 and " " not in value:
            lines += [f"{name}:", f"    {_plain(value)}"]  # a checksum is not wrapped
        elif value:
            lines += _lines(value, f"{name}:".ljust(22), " " * 22)
    return "\n".join(lines)


def hidden_words(video: Video) -> str:
    """Return the text about masks, as in the legend of its pictures."""
    if video.masks_version is None:
        return "nothing"
    boxes = f"{video.boxes} drawn over other people" if video.boxes else ""
    if video.masks == 0:
        return boxes or "nothing: this camera is approved without masks"
    return f"by masks, version {video.masks_version}" + (f", and {boxes}" if boxes else "")


def _spans(spans: Iterable[Span], facts: Facts) -> str:
    return "\n".join(
        f"  {_plain(facts.cameras.get(span.camera, span.camera))} ({span.camera})\n"
        f"      {local_time_words(span.start_utc_ns)} to {local_time_words(span.end_utc_ns)}"
        for span in spans
    )


def _signed(videos: Sequence[Video]) -> list[str]:
    """Return what the read-me says of signatures of the cameras' own; nothing about masked copies."""
    found = [video.camera_signature for video in videos if video.camera_signature is not None]
    if not found:
        return []
    parts = [
        "WHAT THE CAMERAS THEMSELVES SIGNED",
        *(_fill(sentence, "  ") for sentence in bundle_words.signed_sentences(videos)),
    ]
    if any(one.form == "onvif" for one in found):
        parts += [
            _fill(
                "The signatures are in the videos as the camera sent them. They can be checked with the validator of "
                "github.com/onvif/media-signing-framework, and against the root certificate of the camera's maker, which is "
                "not in here: ask the maker for it, and not us. The certificates in camera-signing/ are those that the camera "
                "sent. A .sei file there is the message in which it sent them before the video begins; a validator needs it in "
                "front of the pictures:"
            ),
            "  ffmpeg -i videos/FILE.mp4 -c copy -f h264 pictures.h264   (hevc: -f hevc)\n"
            "  cat camera-signing/NAME.sei pictures.h264 > signed.h264\n"
            "  openssl x509 -in camera-signing/NAME.pem -noout -text",
        ]
    if any(one.form == "axis" for one in found):
        parts.append(
            _fill(
                "Axis Signed Video is in the videos as the camera sent it, and can be checked with Axis's own player or "
                "github.com/AxisCommunications/signed-video-framework."
            )
        )
    return parts


def readme(facts: Facts, fingerprint: str, stamps: Stamps, videos: Sequence[Video] = ()) -> str:
    """Return README.txt: how to check the bundle, offline, and what each file is. ``stamps``: on its heads."""
    kind = (
        "The videos are the original recordings, frame for frame as the camera sent them."
        if facts.kind == ORIGINAL
        else "The videos are copies in which what the library hides is hidden and a legend is burned in; "
        "manifest.json has the SHA-256 of each original."
    )
    return _page(
        "Read this first",
        facts,
        _fill(f"This folder holds video that {facts.library} released, and the papers that go with it. {kind}"),
        "HOW TO CHECK IT, WITHOUT A NETWORK AND WITHOUT OUR PROGRAM",
        _fill("In this folder, on Linux or macOS. On Windows see below."),
        "  1.  sha256sum --check --strict SHA256SUMS SHA256SUMS.sig.sha256\n"
        "      (macOS: shasum -a 256 -c). Every line must end in OK.\n\n"
        "  2.  ssh-keygen -Y verify -f allowed_signers \\\n"
        f"          -I {PRINCIPAL} -n {NAMESPACE} \\\n"
        "          -s SHA256SUMS.sig < SHA256SUMS\n"
        '      It must say "Good" and a fingerprint, which must be the one on the\n'
        "      library's PAPER receipt, letter for letter. Here it is\n"
        f"      {fingerprint}\n"
        "      and a copy of it in this file proves nothing by itself.\n\n"
        "  3.  find . -type f | wc -l\n"
        "      must give the number of files that the receipt says.\n\n"
        "  4.  ffprobe videos/FILE.mp4\n"
        "      shows what a video holds; any player shows it." + _stamp_steps(stamps),
        "THE SAME ON WINDOWS 10 OR LATER",
        _fill(
            "In PowerShell, in this folder. Unpack the zip with Windows itself, and open no file in an editor before."
        ),
        "  1.  Get-Content SHA256SUMS, SHA256SUMS.sig.sha256 | ForEach-Object {\n"
        "        $sum, $file = $_ -split '  ', 2\n"
        "        $is = (Get-FileHash -LiteralPath $file -Algorithm SHA256).Hash\n"
        '        if ($is -eq $sum) { "$file OK" } else { "$file FAILED" } }\n\n'
        f"  2.  $a = '-Y verify -f allowed_signers -I {PRINCIPAL}'\n"
        f"      $a += ' -n {NAMESPACE} -s SHA256SUMS.sig'\n"
        '      cmd /c "ssh-keygen $a < SHA256SUMS"\n'
        "      It takes OpenSSH 8.1 or later (ssh -V). Git Bash has a newer one, and\n"
        "      there all is as on Linux.\n\n"
        "  3.  (Get-ChildItem -Recurse -File -Force).Count\n\n"
        "  One file by itself:  certutil -hashfile videos\\FILE.mp4 SHA256",
        "WHAT IT MEANS WHEN A CHECK FAILS",
        _fill('"FAILED" in step 1: that file was changed after the library signed it. It is not what was released.'),
        _fill('"No such file" in step 1: a file was taken away.'),
        _fill(
            '"Could not verify signature" in step 2: the list of checksums, or the signature, was changed, or it was made with '
            "another key or for another purpose. Then step 1 proves nothing."
        ),
        _fill(
            "Another fingerprint than on the receipt: this was not signed by the library, whatever it says. A key that is "
            "found only in here proves that nothing was changed since, and not where it comes from."
        ),
        _fill("In each case ask the library for another copy, and keep this one."),
        *_signed(videos),
        "WHAT IS IN HERE",
        "  videos/             one MP4 for each stretch without a break, by camera\n"
        "  gaps.csv            what was asked for and is not here, and why\n"
        "  frames.csv          each frame's time, in UTC\n"
        "  manifest.json       all facts, for programs; manifest.txt: the same on paper\n"
        "  authority.txt       on what authority this was released\n"
        "  certificate.txt     to be signed by the library\n"
        "  custody.txt         who had it in hand, to be filled in\n"
        "  access-log/         what the library's access log says of this release and\n"
        "                      of the recordings it was made from, each entry with\n"
        "                      its proof, and the log's signed head"
        + (", with time stamps\n" if stamps.now or stamps.earlier else "\n")
        + "  camera-signing/     the cameras' own certificates, if they sign their pictures\n"
        "  proofs.json         leads from the recordings to those entries\n"
        "  allowed_signers     the key, as ssh-keygen wants it\n"
        "  SHA256SUMS          checksums of all files above\n"
        "  SHA256SUMS.sig      the signature; SHA256SUMS.sig.sha256: its checksum",
        _fill(
            "Each video begins with a key frame at or before the time asked for; manifest.json says both times. There is no "
            "sound: none is recorded. Times are UTC where they end in Z; elsewhere they bear their offset."
        ),
        _fill(f"Questions: {facts.contact}") if facts.contact else "",
    )


def _stamp_steps(stamps: Stamps) -> str:
    """`-attime` is the time in the stamp: the server's certificate had to be good then, and will not be for ever."""
    told = (
        (stamps.now, "head", "timestamp-ca", "that head of its access log"),
        (stamps.earlier, "earlier-head", "earlier-ca", "the entries that anchored these recordings"),
    )
    given = [(files, head, ca, what) for files, head, ca, what in told if files is not None]
    if not given:
        return ""
    lines = ["", "", "  5.  cd access-log"]
    for files, head, ca, _ in given:
        lines += [
            f"      openssl ts -verify -data {head}.txt -in {head}.tsr \\",
            f"          -CAfile {ca}.pem -attime {files.utc_ns // NS}",
        ]
    lines += ['      must say "Verification: OK": by the word of a time stamp server that the', "      library chose,"]
    lines += [f"      {what} existed at {rfc3339(files.utc_ns // NS * NS)[:19]}Z;" for files, _, _, what in given]
    lines[-1] = lines[-1].removesuffix(";") + "."
    lines.append("      Compare its CA with one from elsewhere, letter for letter:")
    authorities = {files.ca: ca for files, _, ca, _ in reversed(given)}  # mostly one, in two files
    lines += [f"      openssl x509 -in {ca}.pem -noout -fingerprint -sha256" for ca in reversed(authorities.values())]
    return "\n".join(lines)


def authority(facts: Facts) -> str:
    """Return authority.txt: the paper, the results of the gates, who approved."""
    paper = facts.paper
    paper_rows = (
        []
        if paper is None
        else [
            ("Paper", paper.words),
            ("Issued by", paper.issuer),
            ("Docket or case no.", paper.docket),
            ("Agency", paper.agency),
            ("Officer", paper.officer),
            ("Signed by a judge", "yes" if paper.judge else "no"),
            ("In force until", paper.lapses),
            ("Original asked for", "yes" if paper.asks_original else "no"),
            ("SHA-256 of its scan", paper.sha256),
        ]
    )
    return _page(
        "On what authority this was released",
        facts,
        _pairs([("Basis", facts.basis_words), ("Case or incident", facts.reference), *paper_rows]),
        _pairs(
            [
                ("Requested by", facts.requested),
                ("Approved by", facts.approved),
                ("Approval on paper", facts.approval_paper_sha256),
                ("Bundle made by", facts.exported),
            ]
        ),
        "WHAT EACH GATE SAID WHEN THE BUNDLE WAS MADE",
        "\n".join(_fill(f"{who}: {said}", "  ") for who, said in facts.gates),
        _fill(f"Caution on record: {facts.caution}") if facts.caution else "",
        "OTHER PEOPLE IN IT",
        _fill(bundle_words.others_sentence(facts.others).removeprefix("Other people: "), "  "),
        "ASKED FOR",
        _spans(facts.asked, facts),
        "GIVEN",
        _spans(facts.given, facts),
        _fill("This says what was asked and decided. It does not say that the release complies with a law."),
    )


def manifest_text(manifest: Manifest, facts: Facts) -> str:
    """Return manifest.txt, the printable version of manifest.json."""
    parts = [
        _pairs(
            [
                ("Made", manifest.made),
                ("Videos are", "originals" if manifest.kind == ORIGINAL else "masked copies"),
                ("Case or incident", manifest.reference),
                ("Signed with key", manifest.signing_key),
                ("Other people", bundle_words.others_sentence(manifest.others).removeprefix("Other people: ")),
                ("Policy", f"{manifest.policy_version} {manifest.policy_sha256}".strip()),
                ("Policy file", manifest.policy_file_sha256),
                ("Made with", manifest.made_with),
            ]
        ),
        "ASKED FOR",
        _spans(facts.asked, facts),
        "GIVEN",
        _spans(facts.given, facts),
    ]
    for video in manifest.videos:
        rows = [
            ("Camera", f"{video.camera_name} ({video.camera})"),
            ("Asked for", f"{video.asked_start} to {video.asked_end}"),
            ("First frame", video.in_point),
            ("Ends", video.end),
            ("Frames", f"{video.frames}, {video.codec}, {video.width} × {video.height}, no sound"),
            ("Recorded by", "the camera itself, and fetched from it later" if video.recovered_from_camera else ""),
            ("Hidden", hidden_words(video)),
            ("Camera's signature", video.camera_signature.words if video.camera_signature else ""),
            ("Damaged", counted(video.damaged_frames, "frame") if video.damaged_frames else ""),
            ("Bytes", str(video.bytes)),
            ("SHA-256", video.sha256),
            ("Original's SHA-256", video.original_sha256 if video.original_sha256 != video.sha256 else ""),
            ("Made from", f"{counted(len(video.sources), 'file')} of the archive, named in manifest.json"),
        ]
        parts.append(f"VIDEO {video.file}\n{_pairs(rows)}")
    if manifest.missing:
        lines = [
            f"  {gap.camera}  {gap.kind}\n      {gap.start} to\n      {gap.end}\n      {_plain(gap.reason)}"
            for gap in manifest.missing
        ]
        parts += ["NOT IN HERE THOUGH ASKED FOR", "\n".join(lines)]
    else:
        parts.append("All that was asked for is in here.")
    parts.append(_pairs([("Access log", f"{parse_note(manifest.log_head).head.short}; whole in access-log/head.txt")]))
    return _page("What this bundle holds", facts, *parts)


def certificate(manifest: Manifest, facts: Facts) -> str:
    """Return certificate.txt, for the custodian to sign."""
    said = bundle_words.certificate_words(
        _plain(facts.library), is_original=manifest.kind == ORIGINAL, others=facts.others, videos=manifest.videos
    )
    parts = [
        *(_fill(paragraph) for paragraph in said),
        _pairs(
            [
                ("Listed in", "manifest.txt"),
                ("Checksums", "SHA256SUMS"),
                ("Signed with key", manifest.signing_key),
                ("Videos", str(len(manifest.videos))),
                ("Missing stretches", str(len(manifest.missing))),
            ]
        ),
        "\n\n".join(f"{name + ':':<17}{_LINE}" for name in bundle_words.SIGNATURES),
        _fill(bundle_words.CERTIFICATE_END),
    ]
    return _page(bundle_words.CERTIFICATE_TITLE, facts, *parts)


def custody(facts: Facts) -> str:
    """Return custody.txt, to be filled in by hand."""
    row = "\n".join(f"{name + ':':<17}{_LINE}" for name in bundle_words.CUSTODY_FIELDS)
    return _page(
        bundle_words.CUSTODY_TITLE,
        facts,
        _pairs([("Case or incident", facts.reference), ("Bundle made", local_words(facts.made_utc_ns))]),
        _fill(bundle_words.CUSTODY),
        *[row] * bundle_words.CUSTODY_BLOCKS,
        _fill(bundle_words.CUSTODY_END),
    )
