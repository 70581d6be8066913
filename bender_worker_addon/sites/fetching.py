# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching: brings a job's frames and what was written with them into a folder, each file proven by its size and hash,
and goes on where it broke off."""

from pathlib import Path

from ..core.errors import FarmError
from ..farm.frame_files import FrameFile
from ..system import hashing
from ..system.disks import why_not_written
from ..system.durable import make_durable
from ..system.files import remove
from .site import Progress, Site, nobody


class Fetching:
    """`whole` are the frames that are in the folder as the farm has them, `others` what was written with them; `wrong`,
    what did not come as the farm says it is."""

    def __init__(self, farm: Site, job_id: str, folder: Path) -> None:
        self._farm = farm
        self._job = job_id
        self._folder = folder
        self.whole: set[FrameFile] = set()
        self.others: set[FrameFile] = set()
        self.wrong: set[FrameFile] = set()

    def run(self, told: Progress = nobody) -> None:
        """Brings what the farm has by now. Raises FarmError; what has come stays."""
        frames, others = self._farm.frames(self._job), self._farm.others(self._job)
        self.whole.intersection_update(frames)
        self.others.intersection_update(others)
        self.wrong.clear()
        size, done = sum(file.size for file in (*frames, *others)), 0
        try:
            for files, whole in ((frames, self.whole), (others, self.others)):
                for file in files:
                    self._have(file, whole)
                    done += file.size
                    told(done, size)
        except OSError as error:
            raise FarmError(why_not_written(self._folder, error)) from error

    def _have(self, file: FrameFile, whole: set[FrameFile]) -> None:
        if file in whole:
            return
        if _is(file, self._folder / file.name) or self._bring(file):
            whole.add(file)
        else:
            self.wrong.add(file)

    def _bring(self, file: FrameFile) -> bool:
        """What is there of it may be the beginning of what it was once: then it is brought anew."""
        place = self._folder / file.name
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f".{place.name}.part")
        for _ in range(2):
            if not part.exists() or part.stat().st_size < file.size:
                self._farm.bring(self._job, file, part)
            if _is(file, part):
                make_durable(part, place)
                return True
            remove(part)
        return False


def _is(frame: FrameFile, path: Path) -> bool:
    try:
        if path.stat().st_size != frame.size:
            return False
        with path.open("rb") as file:
            return hashing.of(file) == frame.hash
    except FileNotFoundError:
        return False
