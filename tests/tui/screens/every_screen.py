"""Every screen, tab and dialog that there is, each as somebody meets it: `BY_SEAT`, `BY_ADMIN`, `ELSEWHERE`.

What a dialog is told are rows of the stage's own service. Where the stage has none of a kind, `row` makes one.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from textual.screen import Screen

from holdshelf_core.access_log.types import LogEntryRow, LogShow, ReadHead
from holdshelf_core.alerts.types import HeartbeatWay, MailWay, MqttWay
from holdshelf_core.api.client import Client
from holdshelf_core.api.types import Checks, CheckStep, DiskRow, ReadStatus
from holdshelf_core.cameras.checklist_types import ReadChecklist
from holdshelf_core.cameras.commission_types import CommissionRow, EntranceAdd, EntranceRow, StillRow
from holdshelf_core.cameras.flow_types import FlowFieldRow, FlowStep
from holdshelf_core.holds.types import HoldRow, SpanAsk
from holdshelf_core.looks.types import GrantRow, LookStill, ReadPurposes
from holdshelf_core.operations.types import ClockRow
from holdshelf_core.outbox.types import OutboxRow, OutboxTree, Papers, PrinterRow, Printers, SealedPaper, SentPaper
from holdshelf_core.people.board_types import PolicyRole, ReadBoard, ReadPolicy
from holdshelf_core.people.types import AdminKeyRow, FlagRow, PersonRemove, ReadLogins, ReadPeople, ReadSeats
from holdshelf_core.releases.types import CounselRow, ExportRow, ReleaseKeyRow, ReleaseKeys, ReleaseRow
from holdshelf_tui import screens
from holdshelf_tui.app import HoldshelfApp
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.screens.dialogs import (
    admin_keys,
    alert,
    backup,
    board_forms,
    bundle,
    camera,
    camera_forms,
    capacity,
    checklist,
    checks,
    clock,
    commission_forms,
    confirm,
    contact_sheet,
    copies,
    counsel,
    device,
    entrance,
    first_day,
    go_to,
    help,
    hold,
    hold_acts,
    log_copy,
    log_entry,
    mend,
    message,
    others,
    outbox,
    people_forms,
    print_forms,
    progress,
    purpose,
    release_forms,
    sent_papers,
    share,
    sheet,
    side_by_side,
    signs,
    step,
    still_sheet,
    stopped,
    today,
    verify,
    vouching,
    who,
)
from holdshelf_tui.screens.help_words import help_for
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.session.link import Link
from holdshelf_tui.session.waiting import Duty
from holdshelf_tui.text.log import Names
from holdshelf_tui.text.prints import how_to_fetch
from holdshelf_tui.text.sheets import Part, Sheet
from tests.looking import MINUTE_NS
from tests.tui.screens.test_releases import requested
from tests.tui.stage import Stage

SHA256 = "0123456789abcdef" * 4
FINGERPRINT = "SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
PRINTERS = Printers([PrinterRow("Reference-Desk", "idle", is_default=True)])


def row[T: msgspec.Struct](kind: type[T], /, **known: Any) -> T:
    """A row of which only that is said; all else that it must have is empty."""
    empty: dict[type, Any] = {str: "", int: 0, float: 0.0, bool: False, list: [], dict: {}, tuple: ()}
    for one in msgspec.structs.fields(kind):
        if one.required and one.name not in known:
            known[one.name] = empty.get(getattr(one.type, "__origin__", one.type))
    return kind(**known)


@dataclass(frozen=True)
class House:
    """What the dialogs are told: rows that the stage's service gives the Director."""

    cameras: list[Any]
    people: list[Any]
    seats: list[Any]
    purposes: list[Any]
    settings: list[Any]
    policy: Any
    hold: HoldRow
    look: GrantRow
    release: ReleaseRow
    entry: LogEntryRow
    names: Names
    head: Any
    logins: Any
    subject: Any
    now_utc_ns: int

    @property
    def spans(self) -> list[SpanAsk]:
        """Five minutes of one camera."""
        return [SpanAsk("lobby", self.now_utc_ns - 30 * MINUTE_NS, self.now_utc_ns - 25 * MINUTE_NS)]

    @property
    def around(self) -> tuple[int, int]:
        """The same."""
        return self.spans[0].start_utc_ns, cast(int, self.spans[0].end_utc_ns)

    @property
    def ids(self) -> list[tuple[str, str]]:
        """Cameras, as a choice has them."""
        return [(one.id, one.name) for one in self.cameras]

    @property
    def persons(self) -> list[tuple[str, str]]:
        """People, as a choice has them."""
        return [(one.id, one.name) for one in self.people]


