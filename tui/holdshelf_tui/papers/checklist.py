"""`print checklist`: what a person walks the building with. What the register knows is filled in, the rest is left to tick.

A staff paper: it says where cameras are and who attested what, and nothing of patrons. No box is ever ticked in print: what
somebody saw last time is beside it, with its day. Each box has a code, by which it is entered back.
"""

from __future__ import annotations

from collections.abc import Mapping

from holdshelf_core.cameras.checklist_types import Point
from holdshelf_core.reports.types import Attestation, CameraPaper, EntrancePaper, Mending, PaperFacts
from holdshelf_tui.papers import catalogs, frame, sign_text
from holdshelf_tui.papers.document import (
    Block,
    Check,
    Checks,
    Document,
    Facts,
    Field,
    Fields,
    Heading,
    Keep,
    Para,
)
from holdshelf_tui.papers.report_words import day_words
from holdshelf_tui.papers.text import clean

_EMPTY_ENTRANCE = EntrancePaper("", "", code="e__")
_EMPTY_CAMERA = CameraPaper("", "", "")
_LONG = 300
"""The papers are English, whatever the machine's own language is."""
_MICROPHONES = {
    "off": "the camera says that its microphone is off",
    "on": "THE CAMERA SAYS THAT ITS MICROPHONE IS ON",
}
_BLANKS = {"ft": " ______", "m": " ______", "words": " " + "_" * 20, "": ""}


def checklist_document(facts: PaperFacts) -> Document:
    """Signs, cameras, house. An empty register gives blank forms; a form stays on one page."""
    blocks: list[Block] = [
        Para(
            "Check off what you saw yourself. Then enter the codes beside the boxes: “Enter checkmarks” on the screen, or "
            "the command “checklist enter CODE …”; CODE.all stands for every box of a form, --defect for what is wrong, "
            "--mended DAY for what is right again.",
            "small",
        ),
        Fields((Field("Checked by", 32), Field("date", 16))),
        *_entrances(facts),
        *_cameras(facts),
        *_house(facts),
    ]
    return frame.document(facts, "Checklist: signs, cameras, notices", blocks, confidential=True, dense=True)


# --- words ------------------------------------------------------------------------------------------------------


def _by(person: str, day: str) -> str:
    return f"by {clean(person) or 'an unknown person'} on {day_words(day) or 'an unknown day'}"


def _known(said: Attestation) -> str:
    """'Nov 24, 2026, Ada Byron: 25 ft', 'DUE · never entered', 'DEFECT · torn'."""
    parts = []
    if said.done_on:
        found = clean(said.finding, 60)
        parts.append(
            f"{day_words(said.done_on)}, {clean(said.by) or 'an unknown person'}" + (f": {found}" if found else "")
        )
    if said.defect:
        return " · ".join(["DEFECT", *parts, clean(said.defect, _LONG)])
    if said.is_due:
        return " · ".join(["DUE", *(parts or ["never entered"])])
    return parts[0] if parts else ""


def _checks(facts: PaperFacts, kind: str, code: str, said_of: Mapping[str, Attestation]) -> Checks:
    rows = []
    for point in facts.points.get(kind, ()):
        said = said_of.get(point.id, Attestation())
        typed = said.code or (f"{code}.{point.id}" if code else f".{point.id}")
        rows.append(
            Check(
                point.words + (_BLANKS[point.value] if kind == "entrance" else _in_brackets(point)),
                typed + ("=" if point.value else ""),
                _known(said),
                said.is_due or bool(said.defect),
            )
        )
    return Checks(tuple(rows))


def _in_brackets(point: Point) -> str:
    """' (P1)', ' (7.4; Library Board)', ''."""
    parts = [part for part in (clean(point.clause, 20), clean(point.by)) if part]
    return f" ({'; '.join(parts)})" if parts else ""


def _mending(row: Mending) -> list[Block]:
    blocks: list[Block] = []
    if row.defect:
        found = f", found {_by(row.found_by, row.found_on)}" if row.found_on else ""
        blocks.append(Para(f"DEFECT{found}: {clean(row.defect, _LONG)}", "caveat"))
    elif row.mended:
        blocks.append(Para(f"Mended {_by(row.mended_by, row.mended_on)}: {clean(row.mended, _LONG)}", "small"))
    return blocks


def _title(code: str, name: str) -> Heading:
    return Heading(" · ".join(part for part in (clean(code, 64), clean(name)) if part) or "_" * 40, 2)


_DEFECT = Fields((Field("defect", 44), Field("mended", 14)))


# --- entrances --------------------------------------------------------------------------------------------------


def _entrances(facts: PaperFacts) -> list[Block]:
    number = len(facts.entrances)
    own = {catalogs.base(one): one for one in facts.signs if catalogs.is_signed(facts.signs, one)}
    now = ", ".join(
        f"{sign_text.text_version(facts, language)} ({name})" for language, name in (catalogs.known() | own).items()
    )
    blocks: list[Block] = [
        Heading(f"Signs at entrances (P3): {number}" if number else "Signs at entrances (P3)"),
        Para(f"A sign that is printed now has the text version {now} at its foot.", "small"),
    ]
    if not number:
        blocks.append(Para("The register holds no entrance yet (command “entrance add”). One blank form:"))
    return [*blocks, *(Keep(_entrance(facts, entrance)) for entrance in facts.entrances or (_EMPTY_ENTRANCE,))]


