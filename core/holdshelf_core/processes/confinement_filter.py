"""The seccomp filters: which system calls a confined process may make, for each kind of work. ADR 0010, 0015 and 0027 have the
reasons.

Numbers are the kernel's ABI (linux/unistd.h); filters are classic BPF (linux/filter.h). Calls not listed fail with EPERM.
"""

from __future__ import annotations

import enum
import errno
import struct
from dataclasses import dataclass

# name: (x86-64, aarch64); None where an architecture has no such call.
_READ = {
    "read": (0, 63), "close": (3, 57), "fstat": (5, 80), "lseek": (8, 62), "pread64": (17, 67),
    "sendto": (44, 206), "recvfrom": (45, 207), "sendmsg": (46, 211), "recvmsg": (47, 212),
    "munmap": (11, 215), "brk": (12, 214), "mremap": (25, 216), "madvise": (28, 233),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "sigaltstack": (131, 132),
    "futex": (202, 98), "sched_yield": (24, 124), "set_tid_address": (218, 96), "set_robust_list": (273, 99),
    "rseq": (334, 293), "membarrier": (324, 283), "restart_syscall": (219, 128),
    "getpid": (39, 172), "gettid": (186, 178), "sched_getaffinity": (204, 123), "getrusage": (98, 165),
    "gettimeofday": (96, 169), "clock_gettime": (228, 113), "clock_getres": (229, 114), "clock_nanosleep": (230, 115),
    "setitimer": (38, 103), "getrandom": (318, 278), "exit": (60, 93), "exit_group": (231, 94),
}  # fmt: skip
_RECORD = {
    "write": (1, 64), "writev": (20, 66), "fdatasync": (75, 83), "sync_file_range": (277, 84),
    "connect": (42, 203), "bind": (49, 200), "getsockname": (51, 204), "getpeername": (52, 205),
    "setsockopt": (54, 208), "getsockopt": (55, 209), "shutdown": (48, 210),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72),
    "fcntl": (72, 25), "nanosleep": (35, 101),
}  # fmt: skip
_LOOP = {
    "epoll_create1": (291, 20), "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "epoll_pwait2": (441, 441), "eventfd2": (290, 19), "pipe2": (293, 59), "recvmmsg": (299, 243),
}  # fmt: skip
_SESSION = {
    "open": (2, None), "openat": (257, 56), "openat2": (437, 437), "stat": (4, None), "lstat": (6, None),
    "newfstatat": (262, 79), "statx": (332, 291), "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439),
    "readlink": (89, None), "readlinkat": (267, 78), "getdents64": (217, 61), "getcwd": (79, 17), "uname": (63, 160),
    "getuid": (102, 174), "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getppid": (110, 173),
    "getpgrp": (111, None), "getpgid": (121, 155), "getsid": (124, 156), "umask": (95, 166),
    "dup": (32, 23), "dup2": (33, None), "dup3": (292, 24),
    "write": (1, 64), "writev": (20, 66), "fcntl": (72, 25), "pipe": (22, None),
    "connect": (42, 203), "getsockname": (51, 204), "getpeername": (52, 205), "shutdown": (48, 210),
    "setsockopt": (54, 208), "getsockopt": (55, 209),
    "poll": (7, None), "ppoll": (271, 73), "select": (23, None), "pselect6": (270, 72), "nanosleep": (35, 101),
}  # fmt: skip
_SEND = {
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276), "unlink": (87, None), "unlinkat": (263, 35),
    "fsync": (74, 82), "ftruncate": (77, 46), "fadvise64": (221, 223), "fchmod": (91, 52), "sendmmsg": (307, 269),
}  # fmt: skip
_ACCEPT = {"accept4": (288, 242), "listen": (50, 201)}


