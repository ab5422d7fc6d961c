"""Takes away from a process what it does not need: files, network, programs, memory. Linux only; ADR 0010 has the reasons.

Called by a worker once it is ready (everything imported, loaded and opened), with one thread running, before it reads the first
byte from a camera. It drops capabilities and applies three layers, each effective by itself: resource limits, Landlock (which
paths may be reached: none; which ports), seccomp (which system calls are allowed: ``confinement_filter``). None can be undone.
Where the kernel lacks one, the others are still applied and the result says so; this module never decides whether that is enough.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import resource
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from holdshelf_core.processes.confinement_filter import MACHINES, Machine, Work, filter_program

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_FILE, _MAKE_REG = 1 << 5, 1 << 8
_CREATE_RULESET_VERSION = 1
_CAPABILITY_VERSION_3 = 0x20080522
# linux/landlock.h: the file access rights of each ABI, so that all of them can be denied.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_RIGHTS, _TCP_BIND = 0b11, 0b01  # bind and connect, ABI 4
_SCOPES = 0b11  # abstract Unix sockets and signals to others, ABI 6
_libc = ctypes.CDLL(None, use_errno=True)
FILE_BYTES = 16 << 20
"""Of a file that a process with a folder of its own writes."""


@dataclass(frozen=True, slots=True)
class Confined:
    """The confinement in effect. ``landlock_abi`` 0: this kernel has no Landlock; ``seccomp`` False: no filter."""

    landlock_abi: int
    seccomp: bool


def confine(*, more_memory_bytes: int, open_files: int, work: Work = Work.DECODING, file_bytes: int = 0) -> Confined:
    """Confine this process permanently: it may use what it holds open, do its ``work``, and end.

    ``more_memory_bytes``: address space beyond what it has now; ``open_files``: descriptors at a time; ``file_bytes``: maximum
    size of a file it writes. Raises RuntimeError when a second thread runs (it would stay unconfined).
    """
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("A process with several threads cannot be confined as a whole.")
    _limit(more_memory_bytes, open_files, file_bytes)
    _drop_capabilities()
    # No process of the same user may attach to it or read its memory, and no core dump contains its pictures.
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confined(0, seccomp=False)  # a kernel before 3.5: it lacks the others too
    return Confined(_forbid_paths(tcp_rights=_TCP_RIGHTS if work is Work.DECODING else _TCP_BIND), _allow_only(work))


def confine_to_reading(readable: Sequence[Path], writable: Sequence[Path] = ()) -> Confined:
    """Confine a person's session, which must still import: it may read below ``readable`` and write to the ``writable`` files,
    but not create or change other files; no network, no new process, no signals to others. Stream sockets with a path stay
    reachable.

    Threads already running stay unconfined.
    """
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confined(0, seccomp=False)
    rules = [(path, _READ_FILE | (_READ_DIR if path.is_dir() else 0)) for path in readable]
    abi = _forbid_paths([*rules, *((path, _READ_FILE | _WRITE_FILE) for path in writable)])
    return Confined(abi, _allow_only(Work.SESSION))


def confine_sender(
    readable: Sequence[Path], *folders: Path, more_memory_bytes: int, open_files: int, file_bytes: int = FILE_BYTES
) -> Confined:
    """Confine a process that talks to others, permanently: it may read below ``readable`` (the program, certificates, the
    resolver's files), write files of up to ``file_bytes`` in ``folders``, and connect over IP. No listening, no Unix socket, no
    new process.

    Raises RuntimeError when a second thread runs (it would stay unconfined).
    """
    return _confine_to_folders(readable, folders, more_memory_bytes, open_files, file_bytes, Work.SENDING)


def confine_witness(readable: Sequence[Path], folder: Path, *, more_memory_bytes: int, open_files: int) -> Confined:
    """Confine a witness, permanently: as `confine_sender`, but it accepts connections on the sockets that it holds and makes no
    other.

    Raises RuntimeError when a second thread runs (it would stay unconfined).
    """
    return _confine_to_folders(readable, (folder,), more_memory_bytes, open_files, FILE_BYTES, Work.WITNESSING)


def _confine_to_folders(
    readable: Sequence[Path],
    folders: Sequence[Path],
    more_memory_bytes: int,
    open_files: int,
    file_bytes: int,
    work: Work,
) -> Confined:
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("A process with several threads cannot be confined as a whole.")
    _limit(more_memory_bytes, open_files, file_bytes)
    _drop_capabilities()
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confined(0, seccomp=False)
    rules = [(path, _READ_FILE | (_READ_DIR if path.is_dir() else 0)) for path in readable]
    own = _READ_FILE | _WRITE_FILE | _READ_DIR | _MAKE_REG | _REMOVE_FILE
    truncates = 1 << 14 if landlock_abi() >= 3 else 0
    tcp_rights = _TCP_BIND if work is Work.SENDING else _TCP_RIGHTS
    rules += [(folder, own | truncates) for folder in folders]
    abi = _forbid_paths(rules, tcp_rights=tcp_rights)
    return Confined(abi, _allow_only(work))


def landlock_abi() -> int:
    """Return this kernel's Landlock ABI; 0 when it has none, or was started without it."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)))


def _limit(more_memory_bytes: int, open_files: int, file_bytes: int) -> None:
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, in_use + more_memory_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _soft, hard = resource.getrlimit(what)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, limit))


def _drop_capabilities() -> None:
    """Drop root's capabilities, in case the service runs as root."""
    empty = struct.pack("=6I", *[0] * 6)
    _libc.capset(struct.pack("=II", _CAPABILITY_VERSION_3, 0), empty)


def _forbid_paths(rules: Sequence[tuple[Path, int]] = (), *, tcp_rights: int = _TCP_RIGHTS) -> int:
    """Landlock: deny everything it can handle, except ``rules`` (path, rights below it). Returns its ABI."""
    abi = landlock_abi()
    if not abi:
        return 0
    files = _FILE_RIGHTS[max(version for version in _FILE_RIGHTS if version <= abi)]
    attributes = struct.pack("=QQQ", files, tcp_rights if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8  # a kernel refuses sizes larger than it knows
    ruleset = int(_libc.syscall(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0))
    if ruleset < 0:
        return 0
    try:
        for path, rights in rules:
            _allow_below(ruleset, path, rights)
        return abi if _libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0 else 0
    finally:
        os.close(ruleset)


def _allow_below(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what does not exist needs no right
    try:
        # struct landlock_path_beneath_attr, packed
        _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


def _allow_only(work: Work = Work.DECODING) -> bool:
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    return set_filter(machine, filter_program(machine, work))


def set_filter(machine: Machine, program: bytes) -> bool:
    """Have the kernel check every system call from now on with that program; False when it cannot."""
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, padding, a pointer.
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    return bool(_libc.syscall(machine.seccomp, 1, 0, header) == 0)
