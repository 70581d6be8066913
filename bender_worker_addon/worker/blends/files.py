# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to the files of blends: a blend, `<job>.blend`, or a folder `<job>` with it and its luggage. It may take
long or raise OSError, as disks do: it is run on an executor."""

import contextlib
import os
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from ...core.luggage import LIST
from ...core.names import SAFE_ID
from ...core.tile import FOLDER
from ...core.transfers import BlendDeleted, BlendReady, BlendsFound, unfinished
from ...pieces import shelf
from ...system.files import discard_folder, remove, remove_folder
from .luggage import listed_in, size_of

_UNFINISHED = re.compile(rf"\.({SAFE_ID.pattern})(?:\.blend)?\.part", re.ASCII)


def find(folder: Path, jobs: Iterable[str]) -> BlendsFound:
    """Which blends of these jobs are in the folder, and what a worker that was killed has left half-way there."""
    begun: set[str] = set()
    with contextlib.suppress(OSError):  # what can't be removed is tried again at the next start
        parts = [_UNFINISHED.fullmatch(part.name) for part in folder.glob(unfinished(Path("*")).name)]
        begun = {part[1] for part in parts if part}
        for blend in map(shelf.blend_of, list(folder.glob(shelf.manifest_file(Path("*.blend*")).name))):
            if not blend.exists():
                shelf.forget(blend)
    sizes, used = {}, {}
    for job_id in jobs:
        with contextlib.suppress(OSError):
            found = _ready(job_id, folder)
            sizes[job_id], used[job_id] = found.size, path_of(found, folder).stat().st_mtime
    return BlendsFound({job_id: sizes[job_id] for job_id in sorted(used, key=used.__getitem__)}, frozenset(begun))


def discard_tiles(folder: Path, jobs: Iterable[str], *, but: Collection[str]) -> None:
    """Those that an earlier run has left, which may have been killed at them: of the tasks in `but` they are still
    needed."""
    for job_id in jobs:
        with contextlib.suppress(OSError):
            for place in (folder / job_id / FOLDER).iterdir():
                if place.name not in but:
                    discard_folder(place)


def touch(path: Path) -> None:
    """Notes for the next run that it was used now."""
    with contextlib.suppress(OSError):  # it is gone, or the disk is; nobody asks after it any more
        os.utime(path)


def look(job_id: str, folder: Path) -> BlendReady:
    """Finds a blend where it was. Who looks is about to use it. Raises OSError if it is not there, or not whole."""
    found = _ready(job_id, folder)
    touch(path_of(found, folder))
    return found


def give_up(job_id: str, folder: Path) -> None:
    """Removes what has come of a blend that is wanted no more."""
    part = unfinished(_alone(job_id, folder))
    remove(part)
    shelf.forget(part)
    remove_folder(unfinished(folder / job_id))


def delete(job_id: str, folder: Path) -> BlendDeleted:
    """With all that has come with it."""
    remove(_alone(job_id, folder))
    shelf.forget(_alone(job_id, folder))
    if (folder / job_id / LIST).is_file():  # else it is somebody else's
        remove_folder(folder / job_id)
    return BlendDeleted(job_id)


def path_of(ready: BlendReady, folder: Path) -> Path:
    return ready.path or _alone(ready.job_id, folder)


def _ready(job_id: str, folder: Path) -> BlendReady:
    own = folder / job_id
    if not (own / LIST).is_file():
        return BlendReady(job_id, _alone(job_id, folder).stat().st_size)
    listed = listed_in(own)
    return BlendReady(job_id, size_of(own, listed), own / listed.blend)


def _alone(job_id: str, folder: Path) -> Path:
    return folder / f"{job_id}.blend"
