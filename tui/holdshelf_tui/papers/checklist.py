"""`print checklist`: what a person walks the building with. What the register knows is filled in, the rest is left to tick.

A staff paper: it says where cameras are and who attested what, and nothing of patrons. A box is ticked only for what the
machine itself knows; what somebody must look at with their own eyes is always left open.
"""

from __future__ import annotations

from holdshelf_core.api.paper_types import Attestation, CameraPaper, EntrancePaper, PaperFacts
from holdshelf_tui.papers import text
from holdshelf_tui.papers.text import blank, box, clean

_EMPTY_ENTRANCE = EntrancePaper("", "")
_EMPTY_CAMERA = CameraPaper("", "", "")
_MICROPHONES = {
    "off": "the camera says that its microphone is off",
    "on": "THE CAMERA SAYS THAT ITS MICROPHONE IS ON",
}


def checklist_paper(facts: PaperFacts) -> str:
    """The checklist in 80 columns: signs, cameras, house. An empty register gives blank forms."""
    lines = [
        *text.head(facts, "Checklist: signs, cameras, notices"),
        *text.fold("Confidential staff paper (P21). [x] is known to the register; tick [ ] for what you saw yourself."),
        *text.boxes([blank("Checked by", 32), blank("date", 16)], indent=""),
        "",
        *_heading("Signs at entrances (P3)", len(facts.entrances)),
    ]
    if not facts.entrances:
        lines += text.fold("The register holds no entrance yet (`holdshelf entrance add`). One blank form:")
    for entrance in facts.entrances or (_EMPTY_ENTRANCE,):
        lines += ["", *_entrance(entrance)]
    lines += ["", *_heading("Cameras", len(facts.cameras))]
    if not facts.cameras:
        lines += text.fold("The register holds no camera yet (`holdshelf camera add`). One blank form:")
    for camera in facts.cameras or (_EMPTY_CAMERA,):
        lines += ["", *_camera(camera)]
    lines += ["", *_heading("The house"), "", *_house(facts), "", *text.foot(facts)]
    return text.paper(lines)


def _heading(words: str, number: int = 0) -> list[str]:
    return [text.rule(), f"{words}: {number}" if number else words, text.rule()]


def _item(words: str, *, ticked: bool = False) -> list[str]:
    return text.fold(words, first="  " + box("", ticked=ticked), rest=" " * 6)


def _fact(words: str) -> list[str]:
    return text.fold(words, first="      ", rest="        ")


def _title(kind: str, id_: str, name: str) -> list[str]:
    shown = " ".join(part for part in (clean(id_, 64), clean(name)) if part)
    return text.fold(shown or "_" * 40, first=f"{kind}  ", rest=" " * (len(kind) + 2))


def _by(person: str, day: str) -> str:
    return f"by {clean(person) or 'a person unknown'} on {clean(day, 10) or 'a day unknown'}"


def _entrance(entrance: EntrancePaper) -> list[str]:
    lines = _title("ENTRANCE", entrance.id, entrance.name)
    if entrance.sign:
        lines += _fact(f"hangs there: {clean(entrance.sign, 300)}")
    if entrance.attested_on:
        lines += _item(f"a sign was attested {_by(entrance.attested_by, entrance.attested_on)}", ticked=True)
    else:
        lines += _item("never attested: no camera can be commissioned before, but by a waiver")
    if entrance.next_check_on:
        due = "CHECK IS DUE since" if entrance.check_is_due else "next check by"
        lines += _fact(f"{due} {clean(entrance.next_check_on, 10)}")
    if entrance.waived_until:
        why = clean(entrance.waived_why, 300)
        lines += _fact(
            f"waived until {clean(entrance.waived_until, 10)} by {clean(entrance.waived_by) or 'a person unknown'}"
            + (f": {why}" if why else "")
        )
    return [
        *lines,
        *text.boxes([box("sign present"), box("unobstructed"), box("lit, also after dark")]),
        *text.boxes([blank("legible from (ft)", 6), blank("text version", 10), blank("language", 14)]),
        *text.boxes([blank("checker", 26), blank("date", 14)]),
        *text.boxes([blank("defect", 36), blank("mended", 14)]),
    ]


