"""Actions on the posted policy (P18): fetch the Board's page for a user without network access, and log a comparison.

The comparison itself runs in the caller's own process: a page is never parsed in the service.
"""

from __future__ import annotations

import asyncio

from holdshelf_core import times
from holdshelf_core.actions import common
from holdshelf_core.actions.call import Call
from holdshelf_core.actions.registry import LogForm, handles
from holdshelf_core.cameras.checklist import record_website_check
from holdshelf_core.errors import BadRequest, Conflict, NotFound
from holdshelf_core.policy.governing import own_board
from holdshelf_core.reports import website_types as types
from holdshelf_core.reports.website import MAX_ADDRESS_CHARS, async_fetch, is_boards_page, page_of

SAME = {"exact": True, "same": True, "different": False, "absent": False}
_FINDINGS = {
    "exact": "the adopted text, by its SHA-256",
    "same": "the adopted words",
    "absent": "the adopted policy is not on the page",
}
_FETCHING = asyncio.Semaphore(1)


@handles(types.PostedAsk)
async def _posted(call: Call[types.PostedAsk]) -> types.PostedPage:
    asked = page_of(call.state.board.policy_address)
    if not asked:
        raise NotFound(
            own_board("The Board has not said where the policy is posted (P18)."),
            own_board("Set its address: on the screens under People, The Board. By command: ")
            + "`holdshelf board set policy_address https://… --why …`; or send the page itself: `policy check -`.",
        )
    if _FETCHING.locked():
        raise Conflict("That page is already being fetched.", "Try again in a moment.")
    async with _FETCHING:
        await call.record(private={"address": asked})
        page = await async_fetch(asked, public_only=True)
    return types.PostedPage(asked, page.address, page.kind, page.charset, page.raw, call.seq)


@handles(types.PolicyChecked, log=lambda q: LogForm(facts={"verdict": q.verdict[:20]}))
async def _checked(call: Call[types.PolicyChecked]) -> types.PolicyCheckedRow:
    asked, adopted, board = call.request, call.state.adopted, call.state.board
    if asked.verdict not in SAME:
        raise BadRequest(f"{asked.verdict[:20]!r} is not a valid finding.", f"One of: {', '.join(SAME)}.")
    if adopted is None or adopted.sha256 != asked.adopted_sha256:
        raise Conflict("Another text was adopted in the meantime.", "Check again.")
    address = common.words(asked.address, "The page's address", most=MAX_ADDRESS_CHARS)
    counts = is_boards_page(board.policy_address, address)
    changes = []
    if counts:
        many = f"{asked.differences} place{'' if asked.differences == 1 else 's'}"
        finding = _FINDINGS.get(asked.verdict, f"the page differs from the adopted policy in {many}")
        day = times.local_day(call.now.utc_ns)
        changes.append(
            record_website_check(
                call.state,
                call.now,
                same=SAME[asked.verdict],
                finding=f"{finding} ({day})" if SAME[asked.verdict] else finding,
                by=call.caller.who,
            )
        )
    facts = {
        "verdict": asked.verdict,
        "differences": max(0, asked.differences),
        "adopted": adopted.sha256,
        "posted": common.paper(asked.posted_sha256, "What is posted"),
        "website": counts,
    }
    await call.record(changes, facts=facts, private={"address": address})
    return types.PolicyCheckedRow(call.seq, counts, "" if counts else _why_not(board.policy_address, address))


def _why_not(setting: str, address: str) -> str:
    if not setting:
        return own_board("The Board has not said where the policy is posted (`board set policy_address`).")
    if not address:
        return "It was a file: say with --address which page it was saved from."
    return f"{own_board('The page that the Board set')} is {setting}."
