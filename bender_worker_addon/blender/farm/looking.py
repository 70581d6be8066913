# SPDX-License-Identifier: GPL-3.0-or-later
"""Looking: which frame of a job an artist looks at, and where there is a picture of it: found out, and brought from the
farm if need be, beside Blender's main thread. Nothing of it gets into her file. No bpy."""

import functools
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ...core.errors import FarmError
from ...farm import frame_list
from ...system.files import remove
from ..beside import Beside

if TYPE_CHECKING:
    from ...settings.config import WorkerConfig
    from ...sites.site import Details

_KEPT = 32  # pictures that were brought from elsewhere


@dataclass(frozen=True, slots=True)
class Looked:
    """At `frame` of `job`, if at any; `picture` is its file once that is here, `trouble` says why it isn't."""

    job: str = ""
    frame: int | None = None
    picture: Path | None = None
    trouble: str = ""


class Looking:
    """For Blender's main thread. `shown` is what a panel draws."""

    def __init__(self) -> None:
        self.shown = Looked()
        self._is_chosen = False  # else it is the frame that was finished last
        self._finding: tuple[Looked, Beside[Path]] | None = None

    def go_to(self, details: "Details", frame: int) -> None:
        """To the finished frame that is next to this one."""
        numbers = finished(details)
        if numbers:
            at = min(bisect_left(numbers, frame), len(numbers) - 1)
            self._is_chosen = True
            self._look_at(details.job.id, numbers[at])

    def step(self, details: "Details", by: int) -> None:
        """So many finished frames on, or back."""
        numbers, frame = finished(details), self.shown.frame
        if numbers and frame is not None:
            at = bisect_left(numbers, frame) + by
            self._is_chosen = True
            self._look_at(details.job.id, numbers[max(0, min(at, len(numbers) - 1))])

    def follow(self, config: "WorkerConfig", details: "Details", scratch: Path) -> bool:
        """To be called again and again while a job can be seen: takes the frame that was finished last, until another
        is chosen, and finds out what is not known. Gives whether `shown` has changed. `scratch`: the folder for what is
        brought."""
        before = self.shown
        if self._finding is not None and self._finding[1].done:
            self._found(*self._finding)
        numbers = finished(details)
        self._is_chosen = self._is_chosen and self.shown.job == details.job.id
        if not self._is_chosen and self._finding is None:
            self._look_at(details.job.id, numbers[-1] if numbers else None)
        looked = self.shown
        if looked.frame is not None and not (looked.picture or looked.trouble) and self._finding is None:
            find = partial(_picture, config, details, looked.frame, scratch)
            self._finding = looked, Beside("bender-picture", find)
        return self.shown != before

    def _look_at(self, job: str, frame: int | None) -> None:
        if (job, frame) != (self.shown.job, self.shown.frame):
            self.shown = Looked(job, frame)

    def _found(self, looked: Looked, finding: Beside[Path]) -> None:
        picture, trouble = finding.outcome()
        self._finding = None
        if looked == self.shown:
            self.shown = replace(looked, picture=picture, trouble=trouble)


def finished(details: "Details") -> tuple[int, ...]:
    """The frames of which there are pictures, ascending."""
    return _numbers(details.frames.get("Finished", ""))


@functools.lru_cache(maxsize=4)
def _numbers(frames: str) -> tuple[int, ...]:
    return tuple(sorted(frame_list.numbers_in(frames))) if frames else ()


def _picture(config: "WorkerConfig", details: "Details", frame: int, scratch: Path) -> Path:
    """Of those that were brought from elsewhere only the last are kept."""
    from ...sites.site import site

    folder = scratch / details.job.id
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with site(config) as farm:
            picture = farm.picture(details, frame, folder)
        if picture.parent == folder:
            kept = sorted(scratch.glob("*/*"), key=lambda file: file.stat().st_mtime_ns)
            for file in kept[:-_KEPT]:
                remove(file)
    except OSError as error:
        raise FarmError(f"frame {frame} can't be shown: {error.strerror or error}") from error
    return picture


looking = Looking()
