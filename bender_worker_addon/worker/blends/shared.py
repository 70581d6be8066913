# SPDX-License-Identifier: GPL-3.0-or-later
"""Shared blends: those of a folder the farm shares. They are used where they are and never deleted: it owns them."""

import sched
from pathlib import Path

from ...system.executor import Executor
from .blends import Blends
from .jobs_folder import JobsFolder


class SharedBlends(Blends):
    def __init__(self, folder: Path, *, transfers: Executor, questions: Executor, schedule: sched.scheduler) -> None:
        source = JobsFolder(folder)
        super().__init__(folder, source=source, transfers=transfers, questions=questions, schedule=schedule)

    def _usual_path(self, job_id: str) -> Path:
        """Until it was looked for, the job's folder."""
        return self._folder / job_id
