# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that other programs have open for a moment: virus scanners, indexers, viewers. Until they let go, Windows
neither moves nor removes such a file; here that is waited for, and everywhere else in the worker done by this."""

import errno
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from .platform import WINDOWS

_T = TypeVar("_T")

_PATIENCE = 2.0  # seconds
_AGAIN_FIRST, _AGAIN_LAST = 0.01, 0.2  # seconds until it is tried again


def patiently(work: Callable[[], _T]) -> _T:
    """What `work` gives. On Windows it is tried again for two seconds while it raises PermissionError."""
    until, pause = time.monotonic() + _PATIENCE, _AGAIN_FIRST
    while True:
        try:
            return work()
        except PermissionError:
            if not WINDOWS or time.monotonic() >= until:
                raise
        time.sleep(pause)
        pause = min(2 * pause, _AGAIN_LAST)


def move(source: Path, target: Path) -> None:
    """Moves a file or a folder to another place on the same disk; a file that is there is replaced."""
    patiently(lambda: source.replace(target))


def remove(file: Path) -> None:
    """Removes a file if it is there."""
    patiently(lambda: _remove(file))


def remove_folder(folder: Path) -> None:
    """Removes a folder, if it is there, with all that is in it. Raises OSError for what can't be removed, when all
    else is."""
    patiently(lambda: _remove_folder(folder))


def discard_folder(folder: Path) -> None:
    """The same for who can't help what stays."""
    with suppress(OSError):
        remove_folder(folder)


def _remove(file: Path) -> None:
    try:
        file.unlink(missing_ok=True)
    except OSError as error:
        if error.errno != errno.EROFS or os.path.lexists(file):  # said of a file that isn't there, too
            raise


def _remove_folder(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(FileNotFoundError):
        if folder.exists():
            shutil.rmtree(folder)
