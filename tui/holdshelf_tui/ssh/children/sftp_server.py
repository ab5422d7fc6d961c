"""The outbox as an SFTP client sees it: three folders to read from, and the drop. asyncssh reads packets and forms answers.

Version 3 of the protocol, which WinSCP, FileZilla, PuTTY and OpenSSH speak. What is not in the table below does not
exist; whatever would change something is refused in a sentence. Paths are words that are looked up in a list: nothing
is ever opened by one.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from asyncssh import constants as c
from asyncssh import sftp
from asyncssh.logging import logger
from asyncssh.packet import PacketDecodeError, SSHPacket
from asyncssh.sftp import SFTPAttrs, SFTPLimits, SFTPName, SFTPServer, SFTPServerHandler

from holdshelf_core.api.client import Client
from holdshelf_core.api.errors import HoldshelfError, NotFound, Unavailable
from holdshelf_core.outbox.types import (
    MAX_READ_BYTES,
    CloseFetch,
    OutboxFetch,
    OutboxFetchAsk,
    OutboxRow,
    ReadOutbox,
)
from holdshelf_tui.ssh.children.drop import DROP, NOT_GIVEN_BACK, Coming, Drop
from holdshelf_tui.text.time_format import NS
from holdshelf_tui.text.words import quoted

VERSION = 3
MAX_PACKET_BYTES = 64 << 10
"""Of a request: a path and some numbers. OpenSSH's server takes 256 KB, to be written."""
READ_BYTES = 255 << 10
"""Of an answer's data."""
FILES_OPEN, FOLDERS_OPEN = 8, 8
MAX_PATH_BYTES = 4096
NAMES_AT_ONCE = 100
TREE_S = 2.0
READ_ONLY = "The outbox is read-only: you cannot add, change or remove files. Put a paper into /drop."
FAULT = "This failed because of a bug. Try again."
NO_LINKS = "There are no links here."
_FILE_MODE, _FOLDER_MODE, _DROP_MODE = stat.S_IFREG | 0o400, stat.S_IFDIR | 0o500, stat.S_IFDIR | 0o700
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _refuse(words: str = READ_ONLY) -> NoReturn:
    raise sftp.SFTPPermissionDenied(words)


def _not_there(path: str) -> NoReturn:
    raise sftp.SFTPNoSuchFile(f"There is no {quoted(path, 80)} in your outbox.")


def error_of(error: HoldshelfError) -> sftp.SFTPError:
    """The service's refusal, as a client shows it."""
    words = f"{error.sentence} {error.next_step}".strip()[:400]
    if isinstance(error, NotFound):
        return sftp.SFTPNoSuchFile(words)
    if isinstance(error, Unavailable) or error.status in (409, 500, 503):
        return sftp.SFTPFailure(words)
    return sftp.SFTPPermissionDenied(words)


@dataclass(slots=True)
class Folder:
    """One that was opened: names not told yet."""

    names: Iterator[SFTPName]


@dataclass(slots=True)
class File:
    """One that is being fetched. ``block``: what was read last, from ``start`` on: clients ask for little at a time."""

    fetch: OutboxFetch
    start: int = 0
    block: bytes = b""

    @property
    def attrs(self) -> SFTPAttrs:
        """As the client sees it."""
        return _attrs(_FILE_MODE, self.fetch.size, self.fetch.modified_utc_ns)


@dataclass(slots=True)
class Tree:
    """The list that paths are looked up in. ``folders``: names in each."""

    files: dict[str, OutboxRow] = field(default_factory=dict)
    folders: dict[str, set[str]] = field(default_factory=dict)
    read_s: float = -1e9


