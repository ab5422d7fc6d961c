"""Conditions of looking, holding, sharing and commissioning besides the role: a purpose, a ground, a sign at the door.

One function per permission; each gets the question and the role, and returns None (all conditions met) or a Decision. A refusal
with an empty ``acting_as`` gets the caller's. A function here must never widen who may act. The others are in
``conditions_people``.
"""

from __future__ import annotations

import msgspec

from holdshelf_core.policy import commissioning
from holdshelf_core.policy.case import Decision, refused
from holdshelf_core.policy.conditions_people import PEOPLE_CONDITIONS, Condition, known, others
from holdshelf_core.policy.date_forms import date_form
from holdshelf_core.policy.instants import end_words
from holdshelf_core.policy.listing import listed
from holdshelf_core.policy.model import Hold, Share
from holdshelf_core.policy.purposes import incident_problem, not_for, purpose_problem, share_purpose_problem
from holdshelf_core.policy.question import Ask, Role
from holdshelf_core.policy.releases import open_releases
from holdshelf_core.policy.screens import end_of_day, end_utc_ns
from holdshelf_core.policy.second import MOST_REVIEWS, second_person
from holdshelf_core.policy.standing import (
    acts_for,
    appointment_counts,
    ask_seats,
    of_classes,
    seat_counts,
    share_counts,
)
from holdshelf_core.policy.steps import step_missing
from holdshelf_core.policy.tables import OTHER, Policy
from holdshelf_storage.units import DAY_NS, HOUR_NS, MINUTE_NS

# --- checked before the role is known --------------------------------------------------------------------


def cameras_of(ask: Ask) -> tuple[str, ...]:
    """Return every camera that the action concerns: the scope's, and those of its hold or release."""
    if ask.rule.id.startswith("release."):
        release = ask.state.releases.get(ask.scope.target)
        if release is None:
            return ask.cameras
        # The request is included besides what is released, as it shows that somebody wants that camera.
        return (*ask.cameras, *(span.camera for span in (*release.asked, *release.given)))
    if not ask.rule.id.startswith("hold."):
        return ask.cameras
    hold = ask.state.holds.get(ask.scope.target)
    return ask.cameras if hold is None else (*ask.cameras, *(span.camera for span in hold.spans))


def names_nothing(ask: Ask) -> bool:
    """Return whether the action is about a hold or release that does not exist, so nobody owns it."""
    if not ask.scope.target:
        return False
    if ask.rule.id.startswith("release."):
        return ask.scope.target not in ask.state.releases
    return ask.rule.id.startswith("hold.") and ask.scope.target not in ask.state.holds


def is_own(ask: Ask) -> bool:
    """Return whether the action concerns the caller's own keys, entry, letter or share."""
    if not ask.rule.own or not ask.person or not ask.standing.any or not ask.scope.target:
        return False
    state, target = ask.state, ask.scope.target
    if ask.rule.id in ("person.key", "person.see"):
        return state.person_id(target) == ask.person
    if ask.rule.id == "appointment.end":
        row = state.appointments.get(target)
        return row is not None and row.person == ask.person
    share = state.shares.get(target)
    return ask.rule.id == "share.end" and share is not None and share.by == ask.person


# --- looking ------------------------------------------------------------------------------------------------------


def _in_use(ask: Ask) -> Decision | None:
    """Require every camera to be known and approved for use; a retired one shows its recordings and nothing live."""
    for camera in ask.cameras:
        live = ask.rule.id == "look.live" or (ask.rule.id == "share.view" and ask.scope.start_utc_ns is None)
        problem = commissioning.not_in_use(ask.state, camera, live=live)
        if problem is not None:
            return refused(problem.clause, problem.sentence, problem.who)
    return None


def _span(ask: Ask, *, needed: bool) -> Decision | None:
    start, end = ask.scope.start_utc_ns, ask.scope.end_utc_ns
    if start is None or end is None:
        return refused("P2", "To look at recordings, name a start and an end.", "Give both.") if needed else None
    if end < start:
        return refused("P2", "The span ends before it starts.", "Swap the two times.")
    hours = ask.state.board.longest_look_hours
    if end - start > hours * HOUR_NS:
        return refused("P2", f"One look spans at most {hours} hours.", "Name only the hours that the incident needs.")
    return None


def _few(ask: Ask) -> Decision | None:
    most = ask.state.board.cameras_per_purpose
    if len(ask.cameras) > most:
        step = (
            "Open a new purpose for it."
            if ask.rule.id == "purpose.widen"
            else "Name only cameras that may show the incident."
        )
        return refused("P2", f"One look names at most {most} cameras.", step)
    return None


