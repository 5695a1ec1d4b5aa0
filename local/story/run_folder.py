"""The folder in which a run keeps everything: emptied when it begins, and held by one run at a time.

Owns emptying it, which deletes: a folder that holds anything which no run left is refused. Knows nothing of the content.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

MARK = "run.lock"
"""The file by which a folder is known as one of ours. It is locked for as long as a run goes on, and never removed."""
ADVICE = "such as make run STATE=/tmp/outerloop"


class RunFolderError(RuntimeError):
    """The folder cannot be used for a run; the text says why and what to do."""


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """The folder as an absolute path, empty, and this run's alone until the end. Raises RunFolderError."""
    place = folder.resolve()
    try:
        lock = _locked(place)
    except OSError as error:
        raise RunFolderError(
            f"{folder} cannot be used to keep what happens ({error.strerror}): name another folder, {ADVICE}"
        ) from None
    with lock:
        yield place


def _locked(place: Path) -> TextIO:
    strange = sorted(file.name for file in place.iterdir()) if place.exists() else []
    if strange and MARK not in strange:
        raise RunFolderError(
            f"{place} holds {strange[0]}, which no run left there; everything in the folder would be deleted: "
            f"remove it yourself, or name another folder, {ADVICE}"
        )
    place.mkdir(parents=True, exist_ok=True)
    lock = (place / MARK).open("a+", encoding="utf-8")
    try:
        _take(lock, place)
        _empty(place)
    except BaseException:
        lock.close()
        raise
    return lock


def _take(lock: TextIO, place: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        raise RunFolderError(
            f"another run is going on in {place} (process {lock.read().strip() or 'unknown'}): "
            f"stop it, or name another folder, {ADVICE}"
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()


def _empty(place: Path) -> None:
    for entry in place.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARK:
            entry.unlink()
