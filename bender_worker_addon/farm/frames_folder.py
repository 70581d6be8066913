# SPDX-License-Identifier: GPL-3.0-or-later
"""FramesFolder: where the frames of a job on this machine go: where people look for them, under the job's name."""

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..core.errors import FarmError
from ..core.names import WINDOWS_OWN
from ..core.task import FOLDER
from ..system import places

_BESIDE = "render"  # beside the blend
_AMONG_VIDEOS = "Bender"
_UNFIT = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|]+')
_LONGEST = 100  # characters of a name


def base(blend: Path | None, chosen: Path | None) -> Path:
    """The folder in which a job's own is made: the one that was chosen; `render` beside the blend; or, for a file that
    was never saved or lies where nothing can be written, one among the user's videos."""
    if chosen is not None:
        return chosen
    if blend is not None and os.access(blend.parent, os.W_OK):
        return blend.parent / _BESIDE
    try:
        return places.videos_folder() / _AMONG_VIDEOS
    except RuntimeError as error:
        raise FarmError("there is no folder for the frames: save the file first, or choose one") from error


def next_free(base: Path, name: str) -> Path:
    """Where the frames of a job of this name would go: `name`, or `name_2` and so on where there is one already."""
    return next(folder for folder in _candidates(base, name) if not folder.exists())


@contextmanager
def made(base: Path, name: str) -> Iterator[Path]:
    """Makes a job's folder, its alone. If the job can't be sent after all it is removed. Raises FarmError."""
    folder = _make(base, name)
    try:
        yield folder
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def of(head: Mapping[str, Any], outpath: Path) -> Path:
    """Where the frames are of the job whose data.json this is."""
    own = head.get("data", {}).get(FOLDER)
    return Path(own) if own else outpath / head["id"]


def _make(base: Path, name: str) -> Path:
    try:
        base.mkdir(parents=True, exist_ok=True)
        for folder in _candidates(base, name):
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
    except OSError as error:
        raise FarmError(f"no folder for the frames can be made in {base}: {error.strerror}; choose another") from error
    raise AssertionError


def _candidates(base: Path, name: str) -> Iterator[Path]:
    fit = _UNFIT.sub("_", name).strip(" .")[:_LONGEST].rstrip(" .") or "untitled"
    fit = f"_{fit}" if WINDOWS_OWN.fullmatch(fit) else fit
    yield base / fit
    for number in itertools.count(2):
        yield base / f"{fit}_{number}"
