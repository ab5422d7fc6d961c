"""A real Home Assistant: started headless from its own venv, onboarded and asked over REST and its websocket.

The venv is made by `make test-ha`, which names it in HOLDSHELF_HOME_ASSISTANT.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Self

import aiohttp

from tests.rig.mosquitto import PASSWORD, READER, Mosquitto
from tests.service import free_port

VARIABLE = "HOLDSHELF_HOME_ASSISTANT"
COVERAGE = "HOLDSHELF_HOME_ASSISTANT_COVERAGE"
"""A folder, where the lines of the integration that ran are to be kept (`make test-ha`)."""
PATIENCE_S = 60.0
_RUN_LINES = Path(__file__).parents[2] / "scripts" / "home-assistant-coverage.ini"
_PARTS = "http:\n  server_host: 127.0.0.1\n  server_port: {port}\n" + "".join(
    f"{part}:\n" for part in ("api", "config", "onboarding", "system_health", "repairs", "diagnostics")
)


class HomeAssistant:
    """An asynchronous context manager. ``integration``: a folder for custom_components."""

    def __init__(self, folder: Path, integration: Path | None = None) -> None:
        self.folder, self.port = folder, free_port()
        self._url = f"http://127.0.0.1:{self.port}"
        self._process: subprocess.Popen[bytes] | None = None
        self._session: aiohttp.ClientSession | None = None
        self._token = ""
        folder.mkdir(exist_ok=True)
        (folder / "configuration.yaml").write_text(_PARTS.format(port=self.port))
        if integration is not None:
            shutil.copytree(integration, folder / "custom_components" / integration.name)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession()
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()
        assert self._session is not None
        await self._session.close()

    async def start(self) -> None:
        """Start it, and onboard it the first time; returns when it has started up."""
        python = Path(os.environ[VARIABLE]) / "bin" / "python"
        run: tuple[str, ...] = ()
        environment = dict(os.environ)
        if counted := os.environ.get(COVERAGE):
            run = ("-m", "coverage", "run", f"--rcfile={_RUN_LINES}")
            environment["COVERAGE_FILE"] = f"{counted}/lines"
        with (self.folder / "out").open("ab") as out:
            self._process = subprocess.Popen(
                [python, *run, "-m", "homeassistant", "-c", str(self.folder), "--skip-pip"],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        if not self._token:
            self._token = await until("Home Assistant answers", self._onboard)
        await until("Home Assistant runs", self._runs)

    async def stop(self) -> None:
        """End it as a restart does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(self._process.wait, PATIENCE_S)
            self._process = None

    async def _onboard(self) -> str | None:
        user = {
            "client_id": f"{self._url}/",
            "name": "Tester",
            "username": "tester",
            "password": PASSWORD,
            "language": "en",
        }
        assert self._session is not None
        try:
            async with self._session.post(f"{self._url}/api/onboarding/users", json=user) as answer:
                code = (await answer.json())["auth_code"]
            form = {"client_id": f"{self._url}/", "grant_type": "authorization_code", "code": code}
            async with self._session.post(f"{self._url}/auth/token", data=form) as answer:
                return str((await answer.json())["access_token"])
        except (aiohttp.ClientError, KeyError, ValueError):
            return None

    async def _runs(self) -> bool:
        try:
            return (await self.get("config"))["state"] == "RUNNING"
        except (aiohttp.ClientError, ValueError):
            return False

    async def get(self, path: str) -> Any:
        """GET /api/PATH."""
        return await self._ask("GET", path, None)

    async def post(self, path: str, body: Any = None) -> Any:
        """POST /api/PATH."""
        return await self._ask("POST", path, body or {})

    async def delete(self, path: str) -> Any:
        """DELETE /api/PATH."""
        return await self._ask("DELETE", path, None)

    async def _ask(self, how: str, path: str, body: Any) -> Any:
        assert self._session is not None
        headers = {"Authorization": f"Bearer {self._token}"}
        async with self._session.request(how, f"{self._url}/api/{path}", json=body, headers=headers) as answer:
            return await answer.json(content_type=None)

    async def ask(self, kind: str, **more: Any) -> Any:
        """Ask by websocket; the result."""
        return (await self.asks({"type": kind, **more}))[0]

    async def asks(self, *questions: dict[str, Any], events: bool = False) -> list[Any]:
        """Ask several things by one websocket. ``events``: the first event of a subscription is its answer."""
        assert self._session is not None
        async with self._session.ws_connect(f"{self._url}/api/websocket") as socket:
            await socket.receive_json()
            await socket.send_json({"type": "auth", "access_token": self._token})
            assert (await socket.receive_json())["type"] == "auth_ok"
            found = []
            for number, question in enumerate(questions, start=1):
                await socket.send_json({"id": number, **question})
                answer = await socket.receive_json()
                assert answer.get("success", True), answer
                found.append((await socket.receive_json())["event"] if events else answer["result"])
            return found

    async def add_broker(self, broker: Mosquitto) -> None:
        """Set up Home Assistant's MQTT integration, as the user who may only read."""
        flow = await self.post("config/config_entries/flow", {"handler": "mqtt"})
        if flow["type"] == "menu":
            flow = await self.post(f"config/config_entries/flow/{flow['flow_id']}", {"next_step_id": "broker"})
        given = {"broker": "127.0.0.1", "port": broker.plain_port, "username": READER, "password": PASSWORD}
        done = await self.post(f"config/config_entries/flow/{flow['flow_id']}", given)
        assert done["type"] == "create_entry", done

    async def state(self, entity: str) -> str | None:
        """The entity's state; None while there is none of this name."""
        return (await self.get(f"states/{entity}")).get("state")

    async def until_state(self, entity: str, state: str) -> None:
        """Wait until an entity is so."""

        async def so() -> bool:
            return await self.state(entity) == state

        await until(f"{entity} is {state}", so)

    async def issues(self) -> dict[str, Any]:
        """Return our repairs by their ids."""
        listed = (await self.ask("repairs/list_issues"))["issues"]
        return {one["issue_id"]: one for one in listed if one["domain"] == "holdshelf"}

    def log(self) -> str:
        """What it logged."""
        return (self.folder / "home-assistant.log").read_text()


async def until[T](what: str, probe: Callable[[], Awaitable[T | None]], seconds: float = PATIENCE_S) -> T:
    """Ask until there is an answer that is neither None nor False."""
    deadline = time.monotonic() + seconds
    while True:
        answer = await probe()
        if answer is not None and answer is not False:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:g} s still not: {what}")
        await asyncio.sleep(0.1)
