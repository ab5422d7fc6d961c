"""The policy's page in a real Chromium, held against axe's rules: a page that a public body posts must be read by everybody."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import signal
import subprocess
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from holdshelf_core.reports.types import PaperFacts
from holdshelf_tui.papers.catalogue import PAPERS
from holdshelf_tui.papers.model_policy import filled_model
from tests.tui.papers.test_papers import FACTS, adopted

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
PAGES: dict[str, PaperFacts] = {
    "adopted": FACTS,
    "adopted, in Spanish": msgspec.structs.replace(FACTS, language="es"),
    "the model": PaperFacts(),
    "the model as adopted, in Spanish": msgspec.structs.replace(
        FACTS, policy=adopted(filled_model(FACTS)), language="es"
    ),
}


class Browser:
    """One page of a Chromium without a window, spoken to by its DevTools protocol."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._numbers = socket, itertools.count(1)

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        while (told := await self._socket.receive_json()).get("id") != number:
            pass
        assert "error" not in told, told
        result: dict[str, Any] = told["result"]
        return result

    async def open(self, page: Path) -> None:
        await self.ask("Page.enable")
        await self.ask("Page.setBypassCSP", enabled=True)  # the page itself runs nothing
        await self.ask("Page.navigate", url=page.as_uri())
        # Its event may have come before the answer: the page itself is asked.
        while await self.evaluate("document.readyState + document.location.href") != f"complete{page.as_uri()}":
            await asyncio.sleep(0.02)

    async def evaluate(self, script: str) -> Any:
        told = await self.ask("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Browser]:
    words = ["--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--remote-debugging-port=0", "about:blank"]
    command = ["chromium-headless-shell", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, process_group=0) as chromium:
        try:
            assert chromium.stderr is not None
            lines = iter(chromium.stderr.readline, "")
            address = await asyncio.to_thread(
                lambda: next(found[0] for line in lines if (found := _ADDRESS.search(line)))
            )
            async with aiohttp.ClientSession() as session:
                listed: list[dict[str, str]] = []
                while not listed:  # it listens before it has its page
                    listed = await (await session.get(f"http://{address[5:].partition('/')[0]}/json/list")).json()
                async with session.ws_connect(listed[0]["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    yield Browser(socket)
        finally:
            os.killpg(chromium.pid, signal.SIGKILL)  # what was started may be a script that starts the browser


_ADDRESS = re.compile(r"ws://127\.0\.0\.1:\d+/\S+")


async def test_p18_the_policys_page_has_no_violation_of_axe(browser: Browser, tmp_path: Path) -> None:
    for name, facts in PAGES.items():
        page = tmp_path / "policy.html"
        page.write_text(PAPERS["policy"].as_html(facts))
        for scheme in ("light", "dark"):
            scheming = [{"name": "prefers-color-scheme", "value": scheme}]
            await browser.ask("Emulation.setEmulatedMedia", features=scheming)
            await browser.open(page)
            await browser.evaluate(AXE)
            found = json.loads(await browser.evaluate("axe.run().then(done => JSON.stringify(done))"))
            assert len(found["passes"]) > 10, f"{name}: axe looked at nothing"
            assert [(one["id"], one["help"]) for one in found["violations"]] == [], f"{name}, {scheme}"


async def test_a_page_that_violates_them_would_be_seen(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "bad.html"
    page.write_text(PAPERS["policy"].as_html(FACTS).replace(' lang="en"', "", 1).replace("</h1>", "</h1><img src=''>"))
    await browser.open(page)
    await browser.evaluate(AXE)
    found = json.loads(await browser.evaluate("axe.run().then(done => JSON.stringify(done))"))
    assert {"html-has-lang", "image-alt"} <= {one["id"] for one in found["violations"]}
