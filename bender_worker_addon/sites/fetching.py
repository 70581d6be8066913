# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching: brings a job's frames into a folder, each proven by its size and hash, and goes on where it broke off."""

from pathlib import Path

from ..core.errors import FarmError
from ..farm.frame_files import FrameFile
from ..system import hashing
from ..system.durable import make_durable
from ..system.files import remove
from .site import Progress, Site, nobody


class Fetching:
    """`whole` are the frames that are in the folder as the farm has them; `wrong`, those that did not come as the farm
    says they are."""

    def __init__(self, farm: Site, job_id: str, folder: Path) -> None:
        self._farm = farm
        self._job = job_id
        self._folder = folder
        self.whole: set[FrameFile] = set()
        self.wrong: set[FrameFile] = set()

    def run(self, told: Progress = nobody) -> None:
        """Brings what the farm has by now. Raises FarmError; what has come stays."""
        frames = self._farm.frames(self._job)
        self.whole.intersection_update(frames)
        self.wrong.clear()
        size, done = sum(frame.size for frame in frames), 0
        try:
            if frames:
                self._folder.mkdir(parents=True, exist_ok=True)
            for frame in frames:
                self._have(frame)
                done += frame.size
                told(done, size)
        except OSError as error:
            raise FarmError(f"frames can't be stored in {self._folder}: {error.strerror or error}") from error

    def _have(self, frame: FrameFile) -> None:
        if frame in self.whole:
            return
        if _is(frame, self._folder / frame.name) or self._bring(frame):
            self.whole.add(frame)
        else:
            self.wrong.add(frame)

    def _bring(self, frame: FrameFile) -> bool:
        """What is there of it may be the beginning of what it was once: then it is brought anew."""
        part = self._folder / f".{frame.name}.part"
        for _ in range(2):
            if not part.exists() or part.stat().st_size < frame.size:
                self._farm.bring(self._job, frame, part)
            if _is(frame, part):
                make_durable(part, self._folder / frame.name)
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