class Work(enum.Enum):
    """What a confined process does."""

    DECODING = "decoding"
    """Reads descriptors passed to it, answers on its one socket, computes."""
    RECORDING = "recording"
    """Also connects (TCP, UDP over IPv4 and IPv6) and writes to descriptors passed to it."""
    PEERING = "peering"
    """Recording by WebRTC: also an event loop, and reading the machine's own addresses."""
    SESSION = "session"
    """A person's screens, command or outbox: reads files (limited by Landlock), talks to the service over a Unix stream
    socket, uses a terminal. It may import more of the program: files can be mapped as code, memory cannot."""
    SENDING = "sending"
    """Tells what is wrong: connects over IP, resolves names, writes its own folder (limited by Landlock). No Unix socket: the
    service's own is one. It may import more of the program, as a session."""
    WITNESSING = "witnessing"
    """A witness: accepts connections on a socket that it holds, and writes its own folder (by Landlock). No new socket."""


@dataclass(frozen=True, slots=True)
class Machine:
    """System call numbers of one architecture."""

    audit_arch: int
    column: int
    seccomp: int
    mmap: int
    mprotect: int
    clone: int
    clone3: int
    ioctl: int
    socket: int
    socketpair: int

    @property
    def allowed(self) -> tuple[int, ...]:
        """Return what every kind of work needs: given descriptors, its one socket, memory, threads, clocks, exit."""
        return self.calls(Work.DECODING)

    def calls(self, work: Work) -> tuple[int, ...]:
        """Return the numbers of the calls that are allowed with any arguments."""
        tables = {
            Work.DECODING: (_READ,),
            Work.RECORDING: (_READ, _RECORD),
            Work.PEERING: (_READ, _RECORD, _LOOP),
            Work.SESSION: (_READ, _SESSION, _LOOP),
            Work.SENDING: (_READ, _RECORD, _SESSION, _LOOP, _SEND),
            Work.WITNESSING: (_READ, _RECORD, _SESSION, _LOOP, _SEND, _ACCEPT),
        }[work]
        numbers = (pair[self.column] for table in tables for pair in table.values())
        return tuple(number for number in numbers if number is not None)


MACHINES = {
    "x86_64": Machine(0xC000003E, 0, 317, 9, 10, 56, 435, 16, 41, 53),
    "aarch64": Machine(0xC00000B7, 1, 277, 222, 226, 220, 435, 29, 198, 199),
}

