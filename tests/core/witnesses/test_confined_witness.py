"""What code that breaks into a witness can reach, by the witness's own confinement in a process of the same kind."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_a_witness_opens_no_other_socket_and_no_other_folder(tmp_path: Path) -> None:
    secret = tmp_path / "register.json"
    secret.write_text("{}")
    folder = tmp_path / "witness"
    folder.mkdir()
    script = f"""
import os, socket, subprocess, threading
from pathlib import Path
from holdshelf_core.processes.confinement import confine_witness
from holdshelf_core.witnesses.server import MORE_MEMORY_BYTES, OPEN_FILES, _readable
listening = socket.create_server(("127.0.0.1", 0))
caller = socket.create_connection(listening.getsockname())
done = confine_witness(_readable(), Path({str(folder)!r}), more_memory_bytes=MORE_MEMORY_BYTES, open_files=OPEN_FILES)
assert done.seccomp
def fails(what):
    try:
        what()
    except OSError:
        return True
    return False
assert fails(lambda: socket.socket(socket.AF_INET))
assert fails(lambda: socket.socket(socket.AF_UNIX))
assert fails(lambda: subprocess.run(["/bin/true"]))
if done.landlock_abi:
    assert fails(lambda: Path({str(secret)!r}).read_text())
    assert fails(lambda: Path({str(tmp_path / "new")!r}).write_text("x"))
from holdshelf_storage.atomic import write_atomic
write_atomic(Path({str(folder)!r}) / "head", b"x")
one, _ = listening.accept()
thread = threading.Thread(target=one.sendall, args=(b"hello",))
thread.start()
thread.join()
assert caller.recv(5) == b"hello"
print("confined")
"""
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert ran.stdout == "confined\n", ran.stderr
