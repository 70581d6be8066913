# SPDX-License-Identifier: GPL-3.0-or-later
"""Transfers: what passes between a worker and where blends come from and frames go to, whatever that is."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from .errors import BlendError, UploadError
from .frame import StoredFrame

JOB_STATUSES = frozenset({"Queued", "Running", "Canceled", "Errored", "Finished"})


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
class JobStatus:
    """`status` is one of Queued, Running, Canceled, Errored, Finished; None if there was no answer to be understood."""

    job_id: str
    status: str | None


@dataclass(frozen=True, slots=True)
class FrameUploaded:
    task_id: str
    number: int


@dataclass(frozen=True, slots=True)
class FrameNotUploaded:
    task_id: str
    number: int
    error: UploadError


class Source(Protocol):
    """Where blends come from. Both methods block."""

    def fetch_blend(self, job_id: str, target: Path, /) -> BlendReady | BlendFailed: ...

    def job_status(self, job_id: str, /) -> JobStatus: ...


class Sink(Protocol):
    """Where frames go to. Blocks."""

    def upload(self, *, job_id: str, task_id: str, frame: StoredFrame) -> FrameUploaded | FrameNotUploaded: ...


def unfinished(blend: Path) -> Path:
    """Where a blend is while it is on the way."""
    return blend.with_name(f".{blend.name}.part")
