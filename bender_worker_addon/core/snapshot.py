# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot: what a worker is doing, as people are shown it. Frozen: a panel draws it, never the worker itself."""

import dataclasses
import enum
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class State(enum.Enum):
    STOPPED = "Stopped"
    CONNECTING = "Connecting"
    WAITING = "Waiting"
    DOWNLOADING = "Downloading"
    RENDERING = "Rendering"
    FINISHING = "Finishing"
    PAUSED = "Paused"
    OFFLINE = "Offline"
    PROBLEM = "Problem"


@dataclass(frozen=True, slots=True)
class TaskInHand:
    """The task being rendered, of the job that people call `job`: its `position`th of `total` frames, `number` by the
    scene's count. `part` is how much of the whole task is done, 0 to 1; `doing`, what Blender does while that can't be
    told. `elapsed` and `left` are whole seconds; `left` is None while nobody can tell."""

    job_id: str
    number: int
    position: int
    total: int
    part: float
    elapsed: int
    left: int | None
    job: str = ""
    doing: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`detail` says more of `state`: what is wrong and what to do, or when it is tried again. `frames` and `failures`
    count since the worker was started, `an_hour` is its speed in frames over the last ten minutes; `free_disk` in GB;
    both None if not known yet. `uploading` tasks are done but for their upload."""

    state: State
    detail: str = ""
    task: TaskInHand | None = None
    next_job_id: str = ""
    next_job: str = ""
    last_frame: Path | None = None
    frames: int = 0
    failures: int = 0
    an_hour: int | None = None
    free_disk: float | None = None
    uploading: int = 0

    def as_json(self) -> dict[str, Any]:
        """The same in what JSON knows."""
        told = dataclasses.asdict(self)
        return told | {"state": self.state.value, "last_frame": self.last_frame and str(self.last_frame)}


STOPPED = Snapshot(State.STOPPED)