def house_of(stage: Stage, dora: Client, now_utc_ns: int) -> House:
    """Asks for all of it, once. A hold, a look and a release are there then."""
    dora.act(EntranceAdd("Main entrance"))
    look, release = stage.look(), requested(stage, "26-0417", answered=False)
    answer = dora.act(LogShow(action="purpose.open"))
    return House(
        cameras=dora.read(ReadStatus()).cameras,
        people=dora.read(ReadPeople()),
        seats=dora.read(ReadSeats()),
        purposes=dora.read(ReadPurposes()),
        settings=dora.read(ReadBoard()),
        policy=dora.read(ReadPolicy()),
        hold=stage.hold("dora", "desk", "26-0417"),
        look=look,
        release=release,
        entry=answer.entries[-1],
        names=Names.in_answer(answer),
        head=dora.read(ReadHead()),
        logins=dora.read(ReadLogins()),
        subject=dora.read(ReadChecklist())[0],
        now_utc_ns=now_utc_ns,
    )


type Made = Callable[[House, HoldshelfApp], Screen[Any]]


def _entrance() -> EntranceRow:
    return row(EntranceRow, id="main-entrance", name="Main entrance", sign="v2", language="en", state="attested")


def _commission() -> CommissionRow:
    return row(CommissionRow, camera="lobby", name="Front entrance", area_kind="entrance", area_words="an entrance")


def _still(house: House) -> StillRow:
    return row(StillRow, camera="lobby", sha256=SHA256, shown_utc_ns=house.now_utc_ns, width=640, height=360)


def _disk() -> DiskRow:
    return row(
        DiskRow, media="/srv/media", size_bytes=4 * 10**12, free_bytes=3 * 10**12, budget_bytes=3 * 10**12, counted=True
    )


def _flow() -> FlowStep:
    fields = [
        FlowFieldRow("user", "text", "User name", "the one made for Holdshelf", "Which user name?", True),
        FlowFieldRow("password", "secret", "Password", "not shown", "Which password?", True),
    ]
    lead = "Front entrance. It is tried at once, and kept only if the camera answers."
    return FlowStep("onvif", "reauth", "reauth", "New password for Front entrance", lead, "Try it", "Trying it", fields)


def _outbox(house: House) -> OutboxTree:
    made = house.now_utc_ns - MINUTE_NS
    rows = [OutboxRow("papers/notice-H-2026-0001.pdf", 48_211, made, "paper", made + 9 * 86_400 * 10**9)]
    return OutboxTree(rows, 48_211, 20 * 10**9, 5_000, 14)


def _papers(house: House) -> Papers:
    at = house.now_utc_ns - MINUTE_NS
    sent = SentPaper(SHA256, "application/pdf", 81_220, "court order.pdf", at, 90, at + 9 * 86_400 * 10**9)
    return Papers(sent, [SealedPaper(SHA256, "application/pdf", 81_220, at, at + 9 * 86_400 * 10**9)], 30)


def _making(bundle_row: ExportRow) -> bundle.BundleDialog:
    """The stage makes no bundle, and the dialog ends as soon as it reads that there is none: here it reads this one."""

    class Making:
        async def read(self, _request: Any) -> list[ExportRow]:
            return [bundle_row]

    return bundle.BundleDialog(cast(Link, Making()), bundle_row)


def _counsel(house: House) -> list[CounselRow]:
    at = house.now_utc_ns
    return [
        row(
            CounselRow,
            id="C-1",
            state="open",
            bases=["active-investigation"],
            agencies=["Elm Street Police"],
            end_utc_ns=at,
        )
    ]


