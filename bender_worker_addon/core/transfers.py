# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers: what passes between a worker and where blends come from and frames go to, whatever that is."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import BlendError, UploadError
from .frame import StoredFrame
from .tile import Tile

CANCELED = "Canceled"
JOB_STATUSES = frozenset({"Queued", "Running", CANCELED, "Errored", "Finished"})


@dataclass(frozen=True, slots=True)
class BlendReady:
    """`path`: where it is, if that is not where it was to come."""

    job_id: str
    size: int
    path: Path | None = None


@dataclass(frozen=True, slots=True)
class BlendFailed:
    job_id: str
    error: BlendError


@dataclass(frozen=True, slots=True)
class BlendsFound:
    """Of the blends of earlier runs, those that are there: size in bytes by job, the one used longest ago first. And
    the jobs of whose blends a part had come."""

    sizes: Mapping[str, int]
    begun: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class BlendGone:
    """It was kept here, and somebody has deleted it."""

    job_id: str


@dataclass(frozen=True, slots=True)
class BlendDeleted:
    """`trouble`: why it could not be, if so."""

    job_id: str
    trouble: OSError | None = None


@dataclass(frozen=True, slots=True)
class JobStatus:
    """`status` is one of Queued, Running, Canceled, Errored, Finished; None if there was no answer to be understood."""

    job_id: str
    status: str | None


@dataclass(frozen=True, slots=True)
class TilesReady:
    """Those that this task puts together."""

    task_id: str


@dataclass(frozen=True, slots=True)
class TilesFailed:
    task_id: str
    error: BlendError


@dataclass(frozen=True, slots=True)
class FrameUploaded:
    """`alone`: what was written with the frame was not taken."""

    task_id: str
    number: int
    alone: bool = False


@dataclass(frozen=True, slots=True)
class FrameNotUploaded:
    task_id: str
    number: int
    error: UploadError


class Source(Protocol):
    """Where blends come from. All methods block."""

    def fetch_blend(self, job_id: str, target: Path, /) -> BlendReady | BlendFailed: ...

    def serves(self, job_id: str, /) -> bool:
        """Whether the job's blend could be had at this moment."""

    def job_status(self, job_id: str, /) -> JobStatus: ...


class TileSource(Protocol):
    """Where tiles come from that others have rendered. Blocks."""

    def fetch_tiles(self, job_id: str, task_id: str, tiles: Mapping[Path, Tile], /) -> TilesReady | TilesFailed:
        """Each to its place, of all these a task's. What is there as it should be stays."""


class Sink(Protocol):
    """Where frames go to. Blocks. `preview`: a small JPEG of the frame, if there is one."""

    def upload(
        self, *, job_id: str, task_id: str, frame: StoredFrame, preview: bytes = b""
    ) -> FrameUploaded | FrameNotUploaded: ...


def unfinished(blend: Path) -> Path:
    """Where a blend is while it is on the way."""
    return blend.with_name(f".{blend.name}.part")
