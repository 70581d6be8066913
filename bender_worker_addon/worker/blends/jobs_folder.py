# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs folder: blends and job statuses from a folder the farm shares, a folder a job with its `data.json` in it. What
Flaskbender is for workers anywhere; its methods block and give the same events, and are run on a Executor."""

import json
from pathlib import Path, PureWindowsPath
from typing import Any

from ...core.errors import BlendError
from ...core.job import CANCELED, DATA_JSON
from ...core.transfers import JOB_STATUSES, BlendFailed, BlendReady, JobStatus
from .blend_file import check_blend


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
            return BlendFailed(job_id, BlendError(_in_words(error), again=True, elsewhere=True))

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
        if not name.lower().endswith(".blend"):
            raise BlendError(f"{self._folder / job_id / DATA_JSON} names no blend in paths.blend")
        return self._folder / job_id / name

    def _data(self, job_id: str) -> dict[str, Any]:
        path = self._folder / job_id / DATA_JSON
        try:
            data = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise BlendError(f"{path} can't be read; is it just being written?", again=True, elsewhere=True) from error
        if not isinstance(data, dict):
            raise BlendError(f"{path} is no job's, it holds {type(data).__name__}")
        return data


def _in_words(error: OSError) -> str:
    return f"{error.filename or 'the blend'} can't be read: {error.strerror or error}"