def _flag(house: House) -> FlagRow:
    return row(
        FlagRow,
        id="F-1",
        kind="break_glass",
        log_seq=40,
        name="Sam Roe",
        at_utc_ns=house.now_utc_ns,
        needs=1,
        open=True,
    )


async def _checked() -> Checks:
    return _CHECKS


_CHECKS = Checks([
    CheckStep("Address", "ok", "192.0.2.10 answers on port 554."),
    CheckStep("Password", "failed", "The camera refuses the password.", "Enter the new one: Cameras, New password."),
])  # fmt: skip

BY_SEAT: dict[str, Made] = {
    "adopt-the-policy": lambda house, app: board_forms.AdoptDialog(house.policy),
    "add-an-entrance": lambda house, app: entrance.AddEntranceDialog(),
    "allow-once-more": lambda house, app: release_forms.AgainDialog(house.release),
    "appoint": lambda house, app: people_forms.AppointDialog(house.people, house.cameras, ["Library Director"]),
    "approve-a-camera": lambda house, app: commission_forms.ApproveDialog(_commission(), _still(house)),
    "archive-a-hold": lambda house, app: copies.ArchiveDialog(house.hold),
    "attest-a-sign": lambda house, app: entrance.AttestDialog([_entrance()]),
    "away": lambda house, app: people_forms.AwayDialog(house.seats[0]),
    "board-setting": lambda house, app: board_forms.BoardSetDialog(house.settings[0]),
    "bundle": lambda house, app: _making(
        row(ExportRow, release=house.release.id, state="making", done_bytes=300_000, total_bytes=900_000, step="Copying")
    ),
    "confirm": lambda house, app: confirm.ConfirmDialog(
        "Leave this form?", "What you typed in it is thrown away.", "Throw it away", "Back to the form"
    ),
    "confirm-the-time": lambda house, app: clock.ClockDialog(
        ClockRow(house.now_utc_ns, house.now_utc_ns - 180 * MINUTE_NS, 60 * MINUTE_NS, doubtful=True)
    ),
    "contact-sheet": lambda house, app: contact_sheet.ContactSheetDialog(
        Sheet(house.hold.id, "26-0417", "violation", (Part("lobby", *house.around, 6),)), house.cameras, PRINTERS
    ),
    "copy-of-the-log": lambda house, app: log_copy.CopyDialog(),
    "counsel": lambda house, app: counsel.CounselDialog(_counsel(house), house.cameras),
    "danger": lambda house, app: purpose.BreakGlassDialog(house.cameras, []),
    "decide-a-hold": lambda house, app: hold_acts.DecideDialog(house.hold, own_asking=False),
    "decide-a-release": lambda house, app: release_forms.DecideReleaseDialog(house.release, own=False, decides=True),
    "end": lambda house, app: people_forms.EndDialog(PersonRemove, house.people[0].id, "Sam Roe leaves."),
    "end-a-term": lambda house, app: people_forms.EndSeatDialog(house.seats[0], paper=False),
    "enrol": lambda house, app: people_forms.EnrolDialog(),
    "entry-of-the-log": lambda house, app: log_entry.EntryDialog(house.entry, house.names),
    "extend-a-hold": lambda house, app: hold.ExtendDialog(house.hold, house.cameras),
    "extend-a-release": lambda house, app: release_forms.ExtendDialog(
        msgspec.structs.replace(house.release, received_on="2026-03-09", due_utc_ns=house.now_utc_ns + 4320 * MINUTE_NS)
    ),
    "filter-the-log": lambda house, app: log_entry.FilterDialog(house.persons, house.ids),
    "first-day": lambda house, app: first_day.FirstDayDialog(app.who),
    "first-seat": lambda house, app: people_forms.FirstSeatDialog(
        PolicyRole("director", "Library Director", "Director"), [PolicyRole("chair", "Board Chair", "Chair")]
    ),
    "flag": lambda house, app: log_entry.FlagDialog(_flag(house), own=False),
    "go-to-a-time": lambda house, app: go_to.GoToDialog(),
    "help": lambda house, app: help.HelpDialog(help_for(app.screen)),
    "hold": lambda house, app: hold.HoldDialog(house.spans, house.cameras, "26-0417"),
    "hold-found": lambda house, app: hold.FoundDialog(house.hold, dict(house.ids), placed=True),
    "hold-paper": lambda house, app: print_forms.HoldPaperDialog([house.hold]),
    "key": lambda house, app: people_forms.KeyDialog(house.people[0], paper=False),
    "lift-a-hold": lambda house, app: hold_acts.LiftDialog(house.hold),
    "mask-reason": lambda house, app: commission_forms.ReasonDialog(),
    "message": lambda house, app: message.MessageDialog(
        "In your outbox", "The paper is in your outbox.", how_to_fetch(app.who.reached)
    ),
    "no-masks": lambda house, app: commission_forms.NoMasksDialog("lobby"),
    "other-people": lambda house, app: others.OthersDialog(house.release),
    "outbox": lambda house, app: outbox.OutboxDialog(_outbox(house), how_to_fetch(app.who.reached)),
    "paper-of-a-release": lambda house, app: release_forms.PaperDialog(house.release, house.cameras),
    "place-a-camera": lambda house, app: commission_forms.PlaceDialog(_commission()),
    "print": lambda house, app: print_forms.PrintDialog(print_forms.Opened(PAPERS["policy"], "", ""), PRINTERS, outbox=True),
    "progress": lambda house, app: progress.ProgressDialog("Reading the release"),
    "purpose": lambda house, app: purpose.PurposeDialog(house.purposes, house.cameras, "lobby", house.around),
    "purpose-live": lambda house, app: purpose.LivePurposeDialog(house.purposes, house.cameras, "lobby"),
    "quarter": lambda house, app: print_forms.QuarterDialog(house.now_utc_ns),
    "release-paper": lambda house, app: print_forms.ReleasePaperDialog([house.release]),
    "remove-an-entrance": lambda house, app: entrance.RemoveEntranceDialog([_entrance()]),
    "reopen": lambda house, app: commission_forms.ReopenDialog(_commission()),
    "request-a-release": lambda house, app: release_forms.RequestDialog(house.spans, house.cameras),
    "retire": lambda house, app: commission_forms.RetireDialog("lobby", "Front entrance"),
    "review-a-hold": lambda house, app: hold_acts.ReviewDialog(house.hold),
    "screen": lambda house, app: people_forms.ScreenDialog(house.people),
    "seat": lambda house, app: people_forms.SeatDialog(house.people),
    "sent-papers": lambda house, app: sent_papers.SentPapersDialog(_papers(house), app.who.reached, seat=True),
    "share": lambda house, app: share.ShareDialog(house.spans, house.cameras, house.people),
    "sheet": lambda house, app: sheet.SheetDialog(
        "Coverage of the last week", "Front entrance  100%\n" * 40, "It is printed from the tab Checklist and print."
    ),
    "side-by-side": lambda house, app: side_by_side.SideBySideDialog(house.look, house.cameras, ["lobby"]),
    "signing-key": lambda house, app: copies.SigningKeyDialog(
        ReleaseKeys([ReleaseKeyRow(FINGERPRINT, house.now_utc_ns, None)], "holdshelf ssh-ed25519 AAAA")
    ),
    "signs": lambda house, app: signs.SignsDialog(),
    "statute": lambda house, app: board_forms.StatuteDialog(house.policy),
    "stick": lambda house, app: copies.StickDialog(house.release),
    "still": lambda house, app: still_sheet.StillSheetDialog(
        LookStill(house.look.id, "lobby", house.now_utc_ns - MINUTE_NS), "Front entrance", PRINTERS
    ),
    "stopped": lambda house, app: stopped.StoppedDialog(
        f"{house.release.id} may not leave", "The order names no camera of this library.", "Ask for the order's annex.",
        [("paper", "Add its paper"), ("hold", "Hold it"), ("counsel", "Counsel's word")],
    ),
    "tick": lambda house, app: checklist.TicksDialog(house.subject),
    "ticks": lambda house, app: checklist.ChecklistDialog(),
    "today": lambda house, app: today.TodayDialog(
        app.who, [Duty("holds", house.hold.id, f"Hold {house.hold.id} waits for its review.")], house.head, house.logins,
        at_utc_ns=house.now_utc_ns,
    ),
    "verify": lambda house, app: verify.VerifyDialog(),
    "waive-a-sign": lambda house, app: entrance.WaiveDialog([_entrance()]),
    "welcome": lambda house, app: today.TodayDialog(
        app.who, [], house.head, house.logins, at_utc_ns=house.now_utc_ns, first=True, shared=["Front entrance, until today"]
    ),
    "who-looked": lambda house, app: who.WhoDialog(house.ids, house.persons),
}  # fmt: skip

