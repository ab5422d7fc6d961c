"""Has witnesses countersign the access log's head: each hour, and before what is printed or handed out (ADR 60).

Nothing waits for a witness for longer than it says, and a silent one stops nothing: it becomes a repair. A witness that holds
another history of this log, or more of it, is told at once. The list of witnesses stands in the register's table ``witnesses``;
the log tells who was added and removed.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterable
from typing import Final

import msgspec

from holdshelf_core.actions.authorizer import Authorizer
from holdshelf_core.errors import Unavailable
from holdshelf_core.times import NS
from holdshelf_core.witnesses import client, kept
from holdshelf_core.witnesses.kept import Kept
from holdshelf_core.witnesses.protocol import Submission
from holdshelf_core.witnesses.types import Asked, Witness, WitnessedRow, WitnessesView, WitnessRow
from holdshelf_storage.access_log.checkpoint import BadHead, parse_note, parse_signatures
from holdshelf_storage.access_log.cosignature import WitnessKey
from holdshelf_storage.errors import StorageError
from holdshelf_storage.register import Register

_LOGGER = logging.getLogger(__name__)

TABLE: Final = "witnesses"
ROW: Final = "all"
REPAIR: Final = "witness:"
CONTRADICTS: Final = "witness_contradicts:"
LATE_S: Final = 1800
"""A witness that has been silent for so long is a repair."""
AGAIN_S: Final = 3600
PAPER_S: Final = 4.0
"""For how long a paper waits for witnesses."""
JOB_S: Final = 60.0
_TRIES: Final = 3
_SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,15})\n?")


class Settings(msgspec.Struct, frozen=True):
    """What the register holds. ``needed``: how many witnesses have to sign; never more than there are."""

    witnesses: tuple[Witness, ...] = ()
    needed: int = 0


class _Refused(Exception):
    """The witness has not signed. `str()` is the end of a sentence that begins with its name."""

    def __init__(self, words: str, *, contradicts: bool = False) -> None:
        super().__init__(words)
        self.contradicts = contradicts


class Witnesses:
    """All witnesses, and what they have signed. Used on the loop."""

    def __init__(self, authorizer: Authorizer, register: Register) -> None:
        self._authorizer, self._frame, self._register = authorizer, authorizer.frame, register
        self.settings = Settings()
        self._kept: dict[str, Kept] = {}
        self._asked: dict[str, Asked] = {}
        self._asking: dict[str, asyncio.Task[None]] = {}
        self._writing = asyncio.Lock()

    async def async_start(self) -> None:
        """Take the witnesses from the register, and what they have signed from its file."""
        row = self._register.get(TABLE, ROW)
        if row is not None:
            try:
                self.settings = msgspec.convert(row, Settings)
            except msgspec.ValidationError as error:
                _LOGGER.error("the witnesses in the register are not understood: %s", error)
        await self._load()

    async def async_put(self, settings: Settings) -> None:
        """Have these witnesses from now on. Raises Unavailable when that cannot be stored."""
        try:
            await asyncio.to_thread(self._register.put, TABLE, ROW, msgspec.to_builtins(settings))
        except StorageError as error:
            raise Unavailable("The witnesses could not be stored; nothing was changed.", str(error)) from None
        gone = {one.name for one in self.settings.witnesses} - {one.name for one in settings.witnesses}
        self.settings = settings
        for name in gone:
            if task := self._asking.pop(name, None):
                task.cancel()
            self._kept.pop(name, None)
            self._asked.pop(name, None)
            for repair in (REPAIR, CONTRADICTS):
                self._frame.repairs.async_delete(f"{repair}{name}")
        await self._load()

    # --- asking -----------------------------------------------------------------------------------------------

    async def async_look(self) -> str:
        """The job: ask each witness that has not signed for an hour, if there are new entries; a silent one each time."""
        log = self._authorizer.log
        if not self.settings.witnesses:
            return "no witnesses"
        if log.problem is not None:
            return "the access log is damaged"
        now_utc_ns = self._frame.clock.utc_ns()
        due = [one for one in self.settings.witnesses if self._is_due(one.name, log.size, now_utc_ns)]
        if due:
            await self._async_ask(due, log.head(), JOB_S)
        self._tell()
        view = self.view()
        return f"{len(due)} asked; {view.needed} of {len(view.rows)} have signed {view.entries} entries"

    async def async_head(self, wait_s: float = PAPER_S) -> tuple[str, list[WitnessedRow]]:
        """Return the head of now with the signatures that came within ``wait_s``, and whose they are.

        A witness that was silent the last time is asked, and not waited for.
        """
        return await self.async_countersign(self._authorizer.log.head(), wait_s)

    async def async_countersign(self, note: str, wait_s: float = PAPER_S) -> tuple[str, list[WitnessedRow]]:
        """The same for a head that was made just now."""
        if not self.settings.witnesses or self._authorizer.log.problem is not None:
            return note, []
        for one in self.settings.witnesses:
            self._begin(one, note)
        reached = [one.name for one in self.settings.witnesses if self._health(one.name).ok is not False]
        await self._wait(reached, wait_s)
        return self._countersigned(note)

    async def async_ask_all(self) -> WitnessesView:
        """Ask all of them now, and return how they answered."""
        await self._async_ask(self.settings.witnesses, self._authorizer.log.head(), JOB_S)
        self._tell()
        return self.view()

    def view(self) -> WitnessesView:
        """Return the witnesses, and what they have signed."""
        rows = []
        for one in self.settings.witnesses:
            last = self._last(one.name)
            size, at = (last.head.size, last.utc_ns) if last is not None else (0, None)
            rows.append(WitnessRow(one, self._health(one.name), size, at))
        # Who signed a head vouches for all before it: what n have signed is the nth largest.
        sizes = sorted((row.entries for row in rows), reverse=True)
        needed = self.settings.needed
        return WitnessesView(rows, needed, sizes[needed - 1] if 0 < needed <= len(sizes) else 0)

    def newest(self) -> tuple[str, list[WitnessedRow]]:
        """Return the highest head that a witness has signed, with all signatures on it; '' before the first one."""
        found = [last for one in self.settings.witnesses if (last := self._last(one.name)) is not None]
        last = max(found, key=lambda one: one.head.size, default=None)
        return self._countersigned(last.own) if last is not None else ("", [])

    def keys(self) -> list[WitnessKey]:
        """Return the keys of the witnesses."""
        return [WitnessKey.parse(one.key) for one in self.settings.witnesses]

    def _is_due(self, name: str, size: int, now_utc_ns: int) -> bool:
        last = self._last(name)
        if last is None or self._health(name).ok is False:
            return True
        away_ns = now_utc_ns - last.utc_ns
        return last.head.size != size and not -AGAIN_S * NS < away_ns < AGAIN_S * NS

    def _countersigned(self, note: str) -> tuple[str, list[WitnessedRow]]:
        head = parse_note(note).head
        signed = [one for _, one in sorted(self._kept.items()) if one.head == head]  # its first line names the log
        rows = [WitnessedRow(one.signature.name, one.utc_ns) for one in signed]
        return note + "".join(one.signature.line() for one in signed), rows

    def _last(self, name: str) -> Kept | None:
        """Return what a witness has signed of this log; of the one before a `log repair` counts nothing."""
        last = self._kept.get(name)
        return last if last is not None and last.head.origin == self._authorizer.log.public_key.origin else None

    def _health(self, name: str) -> Asked:
        return self._asked.get(name, Asked())

    async def _async_ask(self, witnesses: Iterable[Witness], note: str, wait_s: float) -> None:
        names = []
        for one in witnesses:
            self._begin(one, note)
            names.append(one.name)
        await self._wait(names, wait_s)

    def _begin(self, witness: Witness, note: str) -> None:
        """Ask a witness in the background, one question at a time."""
        last, busy = self._last(witness.name), self._asking.get(witness.name)
        if (busy is not None and not busy.done()) or (
            last is not None and last.head.size >= parse_note(note).head.size
        ):
            return
        self._asking[witness.name] = asyncio.create_task(self._ask(witness, note), name=f"witness {witness.name}")

    async def _wait(self, names: Iterable[str], wait_s: float) -> None:
        tasks = [task for name in names if (task := self._asking.get(name)) is not None and not task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=wait_s)

    async def _ask(self, witness: Witness, note: str) -> None:
        name, ok, words, contradicts = witness.name, False, "", False
        try:
            signed = await self._signature(witness, note)
            ok = True
        except _Refused as error:
            words, contradicts = str(error), error.contradicts
        except client.NotAnswered as error:
            words = str(error)
        except StorageError as error:
            words = f"was not asked: {error}"
        except Exception:
            _LOGGER.exception("%s could not be asked", name)
            words = "was not asked, because of a fault in this program"
        if witness not in self.settings.witnesses:
            return
        before = self._health(name)
        since_utc_ns = before.since_utc_ns if before.ok is ok else self._frame.clock.utc_ns()
        self._asked[name] = Asked(ok, since_utc_ns, "" if ok else f"{name} {words}.", contradicts)
        if before.ok is not ok:
            _LOGGER.log(logging.INFO if ok else logging.WARNING, "witness %s: %s", name, "it signs" if ok else words)
        if ok:
            self._kept[name] = signed
            await self._save()

    async def _signature(self, witness: Witness, note: str) -> Kept:
        """Ask until the witness signs, at most three times: it may know another size than we. Raises _Refused and others."""
        log, key, head = self._authorizer.log, WitnessKey.parse(witness.key), parse_note(note).head
        last = self._last(witness.name)
        old = last.head.size if last is not None and last.head.size <= head.size else 0
        for _ in range(_TRIES):
            proof = await asyncio.to_thread(log.consistency_proof, old, head.size) if 0 < old < head.size else []
            answer = await client.async_submit(witness.url, Submission(old, tuple(proof), note))
            if answer.status == 200:
                return _signed(note, answer.text, self._authorizer, key)
            if answer.status != 409:
                raise _refused(answer.status)
            told = _SIZE.fullmatch(answer.text)
            if told is None:
                raise _Refused("answers with no size where it has to")
            old = int(told[1])
            if old > head.size:
                raise _beyond(old, log.size)
        raise _Refused("names another size each time that it is asked")

    async def _load(self) -> None:
        if self._authorizer.log.problem is None and self.settings.witnesses:
            log = self._authorizer.log.public_key
            found = await asyncio.to_thread(kept.read, self._frame.paths.state, log, self.keys())
            self._kept = {**found, **self._kept}

    async def _save(self) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(kept.write, self._frame.paths.state, dict(self._kept))
            except StorageError as error:
                _LOGGER.warning("what witnesses have signed could not be stored: %s", error)

    # --- telling ----------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Raise a repair for who is silent, and another for who holds another history; clear those that are over."""
        repairs, now_utc_ns = self._frame.repairs, self._frame.clock.utc_ns()
        fails = [one.name for one in self.settings.witnesses if self._health(one.name).ok is False]
        enough = len(self.settings.witnesses) - len(fails) >= self.settings.needed
        for one in self.settings.witnesses:
            asked = self._health(one.name)
            if asked.contradicts:
                repairs.async_create(
                    f"{CONTRADICTS}{one.name}",
                    camera_id=None,
                    severity="error",
                    sentence=asked.sentence,
                    next_step="Keep STATE/access as it is, and tell those who decide about footage: entries were taken away "
                    "or changed here, unless an older state was put back. `holdshelf log verify` reads all of it.",
                )
            else:
                repairs.async_delete(f"{CONTRADICTS}{one.name}")
            if asked.ok is False and not asked.contradicts and now_utc_ns - asked.since_utc_ns >= LATE_S * NS:
                many = f"{len(self.settings.witnesses) - len(fails)} of {self.settings.needed} that have to"
                repairs.async_create(
                    f"{REPAIR}{one.name}",
                    camera_id=None,
                    severity="warning" if enough else "error",
                    sentence=f"{asked.sentence} " + ("Others still sign." if enough else f"Only {many} still sign."),
                    next_step="Ask its keeper, then run `holdshelf witness ask`.",
                )
            else:
                repairs.async_delete(f"{REPAIR}{one.name}")


def _signed(note: str, answer: str, authorizer: Authorizer, key: WitnessKey) -> Kept:
    """Return the head with this witness's signature among those of its answer. Raises _Refused."""
    try:
        found = [
            one
            for one in parse_signatures(answer.removesuffix("\n").split("\n"))
            if (one.name, one.key_hash) == (key.name, key.key_hash)
        ]
        if not found:
            raise _Refused("signs with another key than the one that it was added with")
        return kept.kept(note + found[0].line(), authorizer.log.public_key, key)
    except BadHead:
        raise _Refused("answers with a signature that is not right") from None


def _refused(status: int) -> _Refused:
    match status:
        case 404:
            return _Refused("does not countersign this log: its keeper has to add the log's key")
        case 403:
            return _Refused("does not accept this log's signature: its keeper has another key for it")
        case 422:
            return _Refused(
                "holds another history of this access log, which this one does not continue", contradicts=True
            )
    return _Refused(f"does not sign (it answers {status})")


def _beyond(told: int, size: int) -> _Refused:
    if told <= size:
        return _Refused("was asked for a newer head meanwhile")
    return _Refused(
        f"has countersigned {told} entries of this access log, which has {size}: {told - size} are missing here",
        contradicts=True,
    )
