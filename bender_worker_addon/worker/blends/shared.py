# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared blends: those of a folder the farm shares. They are used where they are and never deleted: it owns them."""

import sched
from pathlib import Path

from ...core.transfers import BlendReady
from ...system.executor import Executor
from .blends import Blends
from .jobs_folder import JobsFolder


class SharedBlends(Blends):
    def __init__(self, folder: Path, *, transfers: Executor, questions: Executor, schedule: sched.scheduler) -> None:
        self._paths: dict[str, Path] = {}
        source = JobsFolder(folder)
        super().__init__(folder, source=source, transfers=transfers, questions=questions, schedule=schedule)

    def path(self, job_id: str) -> Path:
        """Where its blend is; until it was looked for, the job's folder."""
        return self._paths.get(job_id, self._folder / job_id)

    def arrived(self, event: BlendReady) -> None:
        assert event.path is not None
        self._paths[event.job_id] = event.path
        super().arrived(event)

    def look_after(self, *, needed: set[str]) -> None:
        self._paths = {job_id: path for job_id, path in self._paths.items() if job_id in needed}
        super().look_after(needed=needed)