class Outbox(SFTPServer):
    """Answers questions about files by asking the service. Blocks: its process serves one client and nobody else."""

    def __init__(self, client: Client, tell: Callable[[str], object]) -> None:
        # Not asyncssh's own: no channel is here, and no folder of this machine.
        self._client = client
        self._tree = Tree()
        self._drop = Drop(client, error_of, tell)
        self.gone = False
        """The client has gone: what it was sending is not all there."""

    # --- the list -------------------------------------------------------------------------------------------------------

    def tree(self) -> Tree:
        """As it was a moment ago at most."""
        now_s = time.monotonic()
        if now_s - self._tree.read_s > TREE_S:
            try:
                rows = self._client.read(ReadOutbox()).rows
            except HoldshelfError as error:
                raise error_of(error) from None
            made = Tree({row.path: row for row in rows}, {"/": {"bundles", "prints", "stills"}}, time.monotonic())
            for name in ("bundles", "prints", "stills"):
                made.folders[f"/{name}"] = set()
            for row in rows:
                path = row.path
                while path != "/":
                    above, _, name = path.rpartition("/")
                    made.folders.setdefault(above or "/", set()).add(name)
                    path = above or "/"
            self._add_drop(made)
            self._tree = made
        return self._tree

    def _add_drop(self, tree: Tree) -> None:
        """The folder, for whoever may bring a paper, and the one that lies there."""
        listed = self._drop.listed()
        if listed is None:
            return
        tree.folders["/"].add(posixpath.basename(DROP))
        tree.folders[DROP] = set()
        for path, paper in listed:
            tree.files[path] = OutboxRow(path, paper.size, paper.at_utc_ns, "paper")
            tree.folders[DROP].add(posixpath.basename(path))

    def _changed(self) -> None:
        """What is listed next is asked for anew."""
        self._tree.read_s = -1e9

    def path_of(self, raw: bytes) -> str:
        """From the root, without `.` and `..`, which end at the root. Raises SFTPError for what names nothing."""
        if len(raw) > MAX_PATH_BYTES:
            raise sftp.SFTPFailure("The path is too long.")
        try:
            text = raw.decode("utf-8")
        except UnicodeDecodeError:
            raise sftp.SFTPNoSuchFile("The path is not in UTF-8.") from None
        if any(not char.isprintable() for char in text):
            _not_there(text)
        return posixpath.normpath(posixpath.join("/", text.lstrip("/")))

    def attrs_of(self, path: str) -> SFTPAttrs:
        """Of a file or folder in the list. Raises SFTPNoSuchFile."""
        tree = self.tree()
        if path in tree.folders:
            inside = [row.modified_utc_ns for row in tree.files.values() if row.path.startswith(path.rstrip("/") + "/")]
            return _attrs(_DROP_MODE if path == DROP else _FOLDER_MODE, 4096, max(inside, default=0))
        row = tree.files.get(path)
        if row is None:
            _not_there(path)
        return _attrs(_FILE_MODE, row.size, row.modified_utc_ns)

    def names_in(self, path: str) -> list[SFTPName]:
        """All in a folder, `.` and `..` first. Raises SFTPError."""
        tree = self.tree()
        if path not in tree.folders:
            if path in tree.files:
                raise sftp.SFTPFailure(f"{quoted(path, 80)} is a file.")
            _not_there(path)
        above = posixpath.dirname(path)
        listed = [(".", path), ("..", above)]
        listed += [(name, posixpath.join(path, name)) for name in sorted(tree.folders[path])]
        return [_name(name, self.attrs_of(where)) for name, where in listed]

    # --- questions ------------------------------------------------------------------------------------------------------

    def realpath(self, path: bytes) -> bytes:
        """The whole path; of what is not there, too, as OpenSSH's server does."""
        return self.path_of(path).encode()

    def stat(self, path: bytes) -> SFTPAttrs:
        """A file's or folder's attributes."""
        return self.attrs_of(self.path_of(path))

    lstat = stat

    def open(self, path: bytes, pflags: int, attrs: SFTPAttrs) -> File | Coming:
        """Fetch a file: written down before this returns. In the drop, send one."""
        where = self.path_of(path)
        if self._drop.holds(where) and DROP in self.tree().folders:
            return self._drop.open(where, pflags)
        if pflags != c.FXF_READ:
            _refuse()
        if where in self.tree().folders:
            raise sftp.SFTPFailure(f"{quoted(where, 80)} is a folder.")
        try:
            # A checksum of some megabytes may have to be taken first.
            return File(self._client.act(OutboxFetchAsk(where)))
        except HoldshelfError as error:
            raise error_of(error) from None

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """A piece; b'' behind the end."""
        if not isinstance(file_obj, File):
            _refuse(NOT_GIVEN_BACK)
        size = min(size, READ_BYTES, file_obj.fetch.size - offset)
        if size <= 0:
            return b""
        within = offset - file_obj.start
        if not 0 <= within < len(file_obj.block):
            # As much ahead as comes next, when it is read from front to back; what is asked for, when it is not.
            follows = offset in (0, file_obj.start + len(file_obj.block))
            try:
                file_obj.block = self._client.raw(
                    "/outbox/read",
                    MAX_READ_BYTES,
                    handle=file_obj.fetch.handle,
                    offset=offset,
                    length=MAX_READ_BYTES if follows else size,
                )
            except HoldshelfError as error:
                file_obj.block = b""
                raise error_of(error) from None
            file_obj.start, within = offset, 0
        return file_obj.block[within : within + size]

    def fstat(self, file_obj: object) -> SFTPAttrs:
        """Of a file that is being fetched, or sent."""
        if isinstance(file_obj, Coming):
            return _attrs(_FILE_MODE, file_obj.upload.size, time.time_ns())
        assert isinstance(file_obj, File)
        return file_obj.attrs

    def close(self, file_obj: object) -> None:
        """It is not fetched any further, and how much left is written down. A paper is taken, if all of it came."""
        if isinstance(file_obj, Coming):
            if not self.gone:
                self._changed()
                self._drop.close(file_obj)
            return
        assert isinstance(file_obj, File)
        with contextlib.suppress(HoldshelfError):  # over already, and written down there
            self._client.read(CloseFetch(file_obj.fetch.handle))

    # --- the drop ---------------------------------------------------------------------------------------------------------

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """A piece of a paper."""
        if not isinstance(file_obj, Coming):
            _refuse()
        return self._drop.write(file_obj, offset, data)

    def setstat(self, path: bytes, attrs: SFTPAttrs) -> None:
        """Times and permissions, which clients set behind a file that they sent, are nothing here."""
        if not self._drop.holds(self.path_of(path)) or attrs.size is not None:
            _refuse()

    def fsetstat(self, file_obj: object, attrs: SFTPAttrs) -> None:
        """The same; `scp` says at the end how long it is."""
        if not isinstance(file_obj, Coming) or attrs.size not in (None, file_obj.upload.size):
            _refuse()

    def remove(self, path: bytes) -> None:
        """Only as one step of WinSCP's way to send a file anew."""
        if not self._drop.removes(self.path_of(path)):
            _refuse()

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Only as the last step of WinSCP's way to send a file anew."""
        if not self._drop.renames(self.path_of(oldpath), self.path_of(newpath)):
            _refuse()
        self._changed()

    def exit(self) -> None:
        """The client has gone."""


