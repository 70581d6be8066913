# SPDX-License-Identifier: GPL-3.0-or-later
"""InFlight: a task in the worker's hands, from its delivery until it is settled."""

import enum
from dataclasses import dataclass, field

from .deliveries import Delivery
from .frame import StoredFrame
from .task import Task
from .timings import Timings


class Stage(enum.Enum):
    CANCELED = enum.auto()  # its job was; whether it still is, is being asked
    PROVING = enum.auto()  # it was finished here before: its frames are being compared with their hashes
    FETCHING = enum.auto()  # its blend is on the way
    AVOIDED = enum.auto()  # its job fails here again and again: in a moment it goes to another worker
    READY = enum.auto()  # a child may have it
    GIVEN = enum.auto()  # a child has it
    STORING = enum.auto()  # rendered; its last frames are being stored
    UPLOADING = enum.auto()  # stored; flaskbender is to have its frames
    ENDING = enum.auto()  # decided; waits until the broker has confirmed the report of it


class Ending(enum.Enum):
    ACK = "acked"
    REQUEUE = "given back"
    REJECT = "rejected"


@dataclass(slots=True, eq=False)
class InFlight:
    """`deliveries` are the messages that brought the task and are to be settled alike: none while the connection they
    came on is lost, more than one if the farm sent it twice. `stored` and `uploaded` grow frame by frame.
    `device`: what Cycles rendered it on."""

    task: Task
    deliveries: list[Delivery]
    been_round: bool
    stage: Stage = Stage.FETCHING
    failures: int = 0
    begun: float | None = None
    stored: dict[int, StoredFrame] = field(default_factory=dict)
    uploaded: set[int] = field(default_factory=set)
    timings: Timings = field(default_factory=Timings)
    device: str = ""

    @property
    def missing(self) -> tuple[int, ...]:
        """Its frames that are not stored yet."""
        return tuple(frame for frame in self.task.frames if frame not in self.stored)

    def __str__(self) -> str:
        return f"task {self.task.id}"
