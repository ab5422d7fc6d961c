"""For tests of confinement: what code tries inside a confined process, and the system call filter run as the kernel would.

``TRIES`` is source for such a process, which has imported ctypes, mmap, os, threading; it must not import anything after it
confined itself.
"""

from __future__ import annotations

import struct

TRIES = """
libc = ctypes.CDLL(None, use_errno=True)

def raw(call, *arguments):
    def act():
        if libc.syscall(call, *arguments) == -1:
            raise OSError(ctypes.get_errno(), str(call))
    return act

machine = os.uname().machine

def numbered(x86, arm):
    return x86 if machine == "x86_64" else arm

def executable():
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()

def thread():
    told = []
    one = threading.Thread(target=lambda: told.append(1))
    one.start()
    one.join()
    assert told

def fork():
    if os.fork() == 0:
        os._exit(0)

def try_all(acts):
    # errno by act; 0: it succeeded
    told = {}
    for name, act in acts.items():
        try:
            act()
            told[name] = 0
        except OSError as error:
            told[name] = error.errno
        except MemoryError:
            told[name] = 12
        except ValueError:  # what setrlimit makes of EPERM
            told[name] = 1
        except Exception as error:
            told[name] = repr(error)
    return told
"""


def decide(filter_program: bytes, audit_arch: int, nr: int, arguments: tuple[int, ...] = ()) -> int:
    """What the kernel would do with a system call (classic BPF, the instructions that the filters use)."""
    data = struct.pack("=IIQ6Q", nr, audit_arch, 0, *(*arguments, *[0] * (6 - len(arguments))))
    program = list(struct.iter_unpack("=HBBI", filter_program))
    assert len(program) < 4096
    word = at = 0
    while True:
        code, yes, no, value = program[at]
        at += 1
        if code == 0x06:
            return int(value)
        if code == 0x20:
            word = struct.unpack_from("=I", data, value)[0]
        elif code == 0x54:
            word &= value
        else:
            at += yes if {0x15: word == value, 0x35: word >= value, 0x45: bool(word & value)}[code] else no
