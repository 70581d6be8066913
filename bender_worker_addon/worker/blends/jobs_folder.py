# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs folder: blends and job statuses from a folder the farm shares, a folder a job with its `data.json` in it. What
Flaskbender is for workers anywhere; its methods block and give the same events, and are run on a Executor."""

import errno
import json
import os
from pathlib import Path, PureWindowsPath
from typing import Any

from ...core.errors import BlendError, Remedy
from ...core.job import CANCELED, DATA_JSON
from ...core.transfers import JOB_STATUSES, BlendFailed, BlendReady, JobStatus
from ...system.folders import goes_by_another_name
from .blend_file import check_blend

_OF_A_FILE = frozenset(
    {errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG}
)
"""Errors that may be one file's alone; others are the disk's, or those of the way there (ESTALE, EIO)."""


class JobsFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def fetch_blend(self, job_id: str, _target: Path) -> BlendReady | BlendFailed:
        """Finds the job's blend and proves that it is one. It stays where it is."""
        try:
            blend = self._blend(job_id)
            check_blend(blend)
            return BlendReady(job_id, blend.stat().st_size, blend)
        except BlendError as error:
            return BlendFailed(job_id, error)
        except OSError as error:
            return BlendFailed(job_id, self._in_words(error, job_id))

    def serves(self, job_id: str) -> bool:
        """Whether the job's blend could be had now."""
        return isinstance(self.fetch_blend(job_id, self._folder), BlendReady)

    def job_status(self, job_id: str) -> JobStatus:
        """What the farm says of the job; nothing if its file is missing, or just being written."""
        try:
            if (self._folder / job_id / CANCELED).exists():
                return JobStatus(job_id, "Canceled")
            status = self._data(job_id).get("status")
        except (OSError, BlendError):
            return JobStatus(job_id, None)
        job = status.get("Job") if isinstance(status, dict) else None
        return JobStatus(job_id, job if isinstance(job, str) and job in JOB_STATUSES else None)

    def _blend(self, job_id: str) -> Path:
        """By its name in the job's folder: the path in `data.json` is that of the machine that wrote it."""
        paths = self._data(job_id).get("paths")
        named = paths.get("blend") if isinstance(paths, dict) else None
        name = PureWindowsPath(named).name if isinstance(named, str) else ""
        if not name.lower().endswith(".blend") or not name.isprintable():
            text = f"{self._folder / job_id / DATA_JSON} names no blend in paths.blend"
            raise BlendError(text, Remedy.NONE)
        return self._folder / job_id / name

    def _data(self, job_id: str) -> dict[str, Any]:
        path = self._folder / job_id / DATA_JSON
        if goes_by_another_name(path.parent):
            text = f"{path.parent} is the folder of another job, whose id differs in capital letters only"
            raise BlendError(text, Remedy.NONE)
        try:
            data = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise BlendError(f"{path} can't be read; is it just being written?", Remedy.RETRY) from error
        if not isinstance(data, dict):
            raise BlendError(f"{path} is no job's, it holds {type(data).__name__}", Remedy.NONE)
        return data

    def _in_words(self, error: OSError, job_id: str) -> BlendError:
        """A disk that can't be read is waited for; a file that can't be may be another worker's to read."""
        text = f"{error.filename or self._folder / job_id} can't be read: {error.strerror or error}"
        if not self._can_be_listed():
            return BlendError(f"{text}; is the disk with {self._folder} there?", Remedy.WAIT)
        return BlendError(text, Remedy.RETRY if error.errno in _OF_A_FILE else Remedy.WAIT)

    def _can_be_listed(self) -> bool:
        try:
            with os.scandir(self._folder) as jobs:
                next(jobs, None)
        except OSError:
            return False
        return True