BY_ADMIN: dict[str, Made] = {
    "admin-keys": lambda house, app: admin_keys.AdminKeysDialog([AdminKeyRow(FINGERPRINT, "ssh-ed25519")]),
    "apprise": lambda house, app: alert.AppriseDialog(),
    "backup": lambda house, app: backup.BackupDialog(None),
    "camera": lambda house, app: camera.CameraDialog(house.cameras[0], [("rename", "Rename"), ("move", "Move")]),
    "capacity": lambda house, app: capacity.CapacityDialog(_disk()),
    "checks": lambda house, app: checks.ChecksDialog("Check: Front entrance", _checked, _CHECKS),
    "device": lambda house, app: device.DeviceDialog("lobby", "Front entrance"),
    "heartbeat": lambda house, app: alert.HeartbeatDialog(),
    "heartbeat-changed": lambda house, app: alert.HeartbeatDialog(row(HeartbeatWay, name="healthchecks")),
    "kind-of-alert": lambda house, app: alert.KindDialog(),
    "mail": lambda house, app: alert.MailDialog(),
    "mail-changed": lambda house, app: alert.MailDialog(
        row(
            MailWay,
            name="director",
            host="mail.library.example",
            to=("dora@library.example",),
            sender="cam@library.example",
        )
    ),
    "mend": lambda house, app: mend.MendDialog(admin=True),
    "move-a-camera": lambda house, app: camera_forms.MoveDialog(house.cameras[0]),
    "mqtt": lambda house, app: alert.MqttDialog(),
    "mqtt-changed": lambda house, app: alert.MqttDialog(
        row(MqttWay, name="home", host="mqtt.library.example", id="elm")
    ),
    "new-password": lambda house, app: step.StepDialog(_flow()),
    "remove-a-camera": lambda house, app: camera_forms.RemoveDialog(house.cameras[0]),
    "rename-a-camera": lambda house, app: camera_forms.RenameDialog(house.cameras[0]),
    "stamps": lambda house, app: vouching.StampsDialog(),
    "witness": lambda house, app: vouching.WitnessDialog(),
    "witnesses-needed": lambda house, app: vouching.NeededDialog(2, 3),
}