def _camera(camera: CameraPaper) -> list[str]:
    lines = _title("CAMERA", camera.id, camera.name)
    if camera.area_kind:
        words = clean(camera.area_words) or clean(camera.area_kind, 40)
        note = f" ({clean(camera.area_note, 300)})" if camera.area_note else ""
        lines += _item(f"kind of area (P4): {words}{note}", ticked=True)
        lines += _item("it still looks at that area")
    else:
        lines += _item(f"kind of area (P4): {'_' * 30}")
    if camera.state == "retired":
        lines += _fact("RETIRED: it records no more")
    elif camera.state == "approved":
        lines += _item(f"commissioned {_by(camera.approved_by, camera.approved_on)}", ticked=True)
    else:
        lines += _item("not commissioned: nobody may look at its pictures before a seat has approved it")
    still = f" (still of {clean(camera.still_on, 10)})" if camera.still_on else ""
    lines += _item(f"reference still reviewed, the view is as approved (P4){still}")
    lines += _item("no view into a private room or through its door (P5)")
    lines += _masks(camera)
    lines += _sound(camera)
    if camera.exterior:
        lines += _item(
            "may see beyond library property (P8): neighbours' windows and gardens are masked or out of view"
        )
    else:
        lines += _item("indoors, or sees library property alone (P8)")
    return [*lines, *text.boxes([blank("defect", 36), blank("mended", 14)])]


def _masks(camera: CameraPaper) -> list[str]:
    if not camera.masks:
        lines = _item("no mask is drawn (P6): no screen, desk or hold shelf is in view")
    else:
        count = "1 mask" if camera.masks == 1 else f"{camera.masks} masks"
        lines = _item(f"{count} drawn, version {camera.mask_version} (P6)", ticked=True)
        reasons = "; ".join(clean(reason, 80) for reason in camera.mask_reasons if reason)
        if reasons:
            lines += _fact(f"over: {reasons}")
    return lines + _item("walk test: no title, page or screen can be read in the picture (P6)")


def _sound(camera: CameraPaper) -> list[str]:
    if camera.sound_found:
        lines = _item("SOUND WAS FOUND in a file of this camera (P7): see the repairs")
    elif camera.sound_found is None:
        lines = _item("no sound in its files (P7): not looked up")
    else:
        lines = _item("no sound in any of its files (P7): each is looked at when it is closed", ticked=True)
    said = _MICROPHONES.get(camera.microphone, "the camera does not say whether it has one")
    return lines + _item(f"microphone off in the camera's own settings (P7): {said}")


def _attested(words: str, what: Attestation) -> list[str]:
    lines = _item(words)
    if what.done_on:
        finding = f": {clean(what.finding, 300)}" if what.finding else ""
        lines += _fact(f"last {_by(what.by, what.done_on)}{finding}")
    if what.next_on:
        lines += _fact(f"next by {clean(what.next_on, 10)}")
    return lines


def _house(facts: PaperFacts) -> list[str]:
    if facts.policy is None:
        adopted = _item("NO POLICY IS ADOPTED on this machine (`holdshelf policy adopt FILE`)")
    else:
        adopted = _item(
            f"policy {clean(facts.policy.version, 40)} of {clean(facts.policy.adopted_on, 10)} is adopted", ticked=True
        )
    address = clean(facts.policy_address, 400)
    return [
        *adopted,
        *_item("copies of the policy lie at the desk, for anyone who asks (P17)"),
        *_attested(f"the policy is posted on the website (P18){': ' + address if address else ''}", facts.website),
        *_attested("staff notice: everyone who works here knows of the cameras and the policy", facts.staff_notice),
        *_attested("Board review of purposes, seats and settings, once a year (P1)", facts.board_review),
        *_item("retention schedule and statute checked with counsel (P13, P15, P21)"),
        *_item("letters of appointment, hold letters and confidentiality statements on file (P11, P14, P16)"),
        *_item("no paper or page says that cameras are watched around the clock (P10)"),
        *text.boxes([blank("signed", 36), blank("date", 16)]),
    ]
