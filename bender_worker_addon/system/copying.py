# SPDX-License-Identifier: GPL-3.0-or-later
"""Copying a part of a file into another. Where the system can do it by itself it does: then a file system that can
share what two files hold may do so."""

import os
from io import FileIO
from typing import Any

_PIECE = 1 << 20  # bytes


def copy_range(source: FileIO, begin: int, target: FileIO, at: int, count: int) -> None:
    """Copies `count` bytes from `begin` on, or as many as there are, to `at`. Raises OSError."""
    copy: Any = getattr(os, "copy_file_range", None)  # of Linux alone
    done = 0
    try:
        while copy is not None and done < count:
            copied = copy(source.fileno(), target.fileno(), count - done, begin + done, at + done)
            if not copied:
                break
            done += copied
    except OSError:  # it can't between these two; a disk that fails fails below, too
        pass
    source.seek(begin + done)
    target.seek(at + done)
    while done < count and (piece := source.read(min(_PIECE, count - done))):
        view = memoryview(piece)
        while view:
            view = view[target.write(view) :]
        done += len(piece)
