"""The seccomp filters: which system calls a confined process may make, for each kind of work. ADR 0010 and 0015 say why.

Numbers are the kernel's ABI (linux/unistd.h); filters are classic BPF (linux/filter.h). What is not named gets EPERM.
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


class Work(enum.Enum):
    """What a confined process is for."""

    DECODING = "decoding"
    """Reads descriptors it is handed, answers on its one socket, computes."""
    RECORDING = "recording"
    """Also dials (TCP, UDP over IPv4 and IPv6) and writes to descriptors it is handed."""
    PEERING = "peering"
    """Recording by WebRTC: also an event loop, and a look at the machine's own addresses."""


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
        """What every kind of work needs: descriptors it was given, its one socket, memory, threads, clocks, its end."""
        return self.calls(Work.DECODING)

    def calls(self, work: Work) -> tuple[int, ...]:
        """The numbers of the calls that are allowed whatever their arguments."""
        tables = {
            Work.DECODING: (_READ,),
            Work.RECORDING: (_READ, _RECORD),
            Work.PEERING: (_READ, _RECORD, _LOOP),
        }[work]
        numbers = (pair[self.column] for table in tables for pair in table.values())
        return tuple(number for number in numbers if number is not None)


MACHINES = {
    "x86_64": Machine(0xC000003E, 0, 317, 9, 10, 56, 435, 16, 41, 53),
    "aarch64": Machine(0xC00000B7, 1, 277, 222, 226, 220, 435, 29, 198, 199),
}

_LOAD, _AND, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x45, 0x35, 0x06
ALLOW, KILL, REFUSE, NO_SUCH_CALL = 0x7FFF0000, 0x80000000, 0x00050000 | errno.EPERM, 0x00050000 | errno.ENOSYS
_NR, _ARCH, _ARG0, _ARG1, _ARG2 = 0, 4, 16, 24, 32  # struct seccomp_data; the low words, little endian
_PROT_EXEC = 4
_CLONE_THREAD = 0x10000
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16
_STREAM, _DATAGRAM, _RAW, _TYPE_MASK = 1, 2, 3, 0xF
_TCP, _UDP = 6, 17
_IOCTLS = (0x5421, 0x541B, 0x5450, 0x5451)  # FIONBIO, FIONREAD, FIONCLEX, FIOCLEX: none of a terminal's


def _op(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _guarded(number: int, body: bytes) -> bytes:
    """``body`` for this call alone; it must return."""
    return _op(_EQUAL, number, 0, len(body) // 8) + body


def _one_of(argument: int, values: tuple[int, ...], mask: int = 0) -> bytes:
    """Goes on when the argument (its low word, masked) is one of ``values``; refuses otherwise."""
    count = len(values)
    tests = b"".join(_op(_EQUAL, value, count - index, 0) for index, value in enumerate(values))
    return _op(_LOAD, argument) + (_op(_AND, mask) if mask else b"") + tests + _op(_RETURN, REFUSE)


def filter_program(machine: Machine, work: Work = Work.DECODING) -> bytes:
    """What is allowed; no executable memory, no new process (threads are); everything else EPERM."""
    allow, refuse = _op(_RETURN, ALLOW), _op(_RETURN, REFUSE)
    # Another instruction set's calls have other numbers; x86-64 also numbers a second set from 2^30 on.
    parts = [_op(_LOAD, _ARCH), _op(_EQUAL, machine.audit_arch, 1, 0), _op(_RETURN, KILL), _op(_LOAD, _NR)]
    parts += [_op(_AT_LEAST, 0x40000000, 0, 1), refuse]
    parts += [_op(_EQUAL, number, 0, 1) + allow for number in machine.calls(work)]
    for number in (machine.mmap, machine.mprotect):
        parts.append(_guarded(number, _op(_LOAD, _ARG2) + _op(_ANY_BIT, _PROT_EXEC, 0, 1) + refuse + allow))
    parts.append(_guarded(machine.clone, _op(_LOAD, _ARG0) + _op(_ANY_BIT, _CLONE_THREAD, 0, 1) + allow + refuse))
    # clone3 hides its flags behind a pointer: told that there is no such call, the C library uses clone.
    parts.append(_guarded(machine.clone3, _op(_RETURN, NO_SUCH_CALL)))
    if work is not Work.DECODING:
        parts.append(_guarded(machine.ioctl, _one_of(_ARG1, _IOCTLS) + allow))
        parts.append(_guarded(machine.socket, _sockets(work)))
    if work is Work.PEERING:
        # A connected stream pair reaches nobody else; a datagram one could be pointed at any socket with a path.
        body = _one_of(_ARG0, (_UNIX,)) + _one_of(_ARG1, (_STREAM,), _TYPE_MASK) + allow
        parts.append(_guarded(machine.socketpair, body))
    return b"".join([*parts, refuse])


def _sockets(work: Work) -> bytes:
    """TCP and UDP over IP; no Unix sockets, no raw ones, no other protocols. Peers also ask the kernel for addresses."""
    allow = _op(_RETURN, ALLOW)
    internet = (
        _one_of(_ARG0, (_INET, _INET6))
        + _one_of(_ARG1, (_STREAM, _DATAGRAM), _TYPE_MASK)
        + _one_of(_ARG2, (0, _TCP, _UDP))
        + allow
    )
    if work is not Work.PEERING:
        return internet
    # NETLINK_ROUTE; without capabilities it only answers.
    netlink = _one_of(_ARG1, (_RAW, _DATAGRAM), _TYPE_MASK) + _one_of(_ARG2, (0,)) + allow
    return _op(_LOAD, _ARG0) + _op(_EQUAL, _NETLINK, 0, len(netlink) // 8) + netlink + internet
