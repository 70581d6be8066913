# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to the files of blends. It may take long or raise OSError, as disks do: it is run on an executor."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ...core.transfers import BlendDeleted, BlendReady, BlendsFound, unfinished
from ...pieces import shelf
from ...system.files import remove


def find(folder: Path, jobs: Iterable[str]) -> BlendsFound:
    """Which blends of these jobs are in the folder. Removes what a worker that was killed has left half-way there."""
    with contextlib.suppress(OSError):  # what can't be removed is tried again at the next start
        for part in folder.glob(unfinished(Path("*.blend")).name):
            remove(part)
    found = {}
    for job_id in jobs:
        with contextlib.suppress(OSError):
            found[job_id] = (folder / f"{job_id}.blend").stat()
    by_last_use = sorted(found, key=lambda job_id: found[job_id].st_mtime)
    return BlendsFound({job_id: found[job_id].st_size for job_id in by_last_use})


def touch(path: Path) -> None:
    """Notes for the next run that it was used now."""
    with contextlib.suppress(OSError):  # it is gone, or the disk is; nobody asks after it any more
        os.utime(path)


def look(job_id: str, path: Path) -> BlendReady:
    """Finds a blend where it was. Who looks is about to use it."""
    touch(path)
    return BlendReady(job_id, path.stat().st_size)


def delete(job_id: str, path: Path) -> BlendDeleted:
    remove(path)
    shelf.forget(path)
    return BlendDeleted(job_id)
