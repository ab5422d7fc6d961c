"""The papers of one hold, release, bundle, still: from facts alone. What stands on them, what never does, and that they fit."""

from __future__ import annotations

import hashlib
import io
import re
import subprocess
from pathlib import Path

import msgspec
import pytest
from PIL import Image

from holdshelf_core.api.errors import BadRequest, Conflict
from holdshelf_core.releases import bundle_words
from holdshelf_core.reports.case_types import (
    AuthorityPaper,
    BundlePaper,
    GatePaper,
    HoldPaper,
    ReleasePaper,
    SheetPaper,
    SheetPicture,
    StillPaper,
    StretchPaper,
    VideoPaper,
)
from holdshelf_core.reports.types import LogHead, PaperFacts, PolicyText
from holdshelf_tui.papers.catalogue import LETTER_AND_A4, PAPERS
from holdshelf_tui.papers.document import Heading, Table
from holdshelf_tui.papers.hold_notice import stretches, stretches_table
from holdshelf_tui.text.words import columns

LONGEST_NAME = "The Trumbull Town and Neighbouring Villages Free Public Libr"
CAMERAS = ("Front entrance", "Κεντρική είσοδος", "Читальный зал", "Parking", "Service desk", "Community room")
TEXT = """CAMERA POLICY

DISCLAIMER OF RESPONSIBILITY:

· A copy may be had by anyone.

· The Library disclaims any liability for use of the
  video records in accordance with this policy.
"""
DISCLAIMED = "The Library disclaims any liability for use of the video records in accordance with this policy."
DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def at(hour: int, minute: int, second: int = 0) -> str:
    return f"2026-11-24 {hour:02}:{minute:02}:{second:02} -05:00"


def picture(size: tuple[int, int] = (1280, 780)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (90, 120, 90)).save(out, "JPEG")
    return out.getvalue()