def _entrance(facts: PaperFacts, entrance: EntrancePaper) -> list[Block]:
    rows = []
    if entrance.sign:
        language = f", {clean(entrance.language, 60)}" if entrance.language else ""
        rows.append(("hangs there", clean(entrance.sign, _LONG) + language))
    if entrance.attested_on:
        due = f"; next check by {day_words(entrance.next_check_on)}" if entrance.next_check_on else ""
        if entrance.check_is_due:
            due = f"; CHECK IS DUE since {day_words(entrance.next_check_on)}"
        rows.append(("sign attested", f"{_by(entrance.attested_by, entrance.attested_on)}{due}"))
    elif entrance.id:
        rows.append(
            ("sign attested", "not currently: until it is, no other camera can be commissioned without a waiver")
        )
    if entrance.waived_until:
        why = clean(entrance.waived_why, _LONG)
        who = clean(entrance.waived_by) or "an unknown person"
        rows.append(("waived", f"until {day_words(entrance.waived_until)} by {who}" + (f": {why}" if why else "")))
    return [
        _title(entrance.code or entrance.id, entrance.name),
        *([Facts(tuple(rows))] if rows else []),
        *_mending(entrance.mending),
        _checks(facts, "entrance", entrance.code or entrance.id, entrance.points),
        Fields((Field("checker", 15), Field("date", 8), Field("defect", 19), Field("mended", 8))),
    ]


# --- cameras ----------------------------------------------------------------------------------------------------


def _cameras(facts: PaperFacts) -> list[Block]:
    shown = facts.cameras
    blocks: list[Block] = [Heading(f"Cameras: {len(shown)}" if shown else "Cameras")]
    if not shown:
        blocks.append(Para("The register holds no camera yet (holdshelf camera add). One blank form:"))
    return [*blocks, *(Keep(_camera(facts, camera)) for camera in shown or (_EMPTY_CAMERA,))]


def _camera(facts: PaperFacts, camera: CameraPaper) -> list[Block]:
    rows: list[tuple[str, str]] = []
    if camera.id:
        note = f" ({clean(camera.area_note, _LONG)})" if camera.area_note else ""
        area = clean(camera.area_words) or clean(camera.area_kind, 40) or "no kind of area"
        outdoors = "; may see beyond library property (P8)" if camera.exterior else ""
        rows = [
            ("area (P4)", f"{area}{note}{outdoors}; {_in_use(camera)}"),
            ("masks, sound", f"{_masks(camera)} (P6); {_sound(camera)} (P7)"),
        ]
    loud = (
        [Para("SOUND WAS FOUND in a file of this camera (P7): see the repairs.", "caveat")]
        if camera.sound_found
        else []
    )
    return [
        _title(camera.code or camera.id, camera.name),
        *([Facts(tuple(rows))] if rows else []),
        *loud,
        *_mending(camera.mending),
        _checks(facts, "camera", camera.code or camera.id, camera.points),
        _DEFECT,
    ]


def _in_use(camera: CameraPaper) -> str:
    if camera.state == "retired":
        return "RETIRED: it no longer records"
    if camera.state != "approved":
        return "NOT COMMISSIONED: nobody may look until it is approved"
    still = f", still of {day_words(camera.still_on)}" if camera.still_on not in ("", camera.approved_on) else ""
    return f"approved {_by(camera.approved_by, camera.approved_on)}{still}"


def _masks(camera: CameraPaper) -> str:
    if not camera.masks:
        return "no mask"
    reasons = "; ".join(clean(reason, 80) for reason in camera.mask_reasons if reason)
    count = "1 mask" if camera.masks == 1 else f"{camera.masks} masks"
    return f"{count}, version {camera.mask_version}" + (f": {reasons}" if reasons else "")


def _sound(camera: CameraPaper) -> str:
    files = {False: "no sound in its files", True: "SOUND IN ITS FILES", None: "sound not checked"}
    said = _MICROPHONES.get(camera.microphone, "")
    return files[camera.sound_found] + (f"; {said}" if said else "")


# --- the house --------------------------------------------------------------------------------------------------


def _house(facts: PaperFacts) -> list[Block]:
    if facts.policy is None:
        adopted = "NONE on this machine (command “policy adopt FILE”)"
    else:
        adopted = (
            f"version {clean(facts.policy.version, 40)} of {day_words(facts.policy.adopted_on) or 'an unknown day'}"
        )
    rows = [("policy adopted", adopted)]
    if address := clean(facts.policy_address, 400):
        rows.append(("to be posted at", address))
    return [
        Keep(
            (
                Heading("The house"),
                Facts(tuple(rows)),
                _checks(facts, "house", "house", facts.house),
                Fields((Field("signed", 36), Field("date", 16))),
            )
        )
    ]