_LOAD, _AND, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x45, 0x35, 0x06
ALLOW, KILL, REFUSE, NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_NR, _ARCH, _ARG0, _ARG1, _ARG2, _ARG3 = 0, 4, 16, 24, 32, 40  # struct seccomp_data; the low words, little endian
_PROT_WRITE, _PROT_EXEC = 2, 4
_MAP_ANONYMOUS = 0x20
_CLONE_THREAD = 0x10000
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _DATAGRAM, _RAW, _TYPE_MASK = 1, 2, 3, 0xF
_TCP, _UDP = 6, 17
_IOCTLS = (0x5421, 0x541B, 0x5450, 0x5451)  # FIONBIO, FIONREAD, FIONCLEX, FIOCLEX: no terminal ioctls
# TCGETS, TCSETS with its W and F, each in its newer form too; TCFLSH, TIOCGWINSZ. Not TIOCSTI, which injects input.
_TERMINAL_IOCTLS = (
    *(0x5401, 0x5402, 0x5403, 0x5404, 0x802C542A, 0x402C542B, 0x402C542C, 0x402C542D),
    *(0x540B, 0x5413),
)


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _guarded(number: int, body: bytes) -> bytes:
    """Return ``body`` applied to this call only; it must return."""
    return _op(_EQUAL, number, 0, len(body) // 8) + body


def _one_of(argument: int, values: tuple[int, ...], mask: int = 0) -> bytes:
    """Continue when the argument (its low word, masked) is one of ``values``; deny otherwise."""
    count = len(values)
    tests = b"".join(_op(_EQUAL, value, count - index, 0) for index, value in enumerate(values))
    return _op(_LOAD, argument) + (_op(_AND, mask) if mask else b"") + tests + _op(_RETURN, REFUSE)


def filter_program(machine: Machine, work: Work = Work.DECODING) -> bytes:
    """Return the filter: no executable memory, no new process (threads are allowed); everything not allowed gets EPERM."""
    allow, refuse = _op(_RETURN, ALLOW), _op(_RETURN, REFUSE)
    # Another instruction set has other call numbers; x86-64 also has a second set from 2^30 on.
    parts = [_op(_LOAD, _ARCH), _op(_EQUAL, machine.audit_arch, 1, 0), _op(_RETURN, KILL), _op(_LOAD, _NR)]
    parts += [_op(_AT_LEAST, 0x40000000, 0, 1), refuse]
    parts += [_op(_EQUAL, number, 0, 1) + allow for number in machine.calls(work)]
    no_code = _op(_LOAD, _ARG2) + _op(_ANY_BIT, _PROT_EXEC, 0, 1) + refuse + allow
    late_imports = work in (Work.SESSION, Work.SENDING, Work.WITNESSING)
    parts.append(_guarded(machine.mmap, _code_from_files() if late_imports else no_code))
    parts.append(_guarded(machine.mprotect, no_code))
    parts.append(_guarded(machine.clone, _op(_LOAD, _ARG0) + _op(_ANY_BIT, _CLONE_THREAD, 0, 1) + allow + refuse))
    # clone3 hides its flags behind a pointer: on ENOSYS the C library uses clone instead.
    parts.append(_guarded(machine.clone3, _op(_RETURN, NO_SUCH_CALL)))
    if work is not Work.DECODING:
        ioctls = (*_IOCTLS, *_TERMINAL_IOCTLS) if work is Work.SESSION else _IOCTLS
        parts.append(_guarded(machine.ioctl, _one_of(_ARG1, ioctls) + allow))
        parts.append(_guarded(machine.socket, refuse if work is Work.WITNESSING else _sockets(work)))
    if work in (Work.PEERING, Work.SESSION, Work.SENDING):
        # A connected stream pair reaches nobody else; a datagram one could be sent to any socket with a path.
        body = _one_of(_ARG0, (_UNIX,)) + _one_of(_ARG1, (_STREAM,), _TYPE_MASK) + allow
        parts.append(_guarded(machine.socketpair, body))
    return b"".join([*parts, refuse])


def _code_from_files() -> bytes:
    """Allow executable mappings of files only, never writable: for a library imported late."""
    allow, refuse = _op(_RETURN, ALLOW), _op(_RETURN, REFUSE)
    code = _op(_ANY_BIT, _PROT_WRITE, 0, 1) + refuse + _op(_LOAD, _ARG3) + _op(_ANY_BIT, _MAP_ANONYMOUS, 0, 1) + refuse
    return _op(_LOAD, _ARG2) + _op(_ANY_BIT, _PROT_EXEC, 0, len(code) // 8) + code + allow


def _sockets(work: Work) -> bytes:
    """Allow TCP and UDP over IP; no Unix sockets, no raw ones, no other protocols. Peers, and what resolves names, may
    also ask the kernel for addresses. Sessions: only Unix stream sockets."""
    allow = _op(_RETURN, ALLOW)
    if work is Work.SESSION:
        return _one_of(_ARG0, (_UNIX,)) + _one_of(_ARG1, (_STREAM,), _TYPE_MASK) + _one_of(_ARG2, (0,)) + allow
    internet = (
        _one_of(_ARG0, (_INET, _INET6))
        + _one_of(_ARG1, (_STREAM, _DATAGRAM), _TYPE_MASK)
        + _one_of(_ARG2, (0, _TCP, _UDP))
        + allow
    )
    if work not in (Work.PEERING, Work.SENDING):
        return internet
    # NETLINK_ROUTE; without capabilities it is read-only.
    netlink = _one_of(_ARG1, (_RAW, _DATAGRAM), _TYPE_MASK) + _one_of(_ARG2, (0,)) + allow
    return _op(_LOAD, _ARG0) + _op(_EQUAL, _NETLINK, 0, len(netlink) // 8) + netlink + internet
