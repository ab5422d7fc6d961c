"""Workers of a forked service are, for the service and for themselves, the processes that it would start."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig import forked, forked_workers
from tests.rig.processes import kill9, member, tree, wait_dead
from tests.rig.rtsp import Mount, RtspServer
from tests.service import Service, wait_for
from tests.test_forked import ENDS, SAME

ASIDE = r"tests\.rig\.forked_workers"
STARTS = """
import json, os, resource, subprocess, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (777, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
command, environment = json.loads(sys.argv[2])
done = subprocess.run(command, capture_output=True, text=True, env=environment)
print(json.dumps([done.returncode, done.stdout.replace(str(os.getpid()), 'PARENT'), done.stderr]))
"""


def main() -> None:
    """What stands in for a service here; its one kind of worker runs the code that it is given."""
    forked_workers.MODULES = ("worker_of_code",)
    forked_workers.load()
    if os.environ["WORKERS"] == "copied" and (work := forked_workers.begin()):
        work()
    else:
        exec(sys.argv[1], {"__name__": "__main__"})


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("worker")
    (folder / "worker_of_code.py").write_text("import os, sys\nexec(sys.argv[1])\n")
    return dict(os.environ) | {"PYTHONPATH": str(folder)}


@pytest.fixture(scope="module")
def only_helper(environment: dict[str, str]) -> Iterator[forked._Helper]:
    one = forked._Helper("tests.test_forked_workers", environment=environment)
    yield one
    one.end()


@pytest.fixture(autouse=True)
def helper(only_helper: forked._Helper, monkeypatch: pytest.MonkeyPatch) -> forked._Helper:
    monkeypatch.setattr(forked, "_helper", only_helper)
    return only_helper


def said(environment: dict[str, str], code: str, *, new: bool = False) -> tuple[int, str, str]:
    """Exit code and output of a worker that is copied, or a new Python."""
    command = [sys.executable, "-P", "-m", "worker_of_code", code]
    theirs = environment | {"MALLOC_ARENA_MAX": "2", "TZ": "Asia/Tokyo", "ODD": "ä\udcff=\n"}
    done = forked.run(
        [forked.HOLDSHELF, STARTS, json.dumps([command, theirs])],
        capture_output=True,
        check=True,
        env=environment | {"WORKERS": "new" if new else "copied"},
    )
    code_, out, err = json.loads(done.stdout)
    return code_, out, err


FINDS = SAME | {
    "command line": "print(sys.orig_argv[:1], open('/proc/self/cmdline').read().split('\\0')[:4])",
    "arguments": "print(len(sys.argv), sys.argv[0], sys.path, __name__, __spec__.name, __file__)",
    "limit of descriptors": "import resource; print(resource.getrlimit(resource.RLIMIT_NOFILE))",
    "modules": "print(sorted(name for name, one in sys.modules.items() if str(getattr(one, '__file__', '')).endswith('.py')))",
    "a module that it has not": "import holdshelf_core.app as one; print(one.__file__, one is sys.modules['holdshelf_core.app'])",
    "areas of memory": """
import ctypes, threading
libc, all_there = ctypes.CDLL(None), threading.Barrier(8)
def take():
    libc.malloc(100)
    all_there.wait()
for one in (many := [threading.Thread(target=take) for _ in range(8)]): one.start()
for one in many: one.join()
text, size = ctypes.c_char_p(), ctypes.c_size_t()
libc.open_memstream.restype = ctypes.c_void_p
file = ctypes.c_void_p(libc.open_memstream(ctypes.byref(text), ctypes.byref(size)))
libc.malloc_info(0, file); libc.fclose(file)
print(text.value.count(b'<heap nr'))
""",
}


@pytest.mark.parametrize("what", FINDS)
def test_a_worker_finds_what_a_new_process_finds(what: str, environment: dict[str, str]) -> None:
    new, copy = (said(environment, FINDS[what], new=new) for new in (True, False))
    assert copy == new
    assert (new[0], new[2]) == (0, "") and new[1]


@pytest.mark.parametrize(("code", "status", "last"), ENDS)
def test_a_worker_ends_as_python_ends(environment: dict[str, str], code: str, status: int, last: str) -> None:
    for new in (True, False):
        ended, out, err = said(environment, code, new=new)
        assert (ended, out, err.rstrip("\n").rpartition("\n")[2]) == (status, "", last)


def test_a_module_that_a_confined_worker_would_read_late_is_not_there(environment: dict[str, str]) -> None:
    code = (
        "from holdshelf_core.processes.confinement import confine\n"
        "confine(more_memory_bytes=1 << 30, open_files=32)\n"
        "import holdshelf_core.api.errors"
    )
    for new in (True, False):
        status, _, err = said(environment, code, new=new)
        assert status == 1 and err.rpartition("\n  ")[2].count("Error"), err


@pytest.mark.parametrize(
    ("words", "more", "is_copied"),
    [
        (["holdshelf_core.recorder.worker.main", "7", "-", "rtsp"], {}, True),
        (["holdshelf_core.recorder.worker.main", "7", "-", "rtsp"], {"MALLOC_ARENA_MAX": "2"}, True),
        (["holdshelf_core.recorder.worker.main", "7", "-", "whep"], {}, False),
        (["holdshelf_core.recorder.worker.probe"], {"LD_PRELOAD": "/nonexistent.so"}, False),
        (["holdshelf_core.alerts.sender"], {}, False),
        (["json.tool"], {}, False),
        ([], {}, False),
    ],
)
def test_what_needs_a_new_python_gets_one(words: list[str], more: dict[str, str], is_copied: bool) -> None:
    own = dict(os.environ)
    assert bool(forked_workers.module_of([sys.executable, "-P", "-m", *words], own | more, own)) is is_copied
    assert not forked_workers.module_of([sys.executable, "-m", *words], own, own)


def environ(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


@pytest.mark.parametrize("switch", ["1", "0"])
def test_a_services_recorder_is_its_child_and_ends_with_it(
    tmp_path: Path, switch: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forked, "_helper", forked._Helper())
    monkeypatch.setenv(forked.SWITCH, switch)
    try:
        with RtspServer([Mount("door")]) as server, Service(tmp_path / "data") as service:
            camera = service.add(server.url("door"), "Door")
            service.await_recording(camera)
            (worker,) = service.worker_pids()
            aside = member(service.pid, ASIDE)
            # The environment that a new process was given; a copy has that of the helper there.
            assert (b"MALLOC_ARENA_MAX" in environ(worker), bool(aside)) == ((switch == "0"), switch == "1")
            assert worker in [one.pid for one in tree(service.pid) if one.parent == service.pid]
            kill9(worker)
            wait_for("another one", lambda: service.worker_pids() not in ([], [worker]))
            service.await_recording(camera)
            family = [one.pid for one in tree(service.pid)]
            service.kill()
            assert all(wait_dead(pid) for pid in family)
    finally:
        forked._helper.end()
