"""An SFTP server on loopback (asyncssh), for a recorder's key: a good one, and ones that are full, hang, or lie."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

HOST = "127.0.0.1"
USER = "recorder"


class SftpServer:
    """Serves ``folder``. ``ill`` may be changed while it runs: '' | 'full' | 'hangs' | 'lies'; what is there is the truth."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ill = folder, ""
        self.keys: set[str] = set()
        """Public keys that are let in, as 'TYPE BASE64'."""
        self.logins = 0
        self.asked = threading.Event()
        """Somebody wrote while it was ill."""
        self.port = 0
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._acceptor: Any = None

    @property
    def target(self) -> str:
        """As people type it."""
        return f"sftp://{USER}@{HOST}:{self.port}//{str(self.folder).lstrip('/')}"

    @property
    def fingerprint(self) -> str:
        return self._host_key.get_fingerprint()

    @property
    def host_key(self) -> str:
        return " ".join(self._host_key.export_public_key().decode().split()[:2])

    def __enter__(self) -> Self:
        self._thread.start()
        self.open()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self.close()
        self._do(self._cancel())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def open(self) -> None:
        """Listen, at the same port as before."""
        self._acceptor = self._do(self._listen())
        self.port = self._acceptor.get_port()

    def close(self) -> None:
        """Nobody answers there any more."""
        if self._acceptor is not None:
            self._do(self._end())
            self._acceptor = None

    def change_host_key(self) -> None:
        """As if another machine stood there."""
        self._host_key = asyncssh.generate_private_key("ssh-ed25519")
        self.close()
        self.open()

    def _do[T](self, coro: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coro, self._loop).result(60)

    async def _listen(self) -> Any:
        server = self

        class Login(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def public_key_auth_supported(self) -> bool:
                return True

            def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
                return username == USER and " ".join(key.export_public_key().decode().split()[:2]) in server.keys

            def auth_completed(self) -> None:
                server.logins += 1

        return await asyncssh.listen(
            HOST,
            self.port,
            server_factory=Login,
            server_host_keys=[self._host_key],
            sftp_factory=lambda channel: _Files(channel, self),
            allow_scp=False,
        )

    async def _cancel(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _end(self) -> None:
        self._acceptor.close()
        await self._acceptor.wait_closed()


class _Files(asyncssh.SFTPServer):
    def __init__(self, channel: Any, server: SftpServer) -> None:
        super().__init__(channel)
        self._server = server

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        ill = self._server.ill
        if ill:
            self._server.asked.set()
        if ill == "full":
            raise asyncssh.SFTPFailure("\x1b[31mno room, says an attacker\x1b[0m")
        if ill == "hangs":
            await asyncio.get_running_loop().create_future()
        if ill == "lies":
            data = bytes(len(data))
        written: int = super().write(file_obj, offset, data)  # type: ignore[assignment]
        return written
