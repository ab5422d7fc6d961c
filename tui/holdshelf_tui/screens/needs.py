"""What people come for, in their own words, and the steps to its end.

A step is an action of a tab, done in that tab and by its own forms: there is no second set of screens. Who is offered what goes
by the same rights as the tabs.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from holdshelf_core.holds.types import HoldRow
from holdshelf_core.policy.governing import own_board
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.screens.actions_pane import ActionsPane
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.papers import CHOSEN_FIRST, PapersPane, tabs_for
from holdshelf_tui.screens.people import BOARD, LETTERS, PEOPLE, PeoplePane
from holdshelf_tui.screens.releases import ReleasesPane
from holdshelf_tui.screens.timeline import TimelinePane
from holdshelf_tui.session.link import Who
from holdshelf_tui.text.time_format import when

if TYPE_CHECKING:
    from holdshelf_tui.screens.home import HomeScreen

WAITS = "waits"
"""The need that is met by what waits for the person (F2)."""


@dataclass(slots=True)
class Way:
    """How far somebody has come: ``done`` says what came of each step; ``hold``: the one that was placed on it."""

    need: Need
    done: dict[int, str] = field(default_factory=dict)
    hold: str = ""

    @property
    def next(self) -> int:
        """The step that is due; the number of steps when all are done."""
        return max(self.done, default=-1) + 1


@dataclass(frozen=True, slots=True)
class Step:
    """``run`` does it in its tab and says what came of it; None: it was not done. It may raise `CannotNow`."""

    words: str
    place: str
    """Where that is: the tab, and what it is called there."""
    run: Callable[[HomeScreen, Way], Awaitable[str | None]]
    stays: bool = False
    """The person goes on from that tab when they are done there; else they are led to the next step at once."""


@dataclass(frozen=True, slots=True)
class Need:
    """``words``: what the person would say. With one step it is done at once.

    ``is_list``: its steps are things to choose one from, and not one after the other.
    """

    key: str
    words: str
    about: str
    steps: tuple[Step, ...] = ()
    is_list: bool = False


def needs_for(who: Who) -> list[Need]:
    """What this person may come for, the likeliest first."""
    rights = who.rights
    found = []
    if rights & {"archive", "hold"}:
        steps = [_WHEN, _SEE] if "archive" in rights else []
        steps += [_KEEP if "archive" in rights else _KEEP_UNSEEN, _NOTICE] if "hold" in rights else []
        does = "find it and keep it" if "hold" in rights else "find it"
        offers = ["When it was", *(["what can be seen"] if "archive" in rights else [])]
        offers += ["a hold on it", "its notice"] if "hold" in rights else []
        found.append(
            Need(
                "find",
                f"Something happened: {does}",
                ", ".join(offers),
                tuple(steps),
            )
        )
    if who.seat or who.designee or who.admin:
        steps, offers = [_GIVE_SHEET], ["The sheet that says what we need"]
        if "release" in rights:
            steps += [_REQUEST, *([_KEEP_ASKED] if "hold" in rights else []), _BUNDLE, _RECEIPT]
            offers.append("the request")
        elif "hold" in rights:
            steps += [_KEEP_FOR_THEM, _NOTICE]
        offers += ["a hold"] if "hold" in rights else []
        found.append(
            Need(
                "desk",
                "An officer or a paper is here",
                ", ".join(offers),
                tuple(steps),
            )
        )
    if who.admin or who.may("log.see"):
        found.append(Need("looked", "Who looked?", "By camera, person and day, from the access log", (_WHO_LOOKED,)))
    if who.may_look_live:
        found.append(
            Need(
                "danger",
                "Somebody is in danger right now",
                "Look at once, live; it is reviewed afterwards",
                (_AT_ONCE,),
            )
        )
    if not who.seat and not who.admin:
        found.append(Need("shared", "See what was shared with you", "View only, until it expires", (_SHARED,)))
    if who.admin:
        found.append(
            Need(
                "machine",
                "A camera or disk has a problem, or a new camera is here",
                "What must be fixed, adding one, more room, the checks",
                _MACHINE,
                True,
            )
        )
    found.append(Need("print", "Print", "The policy, the sign, the sheet, the checklist", _papers(who), True))
    if changes := _changes(who):
        about = own_board("More under a hold, letters, what the Board decides, a new camera")
        found.append(Need("change", "Change something: a hold, a person, a camera", about, changes, True))
    return [*found, Need(WAITS, "What waits for you", "What needs your decision, and the head of the access log")]


# --- what a step does ------------------------------------------------------------------------------------------------------


async def _front[P: Pane](home: HomeScreen, tab: str, kind: type[P]) -> P:
    """That tab in front, with what it offers."""
    pane = await home.go(tab)
    assert isinstance(pane, kind), tab
    await pane.async_loaded()
    return pane


async def _when(home: HomeScreen, _way: Way) -> str | None:
    pane = await _front(home, "timeline", TimelinePane)
    at = await pane.async_go_to()
    if at is None:
        return None
    pane.begin_at(at)
    return when(at)


async def _see(home: HomeScreen, _way: Way) -> str:
    (await _front(home, "timeline", TimelinePane)).action_look()
    return ""


async def _at_once(home: HomeScreen, _way: Way) -> str | None:
    return None if await home.async_look_at_once() is None else ""


async def _keep(home: HomeScreen, way: Way) -> str | None:
    pane = await _front(home, "timeline", TimelinePane)
    # Who has not looked has chosen a time, and no camera yet: a hold on the wrong one would keep nothing of what happened.
    return _held(way, await pane.async_hold(in_front=pane.has_looked))


async def _keep_unseen(home: HomeScreen, way: Way) -> str | None:
    await _front(home, "holds", ActionsPane)
    return _held(way, await home.async_place_hold())


def _held(way: Way, hold: HoldRow | None) -> str | None:
    if hold is None:
        return None
    way.hold = hold.id
    return f"{hold.id}, no. {hold.reference}"


async def _notice(home: HomeScreen, way: Way) -> str:
    if way.hold:
        cast(PapersPane, await home.go("papers")).show_paper("hold", way.hold)
    else:
        await _async_paper(home, "hold")
    return ""


async def _async_paper(home: HomeScreen, tab: str) -> None:
    pane = cast(PapersPane, await home.go("papers"))
    pane.turn_to(tab)  # before it is loaded: no other paper is asked for, and so counted by the log
    if tab in CHOSEN_FIRST:
        await pane.async_loaded()
        await pane.async_act("choose")


def _paper(tab: str) -> Callable[[HomeScreen, Way], Awaitable[str | None]]:
    async def run(home: HomeScreen, _way: Way) -> str:
        await _async_paper(home, tab)
        return ""

    return run


def _act(tab: str, action: str) -> Callable[[HomeScreen, Way], Awaitable[str | None]]:
    """That action of that tab, to its end."""

    async def run(home: HomeScreen, _way: Way) -> str | None:
        answer = await (await _front(home, tab, ActionsPane)).async_act(action)
        return None if answer is None else ""

    return run


def _act_on(action: str, state: str) -> Callable[[HomeScreen, Way], Awaitable[str | None]]:
    """That action of the Releases tab, on the release under the cursor, or else on the latest one in that state."""

    async def run(home: HomeScreen, _way: Way) -> str | None:
        pane = await _front(home, "releases", ReleasesPane)
        if pane.chosen is None or pane.chosen.state != state:
            pane.choose(next((id for id, row in pane.rows.items() if row.state == state), ""))
        return None if await pane.async_act(action) is None else ""

    return run


def _go(tab: str) -> Callable[[HomeScreen, Way], Awaitable[str | None]]:
    async def run(home: HomeScreen, _way: Way) -> str:
        await home.go(tab)
        return ""

    return run


def _people(part: str, action: str = "") -> Callable[[HomeScreen, Way], Awaitable[str | None]]:
    """That list of the People tab, and an action of it to its end."""

    async def run(home: HomeScreen, _way: Way) -> str | None:
        pane = await _front(home, "people", PeoplePane)
        pane.turn_to(part)
        return None if action and await pane.async_act(action) is None else ""

    return run


_WHEN = Step("When was it?", "Timeline: Time", _when)
_SEE = Step("Look at it, if you must", "Timeline: Look, for a stated purpose", _see, stays=True)
_KEEP = Step("Keep it: place a hold", "Timeline: Hold, with cameras, time and number", _keep)
_KEEP_UNSEEN = Step("Keep it: place a hold", "Holds: Place a hold", _keep_unseen)
_KEEP_FOR_THEM = Step("Keep what they ask for: place a hold", "Holds: Place a hold", _keep_unseen)
_NOTICE = Step("Its notice on paper", "Print: Of a hold", _notice, stays=True)
_GIVE_SHEET = Step("Hand out the sheet “What we need”", "Print: What we need", _paper("refusal"), stays=True)
_REQUEST = Step("Write down what they ask for", "Releases: Request", _act("releases", "request"))
_KEEP_ASKED = Step("Keep it meanwhile: place a hold", "Releases: Hold", _act("releases", "hold"), stays=True)
_BUNDLE = Step(
    "Once it is approved, make the bundle", "Releases: Make the bundle", _act_on("bundle", "approved"), stays=True
)
_RECEIPT = Step("Print the receipt for the officer", "Releases: Receipt", _act_on("receipt", "exported"), stays=True)
_WHO_LOOKED = Step("Who looked?", "Log: Who looked?", _act("log", "who"), stays=True)
_AT_ONCE = Step("Look at once", "Live: imminent danger", _at_once, stays=True)
_SHARED = Step("See what was shared with you", "Shared with me", _go("shared"), stays=True)
_MACHINE = (
    Step("See what must be fixed", "Cameras", _go("cameras"), stays=True),
    Step("Add a camera", "Add cameras", _go("add"), stays=True),
    Step("Give the recordings more room", "Storage: Set the space", _act("storage", "capacity"), stays=True),
    Step("Check everything", "Jobs & doctor", _go("doctor"), stays=True),
)


_PAPERS = {
    "policy": "the policy",
    "sign": "the sign",
    "refusal": "the sheet “What we need”",
    "checklist": "the checklist",
    "report": "the quarterly report",
    "hold": "the notice of a hold",
    "release": "a paper of a release",
}


def _papers(who: Who) -> tuple[Step, ...]:
    return tuple(
        Step(f"Print {_PAPERS[tab]}", own_board(PAPERS[tab].about), _paper(tab), stays=True) for tab in tabs_for(who)
    )


def _changes(who: Who) -> tuple[Step, ...]:
    """What a seat changes now and then, each by its right."""
    if not who.seat:
        return ()
    found = []
    if who.may("hold.see") and ("hold" in who.rights or who.may("hold.lift")):
        found.append(
            Step(
                "Keep more under a hold, print its pictures, or lift it",
                "Holds: More, Pictures, Lift",
                _go("holds"),
                stays=True,
            )
        )
    if who.may("person.add"):
        found.append(Step("Enroll a person with their key", "People: Enroll", _people(PEOPLE, "enrol"), stays=True))
    if who.may("appointment.make"):
        appoint = _people(LETTERS, "appoint")
        found.append(
            Step("Appoint a designee by a letter", "People: Letters of appointment, Appoint", appoint, stays=True)
        )
    if who.may("appointment.end"):
        found.append(Step("End an appointment", "People: Letters of appointment, End it", _people(LETTERS), stays=True))
    if who.may("board.set"):
        words = own_board("Change what the Board decides")
        found.append(Step(words, own_board("People: The Board"), _people(BOARD), stays=True))
    if "commission" in who.rights:
        found.append(Step("Bring a camera into use", "Cameras: Bring into use", _go("cameras"), stays=True))
    return tuple(found)
