"""Confines the SSH door and all that it starts, before its first connection. Linux only; ADR 0026 has the reasons.

The door keeps working: it accepts connections, restarts its fork server, opens terminals, talks to the service. So this is a list
of what is denied, where a worker's filter lists what is allowed. Denied are all files but the program's own (Landlock), every
socket but Unix streams, other processes' memory, namespaces, kernel administration (seccomp). Its children inherit it, and a
session's process adds its own limits. None can be undone.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from pathlib import Path

from holdshelf_core.processes import confinement as layers
from holdshelf_core.processes import confinement_filter as bpf
from holdshelf_core.processes.confinement import Confined
from holdshelf_core.processes.confinement_filter import MACHINES, Machine

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG, _MAKE_SOCK = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 9
_IOCTL_DEV, _IOCTL_DEV_ABI = 1 << 15, 5
_TRUNCATE, _TRUNCATE_ABI = 1 << 14, 3
_PR_SET_NO_NEW_PRIVS = 38
_LOADERS = ("/lib64/ld-*.so*", "/lib/ld-*.so*", "/usr/lib/ld-*.so*")
_TERMINALS = ("/dev/ptmx", "/dev/pts", "/dev/tty", "/dev/null")

# name: (x86-64, aarch64); None where an architecture has no such call.
_REFUSED = {
    # other processes' memory and descriptors
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "pidfd_getfd": (438, 438),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    # parts of the kernel with frequent vulnerabilities
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "fanotify_init": (300, 262), "lookup_dcookie": (212, 18), "personality": (135, 92),
    "modify_ldt": (154, None), "iopl": (172, None), "ioperm": (173, None),
    # administration of the machine
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "acct": (163, 89), "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "clock_settime": (227, 112), "settimeofday": (164, 170),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "syslog": (103, 116), "sethostname": (170, 161),
    "setdomainname": (171, 162), "vhangup": (153, 58), "mknod": (133, None), "mknodat": (259, 33),
}  # fmt: skip
# CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
_NAMESPACES = 0x80 | 0x20000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
_UNIX, _STREAM, _SEQPACKET, _TYPE_MASK = 1, 1, 5, 0xF
# Types a character into the terminal that the service was started from, as if by its owner.
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C


def confine_door(readable: Sequence[Path], programs: Sequence[Path], folder: Path) -> Confined:
    """Confine this process and all its descendants, permanently. One thread may run, with its listening sockets already bound.

    ``readable``: the program's files; ``programs``: what may be started; ``folder``: for its own sockets. Where the kernel lacks
    a layer, the other one applies, and the result says so. Raises RuntimeError when a second thread runs.
    """
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("A process with several threads cannot be confined as a whole.")
    layers._drop_capabilities()
    if layers._libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return Confined(0, seccomp=False)
    abi = layers.landlock_abi()
    terminal = _READ_FILE | _WRITE_FILE | (_IOCTL_DEV if abi >= _IOCTL_DEV_ABI else 0)
    rules = [(path, _READ_FILE | (_READ_DIR if path.is_dir() else 0)) for path in readable]
    rules += [(path, _EXECUTE | _READ_FILE) for path in (*programs, *_loaders())]
    rules += [(path, terminal | (_READ_DIR if path.is_dir() else 0)) for path in map(Path, _TERMINALS)]
    own = _READ_FILE | _WRITE_FILE | _READ_DIR | _MAKE_SOCK | _MAKE_DIR | _MAKE_REG | _REMOVE_FILE | _REMOVE_DIR
    rules.append((folder, own | (_TRUNCATE if abi >= _TRUNCATE_ABI else 0)))
    # Empty folders beside it may be removed: at its end the door removes its own, which would otherwise stay forever.
    rules.append((folder.parent, _REMOVE_DIR))
    return Confined(layers._forbid_paths(rules), _refuse())


def _loaders() -> list[Path]:
    """Return the C library's loader, which starts every program."""
    return [found for pattern in _LOADERS for found in Path("/").glob(pattern[1:])]


def door_filter(machine: Machine) -> bytes:
    """Allow everything but the calls named here, which fail with EPERM."""
    allow, refuse = bpf._op(bpf._RETURN, bpf.ALLOW), bpf._op(bpf._RETURN, bpf.REFUSE)
    parts = [
        bpf._op(bpf._LOAD, bpf._ARCH),
        bpf._op(bpf._EQUAL, machine.audit_arch, 1, 0),
        bpf._op(bpf._RETURN, bpf.KILL),
        bpf._op(bpf._LOAD, bpf._NR),
        # x86-64 has a second set of call numbers from 2^30 on.
        bpf._op(bpf._AT_LEAST, 0x40000000, 0, 1),
        refuse,
    ]
    numbers = (pair[machine.column] for pair in _REFUSED.values())
    parts += [bpf._op(bpf._EQUAL, number, 0, 1) + refuse for number in numbers if number is not None]
    clone = bpf._op(bpf._LOAD, bpf._ARG0) + bpf._op(bpf._ANY_BIT, _NAMESPACES, 0, 1) + refuse + allow
    parts.append(bpf._guarded(machine.clone, clone))
    # clone3 hides its flags behind a pointer: on ENOSYS the C library uses clone instead.
    parts.append(bpf._guarded(machine.clone3, bpf._op(bpf._RETURN, bpf.NO_SUCH_CALL)))
    unix = bpf._one_of(bpf._ARG0, (_UNIX,)) + bpf._one_of(bpf._ARG1, (_STREAM, _SEQPACKET), _TYPE_MASK) + allow
    parts += [bpf._guarded(number, unix) for number in (machine.socket, machine.socketpair)]
    typing = bpf._op(bpf._LOAD, bpf._ARG1) + b"".join(
        bpf._op(bpf._EQUAL, request, 0, 1) + refuse for request in (_TIOCSTI, _TIOCLINUX)
    )
    parts.append(bpf._guarded(machine.ioctl, typing + allow))
    return b"".join([*parts, allow])


def _refuse() -> bool:
    machine = MACHINES.get(platform.machine())
    return machine is not None and layers.set_filter(machine, door_filter(machine))