def _guarded(answer: Callable[[Any, SSHPacket], Awaitable[object]]) -> Any:
    """A request whose fault is told to the door's log and not to the person."""

    async def guarded(handler: OutboxHandler, packet: SSHPacket) -> object:
        try:
            return await answer(handler, packet)
        except (sftp.SFTPError, PacketDecodeError):
            raise
        except Exception as error:
            handler.fault(error)
            raise sftp.SFTPFailure(FAULT) from None

    return guarded


class OutboxHandler(SFTPServerHandler):
    """asyncssh's, with fewer requests, and bounds on what it leaves open."""

    _extensions = [(b"limits@openssh.com", b"1")]  # noqa: RUF012 - as asyncssh has it
    _server: Outbox

    def __init__(self, server: Outbox, reader: Any, writer: Any, fault: Callable[[BaseException], None]) -> None:
        super().__init__(server, reader, writer, VERSION)
        self.fault = fault
        self.refusal = ""
        """Why the session ended before it began, for the person."""
        self._begun = False

    async def run(self) -> None:
        """Until the client ends it, or sends what is no SFTP."""
        try:
            await super().run()
        except (OSError, EOFError, sftp.SFTPError, PacketDecodeError):
            await self._cleanup(None)  # gone in the middle of a word

    async def _cleanup(self, exc: Exception | None) -> None:
        if self._server:
            self._server.gone = True
        await super()._cleanup(exc)

    async def recv_packet(self) -> SSHPacket:
        """The next request. A longer one than any request is ends the session; so does a first one that cannot be served."""
        assert self._reader is not None
        size = int.from_bytes(await self._reader.readexactly(4), "big")
        if not 0 < size <= MAX_PACKET_BYTES:
            raise sftp.SFTPBadMessage("A request is too long.")
        raw = await self._reader.readexactly(size)
        if not self._begun:
            self._begun = True
            self._check_first(raw)
        return SSHPacket(raw)

    def _check_first(self, raw: bytes) -> None:
        """Before version 3 asyncssh agrees to a version whose answers it cannot form."""
        version = int.from_bytes(raw[1:5], "big") if len(raw) >= 5 and raw[0] == c.FXP_INIT else VERSION
        if version < VERSION:
            self.refusal = f"Your program speaks version {version} of SFTP; version 3 is needed. Use a newer program."
            raise sftp.SFTPBadMessage(self.refusal)

    def _log_extensions(self, extensions: Any) -> None:
        """Not taken apart: what a client names its extensions is for nobody here."""

    def _takes_one_more(self) -> None:
        if len(self._file_handles) >= FILES_OPEN:
            raise sftp.SFTPFailure(f"At most {FILES_OPEN} files are fetched at a time. Close one first.")

    async def _open_file(self, packet: SSHPacket) -> bytes:
        self._takes_one_more()
        return await super()._process_open(packet)

    async def _open_folder(self, packet: SSHPacket) -> bytes:
        path = packet.get_string()
        packet.check_end()
        if len(self._dir_handles) >= FOLDERS_OPEN:
            raise sftp.SFTPFailure(f"At most {FOLDERS_OPEN} folders are listed at a time. Close one first.")
        names = self._server.names_in(self._server.path_of(path))
        handle = self._get_next_handle()
        self._dir_handles[handle] = Folder(iter(names))  # type: ignore[assignment]
        return handle

    async def _read_folder(self, packet: SSHPacket) -> tuple[list[SFTPName], bool]:
        handle = packet.get_string()
        packet.check_end()
        folder = self._dir_handles.get(handle)
        if not isinstance(folder, Folder):
            raise sftp.SFTPInvalidHandle("That folder is not being listed.")
        names = [name for _, name in zip(range(NAMES_AT_ONCE), folder.names, strict=False)]
        if not names:
            raise sftp.SFTPEOFError
        return names, False

    async def _limits(self, packet: SSHPacket) -> SFTPLimits:
        packet.check_end()
        return SFTPLimits(MAX_PACKET_BYTES, READ_BYTES, 32 << 10, FILES_OPEN)

    async def _read_only(self, _packet: SSHPacket) -> None:
        _refuse()

    async def _no_links(self, _packet: SSHPacket) -> None:
        _refuse(NO_LINKS)

    _all: dict[int | bytes, Any] = {  # noqa: RUF012
        c.FXP_OPEN: _open_file,
        c.FXP_CLOSE: SFTPServerHandler._process_close,
        c.FXP_READ: SFTPServerHandler._process_read,
        c.FXP_LSTAT: SFTPServerHandler._process_lstat,
        c.FXP_FSTAT: SFTPServerHandler._process_fstat,
        c.FXP_OPENDIR: _open_folder,
        c.FXP_READDIR: _read_folder,
        c.FXP_REALPATH: SFTPServerHandler._process_realpath,
        c.FXP_STAT: SFTPServerHandler._process_stat,
        c.FXP_READLINK: _no_links,
        c.FXP_SYMLINK: _no_links,
        c.FXP_WRITE: SFTPServerHandler._process_write,
        c.FXP_SETSTAT: SFTPServerHandler._process_setstat,
        c.FXP_FSETSTAT: SFTPServerHandler._process_fsetstat,
        c.FXP_REMOVE: SFTPServerHandler._process_remove,
        c.FXP_MKDIR: _read_only,
        c.FXP_RMDIR: _read_only,
        c.FXP_RENAME: SFTPServerHandler._process_rename,
        b"limits@openssh.com": _limits,
        b"posix-rename@openssh.com": _read_only,
        b"hardlink@openssh.com": _no_links,
        b"lsetstat@openssh.com": _read_only,
        b"copy-data": _read_only,
    }
    _packet_handlers = {asked: _guarded(answer) for asked, answer in _all.items()}  # noqa: RUF012


