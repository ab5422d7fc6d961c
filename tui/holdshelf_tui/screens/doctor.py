"""Jobs & doctor, for the admin: what recording depends on, each with its next step; scheduled work with its last result; and
who is told when something is wrong; and who vouches for the access log's head."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any, ClassVar

from textual.content import Content

from holdshelf_core.alerts.types import ReadAlerts, WayRow
from holdshelf_core.api.types import CheckStep, ReadStatus
from holdshelf_core.offsite.types import DOCTOR_STEP
from holdshelf_core.operations.types import ClockConfirmed, JobRow, ReadClock, ReadDoctor, ReadJobs
from holdshelf_core.people.types import AdminKeyList
from holdshelf_tui.screens import alerts, backups, offsite, vouching
from holdshelf_tui.screens.actions_pane import ActionDescription, PaneAction
from holdshelf_tui.screens.dialogs.admin_keys import AdminKeysDialog
from holdshelf_tui.screens.dialogs.clock import ClockDialog
from holdshelf_tui.screens.dialogs.doing import async_do
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.list_pane import ListPane, RowAction
from holdshelf_tui.screens.pane import Pane
from holdshelf_tui.screens.vouching import Voucher
from holdshelf_tui.text.cameras import CLOCK_REPAIR, MARKS
from holdshelf_tui.text.time_format import when
from holdshelf_tui.text.words import counted, size, span
from holdshelf_tui.widgets import key_table
from holdshelf_tui.widgets.listing import Columns
from holdshelf_tui.widgets.text import plain

DOCTOR, JOBS, ALERTS, VOUCH = "doctor", "jobs", "alerts", "vouch"
JOB_WORDS = {
    "backups": "Newest backup",
    "scheduled backup": "Scheduled backup",
    "disk health": "Disk health",
    "sweep": "Erasing on schedule",
    "scrub": "Reading back",
    "access log": "Access log",
    "witnesses": "Witnesses",
    "time stamp": "Time stamp",
    "anchors": "Anchoring footage",
    "missing": "Missing footage",
    "checksums": "Repaired files",
    "health": "Days kept",
    "losses": "Repeated losses",
    "signs": "Signs",
    "papers": "Papers to follow",
    "sealed papers": "Sealed papers",
    "outbox": "Outboxes",
    "report": "Quarterly report",
    "coverage": "Coverage",
    "holds": "Holds",
    "held room": "Room for holds",
    "policy file": "Policy file",
    "camera events": "Camera events",
}
_BYTES = re.compile(r"\b(\d+) bytes\b", re.ASCII)
_GRAVE = {"failed": 0, "warning": 1, "skipped": 2, "ok": 3}


class DoctorPane(ListPane[CheckStep | JobRow | WayRow | Voucher]):
    """Four lists; what is wrong comes first."""

    DEFAULT_CSS = "DoctorPane #detail { color: $text; }"
    title = "Jobs & doctor"
    short = "Doctor"
    key = "doctor"
    asking = "Looking …"
    PARTS: ClassVar = {DOCTOR: "Examination", JOBS: "Scheduled work", ALERTS: "Alerts", VOUCH: "Who vouches"}
    COLUMNS: ClassVar = {
        DOCTOR: Columns({"": (2, 2), "Looked at": (14, 26), "Found": (40, 200)}, first=("Looked at", "Found")),
        JOBS: Columns(
            {"Job": (19, 24), "Every": (12, 14), "Next": (8, 12), "Last result": (24, 120)},
            first=("Job", "Last result", "Next", "Every"),
            by={"Every": lambda row: row.every_s, "Next": lambda row: row.next_utc_ns or 0},
            whole=("Every", "Next"),
        ),
        ALERTS: Columns(
            {"": (2, 2), "Name": (8, 24), "Where": (24, 120), "For": (6, 6), "State": (12, 44)},
            first=("Where", "State", "Name"),
        ),
        VOUCH: Columns(
            {"": (2, 2), "Who": (14, 40), "Where": (14, 100), "Up to": (12, 20), "When": (12, 26)},
            first=("Who", "Up to", "When"),
            whole=("When",),
        ),
    }

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._clock_doubtful = False

    async def async_load(self) -> None:
        """Look at everything, and ask for the jobs."""
        began = time.monotonic()
        timer = self.set_interval(0.5, lambda: self.say(f"Looking … {int(time.monotonic() - began)} s"))
        try:
            checks = await self.link.read(ReadDoctor())
            jobs = await self.link.read(ReadJobs())
            status = await self.link.read(ReadStatus())
            ways = await self.link.read(ReadAlerts())
            vouchers = await vouching.async_vouchers(self.link)
        finally:
            timer.stop()
        steps = sorted(enumerate(checks.steps), key=lambda pair: (_GRAVE.get(pair[1].outcome, 0), pair[0]))
        self.lists[DOCTOR] = {str(number): step for number, step in steps}
        self.lists[JOBS] = {job.name: job for job in jobs}
        self.lists[ALERTS] = {row.way.name: row for row in ways}
        self.lists[VOUCH] = dict(vouchers)
        self._clock_doubtful = any(repair.issue_id == CLOCK_REPAIR for repair in status.repairs)
        self.show()

    def show(self) -> None:
        """With how many are wrong."""
        super().show()
        if self.part == JOBS:
            self.say(f"{counted(len(self.rows), 'job')}; they run automatically.")
            return
        if self.part == ALERTS:
            failing = sum(row.health.ok is False for row in self.lists[ALERTS].values())
            channels = counted(len(self.rows), "alert channel")
            well = f"{channels}." if self.rows else alerts.NOBODY
            self.say(f"{failing} of {channels} not working." if failing else well, wrong=failing > 0)
            return
        if self.part == VOUCH:
            silent = sum(row.asked.ok is False for row in self.lists[VOUCH].values())
            who = counted(len(self.rows), "other vouches", "others vouch")
            well = f"{who} for the access log's head." if self.rows else vouching.NOBODY
            self.say(
                f"{silent} of {counted(len(self.rows), 'other')} not answering." if silent else well, wrong=silent > 0
            )
            return
        outcomes = [step.outcome for step in self.lists[DOCTOR].values()]
        wrong = outcomes.count("failed") + outcomes.count("warning")
        well = f"All well: {counted(len(outcomes), 'thing')} looked at."
        self.say(f"{counted(wrong, 'thing')} to fix." if wrong else well, wrong="failed" in outcomes)

    def cells(self, row: CheckStep | JobRow | WayRow | Voucher) -> Sequence[str | Content]:
        """A step: its mark and what was found. A job: when, and its result. A channel: where it goes, and whether it works."""
        if isinstance(row, WayRow):
            return alerts.way_cells(row)
        if isinstance(row, Voucher):
            return vouching.voucher_cells(row)
        return _step_cells(row) if isinstance(row, CheckStep) else _job_cells(row)

    def details(self, row: CheckStep | JobRow | WayRow | Voucher) -> list[str]:
        """A step: what to do. A job: what it does, and its last result. An alert channel: what it is told."""
        if isinstance(row, WayRow):
            return alerts.way_details(row)
        if isinstance(row, Voucher):
            return vouching.voucher_details(row)
        if isinstance(row, CheckStep):
            return [row.sentence, *([f"→ {row.next_step}"] if row.next_step else [])]
        took = f", took {row.last_took_s:.1f} s" if row.last_took_s is not None else ""
        last = f" {when(row.last_utc_ns, seconds=True)}{took}" if row.last_utc_ns is not None else ""
        return [f"{row.what[:1].upper()}{row.what[1:]}.", f"Last time{last}: {result_words(row)}"]

    def copied(self, row: CheckStep | JobRow | WayRow | Voucher) -> str:
        """What was found, for whoever is asked about it."""
        return " ".join(self.details(row))

    def _has_store(self) -> bool:
        return any(isinstance(step, CheckStep) and step.name == DOCTOR_STEP for step in self.lists[DOCTOR].values())

    async def _async_confirm_time(self) -> None:
        await async_confirm_time(self)
        self.load()

    async def _async_admin_keys(self) -> None:
        rows = await self.async_do("Getting the keys", self.link.act(AdminKeyList()))
        if rows is None:
            return
        done = await self.app.push_screen_wait(AdminKeysDialog(rows.keys))
        if done is not None:
            await self.app.push_screen_wait(
                MessageDialog("Done", f"{done.sentence}. Entry {done.seq} of the access log.")
            )

    ACTIONS: ClassVar[Sequence[ActionDescription[DoctorPane, Any]]] = (
        PaneAction("again", "Look again", "Run the checks again", key=key_table.ANEW, run=lambda self: self.load()),
        PaneAction("keys", "Admin keys …", "Keys that let an admin in through the SSH door", key=key_table.KEY,
            in_footer=False, run=_async_admin_keys),
        PaneAction("clock", "Confirm the time …", "The server's clock is in doubt: is it right?", key=key_table.CLOCK,
            short="Confirm the time", shown=lambda self: self._clock_doubtful, run=_async_confirm_time),
        PaneAction("elsewhere", "Kept elsewhere", "Where holds are kept as well, and what waits", key=key_table.ELSEWHERE,
            parts=(DOCTOR,), short="Elsewhere", shown=_has_store, run=offsite.async_elsewhere),
        PaneAction("verify_elsewhere", "Verify it there", "Ask the store for each object: is it there, and held?",
            key=key_table.CHECK, parts=(DOCTOR,), short="Verify there", shown=_has_store, run=offsite.async_verify),
        PaneAction("add_way", "Add an alert …", "By mail, Apprise or MQTT: who is alerted to what is wrong", key=key_table.NEW,
            parts=(ALERTS,), short="Add an alert", run=alerts.async_add),
        RowAction("change_way", "Change …", "Its server, which alerts it gets, its quiet hours", key=key_table.CHANGE,
            parts=(ALERTS,), enters=True, short="Change", run=alerts.async_change),
        RowAction("test_way", "Send a test", "A test message now, and what came of it", key=key_table.CHECK,
            parts=(ALERTS,), short="Test", run=alerts.async_test),
        RowAction("remove_way", "Remove …", "It sends no more messages", key=key_table.END, parts=(ALERTS,), in_footer=False,
            run=alerts.async_remove),
        PaneAction("add_witness", "Add a witness …", "Somebody who countersigns the access log's head", key=key_table.NEW,
            parts=(VOUCH,), short="Witness", run=vouching.async_add_witness),
        PaneAction("stamps", "Timestamps …", "A server that puts its time on the access log's head", key=key_table.CHANGE,
            parts=(VOUCH,), short="Timestamps", run=vouching.async_set_stamps),
        PaneAction("vouch_now", "Ask them now", "Signatures and a time stamp on the current head", key=key_table.CHECK,
            parts=(VOUCH,), short="Ask now", run=vouching.async_ask),
        RowAction("needed", "How many must sign …", "How many of the witnesses have to sign", parts=(VOUCH,), enters=True,
            in_footer=False, only="Only of witnesses.", can=lambda _, row: row.is_witness, run=vouching.async_needed),
        RowAction("remove_voucher", "Remove …", "It is no longer asked", key=key_table.END, parts=(VOUCH,),
            in_footer=False, run=vouching.async_remove),
        PaneAction("schedule", "Back up each day …", "Where automatic backups go, and when", key=key_table.ELSEWHERE,
            parts=(JOBS,), short="Back up", run=backups.async_schedule),
        PaneAction("backup_now", "Back up now", "Make a backup now, and verify it where it goes", key=key_table.CHECK,
            parts=(JOBS,), in_footer=False, run=backups.async_now),
        PaneAction("no_backups", "No more backups …", "No more automatic backups", key=key_table.END,
            parts=(JOBS,), in_footer=False, run=backups.async_end),
        PaneAction("sent", "What was sent", "The last messages, and what came of each", key=key_table.EARLIER,
            in_footer=False, parts=(ALERTS,), run=alerts.async_history),
    )  # fmt: skip


async def async_confirm_time(pane: Pane) -> None:
    """Both clocks as they are now, and a person's word on them. To be awaited in a worker."""
    row = await async_do(pane.home, "Getting the time", pane.link.read(ReadClock()))
    if row is None:
        return
    done: ClockConfirmed | None = await pane.app.push_screen_wait(ClockDialog(row))
    if done is not None:
        ended = " ".join(f"Ended, and stays ended: {words}." for words in done.ended[:8])
        said = f"The time is confirmed. Entry {done.seq} of the access log."
        await pane.app.push_screen_wait(MessageDialog("Confirmed", said, ended))


def _step_cells(step: CheckStep) -> tuple[str | Content, ...]:
    mark = Content(MARKS.get(step.outcome, "-"))
    color = {"ok": "$text-success", "warning": "$text-warning", "failed": "$text-error"}.get(step.outcome)
    return (mark.stylize(color) if color else mark, step.name, step.sentence)


def result_words(job: JobRow) -> str:
    """What came of it last, with sizes as people read them."""
    return _BYTES.sub(lambda found: size(int(found[1])), job.last_result)


def _job_cells(job: JobRow) -> tuple[str | Content, ...]:
    failed = job.last_result.startswith("failed")
    result = plain(f"✗ {result_words(job)}" if failed else result_words(job), 200)
    next_run = when(job.next_utc_ns).rpartition(", ")[2] if job.next_utc_ns is not None else "-"
    return (
        JOB_WORDS.get(job.name, job.name),
        span(job.every_s),
        next_run,
        result.stylize("$text-error") if failed else result,
    )
