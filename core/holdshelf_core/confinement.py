"""Takes away from a process what it does not need: files, network, programs, memory. Linux only; ADR 0010 says why so.

Called by a worker once it is warm (everything imported, loaded and opened), with one thread running, before it reads
the first byte that a camera sent. Three layers, each of which holds alone: resource limits, Landlock (which paths and
ports may be reached: none), seccomp (which system calls exist at all). None can be taken back. Where the kernel lacks one,
the others are still put on and the result says so; this module never decides whether that is enough.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_RULE_PATH_BENEATH = 1
_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_CREATE_RULESET_VERSION = 1
# linux/landlock.h: which rights over files each ABI knows, so that all of them can be refused.
_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_TCP_RIGHTS = 0b11  # bind and connect, ABI 4
_SCOPES = 0b11  # abstract Unix sockets and signals to others, ABI 6
_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """System call numbers of one architecture (linux/unistd.h)."""

    audit_arch: int
    seccomp: int
    mmap: int
    mprotect: int
    clone: int
    clone3: int
    allowed: tuple[int, ...]
    """What a decoder needs: reading descriptors it was given, its one socket, memory, threads of its own, clocks, its end."""


MACHINES = {
    "x86_64": Machine(
        0xC000003E, 317, 9, 10, 56, 435,
        (
            0, 3, 5, 8, 17,  # read close fstat lseek pread64
            44, 45, 46, 47,  # sendto recvfrom sendmsg recvmsg
            11, 12, 25, 28,  # munmap brk mremap madvise
            13, 14, 15, 131,  # rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack
            202, 24, 218, 273, 334, 324, 219,  # futex sched_yield set_tid_address set_robust_list rseq membarrier restart_syscall
            39, 186, 204, 98,  # getpid gettid sched_getaffinity getrusage
            96, 228, 229, 230, 38,  # gettimeofday clock_gettime clock_getres clock_nanosleep setitimer
            318, 60, 231,  # getrandom exit exit_group
        ),
    ),
    "aarch64": Machine(
        0xC00000B7, 277, 222, 226, 220, 435,
        (
            63, 57, 80, 62, 67,
            206, 207, 211, 212,
            215, 214, 216, 233,
            134, 135, 139, 132,
            98, 124, 96, 99, 293, 283, 128,
            172, 178, 123, 165,
            169, 113, 114, 115, 103,
            278, 93, 94,
        ),
    ),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Confined:
    """What holds from now on. ``landlock_abi`` 0: this kernel has no Landlock; ``seccomp`` False: no filter."""

    landlock_abi: int
    seccomp: bool


def confine(*, more_memory_bytes: int, open_files: int) -> Confined:
    """Confine this process for good: it may read what it holds open, speak on its sockets, compute, and end.

    ``more_memory_bytes``: address space beyond what it has now; ``open_files``: descriptors at a time. Raises
    RuntimeError when a second thread runs (it would stay free).
    """
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("A process with several threads cannot be confined as a whole.")
    _limit(more_memory_bytes, open_files)
    # Nobody of the same user may attach to it or read its memory, and no core dump holds its pictures.
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confined(0, seccomp=False)  # a kernel before 3.5: it has neither of the others
    return Confined(_forbid_paths(), _allow_only())


def confine_to_reading(readable: Sequence[Path], writable: Sequence[Path] = ()) -> int:
    """Landlock for a process that must go on importing: it may read below ``readable``, write to the ``writable`` files, and
    neither make, change nor start anything; no TCP, no signals to others. Sockets with a path stay reachable.

    Returns the ABI, 0 without Landlock. Threads that run already stay free.
    """
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return 0
    rules = [(path, _READ_FILE | (_READ_DIR if path.is_dir() else 0)) for path in readable]
    return _forbid_paths([*rules, *((path, _READ_FILE | _WRITE_FILE) for path in writable)])


def landlock_abi() -> int:
    """What this kernel's Landlock can do; 0 when it has none, or was started without it."""
    return max(0, int(_libc.syscall(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), _CREATE_RULESET_VERSION)))


def _limit(more_memory_bytes: int, open_files: int) -> None:
    in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, in_use + more_memory_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
    ):
        _soft, hard = resource.getrlimit(what)
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(what, (limit, limit))


def _forbid_paths(rules: Sequence[tuple[Path, int]] = ()) -> int:
    """Landlock: whatever it can handle is refused, but for ``rules`` (path, rights below it). Returns its ABI."""
    abi = landlock_abi()
    if not abi:
        return 0
    files = _FILE_RIGHTS[max(version for version in _FILE_RIGHTS if version <= abi)]
    attributes = struct.pack("=QQQ", files, _TCP_RIGHTS if abi >= 4 else 0, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8  # a kernel refuses more than it knows
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
        return  # what is not there needs no right
    try:
        # struct landlock_path_beneath_attr, packed
        _libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("=Qi", rights, fd), 0)
    finally:
        os.close(fd)


# Classic BPF (linux/filter.h): load a word, jump if equal or if bits are set, return.
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NR, _ARCH, _ARG0, _ARG2 = 0, 4, 16, 32  # struct seccomp_data; the low words, little endian
_PROT_EXEC = 4
_CLONE_THREAD = 0x10000


def filter_program(machine: Machine) -> bytes:
    """The seccomp filter: what is allowed, no executable memory, no new process (threads are), everything else EPERM."""

    def op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
        return struct.pack("=HBBI", code, yes, no, value)

    refuse = op(_RETURN, _ERRNO | errno.EPERM)
    allow = op(_RETURN, _ALLOW)
    # Another instruction set's calls have other numbers; x86-64 also numbers a second set from 2^30 on.
    parts = [op(_LOAD, _ARCH), op(_EQUAL, machine.audit_arch, 1, 0), op(_RETURN, _KILL), op(_LOAD, _NR)]
    parts += [op(_AT_LEAST, 0x40000000, 0, 1), refuse]
    for number in machine.allowed:
        parts += [op(_EQUAL, number, 0, 1), allow]
    for number in (machine.mmap, machine.mprotect):
        parts += [op(_EQUAL, number, 0, 4), op(_LOAD, _ARG2), op(_ANY_BIT, _PROT_EXEC, 0, 1), refuse, allow]
    parts += [op(_EQUAL, machine.clone, 0, 4), op(_LOAD, _ARG0), op(_ANY_BIT, _CLONE_THREAD, 0, 1), allow, refuse]
    # clone3 hides its flags behind a pointer: told that there is no such call, the C library uses clone.
    parts += [op(_EQUAL, machine.clone3, 0, 1), op(_RETURN, _ERRNO | errno.ENOSYS)]
    return b"".join([*parts, refuse])


def _allow_only() -> bool:
    machine = MACHINES.get(platform.machine())
    if machine is None:
        return False
    program = filter_program(machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, padding, a pointer.
    header = struct.pack("@HP", len(program) // 8, ctypes.addressof(buffer))
    return bool(_libc.syscall(machine.seccomp, 1, 0, header) == 0)
