# SPDX-License-Identifier: GPL-3.0-or-later
"""Films: one of each job whose frames somebody wants to see move, made backstage and kept beside its blend."""

import logging
import os
import threading
from dataclasses import dataclass
from pathlib import Path

from ..core.errors import FarmError
from ..core.frame import is_frame_name
from .backstage import Backstage
from .farm import Farm

log = logging.getLogger(__name__)

_FILE = "film.mp4"  # in the job's folder


@dataclass(frozen=True, slots=True)
class Film:
    """`state`: `none`, `making`, `there` or `failed`; `why` that is. One that is older than a frame counts for none."""

    state: str
    why: str = ""


class Films:
    """Any thread may ask."""

    def __init__(self, farm: Farm, backstage: Backstage) -> None:
        self._farm = farm
        self._backstage = backstage
        self._lock = threading.Lock()
        self._known: dict[str, Film] = {}  # those that are made now or have failed, by job

    def of(self, job_id: str) -> Film:
        with self._lock:
            known = self._known.get(job_id)
        return known or Film("none" if self.file(job_id) is None else "there")

    def file(self, job_id: str) -> Path | None:
        """Where it is, if there is one that is not too old."""
        file = self._file(job_id)
        made = _changed(file)
        return file if made and made >= _changed(self._farm.frames_of(job_id)) else None

    def make(self, job_id: str, *, fps: float) -> Film:
        """Begins with it, unless it is there or being made. Raises FarmError if there is nothing to make it of."""
        folder = self._farm.frames_of(job_id)
        as_of = _changed(folder)
        frames = sorted(path for path in _files(folder) if is_frame_name(path.name))
        if not frames:
            raise FarmError("there is no frame yet of which a film could be made")
        with self._lock:
            known = self._known.get(job_id)
            if known is None and self.file(job_id) is not None:
                return Film("there")
            if known is None or known.state == "failed":
                known = self._known[job_id] = Film("making")
                target = (job_id, frames, fps, as_of)
                threading.Thread(target=self._make, args=target, name="bender-film", daemon=True).start()
        return known

    def _make(self, job_id: str, frames: list[Path], fps: float, as_of: int) -> None:
        out = self._file(job_id)
        try:
            self._backstage.film(frames, out, fps=fps, scene_of=self._farm.blend(job_id))
            os.utime(out, ns=(as_of, as_of))  # what has come meanwhile is not in it
        except (FarmError, OSError) as error:
            log.warning("there is no film of job %s: %s", job_id, error)
            with self._lock:
                self._known[job_id] = Film("failed", str(error))
        else:
            with self._lock:
                del self._known[job_id]

    def _file(self, job_id: str) -> Path:
        return self._farm.jobs / job_id / _FILE


def _changed(path: Path | None) -> int:
    """When, in nanoseconds; 0 if it is not there."""
    try:
        return 0 if path is None else path.stat().st_mtime_ns
    except OSError:
        return 0


def _files(folder: Path | None) -> list[Path]:
    try:
        return [] if folder is None else [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    except OSError:
        return []