STRETCHES = tuple(
    part
    for camera in CAMERAS
    for part in (
        StretchPaper(camera, "recorded", at(14, 0), at(14, 12, 7), "0:12:07"),
        StretchPaper(camera, "gap", at(14, 12, 7), at(14, 13), "0:00:53", "camera unreachable"),
        StretchPaper(camera, "recorded", at(14, 13), at(15, 0), "0:47:00"),
    )
)
HOLD = HoldPaper(
    id="H-2026-0012",
    ground="an investigation, by the police or the library",
    reference="26-0417",
    state="active",
    spans=tuple(f"{camera}, {at(14, 0)} to 15:00:00" for camera in CAMERAS),
    stretches=STRETCHES,
    kept="5 h 54 min 42 s",
    missing="5 min 18 s",
    erased="",
    placed_by="Αγγελική Παπαδοπούλου, Library Director",
    placed_at=at(16, 2, 11),
    review_on="February 22, 2027",
    is_overdue=False,
    second_person=True,
    grace_days=7,
)
RELEASE = ReleasePaper(
    id="R-2026-0003",
    state="approved",
    basis="a search warrant",
    reference="26-0417",
    asked=(f"Front entrance, {at(13, 30)} to 15:30:00",),
    given=(f"Front entrance, {at(14, 0)} to 15:00:00",),
    paper=AuthorityPaper(
        "a search warrant",
        "Superior Court",
        "CR-26-77",
        "Prospect Police",
        "Роман Иванов, badge 12",
        True,
        "December 24, 2026",
        False,
        (f"Front entrance, {at(14, 0)} to 15:00:00",),
        DIGEST,
    ),
    gates=(GatePaper("The policy", True, "It passes."), GatePaper("The statute", False, "It does not.", ("an order",))),
    caution="Released on counsel's determination D-2026-0001, without a court order.",
    requested_by="Dora Reed, Library Director",
    requested_at=at(16, 10),
    approved=f"Chair of the Library Board, on signed paper, {at(17, 1)}",
    approval_sha256=DIGEST[::-1],
    refusals=("2026-11-24 16:10 -05:00, the policy: The paper does not reach so far.",),
    holds=("H-2026-0012",),
)
BUNDLE = BundlePaper(
    release="R-2026-0003",
    basis="a search warrant",
    reference="26-0417",
    kind="masked",
    videos=12,
    missing=6,
    files=31,
    bytes=1_234_567_890,
    made_at=at(17, 30),
    made_by="Dora Reed, Library Director",
    fingerprint="SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE",
    sums_sha256=DIGEST,
    given=HOLD.spans,
    certificate=bundle_words.certificate_words(LONGEST_NAME, is_original=False, others=None),
    certificate_end=bundle_words.CERTIFICATE_END,
    custody=bundle_words.CUSTODY,
    custody_end=bundle_words.CUSTODY_END,
    rows=tuple(VideoPaper(f"videos/{n}.mp4", f"{c}, {at(14, 0)} to 14:12:07", DIGEST) for n, c in enumerate(CAMERAS)),
    gaps=tuple(part for part in STRETCHES if part.kind == "gap"),
    is_here=True,
)
STILL = StillPaper(
    share="V-2026-0004",
    copy=3,
    camera="Front entrance",
    shown_at=at(14, 3, 20),
    purpose="possible violation of a library or town policy",
    given_to="Мария Смирнова, reference desk",
    by="Dora Reed, Library Director",
    made_at=at(16, 30),
    return_on="December 8, 2026",
    jpeg=picture(),
    log_seq=1234,
)
SHEET = SheetPaper(
    id="H-2026-0012",
    what="hold",
    reference="26-0417",
    spans=HOLD.spans,
    others="",
    by="Αγγελική Παπαδοπούλου, Library Director",
    made_at=at(16, 30),
    log_seq=1235,
    pictures=tuple(
        SheetPicture(picture((640, 420)), f"{CAMERAS[n % len(CAMERAS)]}, 2:{n:02}:20 pm") for n in range(24)
    ),
    missing=("Front entrance, Nov 24, 2026, 2:12:20 pm: no picture. Nothing was recorded.",),
)
FACTS = PaperFacts(
    LONGEST_NAME,
    "Αγγελική Παπαδοπούλου, Library Director, 555-0100",
    "https://library.example.org/camera-policy",
    policy=PolicyText("3.1", "2026-10-01", hashlib.sha256(TEXT.encode()).hexdigest(), TEXT),
    log=LogHead("holdshelf.local/0123456789abcdef", 1234, "1234:" + " ".join(["abcd"] * 8)),
    hold=HOLD,
    released=RELEASE,
    bundle=BUNDLE,
    still=STILL,
    sheet=SHEET,
    printed_at="2026-11-25 14:12 -05:00",
)
NAMES = ("hold", "release", "receipt", "custody", "certificate", "still", "sheet")
PAGES = {"hold": 2, "release": 2, "receipt": 1, "custody": 1, "certificate": 2, "still": 1, "sheet": 1}


def one_line(text: str) -> str:
    return " ".join(text.split())


def printed(name: str, facts: PaperFacts = FACTS) -> str:
    return one_line(PAPERS[name].as_text(facts))


def has(text: str, *all_words: str) -> None:
    for words in all_words:
        assert words in text, words


@pytest.mark.parametrize("name", NAMES)
def test_each_carries_the_library_contact_policy_and_checkpoint_in_80_columns(name: str) -> None:
    text = PAPERS[name].as_text(FACTS)
    assert max(columns(line) for line in text.splitlines()) <= 80
    has(one_line(text), LONGEST_NAME, "555-0100", "3.1, adopted Oct 1, 2026", "1234:abcd", "Printed:")
    assert not re.search(r"\bcannot be (?:forged|changed)|guarantee|compl(?:y|ies) with the law\b", text)
    assert ("P21" in text) == (name in ("hold", "release", "still", "sheet"))


