"""Which of the frames that a camera sent lie in the files that a recorder wrote. Compared in processes of their own.

Of their own, because comparing loads FFmpeg: were it mapped into the bench, the recorders under measure would share its
pages and look smaller than they are. The rig's modules import PyAV at their top, so in the bench's own process an empty
module stands in its place.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType

if __name__ != "__main__":
    sys.modules.setdefault("av", ModuleType("av"))
PROCESSES = 2


@dataclass(frozen=True)
class Question:
    """One camera: what it sent since the recorder began, in order (UTC ns, hash), and the recorder's files, in order.

    Judged are the frames sent in [`from_utc_ns`, `until_utc_ns`).
    """

    sent: list[tuple[int, str]]
    files: list[str]
    from_utc_ns: int
    until_utc_ns: int


@dataclass(frozen=True)
class Answer:
    """Frames sent in the stretch, how many of them are in no file, and recorded frames that stand where none was sent."""

    sent: int
    lost: int
    strangers: int


def compare(questions: Sequence[Question]) -> Answer:
    """All cameras together. Raises CalledProcessError when a file is no recording; the child has said why."""
    parts = [questions[start::PROCESSES] for start in range(PROCESSES)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        answers = [answer for part in pool.map(_ask, parts) for answer in part]
    return Answer(sum(a.sent for a in answers), sum(a.lost for a in answers), sum(a.strangers for a in answers))


def _ask(questions: Sequence[Question]) -> list[Answer]:
    asked = json.dumps([asdict(question) for question in questions]).encode()
    done = subprocess.run([sys.executable, __file__], input=asked, stdout=subprocess.PIPE, check=True)
    return [Answer(**answer) for answer in json.loads(done.stdout)]


def _compare_one(question: Question) -> Answer:
    """Walks along both lists: each recorded frame must be the next one sent; those skipped are lost."""
    from tests.rig.hashes import recorded_hashes  # noqa: PLC0415 - FFmpeg, see above

    places: dict[str, list[int]] = {}
    for at, (_, sha256) in enumerate(question.sent):
        places.setdefault(sha256, []).append(at)
    kept: set[int] = set()
    strangers, position = 0, 0
    for sha256 in recorded_hashes([Path(name) for name in question.files]):
        found = next((at for at in places.get(sha256, ()) if at >= position), None)
        if found is None:
            strangers += 1
            continue
        kept.add(found)
        position = found + 1
    judged = [
        at for at, (utc_ns, _) in enumerate(question.sent) if question.from_utc_ns <= utc_ns < question.until_utc_ns
    ]
    return Answer(len(judged), sum(at not in kept for at in judged), strangers)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    print(json.dumps([asdict(_compare_one(Question(**asked))) for asked in json.load(sys.stdin)]))