def _purpose(ask: Ask) -> Decision | None:
    policy, purpose = ask.state.policy, ask.scope.purpose
    problem = purpose_problem(policy, purpose)
    if problem is not None:
        return refused(*problem, "Choose one from the list, with the incident's number beside it.")
    row = policy.look_purposes[purpose]
    sentence = not_for(policy, row, roles_of(ask))
    if sentence:
        said = refused("P12", sentence, ask_seats(ask.state, ask.now, keys=row.roles, but=ask.person))
        return msgspec.structs.replace(said, cites=row.clause)
    if not of_classes(ask.state, row.classes, ask.cameras):
        words = listed(policy.class_words(key) for key in row.classes)
        said = refused("P12", f"This purpose is for cameras of this class alone: {words}.", "Choose another purpose.")
        return msgspec.structs.replace(said, cites=row.clause)
    # Widening a look and each picture of it stand on the purpose that was opened.
    missing = step_missing(ask, row.steps, "such a look", "P12") if ask.rule.id == "purpose.open" else None
    if missing is not None:
        return msgspec.structs.replace(missing, cites=row.clause)
    sentence = incident_problem(ask.scope.incident)
    return refused("P21", sentence, "Give the number of the incident's report.") if sentence else None


def roles_of(ask: Ask) -> tuple[str, ...]:
    """Return the roles that the caller holds or acts for now, and those whose letters they act under."""
    letters = (ask.state.seats[row.seat].key for row in ask.standing.appointments if row.seat in ask.state.seats)
    held = [seat.key for seat in ask.standing.seats]
    stands_in = ((key, found[0]) for key in held if (found := ask.state.policy.stands_in(key)) is not None)
    return (*held, *(other for key, other in stands_in if acts_for(ask.state, key, other, ask.now)), *letters)


