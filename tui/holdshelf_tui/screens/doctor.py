"""Jobs & doctor, for the admin: what recording depends on, each with its next step; and scheduled work with its last result."""

from __future__ import annotations

import re
import time
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Static, Tab, Tabs

from holdshelf_core.api.types import Checks, CheckStep, JobRow, Status
from holdshelf_core.api.types_clock import ClockConfirmed, ClockRow
from holdshelf_tui.camera_words import CLOCK_REPAIR, MARKS
from holdshelf_tui.screens.dialogs.clock import ClockDialog
from holdshelf_tui.screens.dialogs.message import MessageDialog
from holdshelf_tui.screens.pane import Pane, async_do
from holdshelf_tui.widgets.actions import Actions
from holdshelf_tui.widgets.listing import fill, row_key, widths
from holdshelf_tui.words import Content, counted, inert, plain, size, span, when

DOCTOR, JOBS = "doctor", "jobs"
_PARTS = {DOCTOR: "Examination", JOBS: "Scheduled work"}
_COLUMNS = {
    DOCTOR: ({"": 2, "Looked at": 14, "Found": 40}, {"": 2, "Looked at": 26, "Found": 200}),
    JOBS: (
        {"Job": 19, "Every": 12, "Next": 8, "Last result": 24},
        {"Job": 24, "Every": 14, "Next": 12, "Last result": 120},
    ),
}
JOB_WORDS = {
    "sweep": "Erasing on schedule",
    "scrub": "Reading back",
    "access log": "Access log",
    "checksums": "Mended files",
    "health": "Days kept",
    "signs": "Signs",
    "papers": "Papers to follow",
    "outbox": "Outboxes",
    "report": "Quarterly report",
    "holds": "Holds",
    "held room": "Room for holds",
    "camera events": "What cameras told",
}
_BYTES = re.compile(r"\b(\d+) bytes\b", re.ASCII)
_GRAVE = {"failed": 0, "warning": 1, "skipped": 2, "ok": 3}


class DoctorPane(Pane):
    """Two lists; what is wrong comes first."""

    DEFAULT_CSS = """
    DoctorPane Tabs { height: 2; }
    DoctorPane DataTable { height: 1fr; min-height: 4; }
    DoctorPane #detail { height: auto; max-height: 7; margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "again", "Look again", id="doctor.again", tooltip="Run the examination again"),
    ]
    title = "Jobs & doctor"
    short = "Doctor"
    hears: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._part = DOCTOR
        self._steps: dict[str, CheckStep] = {}
        self._jobs: dict[str, JobRow] = {}
        self._clock_doubtful = False
        self._known = False

    def compose(self) -> ComposeResult:
        """Parts, state, list, detail, buttons."""
        yield Tabs(*(Tab(words, id=f"part-{part}") for part, words in _PARTS.items()))
        yield Static("Looking …", classes="state")
        yield DataTable(id="list", cursor_type="row", zebra_stripes=True, cell_padding=0)
        yield Static("", id="detail")
        yield Actions((("again", "Look again"), ("clock", "Confirm the time …")))

    def shown(self) -> None:
        """The list has the cursor."""
        super().shown()
        self.query_one(DataTable).focus()
        self.query_one(Actions).shows(clock=self._clock_doubtful)

    def on_resize(self) -> None:
        """Share out the new width."""
        if self._known:
            self._show()

    @on(Tabs.TabActivated)
    def _part_chosen(self, activated: Tabs.TabActivated) -> None:
        # Home has tabs of its own above these.
        activated.stop()
        self._part = (activated.tab.id or "").removeprefix("part-")
        if self._known:
            self._show()

    async def async_load(self) -> None:
        """Look at everything, and ask for the jobs."""
        began = time.monotonic()
        timer = self.set_interval(0.5, lambda: self.say(f"Looking … {int(time.monotonic() - began)} s"))
        try:
            checks = await self.link.get("/doctor", Checks)
            jobs = await self.link.get("/jobs", list[JobRow])
            status = await self.link.get("/status", Status)
        finally:
            timer.stop()
        self._steps = {
            str(number): step
            for number, step in sorted(
                enumerate(checks.steps), key=lambda pair: (_GRAVE.get(pair[1].outcome, 0), pair[0])
            )
        }
        self._jobs = {job.name: job for job in jobs}
        self._clock_doubtful = any(repair.issue_id == CLOCK_REPAIR for repair in status.repairs)
        self._known = True
        self.query_one(Actions).shows(clock=self._clock_doubtful)
        self._show()

    def _show(self) -> None:
        rows: dict[str, tuple[str | Content, ...]]
        if self._part == DOCTOR:
            rows = {key: _step_cells(step) for key, step in self._steps.items()}
            wrong = sum(step.outcome in ("failed", "warning") for step in self._steps.values())
            said = (
                f"{counted(wrong, 'thing')} to mend."
                if wrong
                else f"All well: {counted(len(rows), 'thing')} looked at."
            )
            self.say(said, wrong=any(step.outcome == "failed" for step in self._steps.values()))
        else:
            rows = {key: _job_cells(job) for key, job in self._jobs.items()}
            self.say(f"{counted(len(rows), 'job')}; they run by themselves.")
        least, most = _COLUMNS[self._part]
        fill(self.query_one(DataTable), widths(self.size.width, least, most, tuple(reversed(least))), rows)
        self._detail()

    @on(DataTable.RowHighlighted)
    def _detail(self) -> None:
        key = row_key(self.query_one(DataTable))
        lines: list[str] = []
        if self._part == DOCTOR and (step := self._steps.get(key)) is not None:
            lines = [step.sentence, *([f"→ {step.next_step}"] if step.next_step else [])]
        elif self._part == JOBS and (job := self._jobs.get(key)) is not None:
            took = f", took {job.last_took_s:.1f} s" if job.last_took_s is not None else ""
            last = f" {when(job.last_utc_ns, seconds=True)}{took}" if job.last_utc_ns is not None else ""
            lines = [f"{job.what[:1].upper()}{job.what[1:]}.", f"Last time{last}: {result_words(job)}"]
        self.query_one("#detail", Static).update(Content("\n".join(inert(line, 500) for line in lines)))

    @on(Actions.Chosen)
    def _pressed(self, chosen: Actions.Chosen) -> None:
        if chosen.key == "clock":
            self._confirm_time()
        else:
            self.action_again()

    def action_again(self) -> None:
        """Look again."""
        self.load()

    @work(group="act")
    async def _confirm_time(self) -> None:
        await async_confirm_time(self)
        self.load()


async def async_confirm_time(pane: Pane) -> None:
    """Both clocks as they are now, and a person's word on them. To be awaited in a worker."""
    row = await async_do(pane.home, "Asking for the time", pane.link.get("/rules/clock", ClockRow))
    if row is None:
        return
    done: ClockConfirmed | None = await pane.app.push_screen_wait(ClockDialog(row))
    if done is not None:
        ended = " ".join(f"Ended, and stays so: {words}." for words in done.ended[:8])
        said = f"The time is confirmed. Entry {done.seq} of the access log."
        await pane.app.push_screen_wait(MessageDialog("Confirmed", said, ended))


def _step_cells(step: CheckStep) -> tuple[str | Content, ...]:
    mark = Content(MARKS.get(step.outcome, "-"))
    colour = {"ok": "$text-success", "warning": "$text-warning", "failed": "$text-error"}.get(step.outcome)
    return (mark.stylize(colour) if colour else mark, step.name, step.sentence)


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
