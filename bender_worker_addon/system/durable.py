# SPDX-License-Identifier: GPL-3.0-or-later
"""Durable: files that a power cut leaves as they were or as they are to be, and never in between."""

import os
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import move, patiently, remove
from .platform import WINDOWS
from .private import keep_private

if sys.platform == "darwin":
    import fcntl

_PAUSE = 0.05  # seconds between two flushes of what is being written


def make_durable(file: Path, target: Path) -> None:
    """Moves a finished file to `target` in one step, for good."""
    patiently(lambda: _flush(file))
    move(file, target)
    make_names_durable(target.parent)


def make_names_durable(folder: Path) -> None:
    """What was made in the folder, moved into it or removed is so for good."""
    if WINDOWS:  # it has no such call on folders and needs none: NTFS journals its names
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        sync(opened)
    finally:
        os.close(opened)


@contextmanager
def on_its_way(file: Path) -> Iterator[None]:
    """What others write into the file meanwhile goes on to the disk, so that `make_durable` has little left to wait
    for."""
    over = threading.Event()

    def flush() -> None:
        with suppress(OSError):  # `make_durable` tells of it
            while not over.wait(_PAUSE):
                _flush(file)

    flushing = threading.Thread(target=flush, name="flush", daemon=True)
    flushing.start()
    try:
        yield
    finally:
        over.set()
        flushing.join()


def write_private(path: Path, text: str) -> None:
    """Writes a text file that its owner alone can read. Raises OSError, and then nothing has changed."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # which gives it mode 0600
    fresh = Path(name)
    try:
        keep_private(fresh)
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        make_durable(fresh, path)
    except OSError:
        remove(fresh)
        raise


def _flush(file: Path) -> None:
    with file.open("r+b") as opened:  # Windows flushes only what is open for writing
        sync(opened.fileno())


def sync(descriptor: int) -> None:
    """What is written into an open file is on the disk itself: on macOS fsync stops at the disk's own memory, which a
    power cut empties."""
    with suppress(OSError):  # not every disk of macOS can be asked
        if sys.platform == "darwin":
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            return
    os.fsync(descriptor)
