"""Acts on the off-site store: set up, stop, verify, which are the admin's alone; and what each branch in it holds."""

from __future__ import annotations

import contextlib
import re
import ssl
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call, Reading
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.errors import BadRequest, Conflict
from holdshelf_core.offsite import hours, types
from holdshelf_core.offsite.offsite import Offsite
from holdshelf_core.offsite.process import check_installed
from holdshelf_core.policy.standing import ask_seats

LEAST_BYTES_PER_S: Final = 10_000
MOST_HEADS_DAYS: Final = 3660
MOST_CA_CHARS: Final = 64_000
MOST_CASE_CHARS: Final = 60
MOST_BRANCH_CHARS: Final = 60
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_PREFIX: Final = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]{0,63}/){0,4}", re.ASCII)
_REGION: Final = re.compile(r"[A-Za-z0-9-]{0,40}", re.ASCII)
_ACCESS_KEY: Final = re.compile(r"[!-~]{1,128}", re.ASCII)
_RECIPIENT: Final = re.compile(r"age1[02-9ac-hj-np-z]{58}", re.ASCII)
_PRIVATE: Final = re.compile(r"AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}", re.ASCII)
_ASK_AGAIN: Final = "Ask again: `holdshelf offsite verify`."
_LOCAL: Final = ("localhost", "127.0.0.1", "::1")


class OffsiteActs:
    """Handlers of these acts."""

    def __init__(self, offsite: Offsite) -> None:
        self._offsite = offsite
        self._verified = 0, 0
        """The entry and the worker's number of the last verification."""

    @handles(types.OffsiteSetup)
    async def setup(self, call: Call[types.OffsiteSetup]) -> types.OffsiteDone:
        check_installed()
        place = _with_secret(_checked(call.request.place), self._offsite.place)
        wrong = await self._offsite.async_look(place, new_county=call.request.new_county)
        if wrong:
            raise Conflict(wrong, "Nothing was changed.")
        facts = {"hours": place.hours or "always", "limit": place.limit_bytes_per_s, "heads_days": place.heads_days}
        facts["recovery"] = place.recipient
        if place.branch:
            facts["branch"] = place.branch
        # Whoever knows the county's public part can seal an index, and the public form of the log is for everybody.
        seq = await call.record(facts=facts, private={"target": place.target, "county": place.county})
        self._leave(call)
        await self._offsite.async_put(place)
        return types.OffsiteDone(seq, f"Holds are kept in {place.target} as well")

    @handles(types.OffsiteStop)
    async def stop(self, call: Call[types.OffsiteStop]) -> types.OffsiteDone:
        if self._offsite.place is None:
            raise Conflict("No store is set up.")
        target = self._offsite.place.target
        seq = await call.record(private={"target": target})
        self._leave(call)
        await self._offsite.async_remove()
        words = f"Nothing more is sent to {target}; what is there stays, also of holds that are lifted from now on"
        return types.OffsiteDone(seq, words)

    @handles(types.OffsiteVerify, log=lambda q: LogForm(facts={"full": q.full or None}))
    async def verify(self, call: Call[types.OffsiteVerify]) -> types.OffsiteVerified:
        if self._offsite.place is None:
            raise Conflict("No store is set up.", "`holdshelf offsite setup --help`")
        seq = await call.record()
        found = await self._offsite.async_verify(full=call.request.full)
        self._verified = seq, found.number
        return types.OffsiteVerified(
            seq, found.objects, found.heads, found.bytes, found.bad_count, found.bad, found.fault, found.after
        )

    @handles(types.OffsiteList, log=lambda q: LogForm(incident=q.case[:MOST_CASE_CHARS]))
    async def branches(self, call: Call[types.OffsiteList]) -> types.BranchList:
        case = common.words(call.request.case, "The case or incident number", most=MOST_CASE_CHARS)
        place = self._offsite.place
        if place is None or not place.branch:
            raise Conflict("This recorder is not in a county's list.", "`holdshelf offsite setup --help`: --branch.")
        if not place.county_key:
            raise Conflict(
                "This recorder has no county key, so it lists what it holds but cannot read the others' lists.",
                "Ask at a branch that has it, or give it: `holdshelf offsite setup … --county-key FILE`.",
            )
        if case and call.caller.admin:
            call.refuse(
                "P21", "Case numbers of other branches are for the seats to read.", ask_seats(call.state, call.now)
            )
        seq = await call.record()
        rows, fault = await self._offsite.async_list()
        shown = [_told(row, case, admin=call.caller.admin) for row in rows]
        return types.BranchList(seq, [row for row in shown if row.hold_count or row.why or not case], fault)

    @handles(types.ReadCounty)
    async def county(self, _asked: Reading[types.ReadCounty]) -> types.CountyRow | None:
        """Return this recorder's part in the county's list."""
        place = self._offsite.place
        return types.CountyRow(place.branch, bool(place.county_key)) if place is not None and place.branch else None

    @handles(types.ReadBad)
    async def bad(self, asked: Reading[types.ReadBad]) -> types.BadPage:
        """Return the next bad objects of the last verification."""
        seq, number = self._verified
        if not seq or asked.request.seq != seq:
            raise Conflict("The store was asked again since, or Holdshelf was restarted.", _ASK_AGAIN)
        found = await self._offsite.async_bad(number, asked.request.after)
        if found.fault:
            raise Conflict(found.fault, _ASK_AGAIN)
        return types.BadPage(found.bad, found.after)

    @handles(types.ReadOffsite)
    async def row(self, _asked: Reading[types.ReadOffsite]) -> types.OffsiteRow | None:
        """Return the store and how it does."""
        return self._offsite.row

    def _leave(self, call: Call[Any]) -> None:
        """The worker may take seconds to end: other acts need not wait for that."""
        if call.turn is not None:
            call.turn.leave()


