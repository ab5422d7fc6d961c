"""Reads about the machine. The admin sees everything; a person sees what the policy allows."""

from __future__ import annotations

import asyncio

from holdshelf_core.actions.call import Reading
from holdshelf_core.actions.registry import handles
from holdshelf_core.api import door_name, redact
from holdshelf_core.api.ssh import host_key
from holdshelf_core.api.types import Checks, ReadStatus, RepairRow, Status
from holdshelf_core.cameras.entries import Entries
from holdshelf_core.operations import types
from holdshelf_core.operations.doctor import Doctor
from holdshelf_core.operations.jobs import Jobs
from holdshelf_core.operations.views import StatusReader
from holdshelf_core.people.admin_keys import LOGIN as ADMIN_LOGIN
from holdshelf_core.policy.standing import standing


class MachineReads:
    """Reads about the machine and the service."""

    def __init__(self, status: StatusReader, doctor: Doctor, jobs: Jobs, entries: Entries) -> None:
        self._status, self._doctor, self._jobs, self._entries = status, doctor, jobs, entries

    @handles(ReadStatus)
    async def status(self, asked: Reading[ReadStatus]) -> Status:
        """Return the status of the whole service; a person sees only cameras that they may see, and no hosts or paths."""
        caller, gate = asked.caller, asked.authorizer
        status = await self._status.async_status(asked.state)
        if caller.admin:
            return status

        def may_see(camera: str) -> bool:
            return gate.may_read(ReadStatus, caller, camera)

        who = standing(asked.state, caller.person, asked.now)

        def is_told(repair: RepairRow) -> bool:
            if repair.camera is not None:
                return may_see(repair.camera)
            # Of one hold, paper or person, or to be settled by a seat: the number alone says that there is such a case.
            of_the_machine = repair.audience == "admin" and ":" not in repair.issue_id
            return bool(who.seats) or (bool(who.appointments) and of_the_machine)

        secrets = redact.known_secrets(asked.frame.paths, self._entries.async_all())
        return redact.status_for_person(status, may_see, is_told, secrets)

    @handles(types.ReadJobs)
    async def jobs(self, _asked: Reading[types.ReadJobs]) -> list[types.JobRow]:
        """Return the scheduled jobs with their last results."""
        return [
            types.JobRow(j.name, j.what, j.every_s, j.next_utc_ns, j.last_utc_ns, j.last_took_s, j.last_result)
            for j in self._jobs.async_all()
        ]

    @handles(types.ReadDoctor)
    async def doctor(self, _asked: Reading[types.ReadDoctor]) -> Checks:
        """Return the checks of what recording depends on."""
        return Checks(await self._doctor.async_examine())

    @handles(types.ReadDoor)
    async def door(self, asked: Reading[types.ReadDoor]) -> types.DoorRow:
        """Return the SSH host key's fingerprint."""
        return types.DoorRow(await asyncio.to_thread(host_key.fingerprint, asked.frame.paths.data))

    @handles(types.ReadReached)
    async def reached(self, asked: Reading[types.ReadReached]) -> types.Reached:
        """Return the name and port of the SSH door, and the caller's login."""
        caller = asked.caller
        person = asked.state.people.get(caller.person or "")
        login = person.login if person is not None else ADMIN_LOGIN if caller.via == "ssh" else ""
        return types.Reached(*door_name.reached(), login)