@pytest.mark.parametrize("name", NAMES)
def test_each_fits_its_pages_with_the_longest_name_six_cameras_and_gaps_in_other_scripts(
    name: str, tmp_path: Path
) -> None:
    file = tmp_path / "paper.pdf"
    for page in LETTER_AND_A4:
        file.write_bytes(PAPERS[name].as_pdf(FACTS, page))
        told = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
        assert int(re.findall(r"Pages:\s+(\d+)", told)[0]) <= PAGES[name]
    read = subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout
    assert LONGEST_NAME in one_line(read)
    if name == "hold":
        has(one_line(read), *CAMERAS, "Αγγελική Παπαδοπούλου")


def test_p16_a_notice_of_one_camera_is_one_page(tmp_path: Path) -> None:
    hold = msgspec.structs.replace(HOLD, spans=HOLD.spans[:1], stretches=STRETCHES[:3], erased="30 min 00 s")
    (tmp_path / "paper.pdf").write_bytes(PAPERS["hold"].as_pdf(msgspec.structs.replace(FACTS, hold=hold)))
    told = subprocess.run(["pdfinfo", tmp_path / "paper.pdf"], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Pages:\s+1\b", told)


def test_p16_the_hold_notice_says_what_is_kept_what_is_not_and_what_that_means() -> None:
    text = printed("hold")
    has(
        text,
        "Hold H-2026-0012 is in force",
        "an investigation, by the police or the library",
        "no. 26-0417",
        "by Αγγελική Παπαδοπούλου",
        "due on February 22, 2027",
        "Nov 24, 2026, UTC-05:00",
        "14:12:07 to 14:13:00",
        "gap: camera unreachable",
        "5 min 18 s never recorded",
        "Nothing in it is erased while the hold is in force",
        "another approves; then everything is kept for 7 days more",
    )
    gone = StretchPaper("Front entrance", "erased", "2026-11-23 23:30:00 -05:00", at(14, 0), "14:30:00", "…")
    told = msgspec.structs.replace(HOLD, stretches=(gone, *STRETCHES), erased="14 h 30 min 00 s", is_overdue=True)
    text = printed("hold", msgspec.structs.replace(FACTS, hold=told))
    has(text, "already erased", "cannot be brought back", "OVERDUE since February 22, 2027; it stays in force")
    alone = msgspec.structs.replace(HOLD, second_person=False, grace_days=1)
    has(
        printed("hold", msgspec.structs.replace(FACTS, hold=alone)), "Someone with the right lifts it", "for 1 day more"
    )
    for state, words in (("grace", "is lifted. Until its grace period"), ("lifted", "it no longer keeps anything")):
        over = msgspec.structs.replace(HOLD, state=state)
        has(printed("hold", msgspec.structs.replace(FACTS, hold=over)), words)


def test_a_cameras_name_stands_once_above_its_stretches() -> None:
    first, last = "14:00:00 -05:00", "15:00:00 -05:00"
    of = [StretchPaper(name, "recorded", f"2026-11-24 {first}", f"2026-11-24 {last}", "1:00:00") for name in "AAABBB"]
    said = [block.words if isinstance(block, Heading) else len(block.rows[0]) for block in stretches(of)]  # type: ignore[attr-defined]
    assert said == ["A", 3, "B", 3]
    ((alone),) = stretches(of[2:4])
    assert isinstance(alone, Table)
    assert [row[0] for row in alone.rows] == ["A", "B"]


def test_both_half_past_ones_of_an_autumn_night_stay_apart_on_the_notice() -> None:
    night = StretchPaper("Door", "recorded", "2026-11-01 01:30:00 -04:00", "2026-11-01 01:30:00 -05:00", "1:00:00")
    ((_camera, when, _length, _what),) = stretches_table([night]).rows
    assert when == "2026-11-01 01:30:00 -04:00 to 2026-11-01 01:30:00 -05:00"


def test_p13_the_release_form_says_what_was_asked_on_what_paper_and_whose_word_it_took() -> None:
    has(
        printed("release"),
        "13:30:00 -05:00 to 15:30:00",
        "Docket or case: CR-26-77",
        "Роман Иванов, badge 12",
        f"SHA-256 of its scan: {DIGEST}",
        "The policy: yes. It passes.",
        "The statute: NO. It does not.",
        "needed: an order",
        "Caution on record: Released on counsel's determination",
        "Trimmed to: Front entrance: 2026-11-24 14:00:00 -05:00 to 15:00:00",
        "Chair of the Library Board, on signed paper",
        f"flagged for a second person's review; SHA-256 of its scan: {DIGEST[::-1]}",
        "Refused 2026-11-24 16:10 -05:00, the policy: The paper does not reach so far.",
        f"The policy says, word for word: {DISCLAIMED}",
        "Requested by ____",
        "Approved by ____",
        "Received by ____",
        "It does not say that the release complies with a law.",
    )


def test_p13_the_release_form_of_a_request_with_a_clock_says_when_it_came_and_when_it_is_due() -> None:
    row = msgspec.structs.replace(
        RELEASE,
        stated=("proof of who asks", "the Human Resources was consulted"),
        received_on="2026-11-02",
        due="February 2, 2027",
        extended_why="three hours to look through",
    )
    has(
        printed("release", msgspec.structs.replace(FACTS, released=row)),
        "On record: proof of who asks; the Human Resources was consulted",
        "Received: Nov 2, 2026",
        "To be answered by: February 2, 2027",
        "More time, because: three hours to look through",
    )
    assert "Received: " not in printed("release") and "To be answered" not in printed("release")


def test_p13_without_a_number_it_is_the_form_that_an_officer_fills_in() -> None:
    blank = msgspec.structs.replace(FACTS, released=None)
    text = printed("release", blank)
    has(text, "[ ] subpoena", "Camera or place ____", "[ ] please put them on hold now", DISCLAIMED, "badge no. ____")
    assert "R-2026" not in text and "P21" not in text


def test_p20_a_text_that_is_not_the_adopted_one_is_on_no_form() -> None:
    assert FACTS.policy is not None
    other = msgspec.structs.replace(FACTS.policy, text=TEXT.replace("disclaims any", "accepts all"))
    for released in (RELEASE, None):
        with pytest.raises(Conflict, match="P20"):
            PAPERS["release"].makes(msgspec.structs.replace(FACTS, policy=other, released=released))
    none = printed("release", msgspec.structs.replace(FACTS, policy=None))
    has(none, "it stands in the policy that the Board adopted, on paper; the text is not installed here")
    silent = PolicyText("4", "2026-10-02", hashlib.sha256(b"No word of it.").hexdigest(), "No word of it.")
    text = printed("release", msgspec.structs.replace(FACTS, policy=silent))
    assert "is said in its policy (version 4" in text and "word for word" not in text


def test_the_certificate_follows_the_rules_manner_lists_each_video_and_claims_nothing() -> None:
    text = printed("certificate")
    has(text, "compare Rule 902(11)", "compare Rule 902(13)", "compare Rule 902(14)", f"videos/5.mp4 {DIGEST}")
    has(text, "does not claim to meet them or any other rule", "under penalty of perjury", BUNDLE.fingerprint)
    assert text.count("gap: camera unreachable") == 6
    gone = msgspec.structs.replace(BUNDLE, rows=(), gaps=(), is_here=False)
    has(printed("certificate", msgspec.structs.replace(FACTS, bundle=gone)), "made from the register alone")


def test_receipt_and_custody_form_carry_the_key_that_signed() -> None:
    for name in ("receipt", "custody"):
        text = printed(name)
        has(text, BUNDLE.fingerprint, "12, masked copies", "Handed over by ____", "Received by")
        assert DIGEST in text.replace(" ", "")
    has(printed("custody"), bundle_words.CUSTODY, bundle_words.CUSTODY_END)


def test_p14_the_still_says_view_only_which_copy_whose_and_until_when() -> None:
    has(
        printed("still"),
        "View only. Return by December 8, 2026.",
        "no. 3, registered as V-2026-0004",
        "possible violation of a library or town policy",
        "Мария Смирнова, reference desk",
        "entry 1234",
        "Do not copy, photograph, post or pass it on",
        "Returned on ____",
    )
    assert PAPERS["still"].formats == ("pdf",), "letters are no picture"


@pytest.mark.parametrize("size", [(480, 310), (640, 520), (1920, 1120), (480, 700)])
def test_a_sheet_that_is_given_back_is_one_sheet_whatever_the_camera_sees(
    size: tuple[int, int], tmp_path: Path
) -> None:
    longer = msgspec.structs.replace(STILL, jpeg=picture(size), return_on="December 9, 2026 at 22:05 (+00:00)")
    file = tmp_path / "paper.pdf"
    for page in LETTER_AND_A4:
        file.write_bytes(PAPERS["still"].as_pdf(msgspec.structs.replace(FACTS, still=longer), page))
        told = subprocess.run(["pdfinfo", file], capture_output=True, text=True, check=True).stdout
        assert re.findall(r"Pages:\s+(\d+)", told) == ["1"], page


@pytest.mark.parametrize("name", ["hold", "receipt", "custody", "certificate", "still"])
def test_a_paper_about_nothing_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(BadRequest):
        PAPERS[name].makes(msgspec.structs.replace(FACTS, hold=None, bundle=None, still=None))


@pytest.mark.parametrize("name", NAMES)
def test_what_people_typed_reaches_no_terminal_alive(name: str) -> None:
    hostile = "a\x1b[31mred\x1b]0;title\x07\u202eevil\x9b2J"

    def spoil[T: msgspec.Struct](row: T) -> T:
        letters = [key for key, value in msgspec.structs.asdict(row).items() if isinstance(value, str)]
        return msgspec.structs.replace(row, **{key: hostile for key in letters if key not in ("kind", "state")})

    spoiled = msgspec.structs.replace(
        FACTS,
        hold=msgspec.structs.replace(spoil(HOLD), stretches=tuple(spoil(part) for part in STRETCHES[:2])),
        released=msgspec.structs.replace(spoil(RELEASE), asked=(hostile,), given=(hostile, hostile), holds=(hostile,)),
        bundle=msgspec.structs.replace(spoil(BUNDLE), given=(hostile,), certificate=(hostile,)),
        still=msgspec.structs.replace(spoil(STILL), jpeg=STILL.jpeg),
    )
    text = PAPERS[name].as_text(spoiled)
    assert all(line.isprintable() or not line for line in text.splitlines())
    assert PAPERS[name].as_pdf(spoiled).startswith(b"%PDF")


def test_p13_the_form_tells_of_a_judge_where_the_basis_asks_for_one_and_of_consents_that_are_awaited() -> None:
    paper = RELEASE.paper
    assert paper is not None
    unsigned = msgspec.structs.replace(paper, judge=False)
    unasked = msgspec.structs.replace(unsigned, judge_asked=False)
    waiting = msgspec.structs.replace(RELEASE, paper=unasked, approved="", awaited=("Mayor", "Chair of the Board"))
    said = PAPERS["release"].as_text(msgspec.structs.replace(FACTS, released=waiting))
    assert "Judge" not in said and "no judge signed it" not in said
    assert "Consent awaited: the Mayor; the Chair of the Board" in " ".join(said.split())
    asked = msgspec.structs.replace(FACTS, released=msgspec.structs.replace(RELEASE, paper=unsigned))
    assert "Judge: no judge signed it" in printed("release", asked)
