"""Where sounds lie under the state directory's sounds folder, and who may read them.

The folder is mounted into the PBX, whose own user must be able to read it: folders are 0755 and
files 0644 there, whatever the controller's umask; the state directory above keeps others out.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

SUFFIX: Final = ".ulaw"
SPOKEN: Final = "tts"
RECORDED: Final = "recorded"
SYSTEM: Final = "system"
_FOLDER_MODE: Final = 0o755
_SOUND_MODE: Final = 0o644
_BYTES_PER_MS: Final = 8
_SILENT_BYTE: Final = b"\xff"
"""Zero in G.711 µ-law."""


def ensure(sounds: Path, *parts: str) -> Path:
    """A folder under the sounds folder, made readable for the PBX."""
    folder = sounds
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(_FOLDER_MODE)
    for part in parts:
        folder /= part
        folder.mkdir(exist_ok=True)
        folder.chmod(_FOLDER_MODE)
    return folder


def join(pieces: Iterable[Path | int], target: Path) -> None:
    """Put sounds and silences (milliseconds) together into one, in place whole."""
    joined = b"".join(
        _SILENT_BYTE * (_BYTES_PER_MS * piece) if isinstance(piece, int) else piece.read_bytes()
        for piece in pieces
    )
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
        file.write(joined)
        os.fchmod(file.fileno(), _SOUND_MODE)
    Path(file.name).replace(target)


def discard_oldest(folder: Path, *, max_bytes: int) -> int:
    """Delete the sounds unused for longest until the rest fits; how many were deleted."""
    sounds = [(path, path.stat()) for path in folder.rglob(f"*{SUFFIX}")]
    sounds.sort(key=lambda entry: entry[1].st_mtime_ns)
    total = sum(stat.st_size for _, stat in sounds)
    deleted = 0
    for path, stat in sounds:
        if total <= max_bytes:
            break
        path.unlink(missing_ok=True)
        total -= stat.st_size
        deleted += 1
    return deleted
