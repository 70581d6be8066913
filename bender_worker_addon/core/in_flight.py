# SPDX-License-Identifier: GPL-3.0-or-later
"""InFlight: a task in the worker's hands, from its delivery until it is settled; and all of them together."""

import enum
from collections.abc import Iterator
from dataclasses import dataclass, field

from .deliveries import Delivery
from .frame import StoredFrame
from .task import Task
from .timings import Timings


class Stage(enum.Enum):
    CANCELED = enum.auto()  # its job was; whether it still is, is being asked
    PROVING = enum.auto()  # it was finished here before: its frames are being compared with their hashes
    FETCHING = enum.auto()  # its blend is on the way
    GATHERING = enum.auto()  # its blend is here; the tiles it is to finish are on the way
    AVOIDED = enum.auto()  # its job fails here again and again: in a moment it goes to another worker
    READY = enum.auto()  # a child may have it
    GIVEN = enum.auto()  # a child has it
    STORING = enum.auto()  # rendered; its last frames are being stored
    UPLOADING = enum.auto()  # stored; flaskbender is to have its frames
    ENDING = enum.auto()  # its outcome is decided; waits until the broker has confirmed the report of it


class Outcome(enum.Enum):
    """What becomes of the messages that brought a task."""

    ACK = "acked"
    REQUEUE = "given back"
    REJECT = "rejected"


@dataclass(slots=True, eq=False)
class InFlight:
    """`deliveries` are the messages that brought the task and are to be settled alike: none while the connection they
    came on is lost, more than one if the farm sent it twice. `redelivered`: it has been out before. `aside`: it only
    waits for something and does not count as held. `attempt` is the last one at it, what comes of an earlier one no
    longer counts; `failures` counts attempts. `started_at` is when a child began with it, `frames_begun` when with each
    frame, in seconds of the monotonic clock; `at_frame` is the one it is at, of which `part` is done, 0 to 1; `doing`:
    what Blender does while that can't be told, None before it has said anything. `stored` and `uploaded` grow frame by
    frame; `left` counts other files that the farm doesn't take. `device`: what Cycles rendered it on; `output`: what
    Blender had printed last when an attempt failed; `warnings`: what it warned of, each once."""

    task: Task
    deliveries: list[Delivery]
    redelivered: bool
    stage: Stage = Stage.FETCHING
    attempt: int | None = None
    failures: int = 0
    started_at: float | None = None
    frames_begun: dict[int, float] = field(default_factory=dict)
    at_frame: int | None = None
    part: float = 0.0
    doing: str | None = None
    stored: dict[int, StoredFrame] = field(default_factory=dict)
    uploaded: set[int] = field(default_factory=set)
    left: int = 0
    aside: bool = False
    timings: Timings = field(default_factory=Timings)
    device: str = ""
    output: str = ""
    warnings: dict[str, None] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[int, ...]:
        """Its frames that are not stored yet."""
        return tuple(frame for frame in self.task.frames if frame not in self.stored)

    def __str__(self) -> str:
        return f"task {self.task.id}"


class TasksInFlight:
    """All tasks in the worker's hands, in the order they came. May be changed while it is gone through."""

    def __init__(self) -> None:
        self._tasks: list[InFlight] = []

    def __iter__(self) -> Iterator[InFlight]:
        return iter(list(self._tasks))

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def stages(self) -> set[Stage]:
        return {held.stage for held in self._tasks}

    def add(self, held: InFlight) -> None:
        self._tasks.append(held)

    def remove(self, held: InFlight) -> None:
        """Lets a task go; one that is gone already is nothing new."""
        if held in self._tasks:
            self._tasks.remove(held)

    def has(self, held: InFlight) -> bool:
        return held in self._tasks

    def at(self, *stages: Stage) -> list[InFlight]:
        return [held for held in self._tasks if held.stage in stages]

    def of_job(self, job_id: str) -> list[InFlight]:
        return [held for held in self._tasks if held.task.job_id == job_id]

    def duplicate_of(self, task: Task) -> InFlight | None:
        """The same work, in hand already."""
        return next((held for held in self._tasks if held.task.same_work(task)), None)
