"""Counts what a camera's folder holds, through libavformat and not through our own journal."""

from __future__ import annotations

from pathlib import Path

import av


def count_files(folder: Path) -> tuple[int, int, int]:
    """(files, bytes, audio tracks) of all closed segments below ``footage/CAMERA``. Raises av's errors on a bad file."""
    files = size_bytes = audio_tracks = 0
    for path in sorted(folder.glob("[0-9]*/*.mp4")):
        with av.open(str(path)) as container:
            audio_tracks += sum(stream.type == "audio" for stream in container.streams)
        files += 1
        size_bytes += path.stat().st_size
    return files, size_bytes, audio_tracks
