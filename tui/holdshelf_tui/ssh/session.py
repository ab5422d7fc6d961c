"""One channel of a connection: the terminal's screens, one command, or the outbox. Which it is, the client's requests say.

Every refusal is a sentence on the channel, which then closes; no request is met with silence where the client shows words.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
from typing import TYPE_CHECKING, Any

import asyncssh
from asyncssh.packet import SSHPacket

from holdshelf_core.api.errors import HoldshelfError, Unavailable
from holdshelf_tui.ssh import environment, limits
from holdshelf_tui.ssh.command import Command
from holdshelf_tui.ssh.terminal import Terminal

if TYPE_CHECKING:
    from holdshelf_tui.ssh.connection import DoorConnection
    from holdshelf_tui.ssh.server import Door

_LOGGER = logging.getLogger(__name__)

MAX_COMMAND_CHARS = 16 << 10
MAX_WORDS = 256
MAX_VARIABLES = 24
FLUSH_S = 10.0
NO_TERMINAL = "Holdshelf's screens need a terminal. Leave -T out, or give a command; `help` lists them."
DUMB_TERMINAL = "This terminal cannot show the screens (TERM=dumb). Give a command instead; `help` lists them."
NO_SUBSYSTEM = "There is no such subsystem here: `sftp` alone, to fetch from your outbox."


class Channel(asyncssh.SSHServerChannel[bytes]):
    """A session channel that takes few environment variables, no X11 and no agent."""

    def __init__(
        self, connection: DoorConnection, loop: asyncio.AbstractEventLoop, window: int, max_pktsize: int
    ) -> None:
        super().__init__(connection, loop, True, False, False, 0, 0, None, "strict", window, max_pktsize)

    def _process_env_request(self, packet: SSHPacket) -> bool:
        name, value = packet.get_string(), packet.get_string()
        packet.check_end()
        if not environment.accepted(name, value) or len(self._env) >= MAX_VARIABLES:
            return False
        self._env[name] = value
        return True

    def _process_x11_req_request(self, packet: SSHPacket) -> bool:
        return False

    def _process_auth_agent_req_at_openssh_dot_com_request(self, packet: SSHPacket) -> Any:
        return False

    def environment(self) -> dict[str, str]:
        """What was sent and taken."""
        return {name.decode("ascii"): value.decode("ascii") for name, value in self._env.items()}


class DoorSession(asyncssh.SSHServerSession[bytes]):
    """Requests come in any order until one starts something; from then on a terminal or a command has the channel."""

    def __init__(self, connection: DoorConnection, door: Door) -> None:
        self._connection = connection
        self._door = door
        self._channel: Channel | None = None
        self._term = ""
        self._size = environment.FALLBACK_SIZE
        self._runs: Terminal | Command | None = None
        self._starting: asyncio.Task[None] | None = None
        self._asked: tuple[str, str] | None = None
        self._early: list[bytes] = []
        self._eof = self._closed = False

    # --- what the client asks for -----------------------------------------------------------------------------------

    def connection_made(self, chan: Any) -> None:
        """The channel is open."""
        self._channel = chan
        chan.set_write_buffer_limits(0)

    def pty_requested(self, term_type: str, term_size: tuple[int, int, int, int], term_modes: Any) -> bool:
        """A terminal of that kind and size."""
        self._term = environment.clean_term(term_type)
        self._size = environment.clean_size(*term_size)
        return True

    def terminal_size_changed(self, width: int, height: int, pixwidth: int, pixheight: int) -> None:
        """The window was resized; sizes come as fast as the client likes, the last one counts."""
        self._size = environment.clean_size(width, height, pixwidth, pixheight)
        if isinstance(self._runs, Terminal):
            self._runs.resize(self._size)

    def shell_requested(self) -> bool:
        """The client asks for the screens."""
        self._asked = ("shell", "")
        return True

    def exec_requested(self, command: str) -> bool:
        """The client asks for one command."""
        self._asked = ("command", command)
        return True

    def subsystem_requested(self, subsystem: str) -> bool:
        """sftp; whatever else is taken as well, so that the refusal can be said."""
        self._asked = ("subsystem", subsystem[:64])
        return True

    def session_started(self) -> None:
        """The request was answered: begin."""
        self._starting = asyncio.get_running_loop().create_task(self._start(), name="session-start")

    async def _start(self) -> None:
        asked, text = self._asked or ("shell", "")
        visit = self._connection.visit
        try:
            if visit is None or visit.ended:
                self.say(self._connection.refusal or (visit.ended if visit else "") or "Log in again.", 1)
            elif asked == "subsystem":
                await self._start_sftp(text)
            elif asked == "command":
                await self._start_command(text)
            elif not self._term:
                self.say(NO_TERMINAL, 1)
            elif self._term == "dumb":
                self.say(DUMB_TERMINAL, 1)
            else:
                await self._start_terminal()
        except HoldshelfError as error:
            self.say(str(error), 1)
        except OSError as error:
            _LOGGER.error("a session could not be started: %s", error)
            self.say(str(Unavailable("The session could not be started.", "Try again in a moment.")), 1)
        except Exception:
            _LOGGER.exception("a session failed")
            self.say("This session failed because of a bug; the door's log says more.", 1)

    async def _start_terminal(self) -> None:
        assert self._channel is not None
        runs = Terminal(self._connection, self._channel, self)
        env = environment.child_environment(self._door.data, self._term, self._channel.environment())
        await self._run(runs, runs.async_start(self._door.children, self._door.data, self._term, env, self._size))
        runs.resize(self._size)

    async def _start_command(self, text: str) -> None:
        assert self._channel is not None
        try:
            words = shlex.split(text) if len(text) <= MAX_COMMAND_CHARS and "\0" not in text else None
        except ValueError:
            words = None
        if words is None or len(words) > MAX_WORDS:
            self.say("The command is not understood: a quotation mark is missing, or it is too long.", 2)
            return
        runs = Command(self._connection, self._channel, self, terminal=bool(self._term))
        env = environment.child_environment(self._door.data, self._term, self._channel.environment())
        await self._run(runs, runs.async_start(self._door.children, self._door.data, env, words))

    async def _start_sftp(self, subsystem: str) -> None:
        assert self._channel is not None
        if subsystem != "sftp":
            self.say(NO_SUBSYSTEM, 1)
            return
        runs = Command(self._connection, self._channel, self, terminal=False)
        env = environment.child_environment(self._door.data, "", self._channel.environment())
        await self._run(runs, runs.async_start(self._door.children, self._door.data, env, None))

    async def _run(self, runs: Terminal | Command, start: Any) -> None:
        """Start it, unless everything is over before that."""
        visit = self._connection.visit
        if visit is None or not self._door.more_sessions(visit):
            start.close()
            raise Unavailable(f"{self._door.running} sessions are open, which is the limit.", "Try again later.")
        self._door.running += 1
        visit.add(self)
        try:
            await start
        except BaseException:
            self._door.running -= 1
            raise
        finally:
            visit.discard(self)
        self._runs = runs
        if self._closed:
            runs.hang_up()
            return
        visit.add(runs)
        for data in self._early:
            runs.received(data)
        self._early.clear()
        if self._eof:
            runs.received_eof()

    def tell(self, **message: str) -> None:
        """As `visit.Running`, while it starts: what runs then is told when it is there."""

    def end(self, reason: str) -> None:
        """The visit is over before anything runs."""
        if self._starting is not None:
            self._starting.cancel()
        self.say(reason, 1)

    # --- what the client sends ----------------------------------------------------------------------------------------

    def data_received(self, data: bytes, datatype: Any) -> None:
        """Keys, a paste, standard input. Bounded by the channel's window until something takes it."""
        if self._runs is not None:
            self._runs.received(data)
        elif sum(map(len, self._early)) + len(data) <= limits.UNREAD_BYTES_MOST:
            self._early.append(data)

    def eof_received(self) -> bool:
        """No more input; output goes on."""
        self._eof = True
        if self._runs is not None:
            self._runs.received_eof()
        return True

    def break_received(self, msec: int) -> bool:
        """Interrupt what runs, as Ctrl+C does."""
        return self._signal("INT")

    def signal_received(self, signal: str) -> None:
        """Of a command's; a terminal's come as keys."""
        self._signal(signal)

    def _signal(self, name: str) -> bool:
        if isinstance(self._runs, Command) and name in ("INT", "TERM", "HUP"):
            self._runs.interrupt()
            return True
        return False

    def pause_writing(self) -> None:
        """The client's window is full."""
        if self._runs is not None:
            self._runs.pause()

    def resume_writing(self) -> None:
        """It has room again."""
        if self._runs is not None:
            self._runs.resume()

    # --- the end ------------------------------------------------------------------------------------------------------

    def say(self, sentence: str, code: int) -> None:
        """The last words on this channel, then its end."""
        if self._channel is None or self._channel.is_closing():
            return
        line = f"Holdshelf: {_printable(sentence)}\r\n".encode()
        if self._term:
            self._channel.write(line)
        else:
            self._channel.write_stderr(line)
        self.finish(code)

    def finish(self, code: int) -> None:
        """Close the channel when what was written has gone; a client that takes nothing is not waited for."""
        if self._channel is not None and not self._channel.is_closing():
            self._channel.exit(code)
            asyncio.get_running_loop().call_later(FLUSH_S, self._not_taken)

    def _not_taken(self) -> None:
        if not self._closed:
            self._connection.hang_up()

    def ran(self) -> None:
        """What ran has ended."""
        self._door.running -= 1
        if self._connection.visit is not None and self._runs is not None:
            self._connection.visit.discard(self._runs)

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is gone: nothing goes on behind it."""
        self._closed = True
        self._early.clear()
        if self._runs is not None:
            self._runs.hang_up()
        elif self._starting is not None:
            self._starting.cancel()
        self._connection.session_closed(self)


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:2000]