def _look(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.break_glass and ask.rule.id in ("look.live", "look.archive"):
        return _glass_window(ask, looking=True) or (_span(ask, needed=True) if ask.rule.id == "look.archive" else None)
    span = _span(ask, needed=ask.rule.id == "look.archive")
    return _purpose(ask) or _few(ask) or span or known(ask) or _in_use(ask)


def _glass_window(ask: Ask, *, looking: bool) -> Decision | None:
    """Break-glass shows a few minutes back, counted from now. ``looking``: also while its look continues."""
    problem = known(ask)
    if problem is not None:
        return problem
    start, minutes = ask.scope.start_utc_ns, ask.state.board.break_glass_minutes
    # A minute more than twice: the look's own end comes first, and is what the person is told.
    reach_ns = (2 * minutes + 1 if looking else minutes) * MINUTE_NS
    if start is not None and start < ask.now.earliest_utc_ns - reach_ns:
        return refused(
            "P12",
            f"Imminent danger covers only the last {minutes} minutes, not older recordings.",
            "Open a look for older ones.",
        )
    return None


def _break_glass(ask: Ask, role: Role) -> Decision | None:
    problem = _glass_window(ask, looking=False)
    if problem is not None:
        return problem
    if ask.scope.why is not None and not ask.scope.why.strip():
        return refused("P12", "Say in a few words what the danger is.", "One line is enough.")
    minutes, reviewers = ask.state.board.break_glass_minutes, ask.state.policy.second("flag.review")
    # Of a designee each of them is another.
    others = len(set(reviewers) - {role.acting_as})
    needs = min(MOST_REVIEWS, others)
    of = ask.state.policy.titles("and", of=reviewers)
    review = {0: "", 1: f"; another of the {of} reviews it", 2: f"; two others of the {of} review it"}[needs]
    if needs and len(reviewers) == others and needs == 1:
        review = f"; the {of} reviews it"
    sentence = f"{role.words} may look for {minutes} minutes{review}."
    return Decision(True, role.acting_as, "P12", sentence, flag="break_glass", flag_needs=needs)


# --- holds --------------------------------------------------------------------------------------------------------


def _place(ask: Ask, role: Role) -> Decision | None:
    scope = ask.scope
    ground = scope.ground if scope.ground is not None else scope.purpose
    reference = scope.reference if scope.reference is not None else scope.incident
    if ground not in ask.state.policy.grounds:
        return refused("P16", "A hold needs a ground.", f"One of: {listed(ask.state.policy.grounds, 'or')}.")
    if not reference.strip():
        return refused(
            "P16", "A hold needs a case or incident number.", "If there is none yet, use the day and time of the call."
        )
    sentence = incident_problem(reference.strip())
    if sentence:
        return refused("P21", sentence, "Names go into the note, which stays out of the public log.")
    if scope.start_utc_ns is not None and scope.end_utc_ns is not None and scope.end_utc_ns <= scope.start_utc_ns:
        return refused("P16", "The span ends before it starts.", "Swap the two times.")
    return None


def _hold_exists(ask: Ask, role: Role) -> Decision | None:
    hold = ask.state.holds.get(ask.scope.target)
    if hold is None:
        return refused("P16", f"There is no hold {ask.scope.target[:30]!r}.", "See `holdshelf hold list`.")
    if hold.state == "lifted":
        return refused(
            "P16",
            f"{hold.id} is lifted, and its footage will be erased on schedule.",
            "Place another hold for the footage that is left.",
        )
    return None


def _see_hold(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.target and ask.scope.target not in ask.state.holds:
        return refused("P16", f"There is no hold {ask.scope.target[:30]!r}.", "See `holdshelf hold list`.")
    return None


def _lift(ask: Ask, role: Role) -> Decision | None:
    problem = _hold_exists(ask, role)
    if problem is not None:
        return problem
    hold = ask.state.holds[ask.scope.target]
    if hold.id in ask.state.holds_in_release:
        return _in_release(ask, hold)
    if hold.state != "active":
        return refused("P16", f"{hold.id} is already being lifted.", "A second person must approve it.")
    if ask.scope.why is not None and not ask.scope.why.strip():
        return refused("P16", "Lifting a hold needs a reason.", "Say why it is no longer needed.")
    return None


def _in_release(ask: Ask, hold: Hold) -> Decision:
    waits = open_releases(ask.state.releases.values(), hold)
    needs, them = ("need", "those releases") if len(waits) > 1 else ("needs", "that release")
    return refused(
        "P16",
        f"{hold.id} keeps footage that {listed(waits, 'and') or 'a release'} still {needs}.",
        f"Finish or withdraw {them} first.",
    )


def _lift_approve(ask: Ask, role: Role) -> Decision | None:
    problem = _hold_exists(ask, role)
    if problem is not None:
        return problem
    hold = ask.state.holds[ask.scope.target]
    if ask.scope.keeps:
        if hold.state in ("lifting", "grace"):
            return None
        return refused("P16", f"{hold.id} stays as it is; nobody asked to lift it.", "There is nothing to do.")
    if hold.state != "lifting":
        return refused(
            "P16",
            f"Nobody asked to lift {hold.id}, or it is in its grace period.",
            "See `holdshelf hold show`.",
        )
    if hold.id in ask.state.holds_in_release:
        return _in_release(ask, hold)
    if not ask.state.policy.second("hold.lift"):
        return None
    if not ask.state.board.second_person_lift and ask.person == hold.lift_by:
        return None
    return second_person(ask, "hold.lift", hold.lift_by, hold.placed_utc_ns, "this lift")


# --- sharing ------------------------------------------------------------------------------------------------------


def _share(ask: Ask, role: Role) -> Decision | None:
    state, scope = ask.state, ask.scope
    if len(ask.cameras) != 1:
        return refused("P14", "A share covers one camera.", "Share each camera separately.")
    if scope.start_utc_ns is None or scope.end_utc_ns is None or scope.end_utc_ns <= scope.start_utc_ns:
        return refused("P14", "A share names its start and its end.", "Give both.")
    problem = share_purpose_problem(state.policy, scope.purpose)
    if problem is not None:
        return refused(*problem, _how_to_share(state.policy))
    if scope.target:
        target = state.person_id(scope.target)
        if target == ask.person:
            return refused("P14", "You cannot share with yourself.", others(ask))
        if not target or state.people[target].left_utc_ns is not None:
            return refused(
                "P14",
                "You can share only with a person who is enrolled.",
                "Enroll the person, or give a printed sheet.",
            )
    return _span(ask, needed=True) or known(ask) or _in_use(ask)


def _how_to_share(policy: Policy) -> str:
    """Return what somebody can do whose purpose of a share is not allowed."""
    if not policy.share_purposes:
        return "Request a release, on one of the policy's bases: `holdshelf release request`."
    if OTHER not in policy.share_purposes:
        return "Choose one from the list: `holdshelf policy lists`."
    return "Choose one from the list, or explain it in a few words."


def _give_screen(ask: Ask, role: Role) -> Decision | None:
    state, target = ask.state, ask.state.person_id(ask.scope.target)
    if not target or state.people[target].left_utc_ns is not None:
        return refused(
            "P9",
            "A screen is enrolled by itself, with its own key, and nobody by that name is enrolled.",
            "Enroll it: `holdshelf person add`.",
        )
    if any(seat_counts(state, row, ask.now) for row in state.seats_of(target)) or any(
        appointment_counts(state, row, ask.now) for row in state.appointments_of(target)
    ):
        words = (
            f"{state.name_of(target)} holds a seat or a letter of appointment, and a screen may have no other rights."
        )
        return refused("P9", words, "Enroll the screen under a name of its own: `holdshelf person add`.")
    return None


def _view_screen(ask: Ask, row: Share) -> Decision | None:
    """Live pictures of the screen's cameras, until its end today; no recordings."""
    state, screen = ask.state, ask.state.policy.screens.get(row.screen)
    if screen is None:
        return refused("P9", "The policy in force has no such screen any more.", others(ask))
    if ask.scope.start_utc_ns is not None:
        return refused("P9", "A screen shows live pictures and no recordings.", others(ask))
    if end_utc_ns(state, screen, ask.now) is None:
        ended = date_form().time(end_of_day(state.policy, screen), seconds=False)
        return refused("P9", f"This screen has ended for today at {ended}.", "It can begin again tomorrow.")
    if not of_classes(state, screen.classes, ask.cameras):
        words = listed(state.policy.class_words(key) for key in screen.classes)
        return refused("P9", f"This screen shows cameras of this class alone: {words}.", others(ask))
    return known(ask) or _in_use(ask)


def _view_share(ask: Ask, role: Role) -> Decision | None:
    state, scope, now = ask.state, ask.scope, ask.now
    start, end = scope.start_utc_ns, scope.end_utc_ns
    if scope.target:
        row = state.shares.get(scope.target)
        if row is None or row.person != ask.person:
            return refused("P14", "Nothing by that number is shared with you.", others(ask))
        if not share_counts(state, row, now):
            ended = row.ended_utc_ns if row.ended_utc_ns is not None else row.expires_utc_ns
            return refused("P14", f"What was shared with you expired on {end_words(ended, now.zone)}.", others(ask))
        if row.kind == "live":
            return _view_screen(ask, row)
    if start is None or end is None or end < start:
        return refused("P14", "Name a time within the span that was shared.", "Give the time.")
    for share in ask.standing.shares:
        if (
            scope.target in ("", share.id)
            and ask.cameras == (share.camera,)
            and share.start_utc_ns <= start
            and end <= share.end_utc_ns
        ):
            return _in_use(ask)
    return refused("P14", "You may view only the camera and the span that were shared with you.", others(ask))


def _end_share(ask: Ask, role: Role) -> Decision | None:
    if ask.scope.target not in ask.state.shares:
        return refused("P14", f"There is no share {ask.scope.target[:30]!r}.", "See `holdshelf share list`.")
    return None


# --- cameras in use -----------------------------------------------------------------------------------------------


def _commission_edit(ask: Ask, role: Role) -> Decision | None:
    return known(ask)


def _commission_still(ask: Ask, role: Role) -> Decision | None:
    problem = known(ask)
    if problem is not None:
        return problem
    for camera in ask.cameras:
        row = ask.state.commissions.get(camera)
        if row is not None and row.state == "approved":
            words = ask.state.camera_words(camera)
            return refused(
                "P12",
                f"{words} is in use, so you need a purpose to look at it.",
                "Open one; or edit its masks, which takes it out of use.",
            )
    return None


def _commission_approve(ask: Ask, role: Role) -> Decision | None:
    for camera in ask.cameras:
        found = commissioning.problems(ask.state, camera, ask.now)
        masks = commissioning.masks_problem(ask.state, camera)
        for problem in (*found, *([masks] if masks is not None else [])):
            return refused(problem.clause, problem.sentence, problem.who)
    return None


def _see_camera(ask: Ask, role: Role) -> Decision | None:
    state = ask.state
    shared = {share.camera for share in ask.standing.shares}
    classes = [screen.classes for share in ask.standing.shares if (screen := state.policy.screens.get(share.screen))]
    if role.share and any(
        camera not in shared and not any(of_classes(state, of, (camera,)) for of in classes) for camera in ask.cameras
    ):
        return refused("P14", "You may see only the camera that was shared with you.", others(ask))
    return None


def _waive(ask: Ask, role: Role) -> Decision | None:
    scope, days = ask.scope, ask.state.board.waiver_days
    if scope.why is not None and not scope.why.strip():
        return refused("P3", "Waiving a sign needs a reason.", "Say why the sign cannot hang there now.")
    if scope.end_utc_ns is not None and scope.end_utc_ns > ask.now.earliest_utc_ns + days * DAY_NS:
        return refused("P3", f"A sign is waived for at most {days} days.", "Hang the sign by then, or waive it again.")
    return None


CONDITIONS: dict[str, Condition] = {
    **PEOPLE_CONDITIONS,
    "look.live": _look,
    "look.archive": _look,
    "purpose.open": _look,
    "purpose.widen": _look,
    "break_glass": _break_glass,
    "hold.place": _place,
    "hold.extend": _hold_exists,
    "hold.review": _hold_exists,
    "hold.lift": _lift,
    "hold.lift.approve": _lift_approve,
    "hold.archive": _hold_exists,
    "hold.see": _see_hold,
    "share.make": _share,
    "screen.give": _give_screen,
    "share.view": _view_share,
    "share.end": _end_share,
    "commission.edit": _commission_edit,
    "commission.still": _commission_still,
    "commission.approve": _commission_approve,
    "entrance.waive": _waive,
    "camera.see": _see_camera,
}
