# SPDX-License-Identifier: GPL-3.0-or-later
"""Lock: a file that one process at a time can have. SQLite's exclusive lock works alike on Linux, macOS and Windows and
ends with its process, however that ends."""

import os
import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from urllib.parse import quote

from ..core.errors import FolderInUse, WorkerError


class Lock:
    """Has the file, made if missing, until `close`. Raises FolderInUse if another has it, WorkerError if it can't be
    had at all.

    The file stays when nobody has it any more: one that is removed could be had by two, who both had opened it before.
    """

    def __init__(self, path: Path) -> None:
        with ExitStack() as if_it_fails:
            try:
                self._connection = if_it_fails.enter_context(
                    closing(sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False))
                )
                self._connection.execute("BEGIN EXCLUSIVE")
            except sqlite3.Error as error:
                if _is_taken(error):
                    raise FolderInUse(f"another worker has {path.parent}") from error
                raise WorkerError(f"{path} can't be locked: {error}") from error
            if_it_fails.pop_all()

    def close(self) -> None:
        self._connection.close()


def is_locked(path: Path) -> bool:
    """Whether another process, or another part of this one, has the file. In doubt, as on a disk that doesn't answer as
    it should, it has."""
    try:
        with closing(sqlite3.connect(_if_there(path), uri=True, timeout=0, isolation_level=None)) as probe:
            probe.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error:
        return not _is_missing(path)
    return False


def _if_there(path: Path) -> str:
    """The address by which SQLite opens a file and makes none. Path.as_uri won't do: of a share, as \\\\nas\\farm, it
    makes the name of a host, which SQLite refuses, and it has no word for what begins with \\\\?\\."""
    return f"file:{quote(os.fsencode(path), safe='')}?mode=rw"


def _is_taken(error: sqlite3.Error) -> bool:
    return "locked" in str(error)


def _is_missing(path: Path) -> bool:
    """Whether its folder is there and it is not. On Windows nothing is found on a share either that is gone."""
    try:
        path.stat()
    except FileNotFoundError:
        return path.parent.is_dir()
    except OSError:
        return False
    return False
