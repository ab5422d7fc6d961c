"""Every action and read of the service, from all subjects. One that is not listed here does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp.web import RouteDef

from holdshelf_core.access_log import actions as log_actions
from holdshelf_core.access_log.actions import LogActs
from holdshelf_core.access_log.copy_actions import LogCopyActs
from holdshelf_core.access_log.register_actions import RegisterActs
from holdshelf_core.access_log.routes import LogRoutes
from holdshelf_core.actions.registry import ActionRegistry
from holdshelf_core.alerts.actions import AlertActs
from holdshelf_core.alerts.metrics import MetricsReads
from holdshelf_core.backups import actions as backup_actions
from holdshelf_core.backups.actions import BackupActs
from holdshelf_core.buffer.actions import CapacityActs
from holdshelf_core.buffer.reads import FootageReads
from holdshelf_core.cameras import checklist, checklist_actions, commissioning, entrance_actions
from holdshelf_core.cameras.actions import CameraActs
from holdshelf_core.cameras.backfill import BackfillActs
from holdshelf_core.cameras.commission_actions import CommissionActs
from holdshelf_core.cameras.device_actions import DeviceActs
from holdshelf_core.cameras.flow_actions import FlowActs
from holdshelf_core.cameras.reads import CameraReads
from holdshelf_core.holds.actions import HoldActs
from holdshelf_core.looks.actions import LookActs
from holdshelf_core.looks.picture_actions import PictureActs
from holdshelf_core.looks.reads import LookReads
from holdshelf_core.looks.sharing_actions import ShareActs
from holdshelf_core.offsite.actions import OffsiteActs
from holdshelf_core.operations import clock_actions
from holdshelf_core.operations.doctor import Doctor
from holdshelf_core.operations.reads import MachineReads
from holdshelf_core.outbox.actions import OutboxActs, StillActs
from holdshelf_core.outbox.paper_actions import PaperActs
from holdshelf_core.outbox.reads import OutboxReads
from holdshelf_core.outbox.routes import OutboxRoutes
from holdshelf_core.people import board_actions, last_login
from holdshelf_core.people import reads as people_reads
from holdshelf_core.people.actions import PeopleActs
from holdshelf_core.people.admin_key_actions import AdminKeyActs
from holdshelf_core.releases.actions import ReleaseActs
from holdshelf_core.releases.bundle_actions import BundleActs
from holdshelf_core.releases.counsel_actions import CounselActs
from holdshelf_core.releases.others_actions import OthersActs
from holdshelf_core.releases.proof_actions import ProofActs
from holdshelf_core.reports import website_actions
from holdshelf_core.reports.actions import PrintActs
from holdshelf_core.reports.case_papers import CasePapers
from holdshelf_core.reports.coverage import CoverageReads
from holdshelf_core.reports.quarter_actions import QuarterActs
from holdshelf_core.timestamps.actions import TimestampActs
from holdshelf_core.witnesses.actions import WitnessActs

if TYPE_CHECKING:
    from holdshelf_core.app import Holdshelf


def register_all(registry: ActionRegistry, holdshelf: Holdshelf) -> None:
    """Register all actions and reads."""
    frame, recorder, store, settings = holdshelf.frame, holdshelf.recorder, holdshelf.store, holdshelf.settings
    entries, retention, averages = holdshelf.entries, holdshelf.retention, holdshelf.averages
    looks, holds, builds, outboxes = holdshelf.looks, holdshelf.holds, holdshelf.bundle_builds, holdshelf.outboxes
    pictures = PictureActs(looks, entries, recorder, store, holdshelf.pictures, holdshelf.camera_events)
    quarters = QuarterActs(holdshelf.reports)
    doctor = Doctor(
        frame,
        entries,
        recorder,
        store,
        retention,
        holdshelf.pictures,
        lambda: holdshelf.server.door_confined,
        lambda: [
            *holdshelf.alerts.steps(),
            *holdshelf.metrics.steps(),
            *holdshelf.offsite.steps(),
            *holdshelf.backups.steps(),
        ],
    )
    for home in (
        AdminKeyActs(holdshelf.admin_keys),
        AlertActs(holdshelf.alerts),
        BackfillActs(entries),
        backup_actions,
        BackupActs(holdshelf.backups),
        board_actions,
        BundleActs(builds, holds),
        CameraActs(entries, recorder),
        CameraReads(holdshelf, entries, recorder),
        CapacityActs(settings, retention),
        checklist,
        checklist_actions,
        clock_actions,
        clock_actions.ClockActs(holdshelf.clock_watch),
        CommissionActs(entries, recorder, store, holdshelf.pictures),
        commissioning,
        CounselActs(entries),
        CoverageReads(holdshelf.reports.coverage, entries),
        DeviceActs(holdshelf, entries),
        entrance_actions,
        FlowActs(entries, recorder),
        FootageReads(entries, recorder, store, holdshelf.anchoring),
        HoldActs(holds, retention, averages, entries),
        last_login,
        log_actions,
        LogActs(outboxes, looks, holdshelf.care, holdshelf.witnesses, holdshelf.timestamps),
        LogCopyActs(outboxes),
        LookActs(looks, entries),
        LookReads(looks),
        MachineReads(
            holdshelf.status,
            doctor,
            holdshelf.jobs,
            entries,
        ),
        MetricsReads(holdshelf.alerts.reporter),
        OffsiteActs(holdshelf.offsite),
        OthersActs(builds, holds, looks),
        OutboxActs(outboxes),
        OutboxReads(outboxes),
        PaperActs(holdshelf.papers, outboxes),
        people_reads,
        PeopleActs(holdshelf.admin_keys, entries),
        pictures,
        PrintActs(entries, CasePapers(holds, builds), quarters, holdshelf.witnesses),
        ProofActs(builds),
        quarters,
        RegisterActs(holdshelf.care),
        ReleaseActs(holds, entries, builds),
        ShareActs(entries),
        StillActs(outboxes, looks, pictures),
        TimestampActs(holdshelf.timestamps),
        website_actions,
        WitnessActs(holdshelf.witnesses),
    ):
        registry.add(home)


def routes(holdshelf: Holdshelf) -> list[RouteDef]:
    """Return the routes of what is streamed, which no act's answer is."""
    return [
        *OutboxRoutes(holdshelf.outboxes.fetches).routes(),
        *PaperActs(holdshelf.papers, holdshelf.outboxes).routes(),
        *LogRoutes(holdshelf.authorizer).routes(),
    ]