class _Pipe:
    """asyncssh's reader and writer, over two pipes: bytes wait in them, never here."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing
        self._closed = False
        self.logger = logger
        self.channel = self

    def is_closing(self) -> bool:
        """The client has gone."""
        return self._closed

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        """Nothing is known of the client's program here."""
        return default

    async def readexactly(self, size: int) -> bytes:
        """So many bytes. Raises EOFError."""
        parts = []
        while size:
            part = os.read(self._reading, min(size, 1 << 16))
            if not part:
                raise EOFError
            parts.append(part)
            size -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Waits until the client takes it. Raises OSError."""
        view = memoryview(data)
        while view:
            view = view[os.write(self._writing, view) :]

    def close(self) -> None:
        """Take and send no more."""
        self._closed = True


async def serve(
    reading: int,
    writing: int,
    client: Client,
    fault: Callable[[BaseException], None],
    tell: Callable[[str], object],
) -> str:
    """Until the client ends it. '', or why it was not served. ``tell``: a sentence for the person meanwhile. Raises nothing of
    what a client may send.
    """
    pipe = _Pipe(reading, writing)
    handler = OutboxHandler(Outbox(client, tell), pipe, pipe, fault)
    await handler.run()
    return handler.refusal


def _attrs(mode: int, size: int, modified_utc_ns: int) -> SFTPAttrs:
    seconds = min(max(modified_utc_ns // NS, 0), 0xFFFFFFFF)
    return SFTPAttrs(size=size, uid=0, gid=0, permissions=mode, atime=seconds, mtime=seconds)


def _name(name: str, attrs: SFTPAttrs) -> SFTPName:
    """With the line that `ls -l` shows."""
    when = time.gmtime(attrs.mtime or 0)
    shown = f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2d}  {when.tm_year}"
    kind = stat.filemode(attrs.permissions or 0)
    longname = f"{kind}    1 outbox   outbox   {attrs.size or 0:12d} {shown} {name}"
    return SFTPName(name.encode(), longname.encode(), attrs)