def _told(row: types.BranchRow, case: str, *, admin: bool) -> types.BranchRow:
    """Return a branch as it is told: only holds for that case; to the admin how many there are."""
    holds = tuple(hold for hold in row.holds if not case or hold.reference == case)
    return msgspec.structs.replace(
        row,
        holds=() if admin else holds,
        hold_count=len(holds),
        segments=sum(hold.segments for hold in holds),
        waiting=sum(hold.waiting for hold in holds),
    )


def _checked(place: types.Place) -> types.Place:
    _check_url(place.url)
    if not _BUCKET.fullmatch(place.bucket):
        raise BadRequest(
            f"{place.bucket[:60]!r} cannot be the name of a bucket.", "Give the one that was made for this."
        )
    prefix = place.prefix if not place.prefix or place.prefix.endswith("/") else f"{place.prefix}/"
    if not _PREFIX.fullmatch(prefix):
        raise BadRequest(
            f"{place.prefix[:60]!r} cannot be a prefix.", "Use letters, digits, '-', '_' and '/', e.g., `main-street`."
        )
    if prefix.startswith("county/"):
        raise BadRequest("Below county/ are the branches' indexes.", "Choose another prefix.")
    _check_branch(place, prefix)
    _check_keys(place)
    if not hours.valid(place.hours):
        raise BadRequest(f"{place.hours[:20]!r} are not hours.", "Give them as 22:00-06:00.")
    if place.limit_bytes_per_s and place.limit_bytes_per_s < LEAST_BYTES_PER_S:
        raise BadRequest("That limit is too low for video.", "Give at least 10kB a second, or none.")
    if not 1 <= place.heads_days <= MOST_HEADS_DAYS:
        raise BadRequest(f"Heads are kept for 1 to {MOST_HEADS_DAYS} days.", "Nobody can shorten that later.")
    return msgspec.structs.replace(place, prefix=prefix)


def _check_keys(place: types.Place) -> None:
    if not _REGION.fullmatch(place.region):
        raise BadRequest(f"{place.region[:40]!r} is not a region.", "Leave it out unless the store asks for one.")
    if not _ACCESS_KEY.fullmatch(place.access_key):
        raise BadRequest("That is not an access key.", "Give it with --access-key.")
    if not _RECIPIENT.fullmatch(place.recipient):
        raise BadRequest(
            "That is not the public part of a recovery key.", "It begins with age1; `age-keygen` makes such keys."
        )
    if place.ca_pem:
        try:
            if len(place.ca_pem) > MOST_CA_CHARS:
                raise ValueError
            ssl.create_default_context(cadata=place.ca_pem)
        except (ValueError, ssl.SSLError):
            raise BadRequest(
                "That contains no certificate.", "Give a PEM file, which begins with -----BEGIN CERTIFICATE-----."
            ) from None
    if len(place.secret) > 256 or any(not 33 <= ord(c) < 127 for c in place.secret):
        raise BadRequest("That cannot be an access key's secret: it is too long, or has other characters.")


def _check_branch(place: types.Place, prefix: str) -> None:
    if not place.branch:
        if place.county or place.county_key:
            raise BadRequest("A county key needs the branch's name.", "Give it with --branch.")
        return
    if place.branch != common.words(place.branch, "The branch's name", most=MOST_BRANCH_CHARS):
        raise BadRequest("The branch's name begins or ends with a space, or has characters that nobody can read.")
    if not prefix:
        raise BadRequest("A branch that shares a bucket needs a prefix of its own.", "Give one with --prefix.")
    if not _RECIPIENT.fullmatch(place.county):
        raise BadRequest(
            "That is not the public part of a county key.", "It begins with age1; `age-keygen` makes such keys."
        )
    if place.county_key and not _PRIVATE.fullmatch(place.county_key):
        raise BadRequest("That is not a county key.", "It begins with AGE-SECRET-KEY-1.")


def _check_url(url: str) -> None:
    host = ""
    if len(url) <= 300 and all(33 <= ord(c) < 127 for c in url):
        with contextlib.suppress(ValueError):
            parts = urlsplit(url)
            host = parts.hostname or ""
            fine = parts.scheme == "https" or (parts.scheme == "http" and host in _LOCAL)
            if parts.username or parts.query or parts.fragment or parts.path not in ("", "/") or not fine:
                host = ""
    if not host:
        raise BadRequest(
            f"{url[:80]!r} is not the address of a store.",
            "Give it as https://s3.county.example; http:// is allowed to this machine only.",
        )


def _with_secret(place: types.Place, known: types.Place | None) -> types.Place:
    """Return the place with the secrets that are known, where none are given. The access key's never goes to another server or
    key, the county key stays with its public part."""
    if known is not None and not place.county_key and place.county and place.county == known.county:
        place = msgspec.structs.replace(place, county_key=known.county_key)
    if place.secret:
        return place
    if known is not None and known.secret and _server(known) == _server(place):
        return msgspec.structs.replace(place, secret=known.secret)
    raise BadRequest("The access key needs its secret.", "Use --secret-file, --secret-env, or a terminal to ask at.")


def _server(place: types.Place) -> tuple[str, ...]:
    """Who gets the secret."""
    return place.url, place.access_key, place.ca_pem