ELSEWHERE = {
    "CommissionScreen": "shows a camera's picture, which the stage's cameras do not send: test_commission",
    "RedactionScreen": "is filled by stills that differ from run to run: test_redaction",
    "StartingScreen": "is gone as soon as the service answers",
    "HomeScreen": "is around each tab",
    "ScreenPane": "a screen on a wall, of another policy: test_screen_wall",
}


VARIES = {
    "camera": "how long it has been away",
    "entry-of-the-log": "ids of the run",
    "first-day": "what the admin has done on this machine",
    "progress": "a bar that moves",
    "today": "the head of the run's log",
    "welcome": "the head of the run's log",
}
"""Looked at for what is cut, without a picture that is kept."""

PANES = ("dora", "sam", "")
"""Whose tabs are all tabs, but those in `ELSEWHERE`."""


def every_kind() -> Iterator[type[Any]]:
    """Each screen, dialog and tab in the code that nothing is derived from: what somebody can have in front."""
    for module in pkgutil.walk_packages(screens.__path__, f"{screens.__name__}."):
        importlib.import_module(module.name)
    more: list[type[Any]] = [Screen, Pane]
    while more:
        derived = [one for one in more.pop().__subclasses__() if one.__module__.startswith("holdshelf_tui.")]
        more += derived
        yield from (one for one in derived if not one.__subclasses__())
